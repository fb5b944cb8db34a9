"""Sets that were written when the schema of their object was another one.

A container that has become atomic since is owned as a whole by who owned something in it. The other way round nothing is done.

Source: sigs.k8s.io/structured-merge-diff/v6/typed/reconcile_schema.go
"""

from __future__ import annotations

from .field_set import FieldSet, ordered
from .field_types import FieldType
from .path_element import FIELD, SELF


def reconciled(type_: FieldType, fields: FieldSet) -> FieldSet:
    """The set as the type has it now; the same set if nothing in it differs."""
    result: FieldSet | None = None
    for element, node in fields.items():
        if element == SELF:
            continue
        child = _child(type_, element)
        now = node if child is None else _node(child, node)
        if now is not node:
            result = dict(fields) if result is None else result
            result[element] = now
    return fields if result is None else ordered(result)


def _child(type_: FieldType, element: str) -> FieldType | None:
    if type_.map is not None:
        return type_.map.of(element[2:]) if element.startswith(FIELD) else type_.map.element
    return type_.list.element if type_.list is not None and not type_.scalar else None


def _node(type_: FieldType, node: FieldSet) -> FieldSet:
    if not node:
        return node
    if type_.map is not None:
        if type_.map.deduced:
            return node
        if type_.map.atomic:
            return {}
        return reconciled(type_, node)
    if type_.scalar or type_.list is None:
        return node
    return {} if type_.list.atomic else reconciled(type_, node)
