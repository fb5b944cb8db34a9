"""Streams to nodes: logs, exec, attach and port-forward of pods, and proxies to pods, services and nodes.

The server looks up which node has the pod and relays to its kubelet, as kube-apiserver does. Plain HTTP answers are copied as they
come; WebSockets are relayed message by message, with the subprotocol that the client offers and the kubelet chooses.
Source: pkg/registry/core/pod/strategy.go (LogLocation, ExecLocation, streamLocation), pkg/registry/core/node/strategy.go
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from minikube_py.core.errors import BadRequestError, InternalError, NotFoundError, ServiceUnavailableError, unknown_path

from ..registry import Registry
from .query import Query
from .request_info import RequestInfo

HOP_HEADERS = frozenset({
    "authorization", "connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
})
MESSAGE_BYTES_MAX = 16 * 1024 * 1024
KUBELET_PORT = 10250


class KubeletStreams:
    """Relays to kubelets.

    Args:
        context: TLS with the API server's client certificate, which kubelets trust.
    """

    def __init__(self, registry: Registry, context: ssl.SSLContext) -> None:
        self._registry = registry
        self._context = context
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self._context, limit=0), timeout=timeout,
                                                  auto_decompress=False)
        return self._session

    async def handle(self, http: web.BaseRequest, info: RequestInfo, query: Query) -> web.StreamResponse:
        """Answer a stream request.

        Raises: NotFoundError, BadRequestError, ServiceUnavailableError.
        """
        if info.subresource == "proxy":
            url, headers = self._proxy_target(http, info, query)
        else:
            url, headers = self._pod_target(info, query), {}
        if http.headers.get("Upgrade", "").lower() == "websocket":
            return await self._relay_websocket(http, url)
        if info.subresource in ("exec", "attach", "portforward"):
            raise BadRequestError("Upgrade request required")
        return await self._relay_http(http, url, headers)

    def _object(self, plural: str, namespace: str, name: str) -> Any:
        storage = self._registry.storage("", "v1", plural)
        if storage is None:
            raise unknown_path()
        return storage.served(self._registry.get(storage, namespace, name))

    def _kubelet(self, node_name: str) -> str:
        """The address of a node's kubelet, as the authority of a URL."""
        node = self._object("nodes", "", node_name)
        endpoint = node.status.daemon_endpoints.kubelet_endpoint if node.status.daemon_endpoints else None
        port = (endpoint.port if endpoint else None) or KUBELET_PORT
        for kind in ("InternalIP", "ExternalIP", "Hostname"):
            for address in node.status.addresses:
                if address.type == kind:
                    return f"[{address.address}]:{port}" if ":" in address.address else f"{address.address}:{port}"
        raise ServiceUnavailableError(f"no preferred addresses found; known addresses: {[a.address for a in node.status.addresses]}")

    def _pod_target(self, info: RequestInfo, query: Query) -> str:
        pod = self._object("pods", info.namespace, info.name)
        container = self._container(pod, query.text("container"))
        if not pod.spec.node_name:
            raise BadRequestError(f"pod {info.name} does not have a host assigned")
        parameters = [(name, value) for name, value in query.all if name != "container"]
        path = {"log": "containerLogs", "exec": "exec", "attach": "attach", "portforward": "portForward"}[info.subresource]
        if info.subresource == "exec":
            parameters = [({"stdin": "input", "stdout": "output", "stderr": "error"}.get(name, name), _flag(name, value))
                          for name, value in parameters]
        target = f"{path}/{info.namespace}/{info.name}" + ("" if info.subresource == "portforward" else f"/{container}")
        return f"https://{self._kubelet(pod.spec.node_name)}/{target}?{urlencode(parameters)}"

    def _container(self, pod: Any, wanted: str) -> str:
        names = [c.name for c in pod.spec.containers]
        others = [c.name for c in (*pod.spec.init_containers, *pod.spec.ephemeral_containers)]
        if wanted:
            if wanted not in names and wanted not in others:
                raise BadRequestError(f"container {wanted} is not valid for pod {pod.metadata.name}")
            return wanted
        if len(names) == 1:
            return str(names[0])
        annotated = pod.metadata.annotations.get("kubectl.kubernetes.io/default-container", "")
        if annotated in names:
            return str(annotated)
        text = f"a container name must be specified for pod {pod.metadata.name}, choose one of: [{' '.join(names)}]"
        if pod.spec.init_containers:
            text += f" or one of the init containers: [{' '.join(c.name for c in pod.spec.init_containers)}]"
        raise BadRequestError(text)

    def _proxy_target(self, http: web.BaseRequest, info: RequestInfo, query: Query) -> tuple[str, dict[str, str]]:
        """Where a proxy request goes. A name is "[scheme:]name[:port]"."""
        parts = info.name.split(":")
        scheme, name, port = ("", parts[0], parts[1] if len(parts) > 1 else "") if len(parts) < 3 else (parts[0], parts[1], parts[2])
        if info.resource == "nodes":
            authority, scheme = self._kubelet(name), "https"
        elif info.resource == "pods":
            pod = self._object("pods", info.namespace, name)
            if not pod.status.pod_ip:
                raise BadRequestError("address not allowed")
            default = next((p.container_port for c in pod.spec.containers for p in c.ports), 80)
            authority = f"{pod.status.pod_ip}:{port or default}"
        else:
            authority = self._service_endpoint(info.namespace, name, port)
        headers = {key: value for key, value in http.headers.items() if key.lower() not in HOP_HEADERS}
        text = urlencode(query.all)
        return f"{scheme or 'http'}://{authority}/{info.rest}" + (f"?{text}" if text else ""), headers

    def _service_endpoint(self, namespace: str, name: str, port: str) -> str:
        service = self._object("services", namespace, name)
        wanted = next((p for p in service.spec.ports if port in ("", p.name, str(p.port))), None)
        if wanted is None:
            raise ServiceUnavailableError(f'no service port "{port}" found for service "{name}"')
        storage = self._registry.storage("discovery.k8s.io", "v1", "endpointslices")
        if storage is not None:
            for entry in self._registry.list(storage, namespace).entries:
                found = storage.served(entry)
                if found.metadata.labels.get("kubernetes.io/service-name") != name:
                    continue
                number = next((p.port for p in found.ports if (p.name or "") == wanted.name), None)
                for endpoint in found.endpoints:
                    if number and endpoint.addresses and (endpoint.conditions is None or endpoint.conditions.ready is not False):
                        return f"{endpoint.addresses[0]}:{number}"
        raise ServiceUnavailableError(f'no endpoints available for service "{name}"')

    async def _relay_http(self, http: web.BaseRequest, url: str, headers: dict[str, str]) -> web.StreamResponse:
        """Copy an answer as it comes."""
        body = await http.read() if http.can_read_body else None
        try:
            answer = await self._client().request(http.method, url, headers=headers, data=body, allow_redirects=False)
        except aiohttp.ClientError as error:
            raise ServiceUnavailableError(f"error trying to reach service: {error}") from error
        async with answer:
            kept = {key: value for key, value in answer.headers.items() if key.lower() not in HOP_HEADERS}
            response = web.StreamResponse(status=answer.status, headers=kept)
            response.enable_chunked_encoding()
            await response.prepare(http)
            try:
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
            except ConnectionError:
                # The reader went away in the middle: nothing is owed to it.
                pass
            return response

    async def _relay_websocket(self, http: web.BaseRequest, url: str) -> web.StreamResponse:
        """Join two WebSockets until one of them ends."""
        offered = [p.strip() for p in http.headers.get("Sec-WebSocket-Protocol", "").split(",") if p.strip()]
        protocols = [p for p in offered if not p.startswith("base64url.bearer.")]
        try:
            upstream = await self._client().ws_connect(url, protocols=protocols, max_msg_size=MESSAGE_BYTES_MAX, autoping=True)
        except aiohttp.WSServerHandshakeError as error:
            raise _handshake_error(error) from error
        except aiohttp.ClientError as error:
            raise InternalError(f"error dialing backend: {error}") from error
        chosen = [upstream.protocol] if upstream.protocol else []
        downstream = web.WebSocketResponse(protocols=chosen, max_msg_size=MESSAGE_BYTES_MAX)
        try:
            await downstream.prepare(http)
            async with asyncio.TaskGroup() as group:
                up = group.create_task(_copy(downstream, upstream))
                down = group.create_task(_copy(upstream, downstream))
                await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
                if up.done() and not down.done():
                    await upstream.close()
                    down.cancel()
                else:
                    up.cancel()
        finally:
            await upstream.close()
            await downstream.close()
        return downstream


async def _copy(source: Any, target: Any) -> None:
    """Send on every message until the source closes or the target is gone."""
    async for message in source:
        try:
            if message.type is aiohttp.WSMsgType.BINARY:
                await target.send_bytes(message.data)
            elif message.type is aiohttp.WSMsgType.TEXT:
                await target.send_str(message.data)
        except ConnectionError:
            return


def _flag(name: str, value: str) -> str:
    return {"true": "1", "false": "0"}.get(value, value) if name in ("stdin", "stdout", "stderr", "tty") else value


def _handshake_error(error: aiohttp.WSServerHandshakeError) -> Exception:
    if error.status == 404:
        return NotFoundError(error.message or "not found")
    if error.status == 400:
        return BadRequestError(error.message or "bad request")
    return InternalError(f"error dialing backend: {error.status} {error.message}")
