"""What a default in a schema must be: what its own schema allows, without unknown fields.

Defaults inside the metadata of a resource are tried in a resource that has nothing else.

Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting/validation.go
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...core.errors import Cause
from ..cel import compile_rules
from ..correlation import same
from ..validation.causes import invalid
from .defaulting import copy
from .embedded import CoercionError, coerce, validate_embedded
from .explain import Explanation
from .nodes import META_FIELDS, Document, Node
from .pruning import prune

_TYPE = {"apiVersion": "validation/v1", "kind": "Validation"}
_INDEX = None  # the step into a list, among names
_EMBEDDED = "x-kubernetes-embedded-resource"


def check_defaults(schema: Document, path: str, *, pruned: bool = True) -> list[Cause]:
    """What is wrong with the defaults in a structural schema.

    Args:
        pruned: unknown fields in defaults are wrong.
    """
    return _Check(pruned).causes(schema | {_EMBEDDED: True}, path)


def has_unknown_fields(schema: Document) -> bool:
    """Whether a default in a structural schema has fields that are not specified."""
    return any(cause.message.endswith(_UNKNOWN) for cause in check_defaults(schema, ""))


_UNKNOWN = "must not have unknown fields"


class _Check:
    """One walk through a schema.

    Attributes:
        resource: the schema of the resource that is walked through.
        steps: the names from that resource to here; None is the step into a list.
    """

    def __init__(self, pruned: bool) -> None:
        self._pruned = pruned

    def causes(
        self, schema: Document, path: str, resource: Document | None = None, steps: tuple[str | None, ...] = (), in_meta: bool = False
    ) -> list[Cause]:
        embedded = bool(schema.get(_EMBEDDED))
        if embedded or resource is None:
            resource, steps, in_meta = schema, (), False
        found: list[Cause] = []
        default = schema.get("default")
        if default is not None:
            where = f"{path}.default"
            found += _in_metadata(schema, default, where, resource, steps) if in_meta else self._plain(schema, default, where)
        if isinstance(schema.get("items"), dict):
            found += self.causes(schema["items"], f"{path}.items", resource, (*steps, _INDEX), in_meta)
        for name, child in (schema.get("properties") or {}).items():
            inside = in_meta or (embedded and name in META_FIELDS)
            found += self.causes(child, f"{path}.properties[{name}]", resource, (*steps, name), inside)
        return found

    def _plain(self, schema: Document, default: Any, path: str) -> list[Cause]:
        node, found = Node(schema), []
        if self._pruned:
            kept = copy(default)
            prune(kept, node, root=node.embedded)
            if not same(kept, default):
                found.append(invalid(path, default, _UNKNOWN))
        value = copy(default)
        try:
            coerce(value, node, path)
        except CoercionError as error:
            return [*found, error.cause]
        problems = validate_embedded(value, node, path) or Explanation(path).causes(node, value)
        return found + (problems or _against_rules(schema, value, path))


def _against_rules(schema: Document, value: Any, path: str) -> list[Cause]:
    rules = compile_rules(schema, is_resource=bool(schema.get(_EMBEDDED)))
    causes = [] if rules.empty else rules.validate(value)
    return [replace(cause, field=_below(path, cause.field)) for cause in causes]


def _below(path: str, field: str) -> str:
    if field in ("", "<nil>"):
        return path
    return f"{path}{field}" if field.startswith("[") else f"{path}.{field}"


def _in_metadata(schema: Document, default: Any, path: str, resource: Document, steps: tuple[str | None, ...]) -> list[Cause]:
    value = copy(default)
    for step in reversed(steps):
        value = [value] if step is _INDEX else {step: value}
    value |= _TYPE
    node = Node(resource)
    try:
        coerce(value, node)
        problems = [f"{cause.field}: {cause.message}" for cause in validate_embedded(value, node)]
    except CoercionError as error:
        problems = [str(error)]
    if problems:
        text = problems[0] if len(problems) == 1 else f"[{', '.join(dict.fromkeys(problems))}]"
        return [invalid(path, default, f"must result in valid metadata: {text}")]
    return Explanation(path).causes(Node(schema), default)
