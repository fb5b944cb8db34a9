"""What becomes of requests that could not be decided about, because an authorizer failed and no other allowed them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from minikube_py.apiserver.audit.options import AuditArgs
from minikube_py.apiserver.authorization.options import AuthorizationArgs
from minikube_py.apiserver.options import ApiServerArgs
from minikube_py.apiserver.pki import Pki
from minikube_py.store.memory import MemoryStore
from tests.apiserver.lab import Answer, Lab, api_server
from tests.apiserver.webhooks import webhook

FAILURE = "the webhook default gave no answer: broken on purpose"
MAPS = "/api/v1/namespaces/default/configmaps"
RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"


@pytest.fixture
async def broken(pki: Pki, tmp_path: Path) -> AsyncIterator[Lab]:
    """A server that asks a webhook which only fails, and RBAC; the user reader may update leases and get pods' streams."""
    policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}], "omitStages": ["RequestReceived"]}
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(policy))
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "broken on purpose", "code": 400}
    store = MemoryStore()
    await store.open()
    async with webhook(lambda asked: (400, status)) as hook:
        args = ApiServerArgs(
            token_auth_file=tmp_path / "tokens.csv",
            authorization=AuthorizationArgs(
                authorization_mode=("Webhook", "RBAC"), authorization_webhook_config_file=hook.kubeconfig(tmp_path / "hook.yaml")),
            audit=AuditArgs(policy_file=tmp_path / "policy.yaml", log_path=str(tmp_path / "audit.log")),
        )
        async with api_server(tmp_path, pki, store, args) as lab:
            rules = [
                {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "update"]},
                {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get"]},
            ]
            await lab.send("POST", f"{RBAC}/roles", {"metadata": {"name": "r"}, "rules": rules})
            await lab.send("POST", f"{RBAC}/rolebindings", {
                "metadata": {"name": "r"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
                "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "reader"}]})
            yield lab
    await store.close()


async def ask(lab: Lab, method: str, path: str, document: Any = None, user: str = "reader", **headers: str) -> Answer:
    return await lab.send(method, path, document, headers={"Impersonate-User": user, **headers})


async def test_no_answer_is_an_internal_error_in_plain_text(broken: Lab, tmp_path: Path) -> None:
    answer = await ask(broken, "GET", f"{MAPS}?limit=1&x=<y>")
    assert (answer.status, answer.headers["Content-Type"]) == (500, "text/plain; charset=utf-8")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    uri = f"{MAPS}?limit=1&amp;x=%3Cy%3E"
    assert answer.body.decode() == f'Internal Server Error: "{uri}": {FAILURE}\n'
    (event,) = [event for event in map(json.loads, (tmp_path / "audit.log").read_bytes().splitlines()) if "limit" in event["requestURI"]]
    assert event["annotations"] == {"authorization.k8s.io/reason": "internal error"}
    assert event["responseStatus"] == {"metadata": {}, "code": 500}


async def test_who_is_allowed_by_another_authorizer_does_not_notice(broken: Lab) -> None:
    assert (await ask(broken, "GET", "/apis")).status == 200
    assert (await broken.get(MAPS)).status == 200


async def test_an_update_that_would_create_is_an_internal_error(broken: Lab) -> None:
    lease = {"kind": "Lease", "apiVersion": "coordination.k8s.io/v1", "metadata": {"name": "l"}}
    answer = await ask(broken, "PUT", "/apis/coordination.k8s.io/v1/namespaces/default/leases/l", lease)
    assert answer.status == 500 and answer.json == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500,
        "message": f"Internal error occurred: {FAILURE}", "details": {"causes": [{"message": FAILURE}]},
    }


async def test_a_stream_is_not_opened_and_its_error_has_no_reason(broken: Lab) -> None:
    answer = await ask(broken, "GET", "/api/v1/namespaces/default/pods/p/exec?command=id")
    assert answer.status == 500 and answer.json == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 500, "message": FAILURE,
    }


async def test_acting_as_somebody_is_forbidden_with_what_went_wrong(broken: Lab) -> None:
    async with aiohttp.ClientSession(broken.url, connector=aiohttp.TCPConnector(ssl=broken.anonymous_tls)) as session:
        headers = {"Authorization": "Bearer reader-token", "Impersonate-User": "jane"}
        answer = await broken.send("GET", "/api/v1/nodes", headers=headers, session=session)
    assert (answer.status, answer.json["reason"]) == (403, "Forbidden")
    who = 'User "reader" cannot impersonate-on:user-info:list resource "nodes" in API group "" at the cluster scope'
    assert answer.json["message"] == f"nodes is forbidden: {who}: {FAILURE}"


async def test_access_reviews_tell_what_went_wrong(broken: Lab) -> None:
    spec = {"user": "reader", "resourceAttributes": {"verb": "list", "resource": "configmaps", "namespace": "default"}}
    answer = await broken.send("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {"spec": spec})
    assert answer.json["status"] == {"allowed": False, "evaluationError": FAILURE}
    answer = await ask(broken, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"spec": {
        "resourceAttributes": {"verb": "get", "resource": "leases", "group": "coordination.k8s.io", "namespace": "default"}}})
    assert answer.json["status"]["allowed"] and "evaluationError" not in answer.json["status"]


async def test_what_a_websocket_opens_needs_the_permission_to_create_it(lab: Lab) -> None:
    rule = {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get"]}
    await lab.send("POST", f"{RBAC}/roles", {"metadata": {"name": "r"}, "rules": [rule]})
    await lab.send("POST", f"{RBAC}/rolebindings", {
        "metadata": {"name": "r"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
        "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "reader"}]})
    answer = await ask(lab, "GET", "/api/v1/namespaces/default/pods/p/exec?command=id")
    assert (answer.status, answer.json["message"]) == (403, 'pods "p" is forbidden: ')
    assert answer.json["details"] == {"name": "p", "kind": "pods"}
