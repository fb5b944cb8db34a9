"""The fixed part of the proxy's table: sets, maps, base chains, and the shared chains that balance.

A packet's path: its destination (ip . proto . port) picks a shared chain from a verdict map; the chain draws a slot and dnats
through the one map `endpoints` (ip . proto . port . slot). Services are elements only: no chain and no map belongs to one.

The slot needs a register that outlives one expression. The packet mark would do but belongs to others (policy routing, other
firewalls), and nft cannot write a random number under a mask; the packet's priority (skb->priority, nft's type classid) is free:
forwarding sets it anew from the TOS after this hook, and for locally generated traffic only the first packet of a connection
passes here. Of the mark one bit is used, the one that kube-proxy uses too, and the other bits are kept.

Slot space of the map `endpoints`: 0.. for traffic that may go anywhere, LOCAL_SLOT.. for traffic that must stay on this node,
AFFINITY_ID.. below it for endpoint identities that session affinity remembers. An identity whose endpoint is gone is not in the
map, so the lookup fails and the client is given another endpoint: nothing has to be cleaned up.

Source: DESIGN.md §10; kubernetes.io/docs/reference/networking/virtual-ips/; nft(8)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from ..nftables import ChainSpec, SetSpec, Table, Transaction

TABLE_NAME = "minikube-py"

MASQUERADE_BIT = 0x4000
"""The bit of the packet mark that asks for masquerading (kube-proxy --iptables-masquerade-bit=14)."""

LOCAL_SLOT = 1 << 31
AFFINITY_ID = 1 << 16

_AFFINITY_ENTRIES_MAX = 262_144
"""Clients remembered at a time over all services; beyond it new clients are balanced without affinity."""

_HASH_SEED = 0x6D6B7079
"""Any fixed number: the same client gets the same endpoint from every node and after every start."""

_LOOPBACK = {"ip": "127.0.0.0/8", "ip6": "::1"}
_MULTICAST = {"ip": "224.0.0.0/4", "ip6": "ff00::/8"}


class Scope(Enum):
    """What may happen to traffic of a frontend on its way."""

    INTERNAL = "int"
    """Any endpoint; the source address is kept if it is a pod's."""
    EXTERNAL = "ext"
    """Any endpoint; always masqueraded, so that the answer comes back through this node."""
    LOCAL = "loc"
    """Endpoints on this node only; the source address is kept."""


class BalanceChain(NamedTuple):
    """One shared chain: for `slots` endpoints; clients are remembered for `affinity_s` seconds if that is not 0."""

    scope: Scope
    slots: int
    affinity_s: int = 0

    @property
    def name(self) -> str:
        suffix = f"_aff_{self.affinity_s}" if self.affinity_s else ""
        return f"lb_{self.scope.value}_{self.slots}{suffix}"


@dataclass(frozen=True, slots=True)
class PodNetwork:
    """What the table must know of the addresses around it.

    Attributes:
        cluster_cidr: addresses of all pods.
        service_cidr: addresses of services; further ranges of them are elements of `service_ranges`.
        bridge: device that this node's pods hang on.
        bridge_sees_ip: bridged frames pass the IP hooks (br_netfilter); if not, connections between two pods of this node that
            go through a service are masqueraded, because their answers would otherwise bypass this table.
    """

    cluster_cidr: str
    service_cidr: str
    bridge: str
    bridge_sees_ip: bool


@dataclass(frozen=True, slots=True)
class Ruleset:
    """Renders the table for one address family ("ip" or "ip6")."""

    family: str
    network: PodNetwork

    @property
    def table(self) -> Table:
        return Table(self.family, TABLE_NAME)

    @property
    def sets(self) -> dict[str, SetSpec]:
        """Every set and map of the table by name."""
        addr = "ipv4_addr" if self.family == "ip" else "ipv6_addr"
        frontend = f"{addr} . inet_proto . inet_service"
        specs = (
            SetSpec("services", frontend, "verdict"),
            SetSpec("local_services", frontend, "verdict"),
            SetSpec("endpoints", f"{frontend} . classid", f"{addr} . inet_service"),
            SetSpec("affinity_ids", f"{frontend} . classid", "classid"),
            SetSpec("affinity", f"{addr} . {frontend}", "classid", f"flags dynamic,timeout; size {_AFFINITY_ENTRIES_MAX}; timeout 3h;"),
            SetSpec("hairpin", f"{addr} . {addr}"),
            SetSpec("no_endpoints", frontend),
            SetSpec("restricted", frontend),
            SetSpec("allowed_sources", f"{frontend} . {addr}", options="flags interval;"),
            SetSpec("service_ranges", addr, options="flags interval;"),
        )
        return {spec.name: spec for spec in specs}

    def replacement(self) -> Transaction:
        """A transaction that makes the table anew, without services."""
        return Transaction(self.table, replace=True, sets=list(self.sets.values()), chains=self._base_chains())

    def balance_chain(self, chain: BalanceChain) -> ChainSpec:
        """The rules of one shared chain."""
        ip = self.family
        here = f"{ip} daddr . meta l4proto . th dport"
        client = f"{ip} saddr . {here}"
        dnat = f"meta l4proto {{ tcp, udp, sctp }} dnat {ip} to {here} . meta priority map @endpoints"
        offset = f" offset {LOCAL_SLOT}" if chain.scope is Scope.LOCAL else ""
        draw = f"meta priority set numgen random mod {chain.slots}{offset}"
        rules = list(self._masquerade_rules(chain.scope))
        if not chain.affinity_s:
            return ChainSpec(chain.name, (*rules, draw, dnat))
        if ip == "ip6":
            # nft 1.0 has too few registers for a client, a frontend and a value, and aborts the process. A hash of the client
            # keeps it on its endpoint too, as long as the endpoints do not change.
            pick = f"meta priority set jhash ip6 saddr mod {chain.slots} seed {_HASH_SEED:#x}{offset}"
            return ChainSpec(chain.name, (*rules, pick, dnat))
        remember = f"{client} timeout {chain.affinity_s}s : meta priority"
        rules += [
            f"meta priority set {client} map @affinity update @affinity {{ {remember} }} {dnat}",
            draw,
            f"meta priority set {here} . meta priority map @affinity_ids",
            # `update` would refresh an old entry but keep the endpoint in it.
            f"delete @affinity {{ {client} : meta priority }}",
            f"update @affinity {{ {remember} }}",
            dnat,
        ]
        return ChainSpec(chain.name, tuple(rules))

    def _masquerade_rules(self, scope: Scope) -> tuple[str, ...]:
        mark = f"meta mark set meta mark or {MASQUERADE_BIT:#x}"
        if scope is Scope.INTERNAL:
            return (f"{self.family} saddr != {self.network.cluster_cidr} {mark}",)
        return (mark,) if scope is Scope.EXTERNAL else ()

    def _base_chains(self) -> list[ChainSpec]:
        ip = self.family
        here = f"{ip} daddr . meta l4proto . th dport"
        outside = f"{ip} saddr != {self.network.cluster_cidr} fib saddr type != local"
        dispatch = (
            f"{here} @restricted {here} . {ip} saddr != @allowed_sources drop",
            f"{outside} {here} vmap @local_services",
            f"{here} vmap @services",
        )
        no_endpoints = f"ct state new {here} @no_endpoints reject"
        unclaimed = [f"{ip} daddr {services} fib daddr type != local reject" for services in (self.network.service_cidr, "@service_ranges")]
        # Host ports on 127.0.0.1 are for programs of this node. For them the bridge lets loopback addresses pass (route_localnet);
        # pods must not find by it what listens on the node's loopback.
        loopback = _LOOPBACK[ip]
        from_elsewhere = f'iifname != "lo" {ip} daddr {loopback} return'
        strangers = f'iifname "{self.network.bridge}" {ip} daddr {loopback} ct direction original drop'
        return [
            ChainSpec("services_dispatch", dispatch),
            # Names of priorities are not accepted in every hook by nft 1.0: -100 is dstnat, 100 is srcnat, 0 is filter.
            ChainSpec("prerouting", (from_elsewhere, "jump services_dispatch"), "type nat hook prerouting priority -100"),
            ChainSpec("output", ("jump services_dispatch",), "type nat hook output priority -100"),
            ChainSpec("postrouting", self._postrouting_rules(), "type nat hook postrouting priority 100"),
            ChainSpec("filter_input", (strangers, no_endpoints), "type filter hook input priority 0"),
            ChainSpec("filter_forward", (no_endpoints, *unclaimed), "type filter hook forward priority 0"),
            ChainSpec("filter_output", (no_endpoints, *unclaimed), "type filter hook output priority 0"),
        ]

    def _postrouting_rules(self) -> tuple[str, ...]:
        ip, net = self.family, self.network
        bit = f"{MASQUERADE_BIT:#x}"
        rules = [
            # What leaves by lo stays on the node with a source of the node's.
            'oifname "lo" return',
            f"ct status dnat {ip} saddr {_LOOPBACK[ip]} masquerade fully-random",
            f"meta mark and {bit} == {bit} meta mark set meta mark xor {bit} masquerade fully-random",
            f"ct status dnat {ip} saddr . {ip} daddr @hairpin masquerade fully-random",
        ]
        if not net.bridge_sees_ip:
            rules.append(f'ct status dnat iifname "{net.bridge}" oifname "{net.bridge}" masquerade fully-random')
        away = f"{ip} daddr != {{ {net.cluster_cidr}, {_MULTICAST[ip]} }}"
        rules.append(f"{ip} saddr {net.cluster_cidr} {away} masquerade fully-random")
        return tuple(rules)
