"""Queries that are not the cluster's go to the servers that the node itself uses.

Messages are passed on as they are, with an identifier and a source port of their own; an answer that is too long for UDP comes
back truncated, and the client's second try by TCP goes upstream by TCP. Nothing is asked of a server that is this one.

Source: RFC 1035 §4.2, RFC 5452 (identifiers and ports), resolv.conf(5)
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import secrets
from collections.abc import Collection
from pathlib import Path

from .cache import ResponseCache
from .wire import WireError, failure, same_question

log = logging.getLogger(__name__)

SERVFAIL = 2

_TRY_S = 2.0
"""Wait for one server; resolv.conf's default is 5 s, which is also what most clients give up after in all."""

_TRIES_MAX = 4
_PORT = 53
_FORWARDS_MAX = 1_000
"""Queries under way at a time; more are answered SERVFAIL at once, which clients repeat."""

_STUB_FILE = Path("/run/systemd/resolve/resolv.conf")
"""Where systemd-resolved says which servers its stub on 127.0.0.53 asks.
Source: kubernetes.io/docs/tasks/administer-cluster/dns-debugging-resolution/#known-issues"""


def parse_resolv_conf(text: str) -> list[str]:
    """Addresses of the nameserver lines, in order."""
    servers = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            try:
                ipaddress.ip_address(words[1].partition("%")[0])
            except ValueError:
                continue
            servers.append(words[1])
    return servers


class Upstream:
    """Forwards queries and keeps the answers.

    Args:
        resolv_conf: the node's file; read again when it has changed.
        own_addresses: addresses that this server answers on: never asked.
    """

    def __init__(self, resolv_conf: Path, own_addresses: Collection[str], port: int = _PORT) -> None:
        self._resolv_conf = resolv_conf
        self._own_addresses = frozenset(own_addresses)
        self._port = port
        self._servers: list[str] = []
        self._read: tuple[int, int] | None = None
        self._cache = ResponseCache()
        self._under_way = 0

    def cached(self, query: bytes) -> bytes | None:
        """The kept answer to `query`, if there is one."""
        return self._cache.get(query)

    async def forward(self, query: bytes, *, tcp: bool) -> bytes:
        """Ask the servers in turn; SERVFAIL if none answers in time.

        Args:
            query: a message with exactly one question.
            tcp: the client asked by TCP, so the answer may have any length.
        Cancellation: nothing is kept.
        """
        servers = self._current_servers()
        if not servers or self._under_way >= _FORWARDS_MAX:
            return failure(query, SERVFAIL)
        self._under_way += 1
        try:
            response = await self._ask_in_turn(servers, query, tcp)
        finally:
            self._under_way -= 1
        if response is None:
            return failure(query, SERVFAIL)
        self._cache.put(query, response)
        return response

    async def _ask_in_turn(self, servers: list[str], query: bytes, tcp: bool) -> bytes | None:
        servfail: bytes | None = None
        for server in (servers * _TRIES_MAX)[: max(_TRIES_MAX // 2, len(servers))]:
            asked = secrets.token_bytes(2) + query[2:]
            try:
                async with asyncio.timeout(_TRY_S):
                    response = await (_ask_tcp if tcp else _ask_udp)(server, self._port, asked)
            except (OSError, EOFError, WireError, TimeoutError) as e:
                log.debug("upstream server did not answer server=%s error=%r", server, e)
                continue
            response = query[:2] + response[2:]
            if response[3] & 0x0F != SERVFAIL:
                return response
            servfail = response
        return servfail

    def _current_servers(self) -> list[str]:
        try:
            stat = self._resolv_conf.stat()
            if self._read != (stat.st_mtime_ns, stat.st_ino):
                self._servers = self._load()
                self._read = (stat.st_mtime_ns, stat.st_ino)
        except OSError as e:
            log.warning("cannot read the node's name servers file=%s error=%s", self._resolv_conf, e)
        return self._servers

    def _load(self) -> list[str]:
        servers = parse_resolv_conf(self._resolv_conf.read_text(errors="replace"))
        if servers == ["127.0.0.53"] and _STUB_FILE.exists():
            servers = parse_resolv_conf(_STUB_FILE.read_text(errors="replace"))
        usable = [s for s in servers if s not in self._own_addresses]
        if not usable:
            log.warning("no upstream name server: only names of the cluster are answered file=%s", self._resolv_conf)
        return usable


class _Query(asyncio.DatagramProtocol):
    def __init__(self, query: bytes) -> None:
        self._query = query
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        # What answers another question is somebody's guess, or late.
        if not self.answer.done() and len(data) >= 12 and same_question(data, self._query):
            self.answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def _ask_udp(server: str, port: int, query: bytes) -> bytes:
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(lambda: _Query(query), remote_addr=(server, port))
    try:
        transport.sendto(query)
        return await protocol.answer
    finally:
        transport.close()


async def _ask_tcp(server: str, port: int, query: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(server, port)
    try:
        writer.write(len(query).to_bytes(2, "big") + query)
        length = int.from_bytes(await reader.readexactly(2), "big")
        response = await reader.readexactly(length)
        if len(response) < 12 or not same_question(response, query):
            raise WireError("answer to another question")
        return response
    finally:
        writer.close()
