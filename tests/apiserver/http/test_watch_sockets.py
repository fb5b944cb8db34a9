"""Watches over WebSockets: the same events, a message each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from minikube_py.apiserver.http.event_streams import SocketStream
from minikube_py.core import limits

from ..lab import PATIENCE_S, Lab, until

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


def watchers(lab: Lab) -> int:
    return sum(watch.storage.collection == "configmaps" for watch in lab.api.watches.running)


@asynccontextmanager
async def socket(lab: Lab, query: str = "", **options: Any) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    options.setdefault("origin", lab.url)
    async with lab.session.ws_connect(f"{CONFIG_MAPS}?watch=1&{query}", **options) as connection:
        yield connection


async def message(connection: aiohttp.ClientWebSocketResponse) -> Any:
    received = await connection.receive(PATIENCE_S)
    assert received.type is aiohttp.WSMsgType.TEXT and received.data.endswith("}\n")
    return json.loads(received.data)


async def make(lab: Lab, name: str, size: int = 0) -> dict[str, Any]:
    answer = await lab.send("POST", CONFIG_MAPS, {"metadata": {"name": name}, "data": {"k": "x" * size}})
    made: dict[str, Any] = answer.json
    return made


async def test_events_are_messages_of_any_size(lab: Lab) -> None:
    first = await make(lab, "a", 70_000)
    async with socket(lab, "allowWatchBookmarks=1") as connection, lab.watch(CONFIG_MAPS) as plain:
        assert await message(connection) == {"type": "ADDED", "object": first} == await plain.next()
        bookmark = await message(connection)
        assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        for name, size in (("b", 0), ("c", 300), ("d", 66_000)):
            event = {"type": "ADDED", "object": await make(lab, name, size)}
            assert await message(connection) == event == await plain.next()


def test_frames_of_messages_have_the_lengths_of_their_lines() -> None:
    lengths = {125: b"\x81\x7d", 126: b"\x81\x7e\x00\x7e", 65_535: b"\x81\x7e\xff\xff", 65_536: b"\x81\x7f" + (65_536).to_bytes(8)}
    for length, head in lengths.items():
        line = b"x" * length
        assert SocketStream.pack([line]) == head + line
    assert SocketStream.pack([b"x", b"y"]) == b"\x81\x01x\x81\x01y"


async def test_end_of_a_watch_closes_its_socket(lab: Lab) -> None:
    async with socket(lab, "timeoutSeconds=-1") as connection:
        assert (await connection.receive(PATIENCE_S)).type is aiohttp.WSMsgType.CLOSE
        assert connection.close_code == 1000
    await until(lambda: watchers(lab) == 0)


async def test_client_may_say_anything_and_ends_the_watch_by_closing(lab: Lab) -> None:
    tasks = len(asyncio.all_tasks())
    async with socket(lab) as connection:
        await connection.send_str("what is this?")
        await connection.ping()
        await make(lab, "a")
        assert (await message(connection))["type"] == "ADDED"
        assert watchers(lab) == 1
    await until(lambda: watchers(lab) == 0)
    async with socket(lab) as connection:
        await message(connection)
        connection._response.connection.transport.abort()  # type: ignore[union-attr]
    await until(lambda: watchers(lab) == 0 and len(asyncio.all_tasks()) <= tasks)


async def test_errors_of_revisions_are_messages_too(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WATCH_RING_EVENTS", 1)
    for name in "abc":
        await lab.send("POST", CONFIG_MAPS, {"metadata": {"name": name}})
    async with socket(lab, "resourceVersion=1") as connection:
        event = await message(connection)
        assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
        assert (await connection.receive(PATIENCE_S)).type is aiohttp.WSMsgType.CLOSE


@pytest.mark.parametrize("origin", ["", "null", "nowhere"])
async def test_client_must_say_where_it_comes_from(lab: Lab, origin: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with socket(lab, origin=origin):
            pass
    assert refused.value.status == 403 and watchers(lab) == 0


async def test_handshake_that_is_none_is_a_bad_request(lab: Lab) -> None:
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Origin": lab.url, "Sec-WebSocket-Version": "1"}
    answer = await lab.send("GET", CONFIG_MAPS + "?watch=1", headers=headers)
    assert (answer.status, answer.json["reason"]) == (400, "BadRequest") and watchers(lab) == 0


async def test_only_protocol_that_is_offered_is_taken(lab: Lab) -> None:
    async with socket(lab, protocols=["one"]) as connection:
        assert connection.protocol == "one"


async def test_closing_server_ends_its_sockets(lab: Lab) -> None:
    session = aiohttp.ClientSession(base_url=lab.url, connector=aiohttp.TCPConnector(ssl=lab.admin_tls))
    async with session, session.ws_connect(CONFIG_MAPS + "?watch=1", origin=lab.url) as connection:
        await until(lambda: watchers(lab) == 1)
        closing = asyncio.create_task(lab.api.close())
        assert (await connection.receive(PATIENCE_S)).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        await asyncio.wait_for(closing, 3)
    assert watchers(lab) == 0
