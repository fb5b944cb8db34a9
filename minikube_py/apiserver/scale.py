"""The Scale that shows a workload: made of a built-in one, and changed by requests, with its managedFields.

Source: pkg/registry/apps/deployment/storage/storage.go (scaleFromDeployment, scaleUpdatedObjectInfo)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from minikube_py.apis import autoscaling_v1, meta_v1
from minikube_py.apis.labels import from_label_selector
from minikube_py.apis.scheme import deep_copy, from_document
from minikube_py.core.errors import BadRequestError

from .managed_fields import FieldManager

Scale = autoscaling_v1.Scale
# Makes a new Scale of the present one, which it leaves alone; sets its managedFields.
ScaleChange = Callable[[Scale], Scale]


def scale_of(obj: Any) -> autoscaling_v1.Scale:
    """The Scale that shows a Deployment, ReplicaSet, StatefulSet or ReplicationController."""
    meta = obj.metadata
    selector = obj.spec.selector
    if isinstance(selector, dict):
        text = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    else:
        text = str(from_label_selector(selector))
    scale = autoscaling_v1.Scale(kind="Scale", api_version="autoscaling/v1")
    scale.metadata = meta_v1.ObjectMeta(
        name=meta.name, namespace=meta.namespace, uid=meta.uid, resource_version=meta.resource_version,
        creation_timestamp=meta.creation_timestamp,
    )
    scale.spec = autoscaling_v1.ScaleSpec(replicas=obj.spec.replicas)
    scale.status = autoscaling_v1.ScaleStatus(replicas=obj.status.replicas, selector=text)
    return scale


def replaced_scale(new: Scale, fields: FieldManager, manager: str, now: str) -> ScaleChange:
    """The change of a PUT."""

    def change(old: Scale) -> Scale:
        new.metadata.managed_fields = fields.update(old, new, manager, now)
        return new

    return change


def patched_scale(patched: Callable[[Any], Scale], fields: FieldManager, manager: str, now: str) -> ScaleChange:
    """The change of a patch.

    Args:
        patched: makes the new Scale of the present one's document.
    """

    def change(old: Scale) -> Scale:
        new = patched(_document(old))
        new.metadata.managed_fields = fields.update(old, new, manager, now)
        return new

    return change


def applied_scale(applied: dict[str, Any], fields: FieldManager, manager: str, now: str, *, force: bool) -> ScaleChange:
    """The change of an apply."""

    def change(old: Scale) -> Scale:
        outcome = fields.apply(old, _document(old), applied, manager, now, force=force)
        new = deep_copy(old) if outcome.document is None else _scale_from(outcome.document)
        new.metadata.managed_fields = outcome.entries
        return new

    return change


def _document(scale: Scale) -> Any:
    without = msgspec.structs.replace(scale, metadata=msgspec.structs.replace(scale.metadata, managed_fields=[]))
    return msgspec.json.decode(msgspec.json.encode(without))


def _scale_from(document: Any) -> Scale:
    try:
        return from_document(Scale, document)
    except msgspec.ValidationError as error:
        raise BadRequestError(f'Scale in version "v1" cannot be handled as a Scale: {error}') from error
