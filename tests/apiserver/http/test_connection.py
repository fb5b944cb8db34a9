"""The usual request is taken without aiohttp's parser and says the same; all others are aiohttp's to judge; answers keep their order."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.http import HttpRequestParser
from aiohttp.web_protocol import RequestHandler
from hypothesis import given
from hypothesis import strategies as st

from minikube_py.apiserver.http import connection
from minikube_py.apiserver.http.connection import read_head
from minikube_py.core import limits

from ..lab import PATIENCE_S, Lab, until

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
USUAL = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /api/v1/pods?labelSelector=a%3Db&x=%F0%9F%99%82 HTTP/1.1\r\nHost: a:6443\r\nAccept: a, b;q=0.1\r\nUser-Agent: k/v1 (l) \r\n\r\n",
    b"PATCH /a//b HTTP/1.1\r\nhOsT:\ta\r\nContent-Length: 12\r\nConnection: Keep-Alive\r\nX:\r\n\r\n",
    b"DELETE /a\"[]|^`{}' HTTP/1.1\r\nHost: a\r\nContent-Length: 000\r\n\r\n",
]
UNUSUAL = [
    b"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"get / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET //a/b HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: \xc3\xa4\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
    b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
    b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
    b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
    b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n",
    b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
    b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (limits.REQUEST_BYTES_MAX + 1),
    b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n" % b"".join(b"X%d: a\r\n" % number for number in range(80)),
]


async def parsed(head: bytes, length: int) -> Any:
    """aiohttp's message of a request, None if it refuses it."""
    loop = asyncio.get_running_loop()
    handler = RequestHandler(web.Server(lambda _: None), loop=loop)  # type: ignore[arg-type,return-value]
    try:
        messages, _, tail = HttpRequestParser(handler, loop, 2**16, auto_decompress=False).feed_data(head + b"x" * length)
    except Exception:
        return None
    return messages[0][0] if len(messages) == 1 and not tail else None


@pytest.mark.parametrize("head", USUAL)
async def test_usual_head_says_what_it_says_to_aiohttp(head: bytes) -> None:
    found = read_head(head)
    assert found is not None
    message, length = found
    theirs = await parsed(head, length)
    assert theirs is not None
    for name in ("method", "path", "version", "headers", "raw_headers", "should_close", "compression", "upgrade", "chunked", "url"):
        assert getattr(message, name) == getattr(theirs, name), name


@pytest.mark.parametrize("head", UNUSUAL)
def test_other_heads_are_left_to_aiohttp(head: bytes) -> None:
    assert read_head(head) is None


def test_a_head_of_very_many_headers_is_not_taken_apart_first() -> None:
    head = b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n" % b"".join(b"H%d: \r\n" % number for number in range(110_000))
    begin = time.process_time()
    assert read_head(head) is None
    assert time.process_time() - begin < 0.05


PIECES = st.sampled_from([
    b"GET", b"PUT", b" ", b"/", b"a", b"?", b"#", b"%20", b" HTTP/1.1", b"\r\n", b"\r", b"\n", b"Host", b":", b": ", b"\t", b"a: b\r\n",
    b"Host: a\r\n", b"Content-Length: ", b"Content-Length: 3\r\n", b"Connection: close\r\n", b"Transfer-Encoding: chunked\r\n", b"\x00",
    b"\xff", b"1", b"_",
])


@given(st.lists(PIECES, max_size=12))
def test_no_head_is_usual_that_aiohttp_refuses_or_takes_otherwise(pieces: list[bytes]) -> None:
    head = b"GET /x HTTP/1.1\r\nHost: a\r\n" + b"".join(pieces) + b"\r\n\r\n"
    found = read_head(head)
    if found is not None:
        theirs = asyncio.run(parsed(head, found[1]))
        assert theirs is not None and (theirs.method, theirs.path, theirs.headers) == (found[0].method, found[0].path, found[0].headers)


@asynccontextmanager
async def connected(lab: Lab) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, port = lab.url.removeprefix("https://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=lab.admin_tls, server_hostname=host)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def request(method: str, path: str, body: bytes = b"", *more: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *more, "", ""]
    return "\r\n".join(lines).encode() + body


def config_map(name: str, **data: str) -> bytes:
    return json.dumps({"metadata": {"name": name}, "data": data}).encode()


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in head[1:] if line)
    return int(head[0].split()[1]), headers, await reader.readexactly(int(headers["Content-Length"]))


async def test_requests_in_one_piece_or_many_are_answered_in_order(lab: Lab) -> None:
    requests = b"".join(request("POST", CONFIG_MAPS, config_map(f"m{number}", k="v" * number)) for number in range(30))
    async with connected(lab) as (reader, writer):
        writer.write(requests)
        for number in range(30):
            status, _, body = await answer(reader)
            assert (status, json.loads(body)["metadata"]["name"]) == (201, f"m{number}")
    for size in (1, 7, 100, 1000):
        async with connected(lab) as (reader, writer):
            sent = request("PUT", f"{CONFIG_MAPS}/m1", config_map("m1", size=str(size))) + request("GET", f"{CONFIG_MAPS}/m1")
            for start in range(0, len(sent), size):
                writer.write(sent[start : start + size])
                await asyncio.sleep(0)
            for _ in range(2):
                assert json.loads((await answer(reader))[2])["data"] == {"size": str(size)}


async def test_large_body_in_pieces_is_taken_as_a_whole(lab: Lab) -> None:
    async with connected(lab) as (reader, writer):
        value = "v" * 900_000
        writer.write(request("POST", CONFIG_MAPS, config_map("large", k=value)))
        status, _, body = await answer(reader)
    assert status == 201 and json.loads(body)["data"]["k"] == value


async def test_usual_and_unusual_requests_have_the_same_answers_on_one_connection(lab: Lab) -> None:
    await lab.send("POST", CONFIG_MAPS, {"metadata": {"name": "a"}})
    async with connected(lab) as (reader, writer):
        found = []
        for more in ((), ("TE: trailers",), ()):
            for path in (f"{CONFIG_MAPS}/a", f"{CONFIG_MAPS}/none", "/nowhere"):
                writer.write(request("GET", path, b"", "Accept: application/json", *more))
                status, headers, body = await answer(reader)
                assert headers.pop("Audit-Id") and headers.pop("Date")
                found.append((status, headers, body))
    assert found[:3] == found[3:6] == found[6:]
    assert [status for status, _, _ in found[:3]] == [200, 404, 404]


async def test_client_that_asks_for_much_at_once_is_read_as_it_is_answered(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "READ_AHEAD_BYTES_MAX", 1000)
    count = 500
    async with connected(lab) as (reader, writer):
        writer.write(request("GET", "/version") * count)
        statuses = [(await answer(reader))[0] for _ in range(count)]
    assert statuses == [200] * count


async def test_client_that_goes_ends_its_request_and_leaves_no_task(lab: Lab) -> None:
    tasks = len(asyncio.all_tasks())
    async with connected(lab) as (reader, writer):
        writer.write(request("GET", CONFIG_MAPS + "?watch=1"))
        await reader.readuntil(b"\r\n\r\n")
        await until(lambda: len(lab.api.watches.running) == 1)
    await until(lambda: not lab.api.watches.running and len(asyncio.all_tasks()) <= tasks)


async def test_closing_server_closes_idle_connections_and_waits_for_no_client(lab: Lab) -> None:
    async with connected(lab) as (reader, writer), connected(lab) as (half, other):
        writer.write(request("GET", "/version"))
        await answer(reader)
        other.write(request("POST", CONFIG_MAPS, config_map("a"))[:-5])
        await until(lambda: len(lab.api.server._server.connections) >= 2)  # type: ignore[union-attr]
        await lab.api.close()
        assert await reader.read() == await half.read() == b""


TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large"
CHUNKED = request("POST", CONFIG_MAPS).replace(b"Content-Length: 0", b"Content-Type: application/json\r\nTransfer-Encoding: chunked")


def chunked(body: bytes, size: int) -> bytes:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize("first", [b"", request("GET", "/version", b"", "TE: trailers")])
async def test_a_head_that_never_ends_is_refused(lab: Lab, first: bytes) -> None:
    async with connected(lab) as (reader, writer):
        if first:
            writer.write(first)
            await answer(reader)
        writer.write(b"GET / HTTP/1.1\r\nX: ")
        for _ in range(80):
            writer.write(b"a" * 16_384)
            await asyncio.sleep(0)
        assert (await reader.readline()).strip() == TOO_LARGE


async def test_a_long_head_may_come_in_pieces(lab: Lab) -> None:
    async with connected(lab) as (reader, writer):
        for more in ("X: 1", "TE: trailers", "X: 1"):
            sent = request("GET", "/version", b"", f"X-Long: {'a' * 900_000}", more)
            for start in range(0, len(sent), 10_000):
                writer.write(sent[start : start + 10_000])
                await asyncio.sleep(0)
            assert (await answer(reader))[0] == 200


async def test_heads_that_are_written_in_another_way_wait_for_nothing_more(lab: Lab) -> None:
    for data in (b"GET /version HTTP/1.1\r\nHost: x\r\n\n", b"GET /version HTTP/1.1\r\nHost: x\n\n", b"nonsense\r\n"):
        async with connected(lab) as (reader, writer):
            for start in range(len(data)):
                writer.write(data[start : start + 1])
                await asyncio.sleep(0)
            async with asyncio.timeout(PATIENCE_S):
                assert (await reader.readline()).startswith(b"HTTP/1.")


async def test_chunks_may_be_small_and_trailers_not_without_end(lab: Lab) -> None:
    async with connected(lab) as (reader, writer):
        writer.write(CHUNKED + chunked(config_map("small", k="v" * 100_000), 1))
        assert (await answer(reader))[0] == 201
        writer.write(CHUNKED + chunked(config_map("trailed"), 5)[:-2])
        for number in range(1200):
            writer.write(b"X-%d: " % number + b"a" * 1000 + b"\r\n")
            await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE_S):
            assert await reader.read() == b""
