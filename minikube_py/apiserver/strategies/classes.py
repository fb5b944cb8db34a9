"""Strategies of priority classes and CSI drivers: each counts its generation in its own way.

Source: pkg/registry/scheduling/priorityclass/strategy.go, pkg/registry/storage/csidriver/strategy.go
"""

from __future__ import annotations

from minikube_py.apis.scheduling_v1 import PriorityClass
from minikube_py.apis.storage_v1 import CSIDriver

from ..context import Context
from ..strategy import Strategy


class PriorityClassStrategy(Strategy):
    """The generation is that of the creation for ever."""

    status = False

    def prepare_create(self, obj: PriorityClass, context: Context) -> None:
        obj.metadata.generation = 1


class CsiDriverStrategy(Strategy):
    """The generation counts changes alone: a driver that never changed has none."""

    status = False

    def prepare_update(self, new: CSIDriver, old: CSIDriver, context: Context) -> None:
        super().prepare_update(new, old, context)
        if self.desired(new) != self.desired(old):
            new.metadata.generation = old.metadata.generation + 1
