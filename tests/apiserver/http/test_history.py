"""What readers see under writers: lists, pages and watches agree with one history.

Writers change objects at random, from a seed, and keep what they are told. Readers list, read page by page, look back, watch, and begin
watches again from revisions long gone, by namespaces, labels and fields. Each answer must be a view of the one history: a list is the state
at its revision, a watch every event after its own, once and in order.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any
from urllib.parse import urlencode

import pytest

from ..lab import PATIENCE_S, Lab
from .history import Change, Event, History, State, View, check_events, event_of, history_of, key_of

ALL = "/api/v1/configmaps"
NAMESPACES = ("default", "kube-system")
COLORS = ("red", "green", "blue")
WRITERS, WRITES, NAMES = 4, 30, 6
VIEWS = (
    View(), View("default"), View("kube-system", "color=red"), View("", "color!=red"), View("", "color in (red,blue)"), View("", "!color"),
    View("default", "color,color notin (green)"), View("", "owner=w1,color=red"), View("", "", "metadata.name=w0-1"),
    View("default", "", "metadata.name!=w1-0"), View("", "color=blue", "metadata.namespace=kube-system"),
    View("", "", "metadata.namespace!=default,metadata.name!=w2-2"),
)
# Objects whose last change ends every watch: one of them is in each view.
LAST = [(namespace, name) for namespace in NAMESPACES for name in ("w0-1", "w1-0", "w1-1", "w2-2")]


def path_of(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps" if namespace else ALL


def query_of(view: View, **options: Any) -> str:
    chosen = {"labelSelector": view.labels, "fieldSelector": view.fields, **options}
    return path_of(view.namespace) + "?" + urlencode({name: value for name, value in chosen.items() if value != ""})


class Writer:
    """Makes, changes and deletes objects of its own, one by one and by collections."""

    def __init__(self, lab: Lab, number: int, seed: int) -> None:
        self._lab = lab
        self._name = f"w{number}"
        self._chance = random.Random(seed * 100 + number)
        self._known: set[tuple[str, str]] = set()
        self.told: list[Change] = []

    async def run(self, writes: int) -> None:
        for _ in range(writes):
            chance, namespace = self._chance, self._chance.choice(NAMESPACES)
            name = f"{self._name}-{chance.randrange(NAMES)}"
            draw = chance.random()
            if (namespace, name) not in self._known:
                await self.write(namespace, name)
            elif draw < 0.2:
                await self._delete(namespace, name)
            elif draw < 0.3:
                await self._delete_all(namespace, chance.choice(COLORS))
            elif draw < 0.6:
                await self._patch(namespace, name)
            else:
                await self.write(namespace, name)

    async def write(self, namespace: str, name: str, data: str = "", color: str | None = None) -> None:
        color = color if color is not None else self._chance.choice((*COLORS, ""))
        labels = {"owner": self._name} | ({"color": color} if color else {})
        document = {"metadata": {"name": name, "labels": labels}, "data": {"n": data or str(self._chance.random())}}
        if (namespace, name) in self._known:
            answer = await self._lab.send("PUT", f"{path_of(namespace)}/{name}", document)
        else:
            answer = await self._lab.send("POST", path_of(namespace), document)
        assert answer.status in (200, 201), answer.body
        self._known.add((namespace, name))
        self._note(answer.json)

    async def _patch(self, namespace: str, name: str) -> None:
        patch = {"metadata": {"labels": {"color": self._chance.choice((*COLORS, None))}}, "data": {"p": str(self._chance.random())}}
        headers = {"Content-Type": "application/merge-patch+json"}
        self._note((await self._lab.send("PATCH", f"{path_of(namespace)}/{name}", patch, headers=headers)).json)

    async def _delete(self, namespace: str, name: str) -> None:
        assert (await self._lab.send("DELETE", f"{path_of(namespace)}/{name}")).status == 200
        self._gone(namespace, name)

    async def _delete_all(self, namespace: str, color: str) -> None:
        answer = await self._lab.send("DELETE", query_of(View(namespace, f"owner={self._name},color={color}")))
        assert answer.status == 200
        for item in answer.json["items"]:
            self._gone(namespace, item["metadata"]["name"])

    def _note(self, obj: State) -> None:
        self.told.append(Change(int(obj["metadata"]["resourceVersion"]), key_of(obj), obj))

    def _gone(self, namespace: str, name: str) -> None:
        self._known.discard((namespace, name))
        self.told.append(Change(-1, f"{namespace}/{name}", None))


class Reader:
    """One way to read: what it was shown, for the oracle to judge when the history is known."""

    def __init__(self, lab: Lab, seed: int) -> None:
        self._lab = lab
        self._chance = random.Random(seed)
        self._first = lab.store.revision
        self.lists: list[tuple[int, View, dict[str, State]]] = []
        self.watches: list[tuple[int, View, list[Event]]] = []

    async def list(self, view: View, **options: Any) -> int:
        """Read a list to its end, in pages if there is a limit; its revision."""
        answer = (await self._lab.get(query_of(view, **options))).json
        assert answer["kind"] == "ConfigMapList", answer
        revision, items = answer["metadata"]["resourceVersion"], answer["items"]
        while token := answer["metadata"].get("continue"):
            remaining = answer["metadata"].get("remainingItemCount")
            answer = (await self._lab.get(query_of(view, limit=options["limit"], **{"continue": token}))).json
            assert answer["metadata"]["resourceVersion"] == revision
            if remaining is not None:
                assert remaining == len(answer["items"]) + answer["metadata"].get("remainingItemCount", 0)
            items += answer["items"]
        keys = [key_of(item) for item in items]
        assert keys == sorted(set(keys))
        self.lists.append((int(revision), view, dict(zip(keys, items, strict=True))))
        return int(revision)

    async def read(self, rounds: int) -> None:
        """Lists of all kinds, while writers write."""
        for _ in range(rounds):
            revision = await self.list(self._chance.choice(VIEWS), limit=self._chance.choice(("", 1, 3, 50)))
            past = self._chance.randint(self._first, revision)
            await self.list(self._chance.choice(VIEWS), resourceVersion=past, resourceVersionMatch="Exact")
            await self.list(self._chance.choice(VIEWS), resourceVersion=past, limit=2)

    async def watch(self, view: View, revision: int, begun: asyncio.Event | None = None) -> None:
        """Watch from a revision until the last change comes."""
        events: list[Event] = []
        self.watches.append((revision, view, events))
        async with self._lab.watch(query_of(view, resourceVersion=revision)) as watcher:
            if begun is not None:
                begun.set()
            while not events or events[-1].state.get("data", {}).get("n") != "last":
                events.append(event_of(await watcher.next()))

    def judge(self, history: History) -> None:
        for revision, view, shown in self.lists:
            assert shown == history.at(revision, view), (revision, view)
        for revision, view, seen in self.watches:
            expected = history.events(revision, view)
            end = next(place for place, event in enumerate(expected) if event.state["data"]["n"] == "last")
            check_events(seen, expected[: end + 1])


async def write_last(writers: list[Writer]) -> None:
    """Change the objects that end the watches: in all colors, and none of them is gone afterwards."""
    for (namespace, name), color in zip(LAST, ("blue", "red", "red", "") * 2, strict=True):
        await writers[int(name[1])].write(namespace, name, "last", color)


@pytest.mark.parametrize("seed", [1, 2])
async def test_lists_pages_and_watches_agree_with_one_history(lab: Lab, seed: int) -> None:
    first = lab.store.revision
    writers = [Writer(lab, number, seed) for number in range(WRITERS)]
    everything, reader = Reader(lab, seed), Reader(lab, seed)
    begun = asyncio.Event()

    async def begin_again() -> None:
        """Watch from where a list was, or from anywhere before, as clients do that come back."""
        chance = random.Random(seed)
        for view in VIEWS * 2:
            now = await reader.list(view)
            watches.create_task(reader.watch(view, now if chance.random() < 0.5 else chance.randint(first, now)))

    async with asyncio.timeout(2 * PATIENCE_S), asyncio.TaskGroup() as watches:
        whole = watches.create_task(everything.watch(View(), first, begun))
        await begun.wait()
        async with asyncio.TaskGroup() as busy:
            for writer in writers:
                busy.create_task(writer.run(WRITES))
            busy.create_task(reader.read(8))
            busy.create_task(begin_again())
        await write_last(writers)
        await whole
        for past in range(first, lab.store.revision - len(LAST), 7):
            watches.create_task(reader.watch(VIEWS[past % len(VIEWS)], past))
    # The whole once more, to its very end: the watch ended with the first of the last changes.
    told = [change for writer in writers for change in writer.told]
    async with lab.watch(query_of(View(), resourceVersion=first)) as watcher:
        events = [event_of(await watcher.next()) for _ in range(len(told))]
    history = history_of(events, told)
    everything.judge(history)
    reader.judge(history)


def change(revision: int, key: str, color: str | None) -> Change:
    namespace, _, name = key.partition("/")
    meta = {"namespace": namespace, "name": name, "labels": {"color": color}, "resourceVersion": str(revision)}
    return Change(revision, key, None if color is None else {"metadata": meta})


def test_the_oracle_finds_what_is_lost_double_swapped_or_untrue() -> None:
    history = History([change(1, "a/x", "red"), change(2, "b/y", "red"), change(3, "a/x", "blue"), change(5, "a/x", "red"),
                       change(6, "a/x", "red"), change(8, "a/x", None)])
    view = View("a", "color=red")
    expected = history.events(0, view)
    assert [event[:3] for event in expected] == [
        ("ADDED", 1, "a/x"), ("DELETED", 3, "a/x"), ("ADDED", 5, "a/x"), ("MODIFIED", 6, "a/x"), ("DELETED", 8, "a/x")]
    assert [event[:2] for event in history.events(5, view)] == [("MODIFIED", 6), ("DELETED", 8)]
    assert history.at(2, View()).keys() == {"a/x", "b/y"} and not history.at(4, view) and history.at(7, view).keys() == {"a/x"}
    check_events(expected, expected)
    untrue = [expected[0]._replace(state={}), *expected[1:]]
    swapped = [*expected[:3], expected[4], expected[3]]
    for wrong in (expected[1:], expected[:-1], [*expected, expected[-1]], [expected[0], *expected], swapped, untrue):
        with pytest.raises(AssertionError, match="instead of"):
            check_events(wrong, expected)
