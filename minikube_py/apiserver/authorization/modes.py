"""The authorizers of a server, in the order that it was told.

Members of system:masters pass before anybody is asked.

Source: pkg/kubeapiserver/authorizer/config.go, reload.go
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from .attributes import AlwaysAllow, AlwaysDeny, Authorizer, AuthorizerChain, ListsRules, PrivilegedGroup, RuleLists
from .node import NodeAuthorizer
from .node_graph import NodeGraph
from .options import AuthorizationArgs
from .rbac import RbacAuthorizer

# Lets a function know each object of a resource (group, version, plural) that is there or changes.
Follow = Callable[[str, str, str, Callable[[Any, Any], None]], None]


class Mode(Authorizer, ListsRules, Protocol):
    """An authorizer of `--authorization-mode`."""


class Authorization:
    """Whom a server asks.

    Attributes:
        authorizer: decides about requests.
        rules: says what somebody may do at all.
        rbac: knows the roles, whatever the modes: nobody may write one that gives more than he has.
    """

    def __init__(self, args: AuthorizationArgs) -> None:
        """Raises: ValueError for files that do not read."""
        self.rbac = RbacAuthorizer()
        self._graph = NodeGraph()
        modes = [self._mode(name) for name in args.modes]
        self.authorizer: Authorizer = AuthorizerChain(PrivilegedGroup(), *modes)
        self.rules: ListsRules = RuleLists(modes)
        self._node = "Node" in args.modes

    def _mode(self, name: str) -> Mode:
        match name:
            case "RBAC":
                return self.rbac
            case "Node":
                return NodeAuthorizer(self._graph)
            case "AlwaysAllow":
                return AlwaysAllow()
            case "AlwaysDeny":
                return AlwaysDeny()
        raise ValueError(f"unknown authorization mode {name} specified")

    def follow(self, follow: Follow) -> None:
        """Know roles, bindings and what nodes need from the moment that a write is visible."""
        rbac, graph = self.rbac, self._graph
        group, version = "rbac.authorization.k8s.io", "v1"
        follow(group, version, "clusterroles", rbac.cluster_role_changed)
        follow(group, version, "roles", rbac.role_changed)
        follow(group, version, "clusterrolebindings", rbac.cluster_role_binding_changed)
        follow(group, version, "rolebindings", rbac.role_binding_changed)
        if self._node:
            follow("", version, "pods", graph.pod_changed)
            follow("", version, "persistentvolumes", graph.volume_changed)
            follow("storage.k8s.io", version, "volumeattachments", graph.attachment_changed)
            follow("resource.k8s.io", version, "resourceslices", graph.slice_changed)
