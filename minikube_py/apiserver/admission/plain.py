"""Plugins of a few lines: AlwaysAdmit, AlwaysDeny, NamespaceExists, TaintNodesByCondition, DenyServiceExternalIPs.

Source: plugin/pkg/admission/{admit,deny,namespace/exists,nodetaint,network/denyserviceexternalips}
"""

from __future__ import annotations

from minikube_py.apis.core_v1 import Taint
from minikube_py.core.errors import not_found
from minikube_py.store.interface import Store

from . import Operation, Plugin, forbidden

NOT_READY = "node.kubernetes.io/not-ready"


class AlwaysAdmit(Plugin):
    """Lets everything in, as if it were not there."""

    name = "AlwaysAdmit"


class AlwaysDeny(Plugin):
    """Lets nothing in."""

    name = "AlwaysDeny"

    def mutate(self, operation: Operation) -> None:
        self.validate(operation)

    def validate(self, operation: Operation) -> None:
        raise forbidden(operation, "admission control is denying all modifications")


class NamespaceExists(Plugin):
    """Nothing is written in a namespace that is not there."""

    name = "NamespaceExists"

    def __init__(self, store: Store) -> None:
        self._store = store

    def validate(self, operation: Operation) -> None:
        if operation.storage.resource.namespaced and self._store.get("namespaces", operation.namespace) is None:
            raise not_found("", "namespaces", operation.namespace)


class TaintNodesByCondition(Plugin):
    """A new node is tainted as not ready, so that nothing is scheduled there before it is."""

    name = "TaintNodesByCondition"
    resources = frozenset({"nodes"})

    def mutate(self, operation: Operation) -> None:
        if operation.verb != "CREATE" or operation.subresource:
            return
        spec = operation.obj.spec
        if not any((taint.key, taint.effect) == (NOT_READY, "NoSchedule") for taint in spec.taints):
            spec.taints = [*spec.taints, Taint(key=NOT_READY, effect="NoSchedule")]


class DenyServiceExternalIPs(Plugin):
    """Services get no external addresses that they do not have already."""

    name = "DenyServiceExternalIPs"
    resources = frozenset({"services"})

    def validate(self, operation: Operation) -> None:
        if operation.verb not in ("CREATE", "UPDATE") or operation.subresource:
            return
        old = operation.old.spec.external_ips if operation.old is not None else []
        if not {*operation.obj.spec.external_ips} <= {*old}:
            raise forbidden(operation, "Use of external IPs is denied by admission control")
