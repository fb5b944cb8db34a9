"""Printers of RBAC, autoscalers, disruption budgets, priorities, leases, certificates, webhooks and the like.

Source: pkg/printers/internalversion/printers.go; kube-aggregator's pkg/registry/apiservice/etcd
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from minikube_py.apis import (
    admissionregistration_v1,
    apiregistration_v1,
    autoscaling_v1,
    autoscaling_v2,
    certificates_v1,
    coordination_v1,
    flowcontrol_v1,
    meta_v1,
    node_v1,
    policy_v1,
    rbac_v1,
    resource_v1,
    scheduling_v1,
)

from ..hpa_conversion import hpa_v1_to_v2
from .core import CREATED, NAMED
from .form import AGE, NAME, NONE, UNKNOWN, UNSET, Column, Printer, age, duration, integers, joined, strings, wide

_METRICS_SHOWN = 2


def _binding(obj: rbac_v1.RoleBinding | rbac_v1.ClusterRoleBinding, now: datetime) -> list[Any]:
    by_kind: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for subject in obj.subjects:
        name = f"{subject.namespace}/{subject.name}" if subject.kind == "ServiceAccount" else subject.name
        by_kind.setdefault(subject.kind, []).append(name)
    role = f"{obj.role_ref.kind}/{obj.role_ref.name}"
    return [obj.metadata.name, role, age(obj, now), joined(by_kind["User"]), joined(by_kind["Group"]), joined(by_kind["ServiceAccount"])]


def _current(statuses: list[autoscaling_v2.MetricStatus], index: int, kind: str) -> autoscaling_v2.MetricValueStatus | None:
    status = statuses[index] if index < len(statuses) else None
    part = getattr(status, kind, None)
    current: autoscaling_v2.MetricValueStatus | None = getattr(part, "current", None)
    return current


def _metric(spec: autoscaling_v2.MetricSpec, statuses: list[autoscaling_v2.MetricStatus], index: int) -> str:
    kind = {"ContainerResource": "container_resource"}.get(spec.type, spec.type.lower())
    source = getattr(spec, kind, None)
    if source is None:
        return "<unknown type>"
    target, current = source.target, _current(statuses, index, kind)
    prefix = f"{source.name}: " if spec.type in ("Resource", "ContainerResource") else ""
    if prefix and target.average_value is None:
        have = f"{current.average_utilization}%" if current is not None and current.average_utilization is not None else UNKNOWN
        return f"{prefix}{have}/{'<auto>' if target.average_utilization is None else f'{target.average_utilization}%'}"
    is_average, may_be_either = spec.type == "Pods" or target.average_value is not None, spec.type in ("External", "Object")
    wanted, now = _amount(target, is_average), UNKNOWN
    if current is not None and (current.average_value is not None or not (is_average and may_be_either)):
        now = _amount(current, is_average)
    return f"{prefix}{now}/{wanted}{' (avg)' if is_average and may_be_either else ''}"


def _amount(part: autoscaling_v2.MetricTarget | autoscaling_v2.MetricValueStatus, is_average: bool) -> str:
    """A quantity as Go prints the pointer to it."""
    amount = part.average_value if is_average else part.value
    return "<nil>" if amount is None else str(amount)


def _autoscaler(obj: autoscaling_v1.HorizontalPodAutoscaler | autoscaling_v2.HorizontalPodAutoscaler, now: datetime) -> list[Any]:
    """The same for both versions."""
    if isinstance(obj, autoscaling_v1.HorizontalPodAutoscaler):
        obj = hpa_v1_to_v2(obj)
    spec, status = obj.spec, obj.status
    metrics = [_metric(metric, status.current_metrics or [], index) for index, metric in enumerate(spec.metrics)]
    targets = joined(metrics[:_METRICS_SHOWN]) or NONE
    if len(metrics) > _METRICS_SHOWN:
        targets += f" + {len(metrics) - _METRICS_SHOWN} more..."
    target = spec.scale_target_ref
    return [
        obj.metadata.name, f"{target.kind}/{target.name}", targets,
        UNSET if spec.min_replicas is None else str(spec.min_replicas), spec.max_replicas, status.current_replicas, age(obj, now),
    ]


def _budget(obj: policy_v1.PodDisruptionBudget, now: datetime) -> list[Any]:
    low, high = obj.spec.min_available, obj.spec.max_unavailable
    return [
        obj.metadata.name, "N/A" if low is None else str(low), "N/A" if high is None else str(high), obj.status.disruptions_allowed,
        age(obj, now),
    ]


def _priority_class(obj: scheduling_v1.PriorityClass, now: datetime) -> list[Any]:
    return [obj.metadata.name, obj.value or 0, bool(obj.global_default), age(obj, now), obj.preemption_policy or ""]


def _lease(obj: coordination_v1.Lease, now: datetime) -> list[Any]:
    return [obj.metadata.name, obj.spec.holder_identity or "", age(obj, now)]


def signing_request_state(obj: certificates_v1.CertificateSigningRequest) -> str:
    kinds = {condition.type for condition in obj.status.conditions}
    words = ["Denied" if "Denied" in kinds else "Approved" if "Approved" in kinds else "Pending"]
    if "Failed" in kinds:
        words.append("Failed")
    if obj.status.certificate:
        words.append("Issued")
    return ",".join(words)


def _signing_request(obj: certificates_v1.CertificateSigningRequest, now: datetime) -> list[Any]:
    spec = obj.spec
    asked = duration(spec.expiration_seconds) if spec.expiration_seconds is not None else NONE
    return [obj.metadata.name, age(obj, now), spec.signer_name or NONE, spec.username, asked, signing_request_state(obj)]


def _runtime_class(obj: node_v1.RuntimeClass, now: datetime) -> list[Any]:
    return [obj.metadata.name, obj.handler, age(obj, now)]


def _flow_schema(obj: flowcontrol_v1.FlowSchema, now: datetime) -> list[Any]:
    spec = obj.spec
    method = spec.distinguisher_method.type if spec.distinguisher_method is not None else NONE
    missing = next((c.status for c in obj.status.conditions if c.type == "Dangling"), "?")
    level = spec.priority_level_configuration.name
    return [obj.metadata.name, level, spec.matching_precedence, method, age(obj, now), missing]


def _priority_level(obj: flowcontrol_v1.PriorityLevelConfiguration, now: datetime) -> list[Any]:
    spec = obj.spec
    shares: Any = NONE
    queues: list[Any] = [NONE, NONE, NONE]
    if spec.limited is not None:
        shares = spec.limited.nominal_concurrency_shares or 0
        queuing = spec.limited.limit_response.queuing
        if queuing is not None:
            queues = [queuing.queues, queuing.hand_size, queuing.queue_length_limit]
    return [obj.metadata.name, spec.type, shares, *queues, age(obj, now)]


def _webhooks(
    obj: admissionregistration_v1.ValidatingWebhookConfiguration | admissionregistration_v1.MutatingWebhookConfiguration, now: datetime
) -> list[Any]:
    return [obj.metadata.name, len(obj.webhooks), age(obj, now)]


def _param_kind(kind: admissionregistration_v1.ParamKind | None) -> str:
    return f"{kind.api_version}/{kind.kind}" if kind is not None else UNSET


def _validating_policy(obj: admissionregistration_v1.ValidatingAdmissionPolicy, now: datetime) -> list[Any]:
    return [obj.metadata.name, len(obj.spec.validations), _param_kind(obj.spec.param_kind), age(obj, now)]


def _mutating_policy(obj: admissionregistration_v1.MutatingAdmissionPolicy, now: datetime) -> list[Any]:
    return [obj.metadata.name, len(obj.spec.mutations), _param_kind(obj.spec.param_kind), age(obj, now)]


def _policy_binding(
    obj: admissionregistration_v1.ValidatingAdmissionPolicyBinding | admissionregistration_v1.MutatingAdmissionPolicyBinding, now: datetime
) -> list[Any]:
    reference, text = obj.spec.param_ref, UNSET
    if reference is not None and reference.name:
        text = f"{reference.namespace or '*'}/{reference.name}"
    elif reference is not None and reference.selector is not None:
        text = _go_selector(reference.selector)
    return [obj.metadata.name, obj.spec.policy_name, text, age(obj, now)]


def _go_selector(item: meta_v1.LabelSelector) -> str:
    """A label selector as Go prints the struct."""
    labels = "".join(f"{name}: {value}," for name, value in sorted(item.match_labels.items()))
    rules = "".join(
        f"LabelSelectorRequirement{{Key:{rule.key},Operator:{rule.operator},Values:[{' '.join(rule.values)}],}},"
        for rule in item.match_expressions
    )
    return f"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},MatchExpressions:[]LabelSelectorRequirement{{{rules}}},}}"


def _api_service(obj: apiregistration_v1.APIService, now: datetime) -> list[Any]:
    service = obj.spec.service
    available = next((c for c in obj.status.conditions if c.type == "Available"), None)
    state = "Unknown"
    if available is not None:
        told = available.status != "True" and available.reason
        state = f"{available.status} ({available.reason})" if told else available.status
    return [obj.metadata.name, f"{service.namespace}/{service.name}" if service is not None else "Local", state, age(obj, now)]


def _resource_claim(obj: resource_v1.ResourceClaim, now: datetime) -> list[Any]:
    states = []
    if obj.metadata.deletion_timestamp:
        states.append("deleted")
    if obj.status.allocation is None:
        states += [] if states else ["pending"]
    else:
        states.append("allocated")
        if obj.status.reserved_for:
            states.append("reserved")
    return [obj.metadata.name, ",".join(states), age(obj, now)]


def _resource_slice(obj: resource_v1.ResourceSlice, now: datetime) -> list[Any]:
    spec = obj.spec
    return [obj.metadata.name, spec.node_name or "", spec.driver, spec.pool.name, age(obj, now)]


_BINDING = Printer((NAME, Column("Role"), AGE, *wide("Users", "Groups", "ServiceAccounts")), _binding)
_HPA = (NAME, *strings("Reference", "Targets", "MinPods", "MaxPods", "Replicas"), AGE)
_WEBHOOKS = Printer((NAME, Column("Webhooks", "integer"), AGE), _webhooks)
_POLICY_BINDING = Printer((NAME, *strings("PolicyName", "ParamRef"), AGE), _policy_binding)

KINDS: dict[str, Printer] = {
    "roles.rbac.authorization.k8s.io": CREATED,
    "clusterroles.rbac.authorization.k8s.io": CREATED,
    "rolebindings.rbac.authorization.k8s.io": _BINDING,
    "clusterrolebindings.rbac.authorization.k8s.io": _BINDING,
    "horizontalpodautoscalers.autoscaling": Printer(_HPA, _autoscaler),
    "poddisruptionbudgets.policy": Printer(
        (NAME, *strings("Min Available", "Max Unavailable"), *integers("Allowed Disruptions"), AGE), _budget
    ),
    "priorityclasses.scheduling.k8s.io": Printer(
        (NAME, Column("Value", "integer"), Column("Global-Default", "boolean"), AGE, Column("PreemptionPolicy")), _priority_class
    ),
    "leases.coordination.k8s.io": Printer((NAME, Column("Holder"), AGE), _lease),
    "certificatesigningrequests.certificates.k8s.io": Printer(
        (NAME, AGE, *strings("SignerName", "Requestor", "RequestedDuration", "Condition")), _signing_request
    ),
    "runtimeclasses.node.k8s.io": Printer((NAME, Column("Handler"), AGE), _runtime_class),
    "flowschemas.flowcontrol.apiserver.k8s.io": Printer(
        (NAME, *strings("PriorityLevel", "MatchingPrecedence", "DistinguisherMethod"), AGE, Column("MissingPL")), _flow_schema,
        order=lambda obj: (obj.spec.matching_precedence, obj.metadata.name),
    ),
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": Printer(
        (NAME, *strings("Type", "NominalConcurrencyShares", "Queues", "HandSize", "QueueLengthLimit"), AGE), _priority_level
    ),
    "validatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOKS,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOKS,
    "validatingadmissionpolicies.admissionregistration.k8s.io": Printer(
        (NAME, Column("Validations", "integer"), Column("ParamKind"), AGE), _validating_policy
    ),
    "mutatingadmissionpolicies.admissionregistration.k8s.io": Printer(
        (NAME, Column("Mutations", "integer"), Column("ParamKind"), AGE), _mutating_policy
    ),
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": _POLICY_BINDING,
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io": _POLICY_BINDING,
    "apiservices.apiregistration.k8s.io": Printer((NAME, *strings("Service", "Available"), AGE), _api_service),
    "customresourcedefinitions.apiextensions.k8s.io": CREATED,
    "deviceclasses.resource.k8s.io": NAMED,
    "resourceclaimtemplates.resource.k8s.io": NAMED,
    "resourceclaims.resource.k8s.io": Printer((NAME, Column("State"), AGE), _resource_claim),
    "resourceslices.resource.k8s.io": Printer((NAME, *strings("Node", "Driver", "Pool"), AGE), _resource_slice),
}
