"""ResourceQuota: what is refused and in which words, what counts, and that nothing counts which is not stored.

Source: staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/admission_test.go
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from minikube_py.apis import core_v1, meta_v1, scheduling_v1
from minikube_py.apis.object import Object
from minikube_py.apis.scheme import from_document, to_document, type_of
from minikube_py.apiserver.admission import Admission, Operation, WaitingPlugin, forbidden
from minikube_py.apiserver.admission.resource_quota import ResourceQuotaPlugin
from minikube_py.apiserver.assembly import RegistryOptions, build_registry
from minikube_py.apiserver.configuration import ConfigurationError
from minikube_py.apiserver.context import Context
from minikube_py.apiserver.local_client import LocalClient
from minikube_py.apiserver.registry import Registry
from minikube_py.core.errors import AlreadyExistsError, ForbiddenError, InternalError, InvalidError, UnreasonedError
from minikube_py.store import writes
from minikube_py.store.interface import FullError
from minikube_py.store.sqlite import SqliteStore
from tests.conftest import ControlPlane


def quota(name: str = "q", hard: dict[str, str] | None = None, **spec: Any) -> core_v1.ResourceQuota:
    document = {"metadata": {"name": name, "namespace": "default"}, "spec": {"hard": hard or {"pods": "1"}, **spec}}
    return from_document(core_v1.ResourceQuota, document)


def pod(name: str = "p", cpu: str = "", **spec: Any) -> core_v1.Pod:
    container = {"name": "c", "image": "x", "resources": {"requests": {"cpu": cpu}} if cpu else {}}
    return from_document(core_v1.Pod, {"metadata": {"name": name, "namespace": "default"}, "spec": {"containers": [container], **spec}})


def config_map(name: str = "c") -> core_v1.ConfigMap:
    return core_v1.ConfigMap(metadata=meta_v1.ObjectMeta(name=name, namespace="default"))


def used(plane: ControlPlane, name: str = "q") -> dict[str, Any] | None:
    return plane.registry.quota_usage.used("default", name)


async def refusal(plane: ControlPlane, obj: Any) -> str:
    """Why an object is refused; after that it counts for nothing."""
    before = used(plane)
    with pytest.raises(ForbiddenError) as caught:
        await plane.client.create(obj)
    assert used(plane) == before
    return caught.value.message.partition(" is forbidden: ")[2]


async def told(plane: ControlPlane, name: str = "q") -> core_v1.ResourceQuotaStatus:
    return (await plane.client.get(core_v1.ResourceQuota, name, "default")).status


async def give_status(plane: ControlPlane, name: str = "q") -> None:
    """The controller's part: the first status."""
    hard = (await plane.client.get(core_v1.ResourceQuota, name, "default")).spec.hard
    await plane.client.patch(
        core_v1.ResourceQuota, name, "default", {"status": {"hard": hard, "used": used(plane, name)}}, subresource="status",
    )


async def test_what_exceeds_a_quota_is_refused_and_what_fits_counts(control_plane: ControlPlane) -> None:
    await control_plane.client.create(quota(hard={"pods": "2", "requests.cpu": "1", "configmaps": "1", "count/secrets": "0"}))
    await control_plane.client.create(pod("a", "600m"))
    assert await refusal(control_plane, pod("b", "500m")) == \
        "exceeded quota: q, requested: requests.cpu=500m, used: requests.cpu=600m, limited: requests.cpu=1"
    await control_plane.client.create(pod("b", "400m"))
    assert await refusal(control_plane, pod("c", "500m")) == (
        "exceeded quota: q, requested: pods=1,requests.cpu=500m, used: pods=2,requests.cpu=1, limited: pods=2,requests.cpu=1"
    )
    assert await refusal(control_plane, pod("c")) == "failed quota: q: must specify requests.cpu for: c"
    await control_plane.client.create(config_map())
    assert await refusal(control_plane, config_map("d")) == \
        "exceeded quota: q, requested: configmaps=1, used: configmaps=1, limited: configmaps=1"
    secret = core_v1.Secret(metadata=meta_v1.ObjectMeta(name="s", namespace="default"))
    assert await refusal(control_plane, secret) == \
        "exceeded quota: q, requested: count/secrets=1, used: count/secrets=0, limited: count/secrets=0"
    assert used(control_plane) == {"pods": "2", "requests.cpu": "1", "configmaps": "1", "count/secrets": "0"}


async def test_usage_can_be_read_when_the_answer_is_there(control_plane: ControlPlane) -> None:
    await control_plane.client.create(quota(hard={"pods": "9", "requests.memory": "1Gi", "count/configmaps": "3"}))
    await give_status(control_plane)
    made = pod("a")
    made.spec.containers[0].resources.requests = {"memory": "100Mi"}
    await control_plane.client.create(made)
    assert (await told(control_plane)).used == {"pods": "1", "requests.memory": "100Mi", "count/configmaps": "0"}
    before = (await control_plane.client.get(core_v1.ResourceQuota, "q", "default")).metadata
    await asyncio.gather(*(control_plane.client.create(config_map(f"c{n}")) for n in range(3)))
    await control_plane.client.delete(core_v1.Pod, "a", "default")
    after = await control_plane.client.get(core_v1.ResourceQuota, "q", "default")
    assert after.status.used == {"pods": "0", "requests.memory": "0", "count/configmaps": "3"}
    assert after.status.hard == after.spec.hard and after.metadata.generation == before.generation
    manager = {entry.manager: entry for entry in after.metadata.managed_fields}["kube-apiserver"]
    assert (manager.operation, manager.subresource) == ("Update", "status")
    storage = control_plane.registry.storage_of(core_v1.ResourceQuota)
    entry = control_plane.registry.get(storage, "default", "q")
    assert f'"resourceVersion":"{entry.revision}"' in entry.data.decode()


async def test_status_is_written_once_for_a_batch_of_objects(control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writes, "GATHER_S", 60.0)
    await control_plane.client.create(quota(hard={"configmaps": "99"}))
    await give_status(control_plane)
    versions: list[Any] = []
    control_plane.registry.store.watch("resourcequotas", control_plane.registry.store.revision, versions.append)
    await asyncio.gather(*(control_plane.client.create(config_map(f"c{n}")) for n in range(50)))
    assert (await told(control_plane)).used == {"configmaps": "50"} and len(versions) == 1


async def test_status_that_somebody_writes_is_what_is_enforced(control_plane: ControlPlane) -> None:
    await control_plane.client.create(quota(hard={"pods": "5"}))
    patch = {"status": {"hard": {"pods": "1", "secrets": "0"}}}
    await control_plane.client.patch(core_v1.ResourceQuota, "q", "default", patch, subresource="status")
    await control_plane.client.create(pod("a"))
    assert await refusal(control_plane, pod("b")) == "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"


async def test_dry_run_is_checked_and_not_counted(control_plane: ControlPlane) -> None:
    await control_plane.client.create(quota())
    storage = control_plane.registry.storage_of(core_v1.Pod)
    await control_plane.registry.create(storage, "default", pod("a"), Context(dry_run=True))
    assert used(control_plane) == {"pods": "0"}
    await control_plane.client.create(pod("a"))
    with pytest.raises(ForbiddenError):
        await control_plane.registry.create(storage, "default", pod("b"), Context(dry_run=True))


async def test_refused_and_repeated_creates_count_once(control_plane: ControlPlane) -> None:
    await control_plane.client.create(quota(hard={"pods": "9", "services": "9"}))
    await control_plane.client.create(pod("a"))
    with pytest.raises(AlreadyExistsError):
        await control_plane.client.create(pod("a"))
    with pytest.raises(InvalidError):
        await control_plane.client.create(core_v1.Service(metadata=meta_v1.ObjectMeta(name="s", namespace="default")))
    made = pod("")
    made.metadata.generate_name = "g-"
    await control_plane.client.create(made)
    assert used(control_plane) == {"pods": "2", "services": "0"}


class Asks(WaitingPlugin):
    """Waits for a turn of the loop, and may refuse."""

    def __init__(self, refused: str = "") -> None:
        self._refused = refused

    async def validate_waiting(self, operation: Operation) -> None:
        await asyncio.sleep(0)
        if operation.name == self._refused:
            raise forbidden(operation, "no")


async def test_quota_is_looked_at_after_those_who_wait(control_plane: ControlPlane) -> None:
    registry = control_plane.registry
    registry.admission = Admission([Asks("c0"), ResourceQuotaPlugin(registry.quota_usage)])
    await control_plane.client.create(quota(hard={"configmaps": "3"}))
    results = await asyncio.gather(*(control_plane.client.create(config_map(f"c{n}")) for n in range(9)), return_exceptions=True)
    assert sum(isinstance(result, core_v1.ConfigMap) for result in results) == 3
    assert used(control_plane) == {"configmaps": "3"} and isinstance(results[0], ForbiddenError)


async def test_updates_count_for_what_they_change(control_plane: ControlPlane) -> None:
    client = control_plane.client
    await client.create(quota(hard={"services": "1", "services.nodeports": "1", "services.loadbalancers": "0"}))
    service = {"metadata": {"name": "s", "namespace": "default"}, "spec": {"type": "NodePort", "ports": [{"port": 1}]}}
    await client.create(from_document(core_v1.Service, service))
    await client.patch(core_v1.Service, "s", "default", {"metadata": {"labels": {"a": "b"}}})
    with pytest.raises(ForbiddenError, match=r"requested: services\.nodeports=1, used: services\.nodeports=1, limited"):
        await client.patch(core_v1.Service, "s", "default", {"spec": {"ports": [{"port": 1, "name": "a"}, {"port": 2, "name": "b"}]}})
    with pytest.raises(ForbiddenError, match=r"requested: services\.loadbalancers=1, used: services\.loadbalancers=0"):
        await client.patch(core_v1.Service, "s", "default", {"spec": {"type": "LoadBalancer"}})
    await client.patch(core_v1.Service, "s", "default", {"spec": {"type": "ClusterIP"}})
    assert used(control_plane) == {"services": "1", "services.nodeports": "0", "services.loadbalancers": "0"}


async def test_resize_counts_and_may_be_refused(control_plane: ControlPlane) -> None:
    await control_plane.client.create(quota(hard={"requests.cpu": "1"}))
    await control_plane.client.create(pod("p", "500m"))

    async def resize(cpu: str) -> None:
        patch = {"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]}}
        kind = "application/strategic-merge-patch+json"
        await control_plane.client.patch(core_v1.Pod, "p", "default", patch, patch_type=kind, subresource="resize")

    with pytest.raises(ForbiddenError, match=r"exceeded quota: q, requested: requests\.cpu=1, used: requests\.cpu=500m, limited"):
        await resize("1500m")
    await resize("900m")
    assert used(control_plane) == {"requests.cpu": "900m"}


async def test_pods_that_end_or_should_be_gone_leave_room(control_plane: ControlPlane) -> None:
    client = control_plane.client
    await client.create(quota(hard={"pods": "1", "count/pods": "3"}))
    await client.create(pod("a"))
    await client.patch(core_v1.Pod, "a", "default", {"status": {"phase": "Succeeded"}}, subresource="status")
    await client.create(pod("b"))
    assert used(control_plane) == {"pods": "1", "count/pods": "2"}
    assert await refusal(control_plane, pod("c")) == "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"


@pytest.mark.parametrize(("spec", "inside", "outside"), [
    ({"scopes": ["Terminating"]}, pod(activeDeadlineSeconds=9), pod()),
    ({"scopes": ["NotTerminating"]}, pod(), pod(activeDeadlineSeconds=9)),
    ({"scopes": ["BestEffort"]}, pod(), pod(cpu="1")),
    ({"scopes": ["NotBestEffort"]}, pod(cpu="1"), pod()),
    ({"scopes": ["NotBestEffort", "NotTerminating"]}, pod(cpu="1"), pod(cpu="1", activeDeadlineSeconds=9)),
    ({"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}]}},
     pod(priorityClassName="high"), pod()),
    ({"scopes": ["CrossNamespacePodAffinity"]}, pod(affinity={"podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "k", "namespaces": ["x"], "labelSelector": {}}]}}), pod()),
])
async def test_quota_with_scopes_is_about_these_pods(
    control_plane: ControlPlane, spec: dict[str, Any], inside: core_v1.Pod, outside: core_v1.Pod
) -> None:
    await control_plane.client.create(scheduling_v1.PriorityClass(metadata=meta_v1.ObjectMeta(name="high"), value=5))
    await control_plane.client.create(quota(hard={"pods": "0"}, **spec))
    assert await refusal(control_plane, inside) == "exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0"
    await control_plane.client.create(outside)
    assert used(control_plane) == {"pods": "0"}


async def test_quota_of_a_volume_attributes_class_is_about_its_claims(control_plane: ControlPlane) -> None:
    selector = {"matchExpressions": [{"scopeName": "VolumeAttributesClass", "operator": "In", "values": ["gold"]}]}
    await control_plane.client.create(quota(hard={"persistentvolumeclaims": "1", "requests.storage": "5Gi"}, scopeSelector=selector))

    def claim(name: str, storage: str, **spec: str) -> core_v1.PersistentVolumeClaim:
        return from_document(core_v1.PersistentVolumeClaim, {
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}, **spec},
        })

    await control_plane.client.create(claim("a", "9Gi"))
    assert await refusal(control_plane, claim("b", "9Gi", volumeAttributesClassName="gold")) == \
        "exceeded quota: q, requested: requests.storage=9Gi, used: requests.storage=0, limited: requests.storage=5Gi"
    await control_plane.client.create(claim("b", "3Gi", volumeAttributesClassName="gold"))
    assert used(control_plane) == {"persistentvolumeclaims": "1", "requests.storage": "3Gi"}


async def test_pod_that_leaves_or_enters_a_scope_counts_in_its_new_one(control_plane: ControlPlane) -> None:
    client = control_plane.client
    await client.create(quota("long", {"pods": "1"}, scopes=["NotTerminating"]))
    await client.create(quota("short", {"pods": "0"}, scopes=["Terminating"]))
    await client.create(pod("a"))
    with pytest.raises(ForbiddenError, match="exceeded quota: short, requested: pods=1, used: pods=0, limited: pods=0"):
        await client.patch(core_v1.Pod, "a", "default", {"spec": {"activeDeadlineSeconds": 9}})
    await client.patch(core_v1.ResourceQuota, "short", "default", {"spec": {"hard": {"pods": "1"}}})
    await client.patch(core_v1.Pod, "a", "default", {"spec": {"activeDeadlineSeconds": 9}})
    assert (used(control_plane, "long"), used(control_plane, "short")) == ({"pods": "0"}, {"pods": "1"})


async def test_object_must_fit_into_all_quotas(control_plane: ControlPlane) -> None:
    await control_plane.client.create(quota("a", {"pods": "5"}))
    await control_plane.client.create(quota("b", {"pods": "0"}))
    assert await refusal(control_plane, pod()) == "exceeded quota: b, requested: pods=1, used: pods=0, limited: pods=0"
    assert used(control_plane, "a") == {"pods": "0"}


async def test_lowered_quota_lets_stay_what_is_there(control_plane: ControlPlane) -> None:
    client = control_plane.client
    await client.create(quota(hard={"configmaps": "5"}))
    await asyncio.gather(*(client.create(config_map(f"c{n}")) for n in range(4)))
    await client.patch(core_v1.ResourceQuota, "q", "default", {"spec": {"hard": {"configmaps": "2", "pods": "1"}}})
    assert used(control_plane) == {"configmaps": "4", "pods": "0"}
    assert await refusal(control_plane, config_map("x")) == \
        "exceeded quota: q, requested: configmaps=1, used: configmaps=4, limited: configmaps=2"
    await client.patch(core_v1.ConfigMap, "c0", "default", {"data": {"a": "b"}})
    await client.delete(core_v1.ResourceQuota, "q", "default")
    await client.create(config_map("x"))
    assert used(control_plane) is None


async def test_quota_counts_what_is_on_its_way_when_it_is_made(control_plane: ControlPlane) -> None:
    """A quota that counted only what readers see would let one object too many pass."""
    client = control_plane.client
    results = await asyncio.gather(
        client.create(config_map("a")), client.create(quota(hard={"configmaps": "2"})), client.create(config_map("b")),
        client.create(config_map("c")), return_exceptions=True,
    )
    assert isinstance(results[3], ForbiddenError) and used(control_plane) == {"configmaps": "2"}


async def test_extended_resources_of_device_classes_count_for_claims_too(control_plane: ControlPlane) -> None:
    client = control_plane.client
    await client.create(quota(hard={"requests.example.com/gpu": "3", "gpu.deviceclass.resource.k8s.io/devices": "2"}))

    def claim(name: str) -> Object:
        document = {"metadata": {"name": name, "namespace": "default"},
                    "spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "gpu", "count": 2}}]}}}
        return from_document(type_of("resource.k8s.io", "v1", "ResourceClaim"), document)

    await client.create(claim("a"))
    assert used(control_plane) == {"requests.example.com/gpu": "0", "gpu.deviceclass.resource.k8s.io/devices": "2"}
    device_class = {"metadata": {"name": "gpu"}, "spec": {"extendedResourceName": "example.com/gpu"}}
    await client.create(from_document(type_of("resource.k8s.io", "v1", "DeviceClass"), device_class))
    assert used(control_plane) == {"requests.example.com/gpu": "2", "gpu.deviceclass.resource.k8s.io/devices": "2"}
    assert "gpu.deviceclass.resource.k8s.io/devices=2" in await refusal(control_plane, claim("b"))


# The configuration: what needs a quota.


def configure(plane: ControlPlane, **rule: Any) -> None:
    document = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "ResourceQuotaConfiguration", "limitedResources": [rule]}
    plane.registry.admission = Admission([ResourceQuotaPlugin(plane.registry.quota_usage, document)])


async def test_what_is_limited_by_default_needs_a_quota(control_plane: ControlPlane) -> None:
    configure(control_plane, resource="pods", matchContains=["requests.cpu", "pods"])
    assert await refusal(control_plane, pod(cpu="1")) == "insufficient quota to consume: count/pods,pods,requests.cpu"
    await control_plane.client.create(quota(hard={"pods": "1", "count/pods": "1"}))
    assert await refusal(control_plane, pod(cpu="1")) == "insufficient quota to consume: requests.cpu"
    await control_plane.client.create(pod())


async def test_scope_that_is_limited_needs_a_quota_with_it(control_plane: ControlPlane) -> None:
    match = {"scopeName": "PriorityClass", "operator": "In", "values": ["cluster-services", "other"]}
    configure(control_plane, resource="pods", matchScopes=[match])
    with pytest.raises(UnreasonedError) as caught:
        await control_plane.client.create(pod(priorityClassName="cluster-services"))
    assert caught.value.message == "insufficient quota to match these scopes: [{PriorityClass In [cluster-services other]}]"
    await control_plane.client.create(pod("plain"))
    await control_plane.client.create(quota(scopeSelector={"matchExpressions": [match]}))
    await control_plane.client.create(pod(priorityClassName="cluster-services"))


@pytest.mark.parametrize(("document", "why"), [
    ({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "Configuration"},
     'no kind "Configuration" is registered for version "apiserver.config.k8s.io/v1"'),
    ({"apiVersion": "resourcequota.admission.k8s.io/v1beta1", "kind": "Configuration", "limitedResources": [{"resource": ""}]},
     "limitedResources[0].resource: Required value"),
])
async def test_configuration_that_means_nothing_is_refused(control_plane: ControlPlane, document: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ResourceQuotaPlugin(control_plane.registry.quota_usage, document)
    assert str(caught.value) == why


# Stores that fail and processes that end.


async def _plane(store: SqliteStore) -> ControlPlane:
    registry: Registry = build_registry(store, RegistryOptions())
    return ControlPlane(registry, LocalClient(registry, None, "test"), None)  # type: ignore[arg-type]


async def test_charges_of_writes_that_fail_are_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteStore(tmp_path / "s.db")
    await store.open()
    plane = await _plane(store)
    await plane.client.create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="default")))
    await plane.client.create(quota(hard={"configmaps": "3"}))
    await give_status(plane)
    await plane.client.create(config_map("a"))
    commit = store._file.commit
    monkeypatch.setattr(store._file, "commit", lambda changes: (_ for _ in ()).throw(FullError("no space")))
    results = await asyncio.gather(*(plane.client.create(config_map(f"c{n}")) for n in range(9)), return_exceptions=True)
    assert [type(result) for result in results].count(InternalError) == 2
    assert used(plane) == {"configmaps": "1"} == (await told(plane)).used
    monkeypatch.setattr(store._file, "commit", commit)
    results = await asyncio.gather(*(plane.client.create(config_map(f"c{n}")) for n in range(9)), return_exceptions=True)
    assert sum(isinstance(result, core_v1.ConfigMap) for result in results) == 2
    assert used(plane) == {"configmaps": "3"} == (await told(plane)).used
    await store.close()


async def test_usage_and_status_are_the_same_after_a_restart(tmp_path: Path) -> None:
    for turn in range(2):
        store = SqliteStore(tmp_path / "s.db")
        await store.open()
        plane = await _plane(store)
        if turn == 0:
            await plane.client.create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="default")))
            await plane.client.create(core_v1.ServiceAccount(metadata=meta_v1.ObjectMeta(name="default", namespace="default")))
            await plane.client.create(quota(hard={"pods": "2", "requests.cpu": "2", "count/leases.coordination.k8s.io": "1"}))
            await give_status(plane)
            await plane.client.create(pod("a", "250m"))
        assert used(plane) == {"pods": "1", "requests.cpu": "250m", "count/leases.coordination.k8s.io": "0"} == (await told(plane)).used
        with pytest.raises(ForbiddenError, match=r"requested: requests\.cpu=2, used: requests\.cpu=250m, limited"):
            await plane.client.create(pod("b", "2"))
        await store.close()


async def test_relaxed_writes_are_told_in_the_status(control_plane: ControlPlane) -> None:
    name = "count/leases.coordination.k8s.io"
    await control_plane.client.create(quota(hard={name: "1"}))
    await give_status(control_plane)
    lease = from_document(type_of("coordination.k8s.io", "v1", "Lease"), {"metadata": {"name": "l", "namespace": "default"}})
    await control_plane.client.create(lease)
    revision = control_plane.registry.store.revision
    assert await control_plane.registry.store.wait_revision(revision + 1, 5.0)
    assert to_document(await told(control_plane))["used"] == {name: "1"}


