"""Validation: what is wrong with an object, a row for each field.

Owns the rules that depend on the object (and its former state) alone, and expects defaults to be set. What depends on other objects or on
a registry's state is the registry's. All rules of an object run, so that an author sees everything that is wrong at once. The usual case,
nothing wrong, is the fast one.

Source: pkg/apis/*/validation, staging/src/k8s.io/apiserver/pkg/registry/rest/update.go (BeforeUpdate)
"""

from __future__ import annotations

from ...core.errors import Cause
from .. import syntax
from ..object import Object
from .causes import Causes
from .common import Syntax
from .metadata import standard_finalizers, validate_metadata, validate_metadata_update
from .rules import KindRules, Update
from .table import KIND_RULES, SUBRESOURCE_RULES

__all__ = ["validate_create", "validate_metadata", "validate_metadata_update", "validate_new_metadata", "validate_update"]

_OTHER = KindRules(standard_finalizers=False)
_LAST = ((), (True,), (False, True))  # which of so many rules of a kind are the last


def validate_create(obj: Object) -> list[Cause]:
    """What is wrong with a new object; empty if nothing is. The object is not changed."""
    kind = KIND_RULES.get(type(obj), _OTHER)
    causes = _metadata(obj, kind, kind.name)
    if kind.create is not None:
        kind.create(causes, obj)
    return causes


def validate_new_metadata(obj: Object) -> list[Cause]:
    """What is wrong with the metadata of a new object: the part of `validate_create` that knows no kind's own fields."""
    kind = KIND_RULES.get(type(obj), _OTHER)
    return _metadata(obj, kind, kind.name)


def _metadata(obj: Object, kind: KindRules, name: Syntax) -> Causes:
    """What is wrong with the metadata by the rules of creation."""
    meta = obj.metadata  # type: ignore[attr-defined]
    causes = validate_metadata(meta, namespaced=kind.namespaced if kind is not _OTHER else None, name=name)
    if meta.finalizers and kind.standard_finalizers:
        standard_finalizers(causes, "metadata.finalizers", meta.finalizers)
    return causes


def validate_update(new: Object, old: Object, subresource: str = "") -> list[Cause]:
    """What is wrong with an object that is to replace `old`. Neither is changed.

    Args:
        subresource: by which of its subresources the object is updated; "" is the main resource, which has the full rules. Others have
            rules for the part that they may change.
    """
    kind = KIND_RULES.get(type(new), _OTHER)
    own: list[Causes] = []
    if subresource:
        order = "us"
        own.append(_run(SUBRESOURCE_RULES.get((type(new), subresource)), new, old))
    else:
        order = kind.order
        own += [_run(kind.update, new, old) if last and kind.update is not None else _create(kind, new)
                for last in _LAST[order.count("s")]]
    meta, meta_was = new.metadata, old.metadata  # type: ignore[attr-defined]
    changed = validate_metadata_update(meta, meta_was)
    if not changed and meta.finalizers == meta_was.finalizers and meta.generate_name == meta_was.generate_name:
        return own[0] if len(own) == 1 else [cause for part in own for cause in part]
    return _in_order(kind, order, new, changed, own)


def _run(rule: Update | None, new: Object, old: Object) -> Causes:
    causes: Causes = []
    if rule is not None:
        rule(causes, new, old)
    return causes


def _create(kind: KindRules, new: Object) -> Causes:
    causes: Causes = []
    if kind.create is not None:
        kind.create(causes, new)
    return causes


def _in_order(kind: KindRules, order: str, new: Object, changed: Causes, own: list[Causes]) -> Causes:
    """What is wrong in the order in which upstream says it, and as often: first the rules of all kinds, then those of the kind."""
    meta = new.metadata  # type: ignore[attr-defined]
    causes = validate_metadata(meta, namespaced=kind.namespaced if kind is not _OTHER else None, name=syntax.path_segment)
    causes += changed
    parts = iter(own)
    for letter in order:
        if letter == "c":
            causes += _metadata(new, kind, kind.name)
        else:
            causes += changed if letter == "u" else next(parts)
    return causes
