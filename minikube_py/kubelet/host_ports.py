"""Which ports of the node lead to its pods, told to who programs them.

A pod has its host ports from the moment when it has an address until its sandbox ends. Pods on the host's network need none: they
listen on the node's own addresses.

Source: kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/network-plugins/#support-hostport
"""

from __future__ import annotations

from collections.abc import Callable

from minikube_py.apis import core_v1
from minikube_py.net.proxy.model import HostPort

from .runtime_state import PodRuntime

Follower = Callable[[str, tuple[HostPort, ...]], None]


class HostPorts:
    """The host ports of the node's pods."""

    def __init__(self) -> None:
        self._ports: dict[str, tuple[HostPort, ...]] = {}
        self._follower: Follower | None = None

    def follow(self, follower: Follower) -> None:
        """Call `follower(uid, ports)` for every pod that has host ports, and at each change; with () when it has none any more."""
        self._follower = follower
        for uid, ports in self._ports.items():
            follower(uid, ports)

    def update(self, pod: core_v1.Pod, runtime: PodRuntime) -> None:
        """Note what runs of a pod."""
        self._set(pod.metadata.uid, host_ports(pod, runtime))

    def forget(self, uid: str) -> None:
        """Note that a pod is gone."""
        self._set(uid, ())

    def _set(self, uid: str, ports: tuple[HostPort, ...]) -> None:
        if ports == self._ports.get(uid, ()):
            return
        if ports:
            self._ports[uid] = ports
        else:
            del self._ports[uid]
        if self._follower is not None:
            self._follower(uid, ports)


def host_ports(pod: core_v1.Pod, runtime: PodRuntime) -> tuple[HostPort, ...]:
    """The host ports of a pod, one for each of its addresses; none while it has no sandbox of its own that is ready."""
    sandbox = runtime.sandbox
    if sandbox is None or not sandbox.ready or pod.spec.host_network:
        return ()
    return tuple(
        HostPort(port.host_ip or "", port.protocol or "TCP", port.host_port, ip, port.container_port)
        for container in (*pod.spec.init_containers, *pod.spec.containers)
        for port in container.ports if port.host_port
        for ip in sandbox.ips
    )
