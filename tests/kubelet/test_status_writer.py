"""Statuses on their way to the API."""

from __future__ import annotations

import asyncio

import pytest

from minikube_py.apis import core_v1, meta_v1
from minikube_py.apis.scheme import deep_copy
from minikube_py.core.errors import InvalidError
from minikube_py.kubelet.status_writer import StatusWriter
from tests.conftest import ControlPlane


async def make(plane: ControlPlane) -> core_v1.Pod:
    spec = core_v1.PodSpec(node_name="n", containers=[core_v1.Container(name="c", image="i")])
    return await plane.client.create(core_v1.Pod(metadata=meta_v1.ObjectMeta(name="p", namespace="default"), spec=spec))


async def test_status_of_a_pod_whose_name_another_has_now_is_not_written(control_plane: ControlPlane) -> None:
    first = await make(control_plane)
    await control_plane.client.delete(core_v1.Pod, "p", "default", grace_period_seconds=0)
    second = await make(control_plane)
    writer = StatusWriter(control_plane.client)
    writer.set(first, core_v1.PodStatus(phase="Running"))
    await writer._reconcile(first.metadata.uid)
    assert await control_plane.client.get(core_v1.Pod, "p", "default") == second
    assert not writer._wanted


async def test_status_that_the_api_refuses_is_kept(control_plane: ControlPlane) -> None:
    pod = await make(control_plane)
    writer = StatusWriter(control_plane.client)
    wrong = deep_copy(pod.status)
    wrong.pod_ip, wrong.pod_ips = "nowhere", [core_v1.PodIP(ip="nowhere")]
    writer.set(pod, wrong)
    with pytest.raises(InvalidError):
        await asyncio.wait_for(writer._reconcile(pod.metadata.uid), 5)
    assert pod.metadata.uid in writer._wanted
