"""The end of a server: upstream's steps, in upstream's order, and what late requests are told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from minikube_py.apiserver.options import ApiServerArgs
from minikube_py.apiserver.pki import Pki
from minikube_py.apiserver.registry import Registry
from minikube_py.store.memory import MemoryStore

from ..lab import Lab, api_server, until

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


class Held:
    """Creations that wait until told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.started, self.go_on = asyncio.Event(), asyncio.Event()
        create = Registry.create

        async def slow(*arguments: Any) -> Any:
            self.started.set()
            await self.go_on.wait()
            return await create(*arguments)

        monkeypatch.setattr(Registry, "create", slow)


async def test_running_requests_finish_and_say_that_they_are_the_last(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    request = asyncio.create_task(lab.send("POST", CONFIG_MAPS, {"metadata": {"name": "a"}}))
    await held.started.wait()
    closing = asyncio.create_task(lab.api.close())
    await until(lambda: lab.api.lifecycle.draining)
    with pytest.raises(aiohttp.ClientConnectorError):
        await lab.get("/version")
    held.go_on.set()
    answer = await request
    assert (answer.status, answer.headers["Connection"]) == (201, "close")
    await closing


async def test_server_is_not_ready_before_it_is_gone(pki: Pki, tmp_path: Path) -> None:
    store = MemoryStore()
    await store.open()
    async with api_server(tmp_path, pki, store, ApiServerArgs.parse(["shutdown-delay-duration=30s"])) as lab:
        ending = asyncio.create_task(lab.api.drain())
        await asyncio.sleep(0)
        ready = await lab.get("/readyz")
        assert ready.status == 500 and b"[-]shutdown failed: reason withheld\n" in ready.body
        assert (await lab.get("/readyz/shutdown")).body == b"internal server error: process is shutting down\n"
        assert (await lab.get("/livez")).status == 200
        assert (await lab.send("POST", CONFIG_MAPS, {"metadata": {"name": "a"}})).status == 201
        ending.cancel()
        await asyncio.gather(ending, return_exceptions=True)
    await store.close()


async def test_late_requests_on_open_connections_are_told_to_come_back(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    request = asyncio.create_task(lab.send("POST", CONFIG_MAPS, {"metadata": {"name": "a"}}))
    await held.started.wait()
    draining = asyncio.create_task(lab.api.drain())
    await until(lambda: lab.api.lifecycle.draining)
    # No listener any more: another way in, as a connection has that was just made.
    port = await lab.api.server.listen("127.0.0.1", 0, None)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        for path in (CONFIG_MAPS, CONFIG_MAPS + "?watch=1"):
            late = await lab.send("GET", path, session=session)
            assert late.status == 503 and late.json["message"] == "apiserver is shutting down"
            assert (late.headers["Retry-After"], late.headers["Connection"]) == ("1", "close")
        assert (await lab.send("GET", "/livez", session=session)).status == 200
    held.go_on.set()
    assert (await request).status == 201
    await draining


async def test_listener_stays_open_for_retry_after(pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    await store.open()
    async with api_server(tmp_path, pki, store, ApiServerArgs.parse(["shutdown-send-retry-after"])) as lab:
        held = Held(monkeypatch)
        request = asyncio.create_task(lab.send("POST", CONFIG_MAPS, {"metadata": {"name": "a"}}))
        await held.started.wait()
        closing = asyncio.create_task(lab.api.close())
        await until(lambda: lab.api.lifecycle.draining)
        late = await lab.get("/version")
        assert (late.status, late.headers["Retry-After"], late.headers["Connection"]) == (429, "5", "close")
        assert late.body == b"The apiserver is shutting down, please try again later.\n"
        held.go_on.set()
        assert (await request).status == 201
        await closing
    await store.close()


async def test_watches_end_with_their_last_chunk(lab: Lab) -> None:
    async with lab.watch(CONFIG_MAPS) as watch:
        await lab.send("POST", CONFIG_MAPS, {"metadata": {"name": "a"}})
        await watch.names(1)
        await lab.api.drain()
        with pytest.raises(EOFError):
            await watch.next()


async def test_every_answer_has_upstreams_headers(lab: Lab) -> None:
    for path in ("/healthz", "/nope", CONFIG_MAPS, CONFIG_MAPS + "/none", "/apis"):
        first, second = [await lab.get(path) for _ in range(2)]
        assert len(first.headers["Audit-Id"]) == 36 and first.headers["Audit-Id"] != second.headers["Audit-Id"]
        assert first.headers["Cache-Control"] == "no-cache, private"
        assert "Server" not in first.headers
        assert (await lab.get(path, Audit_ID="of-mine")).headers["Audit-Id"] == "of-mine"
    async with lab.watch(CONFIG_MAPS, {"Audit-ID": "of-a-watch"}) as watch:
        assert watch.response.headers["Audit-Id"] == "of-a-watch"
