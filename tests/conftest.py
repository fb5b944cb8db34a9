"""Fixtures for all tests: an API server in this process, and guards against what tests must not leave behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from hypothesis import settings

from minikube_py.apis import core_v1, meta_v1
from minikube_py.apiserver.assembly import RegistryOptions, build_registry
from minikube_py.apiserver.local_client import LocalClient
from minikube_py.apiserver.registry import Registry
from minikube_py.apiserver.subresources import Subresources
from minikube_py.store.memory import MemoryStore
from tests.leftovers import Leftovers

# How long an example takes says more of the machine's other work than of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# pytest-asyncio opens a loop of its own when the thread's policy has none set; nobody would close it.
asyncio.set_event_loop(None)


def pytest_configure(config: pytest.Config) -> None:
    # Workers see only a part of the run.
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Leftovers(), "leftovers")


@pytest.fixture(autouse=True)
async def no_task_left_behind() -> AsyncIterator[None]:
    """Fails a test that leaves a task running."""
    before = asyncio.all_tasks()
    yield
    left = [task for task in asyncio.all_tasks() - before if not task.done() and task is not asyncio.current_task()]
    if left:
        pytest.fail(f"tasks left behind: {left}")


@dataclass
class ControlPlane:
    """A Registry on a memory store, without controllers, and a client for it."""

    registry: Registry
    client: LocalClient
    subresources: Subresources


def no_tokens(namespace: str, name: str, request: object, warn: object) -> object:
    raise AssertionError(f"no test of this fixture asks for tokens: {namespace}/{name} {request}")


@pytest.fixture
async def control_plane() -> AsyncIterator[ControlPlane]:
    """A control plane with the namespace and service account "default"."""
    store = MemoryStore()
    await store.open()
    registry = build_registry(store, RegistryOptions())
    subresources = Subresources(registry, no_tokens)  # type: ignore[arg-type]
    client = LocalClient(registry, subresources, "test")
    await client.create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="default")))
    await client.create(core_v1.ServiceAccount(metadata=meta_v1.ObjectMeta(name="default", namespace="default")))
    yield ControlPlane(registry, client, subresources)
    await store.close()
