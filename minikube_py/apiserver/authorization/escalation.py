"""Nobody gives away permissions that he does not hold.

Asked before a Role, ClusterRole or binding is written by a user. Members of system:masters pass; so do holders of the verb "escalate" on
the role, and of "bind" on the role that a binding refers to.

Source: kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping,
pkg/registry/rbac/*/policybased
"""

from __future__ import annotations

from collections.abc import Sequence

from minikube_py.apis.rbac_v1 import AggregationRule, ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding
from minikube_py.apis.scheme import deep_copy
from minikube_py.apis.syntax import quote
from minikube_py.apiserver.authentication.user import MASTERS, UserInfo
from minikube_py.core.errors import InternalError, aggregate_texts, not_found

from .attributes import Attributes, Authorizer, forbidden_resource
from .coverage import compact, describe, missing_permissions
from .rbac import RuleResolver

GROUP = "rbac.authorization.k8s.io"
_PLURALS = {ClusterRole: "clusterroles", Role: "roles", ClusterRoleBinding: "clusterrolebindings", RoleBinding: "rolebindings"}
_EVERYTHING = [
    PolicyRule(verbs=["*"], api_groups=["*"], resources=["*"]),
    PolicyRule(verbs=["*"], non_resource_urls=["*"]),
]

RbacObject = ClusterRole | ClusterRoleBinding | Role | RoleBinding


async def check_escalation(
    user: UserInfo, old: RbacObject | None, new: RbacObject, authorizer: Authorizer, resolver: RuleResolver
) -> None:
    """Let a user write a role or binding, or not.

    Args:
        old: the object before an update; None for a creation.
        new: the object to be written, with its namespace set.
    Raises: ForbiddenError naming the permissions that the user lacks; NotFoundError if a binding refers to no
            role; InternalError if it refers to no kind of role.
    """
    if MASTERS in user.groups or (old is not None and _only_garbage_collection(old, new)):
        return
    if isinstance(new, (Role, ClusterRole)):
        await _check_role(user, old, new, authorizer, resolver)
    else:
        await _check_binding(user, new, authorizer, resolver)


async def _check_role(
    user: UserInfo, old: RbacObject | None, new: Role | ClusterRole, authorizer: Authorizer, resolver: RuleResolver
) -> None:
    namespace, plural = new.metadata.namespace, _PLURALS[type(new)]
    # Upstream takes the name from the URL: the one of a new role is not known there.
    name = old.metadata.name if old is not None else ""
    attributes = Attributes(user, "escalate", GROUP, "*", plural, "", namespace, name)
    if (await authorizer.authorize(attributes)).allowed:
        return
    # Rules that stay are confirmed too: a new label may have them aggregated into a role that others hold.
    _confirm(user, namespace, new, new.rules or (), resolver)
    # An aggregation rule gathers whatever will be there, so it takes all permissions to set or keep one.
    if any(rule is not None and rule.cluster_role_selectors for rule in (_aggregation(new), _aggregation(old))):
        held, _ = resolver.rules_for(user, "")
        if missing_permissions(held, _EVERYTHING):
            raise forbidden_resource(GROUP, plural, new.metadata.name, "must have cluster-admin privileges to use the aggregationRule")


async def _check_binding(
    user: UserInfo, new: RoleBinding | ClusterRoleBinding, authorizer: Authorizer, resolver: RuleResolver
) -> None:
    namespace = new.metadata.namespace
    reference = new.role_ref
    plural = {"ClusterRole": "clusterroles", "Role": "roles"}.get(reference.kind, "")
    if not plural:
        # Upstream gets here before it validates, and calls it a fault of its own.
        raise InternalError(f"unsupported role reference kind: {quote(reference.kind)}")
    attributes = Attributes(user, "bind", reference.api_group, "*", plural, "", namespace, reference.name)
    if (await authorizer.authorize(attributes)).allowed:
        return
    rules = resolver.rules_of(reference, namespace)
    if rules is None:
        raise not_found(GROUP, plural, reference.name)
    _confirm(user, namespace, new, rules, resolver)


def _confirm(user: UserInfo, namespace: str, obj: RbacObject, rules: Sequence[PolicyRule], resolver: RuleResolver) -> None:
    held, unresolved = resolver.rules_for(user, namespace)
    missing = missing_permissions(held, rules)
    if not missing:
        return
    lines = "\n".join(sorted({describe(rule) for rule in compact(missing)}))
    groups = " ".join(map(quote, user.groups))
    why = f'user {quote(user.name)} (groups=[{groups}]) is attempting to grant RBAC permissions not currently held:\n{lines}'
    if unresolved:
        errors = [f'{reference.kind.lower()}s.{GROUP} "{reference.name}" not found' for reference in unresolved]
        why += f"; resolution errors: [{aggregate_texts(errors)}]"
    raise forbidden_resource(GROUP, _PLURALS[type(obj)], obj.metadata.name, why)


def _aggregation(role: RbacObject | None) -> AggregationRule | None:
    return role.aggregation_rule if isinstance(role, ClusterRole) else None


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
