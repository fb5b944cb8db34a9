"""Every local group-version has an APIService, which is kept as upstream keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from minikube_py.apis.apiextensions_v1 import CustomResourceDefinition
from minikube_py.apis.apiregistration_v1 import APIService, ServiceReference
from minikube_py.apis.resources import GROUP_VERSIONS
from minikube_py.apiserver.api_services import AUTOMANAGED, ApiServiceRegistration, builtin_services
from minikube_py.client.interface import Client
from minikube_py.core.errors import NotFoundError

from .apiextensions.definitions import definition, version
from .lab import PATIENCE_S, Lab


@asynccontextmanager
async def registered(client: Client) -> AsyncIterator[ApiServiceRegistration]:
    """A registration that is at work and has seen to the built-in group-versions."""
    registration = ApiServiceRegistration(client)
    task = asyncio.create_task(registration.run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            await registration.ready.wait()
        yield registration
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def service(client: Client, name: str) -> APIService | None:
    try:
        return await client.get(APIService, name)
    except NotFoundError:
        return None


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():
            await asyncio.sleep(0.005)


async def exists(client: Client, name: str, *, there: bool = True) -> None:
    async def holds() -> bool:
        return (await service(client, name) is not None) == there

    await until(holds)


def widgets(*names: str) -> CustomResourceDefinition:
    return definition(versions=[version(name, storage=name == names[0]) for name in names])


@pytest.mark.parametrize(("name", "group_priority", "version_priority"), [
    ("v1.", 18000, 1), ("v1.apps", 17800, 15), ("v2.autoscaling", 17500, 30), ("v1.apiextensions.k8s.io", 16700, 15),
])
def test_priorities_are_upstreams(name: str, group_priority: int, version_priority: int) -> None:
    spec = {service.metadata.name: service.spec for service in builtin_services()}[name]
    assert (spec.group_priority_minimum, spec.version_priority) == (group_priority, version_priority)


async def test_builtin_group_versions_are_registered_once(lab: Lab) -> None:
    async with registered(lab.client) as registration:
        found = await lab.client.list(APIService)
        assert {(s.spec.group, s.spec.version) for s in found} == {gv for gv in GROUP_VERSIONS if gv[0] != "apiregistration.k8s.io"}
        assert registration.problem() is None
        condition = next(s for s in found if s.metadata.name == "v1.").status.conditions[0]
        assert (condition.type, condition.status, condition.reason) == ("Available", "True", "Local")
        assert condition.message == "Local APIServices are always available"
        assert {s.metadata.labels[AUTOMANAGED] for s in found} == {"onstart"}
        await lab.client.delete(APIService, "v1.apps")
        await lab.client.create(widgets("v1"))
        await exists(lab.client, "v1.example.com")
        assert await service(lab.client, "v1.apps") is None


async def test_a_start_corrects_what_was_changed_and_removes_what_is_not_served(lab: Lab) -> None:
    async with registered(lab.client):
        pass
    changed = await lab.client.get(APIService, "v1.apps")
    changed.spec.version_priority = 7
    await lab.client.update(changed)
    gone = builtin_services()[1]
    gone.metadata.name, gone.spec.version = f"v0.{gone.spec.group}", "v0"
    await lab.client.create(gone)
    async with registered(lab.client):
        await exists(lab.client, gone.metadata.name, there=False)
        assert (await lab.client.get(APIService, "v1.apps")).spec.version_priority == 15


async def test_group_versions_of_custom_resources_come_and_go(lab: Lab) -> None:
    await lab.client.create(widgets("v1", "v2"))
    async with registered(lab.client):
        await exists(lab.client, "v2.example.com")
        found = await lab.client.get(APIService, "v1.example.com")
        assert found.metadata.labels == {AUTOMANAGED: "true"}
        assert (found.spec.group_priority_minimum, found.spec.version_priority) == (1000, 100)
        await lab.client.delete(APIService, "v1.example.com")
        await exists(lab.client, "v1.example.com")
        for index, name in ((1, "v2.example.com"), (0, "v1.example.com")):
            crd = await lab.client.get(CustomResourceDefinition, "widgets.example.com")
            crd.spec.versions[index].served = False
            await lab.client.update(crd)
            await exists(lab.client, name, there=False)


async def test_an_administrators_object_is_left_alone(lab: Lab) -> None:
    mine = builtin_services()[0]
    mine.metadata.name, mine.metadata.labels, mine.spec.group, mine.spec.version = "v1.example.com", {}, "example.com", "v1"
    mine.spec.service = ServiceReference(namespace="default", name="mine")
    await lab.client.create(mine)
    async with registered(lab.client):
        await lab.client.create(widgets("v1", "v2"))
        await exists(lab.client, "v2.example.com")
        kept = await lab.client.get(APIService, "v1.example.com")
        assert kept.spec.service is not None and kept.spec.service.name == "mine"
        assert kept.status.conditions == []
