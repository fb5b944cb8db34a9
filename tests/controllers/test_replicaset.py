"""ReplicaSets and ReplicationControllers keep their number of pods."""

from __future__ import annotations

from minikube_py.apis import apps_v1, core_v1, meta_v1
from minikube_py.controllers.replicaset import ReplicaSetController
from minikube_py.controllers.replicationcontroller import ReplicationControllerController

from .world import World, pod, replica_set, template

Pod, ReplicaSet = core_v1.Pod, apps_v1.ReplicaSet


async def test_a_set_creates_as_many_pods_as_it_should_have(world: World) -> None:
    await world.start(ReplicaSetController)
    await world.client.create(replica_set("web", 5, app="web"))
    await world.until(lambda: world.get(ReplicaSet, "web").status.replicas == 5)
    pods = world.list(Pod)
    owner = world.get(ReplicaSet, "web")
    assert len(pods) == 5
    assert {row.metadata.owner_references[0].uid for row in pods} == {owner.metadata.uid}
    assert all(row.metadata.name.startswith("web-") and row.metadata.labels == {"app": "web"} for row in pods)
    await world.until(lambda: len(world.event_messages("web")) == 5)
    assert set(world.event_messages("web")) == {("SuccessfulCreate", f"Created pod: {row.metadata.name}") for row in pods}


async def test_status_follows_readiness(world: World) -> None:
    await world.start(ReplicaSetController)
    await world.start_kubelet()
    await world.client.create(replica_set("web", 3, app="web"))
    await world.until(lambda: world.get(ReplicaSet, "web").status.available_replicas == 3)
    status = world.get(ReplicaSet, "web").status
    assert (status.replicas, status.ready_replicas, status.fully_labeled_replicas, status.observed_generation) == (3, 3, 3, 1)
    await world.set_ready(world.list(Pod)[0], False)
    await world.until(lambda: world.get(ReplicaSet, "web").status.ready_replicas == 2)


async def test_scaling_down_takes_the_pods_that_are_missed_least(world: World) -> None:
    await world.start(ReplicaSetController)
    await world.client.create(replica_set("web", 4, app="web"))
    await world.until(lambda: len(world.list(Pod)) == 4)
    dear, ready, bound, _unassigned = world.list(Pod)
    for row in (dear, ready, bound):
        await world.bind(row)
    for row in (dear, ready):
        await world.set_ready(world.get(Pod, row.metadata.name))

    def make_dear(copy: core_v1.Pod) -> None:
        copy.metadata.annotations = {"controller.kubernetes.io/pod-deletion-cost": "10"}

    await world.change(Pod, dear.metadata.name, make_dear)
    await world.change(ReplicaSet, "web", lambda copy: setattr(copy.spec, "replicas", 1))

    def alive() -> set[str]:
        return {row.metadata.name for row in world.list(Pod) if not row.metadata.deletion_timestamp}

    await world.until(lambda: len(alive()) == 1)
    assert alive() == {dear.metadata.name}


async def test_an_orphan_with_matching_labels_is_adopted(world: World) -> None:
    await world.client.create(pod("lonely", app="web"))
    await world.start(ReplicaSetController)
    await world.client.create(replica_set("web", 2, app="web"))
    await world.until(lambda: world.get(ReplicaSet, "web").status.replicas == 2)
    lonely = world.get(Pod, "lonely")
    assert lonely.metadata.owner_references[0].uid == world.get(ReplicaSet, "web").metadata.uid
    assert lonely.metadata.owner_references[0].block_owner_deletion is True
    assert len(world.list(Pod)) == 2


async def test_a_pod_whose_labels_changed_is_released_and_replaced(world: World) -> None:
    await world.start(ReplicaSetController)
    await world.client.create(replica_set("web", 2, app="web"))
    await world.until(lambda: world.get(ReplicaSet, "web").status.replicas == 2)
    taken = world.list(Pod)[0].metadata.name
    await world.change(Pod, taken, lambda copy: setattr(copy.metadata, "labels", {"app": "debug"}))
    await world.until(lambda: len(world.list(Pod)) == 3 and not world.get(Pod, taken).metadata.owner_references)
    await world.until(lambda: world.get(ReplicaSet, "web").status.replicas == 2)


async def test_a_deleted_pod_is_replaced_once(world: World) -> None:
    (controller,) = await world.start(ReplicaSetController)
    await world.start_kubelet()
    await world.client.create(replica_set("web", 3, app="web"))
    await world.until(lambda: world.get(ReplicaSet, "web").status.available_replicas == 3)
    victim = world.list(Pod)[0]
    await world.client.delete(Pod, victim.metadata.name, "default")
    await world.until(lambda: world.find(Pod, victim.metadata.name) is None and len(world.list(Pod)) == 3)
    await world.settle(controller)
    assert len(world.list(Pod)) == 3


async def test_a_refused_template_costs_one_request_and_is_told_in_the_status(world: World) -> None:
    broken = replica_set("web", 50, app="web")
    broken.spec.template.spec.service_account_name = "nobody"
    await world.start(ReplicaSetController)
    await world.client.create(broken)
    await world.until(lambda: world.get(ReplicaSet, "web").status.conditions)
    condition = world.get(ReplicaSet, "web").status.conditions[0]
    assert (condition.type, condition.status, condition.reason) == ("ReplicaFailure", "True", "FailedCreate")
    assert 'serviceaccount "nobody" not found' in condition.message
    assert world.list(Pod) == []


async def test_a_replication_controller_keeps_its_pods(world: World) -> None:
    await world.start(ReplicationControllerController)
    await world.start_kubelet()
    await world.client.create(core_v1.ReplicationController(
        metadata=meta_v1.ObjectMeta(name="old", namespace="default"),
        spec=core_v1.ReplicationControllerSpec(replicas=2, selector={"app": "old"}, template=template(app="old")),
    ))
    await world.until(lambda: world.get(core_v1.ReplicationController, "old").status.available_replicas == 2)
    assert world.list(Pod)[0].metadata.owner_references[0].kind == "ReplicationController"
