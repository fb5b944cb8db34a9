"""Paths, methods and heads of requests as Go's server and upstream's routers take them, byte by byte."""

from __future__ import annotations

import json

import pytest

from ..lab import Lab

PAGE = b"404 page not found\n"
UNKNOWN, METHOD = "the server could not find the requested resource", "the server does not allow this method on the requested resource"


async def ask(lab: Lab, method: str, target: str, header: str = "") -> tuple[int, bytes]:
    lines = [f"{method} {target} HTTP/1.1", "Host: x", "Connection: close", *([header] if header else []), "", ""]
    return await lab.exchange("\r\n".join(lines).encode())


@pytest.mark.parametrize(("path", "code", "message"), [
    ("/api/v1/pods/", 200, ""), ("/api/v1/pods//", 200, ""), ("/api/v1/namespaces//pods", 200, ""), ("/version/", 200, ""),
    ("//api/v1/pods", 404, ""), ("/API/v1/pods", 404, ""), ("//healthz", 404, ""), ("/healthz/", 404, ""), ("/apis/none/v1/x", 404, ""),
    ("/api/v1//pods", 404, UNKNOWN), ("/api/v1/Pods", 404, UNKNOWN), ("/api/v1/../v1/pods", 404, UNKNOWN),
    ("/api/v1/namespaces/default/pods/a%2fb", 404, UNKNOWN), ("/api/v1/namespaces/default/pods/a", 404, 'pods "a" not found'),
    ("/api/v1/namespaces/default/pods/..", 400, 'Name parameter invalid: "..": may not be \'..\''),
    ("/api/v1/namespaces/default/pods/%2e", 400, 'Name parameter invalid: ".": may not be \'.\''),
    ("/api/v1/namespaces/default/pods/a%25b", 400, 'Name parameter invalid: "a%b": may not contain \'%\''),
    ("/api/v1/namespaces//pods/p", 400, "Namespace parameter required."),
    ("/api/v1/namespaces/default/pods//status", 400, "name must be provided"),
])
async def test_paths_are_taken_as_they_come(lab: Lab, path: str, code: int, message: str) -> None:
    status, body = await ask(lab, "GET", path)
    assert status == code
    if message:
        assert json.loads(body)["message"] == message
    elif code == 404:
        assert body == PAGE


@pytest.mark.parametrize(("method", "path", "code"), [
    ("POST", "/healthz", 200), ("OPTIONS", "/readyz", 200), ("HEAD", "/livez", 200), ("PUT", "/metrics", 200), ("HEAD", "/apis", 200),
    ("POST", "/", 200), ("POST", "/openapi/v2", 200), ("POST", "/version", 405), ("HEAD", "/version", 405), ("HEAD", "/api", 405),
    ("DELETE", "/apis/apps/v1", 405), ("HEAD", "/api/v1/pods", 405), ("OPTIONS", "/api/v1/pods", 405), ("TRACE", "/api/v1/pods", 405),
    ("POST", "/none", 404),
])
async def test_methods_count_where_upstream_routes_by_them(lab: Lab, method: str, path: str, code: int) -> None:
    status, body = await ask(lab, method, path)
    assert status == code
    if code == 405 and method != "HEAD":
        assert json.loads(body)["message"] == METHOD


async def test_parameters_that_mean_nothing_are_passed_over(lab: Lab) -> None:
    assert (await ask(lab, "GET", "/api/v1/pods?none=1&none=2&"))[0] == 200


TOO_LARGE = (431, b"431 Request Header Fields Too Large")


@pytest.mark.parametrize("more", ["", "\r\nTE: trailers"])
async def test_heads_are_taken_up_to_a_mebibyte(lab: Lab, more: str) -> None:
    bound = (1 << 20) + 4096
    long = "a" * (bound - 200)
    assert await ask(lab, "GET", "/healthz", f"X-Long: {long}{more}") == (200, b"ok")
    assert await ask(lab, "GET", "/healthz", "\r\n".join(f"X-{number}: {'a' * 1000}" for number in range(1000)) + more) == (200, b"ok")
    assert (await ask(lab, "GET", f"/api/v1/pods?labelSelector=a!%3D{'b' * 60}&none={long}", f"X: a{more}"))[0] == 200
    assert await ask(lab, "GET", "/healthz", f"X-Long: {long + 'a' * 200}{more}") == TOO_LARGE
    assert await ask(lab, "GET", "/healthz", "\r\n".join(f"X-{number}: {'a' * 1000}" for number in range(1100)) + more) == TOO_LARGE


@pytest.mark.parametrize("data", [b"nonsense\r\n\r\n", b"GET /healthz HTTP/1.1\r\nHost x\r\n\r\n", b"\x16\x03\x01\r\n\r\n"])
async def test_what_is_no_http_gets_a_word_and_no_more(lab: Lab, data: bytes) -> None:
    assert await lab.exchange(data) == (400, b"400 Bad Request")
