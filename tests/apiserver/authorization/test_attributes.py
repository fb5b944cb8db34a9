from __future__ import annotations

from dataclasses import replace

import pytest

from minikube_py.apiserver.authentication import UserInfo
from minikube_py.apiserver.authorization import AlwaysDeny, Attributes, AuthorizerChain, Decision, PrivilegedGroup, forbidden

X = UserInfo("x")


@pytest.mark.parametrize(("attributes", "message", "details"), [
    (
        Attributes(X, "list", "", "v1", "pods", "", "default"),
        'pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "default"',
        {"kind": "pods"},
    ),
    (
        Attributes(X, "get", "apps", "v1", "deployments", "scale", "default", "web"),
        'deployments.apps "web" is forbidden: User "x" cannot get resource "deployments/scale" in API group "apps" '
        'in the namespace "default"',
        {"kind": "deployments", "group": "apps", "name": "web"},
    ),
    (
        Attributes(X, "create", "", "v1", "nodes"),
        'nodes is forbidden: User "x" cannot create resource "nodes" in API group "" at the cluster scope',
        {"kind": "nodes"},
    ),
    (Attributes(X, "get", path="/x", is_resource=False), 'forbidden: User "x" cannot get path "/x"', {}),
    (
        Attributes(UserInfo('a"b'), "get", path="/x\t<", is_resource=False), 'forbidden: User "a\\"b" cannot get path "/x\\t&lt;"', {},
    ),
    (Attributes(UserInfo("<b>"), "get", path="/x", is_resource=False), 'forbidden: User "&lt;b&gt;" cannot get path "/x"', {}),
])
def test_refusals_read_as_upstreams(attributes: Attributes, message: str, details: dict[str, str]) -> None:
    error = forbidden(attributes)
    assert error.message == message
    assert error.details == details


class Says:
    def __init__(self, decision: Decision) -> None:
        self.decision = decision

    async def authorize(self, attributes: Attributes) -> Decision:
        return self.decision


async def test_the_first_opinion_counts() -> None:
    wanted = Attributes(X, "get", path="/x", is_resource=False)
    nothing, yes, no = Says(Decision(False, "a")), Says(Decision(True)), Says(Decision(False, "no", denied=True))
    assert (await AuthorizerChain(nothing, yes, no).authorize(wanted)).allowed
    assert not (await AuthorizerChain(nothing, no, yes).authorize(wanted)).allowed
    assert (await AuthorizerChain(nothing, Says(Decision(False, "b"))).authorize(wanted)).reason == "a\nb"


async def test_what_went_wrong_is_kept_for_reviews_whoever_is_asked_next() -> None:
    wanted = Attributes(X, "get", path="/x", is_resource=False)
    down, worse = Says(Decision(False, error="webhook down")), Says(Decision(False, "b", error="no roles"))
    assert await AuthorizerChain(down, Says(Decision(False, "a"))).authorize(wanted) == Decision(False, "a", error="webhook down")
    assert await AuthorizerChain(down, worse).authorize(wanted) == Decision(False, "b", error="[webhook down, no roles]")


async def test_masters_need_nobodys_leave() -> None:
    chain = AuthorizerChain(PrivilegedGroup(), AlwaysDeny())
    wanted = Attributes(UserInfo("admin", "", ("system:masters",)), "delete", "", "v1", "nodes", "", "", "a")
    assert (await chain.authorize(wanted)).allowed
    assert (await chain.authorize(replace(wanted, user=X))).reason == "Everything is forbidden."
