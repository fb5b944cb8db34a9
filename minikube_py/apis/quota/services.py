"""What services count for: themselves, their node ports and load balancers, as their author means them.

Source: pkg/quota/v1/evaluator/core/services.go
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ..core_v1 import Service
from ..quantity import from_value
from .evaluator import COUNT_PREFIX, Evaluator, ResourceList

_COUNT = f"{COUNT_PREFIX}services"
_NAMES = (_COUNT, "services", "services.nodeports", "services.loadbalancers")


class ServiceEvaluator(Evaluator):
    """Node ports are counted before they are given."""

    def __init__(self) -> None:
        super().__init__("services")

    def matching(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name in _NAMES]

    def usage(self, obj: Service, now: datetime) -> ResourceList:
        spec, node_ports = obj.spec, 0
        if spec.type == "LoadBalancer" and spec.allocate_load_balancer_node_ports is False:
            node_ports = sum(port.node_port != 0 for port in spec.ports)
        elif spec.type in ("NodePort", "LoadBalancer"):
            node_ports = len(spec.ports)
        balancers = "1" if spec.type == "LoadBalancer" else "0"
        return {_COUNT: "1", "services": "1", "services.nodeports": from_value(node_ports), "services.loadbalancers": balancers}

    def handles(self, verb: str, subresource: str, new: Any, old: Any) -> bool:
        return verb in ("CREATE", "UPDATE") and not subresource
