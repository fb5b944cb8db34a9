"""Defaults of network policies, ingress classes and endpoint slices.

Source: pkg/apis/networking/v1/defaults.go, pkg/apis/discovery/v1/defaults.go
"""

from __future__ import annotations

from ..discovery_v1 import EndpointSlice
from ..networking_v1 import IngressClass, NetworkPolicy
from .table import Defaults


def set_network_policy(policy: NetworkPolicy) -> None:
    spec = policy.spec
    for ports in [*(rule.ports for rule in spec.ingress), *(rule.ports for rule in spec.egress)]:
        for port in ports:
            if port.protocol is None:
                port.protocol = "TCP"
    if not spec.policy_types:
        spec.policy_types = ["Ingress", "Egress"] if spec.egress else ["Ingress"]


def set_ingress_class(ingress_class: IngressClass) -> None:
    parameters = ingress_class.spec.parameters
    if parameters is not None and parameters.scope is None:
        parameters.scope = "Cluster"


def set_endpoint_slice(endpoint_slice: EndpointSlice) -> None:
    endpoint_slice.endpoints = endpoint_slice.endpoints or None
    endpoint_slice.ports = endpoint_slice.ports or None
    for port in endpoint_slice.ports or ():
        if port.name is None:
            port.name = ""
        if port.protocol is None:
            port.protocol = "TCP"


DEFAULTS: Defaults = {
    NetworkPolicy: set_network_policy, IngressClass: set_ingress_class, EndpointSlice: set_endpoint_slice,
}
