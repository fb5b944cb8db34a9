"""Strategy of endpoint slices.

Source: pkg/registry/discovery/endpointslice/strategy.go
"""

from __future__ import annotations

from typing import Any

from minikube_py.apis.discovery_v1 import EndpointSlice
from minikube_py.apis.syntax import dns_subdomain

from ..context import Context
from ..strategy import Strategy

_HOSTNAME = "kubernetes.io/hostname"


class EndpointSliceStrategy(Strategy):
    """The generation follows the labels, too. The topology of before version 1 is not for clients of version 1."""

    generation = True
    status = False

    def prepare_create(self, obj: EndpointSlice, context: Context) -> None:
        super().prepare_create(obj, context)
        _drop_topology(obj, frozenset())

    def prepare_update(self, new: EndpointSlice, old: EndpointSlice, context: Context) -> None:
        super().prepare_update(new, old, context)
        if new.endpoints != old.endpoints:
            known = (endpoint.deprecated_topology.get(_HOSTNAME, "") for endpoint in old.endpoints or ())
            _drop_topology(new, frozenset(filter(None, known)))

    def desired(self, obj: EndpointSlice) -> tuple[Any, ...]:
        return obj.address_type, obj.endpoints, obj.ports, obj.metadata.labels


def _drop_topology(obj: EndpointSlice, nodes: frozenset[str]) -> None:
    """Clear the topology; the name of a node that the slice had there before moves to its field."""
    for endpoint in obj.endpoints or ():
        node = endpoint.deprecated_topology.get(_HOSTNAME, "")
        if endpoint.node_name is None and node in nodes and not dns_subdomain(node):
            endpoint.node_name = node
        endpoint.deprecated_topology = {}
