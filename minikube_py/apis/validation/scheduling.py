"""Rules of what guides the scheduler: affinities, node selectors, tolerations, taints, topology spread.

Source: pkg/apis/core/validation/validation.go (validateAffinity, ValidateTolerations, validateTopologySpreadConstraints)
"""

from __future__ import annotations

from .. import core_v1, meta_v1, syntax
from .causes import Causes, duplicate, forbidden, invalid, not_supported, required
from .common import dns_label, label_selector, positive_field, qualified

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_UNSATISFIABLE = ("DoNotSchedule", "ScheduleAnyway")
_NO_SELECTOR = "must not be specified when labelSelector is not set"


def affinity(causes: Causes, path: str, item: core_v1.Affinity) -> None:
    if item.node_affinity is not None:
        _node_affinity(causes, f"{path}.nodeAffinity", item.node_affinity)
    for pods, wire in ((item.pod_affinity, "podAffinity"), (item.pod_anti_affinity, "podAntiAffinity")):
        if pods is None:
            continue
        for index, term in enumerate(pods.required_during_scheduling_ignored_during_execution):
            _pod_term(causes, f"{path}.{wire}.{_REQUIRED}[{index}]", term)
        for index, weighted in enumerate(pods.preferred_during_scheduling_ignored_during_execution):
            where = f"{path}.{wire}.{_PREFERRED}[{index}]"
            _weight(causes, where, weighted.weight)
            _pod_term(causes, f"{where}.podAffinityTerm", weighted.pod_affinity_term or core_v1.PodAffinityTerm())


def _node_affinity(causes: Causes, path: str, item: core_v1.NodeAffinity) -> None:
    wanted = item.required_during_scheduling_ignored_during_execution
    if wanted is not None:
        node_selector(causes, f"{path}.{_REQUIRED}", wanted)
    for index, term in enumerate(item.preferred_during_scheduling_ignored_during_execution):
        where = f"{path}.{_PREFERRED}[{index}]"
        _weight(causes, where, term.weight)
        _node_term(causes, f"{where}.preference", term.preference, check_values=False)


def _weight(causes: Causes, path: str, weight: int | None) -> None:
    if not 1 <= (weight or 0) <= 100:
        causes.append(invalid(f"{path}.weight", weight or 0, "must be in the range 1-100"))


def node_selector(causes: Causes, path: str, selector: core_v1.NodeSelector) -> None:
    if not selector.node_selector_terms:
        causes.append(required(f"{path}.nodeSelectorTerms", "must have at least one node selector term"))
    for index, term in enumerate(selector.node_selector_terms):
        _node_term(causes, f"{path}.nodeSelectorTerms[{index}]", term, check_values=True)


def _node_term(causes: Causes, path: str, term: core_v1.NodeSelectorTerm, *, check_values: bool) -> None:
    for index, requirement in enumerate(term.match_expressions):
        _node_requirement(causes, f"{path}.matchExpressions[{index}]", requirement, check_values=check_values)
    for index, requirement in enumerate(term.match_fields):
        where = f"{path}.matchFields[{index}]"
        if requirement.operator not in ("In", "NotIn"):
            causes.append(invalid(f"{where}.operator", requirement.operator, "not a valid selector operator"))
        elif len(requirement.values) != 1:
            causes.append(required(f"{where}.values", "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"))
        if requirement.key != "metadata.name":
            causes.append(invalid(f"{where}.key", requirement.key, "not a valid field selector key"))
            continue
        for number, value in enumerate(requirement.values):
            causes += [invalid(f"{where}.values[{number}]", value, complaint) for complaint in syntax.dns_subdomain(value)]


def _node_requirement(causes: Causes, path: str, requirement: core_v1.NodeSelectorRequirement, *, check_values: bool) -> None:
    operator, values = requirement.operator, requirement.values
    if operator in ("In", "NotIn"):
        if not values:
            causes.append(required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            causes.append(forbidden(f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
    elif operator in ("Gt", "Lt"):
        if len(values) != 1:
            causes.append(required(f"{path}.values", "must be specified single value when `operator` is 'Lt' or 'Gt'"))
    else:
        causes.append(invalid(f"{path}.operator", operator, "not a valid selector operator"))
    qualified(causes, f"{path}.key", requirement.key)
    if check_values:
        for index, value in enumerate(values):
            causes += [invalid(f"{path}.values[{index}]", value, complaint) for complaint in syntax.label_value(value)]


def _pod_term(causes: Causes, path: str, term: core_v1.PodAffinityTerm) -> None:
    label_selector(causes, f"{path}.labelSelector", term.label_selector)
    label_selector(causes, f"{path}.namespaceSelector", term.namespace_selector)
    for name in term.namespaces:
        dns_label(causes, f"{path}.namespace", name)
    if term.match_label_keys or term.mismatch_label_keys:
        _label_keys(causes, path, term.match_label_keys, term.mismatch_label_keys, term.label_selector)
    if not term.topology_key:
        causes.append(required(f"{path}.topologyKey", "can not be empty"))
    qualified(causes, f"{path}.topologyKey", term.topology_key)


def _label_keys(causes: Causes, path: str, keys: list[str], not_keys: list[str], selector: meta_v1.LabelSelector | None) -> None:
    """The labels of the pod itself that are added to a selector; what is added must not be there already."""
    for names, wire in ((keys, "matchLabelKeys"), (not_keys, "mismatchLabelKeys")):
        if names and selector is None:
            causes.append(forbidden(f"{path}.{wire}", _NO_SELECTOR))
            continue
        for index, key in enumerate(names):
            qualified(causes, f"{path}.{wire}[{index}]", key)
    if selector is not None:
        positions = {key: index for index, key in enumerate(keys)}
        seen = set(selector.match_labels)
        for expression in selector.match_expressions:
            if expression.key in positions and expression.key in seen:
                causes.append(invalid(f"{path}[{positions[expression.key]}]", expression.key,
                                      "exists in both matchLabelKeys and labelSelector"))
            seen.add(expression.key)
    for index, key in enumerate(keys):
        if key in not_keys:
            causes.append(invalid(f"{path}.matchLabelKeys[{index}]", key, "exists in both matchLabelKeys and mismatchLabelKeys"))


def tolerations(causes: Causes, path: str, items: list[core_v1.Toleration]) -> None:
    for index, item in enumerate(items):
        if item.key:
            if syntax.label_key(item.key):
                qualified(causes, f"{path}[{index}].key", item.key)
        elif item.operator != "Exists":
            causes.append(invalid(f"{path}[{index}].operator", item.operator,
                                  'operator must be Exists when `key` is empty, which means "match all values and all keys"'))
        if item.toleration_seconds is not None and item.effect != "NoExecute":
            causes.append(invalid(f"{path}[{index}].effect", item.effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"))
        if item.operator in ("Equal", ""):
            if complaints := syntax.label_value(item.value):
                causes.append(invalid(f"{path}[{index}].operator", item.value, ";".join(complaints)))
        elif item.operator == "Exists":
            if item.value:
                causes.append(invalid(f"{path}[{index}].operator", item.value, "value must be empty when `operator` is 'Exists'"))
        else:
            supported = ("Equal", "Exists", "Lt", "Gt") if item.operator in ("Lt", "Gt") else ("Equal", "Exists")
            causes.append(not_supported(f"{path}[{index}].operator", item.operator, supported))
        if item.effect and item.effect not in EFFECTS:
            causes.append(not_supported(f"{path}[{index}].effect", item.effect, EFFECTS))


def taints(causes: Causes, path: str, items: list[core_v1.Taint]) -> None:
    seen: set[tuple[str, str]] = set()
    for index, item in enumerate(items):
        where = f"{path}[{index}]"
        qualified(causes, f"{where}.key", item.key)
        if complaints := syntax.label_value(item.value):
            causes.append(invalid(f"{where}.value", item.value, ";".join(complaints)))
        if item.effect not in EFFECTS:
            causes.append(not_supported(f"{where}.effect", item.effect, EFFECTS) if item.effect else required(f"{where}.effect"))
        if (item.key, item.effect) in seen:
            causes.append(duplicate(where, item, "taints must be unique by key and effect pair"))
        seen.add((item.key, item.effect))


def topology_spread(causes: Causes, path: str, items: list[core_v1.TopologySpreadConstraint]) -> None:
    pairs = [(item.topology_key, item.when_unsatisfiable) for item in items]
    for index, item in enumerate(items):
        where = f"{path}[{index}]"
        positive_field(causes, f"{where}.maxSkew", item.max_skew)
        if not item.topology_key:
            causes.append(required(f"{where}.topologyKey", "can not be empty"))
        if item.when_unsatisfiable not in _UNSATISFIABLE:
            causes.append(not_supported(f"{where}.whenUnsatisfiable", item.when_unsatisfiable, _UNSATISFIABLE))
        if pairs[index] in pairs[index + 1:]:
            causes.append(duplicate(f"{where}.{{topologyKey, whenUnsatisfiable}}", f"{{{item.topology_key}, {item.when_unsatisfiable}}}"))
        if item.min_domains is not None:
            positive_field(causes, f"{where}.minDomains", item.min_domains)
            if item.when_unsatisfiable != "DoNotSchedule":
                causes.append(invalid(f"{where}.minDomains", item.min_domains,
                                      "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not " + item.when_unsatisfiable))
        for value, wire in ((item.node_affinity_policy, "nodeAffinityPolicy"), (item.node_taints_policy, "nodeTaintsPolicy")):
            if value is not None and value not in ("Honor", "Ignore"):
                causes.append(not_supported(f"{where}.{wire}", value, ("Honor", "Ignore")))
        if item.match_label_keys:
            _label_keys(causes, where, item.match_label_keys, [], item.label_selector)
        label_selector(causes, f"{where}.labelSelector", item.label_selector)
