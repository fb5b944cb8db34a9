"""Bookmarks: for who takes them, at the end of the beginning, from time to time, and before a watch ends."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from minikube_py.apiserver.http import watch as watch_module

from ..lab import Lab

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
PARTS = {"Accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"}
NOT_OLDER = "&resourceVersionMatch=NotOlderThan"
END = {"k8s.io/initial-events-end": "true"}


async def events(lab: Lab, query: str, headers: Mapping[str, str] | None = None) -> list[tuple[str, dict[str, Any]]]:
    """Type and metadata of all events of a watch that is left alone until its end."""
    seen = []
    async with lab.watch(f"{CONFIG_MAPS}?{query}", headers) as watch:
        while True:
            try:
                event = await watch.next()
            except EOFError:
                return seen
            obj = event["object"]
            if obj["kind"] == "Table" and event["type"] == "BOOKMARK":
                (row,) = obj["rows"]
                assert row["object"]["metadata"]["resourceVersion"] == obj["metadata"]["resourceVersion"]
                obj = row["object"]
            seen.append((event["type"], obj["metadata"] if obj["kind"] != "Status" else obj))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second is long: a watch of one second has its last bookmark in its middle."""
    monkeypatch.setattr(watch_module, "BOOKMARK_BEFORE_END_S", 0.6)


@pytest.mark.usefixtures("quick")
async def test_each_combination_of_options_has_its_beginning_and_its_bookmarks(lab: Lab) -> None:
    made = (await lab.send("POST", CONFIG_MAPS, {"metadata": {"name": "a"}})).json["metadata"]
    now = made["resourceVersion"]
    added, end, late = ("ADDED", made), ("BOOKMARK", {"resourceVersion": now, "annotations": END}), ("BOOKMARK", {"resourceVersion": now})
    bookmarks = "&allowWatchBookmarks=true"
    combinations: dict[str, list[Any]] = {
        "": [added],
        "resourceVersion=0": [added],
        f"resourceVersion={now}": [],
        bookmarks: [added, end, late],
        "resourceVersion=0" + bookmarks: [added, end, late],
        f"resourceVersion={now}" + bookmarks: [late],
        "sendInitialEvents=true" + NOT_OLDER: [added],
        "sendInitialEvents=true" + NOT_OLDER + bookmarks: [added, end, late],
        f"sendInitialEvents=true&resourceVersion={now}" + NOT_OLDER + bookmarks: [added, end, late],
        "sendInitialEvents=true&resourceVersion=0" + NOT_OLDER + bookmarks: [added, end, late],
        "sendInitialEvents=false" + NOT_OLDER + bookmarks: [late],
        "sendInitialEvents=false&resourceVersion=0" + NOT_OLDER: [],
        "labelSelector=no%3Dsuch" + bookmarks: [end, late],
        f"resourceVersion={int(now) + 1000}": [],
    }
    seen = await asyncio.gather(*(events(lab, f"timeoutSeconds=1&{query}") for query in combinations))
    assert dict(zip(combinations, seen, strict=True)) == combinations


@pytest.mark.usefixtures("quick")
async def test_bookmarks_come_in_the_form_of_the_watch(lab: Lab) -> None:
    for headers in (TABLE, PARTS):
        kinds = []
        async with lab.watch(CONFIG_MAPS + "?timeoutSeconds=1&allowWatchBookmarks=true", headers) as watch:
            for _ in range(2):
                obj = (await watch.next())["object"]
                kinds.append((obj["kind"], obj["apiVersion"]))
        assert kinds == [("Table" if headers is TABLE else "PartialObjectMetadata", "meta.k8s.io/v1")] * 2
    seen = await events(lab, "timeoutSeconds=1&allowWatchBookmarks=true", TABLE)
    assert [metadata.get("annotations") for _, metadata in seen] == [END, None]


async def test_short_watch_ends_without_a_last_bookmark(lab: Lab) -> None:
    """Two seconds before its end it has not begun."""
    now = lab.store.revision
    assert await events(lab, f"timeoutSeconds=-1&allowWatchBookmarks=true&resourceVersion={now}") == []


@pytest.mark.usefixtures("quick")
async def test_bookmarks_tell_how_far_the_store_is(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "BOOKMARK_INTERVAL_S", 0.02)
    async with lab.watch(CONFIG_MAPS + "?allowWatchBookmarks=true&labelSelector=no%3Dsuch") as watch:
        revisions = []
        for _ in range(6):
            await lab.send("POST", "/api/v1/namespaces", {"metadata": {"generateName": "n-"}})
            now = lab.store.revision
            while (revision := int((await watch.next())["object"]["metadata"]["resourceVersion"])) < now:
                revisions.append(revision)
            revisions.append(revision)
    assert revisions == sorted(revisions) and revisions[-1] == lab.store.revision


async def test_beginning_at_a_revision_that_is_yet_to_come_waits_for_it(lab: Lab) -> None:
    wanted = lab.store.revision + 2
    async with lab.watch(f"{CONFIG_MAPS}?sendInitialEvents=true&allowWatchBookmarks=true&resourceVersion={wanted}" + NOT_OLDER) as watch:
        assert watch.response.status == 200
        await lab.send("POST", CONFIG_MAPS, {"metadata": {"name": "a"}})
        await lab.send("POST", "/api/v1/namespaces", {"metadata": {"name": "n"}})
        assert await watch.names(1) == [("ADDED", "a")]
        end = await watch.next()
    assert (end["type"], end["object"]["metadata"]["resourceVersion"]) == ("BOOKMARK", str(wanted))


async def test_a_watch_ends_while_it_waits_for_a_revision(lab: Lab) -> None:
    assert await events(lab, f"sendInitialEvents=true&timeoutSeconds=1&resourceVersion={lab.store.revision + 1000}" + NOT_OLDER) == []
