"""The front door: connections, health, metrics, and what becomes of failures inside."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from minikube_py.apiserver.registry import Registry

from ..lab import Lab, until

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


async def test_failure_of_a_handler_is_a_status_and_is_logged_once(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: Any) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(Registry, "get", fail)
    answer = await lab.get(CONFIG_MAPS + "/a")
    assert answer.status == 500 and answer.json == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500,
        "message": "Internal error occurred: broken on purpose",
    }
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        f"request failed method=GET path={CONFIG_MAPS}/a"]
    monkeypatch.undo()
    assert (await lab.get(CONFIG_MAPS)).status == 200


async def test_long_list_is_the_same_as_a_short_one(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        await lab.send("POST", CONFIG_MAPS, {"metadata": {"name": f"a{number:02}"}})
    whole = await lab.get(CONFIG_MAPS)
    monkeypatch.setattr("minikube_py.apiserver.http.handlers.STREAMED_ENTRIES_MIN", 1)
    monkeypatch.setattr("minikube_py.apiserver.http.responses.PART_BYTES", 100)
    assert (await lab.get(CONFIG_MAPS)).body == whole.body and len(whole.json["items"]) == 20


async def test_one_connection_serves_many_requests(lab: Lab) -> None:
    peers = set()
    answer = lab.api.server._answer

    async def seen(http: Any, *arguments: Any) -> Any:
        peers.add(http.transport.get_extra_info("peername"))
        return await answer(http, *arguments)

    lab.api.server._answer = seen  # type: ignore[method-assign]
    for path in ("/version", CONFIG_MAPS, "/nope", CONFIG_MAPS + "/none", "/healthz"):
        await lab.get(path)
    assert len(peers) == 1


async def test_what_is_no_http_is_refused_without_harm(lab: Lab) -> None:
    host, port = lab.url.removeprefix("https://").split(":")
    for rubbish in (b"\x16\x03nonsense\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"):
        reader, writer = await asyncio.open_connection(host, int(port), ssl=lab.admin_tls, server_hostname=host)
        writer.write(rubbish)
        head = await asyncio.wait_for(reader.read(64), 5)
        assert head.startswith(b"HTTP/1.0 400") or head.startswith(b"HTTP/1.1 400")
        writer.transport.abort()
    assert (await lab.get("/healthz")).body == b"ok"


async def test_client_that_leaves_amid_a_write_does_no_harm(lab: Lab) -> None:
    host, port = lab.url.removeprefix("https://").split(":")
    for number in range(20):
        _, writer = await asyncio.open_connection(host, int(port), ssl=lab.admin_tls, server_hostname=host)
        body = b'{"metadata":{"name":"m%d"}}' % number
        writer.write(b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (CONFIG_MAPS.encode(), len(body), body))
        await asyncio.sleep(0)
        writer.transport.abort()
    made = await lab.send("POST", CONFIG_MAPS, {"metadata": {"name": "last"}})
    assert made.status == 201
    assert "last" in {item["metadata"]["name"] for item in (await lab.get(CONFIG_MAPS)).json["items"]}
    await until(lambda: not any(kind.running for kind in lab.api.server.metrics.in_flight.values()))


async def test_paths_that_are_no_resources(lab: Lab) -> None:
    assert {"/api", "/api/v1", "/apis/apps", "/apis/apps/v1", "/healthz", "/metrics", "/version"} <= set((await lab.get("/")).json["paths"])
    assert (await lab.get("/version")).json["major"] == "1"
    assert (await lab.get("/api")).json["kind"] == "APIVersions"
    assert (await lab.get("/apis")).json["kind"] == "APIGroupList"
    head = await lab.send("HEAD", "/healthz")
    assert (head.status, head.body) == (200, b"")


async def test_reviews_are_answered_and_not_kept(lab: Lab) -> None:
    review = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}
    answer = await lab.send("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    assert (answer.status, answer.json["kind"], answer.json["status"]["allowed"]) == (201, "SelfSubjectAccessReview", True)
    bad = await lab.send("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=b"{")
    assert bad.status == 400
