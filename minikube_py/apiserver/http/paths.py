"""Paths that are no resources: discovery, OpenAPI, health, metrics, version, debugging.

Source: k8s.io/apiserver/pkg/server/config.go (installAPI), routes/
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from minikube_py.core.errors import unknown_method, unknown_path

from ..authentication.openid_metadata import CACHE_CONTROL, OpenIdMetadata
from ..discovery import Discovery
from ..discovery_documents import version_document
from ..flow_control.dumps import PATH as DUMPS
from ..flow_control.dumps import dump
from ..flow_control.flow_control import FlowControl
from ..openapi import OpenApi
from . import discovery as discovery_http
from .debug import Debug
from .exposition import Exposition
from .health import Health
from .query import Query
from .responses import indented, json_response, raw_response
from .zpages import ZPages

OTHER_PATHS = ("/flagz", "/metrics", "/metrics/slis", "/openapi/v2", "/openapi/v3", "/openapi/v3/", "/statusz", "/version")

# Answers one path: (request) -> response.
PathHandler = Callable[[web.BaseRequest], Awaitable[web.Response]]


class Paths:
    """Answers what is no resource.

    Args:
        debug: None where nothing of its kind is served below /debug.
        flow_control: what is dumped below /debug; None where there is none.
        flags: names and values of the server's flags.
    """

    def __init__(
        self, discovery: Discovery, openapi: OpenApi, health: Health, exposition: Exposition, openid: OpenIdMetadata, debug: Debug | None,
        *, flags: dict[str, str], flow_control: FlowControl | None = None,
    ) -> None:
        self._discovery = discovery
        self._openapi = openapi
        self._health = health
        self._exposition = exposition
        self._openid = openid
        self._debug = debug
        self._flow_control = flow_control
        self._zpages = ZPages(flags, self._listed)
        self._added: dict[str, PathHandler] = {}

    def add(self, path: str, handler: PathHandler) -> None:
        """Let `handler` answer a path of this program's own, by any method, to those who may."""
        self._added[path] = handler

    async def respond(self, http: web.BaseRequest, path: str, query: Query) -> web.StreamResponse:
        """Raises: NotFoundError, MethodNotAllowedError."""
        added = self._added.get(path)
        if added is not None:
            return await added(http)
        if self._flow_control is not None and path.startswith(DUMPS):
            text = dump(self._flow_control, path, details=query.text("includeRequestDetails") != "")
            if text is None:
                raise unknown_path()
            return web.Response(text=text)
        if self._debug is not None and path.startswith("/debug/"):
            answer: web.StreamResponse | None = await self._debug.respond(http, path, query)
            if answer is None:
                raise unknown_path()
            return answer
        if self._debug is not None and path == "/metrics" and http.method == "DELETE":
            self._exposition.reset()
            return web.Response(text="metrics reset\n")
        answer = (
            self._health.respond(path, query) or self._zpages.respond(http, path, query) or await self._document(http, path, query)
        )
        if answer is None:
            raise unknown_path()
        if http.method != "GET" and _is_by_method(path):
            raise unknown_method()
        return answer

    async def _document(self, http: web.BaseRequest, path: str, query: Query) -> web.Response | None:
        headers = http.headers
        if path.startswith(("/api", "/apis")):
            found = discovery_http.respond(self._discovery, http, path, query)
            if found is not None:
                return found
        if path.startswith("/openapi"):
            document = await self._openapi.respond(
                path, dict(query.all), accept=headers.get("Accept", ""), accept_encoding=headers.get("Accept-Encoding", ""),
                if_none_match=headers.get("If-None-Match", ""),
            )
            return None if document is None else web.Response(status=document.status, headers=document.headers, body=document.body)
        told = self._openid.document(path, self._discovery.server_address)
        if told is not None:
            response = raw_response(200, *told)
            response.headers["Cache-Control"] = CACHE_CONTROL
            return response
        match path:
            case "/":
                return json_response(indented({"paths": self._listed()}))
            case "/version" | "/version/":
                return json_response(indented(version_document()))
            case "/metrics" | "/metrics/slis":
                metrics = self._exposition.metrics if path == "/metrics" else self._exposition.slis
                body, content_type = metrics(headers.get("Accept", ""))
                return raw_response(200, content_type, body)
        return None

    def _listed(self) -> list[str]:
        """The paths that `/` lists."""
        versions = self._discovery.group_versions()
        groups = sorted({f"/apis/{group}" for group, _ in versions if group})
        served = [f"/apis/{group}/{version}" if group else f"/api/{version}" for group, version in versions]
        return sorted(["/api", "/apis", "/apis/", *groups, *served, *OTHER_PATHS, *self._openid.paths, *self._health.paths()])


def _is_by_method(path: str) -> bool:
    """Whether upstream routes a path by its method too; the other paths answer to whatever method.

    Source: k8s.io/apiserver/pkg/endpoints/discovery/ (web services), k8s.io/apiserver/pkg/server/mux/pathrecorder.go
    """
    root, _, rest = path.strip("/").partition("/")
    return root in ("api", "version") or (root == "apis" and rest != "")
