"""Nobody grants what he has not: writes of roles and bindings are checked against the writer's own permissions.

Source: kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
"""

from __future__ import annotations

from ..authorization.escalation import Decide, check_escalation
from ..authorization.rbac import RuleResolver
from . import Operation, Plugin

GROUP = "rbac.authorization.k8s.io"


class EscalationCheck(Plugin):
    """Refuses roles and bindings that give more than their writer has."""

    name = "RBACEscalation"
    resources = frozenset(f"{plural}.{GROUP}" for plural in ("clusterroles", "clusterrolebindings", "roles", "rolebindings"))

    def __init__(self, decide: Decide, resolver: RuleResolver) -> None:
        self._decide = decide
        self._resolver = resolver

    def validate(self, operation: Operation) -> None:
        if operation.obj is not None:
            check_escalation(operation.context.user, operation.old, operation.obj, self._decide, self._resolver)
