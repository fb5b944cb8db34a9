"""The node's HTTPS API: health, pods, logs, commands, attaching and port forwarding.

Who gets in says `auth/`. What comes by the node's tunnel is the API server itself, which nobody has to ask about. Paths and parameters are
kubelet's.

Source: kubernetes pkg/kubelet/server/server.go, auth.go.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from minikube_py.apis import core_v1
from minikube_py.apis.scheme import encode
from minikube_py.client.interface import Client
from minikube_py.core.clock import SYSTEM_CLOCK, Clock, duration, parse_rfc3339
from minikube_py.core.errors import BadRequestError, InternalError, NotFoundError, StatusError
from minikube_py.core.tunnel.handshake import SERVER
from minikube_py.cri.errors import CriError, CriNotFoundError

from .auth.authentication import Authentication
from .auth.authorization import Authorization, DeniedError, ReviewError
from .auth.options import AuthOptions
from .channel_stream import exit_status, failure, success
from .command_stream import Wanted, open_stream
from .container_status import AnyContainer
from .kubelet import Kubelet
from .log_reader import LogOptions, read_log
from .metrics import exposition
from .pod_killer import find_container
from .port_forward import forward_ports
from .runtime_state import ContainerInfo
from .spdy_command import check_upgrade

log = logging.getLogger(__name__)

# Errors of these are plain text. Source: k8s.io/kubelet/pkg/cri/streaming/errors.go
STREAM_PATHS = ("/exec/", "/attach/", "/portForward/")
SHUTDOWN_TIMEOUT_S = 2.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class KubeletServer:
    """Serves a Kubelet's API.

    Args:
        ssl_context: asks clients for a certificate without insisting. None serves plain HTTP to whoever comes, for tests.
        client: asks the API server who somebody is and what he may do.
        families: gives what `/metrics` tells, for the Prometheus library.

    Attributes:
        port: at which it listens once `ready` is set.
    """

    def __init__(
        self, kubelet: Kubelet, ssl_context: ssl.SSLContext | None, client: Client, *, address: str = "",
        families: Callable[[], Iterable[Any]] = tuple, clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        auth = AuthOptions.of(kubelet.options)
        self._authentication = Authentication(client, auth)
        self._authorization = Authorization(client, kubelet.options.node_name, auth)
        self.ready = asyncio.Event()
        self.port = kubelet.options.port
        self._kubelet = kubelet
        self._families = families
        self._ssl_context = ssl_context
        self._address = address or kubelet.options.argument("address", "0.0.0.0")
        self._clock = clock
        self._runner: web.AppRunner | None = None

    async def run(self) -> None:
        """Serve until cancelled."""
        runner = web.AppRunner(self.app(), handler_cancellation=True, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT_S)
        await runner.setup()
        self._runner = runner
        try:
            site = web.TCPSite(runner, self._address, self.port, ssl_context=self._ssl_context, reuse_address=True)
            await site.start()
            self.port = runner.addresses[0][1]
            self.ready.set()
            await asyncio.get_running_loop().create_future()
        finally:
            await runner.cleanup()
            await self._authentication.close()
            await self._authorization.close()

    async def connection(self) -> asyncio.BaseProtocol:
        """A new connection to this server that comes by another way than its port.

        Raises: ConnectionRefusedError if it does not serve.
        """
        await self.ready.wait()
        if self._runner is None or self._runner.server is None:
            raise ConnectionRefusedError("the kubelet does not serve")
        return self._runner.server()

    def app(self) -> web.Application:
        """The application, without its listener."""
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/pods", self._pods)
        app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._logs)
        for path, handler in (
            ("exec/{namespace}/{pod}/{container}", self._exec), ("attach/{namespace}/{pod}/{container}", self._attach),
            ("portForward/{namespace}/{pod}", self._port_forward),
        ):
            app.router.add_get(f"/{path}", handler)
            app.router.add_post(f"/{path}", handler)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Keep strangers out and answer errors as metav1.Status."""
        try:
            refused = await self._refused(request)
            if refused is not None:
                return refused
            return await handler(request)
        except StatusError as error:
            if request.path.startswith(STREAM_PATHS):
                # Clients put "unable to upgrade connection" before it.
                return web.Response(text=error.message, status=error.code)
            return web.json_response(error.status(), status=error.code)
        except CriError as error:
            status = NotFoundError(error.message) if isinstance(error, CriNotFoundError) else InternalError(error.message)
            if request.path.startswith(STREAM_PATHS):
                return web.Response(text=error.message, status=status.code)
            return web.json_response(status.status(), status=status.code)

    async def _refused(self, request: web.Request) -> web.Response | None:
        """The answer to who may not come in; None to everybody else.

        Source: pkg/kubelet/server/server.go (InstallAuthFilter)
        """
        if self._ssl_context is None or request.get_extra_info(SERVER) is not None:
            return None
        user = await self._authentication.authenticate(request)
        if user is None:
            return web.Response(text="Unauthorized", status=401)
        try:
            await self._authorization.authorize(user, request.method, request.path)
        except DeniedError as error:
            return web.Response(text=str(error), status=403)
        except ReviewError as error:
            log.warning("%s reason=%s", error, error.__cause__)
            return web.Response(text=str(error), status=500)
        return None

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _metrics(self, request: web.Request) -> web.Response:
        body, content_type = exposition(request.headers.get("Accept", ""), self._families)
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _pods(self, request: web.Request) -> web.Response:
        body = b'{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[' + b",".join(map(encode, self._kubelet.workers.pods())) + b"]}"
        return web.Response(body=body, content_type="application/json")

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        pod, container = self._target(request)
        options = self._log_options(request.query)
        info = self._log_source(pod, container, previous=_truth(request.query, "previous"))
        chunks = read_log(Path(info.log_path), options, lambda: self._kubelet.cache.wait_exited(info.id))
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        response.enable_chunked_encoding()
        try:
            await response.prepare(request)
            async for chunk in chunks:
                await response.write(chunk)
            await response.write_eof()
        except FileNotFoundError:
            log.info("log file is gone path=%s", info.log_path)
        except ConnectionError:
            log.debug("log reader is gone path=%s", info.log_path)
        finally:
            await chunks.aclose()
        return response

    def _log_options(self, query: Mapping[str, str]) -> LogOptions:
        since = None
        try:
            if query.get("sinceTime"):
                since = parse_rfc3339(query["sinceTime"])
            elif query.get("sinceSeconds"):
                since = self._clock.now() - duration(int(query["sinceSeconds"]))
            tail, limit = query.get("tailLines"), query.get("limitBytes")
            stream = query.get("stream", "").lower()
            return LogOptions(
                follow=_truth(query, "follow"), tail_lines=int(tail) if tail else None, since=since, timestamps=_truth(query, "timestamps"),
                limit_bytes=int(limit) if limit else None, stream=stream if stream in ("stdout", "stderr") else "",
            )
        except ValueError as error:
            raise BadRequestError(f"unable to decode log options: {error}") from error

    def _log_source(self, pod: core_v1.Pod, container: AnyContainer, *, previous: bool) -> ContainerInfo:
        """The container whose log is meant."""
        state = self._kubelet.workers.state(pod.metadata.uid)
        attempts = self._kubelet.cache.get(pod.metadata.uid).attempts(container.name)
        waiting = state.reasons.get(container.name) if state is not None else None
        if previous:
            older = attempts if attempts and not attempts[0].running and waiting is not None else attempts[1:]
            found = next((info for info in older if info.phase == "exited"), None)
            if found is None:
                raise BadRequestError(f'previous terminated container "{container.name}" in pod "{pod.metadata.name}" not found')
            return found
        found = next((info for info in attempts if info.phase in ("running", "exited")), None)
        if found is None:
            reason = waiting[0] if waiting is not None else "PodInitializing" if pod.spec.init_containers else "ContainerCreating"
            if reason in ("ErrImagePull", "ImagePullBackOff"):
                reason = "trying and failing to pull image"
            raise BadRequestError(f'container "{container.name}" in pod "{pod.metadata.name}" is waiting to start: {reason}')
        return found

    async def _exec(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        command = query.getall("command", [])
        if not command:
            raise BadRequestError("you must specify at least 1 command for exec")
        info = self._running(request)
        wanted = _wanted(query)
        response, stream = await open_stream(request, wanted)
        try:
            process = await self._kubelet.tasks.exec(info.id, command, tty=wanted.tty, stdin=wanted.stdin)
        except CriError as error:
            # The connection stands already: the client is told on its error channel, as of every command that fails.
            await stream.finish(failure(f"Internal error occurred: error executing command in container: {error.message}"))
            return response
        async with closed_at_end(process):
            try:
                await stream.carry(process)
                await stream.finish(exit_status(await process.wait()))
            except* ConnectionError:
                log.debug("exec client is gone container=%s", info.id)
            except* CriError as errors:
                await stream.finish(failure(str(errors.exceptions[0])))
        return response

    async def _attach(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        info = self._running(request)
        _, container = self._target(request)
        check_upgrade(request)
        wanted = _wanted(query)
        process = await self._kubelet.tasks.attach(info.id, tty=bool(container.tty), stdin=wanted.stdin and bool(container.stdin))
        async with closed_at_end(process):
            response, stream = await open_stream(request, wanted)
            try:
                await stream.carry(process)
                await stream.finish(success())
            except* ConnectionError:
                log.debug("attach client is gone container=%s", info.id)
            except* CriError as errors:
                await stream.finish(failure(str(errors.exceptions[0])))
        return response

    async def _port_forward(self, request: web.Request) -> web.StreamResponse:
        pod = self._pod(request)
        sandbox = self._kubelet.cache.get(pod.metadata.uid).sandbox
        if sandbox is None or not sandbox.ready:
            raise NotFoundError(f'sandbox of pod "{pod.metadata.name}" not found')
        return await forward_ports(request, lambda port: self._kubelet.tasks.connect(sandbox.id, port))

    def _pod(self, request: web.Request) -> core_v1.Pod:
        namespace, name, uid = request.match_info["namespace"], request.match_info["pod"], request.query.get("uid", "")
        for pod in self._kubelet.workers.pods():
            if pod.metadata.namespace == namespace and pod.metadata.name == name and uid in ("", pod.metadata.uid):
                return pod
        raise NotFoundError(f'pod "{name}" does not exist')

    def _target(self, request: web.Request) -> tuple[core_v1.Pod, AnyContainer]:
        pod, name = self._pod(request), request.match_info["container"]
        container = find_container(pod, name)
        if container is None:
            raise NotFoundError(f'container "{name}" not found in pod "{pod.metadata.name}"')
        return pod, container

    def _running(self, request: web.Request) -> ContainerInfo:
        pod, name = self._pod(request), request.match_info["container"]
        container = find_container(pod, name)
        info = self._kubelet.cache.get(pod.metadata.uid).newest(name) if container is not None else None
        if info is None or not info.running:
            raise InternalError(f'container not found ("{name}")')
        return info


class _Closable(Protocol):
    async def close(self) -> None: ...


@asynccontextmanager
async def closed_at_end(process: _Closable) -> AsyncIterator[None]:
    """Close a process at the end of the block, to the last step even if the client's going away cancels this one."""
    try:
        yield
    finally:
        closing = asyncio.ensure_future(process.close())
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await closing
            raise


def _wanted(query: Mapping[str, str]) -> Wanted:
    """The streams that a client asks for; a terminal has one for all output."""
    tty = _truth(query, "tty")
    return Wanted(
        _truth(query, "input", "stdin"), _truth(query, "output", "stdout") or tty, _truth(query, "error", "stderr") and not tty, tty
    )


def _truth(query: Mapping[str, str], *names: str) -> bool:
    """Whether one of the parameters is given and true."""
    return any(query.get(name, "").lower() in ("1", "true", "t") for name in names)
