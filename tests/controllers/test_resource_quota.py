"""The resource quota controller: the status of quotas follows what is wanted and what is there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from minikube_py.apis import core_v1
from minikube_py.apis.scheme import from_document
from minikube_py.controllers.resource_quota import ResourceQuotaController

from .world import World, pod


def quota(name: str = "q", **hard: str) -> core_v1.ResourceQuota:
    return from_document(core_v1.ResourceQuota, {"metadata": {"name": name, "namespace": "default"}, "spec": {"hard": hard}})


async def start(world: World) -> ResourceQuotaController:
    controller = ResourceQuotaController(world.context, world.registry.quota_usage.used)
    await world.run(controller)
    return controller


def status(world: World, name: str = "q") -> tuple[dict[str, Any], dict[str, Any]]:
    found = world.get(core_v1.ResourceQuota, name).status
    return found.hard, found.used


async def test_new_quota_is_told_what_is_there_already(world: World) -> None:
    for name in ("a", "b"):
        await world.client.create(pod(name))
    await start(world)
    await world.client.create(quota(pods="1", services="2"))
    await world.until(lambda: status(world) == ({"pods": "1", "services": "2"}, {"pods": "2", "services": "0"}))


async def test_status_follows_what_is_wanted(world: World) -> None:
    await start(world)
    await world.client.create(quota(pods="1", services="2"))
    await world.until(lambda: status(world)[0])
    await world.client.patch(core_v1.ResourceQuota, "q", "default", {"spec": {"hard": {"pods": "3", "services": None, "secrets": "4"}}})
    await world.until(lambda: status(world) == ({"pods": "3", "secrets": "4"}, {"pods": "0", "secrets": "0"}))


async def test_status_follows_what_comes_ends_and_goes(world: World) -> None:
    controller = await start(world)
    await world.client.create(quota(**{"pods": "9", "count/pods": "9"}))
    await world.until(lambda: status(world)[0])
    for name in ("a", "b", "c"):
        await world.client.create(pod(name))
    assert status(world)[1] == {"pods": "3", "count/pods": "3"}
    await world.end(world.get(core_v1.Pod, "a"), "Succeeded")
    assert status(world)[1] == {"pods": "2", "count/pods": "3"}
    await world.client.delete(core_v1.Pod, "b", "default")
    assert status(world)[1] == {"pods": "1", "count/pods": "2"}
    before = world.revision()
    await world.settle(controller)
    assert world.revision() == before


@pytest.mark.looptime
async def test_what_others_write_into_the_status_is_undone_after_a_while(world: World) -> None:
    controller = ResourceQuotaController(world.context, world.registry.quota_usage.used, timedelta(minutes=1))
    await world.run(controller)
    await world.client.create(quota(pods="1"))
    await world.until(lambda: status(world)[0])
    patch = {"status": {"hard": {"pods": "7"}, "used": {"pods": "5"}}}
    await world.client.patch(core_v1.ResourceQuota, "q", "default", patch, subresource="status")
    await world.settle(controller)
    assert status(world) == ({"pods": "7"}, {"pods": "5"})
    await world.until(lambda: status(world) == ({"pods": "1"}, {"pods": "0"}), timeout_s=61)


@pytest.mark.looptime
async def test_pod_that_should_be_gone_is_no_longer_told(world: World) -> None:
    controller = ResourceQuotaController(world.context, world.registry.quota_usage.used, timedelta(minutes=1))
    await world.run(controller)
    await world.client.create(quota(pods="1"))
    await world.until(lambda: status(world)[0])
    await world.client.create(pod("a"))
    await world.bind(world.get(core_v1.Pod, "a"))
    await world.client.delete(core_v1.Pod, "a", "default")
    assert status(world)[1] == {"pods": "1"}
    await world.until(lambda: status(world)[1] == {"pods": "0"}, timeout_s=180)
    assert world.find(core_v1.Pod, "a") is not None
