"""Caches that lag behind, each by another time, never make a controller do anything twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from minikube_py.apis import apps_v1, batch_v1, core_v1, discovery_v1
from minikube_py.apis.scheme import from_document
from minikube_py.controllers.deployment import DeploymentController
from minikube_py.controllers.endpointslice import EndpointSliceController
from minikube_py.controllers.job import JobController
from minikube_py.controllers.replicaset import ReplicaSetController

from .world import World, deployment, replica_set

Deployment, Job, Pod, ReplicaSet = apps_v1.Deployment, batch_v1.Job, core_v1.Pod, apps_v1.ReplicaSet
LAGS = [
    {Pod: 3.0},
    {ReplicaSet: 3.0, Pod: 0.5},
    {Pod: 0.5, Job: 4.0, Deployment: 2.0},
    {Pod: 2.0, Job: 0.7, ReplicaSet: 1.0, discovery_v1.EndpointSlice: 5.0},
]


@pytest.fixture(params=LAGS, ids=lambda lag: "-".join(kind.__name__ for kind in lag))
def slow(world: World, request: Any) -> World:
    world.client.lag_s = request.param
    return world


def created(world: World, kind: type[Any]) -> set[str]:
    """Collects the uid of every object that is ever made."""
    uids: set[str] = set()
    world.informers.of(kind).add_handler(lambda old, new: uids.add(new.metadata.uid) if new is not None else None)
    return uids


@pytest.mark.looptime
async def test_a_replica_set_makes_each_pod_once(slow: World) -> None:
    controllers = await slow.start(ReplicaSetController)
    pods = created(slow, Pod)
    await slow.client.create(replica_set("web", 7, app="web"))
    await slow.until(lambda: len(slow.list(Pod)) == 7)
    for size in (7, 3, 5):
        await slow.change(ReplicaSet, "web", lambda copy, size=size: setattr(copy.spec, "replicas", size))
        for _ in range(5):
            controllers[0].queue.add("default/web")
            await asyncio.sleep(1)
        await slow.until(lambda size=size: len(slow.list(Pod)) == size and slow.get(ReplicaSet, "web").status.replicas == size)
    await asyncio.sleep(20)
    assert len(slow.list(Pod)) == 5
    assert len(pods) == 9, "seven at first, and two of the five"


@pytest.mark.looptime
async def test_a_deployment_makes_one_set_for_each_template(slow: World) -> None:
    await slow.start(DeploymentController, ReplicaSetController)
    await slow.start_kubelet()
    sets = created(slow, ReplicaSet)
    await slow.client.create(deployment("web", 4))
    await slow.until(lambda: slow.get(Deployment, "web").status.available_replicas == 4, timeout_s=120)

    def change(copy: Any) -> None:
        copy.spec.template.spec.containers[0].image = "v2"

    await slow.change(Deployment, "web", change)
    await slow.until(lambda: len(slow.list(ReplicaSet)) == 2)
    await asyncio.sleep(120)
    status = slow.get(Deployment, "web").status
    assert (status.updated_replicas, status.available_replicas, status.replicas) == (4, 4, 4)
    assert len(sets) == 2 and len(slow.list(Pod)) == 4


@pytest.mark.looptime
async def test_a_job_makes_and_counts_each_pod_once(slow: World) -> None:
    controllers = await slow.start(JobController)
    made = created(slow, Pod)
    labels = {"run": "work"}
    await slow.client.create(from_document(Job, {
        "metadata": {"name": "work", "namespace": "default"},
        "spec": {
            "completions": 6, "parallelism": 3, "manualSelector": True, "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "x"}]},
            },
        },
    }))
    for _ in range(60):
        await asyncio.sleep(1)
        controllers[0].queue.add("default/work")
        for pod in slow.list(Pod):
            if pod.status.phase == "Pending":
                await slow.end(pod, "Succeeded")
    status = slow.get(Job, "work").status
    assert {row.type for row in status.conditions} == {"SuccessCriteriaMet", "Complete"}
    assert (status.succeeded, len(made)) == (6, 6)


@pytest.mark.looptime
async def test_a_service_gets_one_slice(slow: World) -> None:
    (controller,) = await slow.start(EndpointSliceController)
    await slow.client.create(from_document(core_v1.Service, {
        "metadata": {"name": "web", "namespace": "default"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    }))
    for _ in range(10):
        controller.queue.add("default/web")
        await asyncio.sleep(0.5)
    await asyncio.sleep(10)
    assert len(slow.list(discovery_v1.EndpointSlice)) == 1
