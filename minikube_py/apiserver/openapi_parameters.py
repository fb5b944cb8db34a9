"""Parameters of the API's operations, as OpenAPI describes them: a table, and which verb takes which.

The descriptions are our own; names, types and places are upstream's.

Source: kubernetes/kubernetes api/openapi-spec/v3/*.json
"""

from __future__ import annotations

from typing import Any, Final

Parameter = dict[str, Any]

# Query parameter -> (type, description).
_QUERY: Final[dict[str, tuple[str, str]]] = {
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
    "shardSelector": ("string", "Restricts the answer to objects of some shards. An alpha feature, without effect here."),
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
_PATH: Final = {"name": "name of the {}", "namespace": "namespace of the object", "path": "path to pass on to the target"}

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


def query_parameter(name: str) -> Parameter:
    kind, description = _QUERY[name]
    return {"name": name, "in": "query", "description": description, "schema": {"type": kind, "uniqueItems": True}}


def path_parameters(path: str, kind: str) -> list[Parameter]:
    """The parameters in the braces of a path to objects of a kind."""
    return [
        {"name": name, "in": "path", "description": text.format(kind), "required": True, "schema": {"type": "string", "uniqueItems": True}}
        for name, text in _PATH.items()
        if f"{{{name}}}" in path
    ]
