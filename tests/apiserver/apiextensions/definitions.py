"""CustomResourceDefinitions as the tests of this package need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from minikube_py.apis.apiextensions_v1 import CustomResourceDefinition


def version(name: str, *, served: bool = True, storage: bool = True, schema: Any = None, **fields: Any) -> dict[str, Any]:
    """One version of a definition; without a schema, one that keeps whatever it is given."""
    schema = schema or {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {"name": name, "served": served, "storage": storage, "schema": {"openAPIV3Schema": schema}, **fields}


def definition(
    kind: str = "Widget", *, group: str = "example.com", scope: str = "Namespaced", versions: Sequence[Any] = (),
    conditions: Mapping[str, str] | None = None, **names: Any,
) -> CustomResourceDefinition:
    """A definition with its names accepted; established unless told otherwise."""
    accepted = {"plural": f"{kind.lower()}s", "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List", **names}
    status = {"NamesAccepted": "True", **({"Established": "True"} if conditions is None else conditions)}
    return msgspec.convert({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{accepted['plural']}.{group}"},
        "spec": {"group": group, "names": accepted, "scope": scope, "versions": list(versions) or [version("v1")]},
        "status": {"acceptedNames": accepted, "conditions": [{"type": key, "status": value} for key, value in status.items()]},
    }, CustomResourceDefinition)  # fmt: skip
