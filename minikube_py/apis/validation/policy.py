"""Rules of what governs workloads: RBAC, autoscalers, disruption budgets, priorities, leases, flow control and the like.

Source: pkg/apis/{rbac,autoscaling,policy,scheduling,coordination,certificates,node,flowcontrol}/validation
"""

from __future__ import annotations

from .. import autoscaling_v1, autoscaling_v2, events_v1, syntax
from ..autoscaling_v2 import HPAScalingRules, MetricSpec, MetricTarget
from ..certificates_v1 import CertificateSigningRequest
from ..coordination_v1 import Lease
from ..flowcontrol_v1 import FlowSchema, PriorityLevelConfiguration
from ..node_v1 import RuntimeClass
from ..policy_v1 import PodDisruptionBudget
from ..quantity import nano_value
from ..rbac_v1 import ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject
from ..scheduling_v1 import PriorityClass
from . import core, resources, scheduling
from .causes import IMMUTABLE, Causes, forbidden, invalid, not_supported, required
from .common import at_most_whole, immutable, int_or_percent, label_selector, matches, non_negative, one_of, present

RBAC_GROUP = "rbac.authorization.k8s.io"
USER_PRIORITY_MAX = 1_000_000_000
_SYSTEM_PRIORITIES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
_METRICS = {"ContainerResource": "containerResource", "External": "external", "Object": "object", "Pods": "pods", "Resource": "resource"}
_SCALING_PERIOD_S_MAX, _STABILIZATION_S_MAX = 1800, 3600
_CSR_SECONDS_MIN = 600
_USAGES = (
    "any", "cert sign", "client auth", "code signing", "content commitment", "crl sign", "data encipherment", "decipher only",
    "digital signature", "email protection", "encipher only", "ipsec end system", "ipsec tunnel", "ipsec user", "key agreement",
    "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime", "server auth", "signing", "timestamping",
)


def role(causes: Causes, obj: Role) -> None:
    for index, rule in enumerate(obj.rules):
        _rule(causes, f"rules[{index}]", rule, namespaced=True)


def cluster_role(causes: Causes, obj: ClusterRole) -> None:
    for index, rule in enumerate(obj.rules):
        _rule(causes, f"rules[{index}]", rule, namespaced=False)
    if obj.aggregation_rule is not None:
        selectors = obj.aggregation_rule.cluster_role_selectors
        if not selectors:
            causes.append(required("aggregationRule.clusterRoleSelectors",
                                   "at least one clusterRoleSelector required if aggregationRule is non-nil"))
        for index, selector in enumerate(selectors):
            label_selector(causes, f"aggregationRule.clusterRoleSelectors[{index}]", selector)


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
    _role_ref(causes, obj.role_ref or RoleRef(), ("ClusterRole", "Role"))
    for index, subject in enumerate(obj.subjects):
        _subject(causes, f"subjects[{index}]", subject, namespaced=True)


def cluster_role_binding(causes: Causes, obj: ClusterRoleBinding) -> None:
    _role_ref(causes, obj.role_ref or RoleRef(), ("ClusterRole",))
    for index, subject in enumerate(obj.subjects):
        _subject(causes, f"subjects[{index}]", subject, namespaced=False)


def _role_ref(causes: Causes, reference: RoleRef, kinds: tuple[str, ...]) -> None:
    if reference.api_group != RBAC_GROUP:
        causes.append(not_supported("roleRef.apiGroup", reference.api_group, (RBAC_GROUP,)))
    if reference.kind not in kinds:
        causes.append(not_supported("roleRef.kind", reference.kind, kinds))
    present(causes, "roleRef.name", reference.name, syntax.path_segment)


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
        if subject.api_group != RBAC_GROUP:
            causes.append(not_supported(f"{path}.apiGroup", subject.api_group, (RBAC_GROUP,)))
    else:
        causes.append(not_supported(f"{path}.kind", subject.kind, ("ServiceAccount", "User", "Group")))


def update_role_binding(causes: Causes, new: RoleBinding, old: RoleBinding) -> None:
    if new.role_ref != old.role_ref:
        causes.append(invalid("roleRef", new.role_ref, "cannot change roleRef"))
    role_binding(causes, new)


def update_cluster_role_binding(causes: Causes, new: ClusterRoleBinding, old: ClusterRoleBinding) -> None:
    if new.role_ref != old.role_ref:
        causes.append(invalid("roleRef", new.role_ref, "cannot change roleRef"))
    cluster_role_binding(causes, new)


def autoscaler(causes: Causes, obj: autoscaling_v2.HorizontalPodAutoscaler) -> None:
    spec = obj.spec
    _scale_bounds(causes, spec.min_replicas, spec.max_replicas)
    target = spec.scale_target_ref or autoscaling_v2.CrossVersionObjectReference()
    present(causes, "spec.scaleTargetRef.kind", target.kind, syntax.path_segment)
    present(causes, "spec.scaleTargetRef.name", target.name, syntax.path_segment)
    for index, metric in enumerate(spec.metrics):
        _metric(causes, f"spec.metrics[{index}]", metric)
    if spec.behavior is not None:
        for rules, wire in ((spec.behavior.scale_up, "scaleUp"), (spec.behavior.scale_down, "scaleDown")):
            if rules is not None:
                _scaling(causes, f"spec.behavior.{wire}", rules)


def _scale_bounds(causes: Causes, low: int | None, high: int | None) -> None:
    if low is not None and low < 1:
        causes.append(invalid("spec.minReplicas", low, "must be greater than or equal to 1"))
    if (high or 0) < 1:
        causes.append(invalid("spec.maxReplicas", high or 0, "must be greater than 0"))
    if low is not None and (high or 0) < low:
        causes.append(invalid("spec.maxReplicas", high or 0, "must be greater than or equal to `minReplicas`"))


def autoscaler_v1(causes: Causes, obj: autoscaling_v1.HorizontalPodAutoscaler) -> None:
    spec = obj.spec
    _scale_bounds(causes, spec.min_replicas, spec.max_replicas)
    target = spec.scale_target_ref or autoscaling_v1.CrossVersionObjectReference()
    present(causes, "spec.scaleTargetRef.kind", target.kind, syntax.path_segment)
    present(causes, "spec.scaleTargetRef.name", target.name, syntax.path_segment)


def _metric(causes: Causes, path: str, metric: MetricSpec) -> None:
    if metric.type not in _METRICS:
        causes.append(not_supported(f"{path}.type", metric.type, _METRICS) if metric.type else
                      required(f"{path}.type", "must specify a metric source type"))
        return
    field = {"ContainerResource": metric.container_resource, "External": metric.external, "Object": metric.object, "Pods": metric.pods,
             "Resource": metric.resource}[metric.type]
    where = f"{path}.{_METRICS[metric.type]}"
    if field is None:
        causes.append(required(where, "must populate the given metric source"))
        return
    if isinstance(field, autoscaling_v2.ResourceMetricSource | autoscaling_v2.ContainerResourceMetricSource) and not field.name:
        causes.append(required(f"{where}.name", "must specify a resource name"))
    if isinstance(field, autoscaling_v2.ContainerResourceMetricSource):
        present(causes, f"{where}.container", field.container, syntax.dns_label)
    if isinstance(field, autoscaling_v2.PodsMetricSource | autoscaling_v2.ObjectMetricSource | autoscaling_v2.ExternalMetricSource):
        present(causes, f"{where}.metric.name", field.metric.name if field.metric is not None else "", syntax.path_segment)
    _target(causes, f"{where}.target", field.target or MetricTarget(), metric.type)


def _target(causes: Causes, path: str, target: MetricTarget, kind: str) -> None:
    one_of(causes, f"{path}.type", target.type, ("AverageValue", "Utilization", "Value"))
    if target.average_utilization is not None and target.average_utilization < 1:
        causes.append(invalid(f"{path}.averageUtilization", target.average_utilization, "must be greater than 0"))
    for amount, wire in ((target.value, "value"), (target.average_value, "averageValue")):
        if amount is not None and nano_value(amount) <= 0:
            causes.append(invalid(f"{path}.{wire}", str(amount), "must be positive"))
    if kind in ("Resource", "ContainerResource"):
        if target.average_utilization is None and target.average_value is None:
            causes.append(required(f"{path}.averageUtilization", "must set either a target raw value or a target utilization"))
        if target.average_utilization is not None and target.average_value is not None:
            causes.append(forbidden(f"{path}.averageValue", "may not set both a target raw value and a target utilization"))
    elif kind == "Pods":
        if target.average_value is None:
            causes.append(required(f"{path}.averageValue", "must specify a positive target averageValue"))
    elif target.value is None and target.average_value is None:
        causes.append(required(f"{path}.averageValue", "must set either a target value for metric or a per-pod target"))


def _scaling(causes: Causes, path: str, rules: HPAScalingRules) -> None:
    window = rules.stabilization_window_seconds
    non_negative(causes, f"{path}.stabilizationWindowSeconds", window)
    if (window or 0) > _STABILIZATION_S_MAX:
        causes.append(invalid(f"{path}.stabilizationWindowSeconds", window, f"must be less than or equal to {_STABILIZATION_S_MAX}"))
    if rules.select_policy is not None and rules.select_policy not in ("Disabled", "Max", "Min"):
        causes.append(not_supported(f"{path}.selectPolicy", rules.select_policy, ("Disabled", "Max", "Min")))
    if not rules.policies:
        causes.append(required(f"{path}.policies", "must specify at least one Policy"))
    for index, policy in enumerate(rules.policies):
        where = f"{path}.policies[{index}]"
        if policy.type not in ("Percent", "Pods"):
            causes.append(not_supported(f"{where}.type", policy.type, ("Percent", "Pods")))
        if (policy.value or 0) <= 0:
            causes.append(invalid(f"{where}.value", policy.value or 0, "must be greater than zero"))
        if (policy.period_seconds or 0) <= 0:
            causes.append(invalid(f"{where}.periodSeconds", policy.period_seconds or 0, "must be greater than zero"))
        elif (policy.period_seconds or 0) > _SCALING_PERIOD_S_MAX:
            causes.append(invalid(f"{where}.periodSeconds", policy.period_seconds,
                                  f"must be less than or equal to {_SCALING_PERIOD_S_MAX}"))


def disruption_budget(causes: Causes, obj: PodDisruptionBudget) -> None:
    spec = obj.spec
    if spec.min_available is not None and spec.max_unavailable is not None:
        causes.append(invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"))
    for value, wire in ((spec.min_available, "minAvailable"), (spec.max_unavailable, "maxUnavailable")):
        if value is not None:
            int_or_percent(causes, f"spec.{wire}", value)
            at_most_whole(causes, f"spec.{wire}", value)
    label_selector(causes, "spec.selector", spec.selector)
    policy = spec.unhealthy_pod_eviction_policy
    if policy is not None and policy not in ("AlwaysAllow", "IfHealthyBudget"):
        causes.append(not_supported("spec.unhealthyPodEvictionPolicy", policy, ("AlwaysAllow", "IfHealthyBudget")))


def priority_class(causes: Causes, obj: PriorityClass) -> None:
    name, value = obj.metadata.name, obj.value or 0
    if name.startswith("system-"):
        if _SYSTEM_PRIORITIES.get(name) != value:
            causes.append(forbidden("metadata.name", "priority class names with 'system-' prefix are reserved for system use only. error: "
                                                     f"{name} is not a known system priority class"))
    elif value > USER_PRIORITY_MAX:
        causes.append(forbidden("value", f"maximum allowed value of a user defined priority is {USER_PRIORITY_MAX}"))
    if obj.preemption_policy is not None:
        one_of(causes, "preemptionPolicy", obj.preemption_policy, ("Never", "PreemptLowerPriority"))


def update_priority_class(causes: Causes, new: PriorityClass, old: PriorityClass) -> None:
    if (new.value or 0) != (old.value or 0):
        causes.append(forbidden("value", "may not be changed in an update."))
    immutable(causes, "preemptionPolicy", new.preemption_policy, old.preemption_policy)


def lease(causes: Causes, obj: Lease) -> None:
    spec = obj.spec
    if spec.lease_duration_seconds is not None and spec.lease_duration_seconds <= 0:
        causes.append(invalid("spec.leaseDurationSeconds", spec.lease_duration_seconds, "must be greater than 0"))
    non_negative(causes, "spec.leaseTransitions", spec.lease_transitions)
    if spec.preferred_holder and not spec.strategy:
        causes.append(forbidden("spec.preferredHolder", "may only be specified when `strategy` is defined"))


def signing_request(causes: Causes, obj: CertificateSigningRequest) -> None:
    spec = obj.spec
    if not spec.request:
        causes.append(invalid("spec.request", "", "PEM block type must be CERTIFICATE REQUEST"))
    elif b"-----BEGIN CERTIFICATE REQUEST-----" not in spec.request and b"-----BEGIN NEW CERTIFICATE REQUEST-----" not in spec.request:
        causes.append(invalid("spec.request", spec.request, "PEM block type must be CERTIFICATE REQUEST"))
    if not spec.usages:
        causes.append(required("spec.usages", "usages must be specified"))
    for index, usage in enumerate(spec.usages):
        if usage not in _USAGES:
            causes.append(not_supported(f"spec.usages[{index}]", usage, _USAGES))
        if usage in spec.usages[:index]:
            causes.append(invalid(f"spec.usages[{index}]", usage, "duplicate"))
    domain, slash, path = spec.signer_name.partition("/")
    if not spec.signer_name:
        causes.append(required("spec.signerName"))
    elif not slash or not path:
        causes.append(invalid("spec.signerName", spec.signer_name, "must be a fully qualified domain and path of the form "
                                                                   "'example.com/signer-name'"))
    else:
        matches(causes, "spec.signerName", domain, syntax.dns_subdomain)
    if spec.expiration_seconds is not None and spec.expiration_seconds < _CSR_SECONDS_MIN:
        causes.append(invalid("spec.expirationSeconds", spec.expiration_seconds, "may not specify a duration less than 600 seconds "
                                                                                 "(10 minutes)"))


def update_signing_request(causes: Causes, new: CertificateSigningRequest, old: CertificateSigningRequest) -> None:
    """The request stays as it was made; approval and certificate have subresources of their own."""
    if new.spec != old.spec:
        causes.append(invalid("spec", new.spec, IMMUTABLE))


def runtime_class(causes: Causes, obj: RuntimeClass) -> None:
    present(causes, "handler", obj.handler, syntax.dns_label)
    if obj.overhead is not None:
        resources.resource_list(causes, "overhead.podFixed", obj.overhead.pod_fixed)
    if obj.scheduling is not None:
        scheduling.tolerations(causes, "scheduling.tolerations", obj.scheduling.tolerations)


def update_runtime_class(causes: Causes, new: RuntimeClass, old: RuntimeClass) -> None:
    immutable(causes, "handler", new.handler, old.handler)


def flow_schema(causes: Causes, obj: FlowSchema) -> None:
    spec = obj.spec
    precedence = spec.matching_precedence or 0
    if not 1 <= precedence <= 10000:
        causes.append(invalid("spec.matchingPrecedence", precedence, syntax.in_range(1, 10000)))
    elif precedence == 1 and obj.metadata.name != "exempt":
        causes.append(invalid("spec.matchingPrecedence", precedence, "only the schema named 'exempt' may have matchingPrecedence 1"))
    if spec.distinguisher_method is not None and spec.distinguisher_method.type not in ("ByNamespace", "ByUser"):
        causes.append(not_supported("spec.distinguisherMethod.type", spec.distinguisher_method.type, ("ByNamespace", "ByUser")))
    level = spec.priority_level_configuration
    if level is None or not level.name:
        causes.append(required("spec.priorityLevelConfiguration.name", "must reference a priority level"))
    else:
        matches(causes, "spec.priorityLevelConfiguration.name", level.name, syntax.dns_subdomain)
    for index, rule in enumerate(spec.rules):
        if not rule.subjects:
            causes.append(required(f"spec.rules[{index}].subjects", "subjects must contain at least one value"))
        if not rule.resource_rules and not rule.non_resource_rules:
            causes.append(required(f"spec.rules[{index}]", "at least one of resourceRules and nonResourceRules has to be non-empty"))


def priority_level(causes: Causes, obj: PriorityLevelConfiguration) -> None:
    spec = obj.spec
    one_of(causes, "spec.type", spec.type, ("Exempt", "Limited"))
    if spec.type == "Exempt" and spec.limited is not None:
        causes.append(forbidden("spec.limited", "must be nil if the type is not Limited"))
    if spec.type == "Limited":
        if spec.exempt is not None:
            causes.append(forbidden("spec.exempt", "must be nil if the type is Limited"))
        if spec.limited is None:
            causes.append(required("spec.limited", "must not be empty when type is Limited"))
        elif (spec.limited.nominal_concurrency_shares or 0) < 0:
            causes.append(invalid("spec.limited.nominalConcurrencyShares", spec.limited.nominal_concurrency_shares,
                                  "must be a non-negative integer"))


def event(causes: Causes, obj: events_v1.Event) -> None:
    if not obj.event_time:
        causes.append(required("eventTime"))
    core.strict_event(causes, obj.reporting_controller, obj.reporting_instance, obj.action, obj.reason, obj.note, obj.type,
                      ("reportingController", "note"))
