"""Users as the CKA course makes them, with stock kubectl: by certificate, kubeconfig, role and token; and what the files of a node show."""

from __future__ import annotations

import json
import stat
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.e2e.cluster import IMAGE, Cluster

pytestmark = pytest.mark.e2e
MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


@pytest.fixture(scope="module")
def course() -> Iterator[Cluster]:
    with Cluster("users") as cluster:
        cluster.start_server()
        cluster.wait_node_ready(cluster.server)
        for namespace in ("dev", "prod"):
            cluster.kubectl("create", "namespace", namespace)
        yield cluster


class Person:
    """kubectl with a kubeconfig that kubectl itself has written."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster = cluster
        self.kubeconfig = cluster.home / f"{name}.kubeconfig"

    def __call__(self, *arguments: str) -> str:
        return self._cluster.server.host.run("kubectl", "--kubeconfig", str(self.kubeconfig), *arguments).stdout.strip()

    def fails(self, *arguments: str) -> str:
        done = self._cluster.server.host.run("kubectl", "--kubeconfig", str(self.kubeconfig), *arguments, check=False)
        assert done.returncode != 0, done.stdout
        return done.stdout + done.stderr


def certificate_of(cluster: Cluster, name: str, group: str) -> tuple[bytes, bytes]:
    """A user's key and the certificate that the cluster gives for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    cluster.kubectl("create", "-f", "-", input=json.dumps({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": name},
        "spec": {"request": b64encode(request.public_bytes(serialization.Encoding.PEM)).decode(), "usages": ["client auth"],
                 "signerName": "kubernetes.io/kube-apiserver-client", "expirationSeconds": 3600}}))
    cluster.kubectl("certificate", "approve", name)
    issued = cluster.wait(lambda: cluster.kubectl("get", "csr", name, "-o", "jsonpath={.status.certificate}"), "the certificate")
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem, b64decode(issued)


def test_a_user_by_certificate_and_kubeconfig_has_his_role_in_his_namespace(course: Cluster) -> None:
    key, certificate = certificate_of(course, "jane", "developers")
    (course.home / "jane.key").write_bytes(key)
    (course.home / "jane.crt").write_bytes(certificate)
    ca = course.home / "ca.crt"
    ca.write_bytes((course.server.data / "server" / "tls" / "server-ca.crt").read_bytes())
    jane = Person(course, "jane")
    jane("config", "set-cluster", "k", "--server", "https://127.0.0.1:6443", f"--certificate-authority={ca}", "--embed-certs=true")
    files = (f"--client-certificate={course.home / 'jane.crt'}", f"--client-key={course.home / 'jane.key'}")
    jane("config", "set-credentials", "jane", *files, "--embed-certs=true")
    for namespace in ("dev", "prod"):
        jane("config", "set-context", namespace, "--cluster=k", "--user=jane", f"--namespace={namespace}")
    jane("config", "use-context", "dev")
    who = json.loads(jane("auth", "whoami", "-o", "json"))["status"]["userInfo"]
    assert (who["username"], who["groups"]) == ("jane", ["developers", "system:authenticated"])
    assert 'User "jane" cannot list resource "pods" in API group "" in the namespace "dev"' in jane.fails("get", "pods")

    course.kubectl("create", "role", "pods", "-n", "dev", "--verb=get,list,create", "--resource=pods")
    course.kubectl("create", "rolebinding", "pods", "-n", "dev", "--role=pods", "--group=developers")
    assert jane("get", "pods", "-o", "name") == ""
    assert [jane("auth", "can-i", "create", "pods"), jane.fails("auth", "can-i", "delete", "pods").strip()] == ["yes", "no"]
    jane("config", "use-context", "prod")
    assert jane("config", "current-context") == "prod"
    assert "no" in jane.fails("auth", "can-i", "list", "pods")
    assert 'in the namespace "prod"' in jane.fails("get", "pods")
    assert jane("--context=dev", "get", "pods", "-o", "name") == ""
    for attempt in (("get", "nodes"), ("get", "secrets", "-A"), ("get", "pods", "-A"), ("--as=admin", "get", "pods"),
                    ("--as=jane", "--as-group=system:masters", "get", "nodes"), ("get", "--raw", "/metrics"),
                    ("create", "clusterrolebinding", "up", "--clusterrole=cluster-admin", "--user=jane")):
        assert "orbidden" in jane.fails(*attempt)
    course.kubectl("delete", "rolebinding", "pods", "-n", "dev")
    assert "orbidden" in jane.fails("--context=dev", "get", "pods")


ROLE = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: look, namespace: dev}
rules:
- {apiGroups: [""], resources: [pods], verbs: [%s]}
"""


def test_a_pod_calls_the_api_by_its_own_token_as_far_as_its_role_goes(course: Cluster) -> None:
    course.kubectl("create", "serviceaccount", "robot", "-n", "dev")
    course.kubectl("auth", "reconcile", "-f", "-", input=ROLE % "get, list")
    course.kubectl("create", "rolebinding", "robots", "-n", "dev", "--role=look", "--serviceaccount=dev:robot")
    command = ("--image", IMAGE, "--image-pull-policy=IfNotPresent", "--command", "--", "sleep", "3600")
    course.kubectl("run", "robot", "-n", "dev", '--overrides={"spec":{"serviceAccountName":"robot"}}', *command)
    course.kubectl("run", "mute", "-n", "dev", '--overrides={"spec":{"automountServiceAccountToken":false}}', *command)
    course.kubectl("wait", "--for=condition=Ready", "pod/robot", "pod/mute", "-n", "dev", "--timeout=90s")
    assert course.try_kubectl("exec", "mute", "-n", "dev", "--", "ls", MOUNT) == ""
    token = course.kubectl("exec", "robot", "-n", "dev", "--", "cat", f"{MOUNT}/token")

    (course.home / "pod-ca.crt").write_text(course.kubectl("exec", "robot", "-n", "dev", "--", "cat", f"{MOUNT}/ca.crt"))

    def called(path: str) -> str:
        """The status of an answer at the service address, by what lies in the pod: its CA and its token."""
        command = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", str(course.home / "pod-ca.crt"))
        return course.server.host.run(*command, "-H", f"Authorization: Bearer {token}", f"https://10.43.0.1{path}").stdout

    assert called("/api/v1/namespaces/dev/pods") == "200"
    for path in ("/api/v1/namespaces/prod/pods", "/api/v1/namespaces/dev/secrets", "/api/v1/nodes", "/api/v1/pods"):
        assert called(path) == "403"
    robot = Person(course, "robot")
    robot("config", "set-cluster", "k", "--server", "https://127.0.0.1:6443", "--insecure-skip-tls-verify=true")
    robot("config", "set-context", "k", "--cluster=k")
    robot("config", "use-context", "k")
    assert robot(f"--token={token}", "auth", "can-i", "list", "pods", "-n", "dev") == "yes"
    assert "orbidden" in robot.fails(f"--token={token}", "delete", "pod", "mute", "-n", "dev")
    # The role is taken back by what is written of it, and the token ends with its pod.
    course.kubectl("auth", "reconcile", "-f", "-", "--remove-extra-permissions", input=ROLE % "get")
    assert "orbidden" in robot.fails(f"--token={token}", "get", "pods", "-n", "dev")
    assert robot(f"--token={token}", "get", "pod", "robot", "-n", "dev", "-o", "name") == "pod/robot"


def test_a_kubelet_tells_nobody_anything(course: Cluster) -> None:
    kubelet = f"https://{course.server.host.address}:10250"
    for path in ("/pods", "/metrics", "/stats/summary", "/configz", "/exec/dev/robot/robot?command=id", "/containerLogs/dev/robot/robot",
                 "/run/dev/robot/robot", "/logs/", "/debug/pprof/", "//pods", "/healthz/../pods"):
        for more in ((), ("-X", "POST"), ("-H", "X-Remote-User: admin", "-H", "X-Remote-Group: system:masters"),
                     ("-H", "Authorization: Bearer wrong")):
            command = ("curl", "-sk", "--path-as-is", "-o", "/dev/null", "-w", "%{http_code}", *more, kubelet + path)
            assert course.server.host.run(*command).stdout in ("401", "403"), (path, more)


def test_the_servers_files_are_their_owners_alone(course: Cluster) -> None:
    """Whatever else may be read, what lies below the server's and the agent's own directories may not; keys nowhere."""
    server = course.server.data / "server"
    open_to_others = []
    for path in (server, *server.rglob("*")):
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode) and stat.S_IMODE(mode) & 0o077:
            open_to_others.append((str(path.relative_to(server)), oct(mode)))
    assert open_to_others == []
    assert stat.S_IMODE(course.kubeconfig.stat().st_mode) == 0o600
    keys = [path for path in (course.server.data / "agent").rglob("*") if _is_key(path)]
    assert keys != []
    assert [str(path) for path in keys if path.stat().st_mode & 0o077] == []


def _is_key(path: Path) -> bool:
    """Whether a small file of the agent holds a private key or a kubeconfig."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > 65536 or "/pods/" in str(path) or "containerd" in str(path):
        return False
    return path.name == "node-password" or b"PRIVATE KEY" in path.read_bytes()
