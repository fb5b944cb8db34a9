"""Right objects of all kinds, and writing them through the Registry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from minikube_py.apis import scheme
from minikube_py.apiserver.context import INTERNAL, Context
from minikube_py.apiserver.storage import Storage
from tests.conftest import ControlPlane

_APIS = Path(__file__).parent.parent / "apis"
_KINDS_OF_NEITHER: tuple[dict[str, Any], ...] = (
    {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}, "spec": {"podCIDRs": ["10.0.0.0/24"], "podCIDR": "10.0.0.0/24"}},
    {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "t"},
     "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}},
    {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": {"name": "web-1"}, "data": {}, "revision": 1},
)
RIGHT: dict[str, dict[str, Any]] = {}
"""Documents by apiVersion and kind: those of the tables of rules, of the zoo, and of neither."""
for _document in (
    *(row["right"] for table in sorted((_APIS / "rules").glob("*.yaml")) for row in yaml.safe_load(table.read_text())),
    *yaml.safe_load_all((_APIS / "zoo.yaml").read_text()), *_KINDS_OF_NEITHER,
):
    RIGHT.setdefault(f"{_document['apiVersion']}/{_document['kind']}", _document)


def storage_of(plane: ControlPlane, kind: str) -> Storage:
    group_version, _, name = kind.rpartition("/")
    group, _, version = group_version.rpartition("/")
    return plane.registry.storage_of(scheme.type_of(group, version, name))


def document_of(kind: str) -> dict[str, Any]:
    """A right object of the kind, in a form that may be changed."""
    document: dict[str, Any] = yaml.safe_load(yaml.safe_dump(RIGHT[kind]))
    if kind.endswith("/CertificateSigningRequest"):
        document.pop("status", None)
    return document


async def create(plane: ControlPlane, kind: str, document: dict[str, Any], context: Context = INTERNAL) -> Any:
    storage = storage_of(plane, kind)
    document["metadata"].pop("resourceVersion", None)
    obj = scheme.from_document(storage.struct, document)
    namespace = "default" if storage.resource.namespaced else ""
    obj.metadata.namespace = namespace  # type: ignore[attr-defined]
    return storage.object(await plane.registry.create(storage, namespace, obj, context))


async def update(plane: ControlPlane, kind: str, old: Any, subresource: str = "", context: Context = INTERNAL, **changes: Any) -> Any:
    """Write an object with some of its top-level attributes replaced."""
    def changed(current: Any) -> Any:
        new = scheme.deep_copy(current)
        for name, value in changes.items():
            setattr(new, name, value)
        return new

    storage, meta = storage_of(plane, kind), old.metadata
    entry, _ = await plane.registry.update(storage, meta.namespace, meta.name, changed, context, subresource=subresource)
    return storage.object(entry)
