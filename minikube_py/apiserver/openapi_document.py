"""OpenAPI v3 documents of group-versions: paths and operations made from the table of resources, schemas given.

Owns what an operation of each verb looks like in OpenAPI. It does not own the schemas (built-in ones are made at package build time, custom
ones come from their definitions) nor the serving of the documents. It imports nothing but the resource table, so that the package build can
use it before any dependency is installed.

Source: kubernetes/kubernetes api/openapi-spec/v3/*.json (names, extensions and shape; the parameter descriptions are our own).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from minikube_py.apis.resources import GroupVersionKind, ResourceType, Subresource

Document = dict[str, Any]

META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
SCHEMA_PREFIX: Final = "#/components/schemas/"
META_SCHEMAS: Final = tuple(
    META + name for name in ("APIResourceList", "DeleteOptions", "ListMeta", "ObjectMeta", "Patch", "Status", "WatchEvent")
)
"""Schemas that the paths of every group-version refer to."""

JSON: Final = "application/json"
PATCH_TYPES: Final = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
CUSTOM_PATCH_TYPES: Final = PATCH_TYPES[:3]
"""Custom resources have no strategic merge patch."""

_METHODS: Final = {"get": "get", "create": "post", "update": "put", "patch": "patch", "delete": "delete"}
_ACTION_WORDS: Final = {"get": "read", "create": "create", "update": "replace", "patch": "patch", "delete": "delete"}
_ACTIONS: Final = {"get": "get", "create": "post", "update": "put", "patch": "patch", "delete": "delete"}
_PROXY_METHODS: Final = ("delete", "get", "head", "options", "patch", "post", "put")

# Query parameter -> (type, description).
_PARAMETERS: Final[dict[str, tuple[str, str]]] = {
    "allowWatchBookmarks": ("boolean", "Lets the server send BOOKMARK events in a watch. Ignored unless watch is set."),
    "command": ("string", "The command to run, not in a shell; one parameter per argument."),
    "container": ("string", "The container of the pod. Defaults to the only container, if there is one."),
    "continue": ("string", "The continue token of the previous page of this list."),
    "dryRun": ("string", "With the value All, everything is checked and nothing is stored."),
    "fieldManager": ("string", "The name under which the changed fields are recorded in managedFields, at most 128 characters."),
    "fieldSelector": ("string", "Restricts the answer to objects whose fields match. Defaults to everything."),
    "fieldValidation": ("string", "What to do about unknown and duplicate fields: Ignore, Warn (default) or Strict."),
    "follow": ("boolean", "Keep the stream open and send the log as it grows."),
    "force": ("boolean", "Take over conflicting fields from other managers. For apply patches only."),
    "gracePeriodSeconds": ("integer", "Seconds before the object is deleted; 0 means at once. Defaults to the object's own period."),
    "ignoreStoreReadErrorWithClusterBreakingPotential": ("boolean", "Delete the object even though its stored form cannot be read."),
    "insecureSkipTLSVerifyBackend": ("boolean", "Do not verify the certificate of the node that the log is read from."),
    "labelSelector": ("string", "Restricts the answer to objects whose labels match. Defaults to everything."),
    "limit": ("integer", "The greatest number of objects in one page of the list."),
    "limitBytes": ("integer", "The greatest number of bytes to send."),
    "orphanDependents": ("boolean", "Deprecated: use propagationPolicy. Whether dependents are orphaned."),
    "path": ("string", "The URL path to pass on to the target of the proxy."),
    "ports": ("integer", "The ports to forward; needed with WebSockets."),
    "pretty": ("string", "If true, the answer is indented."),
    "previous": ("boolean", "Send the log of the container's previous instance."),
    "propagationPolicy": ("string", "What happens to dependents: Orphan, Background or Foreground."),
    "resourceVersion": ("string", "The revision that the answer must be at, or not older than."),
    "resourceVersionMatch": ("string", "How resourceVersion is meant: Exact or NotOlderThan."),
    "sendInitialEvents": ("boolean", "Begin the watch with the objects that there are, followed by a bookmark."),
    "sinceSeconds": ("integer", "How far back the log goes, in seconds."),
    "stderr": ("boolean", "Redirect the standard error stream."),
    "stdin": ("boolean", "Redirect the standard input stream."),
    "stdout": ("boolean", "Redirect the standard output stream."),
    "stream": ("string", "Which stream of the log to send: All, Stdout or Stderr."),
    "tailLines": ("integer", "The number of lines from the end of the log."),
    "timeoutSeconds": ("integer", "The longest duration of the list or watch, in seconds."),
    "timestamps": ("boolean", "Begin each line with its time."),
    "tty": ("boolean", "Allocate a terminal."),
    "watch": ("boolean", "Send changes as a stream of events instead of a list."),
}

_LIST: Final = (
    "allowWatchBookmarks",
    "continue",
    "fieldSelector",
    "labelSelector",
    "limit",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
    "watch",
)
_DELETE: Final = (
    "dryRun",
    "gracePeriodSeconds",
    "ignoreStoreReadErrorWithClusterBreakingPotential",
    "orphanDependents",
    "propagationPolicy",
)
_WRITE: Final = ("dryRun", "fieldManager", "fieldValidation")
_DELETE_COLLECTION: Final = (
    *_DELETE,
    "continue",
    "fieldSelector",
    "labelSelector",
    "limit",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
)
_VERB_PARAMETERS: Final[dict[str, tuple[str, ...]]] = {
    "get": (),
    "create": _WRITE,
    "update": _WRITE,
    "patch": (*_WRITE, "force"),
    "delete": _DELETE,
}
_SUBRESOURCE_PARAMETERS: Final[dict[str, tuple[str, ...]]] = {
    "attach": ("container", "stderr", "stdin", "stdout", "tty"),
    "exec": ("command", "container", "stderr", "stdin", "stdout", "tty"),
    "log": (
        "container",
        "follow",
        "insecureSkipTLSVerifyBackend",
        "limitBytes",
        "previous",
        "sinceSeconds",
        "stream",
        "tailLines",
        "timestamps",
    ),
    "portforward": ("ports",),
    "proxy": ("path",),
}
_CONNECT_KINDS: Final = (
    "NodeProxyOptions",
    "PodAttachOptions",
    "PodExecOptions",
    "PodPortForwardOptions",
    "PodProxyOptions",
    "ServiceProxyOptions",
)


class GroupVersionPaths:
    """Builds the paths of one group-version.

    Invariants: pure; equal arguments give equal documents.
    """

    def __init__(self, group: str, version: str, names: Mapping[GroupVersionKind, str], patch_types: Sequence[str] = PATCH_TYPES) -> None:
        """
        Args:
            names: schema name of every kind that the operations exchange, lists included.
            patch_types: media types that PATCH takes.
        """
        self._names = names
        self._patch_types = patch_types
        labels = (group.removesuffix(".k8s.io") or "core").split(".")
        self._word = "".join(label.capitalize() for label in labels) + version.capitalize()
        self._tag = f"{labels[0]}{''.join(label.capitalize() for label in labels[1:])}_{version}"
        self._prefix = f"/apis/{group}/{version}" if group else f"/api/{version}"

    def build(self, resources: Iterable[ResourceType]) -> Document:
        """Return the paths of the group-version's own list and of every resource, sorted."""
        paths: Document = {f"{self._prefix}/": self._resource_list()}
        for resource in resources:
            self._add_resource(paths, resource)
        return dict(sorted(paths.items()))

    def _resource_list(self) -> Document:
        operation = self._operation(f"get{self._word}APIResources", "the resources of this group and version")
        operation["responses"] = _responses(_ref(META + "APIResourceList"))
        return {"get": operation}

    def _add_resource(self, paths: Document, resource: ResourceType) -> None:
        collection = f"{self._prefix}/namespaces/{{namespace}}/{resource.plural}" if resource.namespaced else resource.collection_path()
        operations = self._collection_operations(resource)
        if operations:
            paths[collection] = {**operations, "parameters": _path_parameters(collection)}
        if resource.namespaced and "list" in resource.verbs:
            everywhere = self._list_operation(resource, f"list{self._word}{resource.kind}ForAllNamespaces")
            paths[resource.collection_path()] = {"get": everywhere, "parameters": _path_parameters("")}
        item = f"{collection}/{{name}}"
        operations = {
            _METHODS[verb]: self._item_operation(resource, verb) for verb in _METHODS if verb in resource.verbs and verb != "create"
        }
        if operations:
            paths[item] = {**operations, "parameters": _path_parameters(item)}
        for sub in resource.subresources:
            self._add_subresource(paths, f"{item}/{sub.name}", resource, sub)

    def _collection_operations(self, resource: ResourceType) -> Document:
        scoped = _scoped(resource)
        operations: Document = {}
        if "list" in resource.verbs:
            operations["get"] = self._list_operation(resource, f"list{self._word}{scoped}")
        if "create" in resource.verbs:
            operations["post"] = self._write("create", f"create{self._word}{scoped}", resource.gvk)
        if "deletecollection" in resource.verbs:
            operation = self._operation(
                f"delete{self._word}Collection{scoped}", f"delete the {resource.kind} objects that match", _DELETE_COLLECTION
            )
            operation["requestBody"] = _body(("*/*",), _ref(META + "DeleteOptions"), required=False)
            operation["responses"] = _responses(_ref(META + "Status"))
            operations["delete"] = _marked(operation, "deletecollection", resource.gvk)
        return operations

    def _list_operation(self, resource: ResourceType, operation_id: str) -> Document:
        operation = self._operation(operation_id, f"list or watch {resource.kind} objects", _LIST)
        schema = _ref(self._names[resource.group, resource.version, resource.list_kind])
        operation["responses"] = _responses(schema, media_types=(JSON, f"{JSON};stream=watch"))
        return _marked(operation, "list", resource.gvk)

    def _item_operation(self, resource: ResourceType, verb: str) -> Document:
        operation_id = f"{_ACTION_WORDS[verb]}{self._word}{_scoped(resource)}"
        if verb == "delete":
            operation = self._operation(operation_id, f"delete a {resource.kind}", _DELETE)
            operation["requestBody"] = _body(("*/*",), _ref(META + "DeleteOptions"), required=False)
            operation["responses"] = _responses(_ref(META + "Status"), 200, 202)
            return _marked(operation, "delete", resource.gvk)
        if verb == "get":
            operation = self._operation(operation_id, f"read the {resource.kind}")
            operation["responses"] = _responses(_ref(self._names[resource.gvk]))
            return _marked(operation, "get", resource.gvk)
        return self._write(verb, operation_id, resource.gvk)

    def _write(self, verb: str, operation_id: str, gvk: GroupVersionKind, what: str = "") -> Document:
        """Return a create, update or patch operation that exchanges the kind `gvk`."""
        operation = self._operation(operation_id, f"{_ACTION_WORDS[verb]} {what or 'the'} {gvk[2]}", _VERB_PARAMETERS[verb])
        schema = _ref(self._names[gvk])
        if verb == "patch":
            operation["requestBody"] = _body(self._patch_types, _ref(META + "Patch"))
        else:
            operation["requestBody"] = _body(("*/*",), schema)
        operation["responses"] = _responses(schema, *((200, 201, 202) if verb == "create" else (200, 201)))
        return _marked(operation, _ACTIONS[verb], gvk)

    def _add_subresource(self, paths: Document, path: str, resource: ResourceType, sub: Subresource) -> None:
        word = f"{_scoped(resource)}{sub.name.capitalize()}"
        gvk = (sub.group, sub.version, sub.kind)
        parameters = _SUBRESOURCE_PARAMETERS.get(sub.name, ())
        if sub.kind in _CONNECT_KINDS:
            methods = _PROXY_METHODS if sub.name == "proxy" else tuple(_METHODS[verb] for verb in sub.verbs)
            self._add_connect(paths, path, word, gvk, methods, parameters)
            return
        operations: Document = {}
        for verb in sub.verbs:
            operation_id = f"{_ACTION_WORDS[verb]}{self._word}{word}"
            if verb != "get":
                operations[_METHODS[verb]] = self._write(verb, operation_id, gvk, f"the {sub.name} of the {resource.kind} as")
                continue
            operation = self._operation(operation_id, f"read the {sub.name} of the {resource.kind}", parameters)
            schema = {"type": "string"} if sub.name == "log" else _ref(self._names[gvk])
            operation["responses"] = _responses(schema, media_types=("text/plain",) if sub.name == "log" else (JSON,))
            operations["get"] = _marked(operation, "get", gvk)
        paths[path] = {**operations, "parameters": _path_parameters(path)}

    def _add_connect(
        self, paths: Document, path: str, word: str, gvk: GroupVersionKind, methods: Sequence[str], parameters: Sequence[str]
    ) -> None:
        suffixes = {path: ""} if "path" not in parameters else {path: "", f"{path}/{{path}}": "WithPath"}
        for full_path, suffix in suffixes.items():
            operations: Document = {}
            for method in methods:
                operation_id = f"connect{self._word}{method.capitalize()}{word}{suffix}"
                operation = self._operation(operation_id, f"connect {method.upper()} requests", parameters if not suffix else ())
                operation["responses"] = _responses({"type": "string"}, media_types=("*/*",))
                operations[method] = _marked(operation, "connect", gvk)
            paths[full_path] = {**operations, "parameters": _path_parameters(full_path)}

    def _operation(self, operation_id: str, description: str, parameters: Sequence[str] = ()) -> Document:
        operation: Document = {"tags": [self._tag], "description": description, "operationId": operation_id}
        if parameters:
            operation["parameters"] = [_query_parameter(name) for name in sorted(parameters)]
        return operation


def document(version: str, paths: Document, schemas: Document) -> Document:
    """Return an OpenAPI v3 document of `version` (of the API as a whole, `v1.36.0`)."""
    scheme = {"type": "apiKey", "description": "Bearer token", "name": "authorization", "in": "header"}
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": version},
        "paths": paths,
        "components": {"schemas": dict(sorted(schemas.items())), "securitySchemes": {"BearerToken": scheme}},
    }


def references(value: Any) -> set[str]:
    """Return the names of the schemas that `value`, a part of a v3 document, refers to directly."""
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
    """Return the schemas called `roots` and all that they refer to.

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


def _ref(name: str) -> Document:
    return {"$ref": SCHEMA_PREFIX + name}


def _scoped(resource: ResourceType) -> str:
    return f"Namespaced{resource.kind}" if resource.namespaced else resource.kind


def _marked(operation: Document, action: str, gvk: GroupVersionKind) -> Document:
    group, version, kind = gvk
    operation["x-kubernetes-action"] = action
    operation["x-kubernetes-group-version-kind"] = {"group": group, "version": version, "kind": kind}
    return operation


def _query_parameter(name: str) -> Document:
    kind, description = _PARAMETERS[name]
    return {"name": name, "in": "query", "description": description, "schema": {"type": kind, "uniqueItems": True}}


def _path_parameters(path: str) -> list[Document]:
    """Return the parameters that all operations on a path share."""
    texts = {"name": "name of the object", "namespace": "namespace of the object", "path": "path to pass on to the target"}
    shared = [
        {"name": name, "in": "path", "description": text, "required": True, "schema": {"type": "string", "uniqueItems": True}}
        for name, text in texts.items()
        if f"{{{name}}}" in path
    ]
    return shared if "/proxy" in path else [*shared, _query_parameter("pretty")]


def _body(media_types: Sequence[str], schema: Document, *, required: bool = True) -> Document:
    body: Document = {"content": {media_type: {"schema": schema} for media_type in media_types}}
    return {**body, "required": True} if required else body


def _responses(schema: Document, *codes: int, media_types: Sequence[str] = (JSON,)) -> Document:
    texts = {200: "OK", 201: "Created", 202: "Accepted"}
    content = {media_type: {"schema": schema} for media_type in media_types}
    answers: Document = {str(code): {"description": texts[code], "content": content} for code in codes or (200,)}
    return {**answers, "401": {"description": "Unauthorized"}}
