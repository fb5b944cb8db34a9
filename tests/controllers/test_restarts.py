"""A controller that dies at any moment and starts again leaves the same result as one that never stopped."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from minikube_py.apis import apps_v1, batch_v1, core_v1
from minikube_py.apis.scheme import from_document
from minikube_py.controllers.base import Controller
from minikube_py.controllers.deployment import DeploymentController
from minikube_py.controllers.job import JobController
from minikube_py.controllers.replicaset import ReplicaSetController

from .world import World, deployment

Deployment, Job, Pod, ReplicaSet = apps_v1.Deployment, batch_v1.Job, core_v1.Pod, apps_v1.ReplicaSet


async def run_for(world: World, turns: int, *kinds: type[Controller]) -> None:
    """Run fresh controllers for some turns of the loop, then kill them."""
    tasks = [asyncio.create_task(kind(world.context).run()) for kind in kinds]
    for _ in range(turns):
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("completion_mode", ["NonIndexed", "Indexed"])
@pytest.mark.parametrize("turns", [6, 9, 13, 20, 31])
async def test_a_job_counts_each_pod_once(world: World, turns: int, completion_mode: str) -> None:
    world.run_informers()
    labels = {"run": "work"}
    pod = {"metadata": {"labels": labels}, "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "x"}]}}
    await world.client.create(from_document(Job, {
        "metadata": {"name": "work", "namespace": "default"},
        "spec": {
            "completions": 6, "parallelism": 2, "completionMode": completion_mode, "manualSelector": True,
            "selector": {"matchLabels": labels}, "template": pod,
        },
    }))
    for _ in range(300):
        await run_for(world, turns, JobController)
        for row in world.list(Pod):
            if row.status.phase == "Pending":
                await world.end(row, "Succeeded")
        if any(row.type == "Complete" for row in world.get(Job, "work").status.conditions):
            break
    status = world.get(Job, "work").status
    assert (status.succeeded, status.failed) == (6, 0)
    assert status.uncounted_terminated_pods == batch_v1.UncountedTerminatedPods()
    assert len(world.list(Pod)) == 6


@pytest.mark.parametrize("turns", [5, 8, 13, 21])
async def test_a_rollout_ends_as_if_nothing_had_happened(world: World, turns: int) -> None:
    await world.start_kubelet()
    await world.client.create(deployment("web", 4))

    def is_done(image: str) -> bool:
        status = world.get(Deployment, "web").status
        pods = [row for row in world.list(Pod) if row.spec.containers[0].image == image]
        return (status.updated_replicas, status.available_replicas, status.replicas, len(pods), len(world.list(Pod))) == (4, 4, 4, 4, 4)

    def change(copy: Any) -> None:
        copy.spec.template.spec.containers[0].image = "v2"

    for image in ("v1", "v2"):
        for _ in range(500):
            await run_for(world, turns, DeploymentController, ReplicaSetController)
            if is_done(image):
                break
        assert is_done(image)
        if image == "v1":
            await world.change(Deployment, "web", change)
    assert len(world.list(ReplicaSet)) == 2
