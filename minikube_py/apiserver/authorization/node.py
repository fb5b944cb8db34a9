"""The Node authorizer: a node may read what its pods need, and report on itself and them.

A node is a user system:node:NAME in the group system:nodes. Where this authorizer cannot see the object (creations, updates of pods and
nodes), it allows, and the admission plugin NodeRestriction looks at it. What it does not know is no opinion: RBAC may still allow it.

Source: plugin/pkg/auth/authorizer/node/node_authorizer.go, pkg/auth/nodeidentifier, kubernetes.io/docs/reference/access-authn-authz/node/
"""

from __future__ import annotations

from collections.abc import Callable

from minikube_py.apiserver.authentication.user import NODE_USER_PREFIX, NODES, UserInfo

from .attributes import NO_OPINION, Attributes, Decision, SubjectRules
from .bootstrap_policy import policy_rules
from .bootstrap_rules import NODE_RULES
from .node_graph import NodeGraph, Resource
from .rules import RuleIndex

LEASE_NAMESPACE = "kube-node-lease"

_ALLOWED = Decision(True)
_OWN_VERBS = frozenset({"get", "create", "update", "patch", "delete"})
_READ_VERBS = frozenset({"get", "list", "watch"})
_SLICE_VERBS = "get, watch, list, create, update, patch, delete, deletecollection"


def node_of(user: UserInfo) -> str | None:
    """The name of the node that a user is ("" if it cannot be told); None if he is no node."""
    return user.name.removeprefix(NODE_USER_PREFIX) if user.name.startswith(NODE_USER_PREFIX) and NODES in user.groups else None


class NodeAuthorizer:
    """Decides about requests of nodes."""

    def __init__(self, graph: NodeGraph) -> None:
        self._graph = graph
        self._index = RuleIndex((rule, "") for rule in policy_rules(NODE_RULES))
        self._by_resource: dict[tuple[str, str], Callable[[str, Attributes], Decision]] = {
            ("", "secrets"): self._read_named,
            ("", "configmaps"): self._read_named,
            ("", "persistentvolumeclaims"): self._claim,
            ("", "persistentvolumes"): self._get,
            ("resource.k8s.io", "resourceclaims"): self._get,
            ("storage.k8s.io", "volumeattachments"): self._get,
            ("", "serviceaccounts"): self._service_account,
            ("coordination.k8s.io", "leases"): _lease,
            ("storage.k8s.io", "csinodes"): _csi_node,
            ("resource.k8s.io", "resourceslices"): self._slice,
            ("", "nodes"): _node,
            ("", "pods"): self._pod,
        }

    async def authorize(self, attributes: Attributes) -> Decision:
        return self.decide(attributes)

    def decide(self, attributes: Attributes) -> Decision:
        """Decide at once."""
        node = node_of(attributes.user)
        if node is None:
            return NO_OPINION
        if not node:
            return Decision(False, f'unknown node for user "{attributes.user.name}"')
        if attributes.is_resource:
            rule = self._by_resource.get((attributes.api_group, attributes.resource))
            if rule is not None:
                return rule(node, attributes)
        return NO_OPINION if self._index.allows(attributes) is None else _ALLOWED

    def subject_rules(self, user: UserInfo, namespace: str) -> SubjectRules:
        if node_of(user) is None:
            return SubjectRules()
        return SubjectRules(incomplete=True, errors=["node authorizer does not support user rule resolution"])

    def _related(self, node: str, attributes: Attributes) -> Decision:
        if not attributes.name:
            return Decision(False, "No Object name found")
        resource: Resource = attributes.resource  # type: ignore[assignment]  # the table holds no other
        if self._graph.needs(node, resource, attributes.namespace, attributes.name):
            return _ALLOWED
        return Decision(False, f"no relationship found between node '{node}' and this object")

    def _get(self, node: str, attributes: Attributes) -> Decision:
        if attributes.verb != "get":
            return Decision(False, "can only get individual resources of this type")
        if attributes.subresource:
            return Decision(False, "cannot get subresource")
        return self._related(node, attributes)

    def _read_named(self, node: str, attributes: Attributes) -> Decision:
        if attributes.verb not in _READ_VERBS:
            return Decision(False, "can only read resources of this type")
        if attributes.subresource:
            return Decision(False, "cannot read subresource")
        if not attributes.namespace:
            return Decision(False, "can only read namespaced object of this type")
        return self._related(node, attributes)

    def _claim(self, node: str, attributes: Attributes) -> Decision:
        if attributes.subresource != "status":
            return self._get(node, attributes)
        if attributes.verb not in ("update", "patch"):
            return Decision(False, "can only get/update/patch this type")
        return self._related(node, attributes)

    def _service_account(self, node: str, attributes: Attributes) -> Decision:
        if attributes.verb == "get" and not attributes.subresource:
            return self._read_named(node, attributes)
        if attributes.verb != "create" or not attributes.name:
            return Decision(False, "can only create tokens for individual service accounts")
        if attributes.subresource != "token":
            return Decision(False, "can only create token subresource of serviceaccount")
        return self._related(node, attributes)

    def _slice(self, node: str, attributes: Attributes) -> Decision:
        if attributes.subresource:
            return Decision(False, "cannot authorize ResourceSlice subresources")
        match attributes.verb:
            case "create":
                return _ALLOWED
            case "get" | "update" | "patch" | "delete":
                return self._related(node, attributes)
            case "watch" | "list" | "deletecollection":
                if _selects(attributes, "spec.nodeName", node):
                    return _ALLOWED
                return Decision(False, "can only list/watch/deletecollection resourceslices with nodeName field selector")
        return Decision(False, f"only the following verbs are allowed for a ResourceSlice: {_SLICE_VERBS}")

    def _pod(self, node: str, attributes: Attributes) -> Decision:
        match attributes.subresource, attributes.verb:
            case "", "get":
                return self._get(node, attributes)
            case "", "list" | "watch":
                if _selects(attributes, "spec.nodeName", node):
                    return _ALLOWED
                if attributes.name:
                    return self._related(node, attributes)
                return Decision(False, "can only list/watch pods with spec.nodeName field selector")
            case ("", "create" | "delete") | ("status", "update" | "patch") | ("eviction", "create"):
                return _ALLOWED
        return NO_OPINION


def _selects(attributes: Attributes, field: str, value: str) -> bool:
    return attributes.selectors is not None and attributes.selectors.fixes_field(field, value)


def _node(node: str, attributes: Attributes) -> Decision:
    match attributes.subresource, attributes.verb:
        case ("", "create" | "update" | "patch") | ("status", "update" | "patch"):
            return _ALLOWED
        case "", "get" | "list" | "watch":
            # Not asked of the graph: a node looks for its object before that is there.
            if attributes.name == node:
                return _ALLOWED
            which = f"'{attributes.name}'" if attributes.name else "all nodes"
            return Decision(False, f"node '{node}' cannot read {which}, only its own Node object")
    return NO_OPINION


def _lease(node: str, attributes: Attributes) -> Decision:
    if attributes.verb not in _OWN_VERBS:
        return Decision(False, "can only get, create, update, patch, or delete a node lease")
    if attributes.namespace != LEASE_NAMESPACE:
        return Decision(False, f'can only access leases in the "{LEASE_NAMESPACE}" system namespace')
    if attributes.verb != "create" and attributes.name != node:
        return Decision(False, "can only access node lease with the same name as the requesting node")
    return _ALLOWED


def _csi_node(node: str, attributes: Attributes) -> Decision:
    if attributes.verb not in _OWN_VERBS:
        return Decision(False, "can only get, create, update, patch, or delete a CSINode")
    if attributes.subresource:
        return Decision(False, "cannot authorize CSINode subresources")
    if attributes.verb != "create" and attributes.name != node:
        return Decision(False, "can only access CSINode with the same name as the requesting node")
    return _ALLOWED
