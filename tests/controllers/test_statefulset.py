"""StatefulSets keep names, claims and order."""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apis import apps_v1, core_v1
from minikube_py.apis.scheme import from_document
from minikube_py.controllers.gc import GarbageCollector
from minikube_py.controllers.statefulset import StatefulSetController

from .world import World

Claim, Pod, StatefulSet = core_v1.PersistentVolumeClaim, core_v1.Pod, apps_v1.StatefulSet


def stateful_set(replicas: int, name: str = "db", **spec: Any) -> apps_v1.StatefulSet:
    labels = {"app": name}
    return from_document(StatefulSet, {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas, "serviceName": name, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "v1"}]}}, **spec,
        },
    })


CLAIMS = [{
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}]


def names(world: World) -> list[str]:
    return sorted(pod.metadata.name for pod in world.list(Pod))


def images(world: World) -> dict[str, str]:
    return {pod.metadata.name: pod.spec.containers[0].image for pod in world.list(Pod)}


def is_available(world: World, count: int) -> bool:
    found = world.get(StatefulSet, "db")
    status = found.status
    return (status.available_replicas, status.replicas, status.observed_generation) == (count, count, found.metadata.generation)


def set_image(image: str) -> Any:
    def change(copy: Any) -> None:
        copy.spec.template.spec.containers[0].image = image

    return change


async def test_pods_are_made_in_order_each_after_the_one_before_is_ready(world: World) -> None:
    (controller,) = await world.start(StatefulSetController)
    await world.client.create(stateful_set(3))
    for count in range(1, 4):
        await world.until(lambda count=count: len(names(world)) == count)
        await world.settle(controller)
        assert names(world) == [f"db-{number}" for number in range(count)]
        pod = world.get(Pod, f"db-{count - 1}")
        await world.bind(pod)
        await world.set_ready(world.get(Pod, pod.metadata.name))
    await world.until(lambda: is_available(world, 3))
    pod = world.get(Pod, "db-2")
    assert (pod.spec.hostname, pod.spec.subdomain) == ("db-2", "db")
    assert pod.metadata.labels["statefulset.kubernetes.io/pod-name"] == "db-2"
    assert pod.metadata.labels["apps.kubernetes.io/pod-index"] == "2"
    assert pod.metadata.labels["controller-revision-hash"] == world.get(StatefulSet, "db").status.current_revision
    await world.until(lambda: ("SuccessfulCreate", "create Pod db-0 in StatefulSet db successful") in world.event_messages("db"))


async def test_parallel_sets_do_not_wait(world: World) -> None:
    await world.start(StatefulSetController)
    await world.client.create(stateful_set(4, podManagementPolicy="Parallel", ordinals={"start": 5}))
    await world.until(lambda: names(world) == ["db-5", "db-6", "db-7", "db-8"])


async def test_scaling_down_takes_the_highest_first_and_keeps_claims(world: World) -> None:
    await world.start(StatefulSetController)
    await world.start_kubelet()
    await world.client.create(stateful_set(3, volumeClaimTemplates=CLAIMS))
    await world.until(lambda: is_available(world, 3))
    assert world.get(Pod, "db-1").spec.volumes[0].persistent_volume_claim == core_v1.PersistentVolumeClaimVolumeSource(
        claim_name="data-db-1")
    await world.change(StatefulSet, "db", lambda copy: setattr(copy.spec, "replicas", 1))
    await world.until(lambda: names(world) == ["db-0"] and is_available(world, 1))
    assert sorted(claim.metadata.name for claim in world.list(Claim)) == ["data-db-0", "data-db-1", "data-db-2"]


async def test_claims_go_with_pods_and_set_if_the_policy_says_so(world: World) -> None:
    await world.start(StatefulSetController, GarbageCollector)
    await world.start_kubelet()
    policy = {"whenDeleted": "Delete", "whenScaled": "Delete"}
    await world.client.create(stateful_set(2, volumeClaimTemplates=CLAIMS, persistentVolumeClaimRetentionPolicy=policy))
    await world.until(lambda: is_available(world, 2))
    await world.until(lambda: all(claim.metadata.owner_references for claim in world.list(Claim)))
    await world.change(StatefulSet, "db", lambda copy: setattr(copy.spec, "replicas", 1))

    def kept() -> list[str]:
        return [claim.metadata.name for claim in world.list(Claim) if not claim.metadata.deletion_timestamp]

    await world.until(lambda: kept() == ["data-db-0"])
    await world.client.delete(StatefulSet, "db", "default")
    await world.until(lambda: not kept())


@pytest.mark.parametrize("strategy", [{}, {"type": "RollingUpdate"}], ids=["default", "without parameters"])
@pytest.mark.parametrize("grace_s", [0, 30])
async def test_an_update_rolls_from_the_highest_ordinal_one_at_a_time(world: World, grace_s: int, strategy: dict[str, Any]) -> None:
    await world.start(StatefulSetController)
    await world.start_kubelet()
    made = stateful_set(3, updateStrategy=strategy)
    made.spec.template.spec.termination_grace_period_seconds = grace_s
    await world.client.create(made)
    await world.until(lambda: is_available(world, 3))
    seen: list[dict[str, str]] = []
    world.informers.of(Pod).add_handler(lambda old, new: seen.append(images(world)))
    await world.change(StatefulSet, "db", set_image("v2"))
    await world.until(lambda: is_available(world, 3) and set(images(world).values()) == {"v2"})
    await world.until(lambda: world.get(StatefulSet, "db").status.current_revision == world.get(StatefulSet, "db").status.update_revision)
    assert all(len(row) >= 2 for row in seen)
    assert not any(row.get("db-0") == "v2" and row.get("db-1") == "v1" for row in seen)


async def test_a_partition_keeps_lower_ordinals_even_when_they_are_made_anew(world: World) -> None:
    await world.start(StatefulSetController)
    await world.start_kubelet()
    await world.client.create(stateful_set(3, updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}))
    await world.until(lambda: is_available(world, 3))
    await world.change(StatefulSet, "db", set_image("v2"))
    await world.until(lambda: is_available(world, 3) and images(world) == {"db-0": "v1", "db-1": "v1", "db-2": "v2"})
    uid = world.get(Pod, "db-0").metadata.uid
    await world.client.delete(Pod, "db-0", "default")
    await world.until(lambda: is_available(world, 3) and world.get(Pod, "db-0").metadata.uid != uid)
    assert images(world)["db-0"] == "v1"


async def test_a_partition_counts_from_the_first_ordinal(world: World) -> None:
    await world.start(StatefulSetController)
    await world.start_kubelet()
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    await world.client.create(stateful_set(2, ordinals={"start": 5}, updateStrategy=strategy))
    await world.until(lambda: is_available(world, 2))
    await world.change(StatefulSet, "db", set_image("v2"))
    await world.until(lambda: is_available(world, 2) and images(world) == {"db-5": "v1", "db-6": "v2"})
    uid = world.get(Pod, "db-5").metadata.uid
    await world.client.delete(Pod, "db-5", "default")
    await world.until(lambda: is_available(world, 2) and world.get(Pod, "db-5").metadata.uid != uid)
    assert images(world) == {"db-5": "v1", "db-6": "v2"}


@pytest.mark.parametrize("policy", ["OrderedReady", "Parallel"])
async def test_a_deleted_pod_comes_back_under_its_name(world: World, policy: str) -> None:
    await world.start(StatefulSetController)
    await world.start_kubelet()
    await world.client.create(stateful_set(2, podManagementPolicy=policy))
    await world.until(lambda: is_available(world, 2))
    uid = world.get(Pod, "db-1").metadata.uid
    await world.client.delete(Pod, "db-1", "default")
    await world.until(lambda: is_available(world, 2) and world.find(Pod, "db-1") and world.get(Pod, "db-1").metadata.uid != uid)
