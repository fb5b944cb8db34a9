"""What the default admission plugins refuse and fill in."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from minikube_py.apis import core_v1, meta_v1, scheduling_v1
from minikube_py.apis.scheme import encode, to_document
from minikube_py.apiserver import system_priority_classes
from minikube_py.apiserver.admission import service_account
from minikube_py.apiserver.admission.service_account import token_projection
from minikube_py.core.errors import ForbiddenError, NotFoundError
from tests.conftest import ControlPlane

TOKEN_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


def pod(**spec: Any) -> core_v1.Pod:
    container = core_v1.Container(name="c", image="i", volume_mounts=spec.pop("mounts", []))
    return core_v1.Pod(metadata=meta_v1.ObjectMeta(name="p", namespace="default"), spec=core_v1.PodSpec(containers=[container], **spec))


async def account(plane: ControlPlane, name: str, **fields: Any) -> None:
    await plane.client.create(core_v1.ServiceAccount(metadata=meta_v1.ObjectMeta(name=name, namespace="default"), **fields))


async def priority_class(plane: ControlPlane, name: str, value: int, **fields: Any) -> None:
    await plane.client.create(scheduling_v1.PriorityClass(metadata=meta_v1.ObjectMeta(name=name), value=value, **fields))


async def test_pod_gets_the_default_account_and_its_token(control_plane: ControlPlane) -> None:
    spec = (await control_plane.client.create(pod())).spec
    assert (spec.service_account_name, spec.service_account) == ("default", "default")
    volume = spec.volumes[0]
    assert volume.name.startswith("kube-api-access-") and volume.projected is not None
    mount = spec.containers[0].volume_mounts[0]
    assert (mount.name, mount.mount_path, mount.read_only) == (volume.name, TOKEN_MOUNT, True)


async def test_token_is_not_mounted_where_nobody_wants_it(control_plane: ControlPlane) -> None:
    await account(control_plane, "quiet", automount_service_account_token=False)
    for spec in ({"automount_service_account_token": False}, {"service_account_name": "quiet"}):
        made = (await control_plane.client.create(pod(**spec))).spec
        assert made.volumes == [] and made.containers[0].volume_mounts == []
        await control_plane.client.delete(core_v1.Pod, "p", "default")
    assert (await control_plane.client.create(pod(service_account_name="quiet", automount_service_account_token=True))).spec.volumes


async def test_container_with_a_mount_of_its_own_keeps_it(control_plane: ControlPlane) -> None:
    mounts = [core_v1.VolumeMount(name="v", mount_path=TOKEN_MOUNT)]
    volumes = [core_v1.Volume(name="v", empty_dir=core_v1.EmptyDirVolumeSource())]
    made = (await control_plane.client.create(pod(mounts=mounts, volumes=volumes))).spec
    assert [volume.name for volume in made.volumes] == ["v"] and len(made.containers[0].volume_mounts) == 1


async def test_pull_secrets_come_from_the_account(control_plane: ControlPlane) -> None:
    await account(control_plane, "puller", image_pull_secrets=[core_v1.LocalObjectReference(name="s")])
    made = (await control_plane.client.create(pod(service_account_name="puller"))).spec
    assert [secret.name for secret in made.image_pull_secrets] == ["s"]


async def test_account_must_exist(control_plane: ControlPlane) -> None:
    with pytest.raises(ForbiddenError) as refused:
        await control_plane.client.create(pod(service_account_name="none"))
    assert str(refused.value) == (
        'pods "p" is forbidden: error looking up service account default/none: serviceaccount "none" not found')


async def test_pod_waits_for_the_account_of_a_new_namespace(control_plane: ControlPlane) -> None:
    await control_plane.client.create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="new")))
    early = pod()
    early.metadata.namespace = "new"
    async with asyncio.TaskGroup() as group:
        making = group.create_task(control_plane.client.create(early))
        await asyncio.sleep(0)
        await control_plane.client.create(core_v1.ServiceAccount(metadata=meta_v1.ObjectMeta(name="default", namespace="new")))
    assert making.result().spec.service_account_name == "default"


async def test_pod_does_not_wait_for_ever_for_its_account(control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_account, "DEFAULT_ACCOUNT_WAIT_S", 0.01)
    await control_plane.client.delete(core_v1.ServiceAccount, "default", "default")
    with pytest.raises(ForbiddenError, match='error looking up service account default/default: serviceaccount "default" not found'):
        await control_plane.client.create(pod())


@pytest.mark.parametrize(("fields", "message"), [
    ({"service_account_name": "default"}, "a mirror pod may not reference service accounts"),
    ({"image_pull_secrets": [core_v1.LocalObjectReference(name="s")]}, "a mirror pod may not reference secrets"),
    ({"volumes": [core_v1.Volume(name="v", projected=core_v1.ProjectedVolumeSource(sources=[core_v1.VolumeProjection(
        service_account_token=core_v1.ServiceAccountTokenProjection(path="t"))]))]},
     "a mirror pod may not use ServiceAccountToken volume projections"),
])
async def test_mirror_pod_has_nothing_that_an_account_gives(control_plane: ControlPlane, fields: dict[str, Any], message: str) -> None:
    mirror = pod(node_name="n", **fields)
    mirror.metadata.annotations = {"kubernetes.io/config.mirror": "x"}
    with pytest.raises(ForbiddenError) as refused:
        await control_plane.client.create(mirror)
    assert str(refused.value) == f'pods "p" is forbidden: {message}'


_FOREIGN = 'secret.secretName="s" is not allowed because service account strict does not reference that secret'
_VARIABLE = core_v1.EnvVar(name="E", value_from=core_v1.EnvVarSource(secret_key_ref=core_v1.SecretKeySelector(name="s", key="k")))
_SOURCE = core_v1.EnvFromSource(secret_ref=core_v1.SecretEnvSource(name="s"))


@pytest.mark.parametrize(("spec", "message"), [
    ({"volumes": [core_v1.Volume(name="v", secret=core_v1.SecretVolumeSource(secret_name="s"))]}, f"volume with {_FOREIGN}"),
    ({"containers": [core_v1.Container(name="c", image="i", env=[_VARIABLE])]}, f"container c with envVar E referencing {_FOREIGN}"),
    ({"containers": [core_v1.Container(name="c", image="i", env_from=[_SOURCE])]}, f"container c with envFrom referencing {_FOREIGN}"),
    ({"init_containers": [core_v1.Container(name="a", image="i", env=[_VARIABLE])]},
     f"init container a with envVar E referencing {_FOREIGN}"),
    ({"image_pull_secrets": [core_v1.LocalObjectReference(name="listed"), core_v1.LocalObjectReference(name="s")]},
     'imagePullSecrets[1].name="s" is not allowed because service account strict does not reference that imagePullSecret'),
])
async def test_account_may_restrict_its_pods_to_its_own_secrets(control_plane: ControlPlane, spec: dict[str, Any], message: str) -> None:
    meta = meta_v1.ObjectMeta(name="strict", namespace="default", annotations={"kubernetes.io/enforce-mountable-secrets": "true"})
    listed, pulled = [core_v1.ObjectReference(name="own")], [core_v1.LocalObjectReference(name="listed")]
    await control_plane.client.create(core_v1.ServiceAccount(metadata=meta, secrets=listed, image_pull_secrets=pulled))
    own = core_v1.Volume(name="own", secret=core_v1.SecretVolumeSource(secret_name="own"))
    await control_plane.client.create(pod(service_account_name="strict", volumes=[own]))
    await control_plane.client.delete(core_v1.Pod, "p", "default")
    made = pod(service_account_name="strict")
    for field, value in spec.items():
        setattr(made.spec, field, value)
    with pytest.raises(ForbiddenError) as refused:
        await control_plane.client.create(made)
    assert str(refused.value) == f'pods "p" is forbidden: {message}'


async def test_pods_tolerate_lost_nodes_for_a_while(control_plane: ControlPlane) -> None:
    made = (await control_plane.client.create(pod())).spec.tolerations
    assert {(t.key, t.operator, t.effect, t.toleration_seconds) for t in made} == {
        ("node.kubernetes.io/not-ready", "Exists", "NoExecute", 300), ("node.kubernetes.io/unreachable", "Exists", "NoExecute", 300)}
    await control_plane.client.delete(core_v1.Pod, "p", "default")
    own = core_v1.Toleration(key="node.kubernetes.io/not-ready", operator="Exists", effect="NoExecute", toleration_seconds=5)
    made = (await control_plane.client.create(pod(tolerations=[own]))).spec.tolerations
    assert [(t.key, t.toleration_seconds) for t in made] == [
        ("node.kubernetes.io/not-ready", 5), ("node.kubernetes.io/unreachable", 300)]


async def test_priority_follows_the_class(control_plane: ControlPlane) -> None:
    made = (await control_plane.client.create(pod())).spec
    assert (made.priority, made.preemption_policy, made.priority_class_name) == (0, "PreemptLowerPriority", "")
    await control_plane.client.delete(core_v1.Pod, "p", "default")
    await priority_class(control_plane, "high", 1000, preemption_policy="Never")
    made = (await control_plane.client.create(pod(priority_class_name="high"))).spec
    assert (made.priority, made.preemption_policy) == (1000, "Never")
    await control_plane.client.delete(core_v1.Pod, "p", "default")
    await system_priority_classes.ensure(control_plane.client)
    assert (await control_plane.client.create(pod(priority_class_name="system-node-critical"))).spec.priority == 2_000_001_000


async def test_who_replaces_a_pod_need_not_know_what_admission_set(control_plane: ControlPlane) -> None:
    await priority_class(control_plane, "high", 1000, preemption_policy="Never")
    own = pod(priority_class_name="high", automount_service_account_token=False)
    made = await control_plane.client.create(own)
    own = pod(priority_class_name="high", automount_service_account_token=False)
    own.metadata.labels = {"new": "label"}
    own.spec.service_account_name = own.spec.service_account = "default"
    updated = await control_plane.client.update(own)
    assert updated.metadata.labels == {"new": "label"} and updated.spec == made.spec


async def test_global_default_class_is_for_pods_without_one(control_plane: ControlPlane) -> None:
    await priority_class(control_plane, "usual", 7, global_default=True)
    made = (await control_plane.client.create(pod())).spec
    assert (made.priority, made.priority_class_name) == (7, "usual")


async def test_priority_cannot_be_chosen_nor_a_class_invented(control_plane: ControlPlane) -> None:
    with pytest.raises(ForbiddenError, match="no PriorityClass with name none was found"):
        await control_plane.client.create(pod(priority_class_name="none"))
    with pytest.raises(ForbiddenError, match=r"the integer value of priority \(5\) must not be provided in pod spec"):
        await control_plane.client.create(pod(priority=5))
    with pytest.raises(ForbiddenError) as refused:
        await control_plane.client.create(pod(preemption_policy="Never"))
    assert str(refused.value) == (
        'pods "p" is forbidden: the string value of PreemptionPolicy (Never) must not be provided in pod spec; priority admission '
        "controller computed PreemptLowerPriority from the given PriorityClass name")


async def test_one_priority_class_at_most_is_the_default_one(control_plane: ControlPlane) -> None:
    await priority_class(control_plane, "usual", 7, global_default=True)
    await priority_class(control_plane, "other", 8)
    only = "is forbidden: PriorityClass usual is already marked as default. Only one default can exist"
    with pytest.raises(ForbiddenError) as refused:
        await priority_class(control_plane, "second", 9, global_default=True)
    assert str(refused.value) == f'priorityclasses.scheduling.k8s.io "second" {only}'
    for name, fields in (("usual", {"description": "still"}), ("other", {"description": "none"})):
        await control_plane.client.patch(scheduling_v1.PriorityClass, name, "", fields)
    with pytest.raises(ForbiddenError, match=only):
        await control_plane.client.patch(scheduling_v1.PriorityClass, "other", "", {"globalDefault": True})


async def test_updates_are_not_admitted_again(control_plane: ControlPlane) -> None:
    await account(control_plane, "brief")
    await control_plane.client.create(pod(service_account_name="brief"))
    await control_plane.client.delete(core_v1.ServiceAccount, "brief", "default")
    patched = await control_plane.client.patch(core_v1.Pod, "p", "default", {"metadata": {"labels": {"a": "b"}}})
    assert patched.metadata.labels == {"a": "b"}


async def test_missing_namespace_comes_first(control_plane: ControlPlane) -> None:
    lost = pod(service_account_name="none", priority_class_name="none")
    lost.metadata.namespace = "nowhere"
    with pytest.raises(NotFoundError, match='namespaces "nowhere" not found'):
        await control_plane.client.create(lost)


async def test_what_all_pods_share_stays_as_it_is_when_one_of_them_changes(control_plane: ControlPlane) -> None:
    """The source of the token's volume and the tolerations are the same objects in all pods."""
    shared, made = encode(token_projection()), pod()
    await control_plane.client.create(made)
    made.metadata.name = "q"
    other = await control_plane.client.create(made)
    before = encode(other)
    longer = [{**to_document(toleration), "tolerationSeconds": 7} for toleration in other.spec.tolerations]
    for patch_type, patch in (
        ("application/merge-patch+json", {"spec": {"tolerations": longer}}),
        ("application/json-patch+json", [{"op": "replace", "path": "/spec/tolerations/0/tolerationSeconds", "value": 5}]),
        ("application/strategic-merge-patch+json", {"metadata": {"labels": {"a": "b"}}}),
    ):
        await control_plane.client.patch(core_v1.Pod, "p", "default", patch, patch_type=patch_type)  # type: ignore[arg-type]
    changed = await control_plane.client.get(core_v1.Pod, "p", "default")
    assert [toleration.toleration_seconds for toleration in changed.spec.tolerations] == [5, 7]
    assert encode(await control_plane.client.get(core_v1.Pod, "q", "default")) == before and encode(token_projection()) == shared
    made.metadata.name = "r"
    assert (await control_plane.client.create(made)).spec.tolerations == other.spec.tolerations
