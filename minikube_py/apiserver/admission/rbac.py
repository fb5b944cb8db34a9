"""Nobody grants what he has not: writes of roles and bindings are checked against the writer's own permissions.

Source: kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
"""

from __future__ import annotations

from ..authorization.attributes import Authorizer
from ..authorization.escalation import check_escalation
from ..authorization.rbac import RuleResolver
from . import Operation, WaitingPlugin

GROUP = "rbac.authorization.k8s.io"


class EscalationCheck(WaitingPlugin):
    """Refuses roles and bindings that give more than their writer has, before anything else is said about them.

    It waits because what decides about the verbs "escalate" and "bind" may be another server.
    """

    name = "RBACEscalation"
    resources = frozenset(f"{plural}.{GROUP}" for plural in ("clusterroles", "clusterrolebindings", "roles", "rolebindings"))

    def __init__(self, authorizer: Authorizer, resolver: RuleResolver) -> None:
        self._authorizer = authorizer
        self._resolver = resolver

    async def mutate_waiting(self, operation: Operation) -> None:
        await check_escalation(operation.context.user, operation.old, operation.obj, self._authorizer, self._resolver)
