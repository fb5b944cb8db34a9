"""What readers see under writers: lists, pages and watches agree with one history.

Writers change objects at random, from a seed; every answer to them is a fact of the history: this object, in this state, from
this revision on. Readers must see states of that history and nothing else.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from minikube_py.apis.labels import parse_selector

from ..lab import PATIENCE_S, Lab, Watcher

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
COLORS = ("red", "green", "blue")
SELECTORS = ("", "color=red", "color!=red", "color in (red,blue)", "!color", "color,color notin (green)")
State = dict[str, Any]


class History:
    """Every acknowledged change, as its writer was told."""

    def __init__(self) -> None:
        self.changes: list[tuple[int, str, State | None]] = []

    def note(self, revision: int, name: str, state: State | None) -> None:
        self.changes.append((revision, name, state))

    def at(self, revision: int, matches: Callable[[State], bool]) -> dict[str, State]:
        """What there was at a revision, as far as it matches."""
        state: dict[str, State | None] = {}
        for changed, name, value in sorted(self.changes, key=lambda change: change[0]):
            if changed > revision:
                break
            state[name] = value
        return {name: value for name, value in state.items() if value is not None and matches(value)}


def matcher(selector: str) -> Callable[[State], bool]:
    parsed = parse_selector(selector)
    return lambda state: parsed.matches(state["metadata"].get("labels") or {})


async def write(lab: Lab, history: History, seed: int, count: int) -> None:
    """One writer: makes, changes and deletes objects of its own."""
    chance = random.Random(seed)
    names = [f"w{seed}-{number}" for number in range(8)]
    known: set[str] = set()
    for _ in range(count):
        name = chance.choice(names)
        color = chance.choice((*COLORS, ""))
        document = {"metadata": {"name": name, "labels": {"color": color} if color else {}}, "data": {"n": str(chance.random())}}
        if name not in known:
            answer = await lab.send("POST", CONFIG_MAPS, document)
            known.add(name)
        elif chance.random() < 0.3:
            await lab.send("DELETE", f"{CONFIG_MAPS}/{name}")
            known.discard(name)
            history.note(-1, name, None)
            continue
        else:
            answer = await lab.send("PUT", f"{CONFIG_MAPS}/{name}", document)
        assert answer.status in (200, 201)
        history.note(int(answer.json["metadata"]["resourceVersion"]), name, answer.json)


def fill_in_deletions(history: History, events: list[dict[str, Any]]) -> None:
    """Deletions are answered without their revision: take it from a watch of everything."""
    gone = [(e["object"]["metadata"]["name"], int(e["object"]["metadata"]["resourceVersion"])) for e in events if e["type"] == "DELETED"]
    told = [name for revision, name, _ in history.changes if revision < 0]
    assert sorted(name for name, _ in gone) == sorted(told)
    history.changes = [change for change in history.changes if change[0] >= 0] + [(revision, name, None) for name, revision in gone]


async def follow(watcher: Watcher, state: dict[str, State], events: list[dict[str, Any]]) -> None:
    """Apply events to a state until an object that means the end comes."""
    newest = 0
    while True:
        event = await watcher.next()
        obj = event["object"]
        name, revision = obj["metadata"]["name"], int(obj["metadata"]["resourceVersion"])
        assert revision > newest, "events come in the order of revisions"
        newest = revision
        if name.startswith("end"):
            return
        events.append(event)
        assert (event["type"] == "ADDED") == (name not in state), event
        if event["type"] == "DELETED":
            del state[name]
        else:
            state[name] = obj


async def pages(lab: Lab, limit: int) -> tuple[int, list[State]]:
    """A whole list, read page by page."""
    answer = (await lab.get(f"{CONFIG_MAPS}?limit={limit}")).json
    revision, items = answer["metadata"]["resourceVersion"], answer["items"]
    while token := answer["metadata"].get("continue"):
        remaining = answer["metadata"]["remainingItemCount"]
        answer = (await lab.get(f"{CONFIG_MAPS}?limit={limit}&continue={token}")).json
        assert answer["metadata"]["resourceVersion"] == revision
        assert remaining == len(answer["items"]) + answer["metadata"].get("remainingItemCount", 0)
        items += answer["items"]
    return int(revision), items


class Reader:
    """One watcher under a selector, from a list on."""

    def __init__(self, lab: Lab, selector: str) -> None:
        self.selector = selector
        self.state: dict[str, State] = {}
        self.events: list[dict[str, Any]] = []
        self.watching = asyncio.Event()
        self._lab = lab

    async def run(self) -> None:
        query = urlencode({"labelSelector": self.selector})
        listed = (await self._lab.get(f"{CONFIG_MAPS}?{query}")).json
        self.state = {item["metadata"]["name"]: item for item in listed["items"]}
        async with self._lab.watch(f"{CONFIG_MAPS}?{query}&resourceVersion={listed['metadata']['resourceVersion']}") as watcher:
            self.watching.set()
            await follow(watcher, self.state, self.events)


@pytest.mark.parametrize("seed", [1, 2])
async def test_lists_pages_and_watches_agree_with_one_history(lab: Lab, seed: int) -> None:
    history = History()
    readers = [Reader(lab, selector) for selector in SELECTORS]
    snapshots: list[tuple[int, dict[str, State]]] = []

    async def read_pages() -> None:
        for limit in (1, 3, 7, 50):
            revision, items = await pages(lab, limit)
            snapshots.append((revision, {item["metadata"]["name"]: item for item in items}))

    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        group.create_task(readers[0].run())
        await readers[0].watching.wait()
        await write(lab, history, seed, 12)
        async with asyncio.TaskGroup() as busy:
            for number in range(4):
                busy.create_task(write(lab, history, 10 * seed + number, 25))
            busy.create_task(read_pages())
            for reader in readers[1:]:
                group.create_task(reader.run())
                await reader.watching.wait()
        for name, labels in (("end", {}), ("end-red", {"color": "red"})):
            await lab.send("POST", CONFIG_MAPS, {"metadata": {"name": name, "labels": labels}})
    fill_in_deletions(history, readers[0].events)
    for reader in readers:
        assert reader.state == history.at(lab.store.revision, matcher(reader.selector)), reader.selector
    assert len(snapshots) == 4
    for revision, snapshot in snapshots:
        assert snapshot == history.at(revision, matcher("")), revision
