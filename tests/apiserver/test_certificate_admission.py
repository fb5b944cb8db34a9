"""Who may approve and sign, asked over HTTP with and without the rights."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from tests.controllers.certificate_requests import request_pem

from .lab import Answer, Lab

CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
CLIENT = "kubernetes.io/kube-apiserver-client"
GROUP = "rbac.authorization.k8s.io"
RBAC = f"/apis/{GROUP}/v1"


async def create(lab: Lab, name: str = "r", organizations: tuple[str, ...] = (), signer: str = CLIENT) -> Answer:
    request = b64encode(request_pem("jane", organizations)).decode()
    spec = {"request": request, "signerName": signer, "usages": ["client auth"]}
    return await lab.send("POST", CSRS, {"metadata": {"name": name}, "spec": spec})


async def grant(lab: Lab, *rules: dict[str, Any]) -> None:
    for path, document in (
        ("clusterroles", {"metadata": {"name": "approver"}, "rules": [*rules]}),
        ("clusterrolebindings", {
            "metadata": {"name": "approver"}, "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": "approver"},
            "subjects": [{"kind": "User", "apiGroup": GROUP, "name": "anne"}]}),
    ):
        assert (await lab.send("POST", f"{RBAC}/{path}", document)).status == 201


def rule(verb: str, resource: str, *names: str) -> dict[str, Any]:
    return {"apiGroups": ["certificates.k8s.io"], "resources": [resource], "verbs": [verb], "resourceNames": [*names]}


async def put(lab: Lab, subresource: str, condition: dict[str, str]) -> Answer:
    document = (await lab.get(f"{CSRS}/r")).json
    document["status"] = {"conditions": [condition]}
    return await lab.send("PUT", f"{CSRS}/r/{subresource}", document, headers={"Impersonate-User": "anne"})


@pytest.mark.parametrize(("subresource", "verb", "condition"), [
    ("approval", "approve", {"type": "Approved", "status": "True"}), ("approval", "approve", {"type": "Denied", "status": "True"}),
    ("status", "sign", {"type": "Failed", "status": "True"}),
])
@pytest.mark.parametrize("signer", [None, CLIENT, "kubernetes.io/*", "example.com/*"])
async def test_deciding_needs_the_verb_on_the_signer_or_its_domain(
    lab: Lab, subresource: str, verb: str, condition: dict[str, str], signer: str | None
) -> None:
    assert (await create(lab)).status == 201
    await grant(lab, rule("update", f"certificatesigningrequests/{subresource}"), *([rule(verb, "signers", signer)] if signer else []))
    answer = await put(lab, subresource, condition)
    if signer in (CLIENT, "kubernetes.io/*"):
        assert answer.status == 200, answer.body
    else:
        assert (answer.status, answer.json["message"]) == (
            403, f'certificatesigningrequests.certificates.k8s.io "r" is forbidden: '
                 f'user not permitted to {verb} requests with signerName "{CLIENT}"')


async def test_nobody_becomes_a_master_by_the_signer_of_clients(lab: Lab) -> None:
    answer = await create(lab, "r", ("dev", "system:masters"))
    assert (answer.status, answer.json["message"]) == (
        403, 'certificatesigningrequests.certificates.k8s.io "r" is forbidden: '
             "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed")
    assert (await create(lab, "other", ("system:masters",), "example.com/signer")).status == 201
