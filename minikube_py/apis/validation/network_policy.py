"""Rules of network policies.

Source: pkg/apis/networking/validation/validation.go
"""

from __future__ import annotations

from collections.abc import Collection

from .. import addresses, syntax
from ..networking_v1 import IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort
from .causes import Causes, forbidden, invalid, not_supported, required
from .common import label_selector, matches, port
from .ratcheting import legacy_cidr
from .rules import KindRules, Rules

_PROTOCOLS = ("TCP", "UDP", "SCTP")
_TYPES = ("Ingress", "Egress")


def network_policy(causes: Causes, obj: NetworkPolicy) -> None:
    _spec(causes, obj, (), strict_selectors=True)


def update_network_policy(causes: Causes, new: NetworkPolicy, old: NetworkPolicy) -> None:
    """Networks of the old policy are let through as they are, wherever they stand in the new one."""
    peers = [*(peer for rule in old.spec.ingress for peer in rule.from_), *(peer for rule in old.spec.egress for peer in rule.to)]
    known = {text for peer in peers if peer.ip_block is not None for text in (peer.ip_block.cidr, *peer.ip_block.except_)}
    was_wrong: Causes = []
    label_selector(was_wrong, "", old.spec.pod_selector)
    _spec(causes, new, known, strict_selectors=not was_wrong)


def _spec(causes: Causes, obj: NetworkPolicy, known: Collection[str], *, strict_selectors: bool) -> None:
    spec = obj.spec
    label_selector(causes, "spec.podSelector", spec.pod_selector, strict_values=strict_selectors)
    for index, incoming in enumerate(spec.ingress):
        for number, item in enumerate(incoming.ports):
            _port(causes, f"spec.ingress[{index}].ports[{number}]", item)
        for number, peer in enumerate(incoming.from_):
            _peer(causes, f"spec.ingress[{index}].from[{number}]", peer, known, strict_selectors=strict_selectors)
    for index, outgoing in enumerate(spec.egress):
        for number, item in enumerate(outgoing.ports):
            _port(causes, f"spec.egress[{index}].ports[{number}]", item)
        for number, peer in enumerate(outgoing.to):
            _peer(causes, f"spec.egress[{index}].to[{number}]", peer, known, strict_selectors=strict_selectors)
    if len(spec.policy_types) > len(_TYPES):
        causes.append(invalid("spec.policyTypes", spec.policy_types, "may not specify more than two policyTypes"))
        return
    for index, kind in enumerate(spec.policy_types):
        if kind not in _TYPES:
            causes.append(not_supported(f"spec.policyTypes[{index}]", kind, _TYPES))


def _port(causes: Causes, path: str, item: NetworkPolicyPort) -> None:
    if item.protocol is not None and item.protocol not in _PROTOCOLS:
        causes.append(not_supported(f"{path}.protocol", item.protocol, _PROTOCOLS))
    number, end = item.port, item.end_port
    if number is None:
        if end is not None:
            causes.append(invalid(f"{path}.endPort", end, "may not be specified when `port` is not specified"))
    elif isinstance(number, str):
        if end is not None:
            causes.append(invalid(f"{path}.endPort", end, "may not be specified when `port` is non-numeric"))
        matches(causes, f"{path}.port", number, syntax.port_name)
    else:
        port(causes, f"{path}.port", number)
        if end is not None:
            if end < number:
                causes.append(invalid(f"{path}.endPort", end, "must be greater than or equal to `port`"))
            port(causes, f"{path}.endPort", end)


def _peer(causes: Causes, path: str, peer: NetworkPolicyPeer, known: Collection[str], *, strict_selectors: bool) -> None:
    label_selector(causes, f"{path}.podSelector", peer.pod_selector, strict_values=strict_selectors)
    label_selector(causes, f"{path}.namespaceSelector", peer.namespace_selector, strict_values=strict_selectors)
    selected = peer.pod_selector is not None or peer.namespace_selector is not None
    if peer.ip_block is not None:
        _block(causes, f"{path}.ipBlock", peer.ip_block, known)
        if selected:
            causes.append(forbidden(path, "may not specify both ipBlock and another peer"))
    elif not selected:
        causes.append(required(path, "must specify a peer"))


def _block(causes: Causes, path: str, block: IPBlock, known: Collection[str]) -> None:
    if not block.cidr:
        causes.append(required(f"{path}.cidr"))
        return
    legacy_cidr(causes, f"{path}.cidr", block.cidr, known)
    outer = addresses.sloppy_interface(block.cidr)
    if outer is None:
        return
    for index, text in enumerate(block.except_):
        where = f"{path}.except[{index}]"
        legacy_cidr(causes, where, text, known)
        inner = addresses.sloppy_interface(text)
        if inner is not None and (inner.network.network_address not in outer.network or
                                  outer.network.prefixlen >= inner.network.prefixlen):
            causes.append(invalid(where, text, "must be a strict subset of `cidr`"))


RULES: Rules = {NetworkPolicy: KindRules(network_policy, update_network_policy)}
