"""The API server's front door: TLS, who, may they, and which handler.

Owns the order of things for each request: identity, authorization, dispatch, and what an error looks like. Handlers know nothing of
connections; this knows nothing of objects.
Source: k8s.io/apiserver/pkg/server/config.go (DefaultBuildHandlerChain)
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

from aiohttp import web

from minikube_py.apis.object import Object
from minikube_py.apis.resources import BY_GVR, GROUPS, ResourceType
from minikube_py.apis.scheme import encode, type_of
from minikube_py.core import limits
from minikube_py.core.errors import InternalError, MethodNotAllowedError, StatusError, UnknownPathError, unknown_method, unknown_path

from ..authentication.user import UserInfo
from ..authorization.attributes import Attributes, Authorizer, forbidden
from ..authorization.impersonation import impersonated, is_impersonation
from ..decoding import decode_object
from ..discovery import Discovery
from ..discovery_documents import version_document
from ..openapi import OpenApi
from ..registry import Registry
from . import discovery as discovery_http
from .handlers import Handlers, Request, content_type_of, read_body
from .health import Health
from .metrics import ServerMetrics
from .negotiation import negotiate, wants_pretty
from .query import Query, parse_query
from .request_info import RequestInfo, parse
from .responses import compressed, encoded, indented, json_response, not_found_page, status_response

log = logging.getLogger(__name__)

Authenticate = Callable[[Any], UserInfo]
# Answers a resource request that is a stream (logs, exec, proxy): (request, info, query) -> response.
Stream = Callable[[web.BaseRequest, RequestInfo, Query], Awaitable[web.StreamResponse]]
# Answers an object that is only asked, never kept (reviews): (object, user, namespace) -> object with status.
Review = Callable[[Any, UserInfo, str], Object]
# Answers paths outside of the API (join): (request, body) -> (status, content type, body); None if the path is not its own.
Extra = Callable[[web.BaseRequest, bytes], Awaitable[tuple[int, str, bytes] | None]]

STREAMS = frozenset({
    ("pods", "log"), ("pods", "exec"), ("pods", "attach"), ("pods", "portforward"), ("pods", "proxy"), ("services", "proxy"),
    ("nodes", "proxy"),
})
# Streams that change something although their method is GET: their verb is create.
CONNECT = frozenset({"exec", "attach", "portforward"})
OTHER_PATHS = ("/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/openapi/v3/", "/readyz", "/version")
SHUTDOWN_GRACE_S = 5.0


class ApiServer:
    """The HTTP server of the API.

    Args:
        authenticate: who sends a request. Raises: UnauthorizedError.
        streams: the handler of stream subresources, or None where there is no way to nodes.
        reviews: answers virtual resources.
    """

    def __init__(
        self, registry: Registry, handlers: Handlers, *, authenticate: Authenticate, authorizer: Authorizer, discovery: Discovery,
        openapi: OpenApi, health: Health, metrics: ServerMetrics, reviews: Review, streams: Stream | None = None,
    ) -> None:
        self._registry = registry
        self._handlers = handlers
        self._authenticate = authenticate
        self._authorizer = authorizer
        self._discovery = discovery
        self._openapi = openapi
        self._health = health
        self.metrics = metrics
        self._reviews = reviews
        self._streams = streams
        self._extra: Extra | None = None
        self._server: web.Server | None = None
        self._listeners: list[asyncio.Server] = []

    def add_extra(self, extra: Extra) -> None:
        """Let `extra` answer paths outside of the API, with an authentication of its own."""
        self._extra = extra

    async def listen(self, host: str, port: int, context: ssl.SSLContext | None) -> int:
        """Accept connections on an address; return the port.

        Raises: OSError if the address cannot be had.
        """
        loop = asyncio.get_running_loop()
        if self._server is None:
            factory = partial(_request, loop)
            self._server = web.Server(
                self._serve, request_factory=factory, handler_cancellation=True, access_log=None, keepalive_timeout=180.0
            )
        listener = await loop.create_server(self._server, host, port, ssl=context, backlog=1024, reuse_address=True)
        self._listeners.append(listener)
        return int(listener.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop accepting, let running requests end, close what is left."""
        for listener in self._listeners:
            listener.close()
        if self._server is not None:
            self._server.pre_shutdown()
            await self._server.shutdown(SHUTDOWN_GRACE_S)

    async def _serve(self, http: web.BaseRequest) -> web.StreamResponse:
        raw_path, _, query_text = http.raw_path.partition("?")
        query = parse_query(query_text) if len(query_text) < 2048 else Query(query_text)
        info = parse(http.method, raw_path, query_text != "" and query.flag("watch"))
        loop = asyncio.get_running_loop()
        started = loop.time()
        kind = "readOnly" if http.method in ("GET", "HEAD") else "mutating"
        in_flight = self.metrics.in_flight
        in_flight[kind] += 1
        code = 500
        try:
            response = await compressed(http, await self._answer(http, info, query))
            code = response.status
        except StatusError as error:
            code = error.code
            response = _error_response(http, error)
        except ConnectionError:
            # The client went away.
            code = 499
            response = _cut(http)
        except asyncio.CancelledError:
            code = 499
            raise
        except Exception as error:
            log.exception("request failed method=%s path=%s", http.method, http.raw_path)
            response = _error_response(http, InternalError(f"Internal error occurred: {error}"))
        finally:
            in_flight[kind] -= 1
            self.metrics.observe(info, code, loop.time() - started)
        return response

    async def _answer(self, http: web.BaseRequest, info: RequestInfo, query: Query) -> web.StreamResponse:
        if self._extra is not None and not info.is_resource:
            answer = await self._extra(http, await read_body(http))
            if answer is not None:
                return _raw(*answer)
        user = self._authenticate(http)
        if is_impersonation(http.headers):
            user = impersonated(http.headers, user, self._authorizer)
        self._authorize(user, info)
        if not info.is_resource:
            return await self._answer_path(http, info, query)
        storage = self._registry.storage(info.group, info.version, info.resource)
        resource = storage.resource if storage is not None else BY_GVR.get((info.group, info.version, info.resource))
        if resource is None:
            raise unknown_path()
        if (info.resource, info.subresource) in STREAMS:
            if self._streams is None:
                raise unknown_path()
            return await self._streams(http, info, query)
        if info.verb == "" or http.method == "HEAD":
            raise unknown_method()
        if storage is None:
            return await self._review(http, info, query, resource, user)
        return await self._handlers.handle(Request(http, info, query, user, storage, partial(self._authorize_create, user, info)))

    def _authorize(self, user: UserInfo, info: RequestInfo) -> None:
        """Raises: ForbiddenError."""
        verb = "create" if info.subresource in CONNECT and info.verb == "get" else info.verb
        attributes = Attributes(
            user, verb, info.group, info.version, info.resource, info.subresource, info.namespace, info.name, info.path, info.is_resource
        )
        decision = self._authorizer.authorize(attributes)
        if not decision.allowed:
            raise forbidden(attributes, decision.reason)

    def _authorize_create(self, user: UserInfo, info: RequestInfo) -> None:
        """Raises: ForbiddenError unless the target of a PUT may be created."""
        self._authorize(user, replace(info, verb="create"))

    async def _review(
        self, http: web.BaseRequest, info: RequestInfo, query: Query, resource: ResourceType, user: UserInfo
    ) -> web.StreamResponse:
        """Answer a resource that is only asked."""
        negotiated, pretty = negotiate(http.headers.get("Accept", "")), wants_pretty(query, http.headers.get("User-Agent", ""))
        if info.verb == "create" and resource.plural == "bindings":
            raise MethodNotAllowedError("use the binding subresource of the pod")
        if info.verb != "create" or info.name:
            if resource.plural == "componentstatuses" and info.verb == "list":
                empty = {"kind": "ComponentStatusList", "apiVersion": "v1", "metadata": {}, "items": []}
                return encoded(encode(empty), negotiated, pretty=pretty)
            raise unknown_method()
        body = await read_body(http)
        content_type = content_type_of(http)
        obj, warnings = decode_object(
            type_of(*resource.gvk), resource.group_version, resource.kind, body, content_type, query.text("fieldValidation")
        )
        obj.kind, obj.api_version = resource.kind, resource.group_version
        if resource.namespaced:
            obj.metadata.namespace = info.namespace
        answer = self._reviews(obj, user, info.namespace)
        return encoded(encode(answer), negotiated, status=201, pretty=pretty, warnings=warnings)

    async def _answer_path(self, http: web.BaseRequest, info: RequestInfo, query: Query) -> web.StreamResponse:
        """Answer a path that is no resource."""
        path, headers = info.path, http.headers
        if http.method not in ("GET", "HEAD"):
            raise unknown_method()
        health = self._health.respond(path, query)
        if health is not None:
            return health
        if path.startswith(("/api", "/apis")):
            found = discovery_http.respond(self._discovery, http, path, query)
            if found is not None:
                return found
        if path.startswith("/openapi"):
            answer = await self._openapi.respond(
                path, dict(query.all), accept=headers.get("Accept", ""), accept_encoding=headers.get("Accept-Encoding", ""),
                if_none_match=headers.get("If-None-Match", ""),
            )
            if answer is not None:
                return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
        if path.rstrip("/") == "/version":
            return json_response(indented(version_document()))
        if path == "/metrics":
            body, content_type = self.metrics.exposition(headers.get("Accept", ""))
            return _raw(200, content_type, body)
        if path == "/":
            return json_response(indented({"paths": self._paths()}))
        raise unknown_path()

    def _paths(self) -> list[str]:
        versions = self._discovery.group_versions()
        groups = sorted({f"/apis/{group}" for group, _ in versions if group})
        served = [f"/apis/{group}/{version}" if group else f"/api/{version}" for group, version in versions]
        return sorted(["/api", "/apis", "/apis/", *groups, *served, *OTHER_PATHS])


def _request(
    loop: asyncio.AbstractEventLoop, message: Any, payload: Any, protocol: Any, writer: Any, task: asyncio.Task[None]
) -> web.BaseRequest:
    """aiohttp's request, with our bound on the body."""
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=limits.REQUEST_BYTES_MAX)


def _error_response(http: web.BaseRequest, error: StatusError) -> web.Response:
    """The Status; when an answer has begun already, its end: the rest of it cannot become an error message."""
    if http.writer.output_size:
        return _cut(http)
    if isinstance(error, UnknownPathError) and not _is_routed(http.path):
        return not_found_page()
    headers = http.headers
    query = parse_query(http.raw_path.partition("?")[2])
    return status_response(error, headers.get("Accept", ""), pretty=wants_pretty(query, headers.get("User-Agent", "")))


def _is_routed(path: str) -> bool:
    """Whether a path lies below one that upstream routes by itself, where what is not found is a Status.

    Source: k8s.io/apiserver/pkg/server/handler.go (director), pkg/server/config.go (serviceErrorHandler)
    """
    root, _, rest = path.removeprefix("/").partition("/")
    return root in ("api", "version") or (root == "apis" and rest.partition("/")[0] in GROUPS)


def _cut(http: web.BaseRequest) -> web.Response:
    """End the connection. aiohttp finds nobody to send the response to."""
    if http.transport is not None:
        http.transport.abort()
    return web.Response(status=500)


def _raw(status: int, content_type: str, body: bytes) -> web.Response:
    response = web.Response(status=status, body=body)
    response.headers["Content-Type"] = content_type
    return response
