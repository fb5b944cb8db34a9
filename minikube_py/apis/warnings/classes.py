"""Warnings about storage classes, capacities, runtime classes and CSI drivers: node labels under their former names, and tokens in logs.

Source: pkg/api/storage/util.go, pkg/api/node/util.go, pkg/registry/{storage,node}/*/strategy.go
"""

from __future__ import annotations

from ..node_v1 import RuntimeClass
from ..storage_v1 import CSIDriver, CSIStorageCapacity, StorageClass
from . import node_labels
from .tables import OnCreate, OnUpdate


def storage_class(obj: StorageClass) -> list[str]:
    return [
        f"allowedTopologies[{index}].matchLabelExpressions[{number}].key: {node_labels.DEPRECATED[expression.key]}"
        for index, topology in enumerate(obj.allowed_topologies)
        for number, expression in enumerate(topology.match_label_expressions) if expression.key in node_labels.DEPRECATED
    ]


def capacity(obj: CSIStorageCapacity) -> list[str]:
    return node_labels.of_selector("nodeTopology", obj.node_topology)


def runtime_class(obj: RuntimeClass) -> list[str]:
    return node_labels.of_keys("scheduling.nodeSelector", obj.scheduling.node_selector if obj.scheduling is not None else ())


def csi_driver(obj: CSIDriver, old: CSIDriver | None = None) -> list[str]:
    """Tokens that are asked for, or asked for otherwise than before, and that may end in a log."""
    spec = obj.spec
    if not spec.token_requests or spec.service_account_token_in_secrets is not None:
        return []
    if old is not None and old.spec.token_requests == spec.token_requests:
        return []
    return ["spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of "
            "tokens in volume attributes"]


CREATE: OnCreate = {StorageClass: storage_class, CSIStorageCapacity: capacity, RuntimeClass: runtime_class, CSIDriver: csi_driver}
UPDATE: OnUpdate = {
    (StorageClass, ""): lambda new, old: storage_class(new),
    (CSIStorageCapacity, ""): lambda new, old: capacity(new),
    (RuntimeClass, ""): lambda new, old: runtime_class(new),
    (CSIDriver, ""): csi_driver,
}
