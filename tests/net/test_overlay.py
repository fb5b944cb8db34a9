"""The routes between nodes: what Nodes say, and two nodes in namespaces whose pods reach each other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Awaitable, Callable, Iterator

import pytest

from minikube_py.apis.core_v1 import Node, NodeSpec
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.net.libnftables import LibNftables
from minikube_py.net.overlay import Backend, Overlay, Peer, peer_of, vtep_mac
from minikube_py.net.proxy.conntrack import Conntrack
from minikube_py.net.proxy.endpoints import Locality
from minikube_py.net.proxy.model import NodeView
from minikube_py.net.proxy.ruleset import PodNetwork, Ruleset
from minikube_py.net.proxy.sync import ServiceProxy
from minikube_py.net.routes import ClusterRoutes

from .lab import Lab, Namespace, ask
from .objects import endpoint, endpoint_slice, service

OTHER_IP = "192.168.77.3"


def node(name: str, pod_cidr: str, annotations: dict[str, str]) -> Node:
    return Node(metadata=ObjectMeta(name=name, annotations=annotations), spec=NodeSpec(pod_cidr=pod_cidr))


def test_a_node_is_a_peer_when_it_says_all_that_is_needed() -> None:
    overlay = Overlay(node_name="b", node_ip=OTHER_IP, pod_cidr="10.42.1.0/24")
    complete = node("b", "10.42.1.0/24", dict(overlay.annotations()))
    assert peer_of(complete, Backend.VXLAN) == Peer("10.42.1.0/24", OTHER_IP, vtep_mac("b"))
    assert peer_of(complete, Backend.HOST_GW) is None
    assert peer_of(node("b", "", dict(overlay.annotations())), Backend.VXLAN) is None
    assert peer_of(node("b", "10.42.1.0/24", {}), Backend.VXLAN) is None
    wrong = dict(overlay.annotations()) | {"minikube-py.io/backend-data": "{"}
    assert peer_of(node("b", "10.42.1.0/24", wrong), Backend.VXLAN) is None


def test_tunnel_ends_have_local_unicast_addresses_of_their_own() -> None:
    macs = [vtep_mac(f"node-{n}") for n in range(100)]
    assert len(set(macs)) == 100
    assert all(int(mac[:2], 16) & 3 == 2 for mac in macs)


class NodeThread:
    """One node's event loop, on a thread that lives in the node's namespace."""

    def __init__(self, namespace: Namespace) -> None:
        self._started = threading.Event()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._main, args=(namespace,))
        self._thread.start()
        self._started.wait()

    def _main(self, namespace: Namespace) -> None:
        with namespace.entered():
            self._started.set()
            self.loop.run_forever()
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()

    def call(self, work: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            await work()

        asyncio.run_coroutine_threadsafe(run(), self.loop).result(timeout=15)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()


class TwoNodes:
    """node-a of the lab and node-b, on one segment, each with a pod."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        a, b = lab.node, lab.namespace("node-b")
        lab.gateway.run("ip link add br0 type bridge")
        lab.gateway.run("ip link set br0 up")
        lab.gateway.run(f"ip addr del {Lab.GATEWAY_IP}/24 dev eth0")
        lab.gateway.run(f"ip addr add {Lab.GATEWAY_IP}/24 dev br0")
        b.connect_to(lab.gateway, "eth0", "eth1")
        for device in ("eth0", "eth1"):
            lab.gateway.run(f"ip link set {device} master br0")
        b.run(f"ip addr add {OTHER_IP}/24 dev eth0")
        b.run(f"ip route add default via {Lab.GATEWAY_IP}")
        b.run("sysctl -qw net.ipv4.ip_forward=1")
        b.run("ip link add cni0 type bridge")
        b.run("ip addr add 10.42.1.1/24 dev cni0")
        b.run("ip link set cni0 up")
        self.a, self.b = a, b
        self.pod_a = lab.pod("10.42.0.2")
        self.pod_b = lab.pod("10.42.1.2", b, "10.42.1.1")
        self.threads = {"node-a": NodeThread(a), "node-b": NodeThread(b)}
        self.cidrs = {"node-a": "10.42.0.0/24", "node-b": "10.42.1.0/24"}
        self.ips = {"node-a": Lab.NODE_IP, "node-b": OTHER_IP}

    def join(self, backend: Backend) -> dict[str, Overlay]:
        overlays = {
            name: Overlay(node_name=name, node_ip=self.ips[name], pod_cidr=self.cidrs[name], backend=backend) for name in self.threads
        }
        nodes = {name: node(name, self.cidrs[name], dict(o.annotations())) for name, o in overlays.items()}
        for name, thread in self.threads.items():
            thread.call(lambda name=name: self._start(name, overlays[name], nodes))  # type: ignore[misc]
        return overlays

    async def _start(self, name: str, overlay: Overlay, nodes: dict[str, Node]) -> None:
        routes = ClusterRoutes(cluster_cidr="10.42.0.0/16", service_cidrs=["10.43.0.0/16"], node_ip=self.ips[name])
        await routes.setup()
        for key, each in nodes.items():
            overlay.node_changed(key, each)
        overlay.initial_sync_done()
        self._task = asyncio.create_task(overlay.run())
        await overlay.wait_synced()

    def close(self) -> None:
        for thread in self.threads.values():
            thread.call(_cancel_others)
            thread.close()


async def _cancel_others() -> None:
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def two_nodes(lab: Lab) -> Iterator[TwoNodes]:
    made = TwoNodes(lab)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.root
@pytest.mark.parametrize("backend", list(Backend))
def test_pods_of_two_nodes_reach_each_other_with_their_own_addresses(two_nodes: TwoNodes, backend: Backend) -> None:
    lab = two_nodes.lab
    two_nodes.join(backend)
    lab.serve(two_nodes.pod_a, "10.42.0.2", 8080)
    lab.serve(two_nodes.pod_b, "10.42.1.2", 8080)
    assert ask(two_nodes.pod_a, "10.42.1.2", 8080) == ("10.42.1.2", "10.42.0.2")
    assert ask(two_nodes.pod_b, "10.42.0.2", 8080) == ("10.42.0.2", "10.42.1.2")
    assert ask(two_nodes.a, "10.42.1.2", 8080)[0] == "10.42.1.2"


@pytest.mark.root
def test_pod_addresses_of_no_node_are_unreachable_and_nothing_leaves(two_nodes: TwoNodes) -> None:
    two_nodes.lab.gateway.count_packets("br0", "ip daddr 10.42.0.0/15")
    two_nodes.join(Backend.VXLAN)
    for where in (two_nodes.pod_a, two_nodes.a):
        with pytest.raises(OSError, match="No route to host"):
            ask(where, "10.42.9.9", 80)
    assert two_nodes.lab.gateway.packets_in("br0") == 0


@pytest.mark.root
def test_a_service_on_one_node_reaches_the_pod_on_the_other(two_nodes: TwoNodes) -> None:
    two_nodes.join(Backend.VXLAN)
    two_nodes.lab.serve(two_nodes.pod_b, "10.42.1.2", 8080)

    async def proxy() -> None:
        ruleset = Ruleset("ip", PodNetwork("10.42.0.0/16", "10.43.0.0/16", "cni0", True))
        made = ServiceProxy(LibNftables(), ruleset, NodeView(Locality("node-a"), (Lab.NODE_IP,)), Conntrack())
        made.service_changed("default/web", service("10.43.0.20", ("TCP", 80), type="NodePort", node_ports={80: 30080}))
        made.slice_changed("default/web-x", endpoint_slice([endpoint("10.42.1.2", node="node-b")], ("TCP", 80, 8080)))
        made.initial_sync_done()
        two_nodes.proxy_task = asyncio.create_task(made.run())  # type: ignore[attr-defined]
        await made.wait_synced()

    two_nodes.threads["node-a"].call(proxy)
    assert ask(two_nodes.pod_a, "10.43.0.20", 80) == ("10.42.1.2", "10.42.0.2")
    assert ask(two_nodes.a, "10.43.0.20", 80)[0] == "10.42.1.2"
    assert ask(two_nodes.lab.gateway, Lab.NODE_IP, 30080)[0] == "10.42.1.2"


@pytest.mark.root
def test_a_node_that_goes_leaves_nothing_and_a_new_agent_adopts_what_is_there(two_nodes: TwoNodes) -> None:
    first = two_nodes.join(Backend.VXLAN)["node-a"]
    before = two_nodes.a.run("ip -j link show minikube-py.1")
    c = node("node-c", "10.42.2.0/24", dict(Overlay(node_name="node-c", node_ip="192.168.77.4", pod_cidr="10.42.2.0/24").annotations()))

    async def add_c() -> None:
        first.node_changed("node-c", c)
        await first.wait_synced()

    two_nodes.threads["node-a"].call(add_c)
    assert "10.42.2.0/24" in two_nodes.a.run("ip route")
    two_nodes.threads["node-a"].call(_cancel_others)
    # The next agent never hears of node-c.
    two_nodes.join(Backend.VXLAN)
    assert json.loads(two_nodes.a.run("ip -j link show minikube-py.1"))[0]["ifindex"] == json.loads(before)[0]["ifindex"]
    assert "10.42.2.0" not in two_nodes.a.run("ip route") + two_nodes.a.run("ip neigh show dev minikube-py.1")
    assert vtep_mac("node-c") not in two_nodes.a.run("bridge fdb show dev minikube-py.1")
    two_nodes.lab.serve(two_nodes.pod_b, "10.42.1.2", 8080)
    assert ask(two_nodes.pod_a, "10.42.1.2", 8080)[0] == "10.42.1.2"


@pytest.mark.root
@pytest.mark.parametrize("backend", list(Backend))
def test_cleanup_removes_device_and_routes(two_nodes: TwoNodes, backend: Backend) -> None:
    overlay = two_nodes.join(backend)["node-a"]
    assert "10.42.1.0/24" in two_nodes.a.run("ip route")
    two_nodes.threads["node-a"].call(_cancel_others)
    two_nodes.threads["node-a"].call(overlay.cleanup)
    assert "10.42.1.0/24" not in two_nodes.a.run("ip route")
    assert "minikube-py.1" not in two_nodes.a.run("ip link")
