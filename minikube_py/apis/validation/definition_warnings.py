"""What the author of a CustomResourceDefinition is told though nothing is wrong: formats that mean nothing.

Source: k8s.io/apiextensions-apiserver/pkg/registry/customresourcedefinition/strategy.go (WarningsOnCreate, WarningsOnUpdate)
"""

from __future__ import annotations

from ..apiextensions_v1 import CustomResourceDefinition
from ..structural.formats import recognized
from ..syntax import quote
from .definition_schemas import parts
from .internal_definitions import internal


def definition_warnings(new: CustomResourceDefinition, old: CustomResourceDefinition | None = None) -> list[str]:
    """Warnings about a definition that is new or replaces `old`; what the old one had is known."""
    if old is not None and old.spec == new.spec:
        return []
    known = _unrecognized(old) if old is not None else {}
    return [f"unrecognized format {quote(name)}" for name in _unrecognized(new) if name not in known]


def _unrecognized(definition: CustomResourceDefinition) -> dict[str, None]:
    """The formats that have no meaning for the type that they stand at, in order."""
    return {
        part["format"]: None
        for schema in internal(definition.spec).schemas for part in parts(schema)
        if part.get("format") and not recognized(part.get("type") or "", part["format"])
    }
