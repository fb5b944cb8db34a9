"""Nobody gives away permissions that he does not hold.

Called before a Role, ClusterRole or binding is written by a user. Members of system:masters pass; so do holders of the verb "escalate" on
the role, and of "bind" on the role that a binding refers to.

Source: kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping,
pkg/registry/rbac/*/policybased
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from minikube_py.apis.rbac_v1 import ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef
from minikube_py.apis.scheme import deep_copy
from minikube_py.apiserver.authentication.user import MASTERS, UserInfo
from minikube_py.core.errors import NotFoundError, resource_details

from .attributes import Attributes, Decision, forbidden_resource
from .coverage import compact, describe, missing_permissions
from .rbac import RuleResolver

GROUP = "rbac.authorization.k8s.io"
_PLURALS = {ClusterRole: "clusterroles", Role: "roles", ClusterRoleBinding: "clusterrolebindings", RoleBinding: "rolebindings"}
_EVERYTHING = [
    PolicyRule(verbs=["*"], api_groups=["*"], resources=["*"]),
    PolicyRule(verbs=["*"], non_resource_urls=["*"]),
]

Decide = Callable[[Attributes], Decision]
RbacObject = ClusterRole | ClusterRoleBinding | Role | RoleBinding


def check_escalation(
    user: UserInfo, old: RbacObject | None, new: RbacObject, decide: Decide, resolver: RuleResolver
) -> None:
    """Let a user write a role or binding, or not.

    Args:
        old: the object before an update; None for a creation.
        new: the object to be written, with its namespace set.
    Raises: ForbiddenError naming the permissions that the user lacks; NotFoundError if a binding refers to no role.
    """
    if MASTERS in user.groups or (old is not None and _only_garbage_collection(old, new)):
        return
    if isinstance(new, (Role, ClusterRole)):
        _check_role(user, old, new, decide, resolver)
    else:
        _check_binding(user, new, decide, resolver)


def _check_role(
    user: UserInfo, old: RbacObject | None, new: Role | ClusterRole, decide: Decide, resolver: RuleResolver
) -> None:
    namespace, plural = new.metadata.namespace, _PLURALS[type(new)]
    attributes = Attributes(user, "escalate", GROUP, "v1", plural, "", namespace, new.metadata.name)
    if decide(attributes).allowed:
        return
    before = getattr(old, "aggregation_rule", None)
    if isinstance(old, (Role, ClusterRole)) and old.rules == new.rules and before == getattr(new, "aggregation_rule", None):
        return
    _confirm(user, namespace, new, new.rules, resolver)
    # An aggregation rule gathers whatever will be there, so it takes all permissions to set or keep one.
    if isinstance(new, ClusterRole) and (new.aggregation_rule is not None or before is not None):
        held, _ = resolver.rules_for(user, "")
        if missing_permissions(held, _EVERYTHING):
            raise forbidden_resource(GROUP, plural, new.metadata.name, "must have cluster-admin privileges to use the aggregationRule")


def _check_binding(user: UserInfo, new: RoleBinding | ClusterRoleBinding, decide: Decide, resolver: RuleResolver) -> None:
    namespace = new.metadata.namespace
    reference = new.role_ref or RoleRef()
    plural = {"ClusterRole": "clusterroles", "Role": "roles"}.get(reference.kind, "")
    if plural:
        attributes = Attributes(user, "bind", reference.api_group, "", plural, "", namespace, reference.name)
        if decide(attributes).allowed:
            return
    rules = resolver.rules_of(reference, namespace)
    if rules is None:
        kind = reference.kind.lower()
        raise NotFoundError(f'{kind}.{GROUP} "{reference.name}" not found', details=resource_details(GROUP, kind, reference.name))
    _confirm(user, namespace, new, rules, resolver)


def _confirm(user: UserInfo, namespace: str, obj: RbacObject, rules: Sequence[PolicyRule], resolver: RuleResolver) -> None:
    held, errors = resolver.rules_for(user, namespace)
    missing = missing_permissions(held, rules)
    if not missing:
        return
    lines = "\n".join(sorted({describe(rule) for rule in compact(missing)}))
    groups = " ".join(f'"{group}"' for group in user.groups)
    why = f'user "{user.name}" (groups=[{groups}]) is attempting to grant RBAC permissions not currently held:\n{lines}'
    if errors:
        why += f"; resolution errors: [{' '.join(errors)}]"
    raise forbidden_resource(GROUP, _PLURALS[type(obj)], obj.metadata.name, why)


def _only_garbage_collection(old: RbacObject, new: RbacObject) -> bool:
    """Whether an update changes nothing but what the garbage collector needs to delete the object."""
    before, after = deep_copy(old), deep_copy(new)
    for obj in (before, after):
        obj.metadata.owner_references = []
        obj.metadata.finalizers = []
        obj.metadata.managed_fields = []
        obj.metadata.resource_version = ""
    return before == after and (
        old.metadata.owner_references != new.metadata.owner_references or old.metadata.finalizers != new.metadata.finalizers
    )
