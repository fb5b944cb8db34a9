"""DnsServer: answers for the cluster's names from the zone, and everything else from upstream.

Names of the cluster are answered where the datagram is received, without a task. What goes upstream is a task of the server's
TaskGroup, unless it is in the cache.

Source: RFC 1035 §4.2 (UDP, TCP), RFC 6891 (EDNS), RFC 2308 (negative answers)
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from typing import Any, NamedTuple

from dnslib import AAAA, CLASS, CNAME, EDNS0, NS, PTR, QTYPE, RCODE, RR, SOA, SRV, TXT, A, DNSError, DNSRecord

from .upstream import SERVFAIL, Upstream
from .wire import HEADER_BYTES, MESSAGE_BYTES_MAX, WireError, failure, question_end
from .zone import ClusterZone, Found

log = logging.getLogger(__name__)

TTL_S = 5
"""Source: coredns.io/plugins/kubernetes/#syntax (ttl)"""

_UDP_BYTES_MIN = 512
_UDP_BYTES_MAX = 4_096
_TCP_IDLE_S = 10.0
_TCP_CONNECTIONS_MAX = 500
_ALIASES_MAX = 8
"""Aliases followed in one answer."""

_FORMERR, _NXDOMAIN, _NOTIMP = 1, 3, 4


class _Resolution(NamedTuple):
    """What the zone says, and the name outside the cluster that an alias ends in."""

    rcode: int
    answers: list[RR]
    extra: list[RR]
    outside: str


class DnsServer:
    """The cluster DNS on one node.

    Args:
        zone: names of the cluster.
        upstream: for all other names.
        address: where to listen, UDP and TCP; it must be an address of this node by the time of `run`.
    """

    def __init__(self, zone: ClusterZone, upstream: Upstream, address: str, port: int = 53) -> None:
        self._zone = zone
        self._upstream = upstream
        self._address = address
        self._port = port
        self._connections = 0
        self.ready = asyncio.Event()
        """Set once both sockets listen."""
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Answer until cancelled.

        Raises: OSError if the address cannot be bound.
        """
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=(self._address, self._port))
        try:
            server = await asyncio.start_server(self._connected, self._address, self._port)
            async with server, asyncio.TaskGroup() as self._tasks:
                self.ready.set()
                await server.serve_forever()
        finally:
            transport.close()

    def answer_datagram(self, query: bytes, reply: Callable[[bytes], None]) -> None:
        """Answer one query received by UDP: at once if it can be, or from a task."""
        answer = self._answer_now(query, tcp=False)
        if answer is not None:
            reply(answer)
        elif self._tasks is not None:
            self._tasks.create_task(self._answer_later(query, reply), name="dns-forward")

    async def _answer_later(self, query: bytes, reply: Callable[[bytes], None]) -> None:
        reply(await self._answer(query, tcp=False))

    async def _answer(self, query: bytes, *, tcp: bool) -> bytes:
        try:
            return self._answer_now(query, tcp=tcp) or await self._resolve_outside(query, tcp=tcp)
        except Exception:
            # A message from outside must not end the server for all others.
            log.exception("query failed")
            return failure(query, SERVFAIL)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._tasks is None or self._connections >= _TCP_CONNECTIONS_MAX:
            writer.close()
        else:
            self._tasks.create_task(self._serve_connection(reader, writer), name="dns-connection")

    async def _serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            while True:
                async with asyncio.timeout(_TCP_IDLE_S):
                    length = int.from_bytes(await reader.readexactly(2), "big")
                    query = await reader.readexactly(length)
                answer = await self._answer(query, tcp=True)
                writer.write(len(answer).to_bytes(2, "big") + answer)
                async with asyncio.timeout(_TCP_IDLE_S):
                    await writer.drain()
        except (EOFError, OSError, TimeoutError) as e:
            log.debug("connection ended error=%r", e)
        finally:
            self._connections -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _answer_now(self, query: bytes, *, tcp: bool) -> bytes | None:
        """The answer if no other server is needed for it; None if one is."""
        if len(query) < HEADER_BYTES or query[2] & 0x80:
            return failure(query.ljust(HEADER_BYTES, b"\0"), _FORMERR)
        if query[2] & 0x78:
            return failure(query, _NOTIMP)
        try:
            question_end(query)
            message = DNSRecord.parse(query)
        except (WireError, DNSError, ValueError, IndexError):
            return failure(query, _FORMERR)
        name = _text(message.q.qname)
        if message.q.qclass != CLASS.IN or not self._zone.owns(name):
            return self._upstream.cached(query)
        resolution = self._resolve(name, message.q.qtype)
        if resolution.outside:
            return None
        return self._pack(message, resolution, tcp)

    async def _resolve_outside(self, query: bytes, *, tcp: bool) -> bytes:
        message = DNSRecord.parse(query)
        name = _text(message.q.qname)
        if not self._zone.owns(name):
            return await self._upstream.forward(query, tcp=tcp)
        resolution = self._resolve(name, message.q.qtype)
        response = await self._ask_outside(bytes(DNSRecord.question(resolution.outside, QTYPE[message.q.qtype]).pack()))
        rcode = response[3] & 0x0F
        if rcode == SERVFAIL:
            return failure(query, SERVFAIL)
        try:
            resolution.answers.extend(DNSRecord.parse(response).rr)
        except (DNSError, ValueError, IndexError):
            return failure(query, SERVFAIL)
        return self._pack(message, resolution._replace(rcode=rcode), tcp)

    async def _ask_outside(self, query: bytes) -> bytes:
        """The whole answer to a query of our own."""
        response = self._upstream.cached(query) or await self._upstream.forward(query, tcp=False)
        truncated = response[2] & 0x02
        return await self._upstream.forward(query, tcp=True) if truncated else response

    def _resolve(self, name: str, qtype: int) -> _Resolution:
        answers: list[RR] = []
        for _ in range(_ALIASES_MAX):
            found = self._zone.find(name)
            if found is None:
                return _Resolution(_NXDOMAIN, answers, [], "")
            if not found.alias:
                records, extra = self._records(name, qtype, found)
                return _Resolution(0, answers + records, extra, "")
            answers.append(RR(name, QTYPE.CNAME, ttl=TTL_S, rdata=CNAME(found.alias)))
            if qtype == QTYPE.CNAME:
                return _Resolution(0, answers, [], "")
            name = found.alias
            if not self._zone.owns(name):
                return _Resolution(0, answers, [], name)
        return _Resolution(SERVFAIL, [], [], "")

    def _records(self, name: str, qtype: int, found: Found) -> tuple[list[RR], list[RR]]:
        """The records of a name that are asked for, and those that go with them."""
        if qtype in (QTYPE.A, QTYPE.AAAA):
            records = [r for r in _address_records(name, found.addresses) if r.rtype == qtype]
            # Clients take the first: every endpoint should be it equally often.
            random.shuffle(records)
            return records, []
        if qtype == QTYPE.SRV:
            weight = max(100 // len(found.targets), 1) if found.targets else 0
            records = [RR(name, QTYPE.SRV, ttl=TTL_S, rdata=SRV(0, weight, t.port, t.name)) for t in found.targets]
            by_name = {t.name: t.addresses for t in found.targets}
            return records, [r for target, ips in by_name.items() for r in _address_records(target, ips)]
        if qtype == QTYPE.PTR:
            return [RR(name, QTYPE.PTR, ttl=TTL_S, rdata=PTR(p)) for p in found.pointers], []
        if qtype == QTYPE.TXT:
            return [RR(name, QTYPE.TXT, ttl=TTL_S, rdata=TXT(t)) for t in found.texts], []
        if found.apex and qtype == QTYPE.NS:
            server = self._zone.name_server
            extra = self._zone.find(server) or Found()
            return [RR(name, QTYPE.NS, ttl=TTL_S, rdata=NS(server))], _address_records(server, extra.addresses)
        if found.apex and qtype == QTYPE.SOA:
            return [self._soa(name)], []
        return [], []

    def _soa(self, name: str) -> RR:
        zone = self._zone
        times = (1, 7_200, 1_800, 86_400, TTL_S)
        owner = zone.domain if name.endswith(zone.domain) else name
        return RR(owner, QTYPE.SOA, ttl=TTL_S, rdata=SOA(zone.name_server, f"hostmaster.{zone.domain}", times))

    def _pack(self, query: DNSRecord, resolution: _Resolution, tcp: bool) -> bytes:
        response = query.reply(ra=1, aa=0 if resolution.outside else 1)
        response.header.rcode = resolution.rcode
        response.header.ad = 0
        response.add_answer(*resolution.answers)
        if not resolution.answers and resolution.rcode in (RCODE.NOERROR, _NXDOMAIN):
            response.add_auth(self._soa(_text(query.q.qname)))
        response.add_ar(*resolution.extra)
        udp_bytes = _UDP_BYTES_MIN
        for record in query.ar:
            if record.rtype == QTYPE.OPT:
                udp_bytes = min(max(record.rclass, _UDP_BYTES_MIN), _UDP_BYTES_MAX)
                response.add_ar(EDNS0(udp_len=_UDP_BYTES_MAX))
        return _fitted(response, MESSAGE_BYTES_MAX if tcp else udp_bytes)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        transport = self._transport
        if transport is not None:
            self._server.answer_datagram(data, lambda answer: transport.sendto(answer, addr))


def _text(name: Any) -> str:
    """A name in lower case without its last dot."""
    return str(name).rstrip(".").lower()


def _address_records(name: str, addresses: tuple[str, ...]) -> list[RR]:
    return [
        RR(name, QTYPE.AAAA, ttl=TTL_S, rdata=AAAA(ip)) if ":" in ip else RR(name, QTYPE.A, ttl=TTL_S, rdata=A(ip))
        for ip in addresses
    ]


def _fitted(response: DNSRecord, bytes_max: int) -> bytes:
    """The message packed; what does not fit is left out, additional records first, and answers only with the TC bit."""
    packed = bytes(response.pack())
    if len(packed) <= bytes_max:
        return packed
    response.ar = [r for r in response.ar if r.rtype == QTYPE.OPT]
    packed = bytes(response.pack())
    while len(packed) > bytes_max and response.rr:
        response.header.tc = 1
        kept = min(len(response.rr) - 1, len(response.rr) * bytes_max // len(packed))
        response.rr = response.rr[:kept]
        packed = bytes(response.pack())
    return packed
