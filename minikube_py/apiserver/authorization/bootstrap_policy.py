"""The default roles and bindings as objects, and bringing a cluster up to them.

At each start missing objects are made and missing rules, subjects, labels and aggregation selectors are added; what an administrator
added stays, and objects annotated rbac.authorization.kubernetes.io/autoupdate=false are left alone. A start at which all is in
place costs four lists.

Source: kubernetes.io/docs/reference/access-authn-authz/rbac/#auto-reconciliation, pkg/registry/rbac/rest/storage_rbac.go,
pkg/registry/rbac/reconciliation/
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache

from minikube_py.apis import core_v1, meta_v1
from minikube_py.apis.cluster_role_aggregation import aggregated_rules
from minikube_py.apis.rbac_v1 import (
    AggregationRule,
    ClusterRole,
    ClusterRoleBinding,
    PolicyRule,
    Role,
    RoleBinding,
    RoleRef,
    Subject,
)
from minikube_py.apis.scheme import deep_copy
from minikube_py.client.interface import Client
from minikube_py.core.errors import AlreadyExistsError, NotFoundError

from .bootstrap_controllers import CONTROLLERS
from .bootstrap_rules import (
    AGGREGATED_INTO,
    AGGREGATED_ROLES,
    BOOTSTRAP_BINDINGS,
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    ROLE_BINDINGS,
    ROLES,
    Rows,
)
from .coverage import missing_permissions

API_VERSION = "rbac.authorization.k8s.io/v1"
GROUP = "rbac.authorization.k8s.io"
AUTOUPDATE = "rbac.authorization.kubernetes.io/autoupdate"
AGGREGATE_LABEL_PREFIX = "rbac.authorization.k8s.io/aggregate-to-"
NAMESPACES = ("kube-system", "kube-public")
# Writes that are under way at once; they share the store's commits.
_WRITES_MAX = 64

RbacObject = ClusterRole | ClusterRoleBinding | Role | RoleBinding


def policy_rules(rows: Rows) -> list[PolicyRule]:
    """The rules that rows of `bootstrap_rules.py` stand for."""
    rules = []
    for row in rows:
        verbs = sorted(row[0].split())
        if len(row) == 2:
            rules.append(PolicyRule(non_resource_urls=sorted(row[1].split()), verbs=verbs))
            continue
        groups = sorted("" if group == "core" else group for group in row[1].split())
        names = sorted(row[3].split()) if len(row) > 3 else []
        rules.append(PolicyRule(api_groups=groups, resources=sorted(row[2].split()), resource_names=names, verbs=verbs))
    return rules


@cache
def cluster_roles() -> dict[str, ClusterRole]:
    """The default ClusterRoles by name. Shared: read only."""
    rows = CLUSTER_ROLES | {f"system:controller:{name}": rules for name, rules in CONTROLLERS.items()}
    roles = {name: _cluster_role(name, policy_rules(rules)) for name, rules in rows.items()}
    for name, target in AGGREGATED_INTO.items():
        roles[name].metadata.labels[AGGREGATE_LABEL_PREFIX + target] = "true"
    for name, target in AGGREGATED_ROLES.items():
        role = roles[name] = _cluster_role(name, [])
        if target:
            role.metadata.labels[AGGREGATE_LABEL_PREFIX + target] = "true"
        selector = meta_v1.LabelSelector(match_labels={AGGREGATE_LABEL_PREFIX + name: "true"})
        role.aggregation_rule = AggregationRule(cluster_role_selectors=[selector])
    for name in AGGREGATED_ROLES:
        roles[name].rules = aggregated_rules(roles[name], roles)
    return roles


def cluster_role_bindings() -> list[ClusterRoleBinding]:
    """The default ClusterRoleBindings."""
    subjects = CLUSTER_ROLE_BINDINGS | {f"system:controller:{name}": (f"ServiceAccount:kube-system/{name}",) for name in CONTROLLERS}
    bindings = {name: (name, texts) for name, texts in subjects.items()} | BOOTSTRAP_BINDINGS
    return [
        ClusterRoleBinding(
            kind="ClusterRoleBinding", api_version=API_VERSION, metadata=_metadata(name), subjects=[_subject(text) for text in texts],
            role_ref=RoleRef(api_group=GROUP, kind="ClusterRole", name=role),
        )
        for name, (role, texts) in bindings.items()
    ]


def roles() -> list[Role]:
    """The default Roles of kube-system and kube-public."""
    return [
        Role(kind="Role", api_version=API_VERSION, metadata=_metadata(name, namespace), rules=policy_rules(rows))
        for (namespace, name), rows in ROLES.items()
    ]


def role_bindings() -> list[RoleBinding]:
    """The default RoleBindings of kube-system and kube-public."""
    return [
        RoleBinding(
            kind="RoleBinding", api_version=API_VERSION, metadata=_metadata(name, namespace), subjects=[_subject(text) for text in texts],
            role_ref=RoleRef(api_group=GROUP, kind="Role", name=role),
        )
        for (namespace, name), (role, texts) in ROLE_BINDINGS.items()
    ]


async def reconcile(client: Client) -> int:
    """Bring the cluster's default roles and bindings up to date.

    Returns: how many objects were written.
    Raises: StatusError if the API refuses a write.
    Cancellation: part of the objects may be written; the next run does the rest.
    """
    present: dict[tuple[str, str, str], RbacObject] = {}
    for kind in (ClusterRole, ClusterRoleBinding, Role, RoleBinding):
        for namespace in NAMESPACES if kind in (Role, RoleBinding) else ("",):
            found: Sequence[RbacObject] = await client.list(kind, namespace)
            present |= {(kind.__name__, obj.metadata.namespace, obj.metadata.name): obj for obj in found}
    wanted: list[RbacObject] = [*cluster_roles().values(), *cluster_role_bindings(), *roles(), *role_bindings()]
    writes: list[tuple[RbacObject, RbacObject | None]] = []
    for obj in wanted:
        known = present.get((type(obj).__name__, obj.metadata.namespace, obj.metadata.name))
        goal = deep_copy(obj) if known is None else _reconciled(known, obj)
        if goal is not None:
            writes.append((goal, known))
    if any(obj.metadata.namespace for obj, known in writes if known is None):
        await _ensure_namespaces(client)
    gate = asyncio.Semaphore(_WRITES_MAX)
    async with asyncio.TaskGroup() as group:
        for goal, known in writes:
            group.create_task(_write(client, goal, known, gate), name=f"rbac-bootstrap-{goal.metadata.name}")
    return len(writes)


async def _ensure_namespaces(client: Client) -> None:
    for name in NAMESPACES:
        try:
            await client.get(core_v1.Namespace, name)
        except NotFoundError:
            namespace = core_v1.Namespace(kind="Namespace", api_version="v1", metadata=meta_v1.ObjectMeta(name=name))
            try:
                await client.create(namespace)
            except AlreadyExistsError:
                continue


async def _write(client: Client, goal: RbacObject, known: RbacObject | None, gate: asyncio.Semaphore) -> None:
    async with gate:
        if known is not None and goal.metadata.resource_version:
            await client.update(goal)
            return
        if known is not None:  # The role that a binding refers to cannot be changed: the binding is made anew.
            await client.delete(type(known), known.metadata.name, known.metadata.namespace, uid=known.metadata.uid)
        try:
            await client.create(goal)
        except AlreadyExistsError:
            return  # Another server was faster.


def _reconciled(known: RbacObject, wanted: RbacObject) -> RbacObject | None:
    """What an object must become; None if it is good as it is. Without a resourceVersion it must be made anew."""
    if known.metadata.annotations.get(AUTOUPDATE) == "false" or _as_made(known, wanted):
        return None
    goal = deep_copy(known)
    changed = _add_metadata(goal, wanted)
    if isinstance(goal, (ClusterRoleBinding, RoleBinding)) and isinstance(wanted, (ClusterRoleBinding, RoleBinding)):
        missing = [subject for subject in wanted.subjects if subject not in goal.subjects]
        goal.subjects = [*goal.subjects, *missing]
        changed |= bool(missing)
        if goal.role_ref != wanted.role_ref:
            fresh = deep_copy(wanted)
            fresh.subjects = goal.subjects
            return fresh
    if isinstance(goal, (ClusterRole, Role)) and isinstance(wanted, (ClusterRole, Role)):
        changed |= _add_rules(goal, wanted)
    return goal if changed else None


def _as_made(known: RbacObject, wanted: RbacObject) -> bool:
    """Whether nobody has touched an object since it was made: the usual case, found without a copy."""
    meta, goal = known.metadata, wanted.metadata
    if meta.labels != goal.labels or meta.annotations != goal.annotations:
        return False
    if isinstance(known, (ClusterRoleBinding, RoleBinding)) and isinstance(wanted, (ClusterRoleBinding, RoleBinding)):
        return known.role_ref == wanted.role_ref and known.subjects == wanted.subjects
    if isinstance(known, ClusterRole) and isinstance(wanted, ClusterRole) and wanted.aggregation_rule is not None:
        return known.aggregation_rule == wanted.aggregation_rule
    return isinstance(known, (ClusterRole, Role)) and isinstance(wanted, (ClusterRole, Role)) and known.rules == wanted.rules


def _add_metadata(goal: RbacObject, wanted: RbacObject) -> bool:
    """Add missing labels and annotations; what is set already wins."""
    changed = False
    for own, other in ((goal.metadata.labels, wanted.metadata.labels), (goal.metadata.annotations, wanted.metadata.annotations)):
        for key, value in other.items():
            if key not in own:
                own[key] = value
                changed = True
    return changed


def _add_rules(goal: ClusterRole | Role, wanted: ClusterRole | Role) -> bool:
    if isinstance(wanted, ClusterRole) and wanted.aggregation_rule is not None and isinstance(goal, ClusterRole):
        own = goal.aggregation_rule or AggregationRule()
        missing = [item for item in wanted.aggregation_rule.cluster_role_selectors if item not in own.cluster_role_selectors]
        if missing:
            own.cluster_role_selectors = [*own.cluster_role_selectors, *missing]
            goal.aggregation_rule = own
        return bool(missing)
    has = goal.rules or []
    lacking = [rule for rule in wanted.rules or () if rule not in has and missing_permissions(has, [rule])]
    goal.rules = [*has, *lacking]
    return bool(lacking)


def _cluster_role(name: str, rules: list[PolicyRule]) -> ClusterRole:
    return ClusterRole(kind="ClusterRole", api_version=API_VERSION, metadata=_metadata(name), rules=rules)


def _metadata(name: str, namespace: str = "") -> meta_v1.ObjectMeta:
    return meta_v1.ObjectMeta(
        name=name, namespace=namespace, labels={"kubernetes.io/bootstrapping": "rbac-defaults"}, annotations={AUTOUPDATE: "true"}
    )


def _subject(text: str) -> Subject:
    kind, _, name = text.partition(":")
    if kind != "ServiceAccount":
        return Subject(kind=kind, api_group=GROUP, name=name)
    namespace, _, account = name.partition("/")
    return Subject(kind=kind, name=account, namespace=namespace)
