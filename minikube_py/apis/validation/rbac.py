"""Rules of roles and bindings. Whether somebody may give away what a role allows is the API server's question.

Source: pkg/apis/rbac/validation/validation.go
"""

from __future__ import annotations

from ...core.errors import BadRequestError
from .. import meta_v1, syntax
from ..labels import from_label_selector
from ..rbac_v1 import ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject
from .causes import Causes, invalid, not_supported, required
from .common import label_selector, matches, present
from .rules import KindRules, Rules, cluster

GROUP = "rbac.authorization.k8s.io"
_SELECTORS = "aggregationRule.clusterRoleSelectors"
_name = syntax.path_segment


def role(causes: Causes, obj: Role) -> None:
    for index, rule in enumerate(obj.rules or ()):
        _rule(causes, f"rules[{index}]", rule, namespaced=True)


def cluster_role(causes: Causes, obj: ClusterRole) -> None:
    _cluster_role(causes, obj, strict_values=True)


def update_cluster_role(causes: Causes, new: ClusterRole, old: ClusterRole) -> None:
    """Selectors with values that are no label values may keep them."""
    was_wrong: Causes = []
    for selector in old.aggregation_rule.cluster_role_selectors if old.aggregation_rule is not None else ():
        label_selector(was_wrong, "", selector)
    _cluster_role(causes, new, strict_values=not was_wrong)


def _cluster_role(causes: Causes, obj: ClusterRole, *, strict_values: bool) -> None:
    for index, rule in enumerate(obj.rules or ()):
        _rule(causes, f"rules[{index}]", rule, namespaced=False)
    if obj.aggregation_rule is None:
        return
    selectors = obj.aggregation_rule.cluster_role_selectors
    if not selectors:
        causes.append(required(_SELECTORS, "at least one clusterRoleSelector required if aggregationRule is non-nil"))
    for index, selector in enumerate(selectors):
        label_selector(causes, f"{_SELECTORS}[{index}]", selector, strict_values=strict_values)
        if not _selects(selector):
            causes.append(invalid(f"{_SELECTORS}[{index}]", None, "invalid label selector."))


def _selects(selector: meta_v1.LabelSelector) -> bool:
    try:
        from_label_selector(selector)
    except BadRequestError:
        return False
    return True


def _rule(causes: Causes, path: str, rule: PolicyRule, *, namespaced: bool) -> None:
    if not rule.verbs:
        causes.append(required(f"{path}.verbs", "verbs must contain at least one value"))
    if rule.non_resource_urls:
        where = f"{path}.nonResourceURLs"
        if namespaced:
            causes.append(invalid(where, rule.non_resource_urls, "namespaced rules cannot apply to non-resource URLs"))
        if rule.api_groups or rule.resources or rule.resource_names:
            causes.append(invalid(where, rule.non_resource_urls, "rules cannot apply to both regular resources and non-resource URLs"))
        return
    if not rule.api_groups:
        causes.append(required(f"{path}.apiGroups", "resource rules must supply at least one api group"))
    if not rule.resources:
        causes.append(required(f"{path}.resources", "resource rules must supply at least one resource"))


def role_binding(causes: Causes, obj: RoleBinding) -> None:
    _role_ref(causes, obj.role_ref, ("Role", "ClusterRole"))
    for index, subject in enumerate(obj.subjects):
        _subject(causes, f"subjects[{index}]", subject, namespaced=True)


def cluster_role_binding(causes: Causes, obj: ClusterRoleBinding) -> None:
    _role_ref(causes, obj.role_ref, ("ClusterRole",))
    for index, subject in enumerate(obj.subjects):
        _subject(causes, f"subjects[{index}]", subject, namespaced=False)


def _role_ref(causes: Causes, reference: RoleRef, kinds: tuple[str, ...]) -> None:
    if reference.api_group != GROUP:
        causes.append(not_supported("roleRef.apiGroup", reference.api_group, (GROUP,)))
    if reference.kind not in kinds:
        causes.append(not_supported("roleRef.kind", reference.kind, kinds))
    present(causes, "roleRef.name", reference.name, _name)


def _subject(causes: Causes, path: str, subject: Subject, *, namespaced: bool) -> None:
    if not subject.name:
        causes.append(required(f"{path}.name"))
    if subject.kind == "ServiceAccount":
        if subject.name:
            matches(causes, f"{path}.name", subject.name, syntax.dns_subdomain)
        if subject.api_group:
            causes.append(not_supported(f"{path}.apiGroup", subject.api_group, ("",)))
        if not namespaced and not subject.namespace:
            causes.append(required(f"{path}.namespace"))
    elif subject.kind in ("User", "Group"):
        if not subject.name:
            causes.append(invalid(f"{path}.name", "", f"{subject.kind.lower()} name cannot be empty"))
        if subject.api_group != GROUP:
            causes.append(not_supported(f"{path}.apiGroup", subject.api_group, (GROUP,)))
    else:
        causes.append(not_supported(f"{path}.kind", subject.kind, ("ServiceAccount", "User", "Group")))


def update_role_binding(causes: Causes, new: RoleBinding, old: RoleBinding) -> None:
    role_binding(causes, new)
    _same_role(causes, new, old)


def update_cluster_role_binding(causes: Causes, new: ClusterRoleBinding, old: ClusterRoleBinding) -> None:
    cluster_role_binding(causes, new)
    _same_role(causes, new, old)


def _same_role(causes: Causes, new: RoleBinding | ClusterRoleBinding, old: RoleBinding | ClusterRoleBinding) -> None:
    if new.role_ref != old.role_ref:
        causes.append(invalid("roleRef", new.role_ref, "cannot change roleRef"))


RULES: Rules = {
    Role: KindRules(role, name=_name), ClusterRole: cluster(cluster_role, update_cluster_role, name=_name),
    RoleBinding: KindRules(role_binding, update_role_binding, name=_name),
    ClusterRoleBinding: cluster(cluster_role_binding, update_cluster_role_binding, name=_name),
}
