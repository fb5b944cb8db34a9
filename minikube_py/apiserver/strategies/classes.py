"""Strategies of priority classes and CSI drivers: each counts its generation in its own way.

Source: pkg/registry/scheduling/priorityclass/strategy.go, pkg/registry/storage/csidriver/strategy.go
"""

from __future__ import annotations

from minikube_py.apis.scheduling_v1 import PriorityClass
from minikube_py.apis.storage_v1 import CSIDriver
from minikube_py.apis.system_priority import SYSTEM_CLASSES

from ..context import Context
from ..strategy import Strategy


class PriorityClassStrategy(Strategy):
    """The generation is that of the creation for ever; the system's own classes stay.

    Source, too: pkg/registry/scheduling/priorityclass/storage/storage.go
    """

    status = False

    def why_kept(self, name: str) -> str:
        return "this is a system priority class and cannot be deleted" if name in SYSTEM_CLASSES else ""

    def prepare_create(self, obj: PriorityClass, context: Context) -> None:
        obj.metadata.generation = 1


class CsiDriverStrategy(Strategy):
    """The generation counts changes alone: a driver that never changed has none."""

    status = False

    def prepare_update(self, new: CSIDriver, old: CSIDriver, context: Context) -> None:
        super().prepare_update(new, old, context)
        if self.desired(new) != self.desired(old):
            new.metadata.generation = old.metadata.generation + 1
