"""What expressions outside of schemas see: those of admission (match conditions, policies), those that select devices, and those that make
users of tokens' claims.

Source: staging/src/k8s.io/apiserver/pkg/admission/plugin/cel/compile.go, pkg/admission/plugin/policy/mutating,
staging/src/k8s.io/dynamic-resource-allocation/cel/compile.go, staging/src/k8s.io/apiserver/pkg/authentication/cel/compile.go
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from . import types as t
from .ast import Checked
from .checker import check
from .declarations import AUTHORIZER, JSON_PATCH, functions
from .errors import CompileError
from .estimates import estimate
from .schema_types import DeclType
from .types import Type

Fields = Mapping[str, Type]

_STRINGS = t.list_of(t.STRING)
_TEXTS = t.map_of(t.STRING, t.STRING)
_GVK, _GVR = t.object_type("kubernetes.GroupVersionKind"), t.object_type("kubernetes.GroupVersionResource")
_USER = t.object_type("kubernetes.UserInfo")
REQUEST, NAMESPACE = t.object_type("kubernetes.AdmissionRequest"), t.object_type("kubernetes.Namespace")
_METADATA, _SPEC = t.object_type("kubernetes.NamespaceMetadata"), t.object_type("kubernetes.NamespaceSpec")
_STATUS, _CONDITION = t.object_type("kubernetes.NamespaceStatus"), t.object_type("kubernetes.NamespaceCondition")
VARIABLES = t.object_type("kubernetes.variables")
PATCH, OBJECT = t.object_type("JSONPatch"), t.object_type("Object")
DEVICE = t.object_type("kubernetes.DRADevice")

_FIELDS: dict[str, Fields] = {
    _GVK.name: {"group": t.STRING, "version": t.STRING, "kind": t.STRING},
    _GVR.name: {"group": t.STRING, "version": t.STRING, "resource": t.STRING},
    _USER.name: {"username": t.STRING, "uid": t.STRING, "groups": _STRINGS, "extra": t.map_of(t.STRING, _STRINGS)},
    REQUEST.name: {
        "kind": _GVK, "resource": _GVR, "subResource": t.STRING, "requestKind": _GVK, "requestResource": _GVR,
        "requestSubResource": t.STRING, "name": t.STRING, "namespace": t.STRING, "operation": t.STRING, "userInfo": _USER, "dryRun": t.BOOL,
        "options": t.DYN,
    },
    NAMESPACE.name: {"metadata": _METADATA, "spec": _SPEC, "status": _STATUS},
    _METADATA.name: {
        "name": t.STRING, "generateName": t.STRING, "namespace": t.STRING, "labels": _TEXTS, "annotations": _TEXTS, "UID": t.STRING,
        "creationTimestamp": t.TIMESTAMP, "deletionGracePeriodSeconds": t.INT, "deletionTimestamp": t.TIMESTAMP, "generation": t.INT,
        "resourceVersion": t.STRING, "finalizers": _STRINGS,
    },
    _SPEC.name: {"finalizers": _STRINGS},
    _STATUS.name: {"conditions": t.list_of(_CONDITION), "phase": t.STRING},
    _CONDITION.name: {
        "status": t.STRING, "type": t.STRING, "lastTransitionTime": t.TIMESTAMP, "message": t.STRING, "reason": t.STRING},
    PATCH.name: {"op": t.STRING, "path": t.STRING, "value": t.DYN, "from": t.STRING},
    DEVICE.name: {
        "driver": t.STRING, "attributes": t.map_of(t.STRING, t.map_of(t.STRING, t.DYN)),
        "capacity": t.map_of(t.STRING, t.map_of(t.STRING, t.QUANTITY)), "allowMultipleAllocations": t.BOOL,
    },
}
# Source: staging/src/k8s.io/api/resource/v1/types.go
_DEVICE_ENTRIES_MAX, _ATTRIBUTE_LENGTH_MAX, _DRIVER_LENGTH_MAX = 32, 64, 63


@dataclass(slots=True)
class AdmissionExpressions:
    """The expressions of one webhook or policy.

    Attributes:
        params: whether there are parameters.
        variables: types of the named variables so far; None if expressions cannot have any.
    """

    params: bool = False
    variables: dict[str, Type] | None = None
    _base: dict[str, Type] = field(init=False)

    def __post_init__(self) -> None:
        self._base = {"object": t.DYN, "oldObject": t.DYN, "request": REQUEST, "namespaceObject": NAMESPACE}
        if self.params:
            self._base["params"] = t.DYN
        if self.variables is not None:
            self._base["variables"] = VARIABLES

    def check(self, source: str, *results: Type, authorizer: bool = True, patches: bool = False) -> Checked:
        """Compile an expression.

        Args:
            results: types that its value may have; any will do if there are none.
            authorizer: whether it may ask what the user may do.
            patches: whether it may make patches and objects.
        Raises: CompileError, whose text is what clients are told.
        """
        seen = dict(self._base)
        if authorizer:
            seen |= {"authorizer": t.AUTHORIZER, "authorizer.requestResource": t.RESOURCE_CHECK}
        known = functions(AUTHORIZER, JSON_PATCH) if patches else functions(AUTHORIZER)
        try:
            checked = check(source, seen, self._field_type, known=known, is_message=_is_patch if patches else None)
        except CompileError as error:
            raise ExpressionError(f"compilation failed: {error}") from error
        _expect(checked, results)
        return checked

    def define(self, name: str, checked: Checked | None) -> None:
        """Let later expressions read a variable; one that does not compile has any type."""
        if self.variables is not None:
            self.variables[name] = _visible(checked.type) if checked is not None else t.DYN

    def _field_type(self, object_name: str, identifier: str) -> Type | None:
        if object_name == VARIABLES.name:
            return (self.variables or {}).get(identifier)
        if object_name == OBJECT.name or object_name.startswith(f"{OBJECT.name}."):
            return t.DYN
        return _FIELDS.get(object_name, {}).get(identifier)


def check_claims(source: str, *results: Type) -> Checked:
    """Compile an expression over `claims`, those of a token.

    Args:
        results: as of AdmissionExpressions.check.
    Raises: ExpressionError.
    """
    return _check(source, {"claims": t.map_of(t.STRING, t.DYN)}, results)


def check_user(source: str, *results: Type) -> Checked:
    """Compile an expression over `user`, whom a token stands for. Raises: ExpressionError."""
    return _check(source, {"user": _USER}, results)


def _check(source: str, variables: Mapping[str, Type], results: Sequence[Type]) -> Checked:
    try:
        checked = check(source, variables, lambda name, identifier: _FIELDS.get(name, {}).get(identifier))
    except CompileError as error:
        raise ExpressionError(f"compilation failed: {error}") from error
    _expect(checked, results)
    return checked


def _expect(checked: Checked, results: Sequence[Type]) -> None:
    if results and checked.type not in results:
        raise ExpressionError(f"must evaluate to {results[0]}" if len(results) == 1 else
                              f"must evaluate to one of [{' '.join(_named(kind) for kind in results)}]")


class ExpressionError(Exception):
    """An expression that cannot be used; str() is what clients are told."""


def _is_patch(name: str) -> bool:
    return name in (PATCH.name, OBJECT.name) or name.startswith(f"{OBJECT.name}.")


def _named(kind: Type) -> str:
    return "null_type" if kind is t.NULL else str(kind)


def _visible(kind: Type) -> Type:
    """The type of a variable for those who read it: objects and what is opaque are anything to them."""
    if kind.kind in ("list", "map"):
        return Type(kind.kind, kind.name, tuple(map(_visible, kind.params)))
    return t.DYN if kind.kind in ("object", "opaque", "type") else kind


def check_device_selector(source: str) -> int:
    """Compile an expression that selects devices; returns what one evaluation may cost.

    Raises: ExpressionError.
    """
    try:
        checked = check(source, {"device": DEVICE}, lambda name, identifier: _FIELDS.get(name, {}).get(identifier), bind=True)
    except CompileError as error:
        raise ExpressionError(f"compilation failed: {error}") from error
    if checked.type not in (t.BOOL, t.DYN):
        raise ExpressionError(f"must evaluate to bool or the unknown type, not {checked.type}")
    return estimate(checked, _DEVICE_SIZES).max


def _domains(value: DeclType) -> DeclType:
    """A map of domains to maps of names to values, which may be read as fields."""
    names = DeclType(t.map_of(t.STRING, value.type), _DEVICE_ENTRIES_MAX, item=value, any_field=value)
    return DeclType(t.map_of(t.STRING, names.type), _DEVICE_ENTRIES_MAX, item=names, any_field=names)


_DEVICE_SIZES = DeclType(DEVICE, fields={
    "driver": DeclType(t.STRING, _DRIVER_LENGTH_MAX), "attributes": _domains(DeclType(t.DYN, _ATTRIBUTE_LENGTH_MAX)),
    "capacity": _domains(DeclType(t.QUANTITY)), "allowMultipleAllocations": DeclType(t.BOOL),
})
