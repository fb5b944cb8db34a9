"""Field selectors ("spec.nodeName=a,status.phase!=Running") and the fields that each kind can be selected by.

Owns the grammar and the table of fields. Which selector applies to a request, and the selectable fields of custom resources, are the
caller's.

Source: staging/src/k8s.io/apimachinery/pkg/fields/selector.go; AddFieldLabelConversionFunc in pkg/apis/*/v1/conversion.go and
ToSelectableFields in pkg/registry/*/*/strategy.go
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from ..core.errors import BadRequestError
from .custom import CustomObject
from .object import Object

Extract = Callable[[Any], str]
_ESCAPED = re.compile(r"\\(.?)", re.DOTALL)
_TERM = re.compile(r"(?:\\.|[^,\\])+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FieldRequirement:
    """One condition; the operator is "=" or "!="."""

    field: str
    operator: str
    value: str


class FieldSelector:
    """The conjunction of requirements; none of them matches everything."""

    __slots__ = ("empty", "requirements")

    def __init__(self, requirements: Collection[FieldRequirement] = ()) -> None:
        self.requirements = tuple(requirements)
        self.empty = not requirements

    def matches(self, obj: Object | CustomObject | dict[str, Any]) -> bool:
        """Whether an object is selected; a field that it does not have is empty. Custom resources are plain documents."""
        if self.empty:
            return True
        if isinstance(obj, CustomObject):
            obj = {**obj.content, "metadata": {"name": obj.metadata.name, "namespace": obj.metadata.namespace}}
        if isinstance(obj, dict):
            return self.matches_fields({r.field: _document_field(obj, r.field) for r in self.requirements})
        table = _extractors(type(obj))
        for requirement in self.requirements:
            extract = table.get(requirement.field)
            value = extract(obj) if extract is not None else ""
            if (value == requirement.value) != (requirement.operator == "="):
                return False
        return True

    def matches_fields(self, fields: Mapping[str, str]) -> bool:
        """Whether an object with these fields is selected."""
        return all((fields.get(r.field, "") == r.value) == (r.operator == "=") for r in self.requirements)

    def exact(self, field: str) -> str | None:
        """The only value of `field` that this selector can match, or None if it does not fix one."""
        return next((r.value for r in self.requirements if r.field == field and r.operator == "="), None)

    def __str__(self) -> str:
        return ",".join(f"{r.field}{r.operator}{_escape(r.value)}" for r in self.requirements)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FieldSelector) and self.requirements == other.requirements

    def __hash__(self) -> int:
        return hash(self.requirements)


EVERYTHING = FieldSelector()


def _escape(value: str) -> str:
    return re.sub(r"([\\,=])", r"\\\1", value)


def _unescape(value: str) -> str:
    def plain(match: re.Match[str]) -> str:
        if match[1] not in ("\\", ",", "=") or not match[1]:
            raise BadRequestError(f"invalid field selector: invalid escape sequence: {match[0]}")
        return match[1]

    if "=" in re.sub(r"\\.", "", value):
        raise BadRequestError(f"invalid field selector: unescaped character in value: {value}")
    return _ESCAPED.sub(plain, value)


@lru_cache(4096)
def parse_field_selector(text: str) -> FieldSelector:
    """The selector that a `fieldSelector` parameter describes; "" selects everything.

    Raises: BadRequestError if it does not read. Whether the kind has the fields is `check`'s to say.
    """
    requirements = []
    for term in sorted(_TERM.findall(text)):
        match = re.fullmatch(r"(.*?)(!=|==|=)(.*)", term, re.DOTALL)
        if match is None:
            raise BadRequestError(f"invalid selector: '{text}'; can't understand '{term}'")
        field, operator, value = match.groups()
        requirements.append(FieldRequirement(field, "!=" if operator == "!=" else "=", _unescape(value)))
    return FieldSelector(requirements) if requirements else EVERYTHING


def _document_field(document: dict[str, Any], field: str) -> str:
    """A field of a plain document by its path ("spec.color"), as text."""
    value: Any = document
    for name in field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return _flag(value)
    return str(value) if isinstance(value, str | int) else ""


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _attribute(parent: str, name: str) -> Extract:
    return lambda obj: getattr(getattr(obj, parent), name, "")


_META: dict[str, Extract] = {"metadata.name": lambda o: o.metadata.name, "metadata.namespace": lambda o: o.metadata.namespace}
_REFERENCE = [
    ("kind", "kind"), ("namespace", "namespace"), ("name", "name"), ("uid", "uid"), ("apiVersion", "api_version"),
    ("resourceVersion", "resource_version"), ("fieldPath", "field_path"),
]


# module.Kind -> field -> how to read it, beyond the metadata
_FIELDS: dict[str, dict[str, Extract]] = {
    "core_v1.Pod": {
        "spec.nodeName": lambda o: o.spec.node_name,
        "spec.restartPolicy": lambda o: o.spec.restart_policy,
        "spec.schedulerName": lambda o: o.spec.scheduler_name,
        "spec.serviceAccountName": lambda o: o.spec.service_account_name,
        "spec.hostNetwork": lambda o: _flag(o.spec.host_network),
        "status.phase": lambda o: o.status.phase,
        "status.podIP": lambda o: o.status.pod_ip,
        "status.podIPs": lambda o: "",  # May be asked for, but upstream does not know it of any pod.
        "status.nominatedNodeName": lambda o: o.status.nominated_node_name,
    },
    "core_v1.Node": {"spec.unschedulable": lambda o: _flag(o.spec.unschedulable)},
    "core_v1.ReplicationController": {"status.replicas": lambda o: str(o.status.replicas)},
    "core_v1.Event": {
        **{f"involvedObject.{wire}": _attribute("involved_object", name) for wire, name in _REFERENCE},
        "reason": lambda o: o.reason,
        "reportingComponent": lambda o: o.reporting_component,
        "source": lambda o: o.source.component or o.reporting_component,
        "type": lambda o: o.type,
    },
    "events_v1.Event": {
        **{f"regarding.{wire}": _attribute("regarding", name) for wire, name in _REFERENCE},
        "reason": lambda o: o.reason,
        "reportingController": lambda o: o.reporting_controller,
        "source": lambda o: o.deprecated_source.component or o.reporting_controller,
        "type": lambda o: o.type,
    },
    "core_v1.Namespace": {"status.phase": lambda o: o.status.phase},
    "core_v1.Secret": {"type": lambda o: o.type},
    "core_v1.Service": {"spec.clusterIP": lambda o: o.spec.cluster_ip, "spec.type": lambda o: o.spec.type},
    "batch_v1.Job": {"status.successful": lambda o: str(o.status.succeeded)},
    "certificates_v1.CertificateSigningRequest": {"spec.signerName": lambda o: o.spec.signer_name},
    "resource_v1.ResourceSlice": {"spec.nodeName": lambda o: o.spec.node_name or "", "spec.driver": lambda o: o.spec.driver},
}
_CLUSTER_SCOPED = {"core_v1.Node", "core_v1.Namespace", "certificates_v1.CertificateSigningRequest", "resource_v1.ResourceSlice"}
# Fields by an older name.
_ALIASES = {("core_v1.Pod", "spec.host"): "spec.nodeName"}


def _key(struct: type[Object]) -> str:
    return f"{struct.__module__.rsplit('.', 1)[1]}.{struct.__name__}"


@cache
def _extractors(struct: type[Object]) -> dict[str, Extract]:
    key = _key(struct)
    meta = {"metadata.name": _META["metadata.name"]} if key in _CLUSTER_SCOPED else _META
    return {**meta, **_FIELDS.get(key, {})}


def check(selector: FieldSelector, struct: type[Object]) -> FieldSelector:
    """The selector with old field names replaced.

    Raises: BadRequestError if the kind cannot be selected by one of the fields.
    """
    key = _key(struct)
    fields = _extractors(struct)
    requirements = []
    for requirement in selector.requirements:
        field = _ALIASES.get((key, requirement.field), requirement.field)
        if field not in fields:
            raise BadRequestError(_unsupported(key, field))
        requirements.append(FieldRequirement(field, requirement.operator, requirement.value))
    return FieldSelector(requirements) if requirements else EVERYTHING


def check_names(selector: FieldSelector, supported: Collection[str] = ()) -> None:
    """Refuse fields other than the metadata's and `supported`, as for custom resources.

    Raises: BadRequestError naming the field.
    """
    for requirement in selector.requirements:
        if requirement.field not in _META and requirement.field not in supported:
            raise BadRequestError(_unsupported("", requirement.field))


def _unsupported(key: str, field: str) -> str:
    if key == "batch_v1.Job":
        return f'field label "{field}" not supported for Job'
    if key == "resource_v1.ResourceSlice":
        return f"field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: {field}"
    if key in _FIELDS:
        return f"field label not supported: {field}"
    return f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"'
