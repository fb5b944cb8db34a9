"""Kernel parameters that a node's network depends on, of the network namespace that the process runs in."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

log = logging.getLogger(__name__)

_SYS = Path("/proc/sys")
_FORWARDING = {"ip": "net/ipv4/ip_forward", "ip6": "net/ipv6/conf/all/forwarding"}
_BRIDGE = {"ip": "net/bridge/bridge-nf-call-iptables", "ip6": "net/bridge/bridge-nf-call-ip6tables"}


class SysctlError(Exception):
    """A kernel parameter has the wrong value and cannot be set."""


async def enable_forwarding(family: str = "ip") -> bool:
    """Let the node forward packets, and bridged ones pass the IP hooks.

    Args:
        family: "ip" or "ip6".
    Returns: whether bridged frames pass the IP hooks; False where the kernel has no br_netfilter.
    Raises: SysctlError if forwarding is off and cannot be turned on.
    Source: kubernetes.io/docs/setup/production-environment/container-runtimes/#network-configuration
    """
    set_sysctl(_FORWARDING[family], "1")
    if not (_SYS / _BRIDGE[family]).exists():
        await _load_module("br_netfilter")
    if not (_SYS / _BRIDGE[family]).exists():
        log.warning("no br_netfilter: connections of two pods of this node through a service are masqueraded")
        return False
    set_sysctl(_BRIDGE[family], "1")
    return True


def answer_by_loopback(device: str) -> None:
    """Let connections from 127.0.0.1 leave by a device once they are translated, and their answers come back.

    Raises: SysctlError if there is no such device, or the kernel refuses.
    """
    set_sysctl(f"net/ipv4/conf/{device}/route_localnet", "1")


def set_sysctl(name: str, value: str) -> None:
    """Set one parameter, given by its path under /proc/sys, unless it has the value already.

    Raises: SysctlError if it does not exist or may not be written.
    """
    path = _SYS / name
    try:
        if path.read_text().strip() != value:
            path.write_text(value)
    except OSError as e:
        raise SysctlError(f"cannot set {name.replace('/', '.')}={value}: {e.strerror}") from e


async def _load_module(name: str) -> None:
    try:
        process = await asyncio.create_subprocess_exec(
            "modprobe", name, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError as e:
        log.info("cannot load a kernel module module=%s error=%s", name, e)
        return
    await process.wait()
