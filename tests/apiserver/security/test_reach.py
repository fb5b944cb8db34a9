"""Who has no right to something gets to it by no verb of any kind, and what he tried changes nothing.

The attempts are made from the table of what is served, so a new kind is tried without being named here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from minikube_py.apis.resources import RESOURCES, ResourceType

from ..http.backends import add_node
from ..lab import Answer
from .conftest import Cell, binding

Attempt = tuple[str, str]
# What everybody with a name may ask about himself. Source: ClusterRole system:basic-user
ABOUT_ONESELF = {
    "/apis/authentication.k8s.io/v1/selfsubjectreviews", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
}


def attempts(resource: ResourceType, namespace: str) -> Iterator[Attempt]:
    """Method and path of every verb, in a namespace ("" for none)."""
    collection = f"{resource.api_prefix}/namespaces/{namespace}/{resource.plural}" if namespace else (
        f"{resource.api_prefix}/{resource.plural}")
    one = f"{collection}/x"
    yield from (("GET", collection), ("GET", f"{collection}?watch=1"), ("POST", collection), ("DELETE", collection))
    yield from ((method, one) for method in ("GET", "PUT", "PATCH", "DELETE"))
    for subresource in resource.subresources:
        yield from ((method, f"{one}/{subresource.name}") for method in ("GET", "PUT", "PATCH", "POST", "DELETE"))


async def outcomes(cell: Cell, who: str, tries: Iterator[Attempt]) -> dict[Attempt, Answer]:
    """What came of the attempts."""
    found = {}
    for method, path in tries:
        document = None if method == "GET" else {"metadata": {"name": "x"}}
        found[method, path] = await cell.ask(who, method, path, document)
    return found


async def state(cell: Cell) -> Any:
    """The revision of the newest write."""
    return (await cell.lab.get("/api/v1/namespaces")).json["metadata"]["resourceVersion"]


def not_refused(found: dict[Attempt, Answer], *refusals: int) -> dict[Attempt, int]:
    return {attempt: answer.status for attempt, answer in found.items() if answer.status not in refusals}


@pytest.mark.parametrize("who", ["", "mallory"])
async def test_who_may_nothing_gets_nothing(cell: Cell, who: str) -> None:
    before = await state(cell)
    for resource in RESOURCES:
        for namespace in ("theirs", "") if resource.namespaced else ("",):
            found = not_refused(await outcomes(cell, who, attempts(resource, namespace)), 403)
            allowed = {attempt for attempt in found if who and attempt[0] == "POST" and attempt[1] in ABOUT_ONESELF}
            assert set(found) == allowed
    assert await state(cell) == before


async def test_a_wrong_token_gets_less_than_none(cell: Cell) -> None:
    for resource in RESOURCES:
        assert not_refused(await outcomes(cell, "nobodys", attempts(resource, "")), 401) == {}


@pytest.mark.parametrize("who", ["owner", "admin", "editor"])
async def test_rights_in_a_namespace_end_with_it(cell: Cell, who: str) -> None:
    before = await state(cell)
    for resource in RESOURCES:
        for namespace in ("theirs", "") if resource.namespaced else ("",):
            found = not_refused(await outcomes(cell, who, attempts(resource, namespace)), 403)
            assert {attempt for attempt in found if attempt[0] != "POST" or attempt[1] not in ABOUT_ONESELF} == set()
    assert await state(cell) == before


@pytest.mark.parametrize("who", ["owner", "admin", "editor"])
async def test_what_has_no_namespace_is_not_reached_through_one(cell: Cell, who: str) -> None:
    before = await state(cell)
    for resource in RESOURCES:
        if not resource.namespaced:
            assert not_refused(await outcomes(cell, who, attempts(resource, "mine")), *((404,) if who == "owner" else (403, 404))) == {}
    for path in ("nodes/a/proxy/../../pods", "nodes/a/proxy/", "namespaces/mine", "namespaces/theirs", "namespaces/theirs/finalize"):
        assert (await cell.ask("owner", "GET", f"/api/v1/namespaces/mine/{path}")).status == 404
    assert await state(cell) == before
    await cell.make("/api/v1/namespaces", {"metadata": {"name": "namespaces"}})
    for path in ("mine", "mine/status", "namespaces", "namespaces/status"):
        assert (await cell.lab.get(f"/api/v1/namespaces/{path}")).status == 200


async def test_a_custom_resource_lends_its_name_to_no_stream(cell: Cell) -> None:
    """Whoever may exec in "pods" of another group may not in those of the core."""
    definition = {
        "metadata": {"name": "pods.example.com"}, "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "pods", "kind": "Whale", "singular": "whale"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}]}}
    await cell.make("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
    rules = [{"apiGroups": ["example.com"], "resources": ["*"], "verbs": ["*"]}]
    rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/theirs"
    await cell.make(f"{rbac}/roles", {"metadata": {"name": "whales"}, "rules": rules})
    await cell.make(f"{rbac}/rolebindings", {
        "metadata": {"name": "whales"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "whales"},
        "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "mallory"}]})
    pods = "/apis/example.com/v1/namespaces/theirs/pods"
    assert (await cell.ask("mallory", "GET", pods)).status == 200
    for stream in ("log", "exec?command=id", "attach", "portforward", "proxy"):
        assert (await cell.ask("mallory", "GET", f"{pods}/pod-a/{stream}")).status == 404
        assert (await cell.ask("mallory", "POST", f"{pods}/pod-a/{stream}")).status == 404


async def test_a_node_that_gives_the_servers_address_as_its_own_lends_nobody_the_servers_rights(cell: Cell) -> None:
    """The server shows kubelets a certificate of its own; a node says itself where its kubelet is."""
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    rule = {"apiGroups": [""], "resources": ["nodes", "nodes/proxy"], "verbs": ["*"]}
    await cell.make(f"{rbac}/clusterroles", {"metadata": {"name": "proxy"}, "rules": [rule]})
    await cell.make(f"{rbac}/clusterrolebindings", binding("proxy", "proxy", "mallory"))
    await add_node(cell.lab, "liar", "127.0.0.1", int(cell.lab.url.rpartition(":")[2]))
    for method, path in (("GET", "namespaces/theirs/secrets"), ("GET", "namespaces"), ("DELETE", "namespaces/theirs")):
        answer = await cell.ask("mallory", method, f"/api/v1/nodes/liar/proxy/api/v1/{path}")
        assert answer.status == 403
        assert 'User \\"kube-apiserver\\" cannot' in answer.body.decode()


# Whom the server tells about itself: monitoring and administrators; nobody may change it or look into it otherwise.
PAGES = (
    "/metrics", "/metrics/slis", "/flagz", "/statusz", "/logs", "/logs/", "/debug", "/debug/", "/debug/pprof", "/debug/pprof/",
    "/debug/tasks",
    "/debug/pprof/goroutine", "/debug/pprof/cmdline", "/debug/pprof/profile?seconds=1", "/debug/pprof/heap", "/debug/flags/v",
    "/debug/api_priority_and_fairness/dump_requests?includeRequestDetails=1", "/v1-minikube-py/secrets-encrypt", "/.well-known/x", "/x",
    "/metrics/", "/METRICS", "/%6detrics", "/openid/v1/jwks", "/.well-known/openid-configuration",
)


@pytest.mark.parametrize("who", ["", "mallory", "owner", "node-a"])
async def test_pages_about_the_server_are_not_for_everybody(cell: Cell, who: str) -> None:
    for path in PAGES:
        for method in ("GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "TRACE"):
            answer = await cell.ask(who, method, path, body=b"9" if method in ("PUT", "POST") else None)
            assert answer.status in ((403,) if method != "TRACE" else (403, 405, 400)), (method, path, answer.status)
