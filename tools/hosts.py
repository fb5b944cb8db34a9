"""Hosts made of network namespaces, for running real clusters side by side on one machine without touching its own network.

Each host is a namespace with `eth0`, an address, and a default route. Hosts of one `Lan` reach each other over a bridge that has a
namespace of its own; nothing leads out of it, so a packet that no rule of a cluster catches ends there. Programs enter a host by
`nsenter --net`, and see the machine's own file system and processes.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

NETNS_DIR = Path("/run/netns")
GATEWAY = "198.18.0.1"
INNER_GATEWAY = "198.19.0.1"
PREFIX = 24


def run(*command: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command and return what it printed.

    Raises: RuntimeError with its output if it fails and `check`.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done


class Lan:
    """A bridge in a namespace of its own, on which hosts hang. Its own address is the hosts' default gateway; it forwards nothing.

    Args:
        gateway: the bridge's address; hosts have the next ones.
    """

    def __init__(self, name: str, gateway: str = GATEWAY) -> None:
        self.name = name
        self.gateway = gateway
        self.hosts: list[Host] = []
        self._ports = 0
        run("ip", "netns", "add", name)
        self._ip("link", "add", "br0", "type", "bridge")
        self._ip("addr", "add", f"{gateway}/{PREFIX}", "dev", "br0")
        self._ip("link", "set", "br0", "up")

    def _ip(self, *arguments: str) -> str:
        return run("ip", "-netns", self.name, *arguments).stdout

    def add_host(self, name: str) -> Host:
        """A new host with the next address."""
        port, address = self.plug()
        host = Host(f"{self.name}-{name}", address, self, port)
        self.hosts.append(host)
        return host

    def plug(self) -> tuple[str, str]:
        """A free port of the bridge, and the address that belongs to it."""
        self._ports += 1
        return f"p{self._ports}", f"{self.gateway.rpartition('.')[0]}.{self._ports + 1}"

    def packets_to(self, network: str) -> int:
        """How many packets to a network have reached the bridge: those left a host without being caught.

        Args:
            network: CIDR; counted from the first call of `count` for it.
        """
        listing = run("nsenter", f"--net={NETNS_DIR / self.name}", "nft", "list", "table", "netdev", "strays").stdout
        found = re.search(rf"ip daddr {re.escape(network)} counter packets (\d+)", listing)
        return int(found[1]) if found else 0

    def count(self, *networks: str) -> None:
        """Count packets to these networks that arrive at the bridge from now on."""
        devices = ", ".join(f'"p{number + 1}"' for number in range(self._ports))
        rules = "\n".join(f"ip daddr {network} counter" for network in networks)
        text = f"table netdev strays {{ chain in {{ type filter hook ingress devices = {{ {devices} }} priority 0; {rules}\n }}\n}}\n"
        run("nsenter", f"--net={NETNS_DIR / self.name}", "nft", "-f", "-", input=text)

    def close(self) -> None:
        for host in self.hosts:
            host.close()
        run("ip", "netns", "del", self.name, check=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class NatLan(Lan):
    """A network behind another one: its hosts reach the outer hosts as one address, and no outer host has a way to them."""

    def __init__(self, name: str, outer: Lan, gateway: str = INNER_GATEWAY) -> None:
        super().__init__(name, gateway)
        port, address = outer.plug()
        run("ip", "-netns", outer.name, "link", "add", port, "type", "veth", "peer", "name", "uplink", "netns", name)
        run("ip", "-netns", outer.name, "link", "set", port, "master", "br0", "up")
        self._ip("addr", "add", f"{address}/{PREFIX}", "dev", "uplink")
        self._ip("link", "set", "uplink", "up")
        inside = ("nsenter", f"--net={NETNS_DIR / name}")
        run(*inside, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        rules = (
            'table ip nat { chain out { type nat hook postrouting priority 100; oifname "uplink" masquerade; }; }\n'
            'table ip guard { chain in { type filter hook forward priority 0; iifname "uplink" ct state new drop; }; }\n'
        )
        run(*inside, "nft", "-f", "-", input=rules)


class Host:
    """One host: a network namespace, and the processes that were started in it."""

    def __init__(self, name: str, address: str, lan: Lan, port: str) -> None:
        self.name = name
        self.address = address
        self.processes: list[subprocess.Popen[bytes]] = []
        run("ip", "netns", "add", name)
        run("ip", "-netns", lan.name, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
        run("ip", "-netns", lan.name, "link", "set", port, "master", "br0", "up")
        for arguments in (
            ("link", "set", "lo", "up"), ("addr", "add", f"{address}/{PREFIX}", "dev", "eth0"), ("link", "set", "eth0", "up"),
            ("route", "add", "default", "via", lan.gateway),
        ):
            run("ip", "-netns", name, *arguments)

    @property
    def enter(self) -> tuple[str, ...]:
        """The words before a command that is to run on this host."""
        return ("nsenter", f"--net={NETNS_DIR / self.name}")

    def run(self, *command: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command on this host to its end."""
        return run(*self.enter, *command, check=check, **options)

    def start(self, *command: str, log: Path, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start a program on this host in a session of its own; its output goes to `log`."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*self.enter, *command], stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
                env={**os.environ, **(env or {})},
            )
        self.processes.append(process)
        return process

    def stop(self, process: subprocess.Popen[bytes], *, timeout_s: float = 30.0, kill: bool = False) -> int:
        """End a program that was started here, and return its status."""
        if process.poll() is None:
            process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            status = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        if process in self.processes:
            self.processes.remove(process)
        return status

    def close(self) -> None:
        """End what runs here and remove the host."""
        for process in [*self.processes]:
            self.stop(process)
        for pid in processes_in(self.name):
            os.kill(pid, signal.SIGKILL)
        run("ip", "netns", "del", self.name, check=False)


def processes_in(name: str) -> list[int]:
    """Running processes whose network namespace is that of a host."""
    try:
        wanted = os.stat(NETNS_DIR / name).st_ino
    except FileNotFoundError:
        return []
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.stat(entry / "ns" / "net").st_ino == wanted and (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def mounts_below(directory: Path) -> list[str]:
    """Mount points below a directory, deepest first."""
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return sorted((point for point in points if point.startswith(f"{directory}/")), key=len, reverse=True)


def remove_tree(directory: Path) -> None:
    """Unmount what is mounted below a directory and delete it."""
    for point in mounts_below(directory):
        run("umount", "-l", point, check=False)
    shutil.rmtree(directory, ignore_errors=True)


def wait_until(condition: Callable[[], Any], what: str, timeout_s: float = 60.0, interval_s: float = 0.1) -> Any:
    """Wait until `condition()` is true and return what it returned.

    Raises: TimeoutError naming what was waited for.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s:.0f} s for {what}")
        time.sleep(interval_s)


