"""IP addresses and CIDRs.

Source: staging/src/k8s.io/apiserver/pkg/cel/library/ip.go, cidr.go; Go net/netip
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from ...syntax import quote
from .. import types as t
from ..errors import CelError
from ..values import Opaque, Value
from .netip import NetipError, check_address, check_prefix

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Ip(Opaque):
    __slots__ = ("address",)
    type = t.IP

    def __init__(self, address: _Address) -> None:
        self.address = address

    def __len__(self) -> int:
        return self.address.max_prefixlen // 8

    def equals(self, other: Value) -> bool:
        return isinstance(other, Ip) and self.address == other.address


class Cidr(Opaque):
    """An address and the length of its prefix; bits behind the prefix may be set."""

    __slots__ = ("address", "prefix")
    type = t.CIDR

    def __init__(self, address: _Address, prefix: int) -> None:
        self.address = address
        self.prefix = prefix

    def __len__(self) -> int:
        return -(-self.prefix // 8)

    def equals(self, other: Value) -> bool:
        return isinstance(other, Cidr) and self.address == other.address and self.prefix == other.prefix

    def masked(self, address: _Address) -> int:
        return int(address) >> (address.max_prefixlen - self.prefix)

    def contains(self, address: _Address) -> bool:
        return self.address.version == address.version and self.masked(self.address) == self.masked(address)


def parse_ip(text: str) -> Ip:
    """Raises: CelError."""
    try:
        check_address(text)
    except NetipError as error:
        raise CelError(f"IP Address {quote(text)} parse error during conversion from string: {error}") from error
    if "%" in text:
        raise CelError(f"IP address {quote(text)} with zone value is not allowed")
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        raise CelError(f"IPv4-mapped IPv6 address {quote(text)} is not allowed")
    return Ip(address)


def parse_cidr(text: str) -> Cidr:
    """Raises: CelError."""
    failed = "network address parse error during conversion from string: "
    try:
        check_prefix(text)
    except NetipError as error:
        raise CelError(f"{failed}{failed}{error}") from error
    host, _, bits = text.rpartition("/")
    address = ipaddress.ip_address(host)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        raise CelError(f"{failed}IPv4-mapped IPv6 address {quote(text)} is not allowed")
    return Cidr(address, int(bits))


def _valid(read: Callable[[str], Any]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            read(text)
        except CelError:
            return False
        return True

    return check


def show_address(address: _Address) -> str:
    return str(address)


def _link_local_multicast(ip: Ip) -> bool:
    if ip.address.version == 4:
        return int(ip.address) >> 8 == 0xE00000
    return (int(ip.address) >> 112) & 0xFF0F == 0xFF02


def _global_unicast(ip: Ip) -> bool:
    address = ip.address
    if address.version == 4 and int(address) in (0, 2**32 - 1):
        return False
    return not (address.is_unspecified or address.is_loopback or address.is_multicast or _link_local(ip))


def _link_local(ip: Ip) -> bool:
    return ip.address.is_link_local


def _contains_cidr(outer: Cidr, inner: Cidr) -> bool:
    return outer.prefix <= inner.prefix and outer.contains(inner.address)


def _masked(cidr: Cidr) -> Cidr:
    free = cidr.address.max_prefixlen - cidr.prefix
    number = int(cidr.address) >> free << free
    address: _Address = ipaddress.IPv4Address(number) if cidr.address.version == 4 else ipaddress.IPv6Address(number)
    return Cidr(address, cidr.prefix)


IMPLEMENTATIONS: dict[str, Callable[..., Any]] = {
    "string_to_ip": parse_ip,
    "is_ip": _valid(parse_ip),
    "ip_is_canonical": lambda text: show_address(parse_ip(text).address) == text,
    "ip_to_string": lambda ip: show_address(ip.address),
    "ip_family": lambda ip: ip.address.version,
    "ip_is_unspecified": lambda ip: ip.address.is_unspecified,
    "ip_is_loopback": lambda ip: ip.address.is_loopback,
    "ip_is_link_local_multicast": _link_local_multicast,
    "ip_is_link_local_unicast": _link_local,
    "ip_is_global_unicast": _global_unicast,
    "string_to_cidr": parse_cidr,
    "is_cidr": _valid(parse_cidr),
    "cidr_to_string": lambda cidr: f"{show_address(cidr.address)}/{cidr.prefix}",
    "cidr_contains_ip_string": lambda cidr, text: cidr.contains(parse_ip(text).address),
    "cidr_contains_ip_ip": lambda cidr, ip: cidr.contains(ip.address),
    "cidr_contains_cidr_string": lambda cidr, text: _contains_cidr(cidr, parse_cidr(text)),
    "cidr_contains_cidr": _contains_cidr,
    "cidr_ip": lambda cidr: Ip(cidr.address),
    "cidr_prefix_length": lambda cidr: cidr.prefix,
    "cidr_masked": _masked,
}
