"""Warnings about ingresses and network policies.

Source: pkg/registry/networking/{ingress,networkpolicy}/strategy.go
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..addresses import warnings_for_cidr, warnings_for_ip
from ..networking_v1 import Ingress, IPBlock, NetworkPolicy
from .tables import OnCreate, OnUpdate

_CLASS = "kubernetes.io/ingress.class"


def ingress(obj: Ingress) -> list[str]:
    """A class that is named as before there was a field for it."""
    if _CLASS in obj.metadata.annotations and obj.spec.ingress_class_name is None:
        return [f"annotation \"{_CLASS}\" is deprecated, please use 'spec.ingressClassName' instead"]
    return []


def ingress_status(new: Ingress, old: Ingress) -> list[str]:
    """Addresses of the load balancer that are written unusually."""
    balancers = new.status.load_balancer.ingress
    return [text for index, entry in enumerate(balancers) if entry.ip
            for text in warnings_for_ip(f"status.loadBalancer.ingress[{index}]", entry.ip)]


def network_policy(obj: NetworkPolicy) -> list[str]:
    """Networks that are written unusually."""
    return [text for path, block in _blocks(obj) for text in _block_warnings(path, block)]


def _blocks(obj: NetworkPolicy) -> Iterator[tuple[str, IPBlock]]:
    sides: Iterable[tuple[str, list[list[IPBlock | None]]]] = (
        ("spec.ingress[{}].from[{}].ipBlock", [[peer.ip_block for peer in rule.from_] for rule in obj.spec.ingress]),
        ("spec.egress[{}].to[{}].ipBlock", [[peer.ip_block for peer in rule.to] for rule in obj.spec.egress]),
    )
    for path, rules in sides:
        for index, blocks in enumerate(rules):
            for number, block in enumerate(blocks):
                if block is not None:
                    yield path.format(index, number), block


def _block_warnings(path: str, block: IPBlock) -> list[str]:
    texts = warnings_for_cidr(f"{path}.cidr", block.cidr)
    for index, text in enumerate(block.except_):
        texts += warnings_for_cidr(f"{path}.except[{index}]", text)
    return texts


CREATE: OnCreate = {Ingress: ingress, NetworkPolicy: network_policy}
UPDATE: OnUpdate = {
    (Ingress, "status"): ingress_status,
    (NetworkPolicy, ""): lambda new, old: network_policy(new),
}
