"""Fields of features that are off in Kubernetes 1.36 unless somebody turns them on, which nobody can here.

A client that sends such a field is not refused: a new object loses it, and so does one that replaces an object without it. What was stored
before stays, so that an object can still be updated that an older or newer release has written.

| gate | what goes |
|---|---|
| ClusterTrustBundleProjection, PodCertificateRequest | sources of projected volumes |
| ContainerStopSignals | the signal in a container's lifecycle |
| GenericWorkload | the group that a pod is scheduled with |
| ImageVolumeWithDigest, DRANodeAllocatableResources | what the status of a pod says of image volumes and of claims |
| MaxUnavailableStatefulSet | how many pods of a stateful set are replaced at once |
| CrossNamespaceVolumeDataSource | sources of volumes in other namespaces |
| CoordinatedLeaderElection | how the holder of a lease is elected |
| VolumeLimitScaling | whether pods wait for a CSI driver |
| DRAListTypeAttributes, DRANodeAllocatableResources | lists in attributes of devices, and what a node gets of them |

Source: pkg/features/kube_features.go; pkg/api/pod/util.go (DropDisabledPodFields, DropDisabledTemplateFields),
pkg/api/persistentvolumeclaim/util.go (DropDisabledFields), pkg/registry/*/strategy.go (dropDisabledFields)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from .apps_v1 import DaemonSet, Deployment, ReplicaSet, StatefulSet
from .batch_v1 import CronJob, Job
from .coordination_v1 import Lease
from .core_v1 import (
    Container,
    ContainerStatus,
    EphemeralContainer,
    PersistentVolumeClaim,
    Pod,
    PodSpec,
    PodStatus,
    PodTemplate,
    PodTemplateSpec,
    ReplicationController,
    VolumeMountStatus,
    VolumeProjection,
)
from .object import Object
from .resource_v1 import ResourceSlice
from .storage_v1 import CSIDriver


def drop_disabled_fields(new: Object, old: Object | None = None) -> None:
    """Clear the fields of `new`, which is changed, that are off and that `old` does not use.

    Args:
        old: the object that is replaced, of the same kind; read only, and it may share parts with `new`.
    """
    drop = _DROP.get(type(new))
    if drop is not None:
        drop(new, old)


def _pod(new: Pod, old: Pod | None) -> None:
    _pod_spec(new.spec, old.spec if old is not None else None)
    _pod_status(new.status, old.status if old is not None else None)


def _pod_spec(new: PodSpec, old: PodSpec | None) -> None:
    if new.scheduling_group is not None and (old is None or old.scheduling_group is None):
        new.scheduling_group = None
    for source in _projections(new):
        for name in ("cluster_trust_bundle", "pod_certificate"):
            if getattr(source, name) is not None and not any(getattr(known, name) is not None for known in _projections(old)):
                setattr(source, name, None)
    if _stop_signals(new) and not _stop_signals(old):
        for container in _containers(new):
            lifecycle = container.lifecycle
            if lifecycle is not None and lifecycle.stop_signal is not None:
                lifecycle.stop_signal = None
                if lifecycle.post_start is None and lifecycle.pre_stop is None:
                    container.lifecycle = None


def _projections(spec: PodSpec | None) -> Iterator[VolumeProjection]:
    for volume in spec.volumes if spec is not None else ():
        if volume.projected is not None:
            yield from volume.projected.sources or ()


def _containers(spec: PodSpec | None) -> Iterator[Container | EphemeralContainer]:
    if spec is not None:
        yield from spec.containers
        yield from spec.init_containers
        yield from spec.ephemeral_containers


def _stop_signals(spec: PodSpec | None) -> bool:
    return any(container.lifecycle is not None and container.lifecycle.stop_signal is not None for container in _containers(spec))


def _pod_status(new: PodStatus, old: PodStatus | None) -> None:
    if new.node_allocatable_resource_claim_statuses and not (old is not None and old.node_allocatable_resource_claim_statuses):
        new.node_allocatable_resource_claim_statuses = []
    if any(mount.volume_status is not None for mount in _mounts(new)) and all(mount.volume_status is None for mount in _mounts(old)):
        for mount in _mounts(new):
            mount.volume_status = None


def _mounts(status: PodStatus | None) -> Iterator[VolumeMountStatus]:
    if status is not None:
        statuses: tuple[list[ContainerStatus], ...] = (
            status.container_statuses, status.init_container_statuses, status.ephemeral_container_statuses,
        )
        for containers in statuses:
            for container in containers:
                yield from container.volume_mounts


def _template_of(template: Callable[[Any], PodTemplateSpec | None]) -> Callable[[Any, Any], None]:
    """What drops the fields of the pod template of a kind."""
    def drop(new: Any, old: Any) -> None:
        made, known = template(new), template(old) if old is not None else None
        if made is not None:
            _pod_spec(made.spec, known.spec if known is not None else None)

    return drop


_stateful_set_template = _template_of(lambda obj: obj.spec.template)


def _stateful_set(new: StatefulSet, old: StatefulSet | None) -> None:
    _stateful_set_template(new, old)
    strategy = new.spec.update_strategy
    known = old.spec.update_strategy if old is not None else None
    in_use = known is not None and known.rolling_update is not None and known.rolling_update.max_unavailable is not None
    if strategy is not None and strategy.rolling_update is not None and not in_use:
        strategy.rolling_update.max_unavailable = None


def _claim(new: PersistentVolumeClaim, old: PersistentVolumeClaim | None) -> None:
    source = new.spec.data_source_ref
    if source is not None and source.namespace and (old is None or old.spec.data_source_ref is None):
        new.spec.data_source_ref = None


def _lease(new: Lease, old: Lease | None) -> None:
    if old is None or old.spec.strategy is None:
        new.spec.strategy = None
    if old is None or old.spec.preferred_holder is None:
        new.spec.preferred_holder = None


def _csi_driver(new: CSIDriver, old: CSIDriver | None) -> None:
    if old is None or old.spec.prevent_pod_scheduling_if_missing is None:
        new.spec.prevent_pod_scheduling_if_missing = None


def _resource_slice(new: ResourceSlice, old: ResourceSlice | None) -> None:
    devices = old.spec.devices if old is not None else ()
    mappings = any(device.node_allocatable_resource_mappings for device in devices)
    lists = any(a.bools or a.ints or a.strings or a.versions for device in devices for a in device.attributes.values())
    for device in new.spec.devices:
        if not mappings:
            device.node_allocatable_resource_mappings = {}
        if not lists:
            for attribute in device.attributes.values():
                attribute.bools, attribute.ints, attribute.strings, attribute.versions = [], [], [], []


_DROP: Final[dict[type[Object], Callable[[Any, Any], None]]] = {
    Pod: _pod,
    PodTemplate: _template_of(lambda obj: obj.template),
    **dict.fromkeys((ReplicationController, ReplicaSet, Deployment, DaemonSet, Job), _template_of(lambda obj: obj.spec.template)),
    StatefulSet: _stateful_set,
    CronJob: _template_of(lambda obj: obj.spec.job_template.spec.template),
    PersistentVolumeClaim: _claim,
    Lease: _lease,
    CSIDriver: _csi_driver,
    ResourceSlice: _resource_slice,
}
