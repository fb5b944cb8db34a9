"""IP addresses: what is one, and which this machine has towards others."""

from __future__ import annotations

import ipaddress
import socket


def default_address() -> str:
    """The address with which this machine would reach others; loopback if it can reach none. Sends nothing."""
    # 192.0.2.1 is for documentation (RFC 5737): connecting a datagram socket only looks up the route.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def is_address(name: str) -> bool:
    """Whether a host is named by its IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
