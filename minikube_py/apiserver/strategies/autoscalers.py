"""Strategy of horizontal pod autoscalers.

Source: pkg/registry/autoscaling/horizontalpodautoscaler/strategy.go, pkg/apis/autoscaling/v2/conversion.go
"""

from __future__ import annotations

from minikube_py.apis.autoscaling_v2 import HorizontalPodAutoscaler as Autoscaler

from .. import hpa_annotations
from ..context import Context
from ..strategy import Strategy


class HorizontalPodAutoscalerStrategy(Strategy):
    """The annotations that stand for fields in autoscaling/v1 are never stored."""

    def prepare_create(self, obj: Autoscaler, context: Context) -> None:
        super().prepare_create(obj, context)
        obj.metadata.annotations = hpa_annotations.others(obj.metadata.annotations)

    def prepare_update(self, new: Autoscaler, old: Autoscaler, context: Context) -> None:
        super().prepare_update(new, old, context)
        new.metadata.annotations = hpa_annotations.others(new.metadata.annotations)

    def prepare_status_update(self, new: Autoscaler, old: Autoscaler, context: Context) -> None:
        super().prepare_status_update(new, old, context)
        new.metadata.annotations = hpa_annotations.others(new.metadata.annotations)
