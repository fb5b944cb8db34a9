"""Pods wait for their claims, and go where their volumes are."""

from __future__ import annotations

from typing import Any

from minikube_py.apis import core_v1, storage_v1
from minikube_py.apis.scheme import from_document
from minikube_py.scheduler.plugins.volume_binding import BIND_COMPLETED, SELECTED_NODE

from .conftest import running_scheduler, until
from .test_scheduler import add_node, add_pod, condition

VOLUMES = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]


async def add_claim(client: Any, storage_class: str = "") -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": storage_class}
    document = {"metadata": {"name": "data", "namespace": "default"}, "spec": spec}
    await client.create(from_document(core_v1.PersistentVolumeClaim, document))


async def add_volume(client: Any, node: str) -> None:
    term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}
    spec = {
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/data"},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}},
    }
    await client.create(from_document(core_v1.PersistentVolume, {"metadata": {"name": "pv"}, "spec": spec}))


async def bind_claim(client: Any) -> None:
    patch = {"metadata": {"annotations": {BIND_COMPLETED: "yes"}}, "spec": {"volumeName": "pv"}}
    await client.patch(core_v1.PersistentVolumeClaim, "data", "default", patch)


async def test_missing_and_unbound_claims_are_named_until_they_are_there(control_plane: Any) -> None:
    client = control_plane.client
    for name in ("a", "b"):
        await add_node(client, name, labels={"kubernetes.io/hostname": name})
    async with running_scheduler(client) as (_, informers):
        pods = informers.of(core_v1.Pod)

        def says(text: str) -> bool:
            pod = pods.get("p", "default")
            return pod is not None and condition(pod)[2].startswith(f"0/2 nodes are available: {text}. ")

        await add_pod(client, "p", volumes=VOLUMES)
        await until(lambda: says('persistentvolumeclaim "data" not found'))
        await add_claim(client)
        await until(lambda: says("pod has unbound immediate PersistentVolumeClaims"))
        await add_volume(client, "b")
        await bind_claim(client)
        await until(lambda: pods.get("p", "default").spec.node_name == "b")  # type: ignore[union-attr]


async def test_claim_that_waits_for_its_consumer_is_told_the_node_and_waited_for(control_plane: Any) -> None:
    client = control_plane.client
    await add_node(client, "a")
    document = {"metadata": {"name": "local"}, "provisioner": "example.com/local", "volumeBindingMode": "WaitForFirstConsumer"}
    await client.create(from_document(storage_v1.StorageClass, document))
    await add_claim(client, "local")
    async with running_scheduler(client) as (scheduler, informers):
        claims, pods = informers.of(core_v1.PersistentVolumeClaim), informers.of(core_v1.Pod)
        await add_pod(client, "p", volumes=VOLUMES)
        await until(lambda: claims.get("data", "default").metadata.annotations.get(SELECTED_NODE) == "a")  # type: ignore[union-attr]
        await add_pod(client, "other")
        await until(lambda: (p := pods.get("other", "default")) is not None and p.spec.node_name)
        assert pods.get("p", "default").spec.node_name == ""  # type: ignore[union-attr]
        assert scheduler.cache.assumed("default/p")
        await add_volume(client, "a")
        await bind_claim(client)
        await until(lambda: pods.get("p", "default").spec.node_name == "a")  # type: ignore[union-attr]
