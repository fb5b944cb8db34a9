"""Labels of its own Node that a node may set. Others in Kubernetes' domains draw work to it, and are for administrators.

Source: k8s.io/kubelet/pkg/apis/well_known_labels.go, plugin/pkg/admission/noderestriction/admission.go
"""

from __future__ import annotations

_ALLOWED = frozenset({
    "kubernetes.io/hostname", "topology.kubernetes.io/zone", "topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region", "beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type", "kubernetes.io/os",
    "kubernetes.io/arch", "beta.kubernetes.io/os", "beta.kubernetes.io/arch",
})
_ALLOWED_DOMAINS = ("kubelet.kubernetes.io", "node.kubernetes.io")
_RESTRICTED_DOMAIN = "node-restriction.kubernetes.io"


def may_label(key: str) -> bool:
    """Whether a node may set, change and remove a label of its own."""
    domain = key.partition("/")[0] if "/" in key else ""
    if _within(domain, _RESTRICTED_DOMAIN):
        return False
    if not _within(domain, "kubernetes.io") and not _within(domain, "k8s.io"):
        return True
    return key in _ALLOWED or any(_within(domain, allowed) for allowed in _ALLOWED_DOMAINS)


def _within(domain: str, other: str) -> bool:
    return domain == other or domain.endswith(f".{other}")
