"""The address families of a service, and their policy: what a client left out is found here, what the cluster has not is refused.

The cluster has one family, that of its range of cluster IPs.
Source: pkg/registry/core/service/storage/alloc.go (initIPFamilyFields)
"""

from __future__ import annotations

from minikube_py.apis.addresses import is_ipv6
from minikube_py.apis.core_v1 import ServiceSpec
from minikube_py.apis.validation.causes import Causes, invalid
from minikube_py.apis.validation.services import families
from minikube_py.core.errors import Cause

SINGLE, PREFER, REQUIRE = "SingleStack", "PreferDualStack", "RequireDualStack"
_OTHER = {"IPv4": "IPv6", "IPv6": "IPv4"}
_POLICY = "spec.ipFamilyPolicy"


def settle_families(spec: ServiceSpec, known: ServiceSpec | None, configured: str) -> list[Cause]:
    """Fill in families and policy of a service, in place.

    Args:
        known: how the service was before; None for a new one.
        configured: the family that the cluster has.
    """
    if spec.type == "ExternalName" or (known is not None and _prefers_as_before(spec, known)):
        return []
    has_no_endpoints_of_its_own = spec.cluster_ip == "None" and not spec.selector
    if spec.ip_family_policy is None:
        before = known.ip_family_policy if known is not None else None
        spec.ip_family_policy = before or (REQUIRE if has_no_endpoints_of_its_own else SINGLE)
    causes: list[Cause] = []
    families(causes, spec, known)
    if causes:
        return causes
    if known is not None:
        _reduce(causes, spec, known)
    _agree_with_policy(causes, spec)
    _infer(causes, spec, configured)
    if causes:
        return causes
    if has_no_endpoints_of_its_own:
        # Whoever names its endpoints may name them of any family.
        spec.ip_families = spec.ip_families or [configured]
        if len(spec.ip_families) < 2 and spec.ip_family_policy != SINGLE:
            spec.ip_families = [*spec.ip_families, _OTHER[spec.ip_families[0]]]
        return []
    if spec.ip_family_policy == REQUIRE:
        causes.append(invalid(_POLICY, REQUIRE, "this cluster is not configured for dual-stack services"))
    for index, family in enumerate(spec.ip_families):
        if family != configured:
            causes.append(invalid(f"spec.ipFamilies[{index}]", family, "not configured on this cluster"))
    if not causes:
        spec.ip_families = spec.ip_families or [configured]
    return causes


def _prefers_as_before(spec: ServiceSpec, known: ServiceSpec) -> bool:
    """Whether a service that takes what the cluster has stays as it is, even if the cluster has other families now."""
    return spec.ip_family_policy == PREFER and known.ip_family_policy in (PREFER, None) and spec.type == known.type and \
        (spec.cluster_ips, spec.ip_families) == (known.cluster_ips, known.ip_families)


def _reduce(causes: Causes, spec: ServiceSpec, known: ServiceSpec) -> None:
    """Let go of the second family: by the policy alone, or together with it."""
    if spec.ip_family_policy == SINGLE:
        if spec.cluster_ips == known.cluster_ips:
            spec.cluster_ips = spec.cluster_ips[:1]
        if spec.ip_families == known.ip_families:
            spec.ip_families = spec.ip_families[:1]
        return
    for one, other, what in ((spec.cluster_ips, known.cluster_ips, "cluster IP"), (spec.ip_families, known.ip_families, "IP family")):
        if 0 < len(one) < len(other):
            causes.append(invalid(_POLICY, spec.ip_family_policy, f"must be 'SingleStack' to release the secondary {what}"))


def _agree_with_policy(causes: Causes, spec: ServiceSpec) -> None:
    for values, what in ((spec.cluster_ips, "cluster IPs"), (spec.ip_families, "IP families")):
        if spec.ip_family_policy == SINGLE and len(values) == 2:
            causes.append(invalid(_POLICY, SINGLE, f"must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified"))


def _infer(causes: Causes, spec: ServiceSpec, configured: str) -> None:
    """Let addresses that a client chose say their families."""
    for index, address in enumerate(spec.cluster_ips):
        if address == "None":
            return
        if index < len(spec.ip_families):
            continue
        family = "IPv6" if is_ipv6(address) else "IPv4"
        if family == configured:
            spec.ip_families = [*spec.ip_families, family]
        else:
            causes.append(invalid(f"spec.clusterIPs[{index}]", spec.cluster_ips, f"{family} is not configured on this cluster"))
