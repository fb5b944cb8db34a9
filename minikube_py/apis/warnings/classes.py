"""Warnings about storage classes, capacities and runtime classes: node labels under their former names.

Source: pkg/api/storage/util.go, pkg/api/node/util.go, pkg/registry/{storage,node}/*/strategy.go
"""

from __future__ import annotations

from ..node_v1 import RuntimeClass
from ..storage_v1 import CSIStorageCapacity, StorageClass
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


CREATE: OnCreate = {StorageClass: storage_class, CSIStorageCapacity: capacity, RuntimeClass: runtime_class}
UPDATE: OnUpdate = {
    (StorageClass, ""): lambda new, old: storage_class(new),
    (CSIStorageCapacity, ""): lambda new, old: capacity(new),
    (RuntimeClass, ""): lambda new, old: runtime_class(new),
}
