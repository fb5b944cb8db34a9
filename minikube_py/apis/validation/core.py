"""Rules of the core group other than pods, services and storage.

Source: pkg/apis/core/validation/validation.go, events.go
"""

from __future__ import annotations

import msgspec

from .. import syntax
from ..core_v1 import (
    Binding,
    ConfigMap,
    Event,
    LimitRange,
    LimitRangeItem,
    Namespace,
    Node,
    ReplicationController,
    ReplicationControllerSpec,
    ResourceQuota,
    Secret,
)
from ..labels import from_labels
from ..object import Quantity
from ..quantity import nano_value
from . import resources, scheduling
from .causes import IMMUTABLE, Causes, duplicate, forbidden, invalid, not_supported, required, too_long
from .common import cidr, ip_address, labels, matches, non_negative, one_of
from .pods import template_spec

DATA_BYTES_MAX = 1024 * 1024
_BASIC_AUTH, _SSH_AUTH = ("username", "password"), "ssh-privatekey"
_QUOTA_SCOPES = ("BestEffort", "CrossNamespacePodAffinity", "NotBestEffort", "NotTerminating", "PriorityClass", "Terminating",
                 "VolumeAttributesClass")
_QUOTA_SCOPES_WITH_VALUES = ("PriorityClass", "VolumeAttributesClass")
_REASON_BYTES_MAX, _NOTE_BYTES_MAX, _CONTROLLER_BYTES_MAX = 128, 1024, 128


def config_map(causes: Causes, obj: ConfigMap) -> None:
    size = 0
    for key, text in obj.data.items():
        for complaint in syntax.config_map_key(key):
            causes.append(invalid(f"data[{key}]", key, complaint))
        if key in obj.binary_data:
            causes.append(invalid(f"data[{key}]", key, "duplicate of key present in binaryData"))
        size += len(text)
    for key, value in obj.binary_data.items():
        for complaint in syntax.config_map_key(key):
            causes.append(invalid(f"binaryData[{key}]", key, complaint))
        size += len(value)
    if size > DATA_BYTES_MAX // 4:  # a character has at most four bytes
        size = sum(len(text.encode()) for text in obj.data.values()) + sum(map(len, obj.binary_data.values()))
        if size > DATA_BYTES_MAX:
            causes.append(too_long("", DATA_BYTES_MAX))


def update_config_map(causes: Causes, new: ConfigMap, old: ConfigMap) -> None:
    if old.immutable:
        if not new.immutable:
            causes.append(forbidden("immutable", "field is immutable when `immutable` is set"))
        if new.data != old.data:
            causes.append(forbidden("data", "field is immutable when `immutable` is set"))
        if new.binary_data != old.binary_data:
            causes.append(forbidden("binaryData", "field is immutable when `immutable` is set"))
    config_map(causes, new)


def secret(causes: Causes, obj: Secret) -> None:
    size = 0
    for key, value in obj.data.items():
        for complaint in syntax.config_map_key(key):
            causes.append(invalid(f"data[{key}]", key, complaint))
        size += len(value)
    if size > DATA_BYTES_MAX:
        causes.append(too_long("data", DATA_BYTES_MAX))
    kind = obj.type
    if kind == "kubernetes.io/service-account-token":
        if not obj.metadata.annotations.get("kubernetes.io/service-account.name"):
            causes.append(required("metadata.annotations[kubernetes.io/service-account.name]"))
    elif kind in ("kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"):
        key = ".dockerconfigjson" if kind.endswith("json") else ".dockercfg"
        _json_key(causes, obj, key)
    elif kind == "kubernetes.io/basic-auth":
        if not any(key in obj.data for key in _BASIC_AUTH):
            causes += [required(f"data[{key}]") for key in _BASIC_AUTH]
    elif kind == "kubernetes.io/ssh-auth":
        if not obj.data.get(_SSH_AUTH):
            causes.append(required(f"data[{_SSH_AUTH}]"))
    elif kind == "kubernetes.io/tls":
        causes += [required(f"data[{key}]") for key in ("tls.crt", "tls.key") if key not in obj.data]


def _json_key(causes: Causes, obj: Secret, key: str) -> None:
    if key not in obj.data:
        causes.append(required(f"data[{key}]"))
        return
    try:
        msgspec.json.decode(obj.data[key], type=dict)
    except msgspec.MsgspecError as error:
        causes.append(invalid(f"data[{key}]", "<secret contents redacted>", str(error)))


def update_secret(causes: Causes, new: Secret, old: Secret) -> None:
    if new.type != old.type:
        causes.append(invalid("type", new.type, IMMUTABLE))
    if old.immutable:
        if not new.immutable:
            causes.append(forbidden("immutable", "field is immutable when `immutable` is set"))
        if new.data != old.data:
            causes.append(forbidden("data", "field is immutable when `immutable` is set"))
    secret(causes, new)


def namespace(causes: Causes, obj: Namespace) -> None:
    for finalizer in obj.spec.finalizers:
        if "/" not in finalizer and finalizer != "kubernetes":
            causes.append(invalid("spec.finalizers", finalizer, "name is neither a standard finalizer name nor is it fully qualified"))
        matches(causes, "spec.finalizers", finalizer, syntax.label_key)


def node(causes: Causes, obj: Node) -> None:
    if obj.spec.taints:
        scheduling.taints(causes, "spec.taints", obj.spec.taints)
    for index, network in enumerate(obj.spec.pod_cidrs):
        cidr(causes, f"spec.podCIDRs[{index}]", network)
    if len(obj.spec.pod_cidrs) > 2:
        causes.append(invalid("spec.podCIDRs", obj.spec.pod_cidrs, "may specify no more than one CIDR for each IP family"))
    node_status(causes, obj)


def node_status(causes: Causes, obj: Node) -> None:
    status = obj.status
    for wire, amounts in (("capacity", status.capacity), ("allocatable", status.allocatable)):
        for name, amount in amounts.items():
            resources.amount(causes, f"status.{wire}.{name}", name, amount)
    seen: set[tuple[str, str]] = set()
    for index, address in enumerate(status.addresses):
        if (address.type, address.address) in seen:
            causes.append(duplicate(f"status.addresses[{index}]", address))
        seen.add((address.type, address.address))
        if address.type in ("InternalIP", "ExternalIP"):
            ip_address(causes, f"status.addresses[{index}].address", address.address)


def update_node_status(causes: Causes, new: Node, old: Node) -> None:
    node_status(causes, new)


def update_node(causes: Causes, new: Node, old: Node) -> None:
    own, was = new.spec, old.spec
    if was.pod_cidrs and own.pod_cidrs != was.pod_cidrs:
        causes.append(forbidden("spec.podCIDRs", "node updates may not change podCIDR except from \"\" to valid"))
    if was.provider_id and own.provider_id != was.provider_id:
        causes.append(forbidden("spec.providerID", "node updates may not change providerID except from \"\" to valid"))
    node(causes, new)


def limit_range(causes: Causes, obj: LimitRange) -> None:
    types: set[str] = set()
    for index, item in enumerate(obj.spec.limits):
        where = f"spec.limits[{index}]"
        if item.type not in ("Container", "PersistentVolumeClaim", "Pod"):
            matches(causes, f"{where}.type", item.type, syntax.label_key)
            if "/" not in item.type:
                causes.append(invalid(f"{where}.type", item.type, "must be a standard limit type or fully qualified"))
        if item.type in types:
            causes.append(duplicate(f"{where}.type", item.type))
        types.add(item.type)
        _limits(causes, where, item)


def _limits(causes: Causes, path: str, item: LimitRangeItem) -> None:
    if item.type == "Pod":
        for amounts, wire in ((item.default, "default"), (item.default_request, "defaultRequest")):
            if amounts:
                causes.append(forbidden(f"{path}.{wire}", "may not be specified when `type` is 'Pod'"))
    if item.type == "PersistentVolumeClaim" and "storage" not in item.min and "storage" not in item.max:
        causes.append(required(f"{path}.limits", "either minimum or maximum storage value is required, but neither was provided"))
    for wire, amounts in (("max", item.max), ("min", item.min), ("default", item.default), ("defaultRequest", item.default_request)):
        for name in amounts:
            resources.resource_name(causes, f"{path}.{wire}[{name}]", name)
    _not_above(causes, f"{path}.min", "min", item.min, "max", item.max)
    _not_above(causes, f"{path}.defaultRequest", "min", item.min, "default request", item.default_request, bad_is_first=False)
    _not_above(causes, f"{path}.defaultRequest", "default request", item.default_request, "max", item.max)
    _not_above(causes, f"{path}.defaultRequest", "default request", item.default_request, "default", item.default)
    _not_above(causes, f"{path}.default", "default", item.default, "max", item.max)
    for name, ratio in item.max_limit_request_ratio.items():
        if nano_value(ratio) < 10**9:
            causes.append(invalid(f"{path}.maxLimitRequestRatio[{name}]", str(ratio), f"ratio {ratio} is less than 1"))


def _not_above(
    causes: Causes, path: str, low_name: str, low: dict[str, Quantity], high_name: str, high: dict[str, Quantity], *,
    bad_is_first: bool = True,
) -> None:
    for name, amount in low.items():
        bound = high.get(name)
        if bound is not None and nano_value(amount) > nano_value(bound):
            shown = amount if bad_is_first else bound
            causes.append(invalid(f"{path}[{name}]", str(shown), f"{low_name} value {amount} is greater than {high_name} value {bound}"))


def resource_quota(causes: Causes, obj: ResourceQuota) -> None:
    for wire, amounts in (("spec.hard", obj.spec.hard), ("status.hard", obj.status.hard), ("status.used", obj.status.used)):
        for name, amount in amounts.items():
            where = f"{wire}[{name}]"
            if not name.startswith("count/"):
                resources.resource_name(causes, where, name)
            resources.amount(causes, where, name, amount)
    _scopes(causes, obj)


def _scopes(causes: Causes, obj: ResourceQuota) -> None:
    for scope in obj.spec.scopes:
        if scope not in _QUOTA_SCOPES:
            causes.append(invalid("spec.scopes", obj.spec.scopes, "unsupported scope"))
    for one, other in (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating")):
        if one in obj.spec.scopes and other in obj.spec.scopes:
            causes.append(invalid("spec.scopes", obj.spec.scopes, "conflicting scopes"))
    selector = obj.spec.scope_selector
    for expression in selector.match_expressions if selector is not None else ():
        where = "spec.scopeSelector.matchExpressions"
        if expression.scope_name not in _QUOTA_SCOPES:
            causes.append(invalid(f"{where}.scopeName", expression.scope_name, "unsupported scope"))
        if expression.operator in ("In", "NotIn"):
            if not expression.values:
                causes.append(required(f"{where}.values",
                                       "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"))
        elif expression.operator in ("Exists", "DoesNotExist"):
            if expression.values:
                causes.append(invalid(f"{where}.values", expression.values,
                                      "must be no value when `operator` is 'Exists' or 'DoesNotExist' for scope selector"))
        else:
            causes.append(invalid(f"{where}.operator", expression.operator, "not a valid selector operator"))
        if expression.scope_name not in _QUOTA_SCOPES_WITH_VALUES and expression.operator != "Exists":
            causes.append(invalid(f"{where}.operator", expression.operator,
                                  f"must be 'Exist' when scope is any of {', '.join(_QUOTA_SCOPES[:6])}"))


def update_resource_quota(causes: Causes, new: ResourceQuota, old: ResourceQuota) -> None:
    if sorted(new.spec.scopes) != sorted(old.spec.scopes):
        causes.append(invalid("spec.scopes", new.spec.scopes, IMMUTABLE))
    resource_quota(causes, new)


def replication_controller(causes: Causes, obj: ReplicationController) -> None:
    spec: ReplicationControllerSpec = obj.spec
    non_negative(causes, "spec.minReadySeconds", spec.min_ready_seconds)
    if not spec.selector:
        causes.append(required("spec.selector"))
    labels(causes, "spec.selector", spec.selector)
    if spec.replicas is None:
        causes.append(required("spec.replicas"))
    non_negative(causes, "spec.replicas", spec.replicas)
    template = spec.template
    if template is None:
        causes.append(required("spec.template"))
        return
    if spec.selector and not from_labels(spec.selector).matches(template.metadata.labels):
        causes.append(invalid("spec.template.metadata.labels", template.metadata.labels, "`selector` does not match template `labels`"))
    template_spec(causes, "spec.template", template)
    if template.spec.restart_policy != "Always":
        causes.append(not_supported("spec.template.spec.restartPolicy", template.spec.restart_policy, ("Always",)))
    if template.spec.active_deadline_seconds is not None:
        causes.append(forbidden("spec.template.spec.activeDeadlineSeconds",
                                "activeDeadlineSeconds in ReplicationController is not Supported"))


def binding(causes: Causes, obj: Binding) -> None:
    target = obj.target
    if target is not None and target.kind not in ("", "Node"):
        causes.append(not_supported("target.kind", target.kind, ("Node", "<empty>")))
    if target is None or not target.name:
        causes.append(required("target.name"))


def event(causes: Causes, obj: Event) -> None:
    """Events of the old API are loose; those with an event time follow the rules of events.k8s.io."""
    about = obj.involved_object
    where = about.namespace if about is not None else ""
    if where and where != obj.metadata.namespace:
        causes.append(invalid("involvedObject.namespace", where, "does not match event.namespace"))
    if not where and obj.metadata.namespace not in ("default", "kube-system", "kube-node-lease"):
        causes.append(invalid("involvedObject.namespace", where, "does not match event.namespace"))
    if obj.event_time:
        strict_event(causes, obj.reporting_component, obj.reporting_instance, obj.action, obj.reason, obj.message, obj.type,
                     ("reportingController", "message"))


def strict_event(
    causes: Causes, controller: str, instance: str, action: str, reason: str, note: str, kind: str, wires: tuple[str, str]
) -> None:
    """The rules of events.k8s.io; `wires` names the fields of the controller and of the note."""
    if not controller:
        causes.append(required(wires[0]))
    else:
        matches(causes, wires[0], controller, syntax.label_key)
    for value, wire in ((instance, "reportingInstance"), (action, "action"), (reason, "reason")):
        if not value:
            causes.append(required(wire))
        elif len(value.encode()) > _REASON_BYTES_MAX:
            causes.append(invalid(wire, "", f"can have at most {_REASON_BYTES_MAX} characters"))
    if len(note.encode()) > _NOTE_BYTES_MAX:
        causes.append(invalid(wires[1], "", f"can have at most {_NOTE_BYTES_MAX} characters"))
    one_of(causes, "type", kind, ("Normal", "Warning"))
