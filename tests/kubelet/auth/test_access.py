"""Who may use a node's API: certificates and tokens, judged by a real API server with RBAC."""

from __future__ import annotations

import asyncio
import re

import aiohttp
import pytest

from minikube_py.apiserver.http.tunnels import TunnelConnector
from minikube_py.core.tunnel.handshake import KUBELET, SERVER
from minikube_py.core.tunnel.multiplexer import Multiplexer
from minikube_py.kubelet.tunnel_ends import TunnelEnds
from tests.apiserver.lab import Lab
from tests.core.tunnel.pair import Pair

from .conftest import NodeApi

RBAC = "/apis/rbac.authorization.k8s.io/v1"


async def allow(lab: Lab, user: str, *subresources: str, verbs: tuple[str, ...] = ("get",)) -> None:
    """Let a user use subresources of nodes."""
    resources = [f"nodes/{name}" for name in subresources]
    role = {"metadata": {"name": "uses-nodes"}, "rules": [{"apiGroups": [""], "resources": resources, "verbs": [*verbs]}]}
    assert (await lab.send("PUT", f"{RBAC}/clusterroles/uses-nodes", role)).status in (200, 201)
    binding = {
        "metadata": {"name": "uses-nodes"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "uses-nodes"},
        "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user}]}
    assert (await lab.send("POST", f"{RBAC}/clusterrolebindings", binding)).status == 201


async def test_api_server_and_administrators_get_in_by_certificate(node_api: NodeApi) -> None:
    async with node_api.running() as node:
        for pair in (node.pki.kubelet_client, node.pki.admin):
            assert await node.ask("/healthz", node.pki.client_ssl_context(pair)) == (200, "ok")
        assert (await node.ask("/pods", node.pki.client_ssl_context(node.pki.kubelet_client)))[0] == 200


async def test_who_shows_nothing_is_nobody(node_api: NodeApi) -> None:
    async with node_api.running() as node:
        for path in ("/healthz", "/pods", "/exec/default/web/app", "/no/such/path"):
            assert await node.ask(path) == (401, "Unauthorized")
        assert node.asked == []


async def test_other_node_may_not_look_at_this_one(node_api: NodeApi) -> None:
    async with node_api.running() as node:
        other = node.as_node("evil")
        assert await node.ask("/pods", other) == (
            403, "Forbidden (user=system:node:evil, verb=get, resource=nodes, subresource(s)=[pods proxy])")
        assert await node.ask("/exec/default/web/app?command=id", other, method="POST") == (
            403, "Forbidden (user=system:node:evil, verb=create, resource=nodes, subresource(s)=[proxy])")


async def test_certificate_of_another_authority_ends_the_handshake(node_api: NodeApi) -> None:
    async with node_api.running() as node:
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await node.ask("/healthz", node.as_stranger())


async def test_token_is_reviewed_and_its_user_may_what_rbac_says(node_api: NodeApi) -> None:
    await allow(node_api.lab, "reader", "healthz", "metrics")
    async with node_api.running() as node:
        assert await node.ask("/healthz", token="reader-token") == (200, "ok")
        assert await node.ask("/metrics/cadvisor", token="reader-token") == (404, "404: Not Found")
        status, metrics = await node.ask("/metrics", token="reader-token")
        assert status == 200
        assert "process_cpu_seconds_total" in metrics
        assert await node.ask("/pods", token="reader-token") == (
            403, "Forbidden (user=reader, verb=get, resource=nodes, subresource(s)=[pods proxy])")
        assert await node.ask("/stats/summary", token="reader-token") == (
            403, "Forbidden (user=reader, verb=get, resource=nodes, subresource(s)=[stats])")
        for token in ("guess", "x" * 8_000, "reader-token-not"):
            assert await node.ask("/healthz", token=token) == (401, "Unauthorized")


async def test_proxy_opens_what_has_no_subresource_of_its_own(node_api: NodeApi) -> None:
    await allow(node_api.lab, "reader", "proxy")
    async with node_api.running() as node:
        assert (await node.ask("/pods", token="reader-token"))[0] == 200
        assert await node.ask("/healthz", token="reader-token") == (200, "ok")
        assert (await node.ask("/stats/summary", token="reader-token"))[0] == 403


async def test_answers_are_remembered(node_api: NodeApi) -> None:
    await allow(node_api.lab, "reader", "healthz")
    async with node_api.running() as node:
        for _ in range(3):
            assert (await node.ask("/healthz", token="reader-token"))[0] == 200
            assert (await node.ask("/stats/summary", token="reader-token"))[0] == 403
            assert (await node.ask("/healthz", token="guess"))[0] == 401
        assert sorted(node.asked) == ["SubjectAccessReview", "SubjectAccessReview", "TokenReview", "TokenReview"]


async def test_flags_change_who_gets_in(node_api: NodeApi) -> None:
    async with node_api.running("anonymous-auth=true") as node:
        assert await node.ask("/healthz") == (
            403, "Forbidden (user=system:anonymous, verb=get, resource=nodes, subresource(s)=[healthz proxy])")
        assert await node.ask("/healthz", token="guess") == (401, "Unauthorized")
    async with node_api.running("anonymous-auth=true", "authorization-mode=AlwaysAllow") as node:
        assert await node.ask("/healthz") == (200, "ok")
    async with node_api.running("authentication-token-webhook=false", "authorization-mode=AlwaysAllow") as node:
        assert await node.ask("/healthz", token="reader-token") == (401, "Unauthorized")


@pytest.mark.parametrize(("argument", "message"), [
    ("authorization-mode=RBAC", '--kubelet-arg: authorization-mode: "RBAC" is none of AlwaysAllow, Webhook'),
    ("anonymous-auth=yes", '--kubelet-arg: anonymous-auth: "yes" is neither true nor false'),
    ("authorization-webhook-cache-authorized-ttl=5", "missing unit"),
])
async def test_flag_that_cannot_be_is_refused(node_api: NodeApi, argument: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        async with node_api.running(argument):
            raise AssertionError("it must not start")


async def test_node_without_its_api_server_lets_nobody_new_in(node_api: NodeApi) -> None:
    admin = node_api.pki.client_ssl_context(node_api.pki.admin)
    async with node_api.running() as node:
        assert (await node.ask("/healthz", admin))[0] == 200
        await node.lab.api.server.close()
        assert (await node.ask("/healthz", admin))[0] == 200, "what was allowed is remembered"
        assert await node.ask("/pods", admin) == (
            500, "Authorization error (user=system:admin, verb=get, resource=nodes, subresource=pods)")
        assert await node.ask("/healthz", token="reader-token") == (401, "Unauthorized")


async def test_what_comes_by_the_tunnel_is_the_api_server(node_api: NodeApi) -> None:
    pair = Pair()
    async with node_api.running() as node:
        ends = TunnelEnds(node.server, lambda: None)
        far = Multiplexer(pair.far_socket, accept=ends.accept, extra={SERVER: node.lab.url})
        runs = [asyncio.create_task(end.run()) for end in (pair.near, far)]

        async def dial(_: str, __: int, protocol: asyncio.BaseProtocol) -> None:
            await pair.near.open(KUBELET, protocol)

        async with (
            aiohttp.ClientSession(connector=TunnelConnector(dial)) as session,
            session.get("http://n:10250/healthz") as answer,
        ):
            assert (answer.status, await answer.text()) == (200, "ok")
        assert node.asked == [], "the API server needs not to be asked about itself"
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
