"""Who one is by each kind of credential, as stock kubectl tells it (`kubectl auth whoami`)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.cluster import Cluster
from tools.hosts import wait_until

pytestmark = pytest.mark.e2e


class Login:
    """A control plane that believes an OpenID provider, and kubectl with other credentials than the administrator's."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.oidc_token = (cluster.home / "issuer-token").read_text()
        config = yaml.safe_load(cluster.kubeconfig.read_text())
        for user in config["users"]:
            user["user"] = {}
        self._nobody = cluster.home / "nobody.yaml"
        self._nobody.write_text(yaml.safe_dump(config))

    def whoami(self, *flags: str, kubeconfig: Path | None = None) -> dict[str, Any]:
        command = ("kubectl", "--kubeconfig", str(kubeconfig or self._nobody), *flags, "auth", "whoami", "-o", "json")
        review: dict[str, Any] = json.loads(self.cluster.server.host.run(*command).stdout)
        return dict(review["status"]["userInfo"])

    def fails(self, *flags: str) -> str:
        done = self.cluster.server.host.run("kubectl", "--kubeconfig", str(self._nobody), *flags, "get", "pods", check=False)
        assert done.returncode != 0
        return done.stderr


@pytest.fixture(scope="module")
def login() -> Iterator[Login]:
    with Cluster("who") as cluster:
        host, home = cluster.server.host, cluster.home
        host.start(sys.executable, "-m", "tests.e2e.token_issuer", str(home), log=home / "issuer.log")
        wait_until((home / "issuer-url").exists, "the issuer to answer", 30.0)
        flags = {
            "oidc-issuer-url": (home / "issuer-url").read_text(), "oidc-client-id": "kubernetes", "oidc-ca-file": home / "issuer-ca.pem",
            "oidc-username-claim": "email", "oidc-groups-claim": "groups", "oidc-groups-prefix": "oidc:",
        }
        arguments = [part for name, value in flags.items() for part in ("--kube-apiserver-arg", f"{name}={value}")]
        cluster.start_server("--disable-agent", *arguments)
        yield Login(cluster)


def test_by_certificate(login: Login) -> None:
    user = login.whoami(kubeconfig=login.cluster.kubeconfig)
    assert (user["username"], user["groups"]) == ("system:admin", ["system:masters", "system:authenticated"])
    (credential,) = user["extra"]["authentication.kubernetes.io/credential-id"]
    assert credential.startswith("X509SHA256=")


def test_by_a_token_of_an_openid_provider(login: Login) -> None:
    user = login.whoami("--token", login.oidc_token)
    assert user == {"username": "jane@acme.example", "groups": ["oidc:dev", "system:authenticated"]}
    login.cluster.kubectl("create", "clusterrolebinding", "dev", "--clusterrole=view", "--group=oidc:dev")
    assert login.cluster.server.host.run(
        "kubectl", "--kubeconfig", str(login._nobody), "--token", login.oidc_token, "get", "pods", "-o", "name"
    ).stdout == ""


def test_by_a_token_of_a_service_account(login: Login) -> None:
    login.cluster.wait(lambda: login.cluster.try_kubectl("get", "serviceaccount", "default"), "the service account to be there")
    token = login.cluster.kubectl("create", "token", "default").strip()
    user = login.whoami("--token", token)
    assert user["username"] == "system:serviceaccount:default:default"
    assert user["groups"] == ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]
    assert user["extra"]["authentication.kubernetes.io/credential-id"][0].startswith("JTI=")


def test_as_somebody_else(login: Login) -> None:
    user = login.whoami("--as", "joe", "--as-group", "ops", kubeconfig=login.cluster.kubeconfig)
    assert user == {"username": "joe", "groups": ["ops", "system:authenticated"]}


def test_by_a_bad_token_and_by_nothing(login: Login) -> None:
    assert "You must be logged in to the server (Unauthorized)" in login.fails("--token", login.oidc_token[:-4] + "AAAA")
    assert 'User "system:anonymous" cannot list resource "pods"' in login.fails("--username", "x", "--password", "y")


def test_aggregated_servers_find_whom_to_trust(login: Login) -> None:
    data = login.cluster.get("configmap", "-n", "kube-system", "extension-apiserver-authentication")["data"]
    assert data["requestheader-allowed-names"] == '["system:auth-proxy"]'
    assert {"client-ca-file", "requestheader-client-ca-file"} < set(data)
