"""OpenAPI v3 documents: their frame, and the closure of schemas that one needs.

It imports nothing, so that the package build can use it before any dependency is installed.

Source: k8s.io/kube-openapi/pkg/builder3
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

Document = dict[str, Any]

META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
SCHEMA_PREFIX: Final = "#/components/schemas/"
JSON: Final = "application/json"
BEARER_TOKEN: Final = {"description": "Bearer Token authentication", "type": "apiKey", "name": "authorization", "in": "header"}


def document(title: str, version: str, paths: Document, schemas: Document, *, secured: bool = True) -> Document:
    """An OpenAPI v3 document.

    Args:
        version: of the API as a whole, `v1.36.0`.
        secured: whether it says how clients authenticate.
    """
    security = {"securitySchemes": {"BearerToken": BEARER_TOKEN}} if secured else {}
    return {
        "openapi": "3.0.0",
        "info": {"title": title, "version": version},
        "paths": paths,
        "components": {"schemas": dict(sorted(schemas.items())), **security},
    }


def references(value: Any) -> set[str]:
    """The names of the schemas that `value`, a part of a v3 document, refers to directly."""
    found: set[str] = set()
    pending = [value]
    while pending:
        current = pending.pop()
        if isinstance(current, dict):
            target = current.get("$ref")
            if isinstance(target, str):
                found.add(target.removeprefix(SCHEMA_PREFIX))
            pending.extend(current.values())
        elif isinstance(current, list):
            pending.extend(current)
    return found


def closure(roots: Iterable[str], schemas: Mapping[str, Document]) -> Document:
    """The schemas called `roots` and all that they refer to.

    Raises: KeyError if a schema is missing.
    """
    chosen: Document = {}
    pending = list(roots)
    while pending:
        name = pending.pop()
        if name not in chosen:
            chosen[name] = schemas[name]
            pending.extend(references(schemas[name]))
    return chosen
