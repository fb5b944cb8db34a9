"""Watches over HTTP: what a watcher is told, and what becomes of it."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from minikube_py.core import limits

from ..lab import Lab, until

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}


async def put(lab: Lab, name: str, color: str = "", **data: str) -> dict[str, Any]:
    document = {"metadata": {"name": name, "labels": {"color": color} if color else {}}, "data": data}
    answer = await lab.send("POST", CONFIG_MAPS, document)
    if answer.status == 409:
        answer = await lab.send("PUT", f"{CONFIG_MAPS}/{name}", document)
    made: dict[str, Any] = answer.json
    return made


def watchers(lab: Lab) -> int:
    return sum(watch.storage.collection == "configmaps" for watch in lab.api.watches.running)


async def test_watch_tells_what_is_and_what_changes(lab: Lab) -> None:
    await put(lab, "a")
    async with lab.watch(CONFIG_MAPS) as watch:
        assert await watch.names(1) == [("ADDED", "a")]
        changed = await put(lab, "a", k="v")
        assert await watch.next() == {"type": "MODIFIED", "object": changed}
        await lab.send("DELETE", CONFIG_MAPS + "/a")
        gone = await watch.next()
    assert gone["type"] == "DELETED" and gone["object"]["data"] == {"k": "v"}
    assert int(gone["object"]["metadata"]["resourceVersion"]) > int(changed["metadata"]["resourceVersion"])


async def test_watch_from_a_revision_tells_only_what_came_after(lab: Lab) -> None:
    first = await put(lab, "a")
    await put(lab, "b")
    async with lab.watch(f"{CONFIG_MAPS}?resourceVersion={first['metadata']['resourceVersion']}") as watch:
        assert await watch.names(1) == [("ADDED", "b")]
        await put(lab, "c")
        assert await watch.names(1) == [("ADDED", "c")]


async def test_watch_from_a_forgotten_revision_is_expired(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WATCH_RING_EVENTS", 4)
    first = (await put(lab, "a"))["metadata"]["resourceVersion"]
    for number in range(9):
        await put(lab, "a", k=str(number))
    async with lab.watch(f"{CONFIG_MAPS}?resourceVersion={first}") as watch:
        assert watch.response.status == 200
        event = await watch.next()
        with pytest.raises(EOFError):
            await watch.next()
    assert event["type"] == "ERROR" and (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
    assert event["object"]["message"].startswith(f"too old resource version: {first} (")


async def test_selector_turns_changes_into_coming_and_going(lab: Lab) -> None:
    async with lab.watch(CONFIG_MAPS + "?labelSelector=color%3Dred") as watch:
        await put(lab, "a", "blue")
        await put(lab, "a", "red")
        await put(lab, "a", "red", k="v")
        last = await put(lab, "a", "blue")
        await put(lab, "b", "red")
        assert await watch.names(2) == [("ADDED", "a"), ("MODIFIED", "a")]
        gone = await watch.next()
        assert await watch.names(1) == [("ADDED", "b")]
    assert gone["type"] == "DELETED" and gone["object"]["metadata"]["labels"] == {"color": "red"}
    assert gone["object"]["metadata"]["resourceVersion"] == last["metadata"]["resourceVersion"]


async def test_watch_of_one_object_by_name_and_by_the_old_path(lab: Lab) -> None:
    await put(lab, "a")
    await put(lab, "b")
    async with lab.watch(CONFIG_MAPS + "?fieldSelector=metadata.name%3Db") as watch:
        assert await watch.names(1) == [("ADDED", "b")]
    for query in ("", "?fieldSelector=metadata.name%3Db"):
        async with lab.watch("/api/v1/watch/namespaces/default/configmaps/b" + query) as watch:
            assert await watch.names(1) == [("ADDED", "b")]
    for selector in ("metadata.name%3Da", "metadata.namespace%3Ddefault"):
        refused = await lab.get(f"/api/v1/watch/namespaces/default/configmaps/b?fieldSelector={selector}")
        assert (refused.status, refused.json["message"]) == (400, "fieldSelector metadata.name doesn't match requested name")


async def test_watch_list_ends_its_beginning_with_a_bookmark(lab: Lab) -> None:
    await put(lab, "a")
    query = "?sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    async with lab.watch(CONFIG_MAPS + query) as watch:
        assert await watch.names(1) == [("ADDED", "a")]
        bookmark = await watch.next()
        made = await put(lab, "b")
        assert await watch.next() == {"type": "ADDED", "object": made}
    assert bookmark["type"] == "BOOKMARK" and bookmark["object"]["kind"] == "ConfigMap"
    assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert int(bookmark["object"]["metadata"]["resourceVersion"]) < int(made["metadata"]["resourceVersion"])


async def test_options_that_do_not_fit_are_refused(lab: Lab) -> None:
    for query, code in (
        ("sendInitialEvents=true", 422), ("resourceVersionMatch=NotOlderThan", 422), ("resourceVersion=x", 500), ("timeoutSeconds=x", 400),
        ("fieldSelector=nope", 400),
    ):
        answer = await lab.get(f"{CONFIG_MAPS}?watch=1&{query}")
        assert (answer.status, answer.json["kind"]) == (code, "Status"), query
    assert watchers(lab) == 0


async def test_watch_ends_at_its_timeout(lab: Lab) -> None:
    async with lab.watch(CONFIG_MAPS + "?timeoutSeconds=1") as watch:
        with pytest.raises(EOFError):
            await watch.next()
    await until(lambda: watchers(lab) == 0)


async def test_tables_and_metadata_are_watched_too(lab: Lab) -> None:
    async with lab.watch(CONFIG_MAPS, TABLE) as tables, lab.watch(
        CONFIG_MAPS, {"Accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"}
    ) as parts:
        await put(lab, "a", k="v")
        row = (await tables.next())["object"]
        part = (await parts.next())["object"]
    assert row["kind"] == "Table" and row["rows"][0]["cells"][:2] == ["a", 1]
    assert part["kind"] == "PartialObjectMetadata" and "data" not in part


async def test_events_are_watched_in_both_their_versions(lab: Lab) -> None:
    pod = {"kind": "Pod", "name": "p", "namespace": "default"}
    event = {"metadata": {"name": "e"}, "involvedObject": pod, "reason": "R", "message": "m", "type": "Normal"}
    async with lab.watch("/apis/events.k8s.io/v1/namespaces/default/events") as watch:
        assert (await lab.send("POST", "/api/v1/namespaces/default/events", event)).status == 201
        seen = (await watch.next())["object"]
    assert (seen["apiVersion"], seen["note"], seen["regarding"]["name"]) == ("events.k8s.io/v1", "m", "p")


async def test_watcher_that_goes_leaves_nothing(lab: Lab) -> None:
    tasks = len(asyncio.all_tasks())
    for _ in range(3):
        async with lab.watch(CONFIG_MAPS) as watch:
            await until(lambda: watchers(lab) == 1)
            watch.response.close()
        await until(lambda: watchers(lab) == 0)
    await until(lambda: len(asyncio.all_tasks()) <= tasks)


async def raw_watch(lab: Lab, limit: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A watcher that reads nothing unless told to."""
    host, port = lab.url.removeprefix("https://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=lab.admin_tls, server_hostname=host, limit=limit)
    writer.write(f"GET {CONFIG_MAPS}?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def test_slow_watcher_is_closed_and_others_go_on(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WATCH_BACKLOG_BYTES_MAX", 256 * 1024)
    reader, writer = await raw_watch(lab, 1024)
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    async with lab.watch(CONFIG_MAPS) as quick:
        await until(lambda: watchers(lab) == 2)
        number = 0
        while watchers(lab) == 2:
            assert number < 400, "the slow watcher was never closed"
            await put(lab, "a", k=f"{number:06d}" + "x" * 100_000)
            number += 1
            event = await quick.next()
            assert event["object"]["data"]["k"].startswith(f"{number - 1:06d}")
        await put(lab, "b")
        assert await quick.names(1) == [("ADDED", "b")]
    writer.transport.abort()
    await until(lambda: watchers(lab) == 0)


async def test_idle_watches_do_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """An open watch has no task that wakes up: between events the loop runs nothing for it."""
    streams = [await raw_watch(lab, 1024) for _ in range(20)]
    await until(lambda: watchers(lab) == 20)
    loop = asyncio.get_running_loop()
    turns = 0
    call_soon = loop.call_soon

    def counted(*arguments: Any, **keywords: Any) -> Any:
        nonlocal turns
        turns += 1
        return call_soon(*arguments, **keywords)

    monkeypatch.setattr(loop, "call_soon", counted)
    await asyncio.sleep(0.3)
    monkeypatch.undo()
    assert turns < 20
    for _, writer in streams:
        writer.transport.abort()
    await until(lambda: watchers(lab) == 0)


async def test_closing_server_ends_its_watches(lab: Lab) -> None:
    session = aiohttp.ClientSession(base_url=lab.url, connector=aiohttp.TCPConnector(ssl=lab.admin_tls))
    async with session, session.get(CONFIG_MAPS + "?watch=1") as response:
        await until(lambda: watchers(lab) == 1)
        await lab.api.close()
        assert await response.content.read() == b""
    assert watchers(lab) == 0
    with pytest.raises((aiohttp.ClientConnectionError, ssl.SSLError)):
        await lab.get("/healthz")


async def test_failure_inside_a_watch_cuts_the_connection_and_is_logged_once(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from minikube_py.apiserver.http.watch import Watch

    async def fail(*arguments: Any) -> None:
        raise RuntimeError("broken on purpose")

    await put(lab, "a")
    monkeypatch.setattr(Watch, "_send_initial", fail)
    async with lab.watch(CONFIG_MAPS) as watch:
        assert watch.response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await watch.next()
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        f"request failed method=GET path={CONFIG_MAPS}?watch=1"]
    assert watchers(lab) == 0


async def test_event_that_cannot_be_sent_ends_the_watch_rather_than_leave_a_gap(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: Any, **keywords: Any) -> bytes:
        raise RuntimeError("broken on purpose")

    async with lab.watch(CONFIG_MAPS) as healthy, lab.watch(CONFIG_MAPS, TABLE) as broken:
        await until(lambda: watchers(lab) == 2)
        monkeypatch.setattr("minikube_py.apiserver.http.watch.table", fail)
        await put(lab, "a")
        assert await healthy.names(1) == [("ADDED", "a")]
        with pytest.raises(EOFError):
            await broken.next()
    assert "watch event failed" in caplog.text


async def test_bookmark_of_the_beginning_does_not_run_ahead_of_events(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that resumes from it must not miss what was written while the initial state was sent."""
    from minikube_py.apiserver.http.watch import Watch

    await put(lab, "a")
    send_initial = Watch._send_initial

    async def slow(self: Watch, initial: Any) -> None:
        await send_initial(self, initial)
        await put(lab, "b")

    monkeypatch.setattr(Watch, "_send_initial", slow)
    async with lab.watch(CONFIG_MAPS + "?sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true") as watch:
        assert await watch.names(1) == [("ADDED", "a")]
        bookmark, late = await watch.next(), await watch.next()
    assert (bookmark["type"], late["type"], late["object"]["metadata"]["name"]) == ("BOOKMARK", "ADDED", "b")
    assert int(bookmark["object"]["metadata"]["resourceVersion"]) < int(late["object"]["metadata"]["resourceVersion"])


async def test_reader_that_stalls_in_the_beginning_does_not_hold_up_the_end(lab: Lab) -> None:
    for number in range(8):
        await put(lab, f"a{number}", k="x" * 1_000_000)
    reader, writer = await raw_watch(lab, 1024)
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    await until(lambda: watchers(lab) == 1)
    await asyncio.wait_for(lab.api.close(), 3)
    assert watchers(lab) == 0
    writer.transport.abort()


async def test_watches_that_begin_amid_writes_miss_nothing_and_get_nothing_twice(lab: Lab) -> None:
    first = await put(lab, "first")
    writing = asyncio.create_task(write_many(lab, 40))
    async with AsyncExitStack() as stack:
        watches = []
        for query in ("", f"?resourceVersion={first['metadata']['resourceVersion']}", "?labelSelector=!none") * 3:
            watches.append(await stack.enter_async_context(lab.watch(CONFIG_MAPS + query)))
            await asyncio.sleep(0)
        await writing
        names = {f"m{number}" for number in range(40)}
        for watch in watches:
            seen = [name for _, name in await watch.names(40) if name != "first"]
            seen += [name for _, name in await watch.names(1)] if len(seen) < 40 else []
            assert len(seen) == 40 and set(seen) == names


async def write_many(lab: Lab, count: int) -> None:
    for number in range(count):
        await put(lab, f"m{number}")
