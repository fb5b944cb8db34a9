"""Deployments roll out, scale, pause, remember and give up as they should."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from minikube_py.apis import apps_v1, core_v1
from minikube_py.controllers.deployment import DeploymentController
from minikube_py.controllers.hashing import ALPHABET, template_hash
from minikube_py.controllers.replicaset import ReplicaSetController

from .world import World, deployment, template

Deployment, ReplicaSet, Pod = apps_v1.Deployment, apps_v1.ReplicaSet, core_v1.Pod
NO_SURGE = {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}}


def conditions(world: World, name: str = "web") -> dict[str, tuple[str, str, str]]:
    return {row.type: (row.status, row.reason, row.message) for row in world.get(Deployment, name).status.conditions}


def is_complete(world: World, image: str, name: str = "web") -> bool:
    found = world.get(Deployment, name)
    wanted = found.spec.replicas or 0
    status = found.status
    return (
        found.spec.template.spec.containers[0].image == image
        and status.observed_generation == found.metadata.generation
        and (status.replicas, status.updated_replicas, status.available_replicas) == (wanted, wanted, wanted)
        and any(row.type == "Progressing" and row.reason == "NewReplicaSetAvailable" for row in status.conditions)
    )


def set_image(image: str) -> Any:
    def change(copy: Any) -> None:
        copy.spec.template.spec.containers[0].image = image

    return change


async def roll_out(world: World, made: apps_v1.Deployment) -> None:
    await world.start(DeploymentController, ReplicaSetController)
    await world.start_kubelet()
    await world.client.create(made)
    await world.until(lambda: is_complete(world, "v1", made.metadata.name))


async def test_a_deployment_becomes_available(world: World) -> None:
    await roll_out(world, deployment("web", 10))
    (rs,) = world.list(ReplicaSet)
    hash_ = rs.metadata.labels["pod-template-hash"]
    found = world.get(Deployment, "web")
    assert rs.metadata.name == f"web-{hash_}" and set(hash_) <= set(ALPHABET)
    assert rs.spec.selector.match_labels == {"app": "web", "pod-template-hash": hash_}
    assert rs.metadata.annotations == {
        "deployment.kubernetes.io/revision": "1", "deployment.kubernetes.io/desired-replicas": "10",
        "deployment.kubernetes.io/max-replicas": "13",
    }
    assert found.metadata.annotations["deployment.kubernetes.io/revision"] == "1"
    assert conditions(world) == {
        "Available": ("True", "MinimumReplicasAvailable", "Deployment has minimum availability."),
        "Progressing": ("True", "NewReplicaSetAvailable", f'ReplicaSet "{rs.metadata.name}" has successfully progressed.'),
    }
    await world.until(lambda: world.event_messages("web"))
    assert world.event_messages("web") == [("ScalingReplicaSet", f"Scaled up replica set {rs.metadata.name} from 0 to 10")]


@pytest.mark.parametrize(("surge", "unavailable"), [(0, 1), (1, 0), (2, 2), ("25%", "25%")])
async def test_a_rolling_update_keeps_within_surge_and_unavailability(world: World, surge: Any, unavailable: Any) -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    await roll_out(world, deployment("web", 8, strategy=rolling))
    seen: list[tuple[int, int]] = []

    def look(old: Any, new: Any) -> None:
        alive = [pod for pod in world.list(Pod) if not pod.metadata.deletion_timestamp]
        ready = [pod for pod in alive if any(row.type == "Ready" and row.status == "True" for row in pod.status.conditions)]
        seen.append((len(alive), len(ready)))

    world.informers.of(Pod).add_handler(look)
    seen.clear()
    await world.change(Deployment, "web", set_image("v2"))
    await world.until(lambda: is_complete(world, "v2"))
    bounds = {0: (0, 1), 1: (1, 0), 2: (2, 2), "25%": (2, 2)}[surge]
    assert max(alive for alive, _ in seen) <= 8 + bounds[0]
    assert min(ready for _, ready in seen) >= 8 - bounds[1]
    assert {pod.spec.containers[0].image for pod in world.list(Pod) if not pod.metadata.deletion_timestamp} == {"v2"}
    assert world.get(Deployment, "web").metadata.annotations["deployment.kubernetes.io/revision"] == "2"


async def test_recreate_starts_new_pods_when_the_old_ones_are_gone(world: World) -> None:
    await roll_out(world, deployment("web", 3, strategy={"type": "Recreate"}))
    images: list[set[str]] = []
    world.informers.of(Pod).add_handler(lambda old, new: images.append({pod.spec.containers[0].image for pod in world.list(Pod)}))
    await world.change(Deployment, "web", set_image("v2"))
    await world.until(lambda: is_complete(world, "v2"))
    assert {"v1", "v2"} not in images and {"v2"} in images


async def test_going_back_reuses_the_old_set_under_a_new_revision(world: World) -> None:
    await roll_out(world, deployment("web", 2))
    first = world.list(ReplicaSet)[0].metadata.name
    await world.change(Deployment, "web", set_image("v2"))
    await world.until(lambda: is_complete(world, "v2"))
    await world.change(Deployment, "web", set_image("v1"))
    await world.until(lambda: is_complete(world, "v1"))
    rs = world.get(ReplicaSet, first)
    assert rs.spec.replicas == 2 and len(world.list(ReplicaSet)) == 2
    assert rs.metadata.annotations["deployment.kubernetes.io/revision"] == "3"
    assert rs.metadata.annotations["deployment.kubernetes.io/revision-history"] == "1"


async def test_history_is_cut_to_its_limit(world: World) -> None:
    await roll_out(world, deployment("web", 1, revisionHistoryLimit=2))
    for number in range(2, 7):
        image = f"v{number}"
        await world.change(Deployment, "web", set_image(image))
        await world.until(lambda image=image: is_complete(world, image))
    await world.until(lambda: len(world.list(ReplicaSet)) == 3)
    images = {rs.spec.template.spec.containers[0].image for rs in world.list(ReplicaSet)}
    assert images == {"v4", "v5", "v6"}


async def test_a_paused_deployment_scales_but_does_not_roll(world: World) -> None:
    (controller, sets) = await world.start(DeploymentController, ReplicaSetController)
    await world.start_kubelet()
    await world.client.create(deployment("web", 2))
    await world.until(lambda: is_complete(world, "v1"))

    def pause(copy: Any) -> None:
        copy.spec.paused = True
        copy.spec.replicas = 4
        set_image("v2")(copy)

    await world.change(Deployment, "web", pause)
    await world.until(lambda: world.get(Deployment, "web").status.available_replicas == 4)
    await world.settle(controller, sets)
    assert {pod.spec.containers[0].image for pod in world.list(Pod)} == {"v1"}
    assert conditions(world)["Progressing"] == ("Unknown", "DeploymentPaused", "Deployment is paused")
    await world.change(Deployment, "web", lambda copy: setattr(copy.spec, "paused", False))
    await world.until(lambda: is_complete(world, "v2"))


async def test_scaling_amid_a_rollout_shares_the_difference_in_proportion(world: World) -> None:
    await world.start(DeploymentController, ReplicaSetController)
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}}
    await world.client.create(deployment("web", 10, strategy=rolling))
    await world.until(lambda: len(world.list(Pod)) == 10)
    for pod in world.list(Pod):
        await world.set_ready(pod)
    await world.until(lambda: is_complete(world, "v1"))
    await world.change(Deployment, "web", set_image("v2"))

    def sizes() -> dict[str, int]:
        return {rs.spec.template.spec.containers[0].image: rs.spec.replicas or 0 for rs in world.list(ReplicaSet)}

    await world.until(lambda: sizes() == {"v1": 8, "v2": 5})
    await world.change(Deployment, "web", lambda copy: setattr(copy.spec, "replicas", 15))
    # Source: kubernetes.io/docs/concepts/workloads/controllers/deployment/#proportional-scaling (8 and 5 of 13 become 11 and 7 of 18).
    await world.until(lambda: sizes() == {"v1": 11, "v2": 7})


@pytest.mark.looptime
async def test_a_rollout_without_progress_runs_into_its_deadline(world: World) -> None:
    await world.start(DeploymentController, ReplicaSetController)
    await world.client.create(deployment("web", 1, progressDeadlineSeconds=600))
    await world.until(lambda: world.get(Deployment, "web").status.replicas == 1)
    started = asyncio.get_running_loop().time()
    await world.until(lambda: conditions(world)["Progressing"][0] == "False", timeout_s=700)
    rs = world.list(ReplicaSet)[0].metadata.name
    assert conditions(world)["Progressing"] == ("False", "ProgressDeadlineExceeded", f'ReplicaSet "{rs}" has timed out progressing.')
    assert 600 <= asyncio.get_running_loop().time() - started <= 605


@pytest.mark.looptime
async def test_min_ready_seconds_delay_availability(world: World) -> None:
    await world.start(DeploymentController, ReplicaSetController)
    await world.start_kubelet()
    await world.client.create(deployment("web", 2, minReadySeconds=30))
    await world.until(lambda: world.get(Deployment, "web").status.ready_replicas == 2)
    assert world.get(Deployment, "web").status.available_replicas == 0
    await world.until(lambda: is_complete(world, "v1"), timeout_s=60)
    assert 29 <= asyncio.get_running_loop().time() <= 35


async def test_a_taken_name_changes_the_hash(world: World) -> None:
    made = deployment("web", 1)
    taken = ReplicaSet(spec=apps_v1.ReplicaSetSpec(replicas=0, selector=made.spec.selector, template=template(app="web")))
    probe = await world.client.create(deployment("web", 1, paused=True))
    taken.metadata.name = f"web-{template_hash(probe.spec.template, None)}"
    taken.metadata.namespace = "default"
    taken.metadata.labels = {"other": "owner"}
    await world.client.create(taken)
    await world.change(Deployment, "web", lambda copy: setattr(copy.spec, "paused", False))
    await world.start(DeploymentController, ReplicaSetController)
    await world.until(lambda: world.get(Deployment, "web").status.replicas == 1)
    assert world.get(Deployment, "web").status.collision_count == 1


async def test_an_idle_deployment_is_not_written(world: World) -> None:
    controllers = await world.start(DeploymentController, ReplicaSetController)
    await world.start_kubelet()
    await world.client.create(deployment("web", 3))
    await world.until(lambda: is_complete(world, "v1"))
    await world.settle(*controllers)

    def versions() -> set[str]:
        return {obj.metadata.resource_version for kind in (Deployment, ReplicaSet) for obj in world.list(kind)}

    before = versions()
    for controller in controllers:
        controller.queue.add("default/web")
        controller.queue.add(f"default/{world.list(ReplicaSet)[0].metadata.name}")
    await world.settle(*controllers)
    assert versions() == before
