"""What a URL asks for.

Source: k8s.io/apiserver/pkg/endpoints/request/requestinfo.go
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

METHOD_VERBS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
# Subresources of a namespace itself: everything else below it is a resource in it.
NAMESPACE_SUBRESOURCES = frozenset({"status", "finalize"})


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """A request's target.

    Attributes:
        verb: of RBAC: get, list, watch, create, update, patch, delete, deletecollection; for non-resource paths the method in
            lower case.
        rest: what follows the subresource (the path of a proxy request).
        verb_in_path: whether the path says that it is a watch, as it was done once.
    """

    is_resource: bool
    path: str
    verb: str
    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""
    verb_in_path: bool = False


def parse(method: str, raw_path: str, watch: bool) -> RequestInfo:
    """Take a path apart.

    Args:
        raw_path: the path as sent, percent-encoded, without query.
        watch: whether the query asks for a watch.
    """
    path = unquote(raw_path)
    other = RequestInfo(False, path, method.lower())
    # Upstream takes the decoded path apart, so that an encoded slash is one like any other. Segments may be empty.
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) >= 3:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) >= 4:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return other
    old_watch = rest[0] == "watch" and len(rest) > 1
    if old_watch:
        rest = rest[1:]
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in NAMESPACE_SUBRESOURCES:
            rest = rest[2:]
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else ""
    verb = METHOD_VERBS.get(method, "")
    if verb == "get" and (old_watch or (watch and not name)):
        verb = "watch"
    elif not name and verb in ("get", "delete"):
        verb = "list" if verb == "get" else "deletecollection"
    return RequestInfo(True, path, verb, group, version, namespace, rest[0], name, subresource, "/".join(rest[3:]), old_watch)
