"""The proxy subresources: requests arrive whole, answers come back as upstream changes them, and errors have upstream's words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from minikube_py.apiserver.options import ApiServerArgs
from minikube_py.apiserver.pki import Pki
from minikube_py.store.memory import MemoryStore

from ..lab import PATIENCE_S, Lab, api_server
from .backends import add_node, add_pod, backend, outside_address

POD = "/api/v1/namespaces/default/pods/web/proxy"
SERVICE = "/api/v1/namespaces/default/services"


@pytest.fixture
async def port(lab: Lab) -> AsyncIterator[int]:
    """A pod that listens there."""
    address = outside_address()
    async with backend(address) as port:
        await add_pod(lab, "web", address, port)
        yield port


async def add_service(lab: Lab, name: str, ports: list[Any], endpoints: list[Any], slice_ports: list[Any]) -> None:
    made = await lab.send("POST", SERVICE, {"metadata": {"name": name}, "spec": {"ports": ports, "selector": {"a": "b"}}})
    assert made.status == 201, made.body
    slice_ = {"metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}}, "addressType": "IPv4",
              "endpoints": endpoints, "ports": slice_ports}
    made = await lab.send("POST", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", slice_)
    assert made.status == 201, made.body


@pytest.mark.parametrize(("sent", "seen"), [
    ("/", "/"), ("/a/b", "/a/b"), ("/a/b/?q=1&watch=1", "/a/b/?q=1&watch=1"), ("/a%20b/c", "/a%20b/c"), ("//a/../b/./c", "/b/c"),
    ("/exec?x=%2F", "/exec?x=%2F"),
])
async def test_path_and_query_arrive(lab: Lab, port: int, sent: str, seen: str) -> None:
    async with lab.session.get(aiohttp.client.URL(lab.url + POD + sent, encoded=True)) as response:
        assert (await response.json())["path"] == seen


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_methods_bodies_and_headers_arrive(lab: Lab, port: int, method: str) -> None:
    answer = await lab.send(method, POD + "/x", body=b"hello" if method != "GET" else None, headers={
        "Authorization": "Bearer secret", "X-Mine": "1", "Impersonate-User": "admin", "Connection": "keep-alive, X-Hop", "X-Hop": "1",
        "X-Forwarded-For": "192.0.2.1", "Content-Type": "text/x-test", "Impersonate-Group": "system:masters",
    })
    told = answer.json
    assert (told["method"], told["body"]) == (method, "hello" if method != "GET" else "")
    headers = told["headers"]
    assert headers["x-mine"] == "1" and headers["content-type"] == "text/x-test"
    assert headers["x-forwarded-for"] == "192.0.2.1, 127.0.0.1" and headers["x-forwarded-uri"] == POD + "/x"
    assert headers["host"] == lab.url.removeprefix("https://")
    assert not {"authorization", "impersonate-user", "impersonate-group", "x-hop"} & headers.keys()
    assert answer.headers["Audit-Id"]


async def test_headers_of_front_proxies_end_here_whatever_their_names(pki: Pki, tmp_path: Path) -> None:
    flags = ("username-headers=X-Who", "group-headers=X-Of,X-With", "extra-headers-prefix=X-About-")
    tokens = f"token-auth-file={tmp_path / 'tokens.csv'}"
    args = ApiServerArgs.parse([tokens, *(f"requestheader-{flag}" for flag in flags)])
    sent = ["X-Who", "X-Of", "X-With", "X-About-Them", "X-Remote-User", "X-Remote-Extra-A", "X-Whose"]
    store = MemoryStore()
    await store.open()
    async with api_server(tmp_path, pki, store, args) as lab, backend(address := outside_address()) as port:
        await add_pod(lab, "web", address, port)
        told = (await lab.send("GET", POD + "/x", headers=dict.fromkeys(sent, "joe"))).json["headers"]
    assert {name.lower() for name in sent} & told.keys() == {"x-whose"}


async def test_links_lead_through_the_proxy(lab: Lab, port: int) -> None:
    async with lab.session.get(POD + "/moved", allow_redirects=False) as moved:
        assert (moved.status, moved.headers["Location"]) == (302, POD + "/elsewhere/?q=1")
    page = await lab.get(POD + "/page")
    assert page.body.decode() == (
        f'<!-- /no --><a href="{POD}/x?a=1&amp;b=2">&eacute;</a><img src="{POD}/i.png"><a href="rel">r</a><a href=\'http://other/\'>o</a>')
    assert "Access-Control-Allow-Origin" not in page.headers


async def test_root_without_a_slash_is_sent_to_one_with(lab: Lab, port: int) -> None:
    async with lab.session.get(POD + "?a=b", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (301, POD + "/?a=b")
    assert (await lab.send("POST", POD, body=b"x")).json["path"] == "/"


async def test_bodies_stream_both_ways(lab: Lab, port: int) -> None:
    pieces: asyncio.Queue[bytes] = asyncio.Queue()

    async def body() -> AsyncIterator[bytes]:
        while piece := await pieces.get():
            yield piece

    pieces.put_nowait(b"x" * 10)
    async with lab.session.post(POD + "/stream", data=body()) as response:
        assert await asyncio.wait_for(response.content.readline(), PATIENCE_S) == b"10\n"
        pieces.put_nowait(b"x" * 20)
        assert await asyncio.wait_for(response.content.readline(), PATIENCE_S) == b"20\n"
        pieces.put_nowait(b"")
        assert await response.read() == b""


async def test_answer_that_is_cut_short_is_not_taken_for_whole(lab: Lab, port: int) -> None:
    with pytest.raises(aiohttp.ClientPayloadError):
        await lab.get(POD + "/cut")


async def test_websockets_pass(lab: Lab, port: int) -> None:
    protocols = ["base64url.bearer.authorization.k8s.io.c2VjcmV0", "echo.test"]
    async with lab.session.ws_connect(POD + "/socket?a=b", protocols=protocols) as socket:
        assert socket.protocol == "echo.test"
        assert await socket.receive_str() == "/socket?a=b"
        for size in (1, 300_000):
            await socket.send_bytes(b"y" * size)
            assert await socket.receive_bytes() == b"y" * size


async def test_other_upgrades_pass(lab: Lab, port: int) -> None:
    host, api_port = lab.url.removeprefix("https://").split(":")
    reader, writer = await asyncio.open_connection(host, int(api_port), ssl=lab.admin_tls, server_hostname=host)
    writer.write(f"POST {POD}/s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: shout/1\r\nContent-Length: 4\r\n\r\nbody".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    assert head.startswith("HTTP/1.1 101 ") and "Upgrade: shout/1\r\n" in head and "X-Body: body\r\n" in head
    writer.write(b"GET is no request here\r\n\r\n")
    assert await reader.readexactly(26) == b"GET IS NO REQUEST HERE\r\n\r\n"
    big = b"z" * 3_000_000
    writer.write(big)
    assert await reader.readexactly(len(big)) == big.upper()
    writer.close()
    refused = await lab.send("GET", POD + "/refuse", headers={"Connection": "Upgrade", "Upgrade": "shout/1"})
    assert (refused.status, refused.body) == (403, b"not you")


async def test_names_say_scheme_and_port(lab: Lab, port: int) -> None:
    base = "/api/v1/namespaces/default/pods"
    for name in (f"web:{port}", f"http:web:{port}", "http:web:"):
        assert (await lab.get(f"{base}/{name}/proxy/x")).json["path"] == "/x"
    for name in ("ftp:web:1", "a:b:c:d", ":80"):
        bad = await lab.get(f"{base}/{name}/proxy/x")
        assert (bad.status, bad.json["message"]) == (400, f'invalid pod request "{name}"')
    unreachable = await lab.get(f"{base}/web:1/proxy/")
    assert (unreachable.status, unreachable.json["message"]) == (
        503, f"error trying to reach service: dial tcp {outside_address()}:1: connect: connection refused")
    refused = await lab.send("GET", f"{base}/web:1/proxy/", headers={"Connection": "Upgrade", "Upgrade": "x"})
    assert (refused.status, refused.json["message"]) == (
        500, f"error dialing backend: dial tcp {outside_address()}:1: connect: connection refused")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "169.254.169.254", "::"])
async def test_loopback_is_out_of_reach(lab: Lab, address: str) -> None:
    await add_pod(lab, "own", address, 6443)
    bad = await lab.get("/api/v1/namespaces/default/pods/own/proxy/")
    assert (bad.status, bad.json["reason"], bad.json["message"]) == (400, "BadRequest", "address not allowed")


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254"])
async def test_a_node_leads_to_no_loopback_either(lab: Lab, address: str) -> None:
    """A node says its addresses itself, in any form."""
    await add_node(lab, "here", address, 10250)
    assert (await lab.get("/api/v1/nodes/here:80/proxy/")).json["message"] == "address not allowed"


async def test_service_is_reached_at_a_ready_endpoint(lab: Lab, port: int) -> None:
    address = outside_address()
    await add_service(
        lab, "two", [{"name": "http", "port": 80}, {"name": "other", "port": 81}],
        [{"addresses": ["192.0.2.1"], "conditions": {"ready": False}}, {"addresses": [address], "conditions": {"ready": True}}],
        [{"name": "http", "port": port}])
    for name in ("two:80", "two:http", "http:two:http"):
        for _ in range(3):
            assert (await lab.get(f"{SERVICE}/{name}/proxy/y")).json["path"] == "/y"
    for name, message in (
        ("two:other", 'no endpoints available for service "two:other"'), ("two:99", 'no service port 99 found for service "two"'),
        ("two", 'no endpoints available for service "two"'),
    ):
        answer = await lab.get(f"{SERVICE}/{name}/proxy/")
        assert (answer.status, answer.json["reason"], answer.json["message"]) == (503, "ServiceUnavailable", message)
    await lab.send("POST", SERVICE, {"metadata": {"name": "none"}, "spec": {"ports": [{"port": 80}]}})
    assert (await lab.get(f"{SERVICE}/none/proxy/")).json["message"] == 'no endpoints available for service "none"'
    assert (await lab.get(f"{SERVICE}/nope/proxy/")).json["message"] == 'services "nope" not found'


async def test_node_is_reached_at_its_kubelet_with_the_servers_certificate(lab: Lab, pki: Pki) -> None:
    async with backend("127.0.0.1", pki.server_ssl_context()) as port:
        await add_node(lab, "n", "127.0.0.1", port)
        for name in ("n", f"n:{port}", f"https:n:{port}"):
            assert (await lab.get(f"/api/v1/nodes/{name}/proxy/healthz?verbose")).json["path"] == "/healthz?verbose"
    assert (await lab.get("/api/v1/nodes/nope/proxy/")).json["message"] == 'nodes "nope" not found'


async def test_proxying_needs_the_verb_of_its_method(lab: Lab, port: int) -> None:
    rule = {"apiGroups": [""], "resources": ["pods/proxy"], "verbs": ["get"]}
    await lab.send("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", {"metadata": {"name": "looks"}, "rules": [rule]})
    await lab.send("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
        "metadata": {"name": "looks"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "looks"},
        "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "reader"}]})
    async with aiohttp.ClientSession(
        lab.url, connector=aiohttp.TCPConnector(ssl=lab.anonymous_tls), headers={"Authorization": "Bearer reader-token"},
    ) as session:
        assert (await lab.send("GET", POD + "/", session=session)).status == 200
        refused = await lab.send("POST", POD + "/", body=b"x", session=session)
        assert refused.status == 403 and 'cannot create resource "pods/proxy"' in refused.json["message"]
