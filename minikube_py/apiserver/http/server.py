"""The API server's front door: TLS, who, may they, and which handler.

Owns the order of things for each request: identity, authorization, dispatch, and what an error looks like. Handlers know nothing of
connections; this knows nothing of objects.
Source: k8s.io/apiserver/pkg/server/config.go (DefaultBuildHandlerChain)
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, cast
from urllib.parse import unquote

from aiohttp import web

from minikube_py.apis.resources import BY_GVR, DEPRECATED
from minikube_py.apis.scheme import encode
from minikube_py.apis.syntax import quote
from minikube_py.core.errors import (
    InternalError,
    StatusError,
    TimeoutStatusError,
    UnauthorizedError,
    UnknownPathError,
    UnreasonedError,
    internal,
    unknown_method,
    unknown_path,
)

from ..audit.auditor import Auditor, is_long_running
from ..authentication.user import ANONYMOUS, UserInfo
from ..authorization.attributes import Attributes, Authorizer, forbidden, forbidden_resource, sanitized
from ..authorization.impersonation import Impersonation
from ..authorization.impersonation_headers import is_impersonation
from ..enablement import ALL, Enablement
from ..flow_control.flow_control import FlowControl
from ..flow_control.queue_set import RejectedError
from ..registry import Registry
from .connection import Connections
from .deadlines import LATE, Deadlines
from .handlers import Handlers
from .http_request import HttpRequest
from .lifecycle import Lifecycle
from .list_options import selected_name, selectors_of
from .metrics import APPLY_TYPES, Series, ServerMetrics, Target
from .negotiation import wants_pretty
from .paths import Paths
from .query import Query, parse_query
from .request import Request
from .request_info import RequestInfo
from .responses import compressed, not_found_page, status_response, text_error
from .virtual_resources import VirtualResources

log = logging.getLogger(__name__)

Authenticate = Callable[[Any], Awaitable[UserInfo]]
# Answers a resource request that is a stream (logs, exec, proxy): (request, info, query) -> response.
Stream = Callable[[web.BaseRequest, RequestInfo, Query], Awaitable[web.StreamResponse]]
# Answers a path outside of the API, with an authentication of its own (joining, tunnels).
Extra = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

STREAMS = frozenset({
    ("pods", "log"), ("pods", "exec"), ("pods", "attach"), ("pods", "portforward"), ("pods", "proxy"), ("services", "proxy"),
    ("nodes", "proxy"),
})
# Streams that change something although their method may be GET: they need the verb create too.
# Source: feature AuthorizePodWebsocketUpgradeCreatePermission, kubernetes.io/docs/reference/command-line-tools-reference/feature-gates/
CONNECT = frozenset({"exec", "attach", "portforward"})
# Verbs of requests that selectors restrict.
COLLECTION_VERBS = frozenset({"list", "watch", "deletecollection"})
# Seconds that a request may take at most, and so that the end of the server waits. Source: kube-apiserver --request-timeout
REQUEST_TIMEOUT_S = 60.0
# Seconds that the rest of a body may take that nobody wants any more. Source: Go's net/http (rstAvoidanceDelay)
LINGER_S = 0.5
# Seconds that requests that may last (exec, logs) are given at the end.
SHUTDOWN_GRACE_S = 0.5
# The status in metrics of a request whose client went away. Source: k8s.io/apiserver/pkg/endpoints/metrics
CLIENT_GONE = 499
# Source: k8s.io/apiserver/pkg/endpoints/metrics/metrics.go (deprecatedAnnotationKey)
DEPRECATED_MARK = "k8s.io/deprecated"


class ApiServer:
    """The HTTP server of the API.

    Args:
        authenticate: who sends a request. Raises: UnauthorizedError.
        streams: the handler of stream subresources, or None where there is no way to nodes.
        paths: answers what is no resource.
        virtual: answers resources that nothing is stored of.
        auditor: records requests; None where none are.
        flow_control: gives requests their turns; None where all go on at once.
        enablement: which of the built-in resources are served.

    Attributes:
        lifecycle: whether the server goes on.
        metrics: what it counts.
        impersonation: who may act as whom.
    """

    def __init__(
        self, registry: Registry, handlers: Handlers, *, authenticate: Authenticate, authorizer: Authorizer, paths: Paths,
        metrics: ServerMetrics, lifecycle: Lifecycle, virtual: VirtualResources, streams: Stream | None = None,
        auditor: Auditor | None = None, flow_control: FlowControl | None = None, enablement: Enablement = ALL,
    ) -> None:
        self._registry = registry
        self._groups, self._disabled = enablement.groups, enablement.disabled
        self._handlers = handlers
        self._authenticate = authenticate
        self._authorizer = authorizer
        self.impersonation = Impersonation(authorizer)
        self._paths = paths
        self.metrics = metrics
        self.lifecycle = lifecycle
        self._virtual = virtual
        self._streams = streams
        self._auditor = auditor
        self._flow_control = flow_control
        self._extras: dict[str, Extra] = {}
        self._server: web.Server | None = None
        self._listeners: list[asyncio.Server] = []
        self._busy: set[Any] = set()
        self._deadlines = Deadlines(REQUEST_TIMEOUT_S)

    def add_extra(self, path: str, extra: Extra) -> None:
        """Let `extra` answer a path outside of the API."""
        self._extras[path] = extra

    async def listen(self, host: str, port: int, context: ssl.SSLContext | None) -> int:
        """Accept connections on an address; return the port.

        Raises: OSError if the address cannot be had.
        """
        loop = asyncio.get_running_loop()
        if self._server is None:
            factory = partial(HttpRequest, loop)
            # aiohttp's types do not know that requests are what the factory makes.
            self._server = Connections(
                cast(Any, self._serve), request_factory=factory, handler_cancellation=True, access_log=None, keepalive_timeout=180.0,
                auto_decompress=False, lingering_time=LINGER_S,
            )
        listener = await loop.create_server(self._server, host, port, ssl=context, backlog=1024, reuse_address=True)
        self._listeners.append(listener)
        return int(listener.sockets[0].getsockname()[1])

    async def drain(self) -> None:
        """Refuse new requests and let running ones end, but for those that may last; may be called twice."""
        if not self.lifecycle.send_retry_after:
            self._stop_listening()
        self._close_idle()
        await self.lifecycle.wait_drained(REQUEST_TIMEOUT_S)

    async def close(self) -> None:
        """Stop accepting and end every connection."""
        self._stop_listening()
        if self._server is not None:
            self._close_idle()
            await self._server.shutdown(SHUTDOWN_GRACE_S)

    def _stop_listening(self) -> None:
        for listener in self._listeners:
            listener.close()

    def _close_idle(self) -> None:
        """Close connections without a request; the others close with their answers."""
        if self._server is not None:
            for connection in self._server.connections:
                if connection not in self._busy:
                    connection.force_close()

    async def _serve(self, http: HttpRequest) -> web.StreamResponse:
        raw_path, _, query_text = http.raw_path.partition("?")
        query = parse_query(query_text)
        target = self.metrics.target(http.method, raw_path, query_text != "" and query.flag("watch"))
        info, series, lifecycle = target.info, target.series, self.lifecycle
        if lifecycle.draining:
            refusal = lifecycle.refuse(http, info.path)
            if refusal is not None:
                return refusal
        if query_text or http.method == "PATCH":
            series = self._series(http, target, query)
        started = time.monotonic()
        in_flight = self.metrics.in_flight.get(target.kind)
        # Asking for the loop that runs costs a system call.
        task = asyncio.current_task(http._loop) if in_flight is not None else None
        if in_flight is not None:
            in_flight.enter(started)
            lifecycle.running += 1
        else:
            series.running += 1
        connection = http.protocol
        self._busy.add(connection)
        code = CLIENT_GONE
        response: web.StreamResponse | None = None
        try:
            code, response = await self._outcome(http, info, query, task)
            if self._auditor is not None and (written := self._auditor.written()) is not None:
                await written
            if http.record is not None and http.record.posted is not None:
                await http.record.wait_posted()
        finally:
            if http.ticket is not None:
                http.ticket.finish()
            self._busy.discard(connection)
            if in_flight is not None:
                in_flight.running -= 1
                lifecycle.left()
                if code == CLIENT_GONE:
                    series.aborts += 1
            else:
                series.running -= 1
            series.observe(code, time.monotonic() - started, _size(http, response) if series.sizes is not None else 0)
        if lifecycle.draining:
            response.force_close()
        return response

    async def _outcome(
        self, http: HttpRequest, info: RequestInfo, query: Query, task: asyncio.Task[Any] | None
    ) -> tuple[int, web.StreamResponse]:
        """The code by which a request is counted, and its answer, whatever happens.

        Cancellation: the client has gone, which is recorded.
        """
        try:
            if task is not None:
                self._deadlines.begin(task, query.text("timeout"))
            response = await self._answer(http, info, query)
            if http.record is not None:
                http.record.answered(response)
            return response.status, await compressed(http, response)
        except StatusError as error:
            if http.record is not None:
                http.record.complete(error.code, error)
            return error.code, self._error_response(http, error)
        except ConnectionError:
            # The client went away.
            if http.record is not None:
                http.record.cut()
            return CLIENT_GONE, _cut(http)
        except asyncio.CancelledError:
            if task is None or not self._deadlines.take_back(task):
                if http.record is not None:
                    http.record.cut()
                raise
            late = TimeoutStatusError(LATE, details={})
            if http.record is not None:
                http.record.complete(late.code, late)
            return late.code, _late_response(http, late)
        except Exception as error:
            log.exception("request failed method=%s path=%s", http.method, http.raw_path)
            if http.record is not None:
                http.record.panicked(error)
            return 500, self._error_response(http, InternalError(f"Internal error occurred: {error}"))
        finally:
            if task is not None:
                self._deadlines.finish(task)

    def _series(self, http: web.BaseRequest, target: Target, query: Query) -> Series:
        """Where a request is counted whose target alone does not say it."""
        apply = http.method == "PATCH" and http.headers.get("Content-Type", "").startswith(APPLY_TYPES)
        dry_run = query.has("dryRun")
        return self.metrics.series(target.info, apply=apply, dry_run=dry_run) if apply or dry_run else target.series

    async def _answer(self, http: HttpRequest, info: RequestInfo, query: Query) -> web.StreamResponse:
        extra = self._extras.get(info.path)
        if extra is not None:
            if self._auditor is not None:
                await self._begin_record(http, info, self._auditor)
            return await extra(http)
        user = await self._authenticate(http) if self._auditor is None else await self._authenticate_audited(http, info, self._auditor)
        if is_impersonation(http.headers):
            acting = await self.impersonation.acting(http.headers, self._attributes(user, info, query))
            if acting is not None:
                user = acting.user
                if http.record is not None:
                    http.record.impersonated(user, acting.constraint)
        if self._flow_control is not None and (info.verb == "watch" or not is_long_running(info)):
            refusal = await self._take_turn(http, self._flow_control, user, info, query)
            if refusal is not None:
                return refusal
        decision_failed = await self._authorize(http, user, info, query)
        if decision_failed is not None:
            return decision_failed
        if not info.is_resource:
            return await self._paths.respond(http, info.path, query)
        if info.path.startswith("//"):
            # Permissions are told of what it would be with one slash; but there is no such path.
            raise unknown_path()
        if self._disabled and (info.group, info.version, info.resource) in self._disabled:
            raise unknown_path()
        storage = self._registry.storage(info.group, info.version, info.resource)
        resource = storage.resource if storage is not None else BY_GVR.get((info.group, info.version, info.resource))
        if resource is None or (info.namespace and not resource.namespaced and not _names_namespace(info)):
            # What has no namespace has no path in one: who may anything in a namespace is not to reach it by there.
            raise unknown_path()
        if storage is not None and storage.evolves and resource.namespaced and not info.namespace and info.verb not in ("list", "watch"):
            # Of built-in kinds it is the method that is wrong.
            raise unknown_path()
        if info.group == "" and (info.resource, info.subresource) in STREAMS:
            if self._streams is None:
                raise unknown_path()
            return await self._streams(http, info, query)
        if info.verb == "" or http.method == "HEAD":
            raise unknown_method()
        if storage.deprecation if storage is not None else resource.gvk in DEPRECATED:
            self.metrics.deprecated_asked(info)
            if http.record is not None:
                http.record.annotate(DEPRECATED_MARK, "true")
        if storage is None:
            return await self._virtual.respond(http, info, query, resource, user)
        return await self._handlers.handle(Request(http, info, query, user, storage, partial(self._authorize_create, user, info)))

    async def _take_turn(
        self, http: HttpRequest, flow_control: FlowControl, user: UserInfo, info: RequestInfo, query: Query
    ) -> web.Response | None:
        """Wait for a request's turn; the answer to one that has none."""
        try:
            ticket = flow_control.begin(user, info, query)
            if ticket.waits:
                await ticket.wait()
        except RejectedError:
            schema, level, retry_after_s = flow_control.turn_away(user, info)
            return text_error("Too many requests, please try again later.", 429, {
                "Retry-After": str(retry_after_s), "X-Kubernetes-PF-FlowSchema-UID": schema.uid,
                "X-Kubernetes-PF-PriorityLevel-UID": level.uid})
        http.ticket = ticket
        return None

    async def _authenticate_audited(self, http: HttpRequest, info: RequestInfo, auditor: Auditor) -> UserInfo:
        """Who sends a request, and the beginning of its record."""
        received = time.time()
        try:
            user = await self._authenticate(http)
        except UnauthorizedError:
            await auditor.refused(http, info, received)
            raise
        http.record = await auditor.begin(http, info, user, received)
        if http.record is not None:
            for key, value in http.remarks:
                http.record.annotate(key, value)
        return user

    async def _begin_record(self, http: HttpRequest, info: RequestInfo, auditor: Auditor) -> None:
        """Begin the record of a request for a path that lets in whom it will: who has no credentials that count here is nobody."""
        received = time.time()
        try:
            user = await self._authenticate(http)
        except UnauthorizedError:
            user = ANONYMOUS
        http.record = await auditor.begin(http, info, user, received)

    def _attributes(self, user: UserInfo, info: RequestInfo, query: Query | None) -> Attributes:
        """What a request wants; `query` says what a list, watch or deletion of a collection is restricted to."""
        name, selectors = info.name, None
        if query is not None and info.verb in COLLECTION_VERBS:
            name = name or (selected_name(query) if info.verb != "deletecollection" else "")
            selectors = selectors_of(info, query)
        return Attributes(
            user, info.verb, info.group, info.version, info.resource, info.subresource, info.namespace, name, info.path, info.is_resource,
            selectors,
        )

    async def _authorize(self, http: HttpRequest, user: UserInfo, info: RequestInfo, query: Query) -> web.Response | None:
        """Let a request pass that is allowed; the answer to one that could not be decided about.

        Raises: ForbiddenError; StatusError if a connection needs another permission, and that could not be decided about.
        """
        attributes = self._attributes(user, info, query)
        decision = await self._authorizer.authorize(attributes)
        if http.record is not None:
            http.record.decided(decision)
        if not decision.allowed:
            if decision.error:
                return text_error(sanitized(f"Internal Server Error: {quote(http.raw_path)}: {decision.error}"), 500)
            raise forbidden(attributes, decision.reason)
        if info.subresource in CONNECT and info.verb == "get":
            await self._authorize_connection(user, info)
        return None

    async def _authorize_connection(self, user: UserInfo, info: RequestInfo) -> None:
        """A WebSocket is a GET, but what it opens is created.

        Raises: StatusError unless that is allowed.
        Source: pkg/registry/core/pod/rest/authorization.go (ensureAuthorizedForVerb)
        """
        decision = await self._authorizer.authorize(self._attributes(user, replace(info, verb="create"), None))
        if not decision.allowed:
            if decision.error:
                raise UnreasonedError(decision.error)
            raise forbidden_resource(info.group, info.resource, info.name, decision.reason)

    async def _authorize_create(self, user: UserInfo, info: RequestInfo) -> None:
        """Raises: StatusError unless the target of an update may be created.

        Source: k8s.io/apiserver/pkg/endpoints/handlers/update.go (withAuthorization)
        """
        attributes = self._attributes(user, replace(info, verb="create"), None)
        decision = await self._authorizer.authorize(attributes)
        if not decision.allowed:
            if decision.error:
                raise internal(decision.error)
            raise forbidden(attributes, decision.reason)

    def _error_response(self, http: web.BaseRequest, error: StatusError) -> web.Response:
        """The Status; when an answer has begun already, its end: the rest of it cannot become an error message."""
        if http.writer.output_size:
            return _cut(http)
        if isinstance(error, UnknownPathError) and not self._is_routed(unquote(http.raw_path.partition("?")[0])):
            return not_found_page()
        headers = http.headers
        query = parse_query(http.raw_path.partition("?")[2])
        return status_response(error, headers.get("Accept", ""), pretty=wants_pretty(query, headers.get("User-Agent", "")))

    def _is_routed(self, path: str) -> bool:
        """Whether a path lies below one that upstream routes by itself, where what is not found is a Status.

        Source: k8s.io/apiserver/pkg/server/handler.go (director), pkg/server/config.go (serviceErrorHandler)
        """
        root, _, rest = path.removeprefix("/").partition("/")
        groups = self._groups
        return root == "version" or (root == "api" and "" in groups) or (root == "apis" and rest.partition("/")[0] in groups)


def _names_namespace(info: RequestInfo) -> bool:
    """Whether a path's namespace is the object itself, and not where the object is."""
    return info.resource == "namespaces" and info.namespace == info.name and f"/namespaces/{info.name}/namespaces/" not in info.path


def _late_response(http: web.BaseRequest, error: TimeoutStatusError) -> web.Response:
    """What upstream's filter of late requests writes by itself: a Status without its kind, of a type that Go guesses."""
    if http.writer.output_size:
        return _cut(http)
    status = error.status()
    del status["kind"], status["apiVersion"]
    response = web.Response(body=encode(status) + b"\n", status=error.code)
    response.headers["Content-Type"] = "text/plain; charset=utf-8"
    return response


def _cut(http: web.BaseRequest) -> web.Response:
    """End the connection. aiohttp finds nobody to send the response to."""
    if http.transport is not None:
        http.transport.abort()
    return web.Response(status=500)


def _size(http: web.BaseRequest, response: web.StreamResponse | None) -> int:
    """The bytes of an answer: sent already, or about to be."""
    body = response.body if isinstance(response, web.Response) else None
    return len(body) if isinstance(body, bytes) else http.writer.output_size
