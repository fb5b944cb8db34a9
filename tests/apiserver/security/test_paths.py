"""A request that is written in an unusual way is decided about by what it is carried out as, or not carried out at all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from ..lab import PATIENCE_S
from .conftest import CANARY, Cell

SECRETS = "/api/v1/namespaces/theirs/secrets"


async def exchange(cell: Cell, data: bytes) -> bytes:
    """All that comes back for these bytes, over TLS without a certificate."""
    port = int(cell.lab.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=cell.lab.anonymous_tls)
    try:
        writer.write(data)
        return await asyncio.wait_for(reader.read(), PATIENCE_S)
    finally:
        writer.close()


def request(target: str, *headers: str, method: str = "GET", who: str = "owner", body: str = "", end: bool = True) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {who}-token", *headers]
    return "\r\n".join([*lines, *(["Connection: close"] if end else []), "", body]).encode("latin-1")


def statuses(answer: bytes) -> list[int]:
    return [int(line.split()[1]) for line in answer.split(b"\r\n") if line.startswith((b"HTTP/1.1 ", b"HTTP/1.0 "))]


TRICKS = [
    "//api/v1/namespaces/theirs/secrets", "/api//v1/namespaces/theirs/secrets", "/api/v1/namespaces/theirs//secrets",
    "/api/v1/namespaces/mine/../theirs/secrets", "/api/v1/namespaces/mine/%2e%2e/theirs/secrets", "/./api/v1/namespaces/theirs/secrets",
    "/api/v1/namespaces/mine%2f..%2ftheirs/secrets", "/api/v1/namespaces/mine/secrets/..%2f..%2ftheirs%2fsecrets%2fsecret-a",
    "/api/v1/namespaces/mine/secrets/../../theirs/secrets/secret-a", "/API/v1/namespaces/theirs/secrets",
    "/api/V1/namespaces/theirs/secrets",
    "/api/v1/Namespaces/theirs/Secrets", "/api/v1/namespaces/Theirs/secrets", "/api/v1/namespaces/theirs%00/secrets",
    "/api/v1/namespaces/mine%00/../theirs/secrets", "/api/v1/namespaces/theirs/secrets%00", "/api/v1/namespaces/theirs/secrets%2fsecret-a",
    "/api/v1/namespaces/theirs/secrets/", "/api/v1/namespaces/theirs/secrets/secret-a/", "/api/v1/namespaces/theirs/secrets;a=b",
    "/api/v1/namespaces/theirs/secrets%3fwatch=1", "/api/v1/namespaces/%74heirs/secrets", "/api/v1/watch/namespaces/theirs/secrets",
    "/api/v1/watch/secrets", "/api/v1/proxy/namespaces/theirs/secrets", "/api/v1/namespaces//secrets", "/api/v1/namespaces/*/secrets",
    "/api/v1/namespaces/mine,theirs/secrets", "/healthz/../api/v1/secrets", "/healthz#/../api/v1/secrets", "/version/../api/v1/secrets",
    "/cacerts/../api/v1/namespaces/theirs/secrets", "/.well-known/openid-configuration/../../api/v1/secrets", "/apis//v1/secrets",
    "http://localhost/api/v1/namespaces/theirs/secrets", "https://kubernetes.default/api/v1/secrets", "/api/v1/secrets?namespace=mine",
    "/api/v1/secrets?fieldSelector=metadata.namespace=mine", "/api/v1/secrets?fieldSelector=metadata.name=secret-a", "*",
    "/apis/v1/namespaces/theirs/secrets", "/api/v1/namespaces/theirs/secrets?watch=0&watch=1", "\\api\\v1\\secrets", "/api/v1\\secrets",
    "//metrics", "/healthz/../metrics", "/livez/../flagz", "/version//../metrics", "/version/../debug/pprof/cmdline",
]


@pytest.mark.parametrize("who", ["owner", "mallory"])
async def test_no_spelling_of_a_path_leads_past_authorization(cell: Cell, who: str) -> None:
    for target in TRICKS:
        answer = await exchange(cell, request(target, who=who))
        assert CANARY.encode() not in answer and b"Y2FuYXJ5" not in answer, target
        assert statuses(answer) in ([400], [403], [404], [405]), (target, answer[:200])


OVERRIDES = [
    "X-HTTP-Method-Override: GET", "X-Method-Override: DELETE", "X-Original-URL: /api/v1/namespaces/mine/secrets",
    "X-Rewrite-URL: /api/v1/namespaces/mine", "X-Forwarded-Host: localhost", "X-Forwarded-Uri: /api/v1/namespaces/mine/secrets",
]


@pytest.mark.parametrize("header", OVERRIDES)
async def test_no_header_changes_what_a_request_asks_for(cell: Cell, header: str) -> None:
    assert statuses(await exchange(cell, request(SECRETS, header))) == [403]
    assert statuses(await exchange(cell, request("/api/v1/namespaces/mine/secrets", header))) == [200]


@pytest.mark.parametrize("host", ["", "evil.example", "127.0.0.1:1", "a b", "kubernetes.default.svc", "[::1]"])
async def test_the_host_that_a_client_names_decides_nothing(cell: Cell, host: str) -> None:
    data = request(SECRETS).replace(b"Host: localhost", b"Host: " + host.encode())
    assert statuses(await exchange(cell, data)) in ([403], [400])


@pytest.mark.parametrize("query", [
    "fieldSelector=metadata.name%3Dallowed&fieldSelector=", "fieldSelector=&fieldSelector=metadata.name%3Dallowed",
    "fieldSelector=metadata.name%3Dallowed,metadata.name!%3Dallowed", "fieldSelector=metadata.name%3D%3Dallowed&limit=1",
    "fieldSelector=metadata.name!%3Dallowed", "fieldSelector=metadata.name%3Dallowed&labelSelector=a", "fieldSelector=metadata.name%3D",
])
@pytest.mark.parametrize("watch", ["", "&watch=1&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"])
async def test_who_may_list_one_object_lists_no_other(cell: Cell, query: str, watch: str) -> None:
    rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/theirs"
    await cell.make(SECRETS, {"metadata": {"name": "allowed"}})
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["list", "watch"], "resourceNames": ["allowed"]}
    await cell.make(f"{rbac}/roles", {"metadata": {"name": "one"}, "rules": [rule]})
    await cell.make(f"{rbac}/rolebindings", {
        "metadata": {"name": "one"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "one"},
        "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "mallory"}]})
    answer = await cell.ask("mallory", "GET", f"{SECRETS}?{query}{watch}")
    assert b"secret-a" not in answer.body and b"secret-b" not in answer.body
    assert (await cell.ask("mallory", "GET", f"{SECRETS}?fieldSelector=metadata.name%3Dallowed")).status == 200


STREAMS = ("exec?command=id", "attach", "portforward?ports=80", "proxy", "proxy/", "log")


@pytest.mark.parametrize("stream", STREAMS)
async def test_who_may_look_at_pods_gets_into_none(cell: Cell, stream: str) -> None:
    """A WebSocket is a GET: the verb get alone opens no exec, attach or port-forward."""
    rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/theirs"
    verbs = [["get", "list", "watch"], ["create"]]
    name = stream.partition("?")[0].partition("/")[0]
    resources = ["pods", f"pods/{name}"] if name in ("exec", "attach", "portforward") else ["pods"]
    await cell.make(f"{rbac}/roles", {"metadata": {"name": "see"}, "rules": [
        {"apiGroups": [""], "resources": resources, "verbs": verbs[0]}]})
    await cell.make(f"{rbac}/rolebindings", {
        "metadata": {"name": "see"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "see"},
        "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "mallory"}]})
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x" * 22 + "=="}
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"):
        for headers in ({}, upgrade) if method == "GET" else ({},):
            answer = await cell.ask("mallory", method, f"/api/v1/namespaces/theirs/pods/pod-a/{stream}", headers=headers)
            assert answer.status == 403, method


GOOD = "/api/v1/namespaces/mine/configmaps"
INNER = f"GET {SECRETS} HTTP/1.1\r\nHost: localhost\r\n\r\n"
SMUGGLING: list[tuple[Sequence[str], str]] = [
    (("Content-Length: 0", "Transfer-Encoding: chunked"), f"0\r\n\r\n{INNER}"),
    (("Transfer-Encoding: chunked", "Content-Length: 5"), f"0\r\n\r\n{INNER}"),
    (("Content-Length: 0", "Content-Length: 80"), INNER),
    (("Content-Length: 0, 80",), INNER),
    (("Content-Length: +0",), INNER),
    (("Content-Length: -1",), INNER),
    (("Content-Length: 0x0",), INNER),
    (("Content-Length : 0",), INNER),
    (("Transfer-Encoding: xchunked",), f"0\r\n\r\n{INNER}"),
    (("Transfer-Encoding: chunked", "Transfer-Encoding: identity"), f"0\r\n\r\n{INNER}"),
    (("X-A: b", " Authorization: Bearer admin-token"), INNER),
    (("X-A: b\rX-B: c",), INNER),
    (("X-A: b\nContent-Length: 80",), INNER),
    (("X-A\0: b",), INNER),
    ((": b",), INNER),
]


@pytest.mark.parametrize("number", range(len(SMUGGLING)))
async def test_a_request_whose_length_is_in_doubt_is_refused_and_ends_the_connection(cell: Cell, number: int) -> None:
    headers, body = SMUGGLING[number]
    answer = await exchange(cell, request(GOOD, *headers, method="POST", body=body, end=False))
    assert statuses(answer) in ([400], [501]), answer[:300]
    assert CANARY.encode() not in answer


async def test_the_body_of_a_request_is_no_request(cell: Cell) -> None:
    inner = request("/api/v1/namespaces/mine/secrets").decode("latin-1")
    data = request(GOOD, f"Content-Length: {len(inner)}", "Content-Type: application/json", method="POST", body=inner)
    assert statuses(await exchange(cell, data)) == [400]
