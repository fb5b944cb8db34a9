"""Match conditions of authorization webhooks: CEL expressions over the question, all of which must hold for the webhook to be asked.

Source: k8s.io/apiserver/pkg/authorization/cel/{compile,matcher}.go,
kubernetes.io/docs/reference/access-authn-authz/authorization/#configuring-the-api-server-using-an-authorization-config-file
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minikube_py.apis.cel import types as t
from minikube_py.apis.cel.checker import check
from minikube_py.apis.cel.documents import reader
from minikube_py.apis.cel.errors import CelError, CompileError
from minikube_py.apis.cel.program import Program
from minikube_py.apis.cel.types import Type
from minikube_py.core.errors import aggregate_texts

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


_REQUIREMENTS = {"type": "array", "items": _object(key=_TEXT, operator=_TEXT, values=_TEXTS)}
_SELECTOR = _object(rawSelector=_TEXT, requirements=_REQUIREMENTS)
_RESOURCE_TEXTS = ("namespace", "verb", "group", "version", "resource", "subresource", "name")
_RESOURCE = _object(**dict.fromkeys(_RESOURCE_TEXTS, _TEXT), fieldSelector=_SELECTOR, labelSelector=_SELECTOR)
_SPEC = _object(
    resourceAttributes=_RESOURCE, nonResourceAttributes=_object(path=_TEXT, verb=_TEXT), user=_TEXT, groups=_TEXTS,
    extra={"type": "object", "additionalProperties": _TEXTS}, uid=_TEXT,
)
_READ = reader(_SPEC)

_REQUEST = t.object_type("kubernetes.SubjectAccessReviewSpec")
_RESOURCE_TYPE, _PATH_TYPE = t.object_type("kubernetes.ResourceAttributes"), t.object_type("kubernetes.NonResourceAttributes")
_FIELDS_TYPE, _LABELS_TYPE = t.object_type("kubernetes.FieldSelectorAttributes"), t.object_type("kubernetes.LabelSelectorAttributes")
_REQUIREMENT_TYPE, _STRINGS = t.object_type("kubernetes.SelectorRequirement"), t.list_of(t.STRING)
_TYPES: dict[str, dict[str, Type]] = {
    _REQUEST.name: {
        "resourceAttributes": _RESOURCE_TYPE, "nonResourceAttributes": _PATH_TYPE, "user": t.STRING, "groups": _STRINGS,
        "extra": t.map_of(t.STRING, _STRINGS), "uid": t.STRING,
    },
    _RESOURCE_TYPE.name: {
        **dict.fromkeys(_RESOURCE_TEXTS, t.STRING), "fieldSelector": _FIELDS_TYPE, "labelSelector": _LABELS_TYPE,
    },
    _PATH_TYPE.name: {"path": t.STRING, "verb": t.STRING},
    _FIELDS_TYPE.name: {"rawSelector": t.STRING, "requirements": t.list_of(_REQUIREMENT_TYPE)},
    _LABELS_TYPE.name: {"rawSelector": t.STRING, "requirements": t.list_of(_REQUIREMENT_TYPE)},
    _REQUIREMENT_TYPE.name: {"key": t.STRING, "operator": t.STRING, "values": _STRINGS},
}


class MatchConditions:
    """Conditions that are all compiled."""

    def __init__(self, expressions: Sequence[str]) -> None:
        """Raises: ExpressionError."""
        self._programs = [(expression, _program(expression)) for expression in expressions]

    def match(self, spec: dict[str, Any]) -> bool:
        """Whether all conditions hold. One that does not outweighs those that cannot be told.

        Raises: CelError if that cannot be told.
        """
        request = _READ(_whole(spec))
        problems = []
        for expression, program in self._programs:
            try:
                if program.evaluate(request) is not True:
                    return False
            except CelError as error:
                problems.append(f"cel evaluation error: expression '{expression}' resulted in error: {error}")
        if problems:
            raise CelError(aggregate_texts(problems))
        return True


def _whole(spec: dict[str, Any]) -> dict[str, Any]:
    """The question with all texts that it could have, "" for those that it has not: conditions need not ask for them."""
    whole = {"user": "", "groups": [], "uid": "", "extra": {}} | spec
    if "resourceAttributes" in spec:
        whole["resourceAttributes"] = dict.fromkeys(_RESOURCE_TEXTS, "") | spec["resourceAttributes"]
    else:
        whole["nonResourceAttributes"] = {"path": "", "verb": ""} | spec["nonResourceAttributes"]
    return whole


class ExpressionError(ValueError):
    """An expression that cannot be a condition."""


def _program(expression: str) -> Program:
    try:
        checked = check(expression, {"request": _REQUEST}, lambda name, identifier: _TYPES.get(name, {}).get(identifier))
    except CompileError as error:
        raise ExpressionError(f"compilation failed: {error}") from error
    if checked.type is not t.BOOL:
        raise ExpressionError(f"must evaluate to bool but got {checked.type}")
    try:
        return Program(checked, ("request",))
    except CelError as error:
        raise ExpressionError(f"instantiation failed: {error}") from error
