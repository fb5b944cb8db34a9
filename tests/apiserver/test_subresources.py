"""Binding, eviction, scale and tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from minikube_py.apis import apps_v1, authentication_v1, autoscaling_v1, core_v1, meta_v1, policy_v1
from minikube_py.apis.scheme import deep_copy, resource_of
from minikube_py.apiserver.context import INTERNAL
from minikube_py.apiserver.subresources import Subresources
from minikube_py.core.errors import BadRequestError, ConflictError, InvalidError, MethodNotAllowedError
from tests.conftest import ControlPlane


async def make_pod(plane: ControlPlane, **spec: Any) -> core_v1.Pod:
    containers = [core_v1.Container(name="c", image="i")]
    return await plane.client.create(
        core_v1.Pod(metadata=meta_v1.ObjectMeta(name="p", namespace="default"), spec=core_v1.PodSpec(containers=containers, **spec)))


async def bind(plane: ControlPlane, node: str = "n", uid: str = "", kind: str = "Node", **annotations: str) -> Any:
    target = core_v1.ObjectReference(kind=kind, name=node)
    binding = core_v1.Binding(metadata=meta_v1.ObjectMeta(name="p", namespace="default", uid=uid, annotations=annotations), target=target)
    return await plane.client.call(core_v1.Pod, "p", "default", "binding", binding)


async def get_pod(plane: ControlPlane) -> core_v1.Pod:
    return await plane.client.get(core_v1.Pod, "p", "default")


async def test_binding_gives_a_pod_its_node(control_plane: ControlPlane) -> None:
    made = await make_pod(control_plane)
    answer = await bind(control_plane, uid=made.metadata.uid, chosen="so")
    assert (answer.kind, answer.status, answer.code) == ("Status", "Success", 201)
    bound = await get_pod(control_plane)
    assert (bound.spec.node_name, bound.metadata.annotations) == ("n", {"chosen": "so"})
    assert [(c.type, c.status) for c in bound.status.conditions] == [("PodScheduled", "True")]
    assert made.spec.node_name == ""


async def test_pod_is_bound_once(control_plane: ControlPlane) -> None:
    await make_pod(control_plane)
    await bind(control_plane)
    with pytest.raises(ConflictError) as refused:
        await bind(control_plane, "other")
    assert str(refused.value) == (
        'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n"')
    assert (await get_pod(control_plane)).spec.node_name == "n"


async def evict(plane: ControlPlane, name: str = "p", **options: Any) -> Any:
    eviction = policy_v1.Eviction(
        metadata=meta_v1.ObjectMeta(name=name, namespace="default"), delete_options=meta_v1.DeleteOptions(**options) if options else None)
    return await plane.client.call(core_v1.Pod, "p", "default", "eviction", eviction)


async def test_eviction_deletes_with_grace(control_plane: ControlPlane) -> None:
    await make_pod(control_plane, node_name="n")
    assert (await evict(control_plane, grace_period_seconds=5)).status == "Success"
    assert (await get_pod(control_plane)).metadata.deletion_grace_period_seconds == 5


async def test_eviction_of_another_or_an_older_pod_is_refused(control_plane: ControlPlane) -> None:
    await make_pod(control_plane)
    with pytest.raises(BadRequestError, match="name in URL does not match name in Eviction object"):
        await evict(control_plane, "q")
    with pytest.raises(ConflictError):
        await evict(control_plane, preconditions=meta_v1.Preconditions(uid="older"))
    assert await get_pod(control_plane)


async def make_deployment(plane: ControlPlane) -> apps_v1.Deployment:
    template = core_v1.PodTemplateSpec(
        metadata=meta_v1.ObjectMeta(labels={"a": "b"}), spec=core_v1.PodSpec(containers=[core_v1.Container(name="c", image="i")]))
    spec = apps_v1.DeploymentSpec(selector=meta_v1.LabelSelector(match_labels={"a": "b"}), template=template, replicas=2)
    return await plane.client.create(apps_v1.Deployment(metadata=meta_v1.ObjectMeta(name="d", namespace="default"), spec=spec))


async def test_scale_changes_replicas_and_nothing_else(control_plane: ControlPlane) -> None:
    made = await make_deployment(control_plane)
    storage = control_plane.registry.storage_of(apps_v1.Deployment)

    def to(replicas: int, version: str = "") -> Any:
        def transform(scale: autoscaling_v1.Scale) -> autoscaling_v1.Scale:
            scale.spec.replicas, scale.metadata.resource_version = replicas, version or scale.metadata.resource_version
            return scale

        return control_plane.subresources.set_scale(storage, "default", "d", transform, INTERNAL)

    scale = await to(0)
    assert (scale.spec.replicas, scale.status.selector) == (0, "a=b")
    changed = await control_plane.client.get(apps_v1.Deployment, "d", "default")
    expected = deep_copy(made)
    expected.spec.replicas, expected.metadata.generation = 0, 2
    expected.metadata.resource_version = changed.metadata.resource_version
    assert changed == expected
    with pytest.raises(ConflictError):
        await to(5, made.metadata.resource_version)
    with pytest.raises(InvalidError, match=r'Scale.autoscaling "d" is invalid: spec.replicas: Invalid value: -1'):
        await to(-1)


async def test_token_request_goes_to_the_issuer(control_plane: ControlPlane) -> None:
    asked: list[tuple[str, str]] = []

    def issue(
        namespace: str, name: str, request: authentication_v1.TokenRequest, warn: Callable[[str], None]
    ) -> authentication_v1.TokenRequest:
        asked.append((namespace, name))
        return request

    subresources = Subresources(control_plane.registry, issue)
    resource = resource_of(core_v1.ServiceAccount)
    await subresources.create(resource, "default", "default", "token", authentication_v1.TokenRequest(), INTERNAL)
    assert asked == [("default", "default")]
    with pytest.raises(MethodNotAllowedError):
        await subresources.create(resource, "default", "default", "token", core_v1.Binding(), INTERNAL)


async def test_a_scale_is_that_of_one_object(control_plane: ControlPlane) -> None:
    await make_deployment(control_plane)
    storage = control_plane.registry.storage_of(apps_v1.Deployment)

    def with_uid(scale: autoscaling_v1.Scale) -> autoscaling_v1.Scale:
        scale.metadata.uid = "older"
        return scale

    def with_labels(scale: autoscaling_v1.Scale) -> autoscaling_v1.Scale:
        scale.metadata.labels, scale.spec.replicas = {"a b": ""}, -1
        return scale

    with pytest.raises(ConflictError, match="Precondition failed: UID in precondition: older, UID in object meta: "):
        await control_plane.subresources.set_scale(storage, "default", "d", with_uid, INTERNAL)
    with pytest.raises(InvalidError) as refused:
        await control_plane.subresources.set_scale(storage, "default", "d", with_labels, INTERNAL)
    assert [cause.field for cause in refused.value.causes] == ["metadata.labels", "spec.replicas"]
