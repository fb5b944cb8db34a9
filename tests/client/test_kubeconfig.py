"""Kubeconfig files are read as kubectl reads them."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest

from minikube_py.client.connection import Connection
from minikube_py.client.kubeconfig import Kubeconfig, KubeconfigError, default_paths, in_cluster

TEXT = """
apiVersion: v1
kind: Config
current-context: one
clusters:
- name: here
  cluster: {server: "https://127.0.0.1:6443/", certificate-authority: ca.crt}
users:
- name: admin
  user: {client-certificate-data: Y2VydA==, client-key: key.pem}
- name: robot
  user: {token: abc}
contexts:
- name: one
  context: {cluster: here, user: admin, namespace: web}
- name: two
  context: {cluster: here, user: robot}
extensions: [{name: kept}]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "ca.crt").write_bytes(b"CA")
    (tmp_path / "key.pem").write_bytes(b"KEY")
    file = tmp_path / "config"
    file.write_text(TEXT)
    return file


def test_current_context_gives_server_credentials_and_namespace(path: Path) -> None:
    assert Kubeconfig.load(path).connection() == Connection(
        server="https://127.0.0.1:6443", ca=b"CA", certificate=b"cert", key=b"KEY", namespace="web"
    )


def test_context_can_be_chosen(path: Path) -> None:
    connection = Kubeconfig.load(path).connection("two")
    assert (connection.token, connection.certificate, connection.namespace) == ("abc", b"", "")


def test_unknown_context_is_an_error(path: Path) -> None:
    with pytest.raises(KubeconfigError, match='context "three" does not exist'):
        Kubeconfig.load(path).connection("three")


def test_missing_key_file_is_named(path: Path) -> None:
    (path.parent / "key.pem").unlink()
    with pytest.raises(KubeconfigError, match=r"unable to read client-key .*key\.pem"):
        Kubeconfig.load(path).connection()


def test_first_file_of_several_wins(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("current-context: two\nusers: [{name: robot, user: {token: xyz}}]\n")
    merged = Kubeconfig.load_merged([other, path, tmp_path / "absent"])
    assert merged.current_context == "two"
    assert merged.connection().token == "xyz"


def test_written_file_reads_back_and_is_private(path: Path, tmp_path: Path) -> None:
    config = Kubeconfig.load(path)
    config.add("new", Connection(server="https://[::1]:6443", ca=b"CA2", token="t"))
    config.write(tmp_path / "out")
    again = Kubeconfig.load(tmp_path / "out")
    assert again.connection() == Connection(server="https://[::1]:6443", ca=b"CA2", token="t")
    assert again.connection("one").ca == b"CA"
    assert again.rest["extensions"] == [{"name": "kept"}]
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600
    assert again.clusters["new"]["certificate-authority-data"] == base64.b64encode(b"CA2").decode()


def test_kubeconfig_variable_lists_paths() -> None:
    assert default_paths({"KUBECONFIG": "/a:/b"}) == [Path("/a"), Path("/b")]


def test_pod_environment_gives_a_connection(tmp_path: Path) -> None:
    for name, text in (("token", "t"), ("ca.crt", "CA"), ("namespace", "ns\n")):
        (tmp_path / name).write_text(text)
    found = in_cluster(tmp_path, {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"})
    assert (found.server, found.namespace, found.token_file) == ("https://[fd00::1]:443", "ns", str(tmp_path / "token"))
