"""OpenAPI v3 documents of custom resources, made from the schemas in their definitions.

Owns what publishing adds to such a schema: names, apiVersion, kind, metadata, the list kind and the group-version-kind extension.

Source: k8s.io/apiextensions-apiserver/pkg/controller/openapi/builder (names and shape; the descriptions are our own).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from minikube_py.apis.resources import GroupVersionKind, ResourceType
from minikube_py.apiserver.openapi_document import (
    CUSTOM_PATCH_TYPES,
    META,
    META_SCHEMAS,
    SCHEMA_PREFIX,
    Document,
    GroupVersionPaths,
    closure,
    document,
    references,
)

SCALE: Final[GroupVersionKind] = ("autoscaling", "v1", "Scale")
SCALE_SCHEMA: Final = "io.k8s.api.autoscaling.v1.Scale"

_API_VERSION: Final = {"type": "string", "description": "The group and version of this object's schema."}
_KIND: Final = {"type": "string", "description": "The kind of this object, in CamelCase."}


def custom_document(
    release: str,
    group: str,
    version: str,
    resources: Sequence[ResourceType],
    schemas: Mapping[str, Document],
    shared: Mapping[str, Document],
) -> Document:
    """Return the v3 document of a group-version of custom resources.

    Args:
        release: version of the API as a whole, `v1.36.0`.
        schemas: kind to its schema; a kind without one accepts any fields.
        shared: schemas of meta/v1 and of Scale, by name.
    """
    prefix = ".".join(reversed(group.split("."))) + f".{version}."
    names: dict[GroupVersionKind, str] = {SCALE: SCALE_SCHEMA}
    own: Document = {}
    for resource in resources:
        names[resource.gvk] = prefix + resource.kind
        names[group, version, resource.list_kind] = prefix + resource.list_kind
        own[prefix + resource.kind] = _object_schema(resource.gvk, schemas.get(resource.kind))
        own[prefix + resource.list_kind] = _list_schema((group, version, resource.list_kind), prefix + resource.kind)
    paths = GroupVersionPaths(group, version, names, CUSTOM_PATCH_TYPES).build(resources)
    roots = {*references(paths), *META_SCHEMAS, *own}
    return document(release, paths, closure(roots, {**shared, **own}))


def _object_schema(gvk: GroupVersionKind, schema: Document | None) -> Document:
    if schema is None or schema.get("x-kubernetes-preserve-unknown-fields"):
        base: Document = {"type": "object", "x-kubernetes-preserve-unknown-fields": True, **(schema or {})}
    else:
        base = dict(schema)
    properties = {"apiVersion": _API_VERSION, "kind": _KIND, "metadata": _metadata("ObjectMeta", "Standard object metadata.")}
    base["properties"] = {**base.get("properties", {}), **properties}
    return {**base, **_extension(gvk)}


def _list_schema(gvk: GroupVersionKind, item: str) -> Document:
    items = {"type": "array", "description": "The objects of the list.", "items": {"$ref": SCHEMA_PREFIX + item}}
    properties = {"apiVersion": _API_VERSION, "kind": _KIND, "metadata": _metadata("ListMeta", "Standard list metadata."), "items": items}
    text = f"{gvk[2]} is a list of {gvk[2].removesuffix('List')} objects."
    return {"type": "object", "description": text, "required": ["items"], "properties": properties, **_extension(gvk)}


def _metadata(name: str, description: str) -> Document:
    return {"allOf": [{"$ref": f"{SCHEMA_PREFIX}{META}{name}"}], "description": description}


def _extension(gvk: GroupVersionKind) -> dict[str, Any]:
    group, version, kind = gvk
    return {"x-kubernetes-group-version-kind": [{"group": group, "version": version, "kind": kind}]}
