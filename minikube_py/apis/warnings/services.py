"""Warnings about services, endpoints and endpoint slices: addresses that are written unusually, and fields that mean nothing together.

Source: pkg/api/service/warnings.go, pkg/registry/core/{service,endpoint}/strategy.go, pkg/registry/discovery/endpointslice/strategy.go
"""

from __future__ import annotations

from ..addresses import warnings_for_cidr, warnings_for_ip
from ..core_v1 import Endpoints, Service
from ..discovery_v1 import EndpointSlice
from .tables import OnCreate, OnUpdate

_HINTS, _MODE = "service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode"
_ENDPOINTS_MANAGER = ("endpoints.kubernetes.io/managed-by", "endpoint-controller")
_SLICE_MANAGER = "endpointslice.kubernetes.io/managed-by"
_SLICE_MANAGERS = ("endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io")


def service(obj: Service) -> list[str]:
    spec = obj.spec
    external_name = spec.type == "ExternalName"
    headless = spec.type == "ClusterIP" and spec.cluster_ip == "None"
    texts = [f"annotation {_HINTS} is deprecated, please use {_MODE} instead"] if _HINTS in obj.metadata.annotations else []
    if spec.cluster_ip not in ("", "None"):
        texts += _addresses("spec.clusterIPs", spec.cluster_ips)
    if headless:
        if spec.load_balancer_ip:
            texts.append("spec.loadBalancerIP is ignored for headless services")
        if spec.external_ips:
            texts.append("spec.externalIPs is ignored for headless services")
        if spec.session_affinity != "None":
            texts.append("spec.SessionAffinity is ignored for headless services")
    texts += _addresses("spec.externalIPs", spec.external_ips)
    if spec.external_ips and not headless and not external_name:
        texts.append("spec.externalIPs is deprecated and may no longer be implemented in some clusters")
    if spec.load_balancer_ip:
        texts += warnings_for_ip("spec.loadBalancerIP", spec.load_balancer_ip)
    texts += [text for index, cidr in enumerate(spec.load_balancer_source_ranges)
              for text in warnings_for_cidr(f"spec.loadBalancerSourceRanges[{index}]", cidr)]
    if external_name and spec.external_ips:
        texts.append('spec.externalIPs is ignored when spec.type is "ExternalName"')
    if not external_name and spec.external_name:
        texts.append('spec.externalName is ignored when spec.type is not "ExternalName"')
    if spec.traffic_distribution == "PreferClose":
        texts.append('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"')
    return texts


def service_status(new: Service, old: Service) -> list[str]:
    balancer = new.status.load_balancer
    return _addresses("status.loadBalancer.ingress", [point.ip for point in balancer.ingress] if balancer is not None else [])


def _addresses(path: str, addresses: list[str]) -> list[str]:
    return [text for index, address in enumerate(addresses) for text in warnings_for_ip(f"{path}[{index}]", address)]


def endpoints(obj: Endpoints) -> list[str]:
    """What the controller of endpoints writes it knows how to write."""
    label, manager = _ENDPOINTS_MANAGER
    if obj.metadata.labels.get(label) == manager:
        return []
    return [
        text for index, subset in enumerate(obj.subsets)
        for wire, addresses in (("addresses", subset.addresses), ("notReadyAddresses", subset.not_ready_addresses))
        for number, address in enumerate(addresses) for text in warnings_for_ip(f"subsets[{index}].{wire}[{number}].ip", address.ip)
    ]


def endpoint_slice(obj: EndpointSlice) -> list[str]:
    texts = ["spec.addressType: FQDN endpoints are deprecated"] if obj.address_type == "FQDN" else []
    return texts + endpoint_slice_addresses(obj)


def endpoint_slice_addresses(obj: EndpointSlice) -> list[str]:
    """What the controllers of slices write they know how to write."""
    if obj.metadata.labels.get(_SLICE_MANAGER) in _SLICE_MANAGERS:
        return []
    return [text for index, endpoint in enumerate(obj.endpoints or ())
            for text in _addresses(f"endpoints[{index}].addresses", endpoint.addresses)]


CREATE: OnCreate = {Service: service, Endpoints: endpoints, EndpointSlice: endpoint_slice}
UPDATE: OnUpdate = {
    (Service, ""): lambda new, old: service(new),
    (Service, "status"): service_status,
    (Endpoints, ""): lambda new, old: endpoints(new),
    (EndpointSlice, ""): lambda new, old: endpoint_slice_addresses(new),
}
