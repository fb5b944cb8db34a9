"""The Registry's rules of create, update and delete, over each store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from minikube_py.apis import apps_v1, batch_v1, coordination_v1, core_v1, meta_v1, networking_v1, policy_v1
from minikube_py.apis.scheme import deep_copy
from minikube_py.apiserver.assembly import RegistryOptions, build_registry
from minikube_py.apiserver.context import Context
from minikube_py.apiserver.deletion import DeleteOptions
from minikube_py.apiserver.local_client import LocalClient
from minikube_py.apiserver.patching import change_transform, replace_transform
from minikube_py.apiserver.registry import Registry
from minikube_py.apiserver.subresources import Subresources
from minikube_py.core import limits
from minikube_py.core.errors import (
    AlreadyExistsError,
    BadRequestError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    StorageError,
)
from minikube_py.store.interface import Entry
from minikube_py.store.memory import MemoryStore
from minikube_py.store.sqlite import SqliteStore
from tests.conftest import no_tokens

DRY_RUN = Context(dry_run=True)


class StoppedClock:
    """A clock that goes when it is told."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


class World:
    """A Registry, a client of it and its clock."""

    def __init__(self, registry: Registry, clock: StoppedClock) -> None:
        self.registry = registry
        self.clock = clock
        self.client = LocalClient(registry, Subresources(registry, no_tokens), "test")  # type: ignore[arg-type]

    async def delete(self, kind: type[Any], name: str, namespace: str = "default", context: Context | None = None, **options: Any) -> bool:
        """Delete; return whether the object is gone."""
        storage = self.registry.storage_of(kind)
        _, gone = await self.registry.delete(storage, namespace, name, DeleteOptions(**options), *([context] if context else []))
        return gone

    async def put(self, obj: Any, context: Context | None = None, subresource: str = "", create: bool = False) -> Any:
        storage = self.registry.storage_of(type(obj))
        entry, _ = await self.registry.update(
            storage, obj.metadata.namespace, obj.metadata.name, replace_transform(deep_copy(obj)), context or Context(),
            subresource=subresource, create=create, uid=obj.metadata.uid,
        )
        return storage.object(entry)

    async def change(self, kind: type[Any], name: str, change: Callable[[Any], None], context: Context | None = None) -> Entry:
        storage = self.registry.storage_of(kind)
        entry, _ = await self.registry.update(storage, "default", name, change_transform(change), context or Context())
        return entry

    def stored(self, kind: type[Any], name: str, namespace: str = "default") -> Any:
        storage = self.registry.storage_of(kind)
        return storage.object(self.registry.get(storage, namespace, name))


@pytest.fixture(params=["memory", "sqlite"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "state.db")
    await store.open()
    clock = StoppedClock()
    made = World(build_registry(store, RegistryOptions(service_cidr="10.43.0.0/28", service_node_port_range=(30000, 30003)), clock), clock)
    await made.client.create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="default")))
    await made.client.create(core_v1.ServiceAccount(metadata=meta_v1.ObjectMeta(name="default", namespace="default")))
    yield made
    await store.close()


def meta(name: str = "", **fields: Any) -> meta_v1.ObjectMeta:
    return meta_v1.ObjectMeta(name=name, namespace="default", **fields)


def config_map(name: str, **data: str) -> core_v1.ConfigMap:
    return core_v1.ConfigMap(metadata=meta(name), data=data)


def pod(name: str, **spec: Any) -> core_v1.Pod:
    return core_v1.Pod(metadata=meta(name), spec=core_v1.PodSpec(containers=[core_v1.Container(name="c", image="i")], **spec))


def deployment(name: str) -> apps_v1.Deployment:
    template = core_v1.PodTemplateSpec(
        metadata=meta_v1.ObjectMeta(labels={"a": "b"}), spec=core_v1.PodSpec(containers=[core_v1.Container(name="c", image="i")]))
    return apps_v1.Deployment(
        metadata=meta(name), spec=apps_v1.DeploymentSpec(selector=meta_v1.LabelSelector(match_labels={"a": "b"}), template=template))


def service(name: str, type_: str = "ClusterIP", ip: str = "", node_port: int = 0, port: int = 80) -> core_v1.Service:
    ports = [core_v1.ServicePort(port=port, node_port=node_port)]
    return core_v1.Service(metadata=meta(name), spec=core_v1.ServiceSpec(type=type_, cluster_ip=ip, ports=ports))


async def test_created_object_gets_identity_from_the_server(world: World) -> None:
    asked = config_map("a")
    asked.metadata.uid, asked.metadata.creation_timestamp, asked.metadata.generation = "mine", "1999-01-01T00:00:00Z", 7
    asked.metadata.deletion_timestamp, asked.metadata.deletion_grace_period_seconds = "1999-01-01T00:00:00Z", 5
    made = (await world.client.create(asked)).metadata
    assert made.uid not in ("", "mine") and made.creation_timestamp == "2026-01-01T00:00:00Z"
    assert (made.deletion_timestamp, made.deletion_grace_period_seconds) == ("", None)
    assert made.generation == 7, "a kind without generations of its own keeps what it is given"
    assert made.resource_version == str(world.registry.store.revision)


async def test_resource_version_on_create_is_refused(world: World) -> None:
    asked = config_map("a")
    asked.metadata.resource_version = "5"
    with pytest.raises(StorageError, match=r"^resourceVersion should not be set on objects to be created$") as refused:
        await world.client.create(asked)
    assert refused.value.status() == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "resourceVersion should not be set on objects to be created", "code": 500,
    }


async def test_namespace_must_exist_agree_and_not_be_going(world: World) -> None:
    storage = world.registry.storage_of(core_v1.ConfigMap)
    with pytest.raises(NotFoundError, match=r'^namespaces "none" not found$'):
        await world.registry.create(storage, "none", core_v1.ConfigMap(metadata=meta_v1.ObjectMeta(name="a")))
    with pytest.raises(BadRequestError, match=r"^the namespace of the provided object does not match the namespace sent on the request$"):
        await world.registry.create(storage, "other", config_map("a"))
    await world.client.create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="going")))
    assert not await world.delete(core_v1.Namespace, "going", "")
    with pytest.raises(ForbiddenError, match="because it is being terminated") as refused:
        await world.registry.create(storage, "going", core_v1.ConfigMap(metadata=meta_v1.ObjectMeta(name="a")))
    assert refused.value.causes[0].reason == "NamespaceTerminating"


async def test_missing_namespace_is_told_before_anything_else(world: World) -> None:
    bad = pod("p", priority_class_name="no-such-class")
    bad.metadata.namespace = "none"
    with pytest.raises(NotFoundError, match=r'^namespaces "none" not found$'):
        await world.client.create(bad)


async def test_update_of_an_old_version_conflicts(world: World) -> None:
    first = deep_copy(await world.client.create(config_map("a", k="1")))
    await world.client.update(first)
    changed = deep_copy(first)
    changed.data["k"] = "2"
    await world.client.update(changed)
    with pytest.raises(ConflictError) as refused:
        await world.client.update(first)
    assert str(refused.value) == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version '
        "and try again"
    )
    assert refused.value.details == {"name": "a", "kind": "configmaps"}
    assert world.stored(core_v1.ConfigMap, "a").data == {"k": "2"}


async def test_update_without_a_version_replaces_what_is_there(world: World) -> None:
    await world.client.create(config_map("a", k="1"))
    await world.put(config_map("a", k="2"))
    assert world.stored(core_v1.ConfigMap, "a").data == {"k": "2"}


async def test_some_kinds_demand_a_version(world: World) -> None:
    lease = coordination_v1.Lease(metadata=meta("l"))
    await world.client.create(lease)
    with pytest.raises(InvalidError) as refused:
        await world.put(lease)
    assert str(refused.value) == (
        'leases.coordination.k8s.io "l" is invalid: metadata.resourceVersion: Invalid value: 0x0: must be specified for an update'
    )
    await world.client.create(policy_v1.PodDisruptionBudget(metadata=meta("b")))
    with pytest.raises(InvalidError):
        await world.put(policy_v1.PodDisruptionBudget(metadata=meta("b")))


async def test_name_and_namespace_of_an_update_must_agree_with_its_target(world: World) -> None:
    await world.client.create(config_map("a"))
    storage = world.registry.storage_of(core_v1.ConfigMap)
    with pytest.raises(BadRequestError, match=r"^the name of the object \(b\) does not match the name on the URL \(a\)$"):
        await world.registry.update(storage, "default", "a", replace_transform(config_map("b")))
    wrong = config_map("a")
    wrong.metadata.namespace = "kube-system"
    with pytest.raises(
        BadRequestError, match=r"^the namespace of the object \(kube-system\) does not match the namespace on the request \(default\)$"
    ):
        await world.registry.update(storage, "default", "a", replace_transform(wrong))


async def test_update_of_nothing_is_not_found_unless_the_kind_creates(world: World) -> None:
    with pytest.raises(NotFoundError, match=r'^configmaps "a" not found$'):
        await world.put(config_map("a"))
    lease = coordination_v1.Lease(metadata=meta("l"))
    lease.metadata.resource_version = "5"
    await world.put(lease, create=True)
    assert world.stored(coordination_v1.Lease, "l").metadata.uid
    known = coordination_v1.Lease(metadata=meta("gone", uid="u", resource_version="5"))
    for create in (True, False):
        with pytest.raises(ConflictError, match=r"Precondition failed: UID in precondition: u, UID in object meta: $"):
            await world.put(known, create=create)


async def test_update_that_changes_nothing_writes_nothing(world: World) -> None:
    await world.client.create(config_map("a", x="1", y="2"))
    before = world.registry.store.revision
    events: list[Any] = []
    subscription = world.registry.store.watch("configmaps", before, events.append)
    await world.put(core_v1.ConfigMap(metadata=meta("a"), data={"y": "2", "x": "1"}))
    await world.change(core_v1.ConfigMap, "a", lambda obj: None)
    subscription.close()
    assert (world.registry.store.revision, events) == (before, [])
    assert world.stored(core_v1.ConfigMap, "a").metadata.resource_version == str(before)


async def test_truth_is_not_one(world: World) -> None:
    """Values that compare equal in Python are still different JSON."""
    revision = apps_v1.ControllerRevision(metadata=meta("r"), revision=1, data={"x": [True]})
    made = deep_copy(await world.client.create(revision))
    made.metadata.labels = {"a": "b"}
    changed = await world.client.update(made)
    assert changed.metadata.resource_version != made.metadata.resource_version


async def test_generation_counts_changes_of_the_spec_only(world: World) -> None:
    assert (await world.client.create(deployment("d"))).metadata.generation == 1
    await world.change(apps_v1.Deployment, "d", lambda obj: obj.metadata.labels.update(x="y"))
    assert world.stored(apps_v1.Deployment, "d").metadata.generation == 1
    await world.change(apps_v1.Deployment, "d", lambda obj: setattr(obj.spec, "replicas", 5))
    assert world.stored(apps_v1.Deployment, "d").metadata.generation == 2


async def test_spec_and_status_have_a_door_each(world: World) -> None:
    asked = deployment("d")
    asked.status.replicas = 9
    made = await world.client.create(asked)
    assert not made.status.replicas
    both = deep_copy(made)
    both.spec.replicas, both.status.replicas = 4, 4
    after = await world.client.update(both)
    assert (after.spec.replicas, after.status.replicas) == (4, 0)
    both = deep_copy(after)
    both.spec.replicas, both.status.replicas, both.metadata.generation = 7, 7, 99
    after = await world.client.update(both, "status")
    assert (after.spec.replicas, after.status.replicas, after.metadata.generation) == (4, 7, 2)


async def test_concurrent_changes_lose_nothing(world: World) -> None:
    await world.client.create(config_map("a"))

    async def add(number: int) -> None:
        await world.change(core_v1.ConfigMap, "a", lambda obj: obj.data.update({f"k{number}": "v"}))

    async with asyncio.TaskGroup() as group:
        for number in range(200):
            group.create_task(add(number))
    assert len(world.stored(core_v1.ConfigMap, "a").data) == 200


async def test_of_concurrent_updates_of_one_version_one_wins(world: World) -> None:
    made = await world.client.create(config_map("a"))

    async def put(number: int) -> bool:
        mine = deep_copy(made)
        mine.data = {"winner": str(number)}
        try:
            await world.client.update(mine)
        except ConflictError:
            return False
        return True

    won = await asyncio.gather(*(put(number) for number in range(20)))
    assert sum(won) == 1
    assert world.stored(core_v1.ConfigMap, "a").data == {"winner": str(won.index(True))}


async def test_dry_run_stores_nothing(world: World) -> None:
    storage = world.registry.storage_of(core_v1.ConfigMap)
    shown = await world.registry.create(storage, "default", config_map("a"), DRY_RUN)
    assert storage.object(shown).metadata.uid and b"resourceVersion" not in shown.data
    with pytest.raises(NotFoundError):
        world.stored(core_v1.ConfigMap, "a")
    await world.client.create(config_map("a", k="1"))
    with pytest.raises(AlreadyExistsError):
        await world.registry.create(storage, "default", config_map("a"), DRY_RUN)
    assert (await world.put(config_map("a", k="2"), DRY_RUN)).data == {"k": "2"}
    assert await world.delete(core_v1.ConfigMap, "a", context=DRY_RUN)
    assert world.stored(core_v1.ConfigMap, "a").data == {"k": "1"}


async def test_too_large_object_is_refused(world: World) -> None:
    with pytest.raises(StorageError, match=r"^etcdserver: request is too large$"):
        await world.client.create(core_v1.Pod(metadata=meta("p", annotations={}), spec=core_v1.PodSpec(
            containers=[core_v1.Container(name="c", image="i", args=["x" * limits.OBJECT_BYTES_MAX])])))
    await world.client.create(pod("p"))
    before = world.stored(core_v1.Pod, "p")
    with pytest.raises(StorageError):
        await world.client.patch(
            core_v1.Pod, "p", "default", {"status": {"message": "x" * limits.OBJECT_BYTES_MAX}}, subresource="status")
    why = r"^rpc error: code = ResourceExhausted desc = trying to send message larger than max \(2\d{6} vs. 2097152\)$"
    with pytest.raises(StorageError, match=why):
        await world.client.patch(
            core_v1.Pod, "p", "default", {"status": {"message": "x" * limits.MESSAGE_BYTES_MAX}}, subresource="status")
    assert world.stored(core_v1.Pod, "p") is before


async def test_deletion_waits_for_finalizers(world: World) -> None:
    await world.client.create(core_v1.ConfigMap(metadata=meta("a", finalizers=["x/y"])))
    assert not await world.delete(core_v1.ConfigMap, "a")
    marked = world.stored(core_v1.ConfigMap, "a").metadata
    assert (marked.deletion_timestamp, marked.deletion_grace_period_seconds) == ("2026-01-01T00:00:00Z", 0)
    world.clock.moment += timedelta(seconds=50)
    assert not await world.delete(core_v1.ConfigMap, "a")
    assert world.stored(core_v1.ConfigMap, "a").metadata.resource_version == marked.resource_version
    await world.change(core_v1.ConfigMap, "a", lambda obj: obj.metadata.finalizers.clear())
    with pytest.raises(NotFoundError):
        world.stored(core_v1.ConfigMap, "a")


async def test_jobs_orphan_their_pods_unless_told_otherwise(world: World) -> None:
    template = core_v1.PodTemplateSpec(spec=core_v1.PodSpec(restart_policy="Never", containers=[core_v1.Container(name="c", image="i")]))
    for name in ("silent", "told"):
        await world.client.create(batch_v1.Job(metadata=meta(name), spec=batch_v1.JobSpec(template=template)))
    assert not await world.delete(batch_v1.Job, "silent")
    assert world.stored(batch_v1.Job, "silent").metadata.finalizers == ["orphan"]
    assert await world.delete(batch_v1.Job, "told", propagation_policy="Background")


async def test_unscheduled_pod_goes_at_once(world: World) -> None:
    await world.client.create(pod("p"))
    assert await world.delete(core_v1.Pod, "p")


async def test_running_pod_is_given_its_grace(world: World) -> None:
    await world.client.create(pod("p", node_name="n", termination_grace_period_seconds=40))
    assert not await world.delete(core_v1.Pod, "p")
    marked = world.stored(core_v1.Pod, "p").metadata
    assert (marked.deletion_timestamp, marked.deletion_grace_period_seconds) == ("2026-01-01T00:00:40Z", 40)
    assert marked.generation == 2
    world.clock.moment += timedelta(seconds=3)
    assert not await world.delete(core_v1.Pod, "p", grace_period_seconds=60)
    assert world.stored(core_v1.Pod, "p").metadata.deletion_grace_period_seconds == 40
    assert not await world.delete(core_v1.Pod, "p", grace_period_seconds=10)
    shorter = world.stored(core_v1.Pod, "p").metadata
    assert (shorter.deletion_timestamp, shorter.deletion_grace_period_seconds) == ("2026-01-01T00:00:10Z", 10)
    assert await world.delete(core_v1.Pod, "p", grace_period_seconds=0)


async def test_immortal_namespaces_stay(world: World) -> None:
    with pytest.raises(ForbiddenError, match=r'^namespaces "default" is forbidden: this namespace may not be deleted$'):
        await world.delete(core_v1.Namespace, "default", "")


async def test_namespace_goes_when_its_finalizers_do(world: World) -> None:
    await world.client.create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="n")))
    assert not await world.delete(core_v1.Namespace, "n", "")
    namespace = deep_copy(world.stored(core_v1.Namespace, "n", ""))
    assert namespace.status.phase == "Terminating"
    namespace.spec.finalizers = []
    await world.put(namespace, subresource="finalize")
    with pytest.raises(NotFoundError):
        world.stored(core_v1.Namespace, "n", "")


# Addresses and node ports of services. The range has 14 addresses and 4 node ports.


async def test_every_service_has_an_address_of_its_own_until_there_is_none(world: World) -> None:
    made = [(await world.client.create(service(f"s{number}"))).spec for number in range(14)]
    assert len({spec.cluster_ip for spec in made}) == 14 and all(spec.cluster_ips == [spec.cluster_ip] for spec in made)
    with pytest.raises(Exception, match="range is full"):
        await world.client.create(service("more"))
    await world.client.delete(core_v1.Service, "s3", "default")
    assert (await world.client.create(service("more"))).spec.cluster_ip == made[3].cluster_ip


async def test_what_finds_no_free_port_keeps_neither_address_nor_ports(world: World) -> None:
    for number in range(3):
        await world.client.create(service(f"s{number}", "NodePort"))
    greedy = service("greedy", "NodePort")
    greedy.spec.ports = [core_v1.ServicePort(name=f"p{port}", port=port) for port in (80, 81)]
    for _ in range(14):
        with pytest.raises(Exception, match="failed to allocate a nodePort: range is full"):
            await world.client.create(deep_copy(greedy))
    await world.client.create(service("modest", "NodePort"))
    for number in range(10):
        await world.client.create(service(f"c{number}"))


async def test_chosen_address_and_port_are_given_once(world: World) -> None:
    await world.client.create(service("a", "NodePort", "10.43.0.5", 30001))
    with pytest.raises(InvalidError) as refused:
        await world.client.create(service("b", ip="10.43.0.5"))
    assert str(refused.value) == (
        'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.43.0.5"]: failed to allocate IP 10.43.0.5: provided IP is already '
        "allocated"
    )
    with pytest.raises(InvalidError) as refused:
        await world.client.create(service("b", "NodePort", node_port=30001))
    assert str(refused.value) == 'Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 30001: provided port is already allocated'
    with pytest.raises(InvalidError, match=r"not in the valid range. The range of valid ports is 30000-30003"):
        await world.client.create(service("b", "NodePort", node_port=40000))
    # Not of the range; the network's own address; its broadcast address.
    for ip in ("10.9.9.9", "10.43.0.0", "10.43.0.15"):
        with pytest.raises(InvalidError, match=f"failed to allocate IP {ip}: the provided network does not match the current range"):
            await world.client.create(service("b", ip=ip))


def service_cidr(name: str, cidr: str) -> networking_v1.ServiceCIDR:
    meta = meta_v1.ObjectMeta(name=name, finalizers=["example.com/hold"])
    return networking_v1.ServiceCIDR(metadata=meta, spec=networking_v1.ServiceCIDRSpec(cidrs=[cidr]))


async def test_addresses_come_from_all_ranges_that_are_ready(world: World) -> None:
    await world.client.create(service_cidr("kubernetes", "10.43.0.0/28"))
    await world.client.create(service_cidr("extra", "192.0.2.0/30"))
    made = [(await world.client.create(service(f"s{number}"))).spec.cluster_ip for number in range(16)]
    assert len(set(made)) == 16 and {"192.0.2.1", "192.0.2.2"} == set(made[14:])
    with pytest.raises(Exception, match="range is full"):
        await world.client.create(service("more"))
    # One that goes gives nothing any more, but what it gave stays.
    await world.client.delete(networking_v1.ServiceCIDR, "extra")
    await world.client.delete(core_v1.Service, "s14", "default")
    with pytest.raises(InvalidError, match="the provided network does not match the current range"):
        await world.client.create(service("more", ip=made[14]))
    assert world.stored(core_v1.Service, "s15").spec.cluster_ip == made[15]
    # Nor does one that is not ready.
    default = deep_copy(world.stored(networking_v1.ServiceCIDR, "kubernetes", ""))
    default.status.conditions = [meta_v1.Condition(type="Ready", status="False", last_transition_time="2026-01-01T00:00:00Z")]
    await world.client.update(default, subresource="status")
    await world.client.delete(core_v1.Service, "s0", "default")
    with pytest.raises(Exception, match="range is full"):
        await world.client.create(service("more"))


async def test_addresses_that_others_hold_are_not_given_out(world: World) -> None:
    held = networking_v1.IPAddress(
        metadata=meta_v1.ObjectMeta(name="10.43.0.7"),
        spec=networking_v1.IPAddressSpec(parent_ref=networking_v1.ParentReference(resource="things", name="mine")),
    )
    await world.client.create(held)
    with pytest.raises(InvalidError, match=r"failed to allocate IP 10\.43\.0\.7: provided IP is already allocated"):
        await world.client.create(service("a", ip="10.43.0.7"))
    made = {(await world.client.create(service(f"s{number}"))).spec.cluster_ip for number in range(13)}
    assert len(made) == 13 and "10.43.0.7" not in made
    await world.client.delete(networking_v1.IPAddress, "10.43.0.7")
    assert (await world.client.create(service("last"))).spec.cluster_ip == "10.43.0.7"


async def all_numbers_are_free(world: World, taken_ips: int = 0, taken_ports: int = 0) -> None:
    """Shows that nothing leaked: what is not taken can be given out, once."""
    for number in range(4 - taken_ports):
        await world.client.create(service(f"probe-{number}", "NodePort"))
    for number in range(4 - taken_ports, 14 - taken_ips):
        await world.client.create(service(f"probe-{number}"))
    with pytest.raises(Exception, match="range is full"):
        await world.client.create(service("one-too-many"))
    with pytest.raises(Exception, match="range is full"):
        await world.change(core_v1.Service, f"probe-{13 - taken_ips}", lambda obj: setattr(obj.spec, "type", "NodePort"))


async def test_refused_and_dry_creates_leak_nothing(world: World) -> None:
    storage = world.registry.storage_of(core_v1.Service)
    await world.client.create(service("a", "NodePort", "10.43.0.5", 30001))
    for _ in range(20):
        with pytest.raises(AlreadyExistsError):
            await world.client.create(service("a", "NodePort"))
        with pytest.raises(InvalidError):
            await world.client.create(service("b", "NodePort", "10.43.0.6", 30001))
        with pytest.raises(InvalidError):
            await world.client.create(service("b", "NodePort", "10.43.0.5", 30002))
        with pytest.raises(InvalidError):
            await world.client.create(service("b", ip="no address"))
        await world.registry.create(storage, "default", service("b", "NodePort"), DRY_RUN)
    await world.client.delete(core_v1.Service, "a", "default")
    await all_numbers_are_free(world)


async def test_refused_and_dry_updates_neither_leak_nor_free(world: World) -> None:
    await world.client.create(service("a", "NodePort", "10.43.0.5", 30001))
    await world.client.create(service("b", "NodePort", "10.43.0.6", 30002))
    for _ in range(20):
        with pytest.raises(InvalidError):
            await world.put(service("a", "NodePort", "10.43.0.5", 30002))
        with pytest.raises(InvalidError):
            await world.put(service("a", "NodePort", "10.43.0.6", 30001))
        with pytest.raises(InvalidError):
            await world.change(core_v1.Service, "a", lambda obj: setattr(obj.spec, "cluster_ips", ["10.43.0.6"]))
        await world.change(core_v1.Service, "a", lambda obj: setattr(obj.spec.ports[0], "node_port", 30003), DRY_RUN)
        old = deep_copy(world.stored(core_v1.Service, "a"))
        old.metadata.resource_version, old.spec.ports[0].node_port = "1", 30000
        with pytest.raises(ConflictError):
            await world.put(old)
    for name, taken in (("c", 30001), ("c", 30002)):
        with pytest.raises(InvalidError, match="already allocated"):
            await world.client.create(service(name, "NodePort", node_port=taken))
    await all_numbers_are_free(world, 2, 2)


async def test_update_moves_a_node_port_and_frees_the_old_one(world: World) -> None:
    await world.client.create(service("a", "NodePort", node_port=30001))
    await world.change(core_v1.Service, "a", lambda obj: setattr(obj.spec.ports[0], "node_port", 30003))
    assert (await world.client.create(service("b", "NodePort", node_port=30001))).spec.ports[0].node_port == 30001
    with pytest.raises(InvalidError, match="already allocated"):
        await world.client.create(service("c", "NodePort", node_port=30003))


async def test_a_port_keeps_its_node_port_by_its_name(world: World) -> None:
    made = await world.client.create(service("a", "NodePort", port=80))
    updated = await world.put(service("a", "NodePort", port=81))
    assert updated.spec.ports[0].port == 81 and updated.spec.ports[0].node_port == made.spec.ports[0].node_port
    two = service("a", "NodePort", port=81, node_port=made.spec.ports[0].node_port)
    two.spec.ports[0].name = "first"
    two.spec.ports.append(core_v1.ServicePort(name="", protocol="TCP", port=82))
    with pytest.raises(InvalidError, match="Required"):  # Of two ports both have names.
        await world.put(two)
    two.spec.ports[1].name = "second"
    updated = await world.put(two)
    assert updated.spec.ports[1].node_port not in (0, made.spec.ports[0].node_port)


async def test_changing_the_address_alone_says_that_it_may_not_change(world: World) -> None:
    await world.client.create(service("a", ip="10.43.0.5"))
    with pytest.raises(InvalidError) as refused:
        await world.change(core_v1.Service, "a", lambda obj: setattr(obj.spec, "cluster_ip", "10.43.0.6"))
    assert str(refused.value) == \
        'Service "a" is invalid: spec.clusterIPs[0]: Invalid value: ["10.43.0.6"]: may not change once set'
    with pytest.raises(InvalidError, match="first value must match `clusterIP`"):
        await world.change(core_v1.Service, "a", lambda obj: setattr(obj.spec, "cluster_ips", ["10.43.0.6"]))


async def test_change_of_type_gives_and_takes(world: World) -> None:
    made = await world.client.create(service("a"))
    await world.change(core_v1.Service, "a", lambda obj: setattr(obj.spec, "type", "NodePort"))
    port = world.stored(core_v1.Service, "a").spec.ports[0].node_port
    assert port in range(30000, 30004)
    await world.put(service("a", "NodePort"))
    assert world.stored(core_v1.Service, "a").spec.ports[0].node_port == port
    assert world.stored(core_v1.Service, "a").spec.cluster_ip == made.spec.cluster_ip
    await world.change(core_v1.Service, "a", lambda obj: setattr(obj.spec, "type", "ClusterIP"))
    assert world.stored(core_v1.Service, "a").spec.ports[0].node_port == 0
    external = core_v1.Service(metadata=meta("a"), spec=core_v1.ServiceSpec(type="ExternalName", external_name="example.com"))
    await world.put(external)
    assert world.stored(core_v1.Service, "a").spec.cluster_ip == ""
    await world.client.delete(core_v1.Service, "a", "default")
    await all_numbers_are_free(world)


async def test_local_load_balancer_has_a_health_check_port(world: World) -> None:
    balancer = service("a", "LoadBalancer")
    balancer.spec.external_traffic_policy = "Local"
    made = (await world.client.create(balancer)).spec
    assert made.health_check_node_port and made.health_check_node_port != made.ports[0].node_port
    await world.change(core_v1.Service, "a", lambda obj: obj.metadata.labels.update(x="y"))
    assert world.stored(core_v1.Service, "a").spec.health_check_node_port == made.health_check_node_port
    await world.client.delete(core_v1.Service, "a", "default")
    await all_numbers_are_free(world)


async def test_two_protocols_share_a_node_port(world: World) -> None:
    dns = service("dns", "NodePort", node_port=30001)
    dns.spec.ports[0].name = "tcp"
    dns.spec.ports.append(core_v1.ServicePort(name="udp", port=80, protocol="UDP", node_port=30001))
    made = await world.client.create(dns)
    assert [port.node_port for port in made.spec.ports] == [30001, 30001]
    await world.client.delete(core_v1.Service, "dns", "default")
    await all_numbers_are_free(world)


async def test_numbers_in_use_are_known_after_a_restart(tmp_path: Path) -> None:
    options = RegistryOptions(service_cidr="10.43.0.0/28", service_node_port_range=(30000, 30003))
    for name, refused in (("a", False), ("b", True)):
        store = SqliteStore(tmp_path / "state.db")
        await store.open()
        world = World(build_registry(store, options), StoppedClock())
        try:
            if not refused:
                await world.client.create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="default")))
                await world.client.create(service(name, "NodePort", "10.43.0.5", 30001))
            else:
                with pytest.raises(InvalidError, match="already allocated"):
                    await world.client.create(service(name, "NodePort", "10.43.0.5"))
                with pytest.raises(InvalidError, match="already allocated"):
                    await world.client.create(service(name, "NodePort", node_port=30001))
        finally:
            await store.close()


async def test_write_that_the_disk_refuses_gives_its_numbers_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from minikube_py.store.interface import StoreError

    await world.client.create(service("a", "NodePort", "10.43.0.5", 30001))

    async def fail(*arguments: Any, **keywords: Any) -> Entry:
        await asyncio.sleep(0)
        raise StoreError("disk I/O error")

    with monkeypatch.context() as broken:
        broken.setattr(world.registry.store, "create", fail)
        broken.setattr(world.registry.store, "update", fail)
        broken.setattr(world.registry.store, "delete", fail)
        with pytest.raises(Exception, match="disk I/O error"):
            await world.client.create(service("b", "NodePort"))
        with pytest.raises(Exception, match="disk I/O error"):
            await world.change(core_v1.Service, "a", lambda obj: setattr(obj.spec.ports[0], "node_port", 30003))
        with pytest.raises(Exception, match="disk I/O error"):
            await world.delete(core_v1.Service, "a")
    with pytest.raises(InvalidError, match="already allocated"):
        await world.client.create(service("b", "NodePort", "10.43.0.5"))
    await all_numbers_are_free(world, 1, 1)
