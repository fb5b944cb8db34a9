"""Warnings about nodes, quotas, service accounts and secrets.

Source: pkg/registry/core/{node,resourcequota,serviceaccount,secret}/strategy.go
"""

from __future__ import annotations

from ..addresses import warnings_for_cidr
from ..core_v1 import Node, ResourceQuota, Secret, ServiceAccount
from ..quantity import canonical, compare
from .tables import OnCreate, OnUpdate

_MOUNTABLE_SECRETS = "kubernetes.io/enforce-mountable-secrets"
_COMPUTE, _WITH_LIMITS = ("cpu", "memory"), ("cpu", "memory", "storage", "ephemeral-storage")


def node(obj: Node) -> list[str]:
    texts = []
    if obj.spec.config_source is not None:
        texts.append("spec.configSource: the feature is removed")
    if obj.spec.external_id:
        texts.append("spec.externalID: this field is deprecated, and is unused by Kubernetes")
    return texts + [text for index, cidr in enumerate(obj.spec.pod_cidrs) for text in warnings_for_cidr(f"spec.podCIDRs[{index}]", cidr)]


def quota(obj: ResourceQuota) -> list[str]:
    """Requests that may be more than limits; a bare name is that of requests where both are limited."""
    hard, texts = obj.spec.hard, []
    for name in _WITH_LIMITS:
        request, limit = f"requests.{name}", f"limits.{name}"
        if request not in hard and name in _COMPUTE:
            request = name
        if request in hard and limit in hard and compare(hard[request], hard[limit]) > 0:
            texts.append(f"ResourceQuota {request} ({canonical(hard[request])}) should be less than {limit} ({canonical(hard[limit])})")
    return texts


def service_account(obj: ServiceAccount, old: ServiceAccount | None = None) -> list[str]:
    if _MOUNTABLE_SECRETS not in obj.metadata.annotations or (old is not None and _MOUNTABLE_SECRETS in old.metadata.annotations):
        return []
    return [f"metadata.annotations[{_MOUNTABLE_SECRETS}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted "
            "secrets"]


def secret(obj: Secret) -> list[str]:
    """A certificate and a key that do not belong together."""
    if obj.type != "kubernetes.io/tls":
        return []
    from .key_pairs import mismatch

    complaint = mismatch(obj.data.get("tls.crt", b""), obj.data.get("tls.key", b""))
    return [complaint] if complaint else []


CREATE: OnCreate = {Node: node, ResourceQuota: quota, ServiceAccount: service_account, Secret: secret}
UPDATE: OnUpdate = {
    (Node, ""): lambda new, old: node(new),
    (ServiceAccount, ""): service_account,
    (Secret, ""): lambda new, old: secret(new),
}
