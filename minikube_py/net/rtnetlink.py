"""Routes, links and neighbours: one batch of rtnetlink requests at a time, on a thread.

Owns how pyroute2 is called; what is set up with it is its callers' business. pyroute2 is imported at the first use, because it
costs 0.2 s and 10 MB.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Container
from typing import Any, TypeVar

T = TypeVar("T")

# Protocol numbers that mark routes of ours, so that a later process knows them again; free in /etc/iproute2/rt_protos.
PEER_ROUTES = 109
RANGE_ROUTES = 110


class NetlinkRefusedError(OSError):
    """The kernel refused a request; `errno` says why."""


async def on_rtnetlink(work: Callable[[Any], T]) -> T:
    """Call `work` with an open pyroute2 IPRoute of this network namespace, off the event loop.

    Raises: NetlinkRefusedError if the kernel refuses a request; those before it stay done.
    Cancellation: the work goes on to its end.
    """
    return await asyncio.to_thread(_call, work)


def _call(work: Callable[[Any], T]) -> T:
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    with IPRoute() as ipr:
        try:
            return work(ipr)
        except NetlinkError as e:
            raise NetlinkRefusedError(e.code, str(e)) from e


def link_index(ipr: Any, name: str) -> int | None:
    """Index of the link called `name`, None if there is none."""
    found = ipr.link_lookup(ifname=name)
    return int(found[0]) if found else None


def delete_link(ipr: Any, name: str) -> None:
    """Delete a link with its addresses and routes; one that does not exist is no error."""
    index = link_index(ipr, name)
    if index is not None:
        ipr.link("del", index=index)


def delete_routes_of(ipr: Any, protocol: int, keep: Container[str] = ()) -> None:
    """Delete every route with this protocol number, but for those to a destination in `keep`."""
    for message in list(ipr.get_routes(proto=protocol)):
        destination = f"{message.get_attr('RTA_DST')}/{message['dst_len']}"
        if message["proto"] == protocol and destination not in keep:
            priority = message.get_attr("RTA_PRIORITY") or 0
            delete_route(ipr, dst=destination, type=message["type"], scope=message["scope"], priority=priority, proto=protocol)


def delete_route(ipr: Any, **route: Any) -> None:
    """Delete a route; one that does not exist is no error."""
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        ipr.route("del", **route)
    except NetlinkError as e:
        if e.code not in (errno.ESRCH, errno.ENOENT, errno.ENODEV):
            raise
