"""Certificates as people and nodes get them: by hand with openssl and stock kubectl, and a node whose own live for forty seconds."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import IMAGE, PROGRAM, Cluster

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")]

CLIENT_SIGNER, KUBELET_SIGNER = "kubernetes.io/kube-apiserver-client", "kubernetes.io/kube-apiserver-client-kubelet"
# Seconds. What the cluster signs lives so long, nodes' certificates included.
LIFE_S = 40
SIGNING = ("--kube-controller-manager-arg", f"cluster-signing-duration={LIFE_S}s")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster("certs") as made:
        made.start_server(*SIGNING)
        made.wait_node_ready(made.server)
        made.join("agent")
        yield made


def openssl_request(directory: Path, name: str, subject: str) -> str:
    """Make NAME.key and NAME.csr; the request as a CertificateSigningRequest has it."""
    subprocess.run(
        ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", subject,
         "-keyout", f"{name}.key", "-out", f"{name}.csr"], cwd=directory, check=True, capture_output=True,
    )
    return base64.b64encode((directory / f"{name}.csr").read_bytes()).decode()


def manifest(name: str, request: str, signer: str, *usages: str) -> str:
    return json.dumps({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": name},
        "spec": {"request": request, "signerName": signer, "usages": [*usages]},
    })


def certificate(cluster: Cluster, name: str, directory: Path) -> None:
    """Wait for what was signed, and keep it as NAME.crt."""
    text = cluster.wait(lambda: cluster.try_kubectl("get", "csr", name, "-o", "jsonpath={.status.certificate}"), f"{name} to be signed")
    (directory / f"{name}.crt").write_bytes(base64.b64decode(text))


def as_holder(cluster: Cluster, directory: Path, name: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """kubectl with the certificate NAME.crt, by a kubeconfig of its own that kubectl has made."""
    config = directory / f"{name}.kubeconfig"
    kubectl = ["kubectl", "--kubeconfig", str(config), "--cache-dir", str(directory / "cache")]
    if not config.exists():
        ca = directory / "ca.crt"
        ca.write_text(cluster.kubectl("get", "configmap", "kube-root-ca.crt", "-o", "jsonpath={.data.ca\\.crt}"))
        for line in (
            ["set-cluster", "c", f"--server=https://{cluster.server.host.address}:6443", f"--certificate-authority={ca}", "--embed-certs"],
            ["set-credentials", name, f"--client-certificate={directory / name}.crt", f"--client-key={directory / name}.key",
             "--embed-certs"],
            ["set-context", "x", "--cluster=c", f"--user={name}"], ["use-context", "x"],
        ):
            cluster.server.host.run(*kubectl, "config", *line)
    return cluster.server.host.run(*kubectl, *arguments, check=check)


def test_a_user_gets_in_by_a_request_that_an_administrator_approves(cluster: Cluster, tmp_path: Path) -> None:
    request = openssl_request(tmp_path, "jane", "/O=developers/CN=jane")
    cluster.kubectl("apply", "-f", "-", input=manifest("jane", request, CLIENT_SIGNER, "client auth"))
    row = cluster.kubectl("get", "csr", "jane", "--no-headers").split()
    assert (row[2:4], row[-1]) == ([CLIENT_SIGNER, "system:admin"], "Pending")
    assert cluster.kubectl("certificate", "approve", "jane") == "certificatesigningrequest.certificates.k8s.io/jane approved\n"
    certificate(cluster, "jane", tmp_path)
    assert cluster.kubectl("get", "csr", "jane", "--no-headers").split()[-1] == "Approved,Issued"
    text = subprocess.run(["openssl", "x509", "-in", tmp_path / "jane.crt", "-noout", "-text"], check=True, capture_output=True, text=True)
    assert "TLS Web Client Authentication" in text.stdout
    refused = as_holder(cluster, tmp_path, "jane", "get", "pods", check=False)
    assert 'User "jane" cannot list resource "pods"' in refused.stderr
    cluster.kubectl("create", "role", "reader", "--verb=list", "--resource=pods")
    cluster.kubectl("create", "rolebinding", "reader", "--role=reader", "--group=developers")
    assert as_holder(cluster, tmp_path, "jane", "get", "pods").returncode == 0
    who = json.loads(as_holder(cluster, tmp_path, "jane", "auth", "whoami", "-o", "json").stdout)["status"]["userInfo"]
    assert (who["username"], who["groups"]) == ("jane", ["developers", "system:authenticated"])


def test_a_denied_request_is_not_signed(cluster: Cluster, tmp_path: Path) -> None:
    request = openssl_request(tmp_path, "eve", "/CN=eve")
    cluster.kubectl("apply", "-f", "-", input=manifest("eve", request, CLIENT_SIGNER, "client auth"))
    cluster.kubectl("certificate", "deny", "eve")
    assert cluster.kubectl("get", "csr", "eve", "--no-headers").split()[-1] == "Denied"
    assert cluster.kubectl("get", "csr", "eve", "-o", "jsonpath={.status.certificate}") == ""


def test_nobody_asks_to_become_a_master(cluster: Cluster, tmp_path: Path) -> None:
    request = openssl_request(tmp_path, "root", "/O=system:masters/CN=root")
    with pytest.raises(RuntimeError, match="system:masters group is not allowed"):
        cluster.kubectl("apply", "-f", "-", input=manifest("root", request, CLIENT_SIGNER, "client auth"))


@pytest.fixture
def bootstrap(cluster: Cluster, tmp_path: Path) -> tuple[str, ...]:
    """Flags of kubectl that introduces itself by a bootstrap token, as a kubelet with --bootstrap-kubeconfig does."""
    token = cluster.server.host.run(str(PROGRAM), "token", "create", "--kubeconfig", str(cluster.kubeconfig)).stdout.strip()
    ca = tmp_path / "bootstrap-ca.crt"
    ca.write_text(cluster.kubectl("get", "configmap", "kube-root-ca.crt", "-o", "jsonpath={.data.ca\\.crt}"))
    return (
        "--server", f"https://{cluster.server.host.address}:6443", "--certificate-authority", str(ca), "--kubeconfig", "/dev/null",
        "--token", token.rpartition("::")[2], "--cache-dir", str(tmp_path / "cache"),
    )


def test_a_bootstrap_token_introduces_a_node_by_hand(cluster: Cluster, bootstrap: tuple[str, ...], tmp_path: Path) -> None:
    host = cluster.server.host
    request = openssl_request(tmp_path, "byhand", "/O=system:nodes/CN=system:node:byhand")
    text = manifest("byhand", request, KUBELET_SIGNER, "digital signature", "client auth")
    host.run("kubectl", *bootstrap, "create", "-f", "-", input=text)
    certificate(cluster, "byhand", tmp_path)
    condition = cluster.get("csr", "byhand")["status"]["conditions"][0]
    assert (condition["type"], condition["reason"]) == ("Approved", "AutoApproved")
    assert condition["message"] == "Auto approving kubelet client certificate after SubjectAccessReview."
    node = json.dumps({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "byhand"}})
    (tmp_path / "node.json").write_text(node)
    assert as_holder(cluster, tmp_path, "byhand", "create", "-f", str(tmp_path / "node.json")).stdout == "node/byhand created\n"
    refused = as_holder(cluster, tmp_path, "byhand", "delete", "node", cluster.server.host.name, check=False)
    assert "forbidden" in refused.stderr
    cluster.kubectl("delete", "node", "byhand")


def test_a_bootstrap_token_does_not_become_a_node_that_is_there(cluster: Cluster, bootstrap: tuple[str, ...], tmp_path: Path) -> None:
    name = cluster.nodes[1].host.name
    request = openssl_request(tmp_path, "thief", f"/O=system:nodes/CN=system:node:{name}")
    text = manifest("thief", request, KUBELET_SIGNER, "digital signature", "client auth")
    cluster.server.host.run("kubectl", *bootstrap, "create", "-f", "-", input=text)
    # A request that was made later has been decided by then.
    other = openssl_request(tmp_path, "later", "/O=system:nodes/CN=system:node:later")
    text = manifest("later", other, KUBELET_SIGNER, "digital signature", "client auth")
    cluster.server.host.run("kubectl", *bootstrap, "create", "-f", "-", input=text)
    certificate(cluster, "later", tmp_path)
    assert cluster.kubectl("get", "csr", "thief", "--no-headers").split()[-1] == "Pending"


def test_an_agent_renews_certificates_that_end_soon_and_its_pods_do_not_notice(cluster: Cluster) -> None:
    agent = cluster.nodes[1]
    cluster.kubectl("run", "box", "--image", IMAGE, "--image-pull-policy=IfNotPresent", "--overrides",
                    json.dumps({"spec": {"nodeName": agent.host.name}}), "--command", "--", "sh", "-c", "echo started; exec sleep 3600")
    cluster.kubectl("wait", "--for=condition=Ready", "pod/box", "--timeout=60s")
    uid = cluster.kubectl("get", "pod", "box", "-o", "jsonpath={.metadata.uid}")
    directory = agent.data / "agent"
    seen: dict[str, set[bytes]] = {"client-kubelet.crt": set(), "serving-kubelet.crt": set()}

    def renewed_twice() -> bool:
        for name, certificates in seen.items():
            certificates.add((directory / name).read_bytes())
        return agent.alive() and min(map(len, seen.values())) >= 3

    cluster.wait(renewed_twice, "both certificates to be renewed twice", 6 * LIFE_S)
    # The API server reaches the kubelet with its new serving certificate, the kubelet the API server with its new client certificate.
    assert cluster.kubectl("exec", "box", "--", "echo", "there") == "there\n"
    assert cluster.kubectl("logs", "box") == "started\n"
    cluster.wait_node_ready(agent)
    assert cluster.kubectl("get", "pod", "box", "-o", "jsonpath={.metadata.uid}") == uid
    assert "joins again" not in agent.log.read_text()
    cluster.kubectl("delete", "pod", "box", "--grace-period=1")


def test_other_authorities_lose_no_node_no_kubeconfig_and_no_token(cluster: Cluster, tmp_path: Path) -> None:
    held = tmp_path / "held.yaml"
    held.write_bytes(cluster.kubeconfig.read_bytes())
    token = (cluster.server.data / "server" / "token").read_text()
    account = cluster.kubectl("create", "token", "default")
    agent, ca = cluster.nodes[1], cluster.nodes[1].data / "agent" / "server-ca.crt"
    known = ca.read_bytes()
    cluster.server.stop()
    said = cluster.server.host.run(str(PROGRAM), "certificate", "rotate-ca", "--data-dir", str(cluster.server.data)).stdout
    assert "Certificates saved" in said
    cluster.start_server(*SIGNING)
    cluster.wait_node_ready(agent)
    assert ca.read_bytes() == known, "the agent knows the old authority alone, and goes on"
    kubectl = ("kubectl", "--cache-dir", str(tmp_path / "cache"), "--kubeconfig")
    assert cluster.server.host.run(*kubectl, str(held), "get", "--raw", "/readyz").stdout == "ok"
    who = ("--server", f"https://{cluster.server.host.address}:6443", "--token", account, "auth", "whoami")
    (tmp_path / "ca.crt").write_bytes(known)
    assert "system:serviceaccount:default:default" in cluster.server.host.run(
        *kubectl, "/dev/null", "--certificate-authority", str(tmp_path / "ca.crt"), *who).stdout
    published = cluster.kubectl("get", "configmap", "kube-root-ca.crt", "-o", "jsonpath={.data.ca\\.crt}")
    assert published == (cluster.server.data / "server" / "tls" / "server-ca.crt").read_text()
    agent.stop()
    agent.start("agent", "--server", f"https://{cluster.server.host.address}:6443", "--token", token.strip())
    cluster.wait(lambda: agent.alive() and ca.read_bytes() != known, "the agent to learn the new authorities")
    cluster.wait_node_ready(agent)
    assert cluster.kubectl("get", "--raw", f"/api/v1/nodes/{agent.host.name}/proxy/healthz") == "ok"
