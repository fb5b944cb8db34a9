"""FlowTable on the kernel's connection tracking, over netlink.

UDP only: a flow that is tracked keeps its translation, so a client that never pauses would go on talking to an endpoint that is
gone. The table is read once per batch of stale flows, on a thread; the kernel leaves out other protocols.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

from .state import StaleFlow


class Conntrack:
    """Connection tracking of the network namespace that the calling thread is in."""

    async def forget_udp(self, flows: list[StaleFlow]) -> None:
        """Delete the tracked UDP flows that match; their next packet is translated anew.

        Raises: OSError if the kernel refuses (netlink errors included).
        """
        await asyncio.to_thread(_forget_udp, flows)


def _forget_udp(flows: list[StaleFlow]) -> None:
    # pyroute2 costs 0.2 s and 10 MB to import: only a node that lost a UDP endpoint pays.
    from pyroute2 import NFCTSocket
    from pyroute2.netlink.exceptions import NetlinkError
    from pyroute2.netlink.nfnetlink.nfctsocket import NFCTAttrTuple

    wanted = {(f.frontend.ip, f.frontend.port, f.backend_ip) for f in flows}
    for family in {socket.AF_INET6 if ":" in f.frontend.ip else socket.AF_INET for f in flows}:
        with NFCTSocket(nfgen_family=family) as conntrack:
            # The answer is read to its end before anything is deleted: both use the one socket.
            for original in list(_matching(conntrack, family, wanted, NFCTAttrTuple)):
                try:
                    conntrack.entry("del", tuple_orig=original)
                except NetlinkError as e:
                    # ENOENT: it timed out in between.
                    if e.code != 2:
                        raise OSError(e.code, f"cannot delete a tracked flow: {e}") from e


def _matching(conntrack: Any, family: int, wanted: set[tuple[str, int, str]], tuple_type: Any) -> Iterator[Any]:
    """The original tuples of the UDP flows in `wanted`: (service ip, service port, backend ip or "")."""
    for message in conntrack.dump(tuple_orig=tuple_type(family=family, proto=socket.IPPROTO_UDP)):
        original = tuple_type.from_netlink(family, message.get_attr("CTA_TUPLE_ORIG"))
        answered_by = tuple_type.from_netlink(family, message.get_attr("CTA_TUPLE_REPLY")).saddr
        backend = "" if answered_by == original.daddr else answered_by
        if (original.daddr, original.dport, backend) in wanted:
            yield original
