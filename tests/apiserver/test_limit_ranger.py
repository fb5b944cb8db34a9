"""LimitRanger: what pods and claims are given by default, and what they are refused for.

Source: plugin/pkg/admission/limitranger/admission_test.go
"""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apis import core_v1, meta_v1
from minikube_py.apis.scheme import from_document, to_document
from minikube_py.apiserver.deletion import DeleteOptions
from minikube_py.core.errors import ForbiddenError
from tests.conftest import ControlPlane

HALF = {"requests": {"cpu": "500m"}, "limits": {"cpu": "1"}}


def limit_range(name: str = "limits", **item: Any) -> core_v1.LimitRange:
    document = {"metadata": {"name": name, "namespace": "default"}, "spec": {"limits": [{"type": "Container", **item}]}}
    return from_document(core_v1.LimitRange, document)


def pod(*containers: dict[str, Any], init: list[dict[str, Any]] | None = None, **spec: Any) -> core_v1.Pod:
    """A pod of containers with these resources, named c0, c1, … and i0, i1, …"""
    spec["containers"] = [{"name": f"c{n}", "image": "x", "resources": resources} for n, resources in enumerate(containers)]
    spec["initContainers"] = [{"name": f"i{n}", "image": "x", **part} for n, part in enumerate(init or [])]
    return from_document(core_v1.Pod, {"metadata": {"name": "p", "namespace": "default"}, "spec": spec})


def claim(storage: str) -> core_v1.PersistentVolumeClaim:
    return from_document(core_v1.PersistentVolumeClaim, {
        "metadata": {"name": "p", "namespace": "default"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}},
    })


async def refusal(plane: ControlPlane, obj: Any) -> str:
    with pytest.raises(ForbiddenError) as caught:
        await plane.client.create(obj)
    resource = "pods" if isinstance(obj, core_v1.Pod) else "persistentvolumeclaims"
    prefix = f'{resource} "p" is forbidden: '
    assert caught.value.message.startswith(prefix)
    return caught.value.message.removeprefix(prefix)


async def test_containers_get_what_they_do_not_say_and_the_pod_is_told(control_plane: ControlPlane) -> None:
    await control_plane.client.create(limit_range(
        default={"cpu": "1", "memory": "256Mi"}, defaultRequest={"cpu": "100m", "memory": "128Mi"},
    ))
    made = await control_plane.client.create(pod({"requests": {"cpu": "50m"}}, {}, init=[{}]))
    first, second = made.spec.containers
    assert to_document(first.resources) == {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}}
    assert to_document(second.resources) == {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}}
    assert made.spec.init_containers[0].resources == second.resources
    assert made.metadata.annotations["kubernetes.io/limit-ranger"] == (
        "LimitRanger plugin set: memory request for container c0; cpu, memory limit for container c0; "
        "cpu, memory request for container c1; cpu, memory limit for container c1; "
        "cpu, memory request for init container i0; cpu, memory limit for init container i0"
    )
    assert made.status.qos_class == "Burstable"


async def test_pod_that_says_all_is_told_nothing(control_plane: ControlPlane) -> None:
    await control_plane.client.create(limit_range(default={"cpu": "1"}))
    made = await control_plane.client.create(pod(HALF))
    assert "kubernetes.io/limit-ranger" not in made.metadata.annotations
    assert to_document(made.spec.containers[0].resources) == HALF


@pytest.mark.parametrize(("item", "resources", "why"), [
    ({"min": {"cpu": "600m"}}, HALF, "minimum cpu usage per Container is 600m, but request is 500m"),
    ({"min": {"memory": "1Gi"}, "defaultRequest": {"memory": "1Gi"}}, {"limits": {"memory": "512Mi"}},
     "minimum memory usage per Container is 1Gi, but request is 512Mi"),
    ({"max": {"cpu": "750m"}}, HALF, "maximum cpu usage per Container is 750m, but limit is 1"),
    ({"maxLimitRequestRatio": {"cpu": "1500m"}}, HALF,
     "cpu max limit to request ratio per Container is 1500m, but provided ratio is 2.000000"),
    ({"maxLimitRequestRatio": {"memory": "2"}}, HALF,
     "memory max limit to request ratio per Container is 2, but no request is specified or request is 0"),
    ({"maxLimitRequestRatio": {"memory": "2"}}, {"requests": {"memory": "1Gi"}},
     "memory max limit to request ratio per Container is 2, but no limit is specified or limit is 0"),
    ({"type": "Pod", "min": {"memory": "1Gi"}}, HALF, "minimum memory usage per Pod is 1Gi.  No request is specified"),
    ({"type": "Pod", "max": {"memory": "1Gi"}}, HALF, "maximum memory usage per Pod is 1Gi.  No limit is specified"),
    ({"type": "Pod", "min": {"cpu": "1"}, "max": {"cpu": "2"}, "maxLimitRequestRatio": {"cpu": "1"}}, HALF,
     "[minimum cpu usage per Pod is 1, but request is 500m, cpu max limit to request ratio per Pod is 1, but provided ratio is 2.000000]"),
])
async def test_pod_out_of_bounds_is_refused(
    control_plane: ControlPlane, item: dict[str, Any], resources: dict[str, Any], why: str
) -> None:
    await control_plane.client.create(limit_range(**item))
    assert await refusal(control_plane, pod(resources)) == why


async def test_same_complaint_about_two_containers_is_made_once(control_plane: ControlPlane) -> None:
    await control_plane.client.create(limit_range(max={"cpu": "750m"}))
    assert await refusal(control_plane, pod(HALF, HALF, init=[{"resources": HALF}])) == \
        "maximum cpu usage per Container is 750m, but limit is 1"


async def test_pod_counts_for_the_sum_of_its_containers(control_plane: ControlPlane) -> None:
    await control_plane.client.create(limit_range(type="Pod", max={"cpu": "2"}))
    assert await refusal(control_plane, pod(HALF, HALF, HALF)) == "maximum cpu usage per Pod is 2, but limit is 3"
    await control_plane.client.create(pod(HALF, HALF, init=[{"resources": {"limits": {"cpu": "2"}}}]))


async def test_pod_counts_for_what_it_says_as_a_whole(control_plane: ControlPlane) -> None:
    await control_plane.client.create(limit_range(type="Pod", max={"cpu": "2"}))
    assert await refusal(control_plane, pod(HALF, resources={"limits": {"cpu": "4"}, "requests": {"cpu": "1"}})) == \
        "maximum cpu usage per Pod is 2, but limit is 4"
    await control_plane.client.create(pod(HALF, HALF, resources={"limits": {"cpu": "2"}, "requests": {"cpu": "1"}}))


async def test_claims_are_held_to_what_they_request(control_plane: ControlPlane) -> None:
    await control_plane.client.create(limit_range(type="PersistentVolumeClaim", min={"storage": "1Gi"}, max={"storage": "10Gi"}))
    assert await refusal(control_plane, claim("500Mi")) == "minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 500Mi"
    assert await refusal(control_plane, claim("20Gi")) == "maximum storage usage per PersistentVolumeClaim is 10Gi, but request is 20Gi"
    await control_plane.client.create(claim("5Gi"))


async def test_pod_is_looked_at_again_when_it_is_resized_and_only_then(control_plane: ControlPlane) -> None:
    client = control_plane.client
    made = await client.create(pod(HALF))
    await client.create(limit_range(max={"cpu": "1"}, min={"cpu": "400m"}))
    await client.patch(core_v1.Pod, "p", "default", {"metadata": {"labels": {"a": "b"}}})

    async def resize(cpu: str) -> core_v1.Pod:
        patch = {"spec": {"containers": [{"name": "c0", "resources": {"requests": {"cpu": cpu}}}]}}
        kind = "application/strategic-merge-patch+json"
        return await client.patch(core_v1.Pod, "p", "default", patch, patch_type=kind, subresource="resize")

    with pytest.raises(ForbiddenError, match="minimum cpu usage per Container is 400m, but request is 100m"):
        await resize("100m")
    assert (await resize("450m")).metadata.generation == made.metadata.generation + 1


async def test_limits_of_another_namespace_and_limits_that_are_gone_do_not_count(control_plane: ControlPlane) -> None:
    too_little = {"max": {"cpu": "500m"}}
    await control_plane.client.create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="other")))
    elsewhere = limit_range(**too_little)
    elsewhere.metadata.namespace = "other"
    await control_plane.client.create(elsewhere)
    await control_plane.client.create(limit_range(**too_little))
    assert "maximum cpu usage" in await refusal(control_plane, pod(HALF))
    storage = control_plane.registry.storage_of(core_v1.LimitRange)
    await control_plane.registry.delete(storage, "default", "limits", DeleteOptions())
    assert (await control_plane.client.create(pod(HALF))).metadata.uid
