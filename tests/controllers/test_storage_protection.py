"""Volumes and claims stay until nothing uses them."""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apis.core_v1 import (
    Container,
    HostPathVolumeSource,
    ModifyVolumeStatus,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    PersistentVolumeClaimVolumeSource,
    PersistentVolumeSpec,
    Pod,
    PodSpec,
    Volume,
    VolumeResourceRequirements,
)
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apis.scheme import deep_copy
from minikube_py.apis.storage_v1 import VolumeAttributesClass
from minikube_py.controllers.storage_protection import AttributesClassProtection, ClaimProtection, VolumeProtection
from minikube_py.core.errors import ConflictError

from .world import World


async def make_claim(world: World, name: str = "c") -> PersistentVolumeClaim:
    resources = VolumeResourceRequirements(requests={"storage": "1Gi"})
    spec = PersistentVolumeClaimSpec(access_modes=["ReadWriteOnce"], resources=resources)
    claim = PersistentVolumeClaim(metadata=ObjectMeta(name=name, namespace="default"), spec=spec)
    made: PersistentVolumeClaim = await world.client.create(claim)
    return made


async def make_user(world: World, name: str = "p", claim: str = "c") -> Pod:
    source = PersistentVolumeClaimVolumeSource(claim_name=claim)
    spec = PodSpec(containers=[Container(name="main", image="i")], volumes=[Volume(name="v", persistent_volume_claim=source)],
                   termination_grace_period_seconds=0)
    made: Pod = await world.client.create(Pod(metadata=ObjectMeta(name=name, namespace="default"), spec=spec))
    return made


async def delete(world: World, kind: Any, name: str) -> None:
    await world.client.delete(kind, name, "default" if kind in (PersistentVolumeClaim, Pod) else "", grace_period_seconds=0)


async def test_claim_without_users_goes_at_once(world: World) -> None:
    await world.start(ClaimProtection)
    await make_claim(world)
    await make_user(world)  # It is on no node: what it mounts is nobody's.
    await delete(world, PersistentVolumeClaim, "c")
    await world.until(lambda: world.find(PersistentVolumeClaim, "c") is None)


async def test_claim_stays_until_its_last_pod_is_gone(world: World) -> None:
    (controller,) = await world.start(ClaimProtection)
    await make_claim(world)
    for name in ("p", "q"):
        await world.bind(await make_user(world, name))
    await delete(world, PersistentVolumeClaim, "c")
    await delete(world, Pod, "p")
    await world.until(lambda: world.find(Pod, "p") is None)
    await world.settle(controller)
    assert world.get(PersistentVolumeClaim, "c").metadata.deletion_timestamp
    await delete(world, Pod, "q")
    await world.until(lambda: world.find(PersistentVolumeClaim, "c") is None)
    world.assert_unchanged()


async def test_claim_from_before_is_protected_too(world: World) -> None:
    await make_claim(world)

    def strip(copy: Any) -> None:
        copy.metadata.finalizers = []

    await world.change(PersistentVolumeClaim, "c", strip)
    await world.start(ClaimProtection)
    await world.until(lambda: world.get(PersistentVolumeClaim, "c").metadata.finalizers == ["kubernetes.io/pvc-protection"])


async def test_a_claim_that_has_changed_comes_again_later(world: World) -> None:
    (controller,) = await world.start(ClaimProtection)
    stale = deep_copy(await make_claim(world))
    stale.metadata.finalizers, stale.metadata.resource_version = [], "1"
    with pytest.raises(ConflictError):
        await controller._settle(stale, used=False)
    await world.settle(controller)


async def test_volume_stays_while_it_is_bound(world: World) -> None:
    (controller,) = await world.start(VolumeProtection)
    spec = PersistentVolumeSpec(capacity={"storage": "1Gi"}, access_modes=["ReadWriteOnce"], host_path=HostPathVolumeSource(path="/x"))
    for name in ("bound", "free"):
        await world.client.create(PersistentVolume(metadata=ObjectMeta(name=name), spec=spec))

    def phase(value: str) -> Any:
        def change(copy: Any) -> None:
            copy.status.phase = value

        return change

    await world.change(PersistentVolume, "bound", phase("Bound"), "", "status")
    for name in ("bound", "free"):
        await delete(world, PersistentVolume, name)
    await world.until(lambda: world.find(PersistentVolume, "free") is None)
    await world.settle(controller)
    assert world.find(PersistentVolume, "bound") is not None
    await world.change(PersistentVolume, "bound", phase("Released"), "", "status")
    await world.until(lambda: world.find(PersistentVolume, "bound") is None)


async def test_class_of_attributes_stays_while_a_claim_names_it(world: World) -> None:
    (controller,) = await world.start(AttributesClassProtection)
    for name in ("free", "wanted", "present"):
        meta = ObjectMeta(name=name)
        made = await world.client.create(VolumeAttributesClass(metadata=meta, driver_name="example.com", parameters={"iops": "1"}))
        assert made.metadata.finalizers == ["kubernetes.io/vac-protection"]
    await make_claim(world)

    def name_classes(copy: Any) -> None:
        copy.status.phase = "Bound"
        copy.status.current_volume_attributes_class_name = "present"
        copy.status.modify_volume_status = ModifyVolumeStatus(status="Pending", target_volume_attributes_class_name="wanted")

    await world.change(PersistentVolumeClaim, "c", name_classes, "default", "status")
    for name in ("free", "wanted", "present"):
        await delete(world, VolumeAttributesClass, name)
    await world.until(lambda: world.find(VolumeAttributesClass, "free") is None)
    await world.settle(controller)
    assert all(world.find(VolumeAttributesClass, name) is not None for name in ("wanted", "present"))

    def modified(copy: Any) -> None:
        copy.status.current_volume_attributes_class_name = "wanted"
        copy.status.modify_volume_status = None

    await world.change(PersistentVolumeClaim, "c", modified, "default", "status")
    await world.until(lambda: world.find(VolumeAttributesClass, "present") is None)
    await world.settle(controller)
    assert world.find(VolumeAttributesClass, "wanted") is not None
    await world.change(PersistentVolumeClaim, "c", lambda copy: setattr(copy.metadata, "finalizers", []))
    await delete(world, PersistentVolumeClaim, "c")
    await world.until(lambda: world.find(VolumeAttributesClass, "wanted") is None)
    world.assert_unchanged()
