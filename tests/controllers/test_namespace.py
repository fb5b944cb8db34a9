"""Namespaces have what they should, and are emptied before they go."""

from __future__ import annotations

from minikube_py.apis import core_v1, meta_v1
from minikube_py.controllers.basics import RootCa, ServiceAccounts, SystemNamespaces
from minikube_py.controllers.namespace import NamespaceController

from .world import World, pod

ConfigMap, Namespace, Pod, ServiceAccount = core_v1.ConfigMap, core_v1.Namespace, core_v1.Pod, core_v1.ServiceAccount


async def make_namespace(world: World, name: str) -> None:
    await world.client.create(Namespace(metadata=meta_v1.ObjectMeta(name=name)))
    await world.client.create(ServiceAccount(metadata=meta_v1.ObjectMeta(name="default", namespace=name)))


def conditions(world: World, name: str) -> dict[str, tuple[str, str, str]]:
    return {row.type: (row.status, row.reason, row.message) for row in world.get(Namespace, name).status.conditions}


async def test_a_deleted_namespace_is_emptied_and_goes(world: World) -> None:
    await world.start(NamespaceController)
    await world.start_kubelet()
    await make_namespace(world, "team")
    for number in range(3):
        await world.client.create(ConfigMap(metadata=meta_v1.ObjectMeta(name=f"c{number}", namespace="team")))
        await world.client.create(pod(f"p{number}", "team", app="x"))
    await world.client.create(ConfigMap(metadata=meta_v1.ObjectMeta(name="other", namespace="default")))
    await world.client.delete(Namespace, "team")
    await world.until(lambda: world.find(Namespace, "team") is None)
    assert not world.list(Pod, "team") and not world.list(ConfigMap, "team")
    assert world.find(ConfigMap, "other") is not None


async def test_a_namespace_waits_for_finalizers_and_says_so(world: World) -> None:
    await world.start(NamespaceController)
    await make_namespace(world, "team")
    held = meta_v1.ObjectMeta(name="held", namespace="team", finalizers=["example.com/hold"])
    await world.client.create(ConfigMap(metadata=held))
    await world.client.delete(Namespace, "team")
    await world.until(lambda: "NamespaceFinalizersRemaining" in conditions(world, "team"))
    assert world.get(Namespace, "team").status.phase == "Terminating"
    assert conditions(world, "team") == {
        "NamespaceDeletionDiscoveryFailure": ("False", "ResourcesDiscovered", "All resources successfully discovered"),
        "NamespaceDeletionGroupVersionParsingFailure": ("False", "ParsedGroupVersions", "All legacy kube types successfully parsed"),
        "NamespaceDeletionContentFailure": (
            "False", "ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
        "NamespaceContentRemaining": (
            "True", "SomeResourcesRemain", "Some resources are remaining: configmaps. has 1 resource instances"),
        "NamespaceFinalizersRemaining": (
            "True", "SomeFinalizersRemain",
            "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"),
    }
    await world.change(ConfigMap, "held", lambda copy: setattr(copy.metadata, "finalizers", []), "team")
    await world.until(lambda: world.find(Namespace, "team") is None)


async def test_pods_end_before_the_rest_is_removed(world: World) -> None:
    await world.start(NamespaceController)
    await make_namespace(world, "team")
    await world.client.create(ConfigMap(metadata=meta_v1.ObjectMeta(name="needed", namespace="team")))
    made = await world.client.create(pod("slow", "team", app="x"))
    await world.bind(made)
    await world.client.delete(Namespace, "team")
    await world.until(lambda: world.get(Pod, "slow", "team").metadata.deletion_timestamp)
    await world.until(lambda: "NamespaceContentRemaining" in conditions(world, "team"))
    assert world.find(ConfigMap, "needed", "team") is not None
    # What is not asked to go yet is nothing that remains.
    assert conditions(world, "team")["NamespaceContentRemaining"] == (
        "True", "SomeResourcesRemain", "Some resources are remaining: pods. has 1 resource instances")
    await world.client.delete(Pod, "slow", "team", grace_period_seconds=0)
    await world.until(lambda: world.find(Namespace, "team") is None)


async def test_each_namespace_has_a_service_account_and_the_ca(world: World) -> None:
    await world.start(ServiceAccounts)
    await world.run(RootCa(world.context, "PEM"))
    await world.client.create(Namespace(metadata=meta_v1.ObjectMeta(name="team")))
    await world.until(lambda: world.find(ServiceAccount, "default", "team") and world.find(ConfigMap, "kube-root-ca.crt", "team"))
    assert world.get(ConfigMap, "kube-root-ca.crt", "team").data == {"ca.crt": "PEM"}
    await world.client.delete(ServiceAccount, "default", "team")
    await world.change(ConfigMap, "kube-root-ca.crt", lambda copy: setattr(copy, "data", {"ca.crt": "wrong"}), "team")
    await world.until(lambda: world.find(ServiceAccount, "default", "team"))
    await world.until(lambda: world.get(ConfigMap, "kube-root-ca.crt", "team").data == {"ca.crt": "PEM"})


async def test_the_system_namespaces_are_there(world: World) -> None:
    await world.start(SystemNamespaces)
    names = {"default", "kube-system", "kube-public", "kube-node-lease"}
    await world.until(lambda: {row.metadata.name for row in world.list(Namespace)} == names)
