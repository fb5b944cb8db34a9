"""What holds when admission asks somebody else and the world goes on meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from minikube_py.apis import core_v1, meta_v1, policy_v1
from minikube_py.apiserver.admission import Admission, Operation, Plugin, WaitingPlugin, forbidden
from minikube_py.apiserver.admission.namespace import NamespaceLifecycle
from minikube_py.apiserver.context import Context
from minikube_py.apiserver.deletion import DeleteOptions
from minikube_py.apiserver.patching import change_transform
from minikube_py.apiserver.registry import UPDATE_TRIES
from minikube_py.apiserver.storage import encode_versioned
from minikube_py.core.errors import AlreadyExistsError, ConflictError, ForbiddenError, NotFoundError
from tests.conftest import ControlPlane

Meanwhile = Callable[[Operation], Awaitable[None]]


class Asker(WaitingPlugin):
    """Lets something happen while it waits, the first time or always."""

    resources = frozenset({"configmaps", "services", "pods"})

    def __init__(self, meanwhile: Meanwhile | None = None, *, always: bool = False, refuse: bool = False) -> None:
        self._meanwhile, self._always, self._refuse = meanwhile, always, refuse
        self.seen: list[Any] = []

    async def mutate_waiting(self, operation: Operation) -> None:
        await asyncio.sleep(0)
        if operation.obj is not None and operation.subresource == "":
            operation.obj.metadata.labels["asked"] = "yes"

    async def validate_waiting(self, operation: Operation) -> None:
        first, meanwhile = not self.seen, self._meanwhile
        self.seen.append(operation)
        await asyncio.sleep(0)
        if meanwhile is not None and (first or self._always):
            self._meanwhile = None
            await meanwhile(operation)
            self._meanwhile = meanwhile
        if self._refuse:
            raise forbidden(operation, "no")


def ask(plane: ControlPlane, asker: Asker, *more: Plugin) -> None:
    plane.registry.admission = Admission([NamespaceLifecycle(plane.registry.store), asker, *more])


def config_map(name: str = "c", **data: str) -> core_v1.ConfigMap:
    return core_v1.ConfigMap(metadata=meta_v1.ObjectMeta(name=name, namespace="default"), data=data)


def storage(plane: ControlPlane, plural: str = "configmaps") -> Any:
    return plane.registry.storage("", "v1", plural)


async def change(plane: ControlPlane, context: Context | None = None, **data: str) -> None:
    """Change keys of the ConfigMap "c", whatever its version."""

    def merge(present: core_v1.ConfigMap) -> None:
        if context is not None:
            context.warn("changed")
        present.data = {**present.data, **data}

    transform = change_transform(merge)
    await plane.registry.update(storage(plane), "default", "c", transform, context or Context(field_manager="t"), tracked=True)


async def test_change_made_meanwhile_is_not_lost(control_plane: ControlPlane) -> None:
    await control_plane.client.create(config_map())
    warnings: list[str] = []
    asker = Asker(lambda operation: change(control_plane, theirs="1"))
    ask(control_plane, asker)
    await change(control_plane, Context(warnings=warnings, field_manager="t"), ours="1")
    stored = await control_plane.client.get(core_v1.ConfigMap, "c", "default")
    assert stored.data == {"theirs": "1", "ours": "1"} and stored.metadata.labels == {"asked": "yes"}
    assert warnings == ["changed"], "a client is told once, however often the update was made"
    assert [operation.obj.data for operation in asker.seen][-1] == {"theirs": "1", "ours": "1"}, "the plugin saw what is stored"


async def test_replacement_of_a_version_that_is_gone_conflicts(control_plane: ControlPlane) -> None:
    known = await control_plane.client.create(config_map())
    ask(control_plane, Asker(lambda operation: change(control_plane, theirs="1")))
    with pytest.raises(ConflictError, match="the object has been modified"):
        await control_plane.client.update(core_v1.ConfigMap(metadata=known.metadata, data={"ours": "1"}))
    assert (await control_plane.client.get(core_v1.ConfigMap, "c", "default")).data == {"theirs": "1"}


async def test_replacement_without_a_version_is_made_again_from_what_the_client_sent(control_plane: ControlPlane) -> None:
    await control_plane.client.create(config_map())
    ask(control_plane, Asker(lambda operation: change(control_plane, theirs="1")))
    await control_plane.client.update(config_map(ours="1"))
    assert (await control_plane.client.get(core_v1.ConfigMap, "c", "default")).data == {"ours": "1"}


async def test_object_that_never_rests_conflicts_in_the_end(control_plane: ControlPlane) -> None:
    await control_plane.client.create(config_map())
    count = iter(range(1000))
    asker = Asker(lambda operation: plain_write(control_plane, str(next(count))), always=True)
    ask(control_plane, asker)
    with pytest.raises(ConflictError):
        await change(control_plane, ours="1")
    assert len(asker.seen) == UPDATE_TRIES


async def plain_write(plane: ControlPlane, value: str) -> None:
    """Write past admission."""
    store = plane.registry.store
    head = store.head("configmaps", "default/c")
    assert head is not None
    new = config_map(n=value)
    new.kind, new.api_version = "ConfigMap", "v1"
    new.metadata.uid = storage(plane).object(head).metadata.uid
    await store.update("configmaps", "default/c", new, encode_versioned, previous=head.revision)


async def test_nothing_is_created_in_a_namespace_that_went_meanwhile(control_plane: ControlPlane) -> None:
    await control_plane.client.create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="brief")))

    async def end(operation: Operation) -> None:
        await control_plane.client.delete(core_v1.Namespace, "brief")

    ask(control_plane, Asker(end))
    meta = meta_v1.ObjectMeta(name="c", namespace="brief")
    with pytest.raises(ForbiddenError, match="because it is being terminated"):
        await control_plane.client.create(core_v1.ConfigMap(metadata=meta))
    assert control_plane.registry.store.count("configmaps") == 0


async def test_name_taken_meanwhile_is_refused(control_plane: ControlPlane) -> None:
    async def take(operation: Operation) -> None:
        await control_plane.client.create(config_map(theirs="1"))

    ask(control_plane, Asker(take))
    with pytest.raises(AlreadyExistsError):
        await control_plane.client.create(config_map(ours="1"))
    assert (await control_plane.client.get(core_v1.ConfigMap, "c", "default")).data == {"theirs": "1"}


@pytest.mark.parametrize("cancel", [False, True])
async def test_address_of_a_service_that_is_not_to_be_is_free_again(control_plane: ControlPlane, cancel: bool) -> None:
    async def stay(operation: Operation) -> None:
        await asyncio.get_running_loop().create_future()

    ask(control_plane, Asker(stay if cancel else None, refuse=True))
    spec = core_v1.ServiceSpec(cluster_ip="10.43.7.7", ports=[core_v1.ServicePort(port=80)])
    service = core_v1.Service(metadata=meta_v1.ObjectMeta(name="s", namespace="default"), spec=spec)
    task = asyncio.ensure_future(control_plane.client.create(service))
    if cancel:
        for _ in range(10):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        with pytest.raises(ForbiddenError, match='services "s" is forbidden: no'):
            await task
    ask(control_plane, Asker())
    assert (await control_plane.client.create(service)).spec.cluster_ip == "10.43.7.7"


async def test_deletion_looks_again_at_what_changed(control_plane: ControlPlane) -> None:
    known = await control_plane.client.create(config_map())
    asker = Asker(lambda operation: change(control_plane, theirs="1") if operation.verb == "DELETE" else asyncio.sleep(0))
    ask(control_plane, asker)
    options = DeleteOptions(resource_version=known.metadata.resource_version)
    with pytest.raises(ConflictError):
        await control_plane.registry.delete(storage(control_plane), "default", "c", options)
    await control_plane.registry.delete(storage(control_plane), "default", "c", DeleteOptions())
    with pytest.raises(NotFoundError):
        await control_plane.client.get(core_v1.ConfigMap, "c", "default")


async def test_plugin_that_counts_comes_after_those_that_wait(control_plane: ControlPlane) -> None:
    """What counts last may rely on nobody waiting between its answer and the write."""

    class Counter(Plugin):
        admitted = 0

        def validate(self, operation: Operation) -> None:
            if self.admitted == 3:
                raise forbidden(operation, "enough")
            self.admitted += 1

    ask(control_plane, Asker(), Counter())
    made = await asyncio.gather(*(control_plane.client.create(config_map(f"c{n}")) for n in range(10)), return_exceptions=True)
    assert sum(isinstance(one, core_v1.ConfigMap) for one in made) == control_plane.registry.store.count("configmaps") == 3


async def test_admission_sees_what_is_posted_to_subresources(control_plane: ControlPlane) -> None:
    pod = core_v1.Pod(metadata=meta_v1.ObjectMeta(name="p", namespace="default"),
                      spec=core_v1.PodSpec(containers=[core_v1.Container(name="c", image="i")]))
    await control_plane.client.create(pod)
    asker = Asker(refuse=True)
    ask(control_plane, asker)
    eviction = policy_v1.Eviction(metadata=meta_v1.ObjectMeta(name="p", namespace="default"))
    with pytest.raises(ForbiddenError, match='pods "p" is forbidden: no'):
        await control_plane.client.call(core_v1.Pod, "p", "default", "eviction", eviction)
    assert [(o.verb, o.subresource, type(o.obj)) for o in asker.seen] == [("CREATE", "eviction", policy_v1.Eviction)]
