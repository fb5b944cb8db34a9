"""IP addresses and networks as the API reads them.

Fields from before the strict rules are read the sloppy way (leading zeros, IPv4 in IPv6); what is wrong with them is the business of
validation, and of warnings.

Source: k8s.io/utils/net (ParseIPSloppy, ParseCIDRSloppy), staging/src/k8s.io/apimachinery/pkg/util/validation/ip.go
"""

from __future__ import annotations

import ipaddress
import re

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface

_ZEROS = re.compile(r"(^|[.:])0([0-9]++)(?=\.|$)")
_LINK_LOCAL_MULTICAST = ipaddress.ip_network("224.0.0.0/24")


def leading_zeros(text: str) -> bool:
    """Whether a part of an IPv4 address (as a whole or in IPv6) has zeros before it."""
    return "." in text and _ZEROS.search(text) is not None


def sloppy(text: str) -> Address | None:
    """The address, or None. Zeros before the parts of an IPv4 address mean nothing."""
    if "%" in text:
        return None
    try:
        return ipaddress.ip_address(_ZEROS.sub(lambda part: part[1] + (part[2].lstrip("0") or "0"), text) if "." in text else text)
    except ValueError:
        return None


def sloppy_interface(text: str) -> Interface | None:
    """The address and the network of a text in CIDR notation, or None."""
    host, slash, prefix = text.partition("/")
    address = sloppy(host)
    if address is None or not slash or not (prefix.isascii() and prefix.isdigit()) or int(prefix) > address.max_prefixlen:
        return None
    return ipaddress.ip_interface(f"{address}/{int(prefix)}")


def is_mapped(address: Address) -> bool:
    """Whether it is an IPv4 address in the form of an IPv6 one."""
    return isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None


def unmapped(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped if mapped is not None else address


def is_link_local_multicast(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return address in _LINK_LOCAL_MULTICAST
    return address.packed[0] == 0xFF and address.packed[1] & 0x0F == 0x02


def is_ipv6(text: str) -> bool:
    """Whether the text is an IPv6 address that does not stand for an IPv4 one."""
    address = sloppy(text)
    return address is not None and unmapped(address).version == 6


def dual_stack(texts: list[str]) -> bool:
    """Whether there are addresses of both families among them."""
    return len({is_ipv6(text) for text in texts}) == 2


def warnings_for_ip(path: str, text: str) -> list[str]:
    """What will be wrong with a valid address in a future release, or is only unusual."""
    address = sloppy(text)
    if address is None:
        return []
    if leading_zeros(text) or is_mapped(address):
        return [f'{path}: non-standard IP address "{text}" will be considered invalid in a future Kubernetes release: '
                f'use "{unmapped(address)}"']
    if address.version == 6 and str(address) != text:
        return [f'{path}: IPv6 address "{text}" should be in RFC 5952 canonical format ("{address}")']
    return []


def warnings_for_cidr(path: str, text: str) -> list[str]:
    """What will be wrong with a valid network in a future release, or is only unusual."""
    interface = sloppy_interface(text)
    if interface is None:
        return []
    warnings = []
    network = interface.network
    if interface.ip != network.network_address:
        warnings.append(f'{path}: CIDR value "{text}" is ambiguous in this context (should be "{network}" or '
                        f'"{interface.ip}/{interface.max_prefixlen}"?)')
    host, _, prefix = text.partition("/")
    if leading_zeros(host) or (prefix.startswith("0") and prefix != "0") or is_mapped(interface.ip):
        warnings.append(f'{path}: non-standard CIDR value "{text}" will be considered invalid in a future Kubernetes release: '
                        f'use "{network}"')
    if not warnings and interface.version == 6 and str(network) != text:
        warnings.append(f'{path}: IPv6 CIDR value "{text}" should be in RFC 5952 canonical format ("{network}")')
    return warnings
