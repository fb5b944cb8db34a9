"""Notices that some program took away what this one set up in the kernel, without looking again and again.

The kernel tells changes of tables, links, addresses and routes on netlink groups. What is heard is only a hint to look: who made
a change is not said reliably, and when too many come at once some are lost.

Source: netlink(7), rtnetlink(7), linux/netfilter/nf_tables.h
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections.abc import Callable, Collection, Iterator

_NETLINK_ROUTE = 0
_NETLINK_NETFILTER = 12

# Groups as bits.
_NFNLGRP_NFTABLES = 1 << 6
_RTMGRP_LINK = 1 << 0
_RTMGRP_IPV4_IFADDR = 1 << 4
_RTMGRP_IPV4_ROUTE = 1 << 6

_NFT_MSG_DELTABLE = 10 << 8 | 2
_RTM_DELLINK = 17
_RTM_NEWADDR = 20
_RTM_DELROUTE = 25

_IFLA_IFNAME = 3
_IFA_LOCAL = 2
_IFINFOMSG_BYTES = 16
_IFADDRMSG_BYTES = 8
_RTMSG_PROTOCOL_OFFSET = 5

_READ_BYTES = 65_536
_MESSAGE = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")


async def watch_deleted_tables(on_deleted: Callable[[], None]) -> None:
    """Call `on_deleted` whenever an nftables table of this network namespace may have been deleted, until cancelled.

    Raises: OSError if the kernel has no nftables.
    """
    await _watch(_NETLINK_NETFILTER, _NFNLGRP_NFTABLES, lambda kind, _: kind == _NFT_MSG_DELTABLE, on_deleted)


async def watch_lost_routes(
    *, devices: Collection[str], address: str, protocols: Collection[int], on_lost: Callable[[], None]
) -> None:
    """Call `on_lost` whenever what routes depend on may have changed, until cancelled.

    Args:
        devices: links whose deletion counts.
        address: IPv4 address whose (new) appearance counts: its disappearance takes routes along silently.
        protocols: numbers of the routes whose deletion counts.
    """
    names = {name.encode() for name in devices}
    packed = socket.inet_aton(address)

    def matters(kind: int, payload: bytes) -> bool:
        if kind == _RTM_DELLINK:
            return any(k == _IFLA_IFNAME and value.rstrip(b"\0") in names for k, value in _attributes(payload, _IFINFOMSG_BYTES))
        if kind == _RTM_NEWADDR:
            return any(k == _IFA_LOCAL and value == packed for k, value in _attributes(payload, _IFADDRMSG_BYTES))
        return kind == _RTM_DELROUTE and len(payload) > _RTMSG_PROTOCOL_OFFSET and payload[_RTMSG_PROTOCOL_OFFSET] in protocols

    await _watch(_NETLINK_ROUTE, _RTMGRP_LINK | _RTMGRP_IPV4_IFADDR | _RTMGRP_IPV4_ROUTE, matters, on_lost)


async def _watch(protocol: int, groups: int, matters: Callable[[int, bytes], bool], on_event: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol) as listener:
        listener.bind((0, groups))
        failed: asyncio.Future[None] = loop.create_future()
        loop.add_reader(listener.fileno(), _read, listener, matters, on_event, failed)
        try:
            await failed
        finally:
            loop.remove_reader(listener.fileno())


def _read(
    listener: socket.socket, matters: Callable[[int, bytes], bool], on_event: Callable[[], None], failed: asyncio.Future[None]
) -> None:
    try:
        messages = listener.recv(_READ_BYTES)
    except BlockingIOError:
        return
    except OSError as e:
        if e.errno == errno.ENOBUFS:
            # More changes than the buffer holds: one that matters may have been lost.
            on_event()
        elif not failed.done():
            failed.set_exception(e)
        return
    if any(matters(kind, payload) for kind, payload in _messages(messages)):
        on_event()


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset + _MESSAGE.size <= len(data):
        length, kind, *_ = _MESSAGE.unpack_from(data, offset)
        if length < _MESSAGE.size:
            return
        yield kind, data[offset + _MESSAGE.size : offset + length]
        offset += length + 3 & ~3


def _attributes(payload: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    while offset + _ATTRIBUTE.size <= len(payload):
        length, kind = _ATTRIBUTE.unpack_from(payload, offset)
        if length < _ATTRIBUTE.size:
            return
        yield kind, payload[offset + _ATTRIBUTE.size : offset + length]
        offset += length + 3 & ~3
