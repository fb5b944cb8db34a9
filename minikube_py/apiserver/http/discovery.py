"""Discovery over HTTP: which document a request gets, in which coding, and the headers of those that clients keep.

Source: k8s.io/apiserver/pkg/endpoints/discovery/aggregated (wrapper.go, negotiation.go, etag.go), pkg/endpoints/discovery
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from ..accept import Clause, parse_accept
from ..discovery import Discovery
from ..discovery_documents import AGGREGATED_GROUP, AGGREGATED_KIND, AGGREGATED_VERSION
from .negotiation import JSON, JSON_TYPE, PROTOBUF_TYPE, YAML_TYPE, Coding, Form, Negotiated, negotiate_status, not_acceptable, wants_pretty
from .query import Query
from .responses import encoded

ROOTS: Final = ("/api", "/apis")
_YAML: Final = Negotiated(Form.OBJECT, Coding.YAML)
_AGGREGATED: Final = {"g": AGGREGATED_GROUP, "v": AGGREGATED_VERSION, "as": AGGREGATED_KIND}
_SUFFIX: Final = "".join(f";{name}={value}" for name, value in _AGGREGATED.items())


def respond(discovery: Discovery, http: web.BaseRequest, path: str, query: Query) -> web.Response | None:
    """The answer to a GET of a discovery path; None if nothing is served there.

    Raises: NotAcceptableError.
    """
    path = path.rstrip("/")
    accept = http.headers.get("Accept", "")
    pretty = wants_pretty(query, http.headers.get("User-Agent", ""))
    aggregated = negotiate_aggregated(accept) if path in ROOTS else None
    if aggregated is not None:
        return _aggregated(discovery, http, path, aggregated, pretty=pretty)
    body = discovery.legacy(path)
    if body is None:
        return None
    negotiated = negotiate_status(accept)
    if negotiated is None:
        raise not_acceptable((JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE))
    return encoded(body + b"\n", negotiated, pretty=pretty or negotiated.pretty)


def negotiate_aggregated(accept: str) -> Negotiated | None:
    """The coding of the aggregated document, if a client takes that at all: it is then preferred to the legacy one, whatever the order."""
    for clause in parse_accept(accept):
        if _is_aggregated(clause):
            if clause.matches(JSON_TYPE):
                return JSON
            if clause.matches(YAML_TYPE):
                return _YAML
    return None


def _is_aggregated(clause: Clause) -> bool:
    return all(clause.parameters.get(name) == value for name, value in _AGGREGATED.items())


def _aggregated(discovery: Discovery, http: web.BaseRequest, path: str, negotiated: Negotiated, *, pretty: bool) -> web.Response:
    document = discovery.aggregated(path)
    if http.headers.get("If-None-Match", "") == document.etag:
        response = web.Response(status=304)
    else:
        response = encoded(document.body + b"\n", negotiated, pretty=pretty)
        response.headers["Content-Type"] += _SUFFIX
    response.headers["ETag"] = document.etag
    response.headers["Vary"] = "Accept"
    response.headers["Cache-Control"] = "public"
    return response
