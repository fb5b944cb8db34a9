"""What nodes may do for now: everything that the ClusterRole system:node lists, on every object of the cluster.

This is not Kubernetes' Node authorizer, which confines a node to the objects of its own pods: NodeRoleAuthorizer gives each
node the whole role, as a binding of system:node to the group system:nodes would.
"""

from __future__ import annotations

from minikube_py.apiserver.authentication.user import NODE_USER_PREFIX, NODES

from .attributes import NO_OPINION, Attributes, Decision
from .bootstrap_policy import policy_rules
from .bootstrap_rules import NODE_RULES
from .rules import RuleIndex

_ALLOWED = Decision(True, "nodes hold the rules of ClusterRole \"system:node\"")


class NodeRoleAuthorizer:
    """Allows users named system:node:NAME in the group system:nodes what the role system:node allows."""

    def __init__(self) -> None:
        self._index = RuleIndex((rule, "") for rule in policy_rules(NODE_RULES))

    async def authorize(self, attributes: Attributes) -> Decision:
        user = attributes.user
        if not user.name.startswith(NODE_USER_PREFIX) or NODES not in user.groups:
            return NO_OPINION
        return NO_OPINION if self._index.allows(attributes) is None else _ALLOWED
