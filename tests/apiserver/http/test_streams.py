"""exec, attach, port-forward and logs: what the kubelet is asked, who may ask, and what is refused before."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from minikube_py.apiserver.pki import Pki

from ..lab import Lab
from .backends import add_node, add_pod, backend

POD = "/api/v1/namespaces/default/pods/web"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


@pytest.fixture
async def kubelet(lab: Lab, pki: Pki) -> AsyncIterator[None]:
    """A node whose kubelet tells what it is asked, and a pod on it."""
    async with backend("127.0.0.1", pki.server_ssl_context()) as port:
        await add_node(lab, "n", "127.0.0.1", port)
        await add_pod(lab, "web", "192.0.2.7", 80, node="n")
        yield


async def asked(lab: Lab, path: str, session: aiohttp.ClientSession | None = None) -> str:
    """What the kubelet was asked by way of a WebSocket."""
    async with (session or lab.session).ws_connect(path) as socket:
        return await socket.receive_str()


@pytest.mark.parametrize(("path", "seen"), [
    ("exec?command=sh&command=-c&stdin=true&stdout=true&tty=false", "/exec/default/web/app?command=sh&command=-c&input=1&output=1&tty=0"),
    ("exec?container=app&command=a%20b&stderr=1", "/exec/default/web/app?command=a+b&error=1"),
    ("attach?stdout=true&stderr=true", "/attach/default/web/app?output=1&error=1"),
    ("portforward?ports=80&ports=81", "/portForward/default/web?ports=80&ports=81"),
])
async def test_kubelet_is_asked_for_what_the_client_wants(lab: Lab, kubelet: None, path: str, seen: str) -> None:
    assert await asked(lab, f"{POD}/{path}") == seen


async def test_log_is_asked_for_and_streamed(lab: Lab, kubelet: None) -> None:
    for asked_, passed_on in (
        ("follow=true&tailLines=3&watch=1&previous=false", "follow=true&tailLines=3"),
        ("timestamps&sinceTime=2020-01-01T01:00:00%2B01:00", "sinceTime=2020-01-01T00%3A00%3A00Z&timestamps=true"),
    ):
        answer = await lab.get(f"{POD}/log?{asked_}")
        assert answer.json["path"] == f"/containerLogs/default/web/app?{passed_on}"


@pytest.mark.parametrize(("asked_", "status", "message"), [
    ("tailLines=x", 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
    ("sinceTime=x", 400, 'parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"'),
    ("tailLines=-1&limitBytes=0", 422, 'PodLogOptions "nope" is invalid: [tailLines: Invalid value: -1: must be greater than or equal to '
     "0, limitBytes: Invalid value: 0: must be greater than 0]"),
    ("sinceSeconds=0", 422, 'PodLogOptions "nope" is invalid: sinceSeconds: Invalid value: 0: must be greater than 0'),
    ("sinceSeconds=1&sinceTime=null", 422,
     'PodLogOptions "nope" is invalid: : Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified'),
    ("stream=All", 422, 'PodLogOptions "nope" is invalid: stream: Forbidden: may not be specified'),
    ("tailLines=0", 404, 'pods "nope" not found'),
])
async def test_options_of_a_log_are_checked_before_the_pod_is_looked_for(lab: Lab, asked_: str, status: int, message: str) -> None:
    answer = await lab.get(f"/api/v1/namespaces/default/pods/nope/log?{asked_}")
    assert (answer.status, answer.json["message"]) == (status, message)


@pytest.mark.parametrize(("protocols", "text"), [((), False), (("binary.k8s.io",), False), (("other", "base64.binary.k8s.io"), True)])
async def test_log_comes_as_messages_to_a_websocket(lab: Lab, kubelet: None, protocols: tuple[str, ...], text: bool) -> None:
    async with lab.session.ws_connect(f"{POD}/log?follow=true", protocols=protocols) as socket:
        messages = [message.data async for message in socket]
        assert (socket.protocol, socket.close_code) == (protocols[-1] if protocols else None, 1000)
    assert messages[0] == ("" if text else b""), "the stream is open"
    log = b"".join(b64decode(message) if text else message for message in messages)
    assert json.loads(log)["path"] == "/containerLogs/default/web/app?follow=true"


async def test_websocket_of_a_log_that_breaks_off_is_closed_as_broken(lab: Lab, kubelet: None) -> None:
    await add_pod(lab, "cut", "192.0.2.8", 80, node="n")
    async with lab.session.ws_connect("/api/v1/namespaces/default/pods/cut/log?follow=true") as socket:
        messages = [message.data async for message in socket]
        assert (messages, socket.close_code) == ([b"", b"part"], aiohttp.WSCloseCode.INTERNAL_ERROR)


async def test_websocket_for_a_log_is_refused_where_there_is_none_and_for_unknown_protocols(lab: Lab, kubelet: None) -> None:
    for path, protocols, status in (("log?container=nope", (), 400), ("log", ("channel.k8s.io",), 403)):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await lab.session.ws_connect(f"{POD}/{path}", protocols=protocols)
        assert refused.value.status == status


async def test_connection_becomes_what_both_ends_agree_on(lab: Lab, kubelet: None) -> None:
    host, port = lab.url.removeprefix("https://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=lab.admin_tls, server_hostname=host)
    request = f"POST {POD}/exec?command=x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
    writer.write(f"{request}X-Stream-Protocol-Version: v4.channel.k8s.io\r\nContent-Length: 0\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ") and b"\r\nAudit-Id: " in head
    writer.write(b"frames")
    assert await reader.readexactly(6) == b"FRAMES"
    series = [s for s in lab.api.server.metrics.requests.values() if s.labels.subresource == "exec"]
    assert [(s.labels.verb, s.running) for s in series] == [("CONNECT", 1)]
    writer.close()


@pytest.mark.parametrize(("method", "path", "status", "message"), [
    ("GET", "exec?command=x", 400, "Upgrade request required"), ("POST", "attach", 400, "Upgrade request required"),
    ("GET", "exec?command=x&container=nope", 400, "container nope is not valid for pod web"),
    ("PUT", "exec", 405, "the server does not allow this method on the requested resource"),
    ("POST", "log", 405, "the server does not allow this method on the requested resource"),
    *((method, f"{path}?dryRun=All", 400, "dryRun is not supported")
      for method, path in (("POST", "exec"), ("GET", "attach"), ("POST", "portforward"), ("GET", "proxy"))),
])
async def test_what_cannot_be_a_stream_is_refused(lab: Lab, kubelet: None, method: str, path: str, status: int, message: str) -> None:
    answer = await lab.send(method, f"{POD}/{path}")
    assert (answer.status, answer.json["message"]) == (status, message)


async def test_kubelet_that_is_not_there_is_told(lab: Lab) -> None:
    await add_node(lab, "gone", "127.0.0.1", 1)
    await add_pod(lab, "web", "192.0.2.7", 80, node="gone")
    headers = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1"}
    answer = await lab.send("POST", f"{POD}/exec?command=x", headers=headers)
    assert (answer.status, answer.json.get("reason"), answer.json["message"]) == (
        500, None, "error dialing backend: dial tcp 127.0.0.1:1: connect: connection refused")
    await add_pod(lab, "nowhere", "192.0.2.8", 80)
    unbound = await lab.send("POST", "/api/v1/namespaces/default/pods/nowhere/exec?command=x", headers=headers)
    assert (unbound.status, unbound.json["message"]) == (400, "pod nowhere does not have a host assigned")
    log = await lab.send("GET", "/api/v1/namespaces/default/pods/nowhere/log")
    assert (log.status, log.body) == (204, b"")


async def allow(lab: Lab, *verbs: str) -> None:
    """Let the reader do so much with commands."""
    role = {"metadata": {"name": "runs"}, "rules": [{"apiGroups": [""], "resources": ["pods/exec"], "verbs": [*verbs]}]}
    if (await lab.send("PUT", f"{RBAC}/clusterroles/runs", role)).status == 201:
        binding: dict[str, Any] = {
            "metadata": {"name": "runs"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "runs"},
            "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "reader"}]}
        assert (await lab.send("POST", f"{RBAC}/clusterrolebindings", binding)).status == 201


async def test_websocket_needs_get_and_create_and_spdy_create_alone(lab: Lab, kubelet: None) -> None:
    spdy = {"Connection": "Upgrade", "Upgrade": "nothing/1"}
    async with aiohttp.ClientSession(
        lab.url, connector=aiohttp.TCPConnector(ssl=lab.anonymous_tls), headers={"Authorization": "Bearer reader-token"},
    ) as session:
        for verb, refusal in (("get", 'pods "web" is forbidden: '), ("create", 'cannot get resource "pods/exec" in API group ""')):
            await allow(lab, verb)
            refused = await lab.send("GET", f"{POD}/exec?command=x", headers=spdy, session=session)
            assert refused.status == 403 and refusal in refused.json["message"]
        async with session.post(f"{POD}/exec?command=x", headers=spdy) as answer:
            assert answer.status == 101
        await allow(lab, "get", "create")
        assert (await asked(lab, f"{POD}/exec?command=x", session)).startswith("/exec/default/web/app?")
