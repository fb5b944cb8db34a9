"""The service proxy in a namespace with the kernel's nftables, pods on a bridge and real connections."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from minikube_py.net.libnftables import LibNftables
from minikube_py.net.proxy.conntrack import Conntrack
from minikube_py.net.proxy.endpoints import Locality
from minikube_py.net.proxy.model import HostPort, NodeView
from minikube_py.net.proxy.ruleset import PodNetwork, Ruleset
from minikube_py.net.proxy.sync import ServiceProxy
from minikube_py.net.routes import ClusterRoutes
from minikube_py.net.sysctl import answer_by_loopback

from .lab import Lab, ask, ask_udp
from .objects import endpoint, endpoint_slice, service

pytestmark = pytest.mark.root

IP = "10.43.0.20"
CLUSTER, SERVICES = "10.42.0.0/16", "10.43.0.0/16"


@contextlib.asynccontextmanager
async def proxying(bridge_sees_ip: bool = True) -> AsyncIterator[ServiceProxy]:
    nft = LibNftables()
    ruleset = Ruleset("ip", PodNetwork(CLUSTER, SERVICES, "cni0", bridge_sees_ip))
    node = NodeView(Locality("node-a"), (Lab.NODE_IP,))
    proxy = ServiceProxy(nft, ruleset, node, Conntrack())
    proxy.initial_sync_done()
    task = asyncio.create_task(proxy.run())
    try:
        await proxy.wait_synced()
        yield proxy
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await nft.close()


@pytest.fixture(autouse=True)
async def routes(lab: Lab) -> None:
    await ClusterRoutes(cluster_cidr=CLUSTER, service_cidrs=[SERVICES], node_ip=Lab.NODE_IP).setup()


async def test_pods_and_the_node_reach_every_endpoint_by_cluster_ip(lab: Lab) -> None:
    client = lab.pod("10.42.0.2")
    for ip in ("10.42.0.3", "10.42.0.4"):
        lab.serve(lab.pod(ip), ip, 8080)
    async with proxying() as proxy:
        proxy.service_changed("default/web", service(IP, ("TCP", 80)))
        proxy.slice_changed("default/web-x", endpoint_slice([endpoint("10.42.0.3"), endpoint("10.42.0.4")], ("TCP", 80, 8080)))
        await proxy.wait_synced()
        answers = [await asyncio.to_thread(ask, client, IP, 80) for _ in range(40)]
        assert Counter(name for name, _ in answers).keys() == {"10.42.0.3", "10.42.0.4"}
        assert {seen for _, seen in answers} == {"10.42.0.2"}
        names = {(await asyncio.to_thread(ask, lab.node, IP, 80))[0] for _ in range(40)}
        assert names == {"10.42.0.3", "10.42.0.4"}


async def test_two_pods_of_one_bridge_connect_without_bridge_netfilter(lab: Lab) -> None:
    lab.node.run("sysctl -qw net.bridge.bridge-nf-call-iptables=0")
    client = lab.pod("10.42.0.2")
    lab.serve(lab.pod("10.42.0.3"), "10.42.0.3", 8080)
    async with proxying(bridge_sees_ip=False) as proxy:
        proxy.service_changed("default/web", service(IP, ("TCP", 80)))
        proxy.slice_changed("default/web-x", endpoint_slice([endpoint("10.42.0.3")], ("TCP", 80, 8080)))
        await proxy.wait_synced()
        assert (await asyncio.to_thread(ask, client, IP, 80))[0] == "10.42.0.3"


async def test_a_pod_reaches_itself_through_its_service(lab: Lab) -> None:
    pod = lab.pod("10.42.0.3")
    lab.serve(pod, "10.42.0.3", 8080)
    async with proxying() as proxy:
        proxy.service_changed("default/web", service(IP, ("TCP", 80)))
        proxy.slice_changed("default/web-x", endpoint_slice([endpoint("10.42.0.3")], ("TCP", 80, 8080)))
        await proxy.wait_synced()
        assert await asyncio.to_thread(ask, pod, IP, 80) == ("10.42.0.3", "10.42.0.1")


async def test_node_ports_answer_outside_masqueraded_and_inside(lab: Lab) -> None:
    client = lab.pod("10.42.0.2")
    lab.serve(lab.pod("10.42.0.3"), "10.42.0.3", 8080)
    async with proxying() as proxy:
        proxy.service_changed("default/web", service(IP, ("TCP", 80), type="NodePort", node_ports={80: 30080}))
        proxy.slice_changed("default/web-x", endpoint_slice([endpoint("10.42.0.3")], ("TCP", 80, 8080)))
        await proxy.wait_synced()
        assert await asyncio.to_thread(ask, lab.gateway, Lab.NODE_IP, 30080) == ("10.42.0.3", "10.42.0.1")
        for where in (client, lab.node):
            assert (await asyncio.to_thread(ask, where, Lab.NODE_IP, 30080))[0] == "10.42.0.3"


async def test_local_external_policy_keeps_the_client_address_and_drops_without_local_endpoint(lab: Lab) -> None:
    lab.serve(lab.pod("10.42.0.3"), "10.42.0.3", 8080)
    fields = {"type": "NodePort", "node_ports": {80: 30080}, "external_traffic_policy": "Local"}
    async with proxying() as proxy:
        proxy.service_changed("default/web", service(IP, ("TCP", 80), **fields))
        proxy.slice_changed("default/web-x", endpoint_slice([endpoint("10.42.0.3")], ("TCP", 80, 8080)))
        await proxy.wait_synced()
        assert await asyncio.to_thread(ask, lab.gateway, Lab.NODE_IP, 30080) == ("10.42.0.3", Lab.GATEWAY_IP)
        proxy.slice_changed("default/web-x", endpoint_slice([endpoint("10.42.0.3", node="node-b")], ("TCP", 80, 8080)))
        await proxy.wait_synced()
        with pytest.raises(TimeoutError):
            await asyncio.to_thread(ask, lab.gateway, Lab.NODE_IP, 30080, 0.5)
        assert (await asyncio.to_thread(ask, lab.node, Lab.NODE_IP, 30080))[0] == "10.42.0.3"


async def test_session_affinity_keeps_a_client_on_its_endpoint_until_that_goes(lab: Lab) -> None:
    client = lab.pod("10.42.0.2")
    ips = ["10.42.0.3", "10.42.0.4", "10.42.0.5"]
    for ip in ips:
        lab.serve(lab.pod(ip), ip, 8080)
    async with proxying() as proxy:
        proxy.service_changed("default/web", service(IP, ("TCP", 80), session_affinity="ClientIP"))
        proxy.slice_changed("default/web-x", endpoint_slice([endpoint(ip) for ip in ips], ("TCP", 80, 8080)))
        await proxy.wait_synced()
        first = await asyncio.to_thread(ask, client, IP, 80)
        assert {(await asyncio.to_thread(ask, client, IP, 80)) for _ in range(20)} == {first}
        for gone in [ip for ip in ips if ip != first[0]][:1]:
            rest = [ip for ip in ips if ip != gone]
            proxy.slice_changed("default/web-x", endpoint_slice([endpoint(ip) for ip in rest], ("TCP", 80, 8080)))
            await proxy.wait_synced()
            assert {(await asyncio.to_thread(ask, client, IP, 80)) for _ in range(20)} == {first}
        left = [ip for ip in ips if ip != first[0]]
        proxy.slice_changed("default/web-x", endpoint_slice([endpoint(ip) for ip in left], ("TCP", 80, 8080)))
        await proxy.wait_synced()
        second = await asyncio.to_thread(ask, client, IP, 80)
        assert second[0] in left
        assert {(await asyncio.to_thread(ask, client, IP, 80)) for _ in range(20)} == {second}


async def test_a_udp_client_that_never_pauses_moves_when_its_endpoint_goes(lab: Lab) -> None:
    client = lab.pod("10.42.0.2")
    for ip in ("10.42.0.3", "10.42.0.4"):
        lab.serve(lab.pod(ip), ip, 5353, socket.SOCK_DGRAM)
    with client.socket(socket.SOCK_DGRAM) as flow:
        async with proxying() as proxy:
            proxy.service_changed("default/web", service(IP, ("UDP", 53)))
            for ip in ("10.42.0.3", "10.42.0.4"):
                proxy.slice_changed("default/web-x", endpoint_slice([endpoint(ip)], ("UDP", 53, 5353)))
                await proxy.wait_synced()
                answers = {await asyncio.to_thread(ask_udp, client, IP, 53, flow) for _ in range(3)}
                assert answers == {(ip, "10.42.0.2")}


async def test_a_service_without_endpoints_refuses(lab: Lab) -> None:
    client = lab.pod("10.42.0.2")
    async with proxying() as proxy:
        proxy.service_changed("default/web", service(IP, ("TCP", 80), type="NodePort", node_ports={80: 30080}))
        await proxy.wait_synced()
        for where, ip, port in [(client, IP, 80), (lab.node, IP, 80), (lab.gateway, Lab.NODE_IP, 30080)]:
            with pytest.raises(ConnectionRefusedError):
                await asyncio.to_thread(ask, where, ip, port)


async def test_unclaimed_service_addresses_are_refused_and_nothing_leaves(lab: Lab) -> None:
    client = lab.pod("10.42.0.2")
    lab.gateway.count_packets("eth0", "ip daddr 10.43.0.0/16")
    async with proxying():
        for where in (client, lab.node):
            with pytest.raises(ConnectionRefusedError):
                await asyncio.to_thread(ask, where, "10.43.200.1", 443)
            # A datagram of the node's own is refused where it is sent.
            with pytest.raises((ConnectionRefusedError, PermissionError)):
                await asyncio.to_thread(ask_udp, where, "10.43.200.1", 443)
        assert lab.gateway.packets_in("eth0") == 0


async def test_addresses_of_further_ranges_are_refused_too_as_long_as_they_are_ranges(lab: Lab) -> None:
    client = lab.pod("10.42.0.2")
    lab.serve(lab.pod("10.42.0.3"), "10.42.0.3", 8080)
    more = "10.45.0.0/24"
    lab.gateway.count_packets("eth0", f"ip daddr {more}")
    routes = ClusterRoutes(cluster_cidr=CLUSTER, service_cidrs=[SERVICES, more], node_ip=Lab.NODE_IP)
    await routes.setup()
    async with proxying() as proxy:
        proxy.service_ranges_changed([more])
        proxy.service_changed("default/web", service("10.45.0.9", ("TCP", 80)))
        proxy.slice_changed("default/web-x", endpoint_slice([endpoint("10.42.0.3")], ("TCP", 80, 8080)))
        await proxy.wait_synced()
        for where in (client, lab.node):
            assert (await asyncio.to_thread(ask, where, "10.45.0.9", 80))[0] == "10.42.0.3"
            with pytest.raises(ConnectionRefusedError):
                await asyncio.to_thread(ask, where, "10.45.0.200", 443)
        assert lab.gateway.packets_in("eth0") == 0
        assert more in lab.node.run("ip route")
    await ClusterRoutes(cluster_cidr=CLUSTER, service_cidrs=[SERVICES], node_ip=Lab.NODE_IP).forget_others()
    left = lab.node.run("ip route")
    assert more not in left and SERVICES in left and f"unreachable {CLUSTER}" in left


async def test_pods_leave_the_cluster_with_the_address_of_the_node(lab: Lab) -> None:
    client = lab.pod("10.42.0.2")
    lab.serve(lab.gateway, Lab.GATEWAY_IP, 9090, name="outside")
    async with proxying():
        assert await asyncio.to_thread(ask, client, Lab.GATEWAY_IP, 9090) == ("outside", Lab.NODE_IP)


async def test_load_balancer_source_ranges_drop_everyone_else(lab: Lab) -> None:
    from minikube_py.apis.core_v1 import LoadBalancerIngress, LoadBalancerStatus

    lab.serve(lab.pod("10.42.0.3"), "10.42.0.3", 8080)
    lab.gateway.run(f"ip route add 203.0.113.9 via {Lab.NODE_IP}")
    async with proxying() as proxy:
        for allowed, reached in ((f"{Lab.GATEWAY_IP}/32", True), ("198.51.100.0/24", False)):
            balanced = service(IP, ("TCP", 80), type="LoadBalancer", load_balancer_source_ranges=[allowed, "198.51.100.7/32"])
            balanced.status.load_balancer = LoadBalancerStatus(ingress=[LoadBalancerIngress(ip="203.0.113.9")])
            proxy.service_changed("default/web", balanced)
            proxy.slice_changed("default/web-x", endpoint_slice([endpoint("10.42.0.3")], ("TCP", 80, 8080)))
            await proxy.wait_synced()
            if reached:
                assert (await asyncio.to_thread(ask, lab.gateway, "203.0.113.9", 80))[0] == "10.42.0.3"
            else:
                with pytest.raises(TimeoutError):
                    await asyncio.to_thread(ask, lab.gateway, "203.0.113.9", 80, 0.5)


async def test_other_bits_of_the_packet_mark_survive(lab: Lab) -> None:
    lab.serve(lab.pod("10.42.0.3"), "10.42.0.3", 8080)
    lab.node.run("nft add table ip lab")
    lab.node.run("nft add chain ip lab early '{ type filter hook prerouting priority -150; }'")
    lab.node.run("nft add chain ip lab late '{ type filter hook postrouting priority 200; }'")
    lab.node.run("nft add counter ip lab seen")
    lab.node.run("nft add rule ip lab early tcp dport 30080 meta mark set 0x11000022")
    lab.node.run("nft add rule ip lab late ct state new meta mark 0x11000022 counter name seen")
    async with proxying() as proxy:
        proxy.service_changed("default/web", service(IP, ("TCP", 80), type="NodePort", node_ports={80: 30080}))
        proxy.slice_changed("default/web-x", endpoint_slice([endpoint("10.42.0.3")], ("TCP", 80, 8080)))
        await proxy.wait_synced()
        await asyncio.to_thread(ask, lab.gateway, Lab.NODE_IP, 30080)
        assert lab.node.packets_in("") == 1


async def test_a_table_removed_by_another_program_comes_back(lab: Lab) -> None:
    client = lab.pod("10.42.0.2")
    lab.serve(lab.pod("10.42.0.3"), "10.42.0.3", 8080)
    async with proxying() as proxy:
        proxy.service_changed("default/web", service(IP, ("TCP", 80)))
        proxy.slice_changed("default/web-x", endpoint_slice([endpoint("10.42.0.3")], ("TCP", 80, 8080)))
        await proxy.wait_synced()
        lab.node.run("nft flush ruleset")
        proxy.service_changed("default/other", service("10.43.0.21", ("TCP", 80), name="other"))
        await proxy.wait_synced()
        assert (await asyncio.to_thread(ask, client, IP, 80))[0] == "10.42.0.3"


async def test_no_connection_fails_while_the_table_is_replaced(lab: Lab) -> None:
    client = lab.pod("10.42.0.2")
    lab.serve(lab.pod("10.42.0.3"), "10.42.0.3", 8080)
    async with proxying() as proxy:
        proxy.service_changed("default/web", service(IP, ("TCP", 80)))
        proxy.slice_changed("default/web-x", endpoint_slice([endpoint("10.42.0.3")], ("TCP", 80, 8080)))
        await proxy.wait_synced()
        asking = asyncio.get_running_loop().run_in_executor(None, lambda: [ask(client, IP, 80, 0.5)[0] for _ in range(200)])
        replaced = 0
        while not asking.done():
            proxy.resync()
            await proxy.wait_synced()
            replaced += 1
        assert await asking == ["10.42.0.3"] * 200
        assert replaced > 5


async def test_host_ports_lead_to_their_pod_with_the_client_address(lab: Lab) -> None:
    pod = lab.pod("10.42.0.3")
    lab.serve(pod, "10.42.0.3", 8080)
    async with proxying() as proxy:
        proxy.host_ports_changed("default/web-0", [HostPort("", "TCP", 8888, "10.42.0.3", 8080)])
        await proxy.wait_synced()
        assert await asyncio.to_thread(ask, lab.gateway, Lab.NODE_IP, 8888) == ("10.42.0.3", Lab.GATEWAY_IP)
        for where in (pod, lab.node):
            assert (await asyncio.to_thread(ask, where, Lab.NODE_IP, 8888))[0] == "10.42.0.3"
        proxy.host_ports_changed("default/web-0", [])
        await proxy.wait_synced()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.to_thread(ask, lab.gateway, Lab.NODE_IP, 8888)


async def test_one_host_port_leads_to_another_pod_on_each_address_and_protocol(lab: Lab) -> None:
    for ip in ("10.42.0.3", "10.42.0.4"):
        lab.serve(lab.pod(ip), ip, 8080)
    lab.serve(lab.pod("10.42.0.5"), "10.42.0.5", 8080, socket.SOCK_DGRAM)
    answer_on_node_loopback(lab)
    async with proxying() as proxy:
        proxy.host_ports_changed("one", [HostPort("127.0.0.1", "TCP", 8888, "10.42.0.3", 8080)])
        proxy.host_ports_changed("two", [HostPort(Lab.NODE_IP, "TCP", 8888, "10.42.0.4", 8080)])
        proxy.host_ports_changed("three", [HostPort(Lab.NODE_IP, "UDP", 8888, "10.42.0.5", 8080)])
        await proxy.wait_synced()
        assert await asyncio.to_thread(ask, lab.node, "127.0.0.1", 8888) == ("10.42.0.3", "10.42.0.1")
        assert (await asyncio.to_thread(ask, lab.node, Lab.NODE_IP, 8888))[0] == "10.42.0.4"
        assert (await asyncio.to_thread(ask_udp, lab.node, Lab.NODE_IP, 8888))[0] == "10.42.0.5"


async def test_host_ports_without_address_answer_programs_of_the_node_on_loopback_and_open_it_to_nobody_else(lab: Lab) -> None:
    pod = lab.pod("10.42.0.3")
    lab.serve(pod, "10.42.0.3", 8080)
    lab.serve(lab.node, "127.0.0.1", 9999, name="private")
    pod.run("ip addr del 127.0.0.1/8 dev lo")
    pod.run("ip route add 127.0.0.0/8 via 10.42.0.1 src 10.42.0.3")
    pod.run("sysctl -qw net.ipv4.conf.eth0.route_localnet=1")
    answer_on_node_loopback(lab)
    async with proxying() as proxy:
        proxy.host_ports_changed("web", [HostPort("", "TCP", 8888, "10.42.0.3", 8080)])
        await proxy.wait_synced()
        assert await asyncio.to_thread(ask, lab.node, "127.0.0.1", 8888) == ("10.42.0.3", "10.42.0.1")
        for port in (8888, 9999):
            with pytest.raises(TimeoutError):
                await asyncio.to_thread(ask, pod, "127.0.0.1", port, 0.5)


def answer_on_node_loopback(lab: Lab) -> None:
    """As the node does once it has a pod with host ports."""
    with lab.node.entered():
        answer_by_loopback("cni0")


async def test_a_program_of_the_node_is_an_endpoint_for_pods_and_for_the_node(lab: Lab) -> None:
    client = lab.pod("10.42.0.2")
    lab.serve(lab.node, Lab.NODE_IP, 6443, name="api")
    async with proxying() as proxy:
        proxy.service_changed("default/kubernetes", service("10.43.0.1", ("TCP", 443), name="kubernetes"))
        proxy.slice_changed("default/kubernetes-x", endpoint_slice([endpoint(Lab.NODE_IP)], ("TCP", 443, 6443), name="kubernetes"))
        await proxy.wait_synced()
        assert await asyncio.to_thread(ask, client, "10.43.0.1", 443) == ("api", "10.42.0.2")
        assert await asyncio.to_thread(ask, lab.node, "10.43.0.1", 443) == ("api", Lab.NODE_IP)
