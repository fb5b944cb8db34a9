"""Validation: what is wrong with an object, a row for each field.

Owns the rules that depend on the object (and its former state) alone, and expects defaults to be set. What depends on other objects or on
a registry's state is the registry's. All rules of an object run, so that an author sees everything that is wrong at once. The usual case,
nothing wrong, is the fast one.

Source: pkg/apis/*/validation
"""

from __future__ import annotations

from ...core.errors import Cause
from ..object import Object
from .metadata import validate_metadata, validate_metadata_update
from .rules import KindRules
from .table import KIND_RULES, SUBRESOURCE_RULES

__all__ = ["validate_create", "validate_metadata", "validate_metadata_update", "validate_update"]

_OTHER = KindRules()


def validate_create(obj: Object) -> list[Cause]:
    """What is wrong with a new object; empty if nothing is. The object is not changed."""
    kind = KIND_RULES.get(type(obj), _OTHER)
    meta = obj.metadata  # type: ignore[attr-defined]
    namespaced = kind.namespaced if kind is not _OTHER else None
    causes = validate_metadata(meta, namespaced=namespaced, name=kind.name)
    if kind.create is not None:
        kind.create(causes, obj)
    return causes


def validate_update(new: Object, old: Object, subresource: str = "") -> list[Cause]:
    """What is wrong with an object that is to replace `old`. Neither is changed.

    Args:
        subresource: by which of its subresources the object is updated; "" is the main resource, which has the full rules. Others have
            rules for the part that they may change.
    """
    causes = validate_metadata_update(new.metadata, old.metadata)  # type: ignore[attr-defined]
    if subresource:
        rule = SUBRESOURCE_RULES.get((type(new), subresource))
        if rule is not None:
            rule(causes, new, old)
        return causes
    kind = KIND_RULES.get(type(new), _OTHER)
    if kind.update is not None:
        kind.update(causes, new, old)
    elif kind.create is not None:
        kind.create(causes, new)
    return causes
