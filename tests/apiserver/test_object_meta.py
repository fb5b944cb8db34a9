"""What the server makes of an object's metadata: names, identity, versions, owners."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from minikube_py.apis import apiextensions_v1, apps_v1, batch_v1, core_v1, meta_v1, networking_v1
from minikube_py.apis.scheme import deep_copy
from minikube_py.apiserver.admission import Operation, Plugin
from minikube_py.apiserver.context import Context
from minikube_py.apiserver.patching import change_transform, replace_transform
from minikube_py.core.errors import AlreadyExistsError, ConflictError, InvalidError, StatusError, UnreasonedError
from minikube_py.store.interface import Entry
from tests.conftest import ControlPlane

WRITE, DRY_RUN = Context(), Context(dry_run=True)
ALREADY = 'configmaps "x-0" already exists, the server was not able to generate a unique name for the object'


def config_map(name: str = "a", **meta: Any) -> core_v1.ConfigMap:
    return core_v1.ConfigMap(metadata=meta_v1.ObjectMeta(name=name, namespace="default", **meta))


async def create(plane: ControlPlane, obj: Any, context: Context = WRITE) -> Any:
    storage = plane.registry.storage_of(type(obj))
    return storage.object(await plane.registry.create(storage, obj.metadata.namespace, deep_copy(obj), context))


async def put(plane: ControlPlane, obj: Any, context: Context = WRITE) -> Entry:
    storage, meta = plane.registry.storage_of(type(obj)), obj.metadata
    entry, _ = await plane.registry.update(storage, "default", meta.name, replace_transform(deep_copy(obj)), context, uid=meta.uid)
    return entry


@pytest.fixture
def suffixes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Chance, as the test wants it: the suffixes of generated names that come, and then no others."""
    coming: list[str] = []
    monkeypatch.setattr("minikube_py.apiserver.registry.random_suffix", lambda: coming.pop(0))
    yield coming
    assert coming == []


async def test_generated_names_keep_their_base_and_differ(control_plane: ControlPlane) -> None:
    made = [await create(control_plane, config_map("", generate_name="x" * 70)) for _ in range(3)]
    names = {obj.metadata.name for obj in made}
    assert len(names) == 3 and all(len(name) == 63 and name.startswith("x" * 58) for name in names)


async def test_generated_name_that_is_taken_is_tried_again_eight_times(control_plane: ControlPlane, suffixes: list[str]) -> None:
    await create(control_plane, config_map("x-0"))
    suffixes[:] = [*"0000000", "1"]
    assert (await create(control_plane, config_map("", generate_name="x-"))).metadata.name == "x-1"
    suffixes[:] = [*"01010110"]
    with pytest.raises(AlreadyExistsError) as refused:
        await create(control_plane, config_map("", generate_name="x-"))
    assert refused.value.status() == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "AlreadyExists", "code": 409,
        "message": ALREADY, "details": {"name": "x-0", "kind": "configmaps", "retryAfterSeconds": 1},
    }


async def test_second_name_leaves_no_trace_of_the_first(control_plane: ControlPlane, suffixes: list[str]) -> None:
    """A job carries its name in its labels, and gets them only with the name that it keeps."""
    template = core_v1.PodTemplateSpec(spec=core_v1.PodSpec(restart_policy="Never", containers=[core_v1.Container(name="c", image="i")]))
    meta = meta_v1.ObjectMeta(generate_name="j-", namespace="default")
    suffixes[:] = ["0", "0", "1"]
    for name in ("j-0", "j-1"):
        made = await create(control_plane, batch_v1.Job(metadata=meta, spec=batch_v1.JobSpec(template=template)))
        assert (made.metadata.name, made.spec.template.metadata.labels["job-name"]) == (name, name)


async def test_admission_sees_no_name_that_is_not_chosen_yet(control_plane: ControlPlane) -> None:
    seen: list[tuple[str, str, str]] = []

    class Spy(Plugin):
        def mutate(self, operation: Operation) -> None:
            seen.append((operation.name, operation.obj.metadata.name, operation.obj.metadata.uid))

        def validate(self, operation: Operation) -> None:
            seen.append((operation.name, operation.obj.metadata.name, operation.obj.metadata.uid))

    control_plane.registry.admission._plugins = (Spy(),)
    made = (await create(control_plane, config_map("", generate_name="x-"))).metadata
    assert seen == [("", "", ""), (made.name, made.name, made.uid)]


async def test_taken_name_is_refused(control_plane: ControlPlane) -> None:
    await create(control_plane, config_map("x-0", finalizers=["x/y"]))
    for context in (WRITE, DRY_RUN):
        with pytest.raises(AlreadyExistsError, match=r'^configmaps "x-0" already exists$') as refused:
            await create(control_plane, config_map("x-0"), context)
        assert refused.value.details == {"name": "x-0", "kind": "configmaps"}
        with pytest.raises(AlreadyExistsError) as refused:
            await create(control_plane, config_map("x-0", generate_name="y-"), context)
        assert (refused.value.message, refused.value.details["retryAfterSeconds"]) == (ALREADY, 1)
    await control_plane.client.delete(core_v1.ConfigMap, "x-0", "default")
    with pytest.raises(AlreadyExistsError, match=r'^object is being deleted: configmaps "x-0" already exists$'):
        await create(control_plane, config_map("x-0"))


@pytest.mark.parametrize(("version", "refused"), [("", False), ("0", False), ("x", False), ("-1", False), ("5", True), ("005", True)])
async def test_new_object_has_no_version_yet(control_plane: ControlPlane, version: str, refused: bool) -> None:
    asked = config_map(resource_version=version)
    assert (await create(control_plane, asked, DRY_RUN)).metadata.resource_version == version
    if refused:
        with pytest.raises(StatusError, match=r"^resourceVersion should not be set on objects to be created$"):
            await create(control_plane, asked)
    else:
        assert (await create(control_plane, asked)).metadata.resource_version == str(control_plane.registry.store.revision)


async def test_dry_create_has_identity_and_no_version(control_plane: ControlPlane) -> None:
    before = control_plane.registry.store.revision
    made = (await create(control_plane, config_map("", generate_name="x-"), DRY_RUN)).metadata
    assert made.name.startswith("x-") and made.uid and made.creation_timestamp and not made.resource_version
    assert control_plane.registry.store.revision == before


async def test_update_of_another_incarnation_conflicts(control_plane: ControlPlane) -> None:
    made = await create(control_plane, config_map())
    with pytest.raises(ConflictError) as refused:
        await put(control_plane, config_map(uid="other"))
    assert refused.value.message == (
        'Operation cannot be fulfilled on configmaps "a": StorageError: invalid object, Code: 4, Key: /registry/configmaps/default/a, '
        "ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: other, UID in object meta: " + made.metadata.uid
    )
    assert (await put(control_plane, config_map(uid=made.metadata.uid))).data
    with pytest.raises(ConflictError, match=r"UID in precondition: other, UID in object meta: $"):
        await put(control_plane, config_map("b", uid="other"))


@pytest.mark.parametrize(("kind", "path"), [
    (core_v1.Service, "services/specs/n/x"), (core_v1.Endpoints, "services/endpoints/n/x"), (core_v1.Node, "minions/x"),
    (core_v1.ReplicationController, "controllers/n/x"), (networking_v1.Ingress, "ingress/n/x"), (apps_v1.Deployment, "deployments/n/x"),
    (apiextensions_v1.CustomResourceDefinition, "apiextensions.k8s.io/customresourcedefinitions/x"), (core_v1.Namespace, "namespaces/x"),
])
def test_messages_name_the_places_of_upstreams_storage(control_plane: ControlPlane, kind: type[Any], path: str) -> None:
    assert control_plane.registry.storage_of(kind).path("n", "x") == "/registry/" + path


async def test_what_clients_may_not_change_is_kept_or_refused(control_plane: ControlPlane) -> None:
    made = (await create(control_plane, config_map(generate_name="a-"))).metadata
    await put(control_plane, config_map(creation_timestamp="1999-01-01T00:00:00Z", self_link="x", generation=7))
    stored = (await control_plane.client.get(core_v1.ConfigMap, "a", "default")).metadata
    assert (stored.uid, stored.creation_timestamp, stored.self_link, stored.generation) == (made.uid, made.creation_timestamp, "", 0)
    assert stored.generate_name == "", "what an update leaves out is taken away"
    moment = "1999-01-01T00:00:00Z"
    for forged, message in (
        (config_map(deletion_timestamp=moment), f'metadata.deletionTimestamp: Invalid value: "{moment}": field is immutable'),
        (config_map(deletion_grace_period_seconds=3), "metadata.deletionGracePeriodSeconds: Invalid value: 3: field is immutable"),
    ):
        with pytest.raises(InvalidError) as refused:
            await put(control_plane, forged)
        assert refused.value.message == f'ConfigMap "a" is invalid: {message}'


async def test_patch_may_not_change_the_uid(control_plane: ControlPlane) -> None:
    """Unlike in a PUT, it is no precondition."""
    await create(control_plane, config_map())
    with pytest.raises(InvalidError, match=r'^ConfigMap "a" is invalid: metadata.uid: Invalid value: "other": field is immutable$'):
        await control_plane.client.patch(core_v1.ConfigMap, "a", "default", {"metadata": {"uid": "other"}})


async def test_object_under_deletion_only_loses_finalizers(control_plane: ControlPlane) -> None:
    await create(control_plane, config_map(finalizers=["x/a", "x/b"]))
    await control_plane.client.delete(core_v1.ConfigMap, "a", "default")
    marked = (await control_plane.client.get(core_v1.ConfigMap, "a", "default")).metadata
    with pytest.raises(InvalidError) as refused:
        await put(control_plane, config_map(finalizers=["x/d", "x/a", "x/c"]))
    assert refused.value.message == (
        'ConfigMap "a" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found '
        'new finalizers []string{"x/c", "x/d"}'
    )
    await put(control_plane, config_map(finalizers=["x/b"], labels={"still": "changes"}))
    stored = (await control_plane.client.get(core_v1.ConfigMap, "a", "default")).metadata
    assert (stored.finalizers, stored.labels, stored.deletion_timestamp) == (["x/b"], {"still": "changes"}, marked.deletion_timestamp)


@pytest.mark.parametrize(("version", "error", "message"), [
    ("1", ConflictError, 'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the '
                         "latest version and try again"),
    ("x", UnreasonedError, 'strconv.ParseUint: parsing "x": invalid syntax'),
    ("-1", UnreasonedError, 'strconv.ParseUint: parsing "-1": invalid syntax'),
    ("99999999999999999999", UnreasonedError, 'strconv.ParseUint: parsing "99999999999999999999": value out of range'),
])
async def test_versions_of_updates_are_numbers_that_must_fit(
    control_plane: ControlPlane, version: str, error: type[StatusError], message: str
) -> None:
    await create(control_plane, config_map())
    with pytest.raises(error) as refused:
        await put(control_plane, config_map(resource_version=version))
    assert refused.value.message == message


async def test_version_counts_by_its_number(control_plane: ControlPlane) -> None:
    for number, form in enumerate(("", "0", "00", "{}", "0{}")):
        made = await create(control_plane, config_map())
        await put(control_plane, config_map(resource_version=form.format(made.metadata.resource_version), labels={"a": str(number)}))
        assert (await control_plane.client.get(core_v1.ConfigMap, "a", "default")).metadata.labels == {"a": str(number)}
        await control_plane.client.delete(core_v1.ConfigMap, "a", "default")


def owner(uid: str, **fields: Any) -> meta_v1.OwnerReference:
    return meta_v1.OwnerReference(api_version="v1", kind="ConfigMap", name="o", uid=uid, **fields)


async def test_owners_that_are_named_twice_count_once(control_plane: ControlPlane) -> None:
    told: list[str] = []
    context = Context(warnings=told)
    twice = [owner("1"), owner("2"), owner("1"), owner("2", controller=True), owner("2")]
    made = await create(control_plane, config_map(owner_references=twice), context)
    assert made.metadata.owner_references == [owner("1"), owner("2"), owner("2", controller=True)]
    assert told == [
        ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests "
        "as early as 1.24; please fix your requests; duplicate UID(s) observed: 1, 2"
    ]

    def again(obj: Any) -> None:
        obj.metadata.owner_references = [owner("1"), owner("1")]

    storage = control_plane.registry.storage_of(core_v1.ConfigMap)
    entry, _ = await control_plane.registry.update(storage, "default", "a", change_transform(again), context)
    assert storage.object(entry).metadata.owner_references == [owner("1")]
    assert ".metadata.ownerReferences contains duplicate entries after mutating admission happens; " in told[1]


async def test_services_are_created_by_updates_too(control_plane: ControlPlane) -> None:
    """Upstream lets a PUT create services, as it does endpoints, events, leases, limit ranges, runtime classes and RBAC's kinds."""
    create_by_update = {
        storage.resource.group_resource for storage in control_plane.registry.storages() if storage.strategy.create_on_update
    }
    rbac = itertools.product(("roles", "rolebindings", "clusterroles", "clusterrolebindings"), ("rbac.authorization.k8s.io",))
    assert create_by_update == {
        "services", "endpoints", "events", "events.events.k8s.io", "leases.coordination.k8s.io", "limitranges",
        "runtimeclasses.node.k8s.io", *map(".".join, rbac)}
