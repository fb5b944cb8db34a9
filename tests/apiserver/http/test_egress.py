"""Whose tunnel leads to an address: that of the node that has its range, whatever others say of themselves."""

from __future__ import annotations

from typing import Any, cast

import pytest

from minikube_py.apis.core_v1 import Node, NodeAddress, NodeSpec, NodeStatus
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apiserver.http.egress import Egress
from minikube_py.apiserver.http.tunnels import Tunnels


class OpenTunnels:
    """Each node but those "far" has a tunnel, which is known by its name."""

    mode = "pod"

    def find(self, node_name: str) -> str | None:
        return None if node_name == "far" else node_name


def node(name: str, cidr: str, *addresses: str) -> Node:
    status = NodeStatus(addresses=[NodeAddress(type="InternalIP", address=address) for address in addresses])
    return Node(metadata=ObjectMeta(name=name), spec=NodeSpec(pod_cidr=cidr, pod_cidrs=[cidr]), status=status)


NODES = [
    node("liar", "10.42.9.0/24", "192.0.2.9", "10.42.1.7", "10.42.2.7"), node("near", "10.42.1.0/24", "192.0.2.1"),
    node("far", "10.42.2.0/24", "192.0.2.2"),
]


@pytest.mark.parametrize(("host", "tunnel"), [
    ("10.42.1.7", "near"), ("192.0.2.1", "near"), ("10.42.9.1", "liar"), ("10.42.2.7", None), ("192.0.2.2", None), ("198.51.100.1", None),
    ("example.com", None), ("", None),
])
def test_an_address_is_the_nodes_that_has_its_range(host: str, tunnel: Any) -> None:
    assert Egress(lambda: NODES, cast(Tunnels, OpenTunnels())).tunnel_to(host) == tunnel
