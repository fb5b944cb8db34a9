"""Parameters of the API's operations, as OpenAPI describes them: which verb takes which.

Source: kubernetes/kubernetes api/openapi-spec/v3/*.json
"""

from __future__ import annotations

from typing import Any, Final

from .openapi_parameter_texts import QUERY

Parameter = dict[str, Any]

_PATH: Final = {
    "name": "name of the {}",
    "namespace": "object name and auth scope, such as for teams and projects",
    "path": "path to the resource",
}

LIST: Final = (
    "allowWatchBookmarks",
    "continue",
    "fieldSelector",
    "labelSelector",
    "limit",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "shardSelector",
    "timeoutSeconds",
    "watch",
)
WRITE: Final = ("dryRun", "fieldManager", "fieldValidation")
PATCH: Final = (*WRITE, "force")
DELETE: Final = (
    "dryRun",
    "gracePeriodSeconds",
    "ignoreStoreReadErrorWithClusterBreakingPotential",
    "orphanDependents",
    "propagationPolicy",
)
DELETE_COLLECTION: Final = (*DELETE, *(name for name in LIST if name not in ("allowWatchBookmarks", "watch")))
SUBRESOURCES: Final[dict[str, tuple[str, ...]]] = {
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


def query_parameter(name: str, place: str = "") -> Parameter:
    """A parameter; `place`, a verb, a subresource or a kind of options, may have its own text for it."""
    kind, description = QUERY.get(f"{place}/{name}") or QUERY[name]
    return {"name": name, "in": "query", "description": description, "schema": {"type": kind, "uniqueItems": True}}


def path_parameters(path: str, kind: str) -> list[Parameter]:
    """The parameters in the braces of a path to objects of a kind."""
    return [
        {"name": name, "in": "path", "description": text.format(kind), "required": True, "schema": {"type": "string", "uniqueItems": True}}
        for name, text in _PATH.items()
        if f"{{{name}}}" in path
    ]
