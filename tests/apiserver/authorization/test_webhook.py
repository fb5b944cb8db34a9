from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from minikube_py.apiserver.authentication import UserInfo
from minikube_py.apiserver.authorization import Attributes, Decision
from minikube_py.apiserver.authorization.match_conditions import ExpressionError, MatchConditions
from minikube_py.apiserver.authorization.review_document import review_spec
from minikube_py.apiserver.authorization.selectors import Selectors
from minikube_py.apiserver.authorization.webhook import WebhookAuthorizer
from minikube_py.apiserver.webhook_client import WebhookClient
from tests.apiserver.webhooks import Webhook, webhook

JANE = UserInfo("jane", "7", ("dev",), {"k": ("v",)})
LIST_PODS = Attributes(JANE, "list", "", "v1", "pods", "", "default", selectors=Selectors("spec.nodeName=a", "app in (x,y),!z"))
GET_METRICS = Attributes(JANE, "get", path="/metrics", is_resource=False)


def status(version: str = "v1", **values: Any) -> tuple[int, Any]:
    return 200, {"kind": "SubjectAccessReview", "apiVersion": f"authorization.k8s.io/{version}", "status": values}


@asynccontextmanager
async def asking(path: Path, answer: Any, version: str = "v1", **options: Any) -> AsyncIterator[tuple[Webhook, WebhookAuthorizer]]:
    options = {"authorized_ttl_s": 60, "unauthorized_ttl_s": 60} | options
    async with webhook(answer) as hook:
        client = WebhookClient.from_kubeconfig("hook", hook.kubeconfig(path / "hook.yaml"))
        try:
            yield hook, WebhookAuthorizer(client, version, **options)
        finally:
            await client.close()


async def test_a_webhook_is_asked_in_the_version_that_it_speaks(tmp_path: Path) -> None:
    async with asking(tmp_path, lambda asked: status(allowed=True, reason="so")) as (hook, authorizer):
        assert await authorizer.authorize(LIST_PODS) == Decision(True, "so")
        assert await authorizer.authorize(GET_METRICS) == Decision(True, "so")
    resources, path = hook.asked
    assert (resources["kind"], resources["apiVersion"]) == ("SubjectAccessReview", "authorization.k8s.io/v1")
    user = {"user": "jane", "uid": "7", "groups": ["dev"], "extra": {"k": ["v"]}}
    assert resources["spec"] == user | {"resourceAttributes": {
        "namespace": "default", "verb": "list", "version": "v1", "resource": "pods",
        "fieldSelector": {"requirements": [{"key": "spec.nodeName", "operator": "In", "values": ["a"]}]},
        "labelSelector": {"requirements": [
            {"key": "app", "operator": "In", "values": ["x", "y"]}, {"key": "z", "operator": "DoesNotExist"}]},
    }}
    assert path["spec"] == user | {"nonResourceAttributes": {"path": "/metrics", "verb": "get"}}
    async with asking(tmp_path, lambda asked: status("v1beta1", allowed=True), "v1beta1") as (hook, authorizer):
        assert (await authorizer.authorize(GET_METRICS)).allowed
    assert hook.asked[0]["spec"]["group"] == ["dev"]
    assert "groups" not in hook.asked[0]["spec"]


@pytest.mark.parametrize(("answer", "decision"), [
    ({"allowed": False, "reason": "ask later"}, Decision(False, "ask later")),
    ({"allowed": False, "denied": True, "reason": "no"}, Decision(False, "no", denied=True)),
    ({"allowed": True, "denied": True}, Decision(
        False, denied=True, error="webhook subject access review returned both allow and deny response")),
])
async def test_a_webhook_allows_denies_or_has_no_opinion(tmp_path: Path, answer: dict[str, Any], decision: Decision) -> None:
    async with asking(tmp_path, lambda asked: status(**answer)) as (_, authorizer):
        assert await authorizer.authorize(GET_METRICS) == decision


@pytest.mark.parametrize("denies", [False, True])
async def test_without_an_answer_the_failure_policy_decides(tmp_path: Path, denies: bool) -> None:
    async with asking(tmp_path, lambda asked: (403, {}), denies_failures=denies) as (hook, authorizer):
        for _ in range(2):
            decision = await authorizer.authorize(GET_METRICS)
            assert (decision.allowed, decision.denied) == (False, denies)
            assert decision.error
        assert len(hook.asked) == 2  # Failures are not remembered.


async def test_answers_are_remembered_for_a_while_of_their_own(tmp_path: Path) -> None:
    def answer(asked: dict[str, Any]) -> tuple[int, Any]:
        return status(allowed="resourceAttributes" in asked["spec"])

    async with asking(tmp_path, answer, unauthorized_ttl_s=0) as (hook, authorizer):
        for _ in range(3):
            assert (await authorizer.authorize(LIST_PODS)).allowed
            assert not (await authorizer.authorize(GET_METRICS)).allowed
        assert len(hook.asked) == 1 + 3
        long = Attributes(JANE, "get", "", "v1", "pods", "", "default", "x" * 10_000)
        for _ in range(2):
            assert (await authorizer.authorize(long)).allowed
        assert len(hook.asked) == 4 + 2


async def test_conditions_say_what_a_webhook_is_asked_about(tmp_path: Path) -> None:
    conditions = MatchConditions(["has(request.resourceAttributes)", "request.resourceAttributes.namespace == 'default'"])
    async with asking(tmp_path, lambda asked: status(allowed=True), conditions=conditions) as (hook, authorizer):
        assert (await authorizer.authorize(LIST_PODS)).allowed
        assert await authorizer.authorize(GET_METRICS) == Decision(False)
        assert len(hook.asked) == 1


@pytest.mark.parametrize(("expression", "matches"), [
    ("request.user == 'jane' && request.groups.exists(g, g == 'dev')", True), ("request.uid == ''", False),
    ("request.extra['k'][0] == 'v'", True), ("has(request.nonResourceAttributes)", False),
    ("request.resourceAttributes.name == '' && request.resourceAttributes.subresource == ''", True),
    ("request.resourceAttributes.fieldSelector.requirements.exists(r, r.key == 'spec.nodeName' && r.values == ['a'])", True),
    ("request.resourceAttributes.?labelSelector.requirements.orValue([]).size() == 2", True),
])
def test_conditions_see_the_question(expression: str, matches: bool) -> None:
    assert MatchConditions([expression]).match(review_spec(LIST_PODS)) is matches


def test_one_condition_that_does_not_hold_outweighs_those_that_fail() -> None:
    from minikube_py.apis.cel.errors import CelError

    fails = "request.nonResourceAttributes.path == '/'"
    assert not MatchConditions([fails, "false"]).match(review_spec(LIST_PODS))
    with pytest.raises(CelError, match=r"cel evaluation error: expression '.*' resulted in error: no such key: nonResourceAttributes"):
        MatchConditions([fails]).match(review_spec(LIST_PODS))


@pytest.mark.parametrize(("expression", "why"), [
    ("request.user", "must evaluate to bool but got string"), ("request.ghost == 1", "compilation failed: .*undefined field 'ghost'"),
    ("request.", "compilation failed"),
])
def test_what_is_no_condition_is_told(expression: str, why: str) -> None:
    with pytest.raises(ExpressionError, match=why):
        MatchConditions([expression])
