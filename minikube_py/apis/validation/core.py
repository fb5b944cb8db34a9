"""Rules of the small kinds of the core group: config maps, secrets, namespaces, replication controllers, bindings and events.

Source: pkg/apis/core/validation/validation.go, pkg/apis/core/validation/events.go
"""

from __future__ import annotations

import msgspec

from .. import syntax
from ..core_v1 import Binding, ConfigMap, Event, Namespace, PodTemplateSpec, ReplicationController, Secret
from ..json_syntax import JsonSyntaxError, check_syntax
from ..labels import from_labels
from .causes import WHOLE, Causes, forbidden, invalid, not_supported, required, too_long
from .common import immutable, matches, non_negative, qualified
from .metadata import STANDARD_FINALIZERS
from .pods import template_spec

DATA_BYTES_MAX = 1024 * 1024
_FROZEN = "field is immutable when `immutable` is set"
_BASIC_AUTH, _SSH_AUTH = ("username", "password"), "ssh-privatekey"
_ACCOUNT_NAME = "kubernetes.io/service-account.name"
# By the first byte of a value; the others begin numbers.
_JSON_KINDS = {b"{": "", b"n": "", b"[": "array", b'"': "string", b"t": "bool", b"f": "bool"}
_REASON_BYTES_MAX, _NOTE_BYTES_MAX = 128, 1024


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
            causes.append(too_long(WHOLE, DATA_BYTES_MAX))


def update_config_map(causes: Causes, new: ConfigMap, old: ConfigMap) -> None:
    if old.immutable:
        if not new.immutable:
            causes.append(forbidden("immutable", _FROZEN))
        if new.data != old.data:
            causes.append(forbidden("data", _FROZEN))
        if new.binary_data != old.binary_data:
            causes.append(forbidden("binaryData", _FROZEN))
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
        if not obj.metadata.annotations.get(_ACCOUNT_NAME):
            causes.append(required(f"metadata.annotations[{_ACCOUNT_NAME}]"))
    elif kind in ("kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"):
        _json_key(causes, obj, ".dockerconfigjson" if kind.endswith("json") else ".dockercfg")
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
    if why := _why_no_map(obj.data[key]):
        causes.append(invalid(f"data[{key}]", "<secret contents redacted>", why))


def _why_no_map(text: bytes) -> str:
    """Why Go does not read a text as a map; "" if it does."""
    if _is_map(text):
        return ""
    try:
        check_syntax(text)
    except JsonSyntaxError as error:
        return str(error)
    kind = _JSON_KINDS.get(text.lstrip()[:1], "number")
    return f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}" if kind else ""


def _is_map(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=dict | None)
    except msgspec.MsgspecError:
        return False
    return True


def update_secret(causes: Causes, new: Secret, old: Secret) -> None:
    immutable(causes, "type", new.type, old.type)
    if old.immutable:
        if not new.immutable:
            causes.append(forbidden("immutable", _FROZEN))
        if new.data != old.data:
            causes.append(forbidden("data", _FROZEN))
    secret(causes, new)


def namespace(causes: Causes, obj: Namespace) -> None:
    for finalizer in obj.spec.finalizers:
        _finalizer(causes, "spec.finalizers", finalizer)


def _finalizer(causes: Causes, path: str, finalizer: str) -> None:
    qualified(causes, path, finalizer)
    if "/" not in finalizer and finalizer not in STANDARD_FINALIZERS:
        causes.append(invalid(path, finalizer, "name is neither a standard finalizer name nor is it fully qualified"))


def update_namespace_status(causes: Causes, new: Namespace, old: Namespace) -> None:
    wanted, state = ("Terminating", "not empty") if new.metadata.deletion_timestamp else ("Active", "empty")
    if new.status.phase != wanted:
        causes.append(invalid("status.Phase", new.status.phase, f"may only be '{wanted}' if `deletionTimestamp` is {state}"))


def finalize_namespace(causes: Causes, new: Namespace, old: Namespace) -> None:
    for index, finalizer in enumerate(new.spec.finalizers):
        _finalizer(causes, f"spec.finalizers[{index}]", finalizer)


def replication_controller(causes: Causes, obj: ReplicationController) -> None:
    spec = obj.spec
    if not spec.selector:
        causes.append(required("spec.selector"))
    if spec.template is None:
        causes.append(required("spec.template"))
    else:
        _controlled_template(causes, "spec.template", spec.template, spec.selector)
    if spec.replicas is None:
        causes.append(required("spec.replicas"))
    non_negative(causes, "spec.replicas", spec.replicas)
    non_negative(causes, "spec.minReadySeconds", spec.min_ready_seconds)


def _controlled_template(causes: Causes, path: str, template: PodTemplateSpec, selector: dict[str, str]) -> None:
    own = template.metadata.labels
    if selector and not from_labels(selector).matches(own):
        causes.append(invalid(f"{path}.metadata.labels", own, "`selector` does not match template `labels`"))
    template_spec(causes, path, template)
    if template.spec.restart_policy != "Always":
        causes.append(not_supported(f"{path}.spec.restartPolicy", template.spec.restart_policy, ("Always",)))
    if template.spec.active_deadline_seconds is not None:
        causes.append(forbidden(f"{path}.spec.activeDeadlineSeconds", "activeDeadlineSeconds in ReplicationController is not Supported"))


def update_replication_controller(causes: Causes, new: ReplicationController, old: ReplicationController) -> None:
    replication_controller(causes, new)


def binding(causes: Causes, obj: Binding) -> None:
    target = obj.target
    if target.kind not in ("", "Node"):
        causes.append(not_supported("target.kind", target.kind, ("Node", "<empty>")))
    if not target.name:
        causes.append(required("target.name"))


def event(causes: Causes, obj: Event, controller_wire: str = "reportingComponent") -> None:
    """Events of the old API are loose; those with an event time follow most rules of events.k8s.io.

    Args:
        controller_wire: the name of the field that says who reports, which is another in events.k8s.io.
    """
    about = obj.involved_object.namespace
    where = obj.metadata.namespace
    if about:
        agrees = bool(obj.event_time) or about == where
    else:
        agrees = where in (("default", "kube-system") if obj.event_time else ("", "default"))
    if not agrees:
        causes.append(invalid("involvedObject.namespace", about, "does not match event.namespace"))
    if obj.event_time:
        timed_event(causes, obj, controller_wire)
    matches(causes, "namespace", where, syntax.dns_subdomain)


def timed_event(causes: Causes, obj: Event, controller_wire: str) -> None:
    """What an event with an event time says of who reports what."""
    if not obj.reporting_component:
        causes.append(required(controller_wire))
    qualified(causes, controller_wire, obj.reporting_component)
    for value, wire in ((obj.reporting_instance, "reportingInstance"), (obj.action, "action"), (obj.reason, "reason")):
        if not value:
            causes.append(required(wire))
        elif len(value.encode()) > _REASON_BYTES_MAX:
            causes.append(invalid(wire, "", f"can have at most {_REASON_BYTES_MAX} characters"))
    if len(obj.message.encode()) > _NOTE_BYTES_MAX:
        causes.append(invalid("message", "", f"can have at most {_NOTE_BYTES_MAX} characters"))
