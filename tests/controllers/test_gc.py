"""Objects go when their owners go, in the way that the deletion asked for."""

from __future__ import annotations

from typing import Any

from minikube_py.apis import apps_v1, core_v1, meta_v1
from minikube_py.controllers.deployment import DeploymentController
from minikube_py.controllers.gc import GarbageCollector
from minikube_py.controllers.replicaset import ReplicaSetController

from .world import World, deployment

ConfigMap, Deployment, Pod, ReplicaSet = core_v1.ConfigMap, apps_v1.Deployment, core_v1.Pod, apps_v1.ReplicaSet


async def make(world: World, name: str, *owners: core_v1.ConfigMap, block: bool = False, namespace: str = "default") -> core_v1.ConfigMap:
    refs = [reference(owner, block=block) for owner in owners]
    meta = meta_v1.ObjectMeta(name=name, namespace=namespace, owner_references=refs)
    return await world.client.create(ConfigMap(metadata=meta))


def reference(owner: core_v1.ConfigMap, *, block: bool = False) -> meta_v1.OwnerReference:
    return meta_v1.OwnerReference(
        api_version="v1", kind="ConfigMap", name=owner.metadata.name, uid=owner.metadata.uid, block_owner_deletion=block or None
    )


def own(*owners: core_v1.ConfigMap, block: bool = False) -> Any:
    def change(copy: Any) -> None:
        copy.metadata.owner_references = [reference(owner, block=block) for owner in owners]

    return change


async def test_dependents_go_in_the_background_level_by_level(world: World) -> None:
    await world.start(GarbageCollector)
    top = await make(world, "top")
    middle = await make(world, "middle", top)
    await make(world, "leaf", middle)
    await make(world, "free")
    await world.client.delete(ConfigMap, "top", "default", propagation_policy="Background")
    await world.until(lambda: [row.metadata.name for row in world.list(ConfigMap)] == ["free"])


async def test_an_object_stays_while_one_owner_is_left_and_loses_the_dead_reference(world: World) -> None:
    await world.start(GarbageCollector)
    one, other = await make(world, "one"), await make(world, "other")
    await make(world, "child", one, other)
    await world.client.delete(ConfigMap, "one", "default")
    await world.until(lambda: [ref.name for ref in world.get(ConfigMap, "child").metadata.owner_references] == ["other"])


async def test_foreground_keeps_the_owner_until_blocking_dependents_are_gone(world: World) -> None:
    await world.start(GarbageCollector)
    owner = await make(world, "owner")
    await make(world, "child", owner, block=True)
    await world.change(ConfigMap, "child", lambda copy: setattr(copy.metadata, "finalizers", ["example.com/hold"]))
    await world.client.delete(ConfigMap, "owner", "default", propagation_policy="Foreground")
    await world.until(lambda: world.get(ConfigMap, "child").metadata.deletion_timestamp)
    assert world.get(ConfigMap, "owner").metadata.finalizers == ["foregroundDeletion"]
    await world.change(ConfigMap, "child", lambda copy: setattr(copy.metadata, "finalizers", []))
    await world.until(lambda: not world.list(ConfigMap))


async def test_foreground_does_not_wait_for_dependents_that_do_not_block(world: World) -> None:
    await world.start(GarbageCollector)
    owner = await make(world, "owner")
    await make(world, "child", owner)
    await world.change(ConfigMap, "child", lambda copy: setattr(copy.metadata, "finalizers", ["example.com/hold"]))
    await world.client.delete(ConfigMap, "owner", "default", propagation_policy="Foreground")
    await world.until(lambda: world.find(ConfigMap, "owner") is None)
    await world.until(lambda: world.get(ConfigMap, "child").metadata.deletion_timestamp)


async def test_orphaning_frees_the_dependents(world: World) -> None:
    (collector,) = await world.start(GarbageCollector)
    owner = await make(world, "owner")
    for number in range(3):
        await make(world, f"child-{number}", owner)
    await world.client.delete(ConfigMap, "owner", "default", propagation_policy="Orphan")
    await world.until(lambda: world.find(ConfigMap, "owner") is None)
    await world.settle(collector)
    assert len(world.list(ConfigMap)) == 3
    assert all(not row.metadata.owner_references for row in world.list(ConfigMap))


async def test_a_circle_of_blocking_owners_is_resolved(world: World) -> None:
    await world.start(GarbageCollector)
    a = await make(world, "a")
    b = await make(world, "b", a, block=True)
    await world.change(ConfigMap, "a", own(b, block=True))
    await world.client.delete(ConfigMap, "a", "default", propagation_policy="Foreground")
    await world.until(lambda: not world.list(ConfigMap))


async def test_an_owner_that_never_was_does_not_hold_an_object(world: World) -> None:
    ghost = ConfigMap(metadata=meta_v1.ObjectMeta(name="ghost", uid="00000000-0000-0000-0000-000000000000"))
    await make(world, "child", ghost)
    await world.start(GarbageCollector)
    await world.until(lambda: world.find(ConfigMap, "child") is None)


async def test_a_namesake_of_the_owner_does_not_count(world: World) -> None:
    await make(world, "owner")
    stale = ConfigMap(metadata=meta_v1.ObjectMeta(name="owner", uid="00000000-0000-0000-0000-000000000001"))
    await make(world, "child", stale)
    await world.start(GarbageCollector)
    await world.until(lambda: world.find(ConfigMap, "child") is None)
    assert world.find(ConfigMap, "owner") is not None


async def test_owners_of_unknown_kinds_hold_their_objects(world: World) -> None:
    (collector,) = await world.start(GarbageCollector)
    made = ConfigMap(metadata=meta_v1.ObjectMeta(name="custom", namespace="default", owner_references=[
        meta_v1.OwnerReference(api_version="example.com/v1", kind="Thing", name="x", uid="1-2-3"),
    ]))
    await world.client.create(made)
    await make(world, "marker")
    await world.until(lambda: collector.graph.nodes)
    await world.settle(collector)
    assert world.find(ConfigMap, "custom") is not None


async def test_deleting_a_deployment_removes_its_sets_and_pods(world: World) -> None:
    await world.start(GarbageCollector, DeploymentController, ReplicaSetController)
    await world.start_kubelet()
    await world.client.create(deployment("web", 3))
    await world.until(lambda: world.get(Deployment, "web").status.available_replicas == 3)
    await world.client.delete(Deployment, "web", "default", propagation_policy="Foreground")
    await world.until(lambda: not world.list(Deployment) and not world.list(ReplicaSet) and not world.list(Pod))
