"""What the maps must hold for a Service, without a kernel."""

from __future__ import annotations

import pytest

from minikube_py.apis.core_v1 import LoadBalancerIngress, LoadBalancerStatus, Service, ServicePort, ServiceSpec
from minikube_py.apis.discovery_v1 import EndpointHints, ForNode, ForZone
from minikube_py.net.proxy.endpoints import Backend, Locality, port_backends
from minikube_py.net.proxy.model import Frontend, NodeView, service_rules
from minikube_py.net.proxy.ruleset import BalanceChain, Scope

from .objects import endpoint, endpoint_slice, service

NODE = NodeView(Locality("node-a", "zone-1"), ("192.0.2.1",))
IP = "10.43.0.20"
PORT = ServicePort(name="p80", protocol="TCP", port=80)
TWO = [endpoint("10.42.0.4"), endpoint("10.42.1.3", node="node-b")]


def test_a_cluster_ip_goes_to_the_shared_chain_of_its_endpoint_count() -> None:
    rules = service_rules(service(IP, ("TCP", 80)), [endpoint_slice(TWO, ("TCP", 80, 8080))], NODE)
    assert rules.keys() == {Frontend(IP, "tcp", 80)}
    assert rules[Frontend(IP, "tcp", 80)].elements == {
        ("services", "10.43.0.20 . tcp . 80"): "goto lb_int_2",
        ("endpoints", "10.43.0.20 . tcp . 80 . 0:0"): "10.42.0.4 . 8080",
        ("endpoints", "10.43.0.20 . tcp . 80 . 0:1"): "10.42.1.3 . 8080",
    }
    assert rules[Frontend(IP, "tcp", 80)].hairpin == {"10.42.0.4"}


def test_every_port_of_a_service_finds_the_endpoint_port_of_its_name_and_protocol() -> None:
    slices = [endpoint_slice(TWO[:1], ("TCP", 80, 8080), ("UDP", 53, 5353), ("TCP", 53, 5454))]
    slices[0].ports[1].name = slices[0].ports[2].name = "dns"
    both = service(IP, ("TCP", 80), ("UDP", 53), ("TCP", 53))
    both.spec.ports[1].name = both.spec.ports[2].name = "dns"
    rules = service_rules(both, slices, NODE)
    assert {f: r.backends for f, r in rules.items()} == {
        Frontend(IP, "tcp", 80): {Backend("10.42.0.4", 8080)},
        Frontend(IP, "udp", 53): {Backend("10.42.0.4", 5353)},
        Frontend(IP, "tcp", 53): {Backend("10.42.0.4", 5454)},
    }


@pytest.mark.parametrize(
    "made",
    [
        service("None", ("TCP", 80)),
        service("", ("TCP", 80)),
        service(IP, ("TCP", 80), labels={"service.kubernetes.io/service-proxy-name": "other"}),
        Service(spec=ServiceSpec(type="ExternalName", external_name="example.org")),
    ],
    ids=["headless", "no address yet", "another proxy's", "external name"],
)
def test_services_that_are_not_proxied_have_no_rules(made: Service) -> None:
    assert service_rules(made, [endpoint_slice(TWO, ("TCP", 80, 8080))], NODE) == {}


def test_the_address_that_the_node_answers_itself_is_left_alone() -> None:
    node = NodeView(Locality("node-a"), own_addresses=frozenset({IP}))
    assert service_rules(service(IP, ("UDP", 53)), [], node) == {}


def test_frontends_without_endpoints_are_rejected() -> None:
    rules = service_rules(service(IP, ("TCP", 80), type="NodePort", node_ports={80: 30080}), [], NODE)
    assert {f: r.elements for f, r in rules.items()} == {
        Frontend(IP, "tcp", 80): {("no_endpoints", "10.43.0.20 . tcp . 80"): ""},
        Frontend("192.0.2.1", "tcp", 30080): {("no_endpoints", "192.0.2.1 . tcp . 30080"): ""},
    }


def test_internal_policy_local_uses_endpoints_of_this_node_and_drops_without_one() -> None:
    made = service(IP, ("TCP", 80), internal_traffic_policy="Local")
    here = service_rules(made, [endpoint_slice(TWO, ("TCP", 80, 8080))], NODE)[Frontend(IP, "tcp", 80)]
    assert here.elements["services", "10.43.0.20 . tcp . 80"] == "goto lb_int_1"
    assert here.elements["endpoints", "10.43.0.20 . tcp . 80 . 0:0"] == "10.42.0.4 . 8080"
    away = service_rules(made, [endpoint_slice(TWO[1:], ("TCP", 80, 8080))], NODE)[Frontend(IP, "tcp", 80)]
    assert away.elements == {("services", "10.43.0.20 . tcp . 80"): "drop"}


def test_external_policy_local_treats_outside_and_inside_differently() -> None:
    made = service(IP, ("TCP", 80), type="NodePort", node_ports={80: 30080}, external_traffic_policy="Local")
    rules = service_rules(made, [endpoint_slice(TWO, ("TCP", 80, 8080))], NODE)[Frontend("192.0.2.1", "tcp", 30080)]
    assert rules.chains == {BalanceChain(Scope.INTERNAL, 2), BalanceChain(Scope.LOCAL, 1)}
    assert rules.elements["local_services", "192.0.2.1 . tcp . 30080"] == "goto lb_loc_1"
    assert rules.elements["endpoints", "192.0.2.1 . tcp . 30080 . 8000:0"] == "10.42.0.4 . 8080"
    assert rules.elements["services", "192.0.2.1 . tcp . 30080"] == "goto lb_int_2"


def test_load_balancer_addresses_and_external_ips_are_frontends_but_not_in_proxy_mode() -> None:
    made = service(IP, ("TCP", 80), type="LoadBalancer", external_ips=["198.51.100.1"])
    made.status.load_balancer = LoadBalancerStatus(
        ingress=[
            LoadBalancerIngress(ip="203.0.113.9"),
            LoadBalancerIngress(ip="203.0.113.8", ip_mode="Proxy"),
            LoadBalancerIngress(hostname="x"),
        ]
    )
    rules = service_rules(made, [endpoint_slice(TWO, ("TCP", 80, 8080))], NODE)
    assert rules.keys() == {Frontend(ip, "tcp", 80) for ip in (IP, "198.51.100.1", "203.0.113.9")}
    assert rules[Frontend("203.0.113.9", "tcp", 80)].chains == {BalanceChain(Scope.EXTERNAL, 2)}


def test_affinity_identities_do_not_depend_on_the_other_endpoints() -> None:
    made = service(IP, ("TCP", 80), session_affinity="ClientIP")

    def identities(*endpoints: object) -> dict[str, str]:
        rules = service_rules(made, [endpoint_slice(endpoints, ("TCP", 80, 8080))], NODE)[Frontend(IP, "tcp", 80)]  # type: ignore[arg-type]
        names = {value for (name, _), value in rules.elements.items() if name == "affinity_ids"}
        return {rules.elements["endpoints", f"10.43.0.20 . tcp . 80 . {name}"]: name for name in names}

    both, one = identities(*TWO), identities(TWO[1])
    assert len(both) == 2
    assert one.items() <= both.items()
    assert service_rules(made, [endpoint_slice(TWO, ("TCP", 80, 8080))], NODE)[Frontend(IP, "tcp", 80)].chains == {
        BalanceChain(Scope.INTERNAL, 2, 10_800)
    }


def test_not_ready_endpoints_get_nothing_and_terminating_ones_serve_only_as_the_last() -> None:
    ending = endpoint("10.42.0.5", ready=False, serving=True, terminating=True)
    broken = endpoint("10.42.0.6", ready=False, serving=False)

    def chosen(*endpoints: object) -> set[str]:
        return {b.ip for b in port_backends(PORT, [endpoint_slice(endpoints, ("TCP", 80, 8080))], NODE.locality, "IPv4").cluster}  # type: ignore[arg-type]

    assert chosen(*TWO, ending, broken) == {"10.42.0.4", "10.42.1.3"}
    assert chosen(ending, broken) == {"10.42.0.5"}
    assert chosen(broken) == set()


def test_hints_narrow_the_choice_only_if_every_endpoint_has_them() -> None:
    def chosen(*hints: EndpointHints | None) -> set[str]:
        endpoints = [endpoint(f"10.42.0.{i}", hints=h) for i, h in enumerate(hints, start=1)]
        return {b.ip for b in port_backends(PORT, [endpoint_slice(endpoints, ("TCP", 80, 8080))], NODE.locality, "IPv4").cluster}

    here, there = EndpointHints(for_zones=[ForZone(name="zone-1")]), EndpointHints(for_zones=[ForZone(name="zone-2")])
    this_node = EndpointHints(for_nodes=[ForNode(name="node-a")], for_zones=[ForZone(name="zone-1")])
    assert chosen(here, there) == {"10.42.0.1"}
    assert chosen(here, None) == {"10.42.0.1", "10.42.0.2"}
    assert chosen(there, there) == {"10.42.0.1", "10.42.0.2"}
    assert chosen(this_node, EndpointHints(for_nodes=[ForNode(name="node-b")], for_zones=[ForZone(name="zone-1")])) == {"10.42.0.1"}


def test_slices_of_the_other_address_family_are_passed_over() -> None:
    six = endpoint_slice([endpoint("fd00::1")], ("TCP", 80, 8080), address_type="IPv6")
    assert port_backends(PORT, [six], NODE.locality, "IPv4").cluster == ()
    assert port_backends(PORT, [six], NODE.locality, "IPv6").cluster == (Backend("fd00::1", 8080),)


def test_what_is_no_address_never_reaches_the_rules() -> None:
    bad = "10.42.0.4 ; flush ruleset"
    made = service(IP, ("TCP", 80), external_ips=[bad], type="LoadBalancer", load_balancer_source_ranges=[bad])
    made.status.load_balancer = LoadBalancerStatus(ingress=[LoadBalancerIngress(ip=bad), LoadBalancerIngress(ip="203.0.113.9")])
    rules = service_rules(made, [endpoint_slice([endpoint(bad), endpoint("10.42.0.4")], ("TCP", 80, 8080))], NODE)
    assert rules.keys() == {Frontend(IP, "tcp", 80), Frontend("203.0.113.9", "tcp", 80)}
    assert all(bad not in f"{key} {value}" for r in rules.values() for (_, key), value in r.elements.items())
