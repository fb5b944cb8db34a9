"""The paths of a group-version in an OpenAPI v3 document: an operation for each verb of each resource.

Owns what an operation looks like. It does not own the schemas (built-in ones are made at package build time, custom ones come from their
definitions). It imports nothing but the resource table and the parameters, so that the package build can use it before any dependency is
installed.

Source: kubernetes/kubernetes api/openapi-spec/v3/*.json, k8s.io/apiserver/pkg/endpoints/installer.go,
k8s.io/apiextensions-apiserver/pkg/controller/openapi/builder
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from minikube_py.apis.resources import RETURNED_WHEN_DELETED, GroupVersionKind, ResourceType, Subresource

from . import openapi_parameters as parameters
from .openapi_document import JSON, META, SCHEMA_PREFIX, Document
from .openapi_parameters import Parameter, path_parameters, query_parameter

META_SCHEMAS: Final = tuple(
    META + name for name in ("APIResourceList", "DeleteOptions", "ListMeta", "ObjectMeta", "Patch", "Status", "WatchEvent")
)
"""Schemas that the paths of every group-version refer to."""

PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
YAML: Final = "application/yaml"
_STREAM: Final = ";stream=watch"
_METHODS: Final = {"get": "get", "create": "post", "update": "put", "patch": "patch", "delete": "delete"}
_WORDS: Final = {"get": "read", "create": "create", "update": "replace", "patch": "patch", "delete": "delete"}
_PROXY_METHODS: Final = ("delete", "get", "head", "options", "patch", "post", "put")
_OPTIONS: Final = {"create": parameters.WRITE, "update": parameters.WRITE, "patch": parameters.PATCH}


@dataclass(frozen=True, slots=True)
class Flavour:
    """What differs between the operations of built-in and of custom resources.

    Attributes:
        get: query parameters of a read.
        given: media types of answers.
        listed: media types of lists, which can be watched.
        taken: media types of bodies.
        patched: status codes of a patch.
        discoverable: whether the paths of the group-version itself and of old-style watches are there.
    """

    get: tuple[str, ...]
    delete_collection: tuple[str, ...]
    given: tuple[str, ...]
    listed: tuple[str, ...]
    taken: tuple[str, ...]
    patches: tuple[str, ...]
    patched: tuple[int, ...]
    discoverable: bool


BUILTIN: Final = Flavour(
    get=(),
    delete_collection=parameters.DELETE_COLLECTION,
    given=(JSON, PROTOBUF, YAML),
    listed=(JSON, JSON + _STREAM, PROTOBUF, PROTOBUF + _STREAM, YAML),
    taken=("*/*",),
    patches=(
        "application/apply-patch+yaml",
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
    ),
    patched=(200, 201),
    discoverable=True,
)
CUSTOM: Final = Flavour(
    get=("resourceVersion",),
    delete_collection=parameters.LIST,
    given=(JSON, YAML),
    listed=(JSON, YAML),
    taken=(JSON, YAML),
    patches=BUILTIN.patches[:3],
    patched=(200,),
    discoverable=False,
)


class GroupVersionPaths:
    """Builds the paths of one group-version.

    Invariants: pure; equal arguments give equal documents.
    """

    def __init__(self, group: str, version: str, names: Mapping[GroupVersionKind, str], flavour: Flavour = BUILTIN) -> None:
        """
        Args:
            names: schema name of every kind that the operations exchange, lists included.
        """
        self._names = names
        self._flavour = flavour
        labels = (group.removesuffix(".k8s.io") or "core").split(".")
        self._word = "".join(label.capitalize() for label in labels) + version.capitalize()
        self._tag = f"{labels[0]}{''.join(label.capitalize() for label in labels[1:])}_{version}"
        self._prefix = f"/apis/{group}/{version}" if group else f"/api/{version}"

    def build(self, resources: Iterable[ResourceType]) -> Document:
        """The paths of the group-version's own list and of every resource, sorted."""
        paths: Document = {}
        if self._flavour.discoverable:
            operation = self._operation(f"get{self._word}APIResources", "get available resources", [])
            paths[f"{self._prefix}/"] = {"get": {**operation, "responses": self._responses(_ref(META + "APIResourceList"))}}
        for resource in resources:
            self._add_resource(paths, resource)
        return {path: _share_parameters(operations) for path, operations in sorted(paths.items())}

    def _add_resource(self, paths: Document, resource: ResourceType) -> None:
        everywhere = resource.collection_path()
        collection = f"{self._prefix}/namespaces/{{namespace}}/{resource.plural}" if resource.namespaced else everywhere
        item = f"{collection}/{{name}}"
        scoped = _scoped(resource)
        if resource.namespaced and "list" in resource.verbs:
            paths[everywhere] = {"get": self._list(everywhere, resource, f"list{self._word}{resource.kind}ForAllNamespaces")}
        operations: Document = {}
        if "list" in resource.verbs:
            operations["get"] = self._list(collection, resource, f"list{self._word}{scoped}")
        if "create" in resource.verbs:
            operations["post"] = self._write(collection, resource, "create", resource.gvk)
        if "deletecollection" in resource.verbs:
            operations["delete"] = self._delete_collection(collection, resource)
        if operations:
            paths[collection] = operations
        operations = {_METHODS[verb]: self._item(item, resource, verb) for verb in _METHODS if verb in resource.verbs and verb != "create"}
        if operations:
            paths[item] = operations
        if self._flavour.discoverable and "watch" in resource.verbs:
            self._add_watches(paths, resource)
        for sub in resource.subresources:
            self._add_subresource(paths, f"{item}/{sub.name}", resource, sub)

    def _add_watches(self, paths: Document, resource: ResourceType) -> None:
        """The paths below /watch/, by which lists and objects were watched before there was a parameter for it."""
        everywhere = f"{self._prefix}/watch/{resource.plural}"
        collection = f"{self._prefix}/watch/namespaces/{{namespace}}/{resource.plural}" if resource.namespaced else everywhere
        word = f"watch{self._word}"
        instead = "deprecated: use the 'watch' parameter with a list operation instead"
        changes = f"watch individual changes to a list of {resource.kind}. {instead}."
        lists = {collection: f"{word}{_scoped(resource)}List"}
        if resource.namespaced:
            lists[everywhere] = f"{word}{resource.kind}ListForAllNamespaces"
        for path, operation_id in lists.items():
            paths[path] = {"get": self._watch(path, resource, operation_id, changes, "watchlist")}
        instead += ", filtered to a single item with the 'fieldSelector' parameter"
        changes = f"watch changes to an object of kind {resource.kind}. {instead}."
        item = f"{collection}/{{name}}"
        paths[item] = {"get": self._watch(item, resource, f"{word}{_scoped(resource)}", changes, "watch")}

    def _watch(self, path: str, resource: ResourceType, operation_id: str, description: str, action: str) -> Document:
        operation = self._operation(operation_id, description, self._parameters(path, resource, parameters.LIST))
        operation["responses"] = self._responses(_ref(META + "WatchEvent"), media_types=self._flavour.listed)
        return _marked(operation, action, resource.gvk)

    def _list(self, path: str, resource: ResourceType, operation_id: str) -> Document:
        watched = "or watch " if self._flavour.discoverable and "watch" in resource.verbs else ""
        description = f"list {watched}objects of kind {resource.kind}"
        operation = self._operation(operation_id, description, self._parameters(path, resource, parameters.LIST))
        schema = _ref(self._names[resource.group, resource.version, resource.list_kind])
        operation["responses"] = self._responses(schema, media_types=self._flavour.listed)
        return _marked(operation, "list", resource.gvk)

    def _delete_collection(self, path: str, resource: ResourceType) -> Document:
        operation = self._operation(
            f"delete{self._word}Collection{_scoped(resource)}", f"delete collection of {resource.kind}",
            self._parameters(path, resource, self._flavour.delete_collection),
        )
        if self._flavour.discoverable:
            operation["requestBody"] = _body(self._flavour.taken, _ref(META + "DeleteOptions"), required=False)
        operation["responses"] = self._responses(_ref(META + "Status"))
        return _marked(operation, "deletecollection", resource.gvk)

    def _item(self, path: str, resource: ResourceType, verb: str) -> Document:
        operation_id = f"{_WORDS[verb]}{self._word}{_scoped(resource)}"
        if verb == "get":
            described = self._parameters(path, resource, self._flavour.get)
            operation = self._operation(operation_id, f"read the specified {resource.kind}", described)
            operation["responses"] = self._responses(_ref(self._names[resource.gvk]))
            return _marked(operation, "get", resource.gvk)
        if verb == "delete":
            described = self._parameters(path, resource, parameters.DELETE)
            operation = self._operation(operation_id, f"delete{_article(resource.kind)}{resource.kind}", described)
            operation["requestBody"] = _body(self._flavour.taken, _ref(META + "DeleteOptions"), required=False)
            returned = resource.group_resource in RETURNED_WHEN_DELETED
            operation["responses"] = self._responses(_ref(self._names[resource.gvk] if returned else META + "Status"), 200, 202)
            return _marked(operation, "delete", resource.gvk)
        return self._write(path, resource, verb, resource.gvk)

    def _write(self, path: str, resource: ResourceType, verb: str, gvk: GroupVersionKind, sub: str = "") -> Document:
        """A create, update or patch operation, of a resource or a subresource, that exchanges the kind `gvk`."""
        flavour = self._flavour
        operation_id = f"{_WORDS[verb]}{self._word}{_scoped(resource)}{sub.capitalize()}"
        of = f" {sub} of" if sub else ""
        how = {"create": f"create{of}{_article(resource.kind)}", "update": f"replace{of} the specified ",
               "patch": f"partially update{of} the specified "}[verb]  # fmt: skip
        operation = self._operation(operation_id, how + resource.kind, self._parameters(path, resource, _OPTIONS[verb], verb))
        schema = _ref(self._names[gvk])
        operation["requestBody"] = _body(flavour.patches, _ref(META + "Patch")) if verb == "patch" else _body(flavour.taken, schema)
        codes = {"create": (200, 201, 202), "update": (200, 201), "patch": flavour.patched}[verb]
        operation["responses"] = self._responses(schema, *codes)
        return _marked(operation, _METHODS[verb], gvk)

    def _add_subresource(self, paths: Document, path: str, resource: ResourceType, sub: Subresource) -> None:
        gvk = (sub.group, sub.version, sub.kind)
        options = parameters.SUBRESOURCES.get(sub.name, ())
        if sub.kind.endswith("Options"):
            methods = _PROXY_METHODS if sub.name == "proxy" else tuple(_METHODS[verb] for verb in sub.verbs)
            self._add_connect(paths, path, resource, sub, methods)
            return
        operations: Document = {}
        for verb in sub.verbs:
            if verb != "get":
                operations[_METHODS[verb]] = self._write(path, resource, verb, gvk, sub.name)
                continue
            described = self._parameters(path, resource, (*self._flavour.get, *options), sub.name)
            operation_id = f"read{self._word}{_scoped(resource)}{sub.name.capitalize()}"
            operation = self._operation(operation_id, f"read {sub.name} of the specified {resource.kind}", described)
            if sub.name == "log":
                operation["responses"] = self._responses({"type": "string"}, media_types=("text/plain", *self._flavour.given))
            else:
                operation["responses"] = self._responses(_ref(self._names[gvk]))
            operations["get"] = _marked(operation, "get", gvk)
        paths[path] = operations

    def _add_connect(self, paths: Document, path: str, resource: ResourceType, sub: Subresource, methods: Sequence[str]) -> None:
        """The operations of a stream; behind a proxy there are paths of their own."""
        suffixes = {path: "", f"{path}/{{path}}": "WithPath"} if sub.name == "proxy" else {path: ""}
        place = sub.kind if sub.name == "proxy" else sub.name
        described = [query_parameter(name, place) for name in parameters.SUBRESOURCES[sub.name]]
        for full_path, suffix in suffixes.items():
            operations: Document = {}
            for method in methods:
                operation_id = f"connect{self._word}{method.capitalize()}{_scoped(resource)}{sub.name.capitalize()}{suffix}"
                description = f"connect {method.upper()} requests to {sub.name} of {resource.kind}"
                operation = self._operation(operation_id, description, [*path_parameters(full_path, sub.kind), *described])
                operation["responses"] = self._responses({"type": "string"}, media_types=("*/*",))
                operations[method] = _marked(operation, "connect", (sub.group, sub.version, sub.kind))
            paths[full_path] = operations

    def _parameters(self, path: str, resource: ResourceType, names: Iterable[str], place: str = "") -> list[Parameter]:
        return [*path_parameters(path, resource.kind), *(query_parameter(name, place) for name in ("pretty", *names))]

    def _operation(self, operation_id: str, description: str, described: Sequence[Parameter]) -> Document:
        operation: Document = {"tags": [self._tag], "description": description, "operationId": operation_id}
        return {**operation, "parameters": described} if described else operation

    def _responses(self, schema: Document, *codes: int, media_types: Sequence[str] = ()) -> Document:
        texts = {200: "OK", 201: "Created", 202: "Accepted"}
        content = {media_type: {"schema": schema} for media_type in media_types or self._flavour.given}
        answers: Document = {str(code): {"description": texts[code], "content": content} for code in codes or (200,)}
        return {**answers, "401": {"description": "Unauthorized"}}


def _share_parameters(operations: Document) -> Document:
    """A path's operations, with the parameters that all of them have named once; all lists sorted by name."""
    described = [operation.pop("parameters", []) for operation in operations.values()]
    common = [parameter for parameter in described[0] if all(parameter in others for others in described)]
    for operation, own in zip(operations.values(), described, strict=True):
        rest = [parameter for parameter in own if parameter not in common]
        if rest:
            operation["parameters"] = sorted(rest, key=_by_name)
    return {**operations, "parameters": sorted(common, key=_by_name)} if common else operations


def _by_name(parameter: Parameter) -> tuple[str, str]:
    return parameter["name"], parameter["in"]


def _ref(name: str) -> Document:
    return {"$ref": SCHEMA_PREFIX + name}


def _scoped(resource: ResourceType) -> str:
    return f"Namespaced{resource.kind}" if resource.namespaced else resource.kind


def _article(kind: str) -> str:
    """What stands before a kind in a description; plurals have no article."""
    if kind.endswith("s") and not kind.endswith("ss"):
        return " "
    return " an " if kind[0] in "AEIOU" else " a "


def _marked(operation: Document, action: str, gvk: GroupVersionKind) -> Document:
    group, version, kind = gvk
    operation["x-kubernetes-action"] = action
    operation["x-kubernetes-group-version-kind"] = {"group": group, "version": version, "kind": kind}
    return operation


def _body(media_types: Sequence[str], schema: Document, *, required: bool = True) -> Document:
    body: Document = {"content": {media_type: {"schema": schema} for media_type in media_types}}
    return {**body, "required": True} if required else body
