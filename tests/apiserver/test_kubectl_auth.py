"""Stock kubectl asking and changing who may do what, and being refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from minikube_py.apiserver.pki import Pki

from .lab import Lab
from .test_kubectl import WANTED, Kubectl

pytestmark = pytest.mark.e2e

ROLE = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: shop}
rules:
- {apiGroups: [""], resources: [pods, pods/log], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [configmaps], resourceNames: [settings], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: janes, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: jane}]
"""


@pytest.fixture(params=WANTED)
async def kubectl(request: pytest.FixtureRequest, lab: Lab, tmp_path: Path) -> Kubectl:
    kubectl = Kubectl(lab, tmp_path, request.param)
    await kubectl("create", "namespace", "shop")
    return kubectl


async def answer(kubectl: Kubectl, *question: str) -> str:
    """What `auth can-i` says, without what it says beside it; its status is the same answer."""
    status, out, _ = await kubectl.run("auth", "can-i", *question)
    said = out.partition(" ")[0].strip()
    assert status == (0 if said == "yes" else 1), out
    return said


async def reconcile(kubectl: Kubectl, manifest: str, *options: str) -> str:
    """The output of `auth reconcile`; what it does it tells beside it."""
    status, out, err = await kubectl.run("auth", "reconcile", "-f", "-", *options, stdin=manifest)
    assert status == 0, err
    return out


async def test_a_role_holds_in_its_namespace(kubectl: Kubectl) -> None:
    made = await reconcile(kubectl, ROLE)
    assert "role.rbac.authorization.k8s.io/reader reconciled" in made
    assert "rolebinding.rbac.authorization.k8s.io/janes reconciled" in made
    for question, said in (
        ("list pods -n shop", "yes"), ("get pods --subresource=log -n shop", "yes"), ("get configmap/settings -n shop", "yes"),
        ("get configmap/other -n shop", "no"), ("list pods -n default", "no"), ("list pods -A", "no"), ("delete pods -n shop", "no"),
        ("get /version", "yes"), ("get /metrics", "no"),
    ):
        assert await answer(kubectl, *question.split(), "--as=jane") == said, question
    assert await answer(kubectl, "*", "*") == "yes"
    assert await kubectl("get", "pods", "-n", "shop", "--as=jane", "-o", "name") == ""
    assert await kubectl.refused("get", "pods", "--as=jane") == (
        'Error from server (Forbidden): pods is forbidden: User "jane" cannot list resource "pods" in API group "" '
        'in the namespace "default"'
    )
    assert await kubectl.refused("delete", "pod", "x", "-n", "shop", "--as=jane") == (
        'Error from server (Forbidden): pods "x" is forbidden: User "jane" cannot delete resource "pods" in API group "" '
        'in the namespace "shop"'
    )


async def test_what_i_may_do_is_listed(kubectl: Kubectl) -> None:
    await reconcile(kubectl, ROLE)
    table = await kubectl("auth", "can-i", "--list", "-n", "shop", "--as=jane")
    rows = [line.split() for line in table.splitlines()]
    assert rows[0] == ["Resources", "Non-Resource", "URLs", "Resource", "Names", "Verbs"]
    assert ["pods/log", "[]", "[]", "[get", "list", "watch]"] in rows
    assert ["configmaps", "[]", "[settings]", "[get]"] in rows
    assert ["[/version]", "[]", "[get]"] in rows
    assert "pods" not in await kubectl("auth", "can-i", "--list", "-n", "default", "--as=jane")
    assert ["*.*", "[]", "[]", "[*]"] in [line.split() for line in (await kubectl("auth", "can-i", "--list")).splitlines()]
    _, listed, warned = await kubectl.run("auth", "can-i", "--list", "--as=system:node:a", "--as-group=system:nodes")
    assert "selfsubjectreviews" in listed
    assert warned.lower().startswith("warning: the list may be incomplete: node authorizer does not support user rule resolution")


async def test_reconcile_adds_what_is_missing_and_takes_away_what_it_is_told_to(kubectl: Kubectl) -> None:
    await reconcile(kubectl, ROLE)
    more = ROLE.replace("pods, pods/log", "services")
    await reconcile(kubectl, more)
    assert [await answer(kubectl, "list", what, "-n", "shop", "--as=jane") for what in ("pods", "services")] == ["yes", "yes"]
    await reconcile(kubectl, more, "--remove-extra-permissions")
    assert [await answer(kubectl, "list", what, "-n", "shop", "--as=jane") for what in ("pods", "services")] == ["no", "yes"]
    other = more.replace("name: reader}\nsubjects", "name: writer}\nsubjects")
    await reconcile(kubectl, other)  # The role of a binding cannot be changed: it is made anew.
    assert await kubectl("get", "rolebinding", "janes", "-n", "shop", "-o", "jsonpath={.roleRef.name}") == "writer"


async def test_nobody_gives_what_he_has_not(kubectl: Kubectl) -> None:
    await reconcile(kubectl, ROLE)
    await kubectl("create", "rolebinding", "admins", "--clusterrole=admin", "--user=ann", "-n", "shop")
    assert await kubectl("create", "role", "r", "--verb=get", "--resource=pods", "-n", "shop", "--as=ann") == (
        "role.rbac.authorization.k8s.io/r created"
    )
    refused = await kubectl.refused("create", "role", "s", "--verb=get,delete", "--resource=nodes,pods", "-n", "shop", "--as=ann")
    assert refused.replace("error: failed to create role: ", "Error from server (Forbidden): ") == (
        'Error from server (Forbidden): roles.rbac.authorization.k8s.io "s" is forbidden: user "ann" (groups=["system:authenticated"]) '
        'is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["nodes"], Verbs:["get" "delete"]}'
    )
    refused = await kubectl.refused("create", "rolebinding", "b", "--clusterrole=cluster-admin", "--user=ann", "-n", "shop", "--as=ann")
    assert 'is attempting to grant RBAC permissions not currently held:\n{APIGroups:["*"], Resources:["*"], Verbs:["*"]}' in refused
    refused = await kubectl.refused("create", "rolebinding", "b", "--role=ghost", "--user=ann", "-n", "shop", "--as=ann")
    assert 'roles.rbac.authorization.k8s.io "ghost" not found' in refused


def node_kubeconfig(pki: Pki, lab: Lab, node: str, path: Path) -> Path:
    """What a node that has joined logs in with."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder(x509.Name([])).sign(key, hashes.SHA256())
    certificate = pki.sign_client(
        request.public_bytes(serialization.Encoding.PEM), common_name=f"system:node:{node}", organizations=("system:nodes",)
    )
    (path / f"{node}.crt").write_bytes(certificate)
    (path / f"{node}.key").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    config = yaml.safe_load(lab.kubeconfig.read_text())
    config["users"][0]["user"] = {"client-certificate": f"{node}.crt", "client-key": f"{node}.key"}
    file = path / f"{node}.kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return file


async def test_a_node_is_refused_the_secrets_of_another_ones_pods(lab: Lab, pki: Pki, tmp_path: Path) -> None:
    kubectl = Kubectl(lab, tmp_path, WANTED[-1])
    nodes = {name: {"KUBECONFIG": str(node_kubeconfig(pki, lab, name, tmp_path))} for name in ("a", "b")}
    for name, environment in nodes.items():
        await kubectl("create", "-f", "-", stdin=f"{{apiVersion: v1, kind: Node, metadata: {{name: {name}}}}}", **environment)
        await kubectl("create", "secret", "generic", f"secret-{name}", "--from-literal=k=v")
        await kubectl("create", "-f", "-", stdin=f"""\
{{apiVersion: v1, kind: Pod, metadata: {{name: pod-{name}}}, spec: {{nodeName: {name}, containers: [{{name: c, image: i}}],
  volumes: [{{name: s, secret: {{secretName: secret-{name}}}}}]}}}}""")
    assert await kubectl("get", "secret", "secret-a", "-o", "name", **nodes["a"]) == "secret/secret-a"
    assert await kubectl.refused("get", "secret", "secret-b", **nodes["a"]) == (
        'Error from server (Forbidden): secrets "secret-b" is forbidden: User "system:node:a" cannot get resource "secrets" in API group '
        "\"\" in the namespace \"default\": no relationship found between node 'a' and this object"
    )
    assert "cannot list resource" in await kubectl.refused("get", "secrets", **nodes["a"])
    assert await kubectl("get", "pods", "--field-selector=spec.nodeName=a", "-o", "name", **nodes["a"]) == "pod/pod-a"
    assert "can only list/watch pods with spec.nodeName field selector" in await kubectl.refused("get", "pods", **nodes["a"])
    assert "node 'a' cannot read 'b', only its own Node object" in await kubectl.refused("label", "node", "b", "x=y", **nodes["a"])
    assert await kubectl("label", "node", "a", "x=y", **nodes["a"]) == "node/a labeled"
