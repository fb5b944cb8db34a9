"""Objects for tables in YAML: a right one, and changes to it at JSON pointers."""

from __future__ import annotations

from typing import Any

import yaml

from minikube_py.apis import scheme
from minikube_py.apis.defaults import set_defaults


def build(document: dict[str, Any]) -> Any:
    """The object of a document, with defaults."""
    group, _, version = document["apiVersion"].rpartition("/")
    obj = scheme.from_document(scheme.type_of(group, version, document["kind"]), document)
    set_defaults(obj)
    return obj


def changed(document: Any, changes: dict[str, Any]) -> Any:
    """A copy of the document with values set at JSON pointers; null takes a field away."""
    document = yaml.safe_load(yaml.safe_dump(document))
    for pointer, value in changes.items():
        *parents, last = [step.replace("~1", "/") for step in pointer[1:].split("/")]
        at = document
        for step in parents:
            at = at[int(step)] if isinstance(at, list) else at.setdefault(step, {})
        if isinstance(at, list):
            at[int(last)] = value
        elif value is None:
            del at[last]
        else:
            at[last] = value
    return document
