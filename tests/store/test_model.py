"""The SQLite store against a dict, through any sequence of writes, flushes, closes and crashes."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from minikube_py.store.interface import ExistsError, MissingError, RevisionConflictError
from minikube_py.store.sqlite import SqliteStore

from .drive import PODS, Seen, crash_copy, encode, everything

T = TypeVar("T")
ABSENT = object()
keys = st.sampled_from(["a/1", "a/2", "b/1", "cluster"])
values = st.integers(0, 99)
kinds = st.sampled_from(["create", "update", "delete"])
writes = st.tuples(kinds, keys, values, st.booleans())


class StoreMachine(RuleBasedStateMachine):
    """`now` is what readers must see. `possible` is, by key, what a crash may leave: the state of the last durable write, or any
    relaxed one after it."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.home = Path(tempfile.mkdtemp(prefix="store-model-"))
        self.crashes = 0
        self.now: dict[str, int] = {}
        self.possible: dict[str, list[Any]] = {}
        self.newest = 0
        self.seen = Seen()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(work, 20))

    @initialize()
    def start(self) -> None:
        self.open(self.home / "s.db")

    def open(self, path: Path) -> None:
        self.path = path
        self.store = SqliteStore(path, flush_s=1e6)
        self.wait(self.store.open())
        assert self.store.revision >= self.newest
        self.seen = Seen()
        self.watched_from = self.store.revision
        self.store.watch(PODS, self.store.revision, self.seen)

    async def write(self, kind: str, key: str, value: int, durable: bool) -> None:
        head = self.store.head(PODS, key)
        try:
            if kind == "create":
                entry = await self.store.create(PODS, key, value, encode, durable=durable)
                assert head is None
            else:
                change = self.store.update if kind == "update" else self.store.delete
                entry = await change(PODS, key, value, encode, previous=head.revision if head else 1, durable=durable)
                assert head is not None
        except ExistsError:
            assert kind == "create" and head is not None
            return
        except MissingError:
            assert kind != "create" and head is None
            return
        assert entry.revision > self.newest
        self.newest = entry.revision
        state: Any = ABSENT if kind == "delete" else value
        if durable:
            self.possible[key] = [state]
        else:
            self.possible.setdefault(key, [ABSENT]).append(state)
        if kind == "delete":
            del self.now[key]
        else:
            self.now[key] = value

    @rule(write=writes)
    def one_write(self, write: tuple[str, str, int, bool]) -> None:
        self.wait(self.write(*write))

    @rule(batch=st.lists(writes, min_size=2, max_size=8))
    def writes_at_once(self, batch: list[tuple[str, str, int, bool]]) -> None:
        async def together() -> None:
            await asyncio.gather(*(self.write(*write) for write in batch))

        self.wait(together())

    @rule(key=keys)
    def stale_write(self, key: str) -> None:
        async def stale() -> None:
            try:
                await self.store.update(PODS, key, 0, encode, previous=self.newest + 1)
            except (MissingError, RevisionConflictError):
                return
            raise AssertionError("a write on a wrong revision was taken")

        self.wait(stale())

    @rule()
    def flush(self) -> None:
        self.store._flush()
        self.wait(self.store._drained.wait())
        self.settle()

    @rule()
    def reopen(self) -> None:
        revision = self.store.revision
        self.wait(self.store.close())
        self.open(self.path)
        assert self.store.revision == revision
        self.settle()

    @rule()
    def crash(self) -> None:
        self.crashes += 1
        copy = crash_copy(self.path, self.home / str(self.crashes))
        self.wait(self.store.close())
        self.open(copy)
        self.newest = max(self.newest, self.store.revision)
        found = everything(self.store)
        for key in set(found) | set(self.possible):
            assert found.get(key, ABSENT) in self.possible.get(key, [ABSENT]), key
        self.now = found
        self.settle()

    def settle(self) -> None:
        """Everything that readers see is on the disk."""
        self.possible = {key: [self.now.get(key, ABSENT)] for key in self.possible}

    @invariant()
    def readers_see_the_dict(self) -> None:
        assert everything(self.store) == self.now
        assert self.store.count(PODS) == len(self.now)
        assert self.store.list(PODS).revision == self.store.revision
        assert [e.key for e in self.store.list(PODS, "a").entries] == sorted(k for k in self.now if k.startswith("a/"))
        for key in ("a/1", "a/2", "b/1", "cluster"):
            assert self.store.head(PODS, key) is self.store.get(PODS, key)

    @invariant()
    def watchers_saw_every_change_in_order(self) -> None:
        assert self.seen.revisions == sorted(set(self.seen.revisions))
        again = Seen()
        self.store.watch(PODS, self.watched_from, again).close()
        assert again.events == self.seen.events

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.wait(self.store.close())
        self.loop.close()
        shutil.rmtree(self.home)


StoreMachine.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
TestStoreMachine = StoreMachine.TestCase
