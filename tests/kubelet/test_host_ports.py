"""Which ports of the node lead to its pods."""

from __future__ import annotations

from typing import Any

from minikube_py.kubelet.host_ports import HostPorts, host_ports
from minikube_py.kubelet.runtime_state import SandboxInfo
from minikube_py.net.proxy.model import HostPort

from .build import pod, runtime

PORTS = [
    {"containerPort": 8080, "hostPort": 80, "hostIP": "127.0.0.1", "protocol": "TCP"},
    {"containerPort": 53, "hostPort": 53, "protocol": "UDP"},
    {"containerPort": 9000, "protocol": "TCP"},
]


def serving(**spec: Any) -> Any:
    return pod({"containers": [{"name": "app", "image": "i", "ports": PORTS}], **spec})


def test_a_pod_has_its_host_ports_while_its_sandbox_is_ready() -> None:
    assert host_ports(serving(), runtime()) == (
        HostPort("127.0.0.1", "TCP", 80, "10.42.0.7", 8080), HostPort("", "UDP", 53, "10.42.0.7", 53),
    )
    assert host_ports(serving(), runtime(sandboxes=())) == ()
    assert host_ports(serving(), runtime(sandboxes=(SandboxInfo("box", ready=False, ips=("10.42.0.7",)),))) == ()


def test_a_pod_on_the_network_of_the_host_needs_none() -> None:
    assert host_ports(serving(hostNetwork=True), runtime()) == ()


def test_who_follows_is_told_of_what_is_there_and_of_each_change_once() -> None:
    ports, told = HostPorts(), []
    ports.update(serving(), runtime())
    ports.follow(lambda uid, rows: told.append((uid, len(rows))))
    ports.update(serving(), runtime())
    ports.update(pod(uid="other"), runtime())
    ports.update(serving(), runtime(sandboxes=()))
    ports.forget("u")
    assert told == [("u", 2), ("u", 0)]
