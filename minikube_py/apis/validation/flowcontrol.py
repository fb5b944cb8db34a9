"""Rules of flow schemas and priority levels, and the fixed content of those that every cluster must have.

Source: pkg/apis/flowcontrol/validation/validation.go, k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap/default.go
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .. import syntax
from ..flowcontrol_v1 import (
    ExemptPriorityLevelConfiguration,
    FlowDistinguisherMethod,
    FlowSchema,
    FlowSchemaCondition,
    FlowSchemaSpec,
    GroupSubject,
    LimitedPriorityLevelConfiguration,
    LimitResponse,
    NonResourcePolicyRule,
    PolicyRulesWithSubjects,
    PriorityLevelConfiguration,
    PriorityLevelConfigurationCondition,
    PriorityLevelConfigurationReference,
    PriorityLevelConfigurationSpec,
    QueuingConfiguration,
    ResourcePolicyRule,
    Subject,
)
from .causes import Causes, duplicate, forbidden, invalid, not_supported, required
from .common import matches
from .rules import Rules, SubresourceRules, cluster

_PRECEDENCE_MAX = 10000
_QUEUES_MAX = 10_000_000
_ENTROPY_BITS_MAX = 60
_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch")
_EXEMPT, _CATCH_ALL = "exempt", "catch-all"
_WHITHER = "each member of this list must be '*' or a DNS-1123 label; "


def _for_groups(*names: str) -> PolicyRulesWithSubjects:
    return PolicyRulesWithSubjects(
        subjects=[Subject(kind="Group", group=GroupSubject(name=name)) for name in names],
        resource_rules=[ResourcePolicyRule(verbs=["*"], api_groups=["*"], resources=["*"], cluster_scope=True, namespaces=["*"])],
        non_resource_rules=[NonResourcePolicyRule(verbs=["*"], non_resource_urls=["*"])],
    )


MANDATORY_SCHEMAS = {
    _EXEMPT: FlowSchemaSpec(
        matching_precedence=1, priority_level_configuration=PriorityLevelConfigurationReference(name=_EXEMPT),
        rules=[_for_groups("system:masters")]),
    _CATCH_ALL: FlowSchemaSpec(
        matching_precedence=10000, priority_level_configuration=PriorityLevelConfigurationReference(name=_CATCH_ALL),
        distinguisher_method=FlowDistinguisherMethod(type="ByUser"), rules=[_for_groups("system:unauthenticated", "system:authenticated")]),
}
MANDATORY_LEVELS = {
    _EXEMPT: PriorityLevelConfigurationSpec(
        type="Exempt", exempt=ExemptPriorityLevelConfiguration(nominal_concurrency_shares=0, lendable_percent=0)),
    _CATCH_ALL: PriorityLevelConfigurationSpec(
        type="Limited", limited=LimitedPriorityLevelConfiguration(
            nominal_concurrency_shares=5, lendable_percent=0, limit_response=LimitResponse(type="Reject"))),
}


def flow_schema(causes: Causes, obj: FlowSchema) -> None:
    name, spec = obj.metadata.name, obj.spec
    precedence = spec.matching_precedence
    if precedence <= 0:
        causes.append(invalid("spec.matchingPrecedence", precedence, "must be a positive value"))
    if precedence > _PRECEDENCE_MAX:
        causes.append(invalid("spec.matchingPrecedence", precedence, f"must not be greater than {_PRECEDENCE_MAX}"))
    if precedence == 1 and name != _EXEMPT:
        causes.append(invalid("spec.matchingPrecedence", precedence, "only the schema named 'exempt' may have matchingPrecedence 1"))
    method = spec.distinguisher_method
    if method is not None and method.type not in ("ByNamespace", "ByUser"):
        causes.append(not_supported("spec.distinguisherMethod.type", method, ("ByNamespace", "ByUser")))
    level = spec.priority_level_configuration
    if not level.name:
        causes.append(required("spec.priorityLevelConfiguration.name", "must reference a priority level"))
    else:
        matches(causes, "spec.priorityLevelConfiguration.name", level.name, syntax.dns_subdomain)
    for index, rule in enumerate(spec.rules):
        _rule(causes, f"spec.rules[{index}]", rule)
    mandatory = MANDATORY_SCHEMAS.get(name)
    if mandatory is not None and spec != mandatory:
        causes.append(invalid("spec", spec, f"spec of '{name}' must equal the fixed value"))
    _conditions(causes, obj.status.conditions)


def _rule(causes: Causes, path: str, rule: PolicyRulesWithSubjects) -> None:
    if not rule.subjects:
        causes.append(required(f"{path}.subjects", "subjects must contain at least one value"))
    for index, subject in enumerate(rule.subjects):
        _subject(causes, f"{path}.subjects[{index}]", subject)
    if not rule.resource_rules and not rule.non_resource_rules:
        causes.append(required(path, "at least one of resourceRules and nonResourceRules has to be non-empty"))
    for index, resources in enumerate(rule.resource_rules):
        _resources(causes, f"{path}.resourceRules[{index}]", resources)
    for index, urls in enumerate(rule.non_resource_rules):
        _urls(causes, f"{path}.nonResourceRules[{index}]", urls)


def _subject(causes: Causes, path: str, subject: Subject) -> None:
    wires = {"ServiceAccount": "serviceAccount", "User": "user", "Group": "group"}
    parts = {"ServiceAccount": subject.service_account, "User": subject.user, "Group": subject.group}
    if subject.kind not in wires:
        causes.append(not_supported(f"{path}.kind", subject.kind, sorted(wires)))
        return
    part, where = parts[subject.kind], f"{path}.{wires[subject.kind]}"
    if part is None:
        causes.append(required(where, f"{wires[subject.kind]} is required when subject kind is '{subject.kind}'"))
    elif not part.name:
        causes.append(required(f"{where}.name"))
    if subject.kind == "ServiceAccount" and subject.service_account is not None:
        account = subject.service_account
        if account.name and account.name != "*":
            matches(causes, f"{where}.name", account.name, syntax.dns_subdomain)
        if not account.namespace:
            causes.append(required(f"{where}.namespace", "must specify namespace for service account"))
        else:
            matches(causes, f"{where}.namespace", account.namespace, syntax.dns_label)
    causes += [forbidden(f"{path}.{wires[kind]}", f"{wires[kind]} is forbidden when subject kind is not '{kind}'")
               for kind, other in parts.items() if kind != subject.kind and other is not None]


def _verbs(causes: Causes, path: str, verbs: list[str]) -> None:
    if not verbs:
        causes.append(required(path, "verbs must contain at least one value"))
    elif "*" in verbs:
        if len(verbs) > 1:
            causes.append(invalid(path, verbs, "if '*' is present, must not specify other verbs"))
    elif not all(verb in _VERBS for verb in verbs):
        causes.append(not_supported(path, verbs, _VERBS))


def _resources(causes: Causes, path: str, rule: ResourcePolicyRule) -> None:
    _verbs(causes, f"{path}.verbs", rule.verbs)
    for values, wire, one, many in ((rule.api_groups, "apiGroups", "api group", "api groups"),
                                    (rule.resources, "resources", "resource", "resources")):
        if not values:
            causes.append(required(f"{path}.{wire}", f"resource rules must supply at least one {one}"))
        elif len(values) > 1 and "*" in values:
            causes.append(invalid(f"{path}.{wire}", values, f"if '*' is present, must not specify other {many}"))
    namespaces, where = rule.namespaces or [], f"{path}.namespaces"
    if not namespaces and not rule.cluster_scope:
        causes.append(required(where, "resource rules that are not cluster scoped must supply at least one namespace"))
    elif "*" in namespaces:
        if len(namespaces) > 1:
            causes.append(invalid(where, namespaces, "if '*' is present, must not specify other namespaces"))
    else:
        causes += [invalid(f"{where}[{index}]", namespace, _WHITHER + complaint)
                   for index, namespace in enumerate(namespaces) for complaint in syntax.dns_label(namespace)]


def _urls(causes: Causes, path: str, rule: NonResourcePolicyRule) -> None:
    _verbs(causes, f"{path}.verbs", rule.verbs)
    urls, where = rule.non_resource_urls, f"{path}.nonResourceURLs"
    if not urls:
        causes.append(required(where, "nonResourceURLs must contain at least one value"))
    elif "*" in urls:
        if len(urls) > 1:
            causes.append(invalid(where, urls, "if '*' is present, must not specify other non-resource URLs"))
    else:
        causes += [invalid(f"{where}[{index}]", url, complaint) for index, url in enumerate(urls) if (complaint := _url_complaint(url))]


def _url_complaint(url: str) -> str:
    if not url:
        return "must not be empty"
    if url == "/":
        return ""
    if not url.startswith("/"):
        return "must start with slash"
    if " " in url:
        return "must not contain white-space"
    if "//" in url:
        return "must not contain double slash"
    wildcards = url.count("*")
    return "wildcard can only do suffix matching" if wildcards > 1 or (wildcards == 1 and not url.endswith("/*")) else ""


def priority_level(causes: Causes, obj: PriorityLevelConfiguration) -> None:
    name, spec = obj.metadata.name, obj.spec
    if (name == _EXEMPT) != (spec.type == "Exempt"):
        causes.append(invalid("spec.type", spec.type, "type must be 'Exempt' if and only if name is 'exempt'"))
    if spec.type == "Exempt":
        if spec.limited is not None:
            causes.append(forbidden("spec.limited", "must be nil if the type is not Limited"))
        if spec.exempt is not None:
            _shares(causes, "spec.exempt", spec.exempt)
    elif spec.type == "Limited":
        if spec.exempt is not None:
            causes.append(forbidden("spec.exempt", "must be nil if the type is Limited"))
        if spec.limited is None:
            causes.append(required("spec.limited", "must not be empty when type is Limited"))
        else:
            _limited(causes, "spec.limited", spec.limited)
    else:
        causes.append(not_supported("spec.type", spec.type, ("Exempt", "Limited")))
    mandatory = MANDATORY_LEVELS.get(name)
    if mandatory is not None and name == _EXEMPT:
        if (spec.type, spec.limited) != (mandatory.type, mandatory.limited):
            causes.append(invalid("spec", spec, f"spec of '{name}' except the 'spec.exempt' field must equal the fixed value"))
    elif mandatory is not None and spec != mandatory:
        causes.append(invalid("spec", spec, f"spec of '{name}' must equal the fixed value"))
    _conditions(causes, obj.status.conditions)


def _shares(causes: Causes, path: str, part: ExemptPriorityLevelConfiguration | LimitedPriorityLevelConfiguration) -> None:
    if (part.nominal_concurrency_shares or 0) < 0:
        causes.append(invalid(f"{path}.nominalConcurrencyShares", part.nominal_concurrency_shares, "must be a non-negative integer"))
    if isinstance(part, LimitedPriorityLevelConfiguration):
        _response(causes, f"{path}.limitResponse", part.limit_response)
    if part.lendable_percent is not None and not 0 <= part.lendable_percent <= 100:
        causes.append(invalid(f"{path}.lendablePercent", part.lendable_percent, "must be between 0 and 100, inclusive"))


def _limited(causes: Causes, path: str, limited: LimitedPriorityLevelConfiguration) -> None:
    _shares(causes, path, limited)
    if limited.borrowing_limit_percent is not None and limited.borrowing_limit_percent < 0:
        causes.append(invalid(f"{path}.borrowingLimitPercent", limited.borrowing_limit_percent,
                              "if specified, must be a non-negative integer"))


def _response(causes: Causes, path: str, response: LimitResponse) -> None:
    if response.type == "Reject":
        if response.queuing is not None:
            causes.append(forbidden(f"{path}.queuing", "must be nil if limited.limitResponse.type is not Limited"))
    elif response.type == "Queue":
        if response.queuing is None:
            causes.append(required(f"{path}.queuing", "must not be empty if limited.limitResponse.type is Limited"))
        else:
            _queuing(causes, f"{path}.queuing", response.queuing)
    else:
        causes.append(not_supported(f"{path}.type", response.type, ("Queue", "Reject")))


def _queuing(causes: Causes, path: str, queuing: QueuingConfiguration) -> None:
    limit, queues, hand = queuing.queue_length_limit, queuing.queues, queuing.hand_size
    if limit <= 0:
        causes.append(invalid(f"{path}.queueLengthLimit", limit, "must be positive"))
    if queues <= 0:
        causes.append(invalid(f"{path}.queues", queues, "must be positive"))
    elif queues > _QUEUES_MAX:
        causes.append(invalid(f"{path}.queues", queues, f"must not be greater than {_QUEUES_MAX}"))
    if hand <= 0:
        causes.append(invalid(f"{path}.handSize", hand, "must be positive"))
    elif hand > queues:
        causes.append(invalid(f"{path}.handSize", hand, f"should not be greater than queues ({queues})"))
    elif math.ceil(math.log2(queues) * hand) > _ENTROPY_BITS_MAX:
        causes.append(invalid(f"{path}.handSize", hand, f"required entropy bits of deckSize {queues} and handSize {hand} should not be "
                                                        f"greater than {_ENTROPY_BITS_MAX}"))


def _conditions(causes: Causes, items: Sequence[FlowSchemaCondition | PriorityLevelConfigurationCondition]) -> None:
    seen: set[str] = set()
    for index, item in enumerate(items):
        where = f"status.conditions[{index}].type"
        if item.type in seen:
            causes.append(duplicate(where, item.type))
        seen.add(item.type)
        if not item.type:
            causes.append(required(where, "must not be empty"))


def update_status(causes: Causes, new: FlowSchema | PriorityLevelConfiguration, old: FlowSchema | PriorityLevelConfiguration) -> None:
    _conditions(causes, new.status.conditions)


RULES: Rules = {FlowSchema: cluster(flow_schema), PriorityLevelConfiguration: cluster(priority_level)}
SUBRESOURCES: SubresourceRules = {(FlowSchema, "status"): update_status, (PriorityLevelConfiguration, "status"): update_status}
