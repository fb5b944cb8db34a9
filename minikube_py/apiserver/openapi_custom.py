"""OpenAPI documents of custom resources: a v3 document for each group-version, and what they add to the v2 document.

Owns what publishing adds to the schema of a definition: names, apiVersion, kind, metadata, the list kind and extensions.

Source: k8s.io/apiextensions-apiserver/pkg/controller/openapi/builder
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from minikube_py.apis.apiextensions_v1 import JSONSchemaProps
from minikube_py.apis.resources import GroupVersionKind, ResourceType

from .openapi_document import META, SCHEMA_PREFIX, Document, closure, document, references
from .openapi_paths import CUSTOM, GroupVersionPaths
from .openapi_structural import metadata, plain, schema_v2, schema_v3

SCALE: Final[GroupVersionKind] = ("autoscaling", "v1", "Scale")
SCALE_SCHEMA: Final = "io.k8s.api.autoscaling.v1.Scale"
# The documents of definitions have always called themselves so.
TITLE: Final = "Kubernetes CRD Swagger"
VERSION: Final = "v0.1.0"
_CONVENTIONS: Final = "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md"


@dataclass(frozen=True, slots=True)
class CustomResource:
    """One version of a definition as it is published.

    Attributes:
        schema: the version's schema, not to be changed; None for anything.
        selectable_fields: JSON paths, `.spec.color`.
    """

    resource: ResourceType
    schema: JSONSchemaProps | None = None
    selectable_fields: tuple[str, ...] = ()


def schema_prefix(group: str, version: str) -> str:
    """What stands before the kind in a schema's name: `com.example.v1.`."""
    return ".".join(reversed(group.split("."))) + f".{version}."


def custom_document(group: str, version: str, customs: Sequence[CustomResource], shared: Mapping[str, Document]) -> Document:
    """The v3 document of a group-version of custom resources.

    Args:
        shared: schemas of meta/v1 and of Scale, by name.
    """
    prefix = schema_prefix(group, version)
    names: dict[GroupVersionKind, str] = {SCALE: SCALE_SCHEMA}
    own: Document = {}
    for custom in customs:
        resource = custom.resource
        names[resource.gvk] = prefix + resource.kind
        names[group, version, resource.list_kind] = prefix + resource.list_kind
        own[prefix + resource.kind] = object_schema_v3(custom, shared)
        own[prefix + resource.list_kind] = list_schema(resource, prefix + resource.kind, shared)
    paths = GroupVersionPaths(group, version, names, CUSTOM).build(custom.resource for custom in customs)
    return document(TITLE, VERSION, paths, closure({*references(paths), *own}, {**shared, **own}), secured=False)


def definitions_v2(group: str, version: str, customs: Sequence[CustomResource], shared: Mapping[str, Document]) -> Document:
    """The schemas of custom objects that differ in the v2 document: their references are those of v3 still."""
    prefix = schema_prefix(group, version)
    return {prefix + custom.resource.kind: object_schema_v2(custom, shared) for custom in customs}


def object_schema_v3(custom: CustomResource, shared: Mapping[str, Document]) -> Document:
    if custom.schema is None:
        return {"type": "object", **_extensions(custom)}
    own = _own_properties(shared)
    schema = schema_v3(plain(custom.schema), _embedded_properties(shared))
    return {**schema, "properties": {**schema.get("properties", {}), **own}, **_extensions(custom)}


def object_schema_v2(custom: CustomResource, shared: Mapping[str, Document]) -> Document:
    if custom.schema is None or custom.schema.x_kubernetes_preserve_unknown_fields:
        # With any property named, kubectl would refuse all others.
        return {"type": "object", **_extensions(custom)}
    own = _own_properties(shared)
    schema = schema_v2(plain(custom.schema), _embedded_properties(shared))
    return {**schema, "properties": {**schema.get("properties", {}), **own}, **_extensions(custom)}


def list_schema(resource: ResourceType, item: str, shared: Mapping[str, Document]) -> Document:
    kinds = _type_properties(shared)
    items = {
        "type": "array", "description": f"List of {resource.plural}. More info: {_CONVENTIONS}", "items": {"$ref": SCHEMA_PREFIX + item},
    }
    list_metadata = metadata("ListMeta", f"Standard list metadata. More info: {_CONVENTIONS}#types-kinds")
    return {
        "type": "object",
        "description": f"{resource.list_kind} is a list of {resource.kind}",
        "required": ["items"],
        "properties": {**kinds, "metadata": list_metadata, "items": items},
        **_kind_extension((resource.group, resource.version, resource.list_kind)),
    }


def _own_properties(shared: Mapping[str, Document]) -> Document:
    object_metadata = metadata("ObjectMeta", f"Standard object's metadata. More info: {_CONVENTIONS}#metadata")
    return {**_type_properties(shared), "metadata": object_metadata}


def _embedded_properties(shared: Mapping[str, Document]) -> Document:
    """The properties of a resource inside of another."""
    texts = {
        "apiVersion": f"apiVersion defines the versioned schema of this representation of an object. More info: {_CONVENTIONS}#resources",
        "kind": (
            "kind is a string value representing the type of this object. In CamelCase. More info: "
            f"{_CONVENTIONS}#types-kinds"
        ),
    }
    own = _own_properties(shared)
    return {name: {**property_, "description": texts[name]} if name in texts else property_ for name, property_ in own.items()}


def _type_properties(shared: Mapping[str, Document]) -> Document:
    """apiVersion and kind, described as those of built-in kinds."""
    properties = shared[META + "DeleteOptions"]["properties"]
    return {name: properties[name] for name in ("apiVersion", "kind")}


def _extensions(custom: CustomResource) -> dict[str, Any]:
    extensions = _kind_extension(custom.resource.gvk)
    if custom.selectable_fields:
        extensions["x-kubernetes-selectable-fields"] = [{"fieldPath": path.removeprefix(".")} for path in custom.selectable_fields]
    return extensions


def _kind_extension(gvk: GroupVersionKind) -> dict[str, Any]:
    group, version, kind = gvk
    return {"x-kubernetes-group-version-kind": [{"group": group, "version": version, "kind": kind}]}
