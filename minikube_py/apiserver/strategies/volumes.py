"""Strategies of persistent volumes and claims.

Source: pkg/registry/core/{persistentvolume,persistentvolumeclaim}/strategy.go, pkg/api/persistentvolumeclaim/util.go
"""

from __future__ import annotations

import msgspec

from minikube_py.apis.core_v1 import (
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    PersistentVolumeClaimStatus,
    PersistentVolumeStatus,
    TypedLocalObjectReference,
    TypedObjectReference,
)
from minikube_py.core.clock import SYSTEM_CLOCK, Clock, rfc3339
from minikube_py.core.errors import Cause

from ..context import Context
from ..strategy import Strategy

# Kind and group of what `dataSource` alone may name.
_SOURCES = (("PersistentVolumeClaim", ""), ("VolumeSnapshot", "snapshot.storage.k8s.io"))


class PersistentVolumeStrategy(Strategy):
    """A volume knows since when it has been in its phase."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock

    def prepare_create(self, obj: PersistentVolume, context: Context) -> None:
        super().prepare_create(obj, context)
        obj.status = PersistentVolumeStatus(phase="Pending", last_phase_transition_time=rfc3339(self._clock.now()))

    def prepare_status_update(self, new: PersistentVolume, old: PersistentVolume, context: Context) -> None:
        super().prepare_status_update(new, old, context)
        own, was = new.status, old.status
        if own.phase == was.phase:
            own.last_phase_transition_time = own.last_phase_transition_time or was.last_phase_transition_time
        elif own.last_phase_transition_time in ("", was.last_phase_transition_time):
            own.last_phase_transition_time = rfc3339(self._clock.now())


class PersistentVolumeClaimStrategy(Strategy):
    """What a claim is filled from stands in two fields, which say the same where they can."""

    def prepare_create(self, obj: PersistentVolumeClaim, context: Context) -> None:
        super().prepare_create(obj, context)
        obj.status = PersistentVolumeClaimStatus(phase="Pending")
        _drop_unknown_source(obj.spec)
        _align_sources(obj.spec)

    def prepare_update(self, new: PersistentVolumeClaim, old: PersistentVolumeClaim, context: Context) -> None:
        super().prepare_update(new, old, context)
        if old.spec.data_source is None and old.spec.data_source_ref is None:
            _drop_unknown_source(new.spec)
        _align_sources(new.spec)

    def causes_of_update(
        self, new: PersistentVolumeClaim, old: PersistentVolumeClaim, subresource: str, context: Context
    ) -> list[Cause]:
        if (old.spec.data_source is None) != (old.spec.data_source_ref is None):  # written before both were kept
            old = msgspec.structs.replace(old, spec=msgspec.structs.replace(old.spec))
            _align_sources(old.spec)
        return super().causes_of_update(new, old, subresource, context)


def _drop_unknown_source(spec: PersistentVolumeClaimSpec) -> None:
    """What `dataSource` alone may not name was ignored once, and still is."""
    source = spec.data_source
    if spec.data_source_ref is None and source is not None and (source.kind, source.api_group or "") not in _SOURCES:
        spec.data_source = None


def _align_sources(spec: PersistentVolumeClaimSpec) -> None:
    """Let both fields say what one does, unless it names another namespace."""
    source, reference = spec.data_source, spec.data_source_ref
    if source is not None and reference is None:
        spec.data_source_ref = TypedObjectReference(api_group=source.api_group, kind=source.kind, name=source.name)
    elif source is None and reference is not None and not reference.namespace:
        spec.data_source = TypedLocalObjectReference(api_group=reference.api_group, kind=reference.kind, name=reference.name)
