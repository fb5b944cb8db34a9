"""Nobody comes by more rights than he has: not by roles and bindings, labels, certificates, tokens or pods."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .conftest import SHELL, Cell, binding

RBAC = "/apis/rbac.authorization.k8s.io/v1"
MINE = f"{RBAC}/namespaces/mine"
EVERYTHING = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
MERGE = {"Content-Type": "application/merge-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}


async def allow(cell: Cell, who: str, *rules: tuple[str, str, str]) -> None:
    """Give somebody rights everywhere: (groups, resources, verbs), each separated by blanks; "core" is the group without a name."""
    name = f"of-{who}-{abs(hash(rules))}"
    made = [{"apiGroups": groups.replace("core", "").split(" "), "resources": resources.split(), "verbs": verbs.split()}
            for groups, resources, verbs in rules]
    await cell.make(f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": made})
    await cell.make(f"{RBAC}/clusterrolebindings", binding(name, name, who))


async def test_who_writes_roles_writes_none_beyond_his_rights(cell: Cell) -> None:
    await allow(cell, "mallory", ("rbac.authorization.k8s.io", "clusterroles clusterrolebindings roles rolebindings",
                                  "get list create update patch delete deletecollection"))
    clusterroles = f"{RBAC}/clusterroles"
    tries: list[tuple[str, str, Any, dict[str, str]]] = [
        ("POST", clusterroles, {"metadata": {"name": "x"}, "rules": EVERYTHING}, {}),
        ("POST", clusterroles, {"metadata": {"generateName": "x"}, "rules": EVERYTHING}, {}),
        ("POST", clusterroles, {"metadata": {"name": "x", "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
                                "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]}, {}),
        ("POST", clusterroles, {"metadata": {"name": "x"}, "rules": [{"nonResourceURLs": ["*"], "verbs": ["*"]}]}, {}),
        ("POST", clusterroles, {"metadata": {"name": "x"}, "aggregationRule": {"clusterRoleSelectors": [{}]}}, {}),
        ("PATCH", f"{clusterroles}/view", {"rules": EVERYTHING}, MERGE),
        ("PATCH", f"{clusterroles}/view", {"aggregationRule": {"clusterRoleSelectors": [{}]}}, MERGE),
        ("PATCH", f"{clusterroles}/cluster-admin", {"metadata": {"labels": {
            "rbac.authorization.k8s.io/aggregate-to-view": "true"}}}, MERGE),
        ("PATCH", f"{clusterroles}/new?fieldManager=m", {
            "kind": "ClusterRole", "apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "new"}, "rules": EVERYTHING}, APPLY),
        ("POST", f"{RBAC}/clusterrolebindings", binding("x", "cluster-admin", "mallory"), {}),
        ("POST", f"{RBAC}/clusterrolebindings", binding("x", "view", "mallory"), {}),
        ("POST", f"{MINE}/rolebindings", binding("x", "edit", "mallory"), {}),
        ("POST", f"{MINE}/roles", {"metadata": {"name": "x"}, "rules": EVERYTHING}, {}),
        ("PATCH", f"{RBAC}/clusterrolebindings/cluster-admin", {"subjects": [
            {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "mallory"}]}, MERGE),
        ("PATCH", f"{MINE}/rolebindings/owner", {"subjects": [
            {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "mallory"}]}, MERGE),
    ]
    for method, path, document, headers in tries:
        answer = await cell.ask("mallory", method, path, document, headers=headers)
        assert answer.status == 403, (method, path, document, answer.body[:200])
    assert (await cell.ask("mallory", "GET", "/api/v1/namespaces/theirs/secrets")).status == 403


@pytest.mark.parametrize(("verb", "status"), [("bind", 201), ("escalate", 403), ("impersonate", 403)])
async def test_binding_takes_the_verb_bind_on_that_very_role(cell: Cell, verb: str, status: int) -> None:
    await allow(cell, "mallory", ("rbac.authorization.k8s.io", "clusterrolebindings", "create"))
    await cell.make(f"{RBAC}/clusterroles", {"metadata": {"name": "may"}, "rules": [
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "resourceNames": ["view"], "verbs": [verb]}]})
    await cell.make(f"{RBAC}/clusterrolebindings", binding("may", "may", "mallory"))
    assert (await cell.ask("mallory", "POST", f"{RBAC}/clusterrolebindings", binding("x", "view", "mallory"))).status == status
    assert (await cell.ask("mallory", "POST", f"{RBAC}/clusterrolebindings", binding("y", "edit", "mallory"))).status == 403


async def test_the_roles_admin_and_edit_do_not_grow_by_what_their_holders_write(cell: Cell) -> None:
    for who in ("admin", "editor"):
        for path, document in (
            (f"{MINE}/roles", {"metadata": {"name": "x"}, "rules": EVERYTHING}),
            (f"{MINE}/roles", {"metadata": {"name": "x"}, "rules": [
                {"apiGroups": [""], "resources": ["resourcequotas"], "verbs": ["create"]}]}),
            (f"{MINE}/rolebindings", binding("x", "cluster-admin", who)),
            (f"{MINE}/rolebindings", binding("x", "system:node", who)),
            ("/api/v1/namespaces/mine/resourcequotas", {"metadata": {"name": "x"}}),
        ):
            assert (await cell.ask(who, "POST", path, document)).status == 403, (who, document)
    assert (await cell.ask("editor", "POST", f"{MINE}/rolebindings", binding("x", "view", "mallory"))).status == 403
    assert (await cell.ask("admin", "POST", f"{MINE}/rolebindings", binding("x", "view", "mallory"))).status == 201


def csr(name: str, *groups: str) -> str:
    subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    subject.append(x509.NameAttribute(NameOID.COMMON_NAME, name))
    made = x509.CertificateSigningRequestBuilder(x509.Name(subject)).sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return base64.b64encode(made.public_bytes(serialization.Encoding.PEM)).decode()


async def test_no_certificate_makes_its_requester_more_than_he_is(cell: Cell) -> None:
    await allow(cell, "mallory", ("certificates.k8s.io", "certificatesigningrequests", "create get list watch"))
    client = {"signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"]}
    kubelet = {"signerName": "kubernetes.io/kube-apiserver-client-kubelet", "usages": ["client auth", "digital signature"]}
    masters = {"metadata": {"name": "masters"}, "spec": {**client, "request": csr("mallory", "system:masters")}}
    assert (await cell.ask("mallory", "POST", CSRS, masters)).status == 403
    several = {"metadata": {"name": "masters"}, "spec": {**client, "request": csr("mallory", "a", "system:masters")}}
    assert (await cell.ask("mallory", "POST", CSRS, several)).status == 403
    specs = {"plain": {**client, "request": csr("root")}, "node": {**kubelet, "request": csr("system:node:b", "system:nodes")}}
    for name, spec in specs.items():
        # Who asks is written by the server; nobody says it, and nobody approves or signs without the signer's leave.
        claimed = {"username": "system:admin", "groups": ["system:masters", "system:nodes"], "uid": "0"}
        made = await cell.ask("mallory", "POST", CSRS, {"metadata": {"name": name}, "spec": {**spec, **claimed}})
        assert (made.status, made.json["spec"]["username"], made.json["spec"]["groups"]) == (201, "mallory", ["system:authenticated"])
        approved = {**made.json, "status": {"conditions": [{"type": "Approved", "status": "True", "reason": "x"}]}}
        for subresource in ("approval", "status"):
            assert (await cell.ask("mallory", "PUT", f"{CSRS}/{name}/{subresource}", approved)).status == 403
        created = await cell.ask("mallory", "POST", CSRS, {**approved, "metadata": {"name": f"{name}-2"}})
        assert created.json.get("status", {}) == {}
    await allow(cell, "mallory", ("certificates.k8s.io", "certificatesigningrequests/approval certificatesigningrequests/status",
                                  "update patch"))
    now = (await cell.lab.get(f"{CSRS}/plain")).json
    approved = {**now, "status": {"conditions": [{"type": "Approved", "status": "True", "reason": "x"}]}}
    assert (await cell.ask("mallory", "PUT", f"{CSRS}/plain/approval", approved)).status == 403
    failed = {**now, "status": {"conditions": [{"type": "Failed", "status": "True", "reason": "x"}]}}
    assert (await cell.ask("mallory", "PUT", f"{CSRS}/plain/status", failed)).status == 403


async def test_a_token_request_takes_its_own_right(cell: Cell) -> None:
    await allow(cell, "mallory", ("core", "serviceaccounts", "get list create update patch"))
    for namespace in ("theirs", "mine"):
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token"
        assert (await cell.ask("mallory", "POST", path, {"spec": {}})).status == 403
    # "edit" has that right in its namespace, as upstream, and the token stands for that account alone.
    made = await cell.ask("editor", "POST", "/api/v1/namespaces/mine/serviceaccounts/default/token", {"spec": {}})
    assert made.status == 201
    shown = {"Authorization": f"Bearer {made.json['status']['token']}"}
    assert (await cell.ask("", "GET", "/api/v1/namespaces/mine/pods", headers=shown)).status == 403


HOST = {"volumes": [{"name": "root", "hostPath": {"path": "/"}}]}
PRIVILEGED = {"containers": [{"name": "c", "image": "i", "securityContext": {"privileged": True}}]}


@pytest.mark.parametrize("spec", [{**SHELL, **HOST}, {**SHELL, "hostPID": True}, {**SHELL, "hostNetwork": True}, PRIVILEGED])
async def test_pod_security_holds_by_every_way_to_a_pod(cell: Cell, spec: dict[str, Any]) -> None:
    label = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "baseline"}}}
    assert (await cell.lab.send("PATCH", "/api/v1/namespaces/mine", label, headers=MERGE)).status == 200
    pods = "/api/v1/namespaces/mine/pods"
    annotated = {"name": "x", "annotations": {"kubernetes.io/config.mirror": "x", "kubernetes.io/config.source": "file"}}
    for who in ("editor", "admin", "owner"):
        for document in ({"metadata": {"name": "x"}, "spec": spec}, {"metadata": annotated, "spec": {**spec, "nodeName": "a"}}):
            assert (await cell.ask(who, "POST", pods, document)).status == 403
        applied = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "x"}, "spec": spec}
        assert (await cell.ask(who, "PATCH", f"{pods}/x?fieldManager=m", applied, headers=APPLY)).status == 403
    for who in ("editor", "admin"):
        unlabelled = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": None}}}
        assert (await cell.ask(who, "PATCH", "/api/v1/namespaces/mine", unlabelled, headers=MERGE)).status == 403
    assert (await cell.lab.get(pods)).json["items"] == []


async def test_a_node_gets_nothing_of_another(cell: Cell) -> None:
    theirs = "/api/v1/namespaces/theirs"
    assert (await cell.ask("node-a", "GET", f"{theirs}/secrets/secret-a")).status == 200
    tries: list[tuple[str, str, Any]] = [
        ("GET", f"{theirs}/secrets/secret-b", None), ("GET", f"{theirs}/secrets", None), ("GET", "/api/v1/secrets", None),
        ("GET", f"{theirs}/secrets?fieldSelector=metadata.name%3Dsecret-b", None), ("GET", f"{theirs}/secrets?watch=1", None),
        ("GET", f"{theirs}/pods/pod-b", None), ("GET", f"{theirs}/pods", None),
        ("GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Db", None), ("GET", "/api/v1/pods?fieldSelector=spec.nodeName!%3Da", None),
        ("DELETE", f"{theirs}/pods/pod-b", None), ("PUT", f"{theirs}/pods/pod-b/status", {"metadata": {"name": "pod-b"}}),
        ("POST", f"{theirs}/pods/pod-b/eviction", {"metadata": {"name": "pod-b"}}),
        ("POST", f"{theirs}/pods/pod-a/exec?command=id", None), ("GET", f"{theirs}/pods/pod-a/exec?command=id", None),
        ("POST", f"{theirs}/serviceaccounts/default/token", {"spec": {}}),
        ("POST", f"{theirs}/pods", {"metadata": {"name": "x"}, "spec": {**SHELL, "nodeName": "a"}}),
        ("PUT", "/api/v1/nodes/b/status", {"metadata": {"name": "b"}}), ("DELETE", "/api/v1/nodes/b", None),
        ("PUT", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/b", {"metadata": {"name": "b"}}),
        ("GET", "/api/v1/nodes/b/proxy/pods", None), ("GET", "/api/v1/nodes/a/proxy/pods", None),
    ]
    for method, path, document in tries:
        answer = await cell.ask("node-a", method, path, document)
        assert answer.status == 403, (method, path, answer.body[:200])
