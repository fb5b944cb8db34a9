"""The cache of one kind: what readers, handlers and indexes see."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minikube_py.apis import core_v1, meta_v1
from minikube_py.client.informer import Informer, Informers, key_of, split_key


class FakeClient:
    """Hands out the sinks of the watches that run on it."""

    def __init__(self) -> None:
        self.watches: list[tuple[Any, dict[str, str]]] = []
        self.running = 0

    async def list_and_watch(self, kind: Any, sink: Any, **scope: str) -> None:
        self.watches.append((kind, scope))
        self.running += 1
        try:
            sink.replace([pod("first", 1)] if kind is core_v1.Pod else [])
            await asyncio.get_running_loop().create_future()
        finally:
            self.running -= 1


def pod(name: str, version: int = 1, *, node: str = "", namespace: str = "d") -> core_v1.Pod:
    metadata = meta_v1.ObjectMeta(name=name, namespace=namespace, resource_version=str(version))
    return core_v1.Pod(metadata=metadata, spec=core_v1.PodSpec(node_name=node))


def informer() -> Informer[core_v1.Pod]:
    return Informer(FakeClient(), core_v1.Pod)  # type: ignore[arg-type]


class Calls:
    """A handler that keeps what it is told, as (name before, name after)."""

    def __init__(self) -> None:
        self.calls: list[tuple[int | None, int | None]] = []

    def __call__(self, old: core_v1.Pod | None, new: core_v1.Pod | None) -> None:
        self.calls.append(tuple(int(o.metadata.resource_version) if o else None for o in (old, new)))  # type: ignore[arg-type]


def test_keys_name_namespaced_and_cluster_scoped_objects() -> None:
    node = core_v1.Node(metadata=meta_v1.ObjectMeta(name="n"))
    assert (key_of(pod("a")), key_of(node)) == ("d/a", "n")
    assert (split_key("d/a"), split_key("n")) == (("d", "a"), ("", "n"))


async def test_cache_follows_the_events() -> None:
    cache = informer()
    first, second = pod("a", 1), pod("a", 2)
    cache.apply("ADDED", first)
    cache.apply("MODIFIED", second)
    cache.apply("ADDED", pod("b", namespace="e"))
    assert cache.get("a", "d") is second and cache.get_key("d/a") is second
    assert (len(cache), set(cache.keys()), cache.list("d")) == (2, {"d/a", "e/b"}, [second])
    cache.apply("DELETED", pod("a", 3))
    assert cache.get("a", "d") is None and len(cache.list()) == 1


async def test_namespace_is_matched_whole() -> None:
    cache = informer()
    cache.replace([pod("a", namespace="d"), pod("a", namespace="dd")])
    assert [key_of(obj) for obj in cache.list("d")] == ["d/a"]


async def test_handlers_see_before_and_after_and_the_cache_as_it_is_after() -> None:
    cache, calls = informer(), Calls()
    sizes: list[int] = []
    cache.add_handler(calls)
    cache.add_handler(lambda old, new: sizes.append(len(cache)))
    cache.apply("ADDED", pod("a", 1))
    cache.apply("MODIFIED", pod("a", 2))
    cache.apply("DELETED", pod("a", 3))
    assert calls.calls == [(None, 1), (1, 2), (2, None)]
    assert sizes == [1, 1, 0]


async def test_deletion_of_an_unknown_object_is_not_announced() -> None:
    cache, calls = informer(), Calls()
    cache.add_handler(calls)
    cache.apply("DELETED", pod("a", 3))
    assert calls.calls == []


async def test_late_handler_is_told_what_is_there() -> None:
    cache, calls = informer(), Calls()
    cache.replace([pod("a", 1), pod("b", 2)])
    cache.add_handler(calls)
    assert sorted(calls.calls, key=str) == [(None, 1), (None, 2)]


async def test_new_list_announces_exactly_the_differences() -> None:
    cache, calls = informer(), Calls()
    cache.replace([pod("gone", 1), pod("same", 2), pod("changed", 3)])
    kept = cache.get("same", "d")
    cache.add_handler(calls)
    calls.calls.clear()
    cache.replace([pod("same", 2), pod("changed", 4), pod("new", 5)])
    assert calls.calls == [(1, None), (3, 4), (None, 5)]
    assert cache.get("same", "d") is kept and set(cache.keys()) == {"d/same", "d/changed", "d/new"}


async def test_index_finds_objects_by_their_present_values() -> None:
    cache = informer()
    cache.apply("ADDED", pod("early", node="n1"))
    cache.add_index("node", lambda obj: [obj.spec.node_name] if obj.spec.node_name else [])
    cache.add_index("node", lambda obj: ["ignored: the index is there"])
    assert [obj.metadata.name for obj in cache.by_index("node", "n1")] == ["early"]
    cache.apply("ADDED", pod("a", 1))
    cache.apply("MODIFIED", pod("a", 2, node="n1"))
    assert [obj.metadata.name for obj in cache.by_index("node", "n1")] == ["early", "a"]
    cache.apply("MODIFIED", pod("a", 3, node="n2"))
    cache.apply("DELETED", pod("early", 4, node="n1"))
    assert cache.by_index("node", "n1") == [] and [obj.metadata.name for obj in cache.by_index("node", "n2")] == ["a"]
    with pytest.raises(KeyError):
        cache.by_index("unknown", "n1")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["n1", "n2", "", None]), st.booleans()), max_size=30))
def test_index_is_always_what_a_scan_would_find(steps: list[tuple[str, str | None, bool]]) -> None:
    cache = Informer(FakeClient(), core_v1.Pod)  # type: ignore[arg-type]
    cache.add_index("node", lambda obj: [obj.spec.node_name] if obj.spec.node_name else [])
    for version, (name, node, relist) in enumerate(steps):
        if node is None:
            cache.apply("DELETED", pod(name, version))
        elif relist:
            cache.replace([pod(name, version, node=node)])
        else:
            cache.apply("MODIFIED", pod(name, version, node=node))
        for value in ("n1", "n2"):
            scan = {key_of(obj) for obj in cache.list() if obj.spec.node_name == value}
            assert {key_of(obj) for obj in cache.by_index("node", value)} == scan


async def test_informers_share_one_watch_for_each_scope_and_start_late_ones() -> None:
    client = FakeClient()
    informers = Informers(client)  # type: ignore[arg-type]
    pods = informers.of(core_v1.Pod)
    assert informers.of(core_v1.Pod) is pods
    assert informers.of(core_v1.Pod, field_selector="spec.nodeName=n") is not pods
    running = asyncio.create_task(informers.run())
    await informers.wait_synced()
    assert pods.synced.is_set() and pods.get("first", "d") is not None
    late = informers.of(core_v1.Node)
    async with asyncio.timeout(10):
        await late.synced.wait()
    assert client.watches == [
        (core_v1.Pod, {"namespace": "", "label_selector": "", "field_selector": ""}),
        (core_v1.Pod, {"namespace": "", "label_selector": "", "field_selector": "spec.nodeName=n"}),
        (core_v1.Node, {"namespace": "", "label_selector": "", "field_selector": ""}),
    ]
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert client.running == 0
