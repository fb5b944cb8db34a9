"""Usage against a plain recount, whatever is created, changed, deleted, wanted and let fail, and in whatever order at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from minikube_py.apis import core_v1, meta_v1
from minikube_py.apis.quantity import nano_value, total
from minikube_py.apis.quota import Devices, Evaluators
from minikube_py.apis.scheme import from_document
from minikube_py.apiserver.assembly import RegistryOptions, build_registry
from minikube_py.apiserver.deletion import DeleteOptions
from minikube_py.apiserver.local_client import LocalClient
from minikube_py.apiserver.registry import Registry
from minikube_py.core.errors import StatusError
from minikube_py.store.interface import FullError, StoreError
from minikube_py.store.memory import MemoryStore
from minikube_py.store.writes import Batch

KINDS: tuple[Any, ...] = (core_v1.Pod, core_v1.Service, core_v1.ConfigMap, core_v1.PersistentVolumeClaim, core_v1.ResourceQuota)
LIMITS = ("pods", "count/pods", "requests.cpu", "limits.memory", "services", "services.nodeports", "configmaps", "count/configmaps",
          "requests.storage", "gold.storageclass.storage.k8s.io/requests.storage", "resourcequotas")
OF_PODS = ("pods", "requests.cpu")
SCOPES: tuple[dict[str, Any], ...] = ({}, {}, {}, {"scopes": ["Terminating"]}, {"scopes": ["NotTerminating"]})

names = st.sampled_from(("a", "b", "c"))
small = st.integers(0, 4)
hard = st.dictionaries(st.sampled_from(LIMITS), small, min_size=1, max_size=4)


class MovableClock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


class FailingStore(MemoryStore):
    """Fails the next batches, as many as it is told."""

    failing = 0

    def _save(self, batch: Batch) -> None:
        error: StoreError | None = None
        if self.failing:
            self.failing -= 1
            error = FullError("no space")
        self._saved(batch, error)


def manifest(kind: Any, name: str, number: int, flag: bool) -> Any:
    spec: dict[str, Any] = {}
    if kind is core_v1.Pod:
        resources = {"requests": {"cpu": f"{number * 500}m"}, "limits": {"memory": f"{number}Mi"}} if number else {}
        spec = {"containers": [{"name": "c", "image": "x", "resources": resources}], "nodeName": "n"}
        spec |= {"activeDeadlineSeconds": 9} if flag else {}
    elif kind is core_v1.Service:
        spec = {"type": "NodePort" if flag else "ClusterIP", "ports": [{"name": f"p{n}", "port": n} for n in range(1, number + 2)]}
    elif kind is core_v1.PersistentVolumeClaim:
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": str(number + 1)}}}
        spec |= {"storageClassName": "gold"} if flag else {}
    elif kind is core_v1.ResourceQuota:
        spec = {"hard": {LIMITS[number]: "2"}}
    parts = {"spec": spec} if spec else {}
    return from_document(kind, {"metadata": {"name": name, "namespace": "n"}, **parts})


class Machine:
    """A Registry, and what is done to it."""

    def __init__(self, registry: Registry, store: FailingStore, clock: MovableClock) -> None:
        self.registry, self.store, self.clock = registry, store, clock
        self.client = LocalClient(registry, None, "test")  # type: ignore[arg-type]

    async def do(self, step: tuple[Any, ...]) -> None:
        """One request; whether it is allowed is the server's to say."""
        kind, name, number, flag, action = step
        try:
            match action:
                case "create":
                    await self.client.create(manifest(kind, name, number, flag))
                case "delete":
                    options = DeleteOptions(grace_period_seconds=None if flag else 0)
                    await self.registry.delete(self.registry.storage_of(kind), "n", name, options)
                case "update" if kind is core_v1.Pod:
                    await self.client.patch(kind, name, "n", {"spec": {"activeDeadlineSeconds": 5}})
                case "update" if kind is core_v1.ResourceQuota:
                    await self.client.patch(kind, name, "n", {"spec": {"hard": {LIMITS[number]: str(number)}}})
                case "update":
                    await self.client.patch(kind, name, "n", {"spec": {"type": "NodePort" if flag else "ClusterIP"}, "data": {"a": "b"}})
                case "end":
                    phase = {"status": {"phase": "Failed" if flag else "Succeeded"}}
                    await self.client.patch(core_v1.Pod, name, "n", phase, subresource="status")
                case "status":
                    quota = await self.client.get(core_v1.ResourceQuota, name, "n")
                    used = self.registry.quota_usage.used("n", name)
                    patch = {"status": {"hard": quota.spec.hard, "used": used}}
                    await self.client.patch(core_v1.ResourceQuota, name, "n", patch, subresource="status")
                case "fail":
                    self.store.failing += 1
                case "wait":
                    self.clock.time += timedelta(seconds=40)
        except StatusError:
            return

    def objects(self, resource: str) -> Iterable[Any]:
        storage = next(s for s in self.registry.storages() if s.resource.group_resource == resource)
        return [storage.object(entry) for entry in self.registry.list(storage, "n").entries]

    def check(self, devices: Devices) -> None:
        """What is at rest counts as a plain sum over everything says, and so says the status."""
        evaluators = Evaluators(devices)
        for quota in self.objects("resourcequotas"):
            expected: dict[str, int] = {}
            for evaluator in evaluators.matching({*quota.spec.hard, *quota.status.hard}):
                for name in evaluator.matching({*quota.spec.hard, *quota.status.hard}):
                    counted = [evaluator.usage(obj, self.clock.now()) for obj in self.objects(evaluator.resource)
                               if evaluator.is_in_scopes(quota.spec, obj)]
                    expected[name] = nano_value(total(usage.get(name, 0) for usage in counted))
            used = self.registry.quota_usage.used("n", quota.metadata.name)
            assert used is not None and {name: nano_value(amount) for name, amount in used.items()} == expected
            # Nobody but time changes usage without a write that the status is written with.
            if not self.registry.quota_usage.changed:
                told = {name: amount for name, amount in quota.status.used.items() if name in quota.status.hard}
                assert told == {name: used[name] for name in told}


steps = st.tuples(
    st.sampled_from(KINDS), names, small, st.booleans(),
    st.sampled_from(("create", "create", "create", "update", "update", "delete", "end", "status", "fail", "wait")),
)


@settings(max_examples=150)
@given(first=hard, scope=st.sampled_from(SCOPES), bursts=st.lists(st.lists(steps, min_size=1, max_size=6), max_size=12))
async def test_usage_is_a_plain_recount_at_rest(first: dict[str, int], scope: dict[str, Any], bursts: list[list[tuple[Any, ...]]]) -> None:
    store, clock = FailingStore(), MovableClock()
    await store.open()
    registry = build_registry(store, RegistryOptions(), clock)
    machine = Machine(registry, store, clock)
    await machine.client.create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="n")))
    await machine.client.create(core_v1.ServiceAccount(metadata=meta_v1.ObjectMeta(name="default", namespace="n")))
    first["resourcequotas"] = 1 + first.get("resourcequotas", 0)  # It counts itself.
    amounts = {name: str(amount) for name, amount in first.items() if not scope or name in OF_PODS} or {"pods": "1"}
    # Nobody changes this one, so it is never exceeded.
    quota = {"metadata": {"name": "q", "namespace": "n"}, "spec": {"hard": amounts, **scope}}
    await machine.client.create(from_document(core_v1.ResourceQuota, quota))
    for burst in bursts:
        await asyncio.gather(*(machine.do(step) for step in burst))
        machine.check(registry.quota_usage)
        used = registry.quota_usage.used("n", "q")
        assert used is not None
        assert not [name for name, amount in used.items() if nano_value(amount) > nano_value(amounts[name])]
    await store.close()
