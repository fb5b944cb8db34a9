"""How deletions begin and end: preconditions, grace, finalizers, and what watchers and clients get to see of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from minikube_py.apis import apiextensions_v1, apps_v1, core_v1, meta_v1
from minikube_py.apis.scheme import deep_copy, resource_of
from minikube_py.apiserver.context import Context
from minikube_py.apiserver.deletion import DeleteOptions, begin_deletion, check_preconditions
from minikube_py.apiserver.patching import change_transform
from minikube_py.apiserver.registry import Registry
from minikube_py.apiserver.strategies.cluster import EventStrategy, NamespaceStrategy, PlainStrategy
from minikube_py.apiserver.strategies.definitions import CustomResourceDefinitionStrategy
from minikube_py.apiserver.strategies.pods import PodStrategy
from minikube_py.apiserver.strategy import Strategy
from minikube_py.core.errors import ConflictError
from minikube_py.store.interface import WatchEvent
from tests.conftest import ControlPlane

NOW = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
NOW_TEXT = "2026-01-01T00:01:00Z"
PLAIN, PODS = PlainStrategy(), PodStrategy()


def marks(meta: meta_v1.ObjectMeta) -> tuple[str, int | None, list[str], int]:
    return meta.deletion_timestamp, meta.deletion_grace_period_seconds, meta.finalizers, meta.generation


def pod(node: str = "n", phase: str = "Running", grace: int | None = 30, **meta: Any) -> core_v1.Pod:
    return core_v1.Pod(
        metadata=meta_v1.ObjectMeta(name="p", generation=1, **meta),
        spec=core_v1.PodSpec(node_name=node, termination_grace_period_seconds=grace, containers=[]), status=core_v1.PodStatus(phase=phase))


@pytest.mark.parametrize(("has", "policy", "default", "left"), [
    ([], None, "Background", []),
    ([], None, "Orphan", ["orphan"]),
    ([], "Background", "Orphan", []),
    ([], "Foreground", "Background", ["foregroundDeletion"]),
    ([], "Orphan", "Background", ["orphan"]),
    ([], "Orphan", "Unsupported", []),
    (["orphan"], None, "Background", ["orphan"]),
    (["foregroundDeletion"], None, "Orphan", ["foregroundDeletion"]),
    (["orphan", "x/y"], "Foreground", "Background", ["x/y", "foregroundDeletion"]),
    (["foregroundDeletion", "x/y"], "Foreground", "Background", ["foregroundDeletion", "x/y"]),
    (["orphan", "x/y"], "Background", "Background", ["x/y"]),
    (["x/y"], None, "Background", ["x/y"]),
])
def test_propagation_policies_are_finalizers(has: list[str], policy: str | None, default: str, left: list[str]) -> None:
    strategy = Strategy()
    strategy.default_propagation = default
    obj = core_v1.ConfigMap(metadata=meta_v1.ObjectMeta(name="a", finalizers=[*has]))
    gone = begin_deletion(strategy, obj, DeleteOptions(propagation_policy=policy), NOW)
    assert (gone, obj.metadata.finalizers) == (not left, left)
    assert (obj.metadata.deletion_timestamp, obj.metadata.deletion_grace_period_seconds) == ((NOW_TEXT, 0) if left else ("", None))


def test_policy_may_change_while_finalizers_are_pending_and_the_time_stays() -> None:
    earlier = "2026-01-01T00:00:00Z"
    meta = meta_v1.ObjectMeta(name="a", finalizers=["orphan"], deletion_timestamp=earlier, deletion_grace_period_seconds=0, generation=4)
    obj = core_v1.ConfigMap(metadata=meta)
    assert not begin_deletion(PLAIN, obj, DeleteOptions(propagation_policy="Foreground"), NOW)
    assert marks(obj.metadata) == (earlier, 0, ["foregroundDeletion"], 4)


@pytest.mark.parametrize(("obj", "asked", "gone", "wanted"), [
    (pod(), None, False, ("2026-01-01T00:01:30Z", 30, [], 2)),
    (pod(), 5, False, ("2026-01-01T00:01:05Z", 5, [], 2)),
    (pod(), 0, True, (NOW_TEXT, 0, [], 2)),
    (pod(), -7, False, ("2026-01-01T00:01:01Z", 1, [], 2)),
    (pod(grace=None), None, True, (NOW_TEXT, 0, [], 2)),
    (pod(grace=-4), None, False, ("2026-01-01T00:01:01Z", 1, [], 2)),
    (pod(node=""), 60, True, (NOW_TEXT, 0, [], 2)),
    (pod(phase="Succeeded"), None, True, (NOW_TEXT, 0, [], 2)),
    (pod(phase="Failed"), 9, True, (NOW_TEXT, 0, [], 2)),
    (pod(node="", finalizers=["x/y"]), None, False, (NOW_TEXT, 0, ["x/y"], 2)),
    (pod(finalizers=["x/y"]), None, False, ("2026-01-01T00:01:30Z", 30, ["x/y"], 2)),
    (pod(grace=2**63 - 1), None, False, ("2026-01-01T00:00:59Z", 2**63 - 1, [], 2)),
])
def test_pods_have_the_time_to_end(obj: core_v1.Pod, asked: int | None, gone: bool, wanted: Any) -> None:
    copy = deep_copy(obj)
    assert begin_deletion(PODS, copy, DeleteOptions(asked), NOW) == gone
    assert marks(copy.metadata) == wanted


@pytest.mark.parametrize(("asked", "gone", "wanted"), [
    (None, False, ("2026-01-01T00:00:40Z", 40)),
    (40, False, ("2026-01-01T00:00:40Z", 40)),
    (50, False, ("2026-01-01T00:00:40Z", 40)),
    (10, False, ("2026-01-01T00:00:10Z", 10)),
    (-1, False, ("2026-01-01T00:00:01Z", 1)),
    (0, True, ("2026-01-01T00:00:00Z", 0)),
])
def test_time_to_end_only_gets_shorter_and_policies_stay(asked: int | None, gone: bool, wanted: Any) -> None:
    obj = pod(deletion_timestamp="2026-01-01T00:00:40Z", deletion_grace_period_seconds=40)
    policy = "Orphan" if wanted[1] == 40 else None
    assert begin_deletion(PODS, obj, DeleteOptions(asked, policy), NOW) == gone
    assert marks(obj.metadata) == (*wanted, [], 1)


def test_namespaces_are_marked_and_held_by_what_is_in_them() -> None:
    strategy = NamespaceStrategy()
    namespace = core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="n"), spec=core_v1.NamespaceSpec(finalizers=["kubernetes"]))
    assert not begin_deletion(strategy, namespace, DeleteOptions(propagation_policy="Foreground"), NOW)
    marked = (NOW_TEXT, None, ["foregroundDeletion"], 0)
    assert (marks(namespace.metadata), namespace.status.phase) == (marked, "Terminating")
    assert not begin_deletion(strategy, namespace, DeleteOptions(propagation_policy="Background"), NOW)
    assert marks(namespace.metadata) == marked
    namespace.spec.finalizers = []
    assert begin_deletion(strategy, namespace, DeleteOptions(propagation_policy="Background"), NOW)


def test_definitions_are_marked_whatever_the_policy() -> None:
    definition = apiextensions_v1.CustomResourceDefinition(
        metadata=meta_v1.ObjectMeta(name="d", generation=3), status=apiextensions_v1.CustomResourceDefinitionStatus())
    assert not begin_deletion(CustomResourceDefinitionStrategy(), definition, DeleteOptions(propagation_policy="Orphan"), NOW)
    assert marks(definition.metadata) == (NOW_TEXT, None, ["customresourcecleanup.apiextensions.k8s.io"], 3)


@pytest.mark.parametrize(("kind", "strategy", "options", "message"), [
    (core_v1.ConfigMap, PLAIN, DeleteOptions(uid="x"),
     'Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition (x) does not match the UID in record (u). '
     "The object might have been deleted and then recreated"),
    (apps_v1.Deployment, PLAIN, DeleteOptions(uid="u", resource_version="1"),
     'Operation cannot be fulfilled on Deployment.apps "a": the ResourceVersion in the precondition (1) does not match the ResourceVersion '
     "in record (2). The object might have been modified"),
    (core_v1.Namespace, NamespaceStrategy(), DeleteOptions(uid=""),
     'Operation cannot be fulfilled on namespaces "a": Precondition failed: UID in precondition: , UID in object meta: u'),
    (core_v1.Namespace, NamespaceStrategy(), DeleteOptions(resource_version="1"),
     'Operation cannot be fulfilled on namespaces "a": Precondition failed: ResourceVersion in precondition: 1, '
     "ResourceVersion in object meta: 2"),
])
def test_preconditions_guard_a_deletion(kind: type[Any], strategy: Strategy, options: DeleteOptions, message: str) -> None:
    obj = kind(metadata=meta_v1.ObjectMeta(name="a", uid="u", resource_version="2"))
    resource = resource_of(kind)
    check_preconditions(resource, strategy, obj, DeleteOptions(uid="u", resource_version="2"))
    with pytest.raises(ConflictError) as refused:
        check_preconditions(resource, strategy, obj, options)
    assert refused.value.message == message
    assert refused.value.details["kind"] == message.split()[5].partition(".")[0]


def test_events_have_no_dependents() -> None:
    strategy = EventStrategy()
    strategy.default_propagation = "Unsupported"
    assert begin_deletion(strategy, core_v1.Event(metadata=meta_v1.ObjectMeta(name="e")), DeleteOptions(propagation_policy="Orphan"), NOW)


class Watched:
    """A registry and what it tells watchers of one kind."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.events: list[WatchEvent] = []

    async def make(self, obj: Any) -> Any:
        """Create an object, and follow its kind from then on."""
        storage = self.registry.storage_of(type(obj))
        entry = await self.registry.create(storage, obj.metadata.namespace, obj)
        self.registry.store.watch(storage.collection, entry.revision, self.events.append)
        return storage


@pytest.fixture
def watched(control_plane: ControlPlane) -> Watched:
    return Watched(control_plane.registry)


def config_map(**meta: Any) -> core_v1.ConfigMap:
    return core_v1.ConfigMap(metadata=meta_v1.ObjectMeta(name="a", namespace="default", **meta), data={"k": "v"})


async def test_last_state_is_the_one_that_was_stored(watched: Watched) -> None:
    storage = await watched.make(config_map())
    entry, gone = await watched.registry.delete(storage, "default", "a", DeleteOptions(uid=None))
    (event,) = watched.events
    assert gone and event.type == "DELETED" and event.entry is entry
    last = storage.object(event.entry)
    assert last.metadata.deletion_timestamp == "" and last.metadata.resource_version == str(event.entry.revision)


async def test_change_that_takes_the_last_finalizer_is_answered_but_not_stored(watched: Watched) -> None:
    storage = await watched.make(config_map(finalizers=["x/y"]))
    entry, gone = await watched.registry.delete(storage, "default", "a", DeleteOptions())
    assert not gone

    def change(obj: Any) -> None:
        obj.metadata.finalizers = []
        obj.data = {"k": "w"}

    answer, _ = await watched.registry.update(storage, "default", "a", change_transform(change))
    last = watched.events[-1]
    assert (last.type, storage.object(last.entry).metadata.finalizers, storage.object(last.entry).data) == ("DELETED", ["x/y"], {"k": "v"})
    answered = storage.object(answer)
    assert (answered.metadata.finalizers, answered.data) == ([], {"k": "w"})
    assert answered.metadata.resource_version == str(entry.revision)
    assert storage.object(entry).metadata.finalizers == ["x/y"]


async def test_watchers_see_a_pod_marked_before_it_goes_at_once(watched: Watched) -> None:
    storage = await watched.make(core_v1.Pod(
        metadata=meta_v1.ObjectMeta(name="p", namespace="default"),
        spec=core_v1.PodSpec(containers=[core_v1.Container(name="c", image="i")])))
    entry, gone = await watched.registry.delete(storage, "default", "p", DeleteOptions())
    assert [event.type for event in watched.events] == ["MODIFIED", "DELETED"]
    marked, last = (storage.object(event.entry) for event in watched.events)
    assert marks(marked.metadata) == marks(last.metadata)
    assert int(marked.metadata.resource_version) < int(last.metadata.resource_version)
    assert gone and last.metadata.deletion_timestamp and last.metadata.deletion_grace_period_seconds == 0
    assert storage.object(entry) is last


@pytest.mark.parametrize("finalizers", [[], ["x/y"]])
async def test_dry_runs_show_what_would_be_and_change_nothing(watched: Watched, finalizers: list[str]) -> None:
    storage = await watched.make(config_map(finalizers=finalizers))
    before = watched.registry.get(storage, "default", "a")
    data = before.data
    dry = replace(Context(), dry_run=True)
    entry, gone = await watched.registry.delete(storage, "default", "a", DeleteOptions(propagation_policy="Background"), dry)
    assert gone == (not finalizers) and bool(storage.object(entry).metadata.deletion_timestamp) == bool(finalizers)
    assert entry.revision == before.revision and watched.events == []
    assert watched.registry.get(storage, "default", "a") is before and before.data == data
    assert storage.object(before).metadata.deletion_timestamp == ""
