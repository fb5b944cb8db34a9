"""Notices that some program deleted an nftables table, without looking again and again.

The kernel tells every change of any table on a netlink group. Only deleted tables matter here, and who deleted one is not said
reliably (a replacement of our own deletes too), so the listener is only a hint to look.

Source: linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections.abc import Callable

_NETLINK_NETFILTER = 12
_NFNLGRP_NFTABLES = 7
_NFT_MSG_DELTABLE = 10 << 8 | 2
"""Subsystem nftables, message 2."""

_READ_BYTES = 65_536
_HEADER = struct.Struct("=IHHII")


async def watch_deleted_tables(on_deleted: Callable[[], None]) -> None:
    """Call `on_deleted` whenever a table of this network namespace may have been deleted, until cancelled.

    Raises: OSError if the kernel has no nftables.
    """
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _NETLINK_NETFILTER) as listener:
        listener.bind((0, 1 << (_NFNLGRP_NFTABLES - 1)))
        failed: asyncio.Future[None] = loop.create_future()
        loop.add_reader(listener.fileno(), _read, listener, on_deleted, failed)
        try:
            await failed
        finally:
            loop.remove_reader(listener.fileno())


def _read(listener: socket.socket, on_deleted: Callable[[], None], failed: asyncio.Future[None]) -> None:
    try:
        messages = listener.recv(_READ_BYTES)
    except BlockingIOError:
        return
    except OSError as e:
        if e.errno == errno.ENOBUFS:
            # More changes than the buffer holds: what was lost may have been a deletion.
            on_deleted()
        elif not failed.done():
            failed.set_exception(e)
        return
    if _tells_deletion(messages):
        on_deleted()


def _tells_deletion(messages: bytes) -> bool:
    offset = 0
    while offset + _HEADER.size <= len(messages):
        length, kind, *_ = _HEADER.unpack_from(messages, offset)
        if kind == _NFT_MSG_DELTABLE:
            return True
        if length < _HEADER.size:
            return False
        offset += length + 3 & ~3
    return False
