"""Servers behind the API server in tests: what a pod or a kubelet would be."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from minikube_py.core.addresses import default_address
from minikube_py.core.upgrade import SwitchingProtocols, is_upgrade

from ..lab import Lab


def outside_address() -> str:
    """An address of this machine that is not loopback, which nothing may be proxied to."""
    address = default_address()
    if address.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    return address


@asynccontextmanager
async def backend(address: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that tells what it was asked; yields its port."""
    runner = web.ServerRunner(web.Server(tell), handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, address, 0, ssl_context=tls)
    await site.start()
    try:
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def tell(request: web.BaseRequest) -> web.StreamResponse:
    """What was asked."""
    if request.path == "/refuse":
        return web.Response(status=403, text="not you")
    if request.headers.get("Upgrade", "").lower() == "websocket":
        return await _echo_socket(request)
    if is_upgrade(request.headers):
        return await _shout(request)
    match request.path:
        case "/moved":
            return web.Response(status=302, headers={"Location": "/elsewhere/?q=1"})
        case "/page":
            return web.Response(
                text='<!-- /no --><a href="/x?a=1&amp;b=2">&eacute;</a><IMG src=/i.png><a href="rel">r</a><a href=\'http://other/\'>o</a>',
                content_type="text/html", headers={"Access-Control-Allow-Origin": "*"})
        case "/cut" | "/containerLogs/default/cut/app":
            response = web.StreamResponse(headers={"Content-Length": "100"})
            await response.prepare(request)
            await response.write(b"part")
            assert request.transport is not None
            request.transport.close()
            return response
        case "/stream":
            return await _count(request)
    told = {
        "method": request.method, "path": request.raw_path, "headers": {name.lower(): value for name, value in request.headers.items()},
        "body": (await request.read()).decode(),
    }
    return web.json_response(told)


async def _count(request: web.BaseRequest) -> web.StreamResponse:
    """Answer each piece of the request as it comes."""
    response = web.StreamResponse()
    await response.prepare(request)
    async for piece in request.content.iter_any():
        await response.write(b"%d\n" % len(piece))
    await response.write_eof()
    return response


async def _echo_socket(request: web.BaseRequest) -> web.StreamResponse:
    socket = web.WebSocketResponse(protocols=["echo.test"])
    await socket.prepare(request)
    await socket.send_str(request.raw_path)
    async for message in socket:
        await socket.send_bytes(message.data)
    return socket


async def _shout(request: web.BaseRequest) -> web.StreamResponse:
    """A protocol of upper-case letters."""
    response = SwitchingProtocols({"Connection": "Upgrade", "Upgrade": "shout/1", "X-Body": (await request.read()).decode()})
    stream = await response.switch(request)
    while data := await stream.read():
        await stream.write(data.upper())
    return response


async def add_node(lab: Lab, name: str, address: str, port: int) -> None:
    await lab.send("POST", "/api/v1/nodes", {"metadata": {"name": name}})
    status = {"metadata": {"name": name}, "status": {
        "addresses": [{"type": "InternalIP", "address": address}], "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}}
    assert (await lab.send("PUT", f"/api/v1/nodes/{name}/status", status)).status == 200


async def add_pod(lab: Lab, name: str, address: str, port: int, node: str = "") -> None:
    container = {"name": "app", "image": "x", "ports": [{"containerPort": port}]}
    spec = {"containers": [container], **({"nodeName": node} if node else {})}
    made = await lab.send("POST", "/api/v1/namespaces/default/pods", {"metadata": {"name": name}, "spec": spec})
    assert made.status == 201, made.body
    status = {"metadata": {"name": name}, "spec": made.json["spec"], "status": {"podIP": address, "podIPs": [{"ip": address}]}}
    answer = await lab.send("PUT", f"/api/v1/namespaces/default/pods/{name}/status", status)
    assert answer.status == 200, answer.body
