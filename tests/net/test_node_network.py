"""A whole node's network in a namespace: CNI plugins make the pods, DNS gives names, services connect, cleanup leaves nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path

import dns.message
import dns.query
import pytest

from minikube_py.apis.core_v1 import Namespace, Node, NodeAddress, NodeSpec, NodeStatus
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apis.networking_v1 import ServiceCIDR, ServiceCIDRSpec
from minikube_py.net.cni import CniConfig
from minikube_py.net.node_network import NodeNetwork, NodeNetworkOptions, cleanup_node_network, further_ranges
from minikube_py.net.sysctl import enable_forwarding

from .lab import Lab, ask
from .lab import Namespace as NetworkNamespace
from .objects import endpoint, endpoint_slice, service

PLUGINS = Path("/usr/lib/cni")


def test_the_conflist_names_bridge_range_and_hairpin(tmp_path: Path) -> None:
    plugins = CniConfig(conf_dir=tmp_path, pod_cidrs=["10.42.3.0/24"], mtu=1450).document()["plugins"]
    assert [p["type"] for p in plugins] == ["bridge"]
    bridge = plugins[0]
    assert (bridge["bridge"], bridge["isGateway"], bridge["hairpinMode"], bridge["ipMasq"]) == ("cni0", True, True, False)
    assert (bridge["mtu"], bridge["ipam"]) == (1450, {"type": "host-local", "ranges": [[{"subnet": "10.42.3.0/24"}]]})


async def test_the_conflist_is_written_once_and_removed(tmp_path: Path) -> None:
    config = CniConfig(conf_dir=tmp_path / "net.d", pod_cidrs=["10.42.3.0/24"])
    await config.write()
    (path,) = (tmp_path / "net.d").iterdir()
    first = path.stat().st_ino
    await config.write()
    assert path.stat().st_ino == first
    assert [p["type"] for p in json.loads(path.read_text())["plugins"]] == ["bridge"]
    await config.remove()
    assert list((tmp_path / "net.d").iterdir()) == []


@pytest.mark.root
async def test_forwarding_is_turned_on(lab: Lab) -> None:
    lab.node.run("sysctl -qw net.ipv4.ip_forward=0 net.bridge.bridge-nf-call-iptables=0")
    assert await enable_forwarding() is True
    assert lab.node.run("sysctl -n net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables").split() == ["1", "1"]


def add_pod(lab: Lab, conflist: Path) -> tuple[NetworkNamespace, str]:
    """Run the conflist's plugins as a container runtime does; returns the pod and its address."""
    pod = lab.namespace("pod")
    result: dict[str, object] = {}
    document = json.loads(conflist.read_text())
    for plugin in document["plugins"]:
        config = plugin | {"cniVersion": document["cniVersion"], "name": document["name"]} | ({"prevResult": result} if result else {})
        environment = os.environ | {
            "CNI_COMMAND": "ADD",
            "CNI_CONTAINERID": pod.name,
            "CNI_NETNS": str(pod.path),
            "CNI_IFNAME": "eth0",
            "CNI_PATH": str(PLUGINS),
        }
        done = subprocess.run(
            ["nsenter", f"--net={lab.node.path}", str(PLUGINS / plugin["type"])],
            input=json.dumps(config), env=environment, capture_output=True, text=True, check=False,
        )
        assert done.returncode == 0, done.stdout
        result = json.loads(done.stdout)
    (ip,) = result["ips"]  # type: ignore[misc]
    return pod, str(ip["address"]).partition("/")[0]  # type: ignore[index]


@contextlib.asynccontextmanager
async def running(lab: Lab, tmp_path: Path) -> AsyncIterator[NodeNetwork]:
    # The lab's bridge gives way to the one that the plugin makes.
    lab.node.run("ip link del cni0")
    conf = tmp_path / "resolv.conf"
    conf.write_text("nameserver 10.43.0.10\n")
    options = NodeNetworkOptions(
        node_name="node-a",
        node_ip=Lab.NODE_IP,
        pod_cidr="10.42.0.0/24",
        cni_conf_dir=tmp_path / "net.d",
        ipam_dir=tmp_path / "ipam",
        resolv_conf=conf,
    )
    network = await NodeNetwork.create(options)
    own = Node(metadata=ObjectMeta(name="node-a", annotations=dict(network.node_annotations())), spec=NodeSpec(pod_cidr="10.42.0.0/24"))
    network.node_changed("node-a", own)
    network.namespace_changed("default", Namespace())
    network.initial_sync_done()
    task = asyncio.create_task(network.run())
    ready = asyncio.create_task(network.wait_ready())
    try:
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED, timeout=10)
        assert ready.done() and not task.done()
        yield network
    finally:
        ready.cancel()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.mark.root
async def test_a_pod_finds_a_service_by_name_and_connects(lab: Lab, tmp_path: Path) -> None:
    async with running(lab, tmp_path) as network:
        (conflist,) = (tmp_path / "net.d").iterdir()
        client, _ = await asyncio.to_thread(add_pod, lab, conflist)
        backend, ip = await asyncio.to_thread(add_pod, lab, conflist)
        lab.serve(backend, ip, 8080)
        network.service_changed("default/web", service("10.43.0.20", ("TCP", 80)))
        network.slice_changed("default/web-x", endpoint_slice([endpoint(ip)], ("TCP", 80, 8080)))
        await network.proxy.wait_synced()

        def resolve(where: NetworkNamespace, name: str) -> dns.message.Message:
            with where.entered():
                return dns.query.udp(dns.message.make_query(name, "A"), "10.43.0.10", timeout=3)

        for where in (client, lab.node):
            answer = await asyncio.to_thread(resolve, where, "web.default.svc.cluster.local")
            assert [str(item) for item in answer.answer[0]] == ["10.43.0.20"]
        assert (await asyncio.to_thread(ask, client, "10.43.0.20", 80))[0] == ip
        assert (await asyncio.to_thread(ask, lab.node, "10.43.0.20", 80))[0] == ip
        # A Service with the address of the DNS does not take it away.
        network.service_changed("kube-system/kube-dns", service("10.43.0.10", ("UDP", 53), name="kube-dns", namespace="kube-system"))
        await network.proxy.wait_synced()
        answer = await asyncio.to_thread(resolve, client, "kube-dns.kube-system.svc.cluster.local")
        assert [str(item) for item in answer.answer[0]] == ["10.43.0.10"]


@pytest.mark.root
async def test_services_go_on_after_the_agent_and_are_taken_over_by_the_next(lab: Lab, tmp_path: Path) -> None:
    lab.serve(lab.gateway, "192.168.77.1", 8080, name="backend")
    async with running(lab, tmp_path) as network:
        network.service_changed("default/web", service("10.43.0.20", ("TCP", 80)))
        network.slice_changed("default/web-x", endpoint_slice([endpoint("192.168.77.1", node="other")], ("TCP", 80, 8080)))
        await network.proxy.wait_synced()
    assert (await asyncio.to_thread(ask, lab.node, "10.43.0.20", 80))[0] == "backend"
    lab.node.run("ip link add cni0 type bridge")
    async with running(lab, tmp_path):
        with pytest.raises(ConnectionRefusedError):
            await asyncio.to_thread(ask, lab.node, "10.43.0.20", 80)


def test_further_service_ranges_are_few_and_never_where_nodes_and_pods_are() -> None:
    options = NodeNetworkOptions(node_name="a", node_ip="192.0.2.1", pod_cidr="10.42.0.0/24")
    assert further_ranges(options, ["10.43.0.0/16", "10.43.8.0/24", "fd00::/112"]) == ()
    several = ["10.45.0.0/24", "10.45.1.0/24", "10.45.0.0/25", "198.51.100.0/24"]
    assert further_ranges(options, several) == ("10.45.0.0/23", "198.51.100.0/24")
    assert further_ranges(options, ["192.0.2.0/24", "10.42.7.0/24", "10.0.0.0/8"]) == ()
    assert further_ranges(options, several, [ip_address("198.51.100.9"), ip_address("fd00::1")]) == ("10.45.0.0/23",)


@pytest.mark.root
async def test_service_ranges_that_come_and_go_have_routes_and_rules_and_names(lab: Lab, tmp_path: Path) -> None:
    async def routes(wanted: bool) -> None:
        async with asyncio.timeout(5):
            while ("10.45.0.0/24 dev minikube-py0" in await asyncio.to_thread(lab.node.run, "ip route show proto 110")) is not wanted:
                await asyncio.sleep(0.01)

    cidr = ServiceCIDR(metadata=ObjectMeta(name="more"), spec=ServiceCIDRSpec(cidrs=["10.45.0.0/24"]))
    async with running(lab, tmp_path) as network:
        network.service_cidr_changed("more", cidr)
        await routes(True)
        await network.proxy.wait_synced()
        assert network.zone.owns("7.0.45.10.in-addr.arpa")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.to_thread(ask, lab.node, "10.45.0.9", 80)
        network.service_cidr_changed("more", None)
        await routes(False)
        network.service_cidr_changed("more", cidr)
        await routes(True)
        node = Node(metadata=ObjectMeta(name="b"), status=NodeStatus(addresses=[NodeAddress(type="InternalIP", address="10.45.0.7")]))
        network.node_changed("b", node)
        await routes(False)
        network.node_changed("b", None)
        await routes(True)
    lab.node.run("ip link add cni0 type bridge")
    async with running(lab, tmp_path):
        await routes(False)
        assert "10.43.0.0/16 dev minikube-py0" in await asyncio.to_thread(lab.node.run, "ip route show proto 110")


@pytest.mark.root
async def test_cleanup_leaves_the_namespace_as_it_was(lab: Lab, tmp_path: Path) -> None:
    lab.node.run("ip link del cni0")
    before = lab.node.run("ip route"), lab.node.run("ip -br addr show up"), lab.node.run("nft list ruleset")
    lab.node.run("ip link add cni0 type bridge")
    async with running(lab, tmp_path):
        (conflist,) = (tmp_path / "net.d").iterdir()
        await asyncio.to_thread(add_pod, lab, conflist)
        assert "minikube-py.1" in lab.node.run("ip link")
    lab.close_pods()
    await cleanup_node_network(tmp_path / "net.d")
    assert (lab.node.run("ip route"), lab.node.run("ip -br addr show up"), lab.node.run("nft list ruleset")) == before
    assert list((tmp_path / "net.d").iterdir()) == []
    await cleanup_node_network(tmp_path / "net.d")


@pytest.mark.root
async def test_rules_removed_by_another_program_come_back_by_themselves(lab: Lab, tmp_path: Path) -> None:
    lab.serve(lab.gateway, Lab.GATEWAY_IP, 8080, name="backend")
    async with running(lab, tmp_path) as network:
        network.service_changed("default/web", service("10.43.0.20", ("TCP", 80)))
        network.slice_changed("default/web-x", endpoint_slice([endpoint(Lab.GATEWAY_IP, node="other")], ("TCP", 80, 8080)))
        await network.proxy.wait_synced()
        await asyncio.to_thread(lab.node.run, "nft flush ruleset")
        async with asyncio.timeout(5):
            while "minikube-py" not in await asyncio.to_thread(lab.node.run, "nft list tables"):
                await asyncio.sleep(0.01)
        await network.proxy.wait_synced()
        assert (await asyncio.to_thread(ask, lab.node, "10.43.0.20", 80))[0] == "backend"


@pytest.mark.root
@pytest.mark.parametrize("lost", ["ip link del minikube-py0", "ip route del 10.43.0.0/16", f"ip addr del {Lab.NODE_IP}/24 dev eth0"])
async def test_routes_that_were_lost_come_back_by_themselves(lab: Lab, tmp_path: Path, lost: str) -> None:
    async with running(lab, tmp_path):
        before = await asyncio.to_thread(lab.node.run, "ip route show proto 110")
        assert "10.43.0.0/16 dev minikube-py0" in before and "unreachable 10.42.0.0/16" in before
        await asyncio.to_thread(lab.node.run, lost)
        if "addr" in lost:
            await asyncio.to_thread(lab.node.run, f"ip addr add {Lab.NODE_IP}/24 dev eth0")
        async with asyncio.timeout(5):
            while await asyncio.to_thread(lab.node.run, "ip route show proto 110") != before:
                await asyncio.sleep(0.01)
        assert "10.43.0.10" in await asyncio.to_thread(lab.node.run, "ip addr show dev minikube-py0")
