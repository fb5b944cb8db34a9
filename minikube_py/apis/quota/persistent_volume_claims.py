"""What claims of volumes count for: themselves and what they request, together and by storage class.

Source: pkg/quota/v1/evaluator/core/persistent_volume_claims.go
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ..core_v1 import PersistentVolumeClaim
from ..quantity import NANO, canonical, from_value, nano_value, value
from .evaluator import COUNT_PREFIX, Evaluator, ResourceList, Scope, selects

_COUNT = f"{COUNT_PREFIX}persistentvolumeclaims"
_CLAIMS, _STORAGE = "persistentvolumeclaims", "requests.storage"
_BY_CLASS = ".storageclass.storage.k8s.io/"
_BETA_CLASS = "volume.beta.kubernetes.io/storage-class"


class PersistentVolumeClaimEvaluator(Evaluator):
    """What is requested counts in whole bytes; while a volume shrinks, what it still has."""

    def __init__(self) -> None:
        super().__init__(_CLAIMS)

    def matching(self, names: Iterable[str]) -> list[str]:
        endings = (f"{_BY_CLASS}{_CLAIMS}", f"{_BY_CLASS}{_STORAGE}")
        return [name for name in names if name in (_COUNT, _CLAIMS, _STORAGE) or name.endswith(endings)]

    def usage(self, obj: PersistentVolumeClaim, now: datetime) -> ResourceList:
        found: ResourceList = {_CLAIMS: "1", _COUNT: "1"}
        storage_class = obj.metadata.annotations.get(_BETA_CLASS) or obj.spec.storage_class_name or ""
        if storage_class:
            found[f"{storage_class}{_BY_CLASS}{_CLAIMS}"] = "1"
        requested = obj.spec.resources.requests.get("storage")
        if requested is not None:
            allocated = obj.status.allocated_resources.get("storage", 0)
            most = max(requested, allocated, key=nano_value)
            found[_STORAGE] = from_value(value(most)) if nano_value(most) % NANO else canonical(most)
            if storage_class:
                found[f"{storage_class}{_BY_CLASS}{_STORAGE}"] = found[_STORAGE]
        return found

    def is_in_scope(self, scope: Scope, obj: PersistentVolumeClaim) -> bool:
        if scope.scope_name != "VolumeAttributesClass":
            return False
        status, modifying = obj.status, obj.status.modify_volume_status
        return selects(scope, dict.fromkeys((
            obj.spec.volume_attributes_class_name or "", status.current_volume_attributes_class_name or "",
            modifying.target_volume_attributes_class_name if modifying is not None else "",
        )))

    def handles(self, verb: str, subresource: str, new: Any, old: Any) -> bool:
        return verb in ("CREATE", "UPDATE") and not subresource
