"""Throw-away network namespaces with nodes and pods in them, driven by plain sockets of this process.

A socket belongs to the namespace that it was made in, so one process plays every part: `with namespace.entered()` makes them
where they belong. Nothing here has a route off the machine.
"""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import os
import shlex
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)
_NUMBER = iter(range(1_000_000))


def _setns(fd: int) -> None:
    if _LIBC.setns(fd, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Namespace:
    """One network namespace, with lo up."""

    def __init__(self, role: str) -> None:
        self.name = f"mkt{os.getpid()}-{next(_NUMBER)}-{role}"
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self.path = Path("/run/netns") / self.name
        self.run("ip link set lo up")

    def run(self, command: str) -> str:
        done = subprocess.run(
            ["nsenter", f"--net={self.path}", *shlex.split(command)], capture_output=True, text=True, check=False, timeout=20
        )
        if done.returncode:
            raise AssertionError(f"{command}: {done.stderr or done.stdout}")
        return done.stdout

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Move this thread into the namespace; threads started inside stay there."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        inside = os.open(self.path, os.O_RDONLY)
        try:
            _setns(inside)
            yield
        finally:
            _setns(before)
            os.close(inside)
            os.close(before)

    def socket(self, kind: int = socket.SOCK_STREAM, timeout_s: float = 2.0) -> socket.socket:
        with self.entered():
            made = socket.socket(socket.AF_INET, kind)
        made.settimeout(timeout_s)
        return made

    def connect_to(self, other: Namespace, device: str, other_device: str) -> None:
        """Join two namespaces by a veth pair, both ends up."""
        self.run(f"ip link add {device} type veth peer name {other_device} netns {other.name}")
        self.run(f"ip link set {device} up")
        other.run(f"ip link set {other_device} up")

    def packets_in(self, device: str) -> int:
        """IPv4 packets (not ARP or ICMPv6) that came in by `device`, counted by nft."""
        out = self.run("nft list counter ip lab seen")
        return int(out.split("packets")[1].split()[0])

    def count_packets(self, device: str, match: str) -> None:
        self.run("nft add table ip lab")
        self.run("nft add counter ip lab seen")
        self.run("nft add chain ip lab pre '{ type filter hook prerouting priority -300; }'")
        self.run(f"nft add rule ip lab pre iifname {device} {match} counter name seen")

    def close(self) -> None:
        subprocess.run(["ip", "netns", "del", self.name], check=False)


class Lab:
    """A node with a gateway behind its default route, and pods on its bridge."""

    NODE_IP = "192.168.77.2"
    GATEWAY_IP = "192.168.77.1"

    def __init__(self) -> None:
        self._all: list[Namespace] = []
        self._servers: list[Server] = []
        self.gateway = self.namespace("gw")
        self.node = self.namespace("node")
        self.node.connect_to(self.gateway, "eth0", "eth0")
        self.node.run(f"ip addr add {self.NODE_IP}/24 dev eth0")
        self.gateway.run(f"ip addr add {self.GATEWAY_IP}/24 dev eth0")
        self.node.run(f"ip route add default via {self.GATEWAY_IP}")
        self.node.run("sysctl -qw net.ipv4.ip_forward=1")
        self.node.run("ip link add cni0 type bridge")
        self.node.run("ip addr add 10.42.0.1/24 dev cni0")
        self.node.run("ip link set cni0 up")

    def namespace(self, role: str) -> Namespace:
        made = Namespace(role)
        self._all.append(made)
        return made

    def pod(self, ip: str, node: Namespace | None = None, gateway: str = "10.42.0.1") -> Namespace:
        """A namespace on the bridge of `node`, as the bridge CNI plugin makes it (with hairpin mode)."""
        node = node or self.node
        made = self.namespace("pod")
        device = f"v{ipaddress.ip_address(ip).packed.hex()}"
        node.connect_to(made, device, "eth0")
        node.run(f"ip link set {device} master cni0")
        node.run(f"ip link set {device} type bridge_slave hairpin on")
        made.run(f"ip addr add {ip}/24 dev eth0")
        made.run(f"ip route add default via {gateway}")
        return made

    def close_pods(self) -> None:
        """Remove the pods' namespaces, and with them their ends of the bridge."""
        for namespace in [n for n in self._all if n.name.endswith("-pod")]:
            self._all.remove(namespace)
            namespace.close()

    def serve(self, where: Namespace, ip: str, port: int, kind: int = socket.SOCK_STREAM, name: str = "") -> Server:
        server = Server(where, ip, port, kind, name or ip)
        self._servers.append(server)
        return server

    def close(self) -> None:
        for server in self._servers:
            server.close()
        for namespace in self._all:
            namespace.close()


class Server:
    """Answers "<name> <address of the client>" to every connection or datagram."""

    def __init__(self, where: Namespace, ip: str, port: int, kind: int, name: str) -> None:
        self.name = name
        self._socket = where.socket(kind)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((ip, port))
        self._socket.settimeout(0.2)
        self._closing = threading.Event()
        target: Callable[[], None] = self._stream if kind == socket.SOCK_STREAM else self._datagram
        if kind == socket.SOCK_STREAM:
            self._socket.listen(64)
        self._thread = threading.Thread(target=target)
        self._thread.start()

    def _stream(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                connection, client = self._socket.accept()
                with connection:
                    connection.sendall(f"{self.name} {client[0]}".encode())

    def _datagram(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                _, client = self._socket.recvfrom(512)
                self._socket.sendto(f"{self.name} {client[0]}".encode(), client)

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self._socket.close()


def ask(where: Namespace, ip: str, port: int, timeout_s: float = 2.0) -> tuple[str, str]:
    """Connect by TCP; returns the server's name and the client address that it saw."""
    with where.socket(timeout_s=timeout_s) as client:
        client.connect((ip, port))
        name, _, seen = client.recv(200).decode().partition(" ")
        return name, seen


def ask_udp(where: Namespace, ip: str, port: int, client: socket.socket | None = None) -> tuple[str, str]:
    """Send one datagram; returns the server's name and the client address that it saw."""
    with contextlib.ExitStack() as stack:
        if client is None:
            client = stack.enter_context(where.socket(socket.SOCK_DGRAM))
        client.connect((ip, port))
        client.send(b"?")
        name, _, seen = client.recv(200).decode().partition(" ")
        return name, seen
