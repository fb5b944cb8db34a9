from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from minikube_py.apiserver.authentication import UserInfo
from minikube_py.apiserver.authorization import Attributes
from minikube_py.apiserver.authorization.configuration import configured
from minikube_py.apiserver.authorization.modes import Authorization
from minikube_py.apiserver.authorization.options import AuthorizationArgs
from minikube_py.apiserver.configuration import ConfigurationError
from minikube_py.apiserver.options import ApiServerArgs
from tests.apiserver.lab import PATIENCE_S, Lab, until
from tests.apiserver.webhooks import webhook

JANE = UserInfo("jane")
GET_POD = Attributes(JANE, "get", "", "v1", "pods", "", "default", "x")


@pytest.mark.parametrize(("arguments", "problem"), [
    (["authorization-mode=RBAC,Nod"], 'authorization-mode "Nod" is not a valid mode'),
    (["authorization-mode=RBAC,Node", "authorization-mode=RBAC"], 'authorization-mode "RBAC" has mode specified more than once'),
    (["authorization-mode=ABAC"], "authorization-mode ABAC's authorization policy file not passed"),
    (["authorization-mode=Webhook"], "authorization-mode Webhook's authorization config file not passed"),
    (["authorization-policy-file=/x"], "cannot specify --authorization-policy-file without mode ABAC"),
    (["authorization-webhook-config-file=/x"], "cannot specify --authorization-webhook-config-file without mode Webhook"),
    (["authorization-config=/x", "authorization-mode=AlwaysAllow"],
     "--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* flags are defined"),
])
def test_flags_that_do_not_go_together_are_refused(arguments: list[str], problem: str) -> None:
    with pytest.raises(ValueError) as caught:
        ApiServerArgs.parse(arguments)
    assert problem in str(caught.value)


@pytest.mark.parametrize(("arguments", "expected"), [
    ([], True), (["anonymous-auth=false"], False), (["authorization-mode=RBAC,AlwaysAllow"], False),
    (["authorization-mode=RBAC,AlwaysDeny"], True),
])
def test_nobody_is_anonymous_where_everything_is_allowed(arguments: list[str], expected: bool) -> None:
    assert ApiServerArgs.parse(arguments).lets_anonymous_in() is expected


async def test_modes_are_asked_in_their_order(tmp_path: Path) -> None:
    policies = tmp_path / "policies"
    policies.write_text('{"user":"jane"}')
    for modes, allowed, reason in (
        (("AlwaysDeny", "AlwaysAllow"), True, ""), (("AlwaysDeny",), False, "Everything is forbidden."),
        (("RBAC", "ABAC"), True, ""), (("RBAC",), False, ""),
    ):
        args = AuthorizationArgs(authorization_mode=modes, authorization_policy_file=policies if "ABAC" in modes else None)
        decision = await Authorization(args).authorizer.authorize(GET_POD)
        assert (decision.allowed, decision.reason) == (allowed, reason)
    assert AuthorizationArgs().authorization_mode == ("Node", "RBAC")


def connection(**values: Any) -> dict[str, Any]:
    return {
        "timeout": "3s", "subjectAccessReviewVersion": "v1", "failurePolicy": "NoOpinion", "connectionInfo": {"type": "InClusterConfig"},
        **values,
    }


def write(path: Path, *authorizers: dict[str, Any]) -> Path:
    file = path / "authorization.yaml"
    file.write_text(yaml.safe_dump({
        "apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthorizationConfiguration", "authorizers": list(authorizers)}))
    return file


@pytest.mark.parametrize(("authorizers", "problem"), [
    ([], "authorizers: Required value: at least one authorization mode must be defined"),
    ([{"name": "x"}], "authorizers[0].type: Required value"),
    ([{"type": "X", "name": "x"}],
     'authorizers[0].type: Unsupported value: "X": supported values: "ABAC", "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook"'),
    ([{"type": "RBAC", "name": "a"}, {"type": "RBAC", "name": "b"}], 'authorizers[1].type: Duplicate value: "RBAC"'),
    ([{"type": "RBAC", "name": "a"}, {"type": "Node", "name": "a"}], 'authorizers[1].name: Duplicate value: "a"'),
    ([{"type": "RBAC"}], "authorizers[0].name: Required value"),
    ([{"type": "RBAC", "name": "a", "webhook": {}}],
     'authorizers[0].webhook: Invalid value: "non-null": may only be specified when type=Webhook'),
    ([{"type": "Webhook", "name": "a"}], "authorizers[0].webhook: Required value: required when type=Webhook"),
    ([{"type": "Webhook", "name": "a", "webhook": connection(timeout="31s")}],
     'authorizers[0].timeout: Invalid value: "31s": must be > 0s and <= 30s'),
    ([{"type": "Webhook", "name": "a", "webhook": connection(failurePolicy="Allow")}],
     'authorizers[0].failurePolicy: Unsupported value: "Allow": supported values: "NoOpinion", "Deny"'),
    ([{"type": "Webhook", "name": "a", "webhook": connection(matchConditions=[{"expression": "true"}])}],
     "authorizers[0].matchConditionSubjectAccessReviewVersion: Required value: required if match conditions are specified"),
    ([{"type": "Webhook", "name": "a", "webhook": connection(
        matchConditionSubjectAccessReviewVersion="v1", matchConditions=[{"expression": "1"}])}],
     'authorizers[0].matchConditions[0].expression: Invalid value: "1": must evaluate to bool but got int'),
    ([{"type": "Webhook", "name": "a", "webhook": connection(connectionInfo={"type": "KubeConfigFile", "kubeConfigFile": "x"})}],
     'authorizers[0].connectionInfo.kubeConfigFile: Invalid value: "x": must be an absolute path'),
])
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, authorizers: list[dict[str, Any]], problem: str) -> None:
    file = write(tmp_path, *authorizers)
    with pytest.raises(ConfigurationError) as caught:
        configured(file, file.read_bytes())
    assert str(caught.value) == f"{file}: {problem}"


def test_authorizers_have_the_names_of_their_types(tmp_path: Path) -> None:
    file = write(tmp_path, {"type": "RBAC", "name": "roles"})
    with pytest.raises(ConfigurationError, match=r"^expected name rbac for authorizer RBAC instead of roles$"):
        configured(file, file.read_bytes())


async def test_a_file_names_webhooks_before_and_after_others(tmp_path: Path) -> None:
    review = {"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1"}
    async with webhook(lambda asked: (200, review | {"status": {"allowed": False, "denied": True, "reason": "closed"}})) as hook:
        info = {"type": "KubeConfigFile", "kubeConfigFile": str(hook.kubeconfig(tmp_path / "hook.yaml"))}
        conditions = [{"expression": "has(request.resourceAttributes)"}, {"expression": "request.resourceAttributes.verb == 'get'"}]
        file = write(tmp_path, {"type": "Webhook", "name": "first", "webhook": connection(
            connectionInfo=info, matchConditionSubjectAccessReviewVersion="v1", matchConditions=conditions,
        )}, {"type": "AlwaysAllow", "name": "alwaysallow"})
        authorization = Authorization(AuthorizationArgs(authorization_config=file))
        try:
            refused = await authorization.authorizer.authorize(GET_POD)
            assert (refused.denied, refused.reason) == (True, "closed")
            assert (await authorization.authorizer.authorize(Attributes(JANE, "list", "", "v1", "pods"))).allowed
            admin = UserInfo("admin", "", ("system:masters",))
            assert (await authorization.authorizer.authorize(Attributes(admin, "get", "", "v1", "pods"))).allowed
            assert len(hook.asked) == 1
        finally:
            await authorization.close()
    rules = authorization.rules.subject_rules(JANE, "default")
    assert (rules.incomplete, rules.error) == (True, "webhook authorizer does not support user rule resolution")
    assert len(rules.rules) == 2


async def test_decisions_that_end_the_matter_are_counted(lab: Lab) -> None:
    node = {"Impersonate-User": "system:node:a", "Impersonate-Group": "system:nodes"}
    for path in ("/api/v1/nodes/a", "/api/v1/nodes", "/api/v1/nodes/b", "/api/v1/secrets"):
        await lab.send("GET", path, headers=node)
    lines = (await lab.get("/metrics")).body.decode().splitlines()
    counted = {line.partition("{")[2] for line in lines if line.startswith("apiserver_authorization_decisions_total{")}
    assert counted == {
        'decision="allowed",name="node",type="Node"} 1.0',  # Its own object.
        'decision="allowed",name="rbac",type="RBAC"} 1.0',  # All nodes, as part of the network.
    }


async def test_flags_name_one_webhook(tmp_path: Path) -> None:
    review = {"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1beta1", "status": {"allowed": True}}
    async with webhook(lambda asked: (200, review)) as hook:
        args = ApiServerArgs.parse([
            "authorization-mode=RBAC,Webhook", f"authorization-webhook-config-file={hook.kubeconfig(tmp_path / 'hook.yaml')}",
            "authorization-webhook-cache-authorized-ttl=1m", "authorization-webhook-cache-unauthorized-ttl=0",
        ])
        authorization = Authorization(args.authorization)
        try:
            assert [(await authorization.authorizer.authorize(GET_POD)).allowed for _ in range(2)] == [True, True]
        finally:
            await authorization.close()
        assert len(hook.asked) == 1


async def test_a_file_is_followed_and_one_that_cannot_be_used_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    deny, allow = {"type": "AlwaysDeny", "name": "alwaysdeny"}, {"type": "AlwaysAllow", "name": "alwaysallow"}
    file = write(tmp_path, deny)
    authorization = Authorization(AuthorizationArgs(authorization_config=file))
    running = asyncio.create_task(authorization.run())

    async def allowed() -> bool:
        return (await authorization.authorizer.authorize(GET_POD)).allowed

    async def becomes(wanted: bool) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while await allowed() is not wanted:
                await asyncio.sleep(0.005)

    async def refused(words: str) -> None:
        await until(lambda: words in caplog.text)
        assert await allowed()

    def counted() -> dict[str, float]:
        found = {sample.labels["status"]: sample.value for family in authorization.families() for sample in family.samples
                 if sample.name == "apiserver_authorization_config_controller_automatic_reloads_total"}
        return found

    try:
        assert not await allowed()
        write(tmp_path, allow, deny)
        await becomes(True)
        file.write_text("nonsense")
        await refused("nonsense")
        write(tmp_path, allow)
        await refused("missing required types: [AlwaysDeny]")
        write(tmp_path, {"type": "Node", "name": "node"}, deny)
        await refused("authorizer type Node is not allowed if it was not enabled at initial server startup")
        assert counted() == {"success": 1, "failure": 3}
        write(tmp_path, deny)
        await becomes(False)
        assert counted() == {"success": 2, "failure": 3}
    finally:
        running.cancel()
        await asyncio.wait([running])
        await authorization.close()


async def test_what_nodes_need_is_followed_where_their_authorizer_is_named(tmp_path: Path) -> None:
    for name, wanted in (("Node", True), ("RBAC", False)):
        authorization = Authorization(AuthorizationArgs(authorization_config=write(tmp_path, {"type": name, "name": name.lower()})))
        followed: list[str] = []
        authorization.follow(lambda group, version, plural, changed, followed=followed: followed.append(plural))  # type: ignore[misc]
        assert ("pods" in followed) is wanted
