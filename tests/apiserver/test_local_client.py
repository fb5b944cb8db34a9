"""The client of components in the server's process."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from minikube_py.apis import core_v1, meta_v1
from minikube_py.apis.scheme import deep_copy
from minikube_py.core import limits
from tests.conftest import ControlPlane


class Mirror:
    """A sink that keeps what it is told, and notes how."""

    def __init__(self) -> None:
        self.objects: dict[str, core_v1.ConfigMap] = {}
        self.replaced = 0
        self.changed = asyncio.Event()

    def replace(self, objects: list[core_v1.ConfigMap]) -> None:
        self.objects = {obj.metadata.name: obj for obj in objects}
        self.replaced += 1
        self.changed.set()

    def apply(self, type_: str, obj: core_v1.ConfigMap) -> None:
        if type_ == "DELETED":
            del self.objects[obj.metadata.name]
        else:
            self.objects[obj.metadata.name] = obj
        self.changed.set()

    async def until(self, names: set[str]) -> None:
        async with asyncio.timeout(10):
            while set(self.objects) != names:
                self.changed.clear()
                await self.changed.wait()


def config_map(name: str, **labels: str) -> core_v1.ConfigMap:
    return core_v1.ConfigMap(metadata=meta_v1.ObjectMeta(name=name, namespace="default", labels=labels))


async def follow(plane: ControlPlane, mirror: Mirror, **selection: str) -> asyncio.Task[None]:
    task = asyncio.create_task(plane.client.list_and_watch(core_v1.ConfigMap, mirror, **selection))  # type: ignore[arg-type]
    async with asyncio.timeout(10):
        await mirror.changed.wait()
    return task


async def stop(plane: ControlPlane, task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert plane.registry.store.state.watchers().get("configmaps", 0) == 0  # type: ignore[attr-defined]


async def test_sink_mirrors_what_is_selected(control_plane: ControlPlane) -> None:
    await control_plane.client.create(config_map("a", color="red"))
    await control_plane.client.create(config_map("b", color="blue"))
    mirror = Mirror()
    task = await follow(control_plane, mirror, label_selector="color=red")
    await mirror.until({"a"})
    await control_plane.client.create(config_map("c", color="red"))
    await mirror.until({"a", "c"})
    await control_plane.client.patch(core_v1.ConfigMap, "a", "default", {"metadata": {"labels": {"color": "blue"}}})
    await mirror.until({"c"})
    await control_plane.client.delete(core_v1.ConfigMap, "c", "default")
    await mirror.until(set())
    assert mirror.replaced == 1
    await stop(control_plane, task)


async def test_sink_that_falls_behind_is_given_the_whole_again(control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WATCH_QUEUE_EVENTS_MAX", 3)
    mirror = Mirror()
    task = await follow(control_plane, mirror)
    names = {f"m{number}" for number in range(20)}
    await asyncio.gather(*(control_plane.client.create(config_map(name)) for name in names))
    await mirror.until(names)
    assert mirror.replaced >= 2  # more often if the writes took several batches
    await control_plane.client.create(config_map("last"))
    await mirror.until(names | {"last"})
    await stop(control_plane, task)


async def test_what_is_given_is_copied_and_what_is_read_is_shared(control_plane: ControlPlane) -> None:
    mine = config_map("a")
    before = deep_copy(mine)
    made = await control_plane.client.create(mine)
    assert mine == before and made is not mine
    read: Any = await control_plane.client.get(core_v1.ConfigMap, "a", "default")
    listed = await control_plane.client.list(core_v1.ConfigMap)
    assert read is made and listed[0] is made


async def test_kind_that_is_not_served_yet_is_waited_for(control_plane: ControlPlane) -> None:
    storage = control_plane.registry.storage_of(core_v1.ConfigMap)
    await control_plane.client.create(config_map("a"))
    control_plane.registry.withdraw(storage)
    mirror = Mirror()
    task = asyncio.create_task(control_plane.client.list_and_watch(core_v1.ConfigMap, mirror))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    control_plane.registry.serve(control_plane.registry.storage_of(core_v1.Secret))
    await asyncio.sleep(0)
    assert not mirror.replaced
    control_plane.registry.serve(storage)
    await mirror.until({"a"})
    await stop(control_plane, task)
