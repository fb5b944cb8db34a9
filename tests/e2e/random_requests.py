"""Requests for the operations of OpenAPI documents: drawn from the documents, most of them nearly right.

Most bodies are a right object with a few fields of a drawn one, or hostile values, in it (`tests/fuzz/documents.py`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import yaml
from hypothesis import strategies as st

from tests.fuzz.documents import APPLY, NAMESPACE, Map, nearly_right, patches, replaced

# Not asked for: their answers are streams, or other servers'.
STREAMS = ("/watch/", "/proxy", "/log", "/exec", "/attach", "/portforward")
QUERIES: dict[str, tuple[str, ...]] = {
    "labelSelector": ("app=web", "app in (web),!x", "a!=", "x,", "=", "a=b=c"), "limit": ("1", "0", "-1", "x"), "continue": ("x", "e30"),
    "fieldSelector": ("metadata.name=web", "metadata.namespace!=default", "spec.nodeName=", "a=b", "\\"),
    "resourceVersion": ("0", "1", "99999999999", "x"), "resourceVersionMatch": ("Exact", "NotOlderThan", "x"), "dryRun": ("All", "x"),
    "fieldManager": ("fuzz", "a" * 200, "\x07"), "fieldValidation": ("Strict", "Warn", "Ignore", "x"), "force": ("true", "false", "x"),
    "pretty": ("true", "1"), "propagationPolicy": ("Foreground", "Background", "Orphan", "x"), "gracePeriodSeconds": ("0", "-1", "1", "x"),
    "timeoutSeconds": ("1", "-1", "x"), "sendInitialEvents": ("true", "x"), "allowWatchBookmarks": ("true", "x"),
}
ACCEPTED = (
    "application/json", "application/json", "application/json", "application/yaml", "application/json;as=Table;v=v1;g=meta.k8s.io",
    "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", "application/vnd.kubernetes.protobuf,application/json", "text/plain",
    "",
)


@dataclass(frozen=True)
class Sent:
    """One request.

    Attributes:
        case: what schemathesis drew, which knows what answers the document allows.
    """

    case: Any
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes | None

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.query} {self.headers} {(self.body or b'')[:1500]!r}"


@st.composite
def requests_of(draw: st.DrawFn, operation: Any, right: Map | None) -> Sent:
    """Requests for an operation.

    Args:
        right: an object of its kind that exists.
    """
    case = draw(operation.as_strategy())
    name = right["metadata"].get("name", "x") if right is not None else "x"
    path = operation.path
    for parameter, value in (case.path_parameters or {}).items():
        if parameter == "namespace":
            value = draw(st.sampled_from((NAMESPACE,) * 15 + (value,)))
        elif parameter == "name":
            value = draw(st.sampled_from((name, name, name, value)))
        path = path.replace(f"{{{parameter}}}", quote(str(value), safe="") or "x")
    query = _query(draw, case)
    headers = {"Accept": draw(st.sampled_from(ACCEPTED))}
    body = None
    if operation.method.upper() != "GET" and case.media_type:
        document, headers["Content-Type"] = _body(draw, operation, case, right)
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        if case.media_type == APPLY and draw(st.integers(0, 7)):
            query["fieldManager"] = "fuzz"
    return Sent(case, operation.method.upper(), path, query, headers, body)


def _query(draw: st.DrawFn, case: Any) -> dict[str, str]:
    """At most two of the drawn parameters: with more, one that is wrong hides the rest."""
    drawn = case.query or {}
    query = {}
    for name in draw(st.lists(st.sampled_from(sorted(drawn)), max_size=2, unique=True)) if drawn else ():
        known = QUERIES.get(name)
        query[name] = draw(st.sampled_from(known)) if known and draw(st.integers(0, 3)) else _text(drawn[name])
    return query


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _body(draw: st.DrawFn, operation: Any, case: Any, right: Map | None) -> tuple[Any, str]:
    """The body and its media type."""
    media_type = "application/json" if case.media_type == "*/*" else case.media_type
    drawn = case.body if isinstance(case.body, dict | list | str | int | float | bool | None) else None
    if right is None or operation.method == "delete" or not draw(st.integers(0, 5)):
        return drawn, media_type
    if operation.method == "patch":
        return draw(patches(media_type, right)), media_type
    document = draw(nearly_right(right, drawn))
    if operation.method == "post" and "name" in right["metadata"] and draw(st.booleans()):
        document = replaced(document, ("metadata", "name"), f"made-{draw(st.integers(0, 1000))}")
    if draw(st.integers(0, 9)) == 0:
        return yaml.safe_dump(document, allow_unicode=True).encode(), "application/yaml"
    return document, media_type
