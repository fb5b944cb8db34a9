"""Pods, nodes and a running scheduler for the scheduler's tests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from minikube_py.apis import core_v1
from minikube_py.apis.scheme import from_document
from minikube_py.client.informer import Informers
from minikube_py.client.interface import Client
from minikube_py.scheduler.scheduler import Scheduler


def make_pod(
    name: str, *, cpu: str = "", memory: str = "", labels: dict[str, str] | None = None, namespace: str = "default", node: str = "",
    priority: int | None = None, owner: dict[str, Any] | None = None, **spec: Any,
) -> core_v1.Pod:
    """A pod of one container; further keywords are fields of its spec in wire names."""
    requests = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value}
    containers = spec.pop("containers", None) or [{"name": "c", "image": "busybox", "resources": {"requests": requests}}]
    document: dict[str, Any] = {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", "labels": labels or {}},
        "spec": {"containers": containers, **spec},
    }
    if node:
        document["spec"]["nodeName"] = node
    if priority is not None:
        document["spec"]["priority"] = priority
    if owner:
        document["metadata"]["ownerReferences"] = [owner]
    return from_document(core_v1.Pod, document)


def make_node(
    name: str, *, cpu: str = "4", memory: str = "8Gi", pods: str = "110", labels: dict[str, str] | None = None,
    taints: list[dict[str, str]] | None = None, unschedulable: bool = False, **more: str,
) -> core_v1.Node:
    room = {"cpu": cpu, "memory": memory, "pods": pods, **more}
    return from_document(core_v1.Node, {
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **(labels or {})}},
        "spec": {"taints": taints or [], **({"unschedulable": True} if unschedulable else {})},
        "status": {"capacity": room, "allocatable": room},
    })


async def until(condition: Callable[[], Any], *, within_s: float = 10.0) -> None:
    """Let the loop run until the condition holds."""
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def running_scheduler(client: Client, **options: Any) -> AsyncIterator[tuple[Scheduler, Informers]]:
    informers = Informers(client)
    scheduler = Scheduler(client, informers, **options)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(informers.run()), group.create_task(scheduler.run())]
        await scheduler.ready.wait()
        try:
            yield scheduler, informers
        finally:
            for task in reversed(tasks):
                task.cancel()


@pytest.fixture
def pod() -> Callable[..., core_v1.Pod]:
    return make_pod


@pytest.fixture
def node() -> Callable[..., core_v1.Node]:
    return make_node
