from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from minikube_py.apiserver.pki import Pki
from minikube_py.cli.token import token
from minikube_py.cli.token_list import short_duration
from minikube_py.client.connection import Connection
from minikube_py.client.join_protocol import ca_pin, parse_token
from minikube_py.client.kubeconfig import Kubeconfig

SECRETS = "/api/v1/namespaces/kube-system/secrets"


class Api:
    """Keeps Secrets by name, as much of an API server as the command needs."""

    def __init__(self, directory: Path) -> None:
        self.secrets: dict[str, Any] = {}
        pki = Pki(directory / "tls")
        pki.ensure()
        self.ca = pki.server_ca.certificate_pem
        self.kubeconfig = directory / "kubeconfig"
        self.cluster_info = ""
        self.url = ""

    async def answer(self, http: web.BaseRequest) -> web.Response:
        name = http.path.removeprefix(SECRETS).strip("/")
        if http.path == "/api/v1/namespaces/kube-public/configmaps/cluster-info" and self.cluster_info:
            return web.json_response({"kind": "ConfigMap", "apiVersion": "v1", "data": {"kubeconfig": self.cluster_info}})
        if http.method == "POST":
            secret = json.loads(await http.read())
            if secret["metadata"]["name"] in self.secrets:
                return web.json_response({"kind": "Status", "status": "Failure", "reason": "AlreadyExists"}, status=409)
            self.secrets[secret["metadata"]["name"]] = secret
            return web.json_response(secret, status=201)
        if http.path.startswith("/api/v1/namespaces/kube-public/"):
            return web.json_response({"kind": "Status", "status": "Failure", "reason": "NotFound"}, status=404)
        if http.method == "DELETE":
            if self.secrets.pop(name, None) is None:
                message = f'secrets "{name}" not found'
                return web.json_response({"kind": "Status", "status": "Failure", "reason": "NotFound", "message": message}, status=404)
            return web.json_response({"kind": "Status", "apiVersion": "v1", "status": "Success"})
        assert http.query["fieldSelector"] == "type=bootstrap.kubernetes.io/token"
        return web.json_response({"kind": "SecretList", "apiVersion": "v1", "metadata": {}, "items": list(self.secrets.values())})

    async def run(self, *arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, token, [arguments[0], "--kubeconfig", str(self.kubeconfig), *arguments[1:]])


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    api = Api(tmp_path)
    server = web.Server(api.answer, handler_cancellation=True)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    api.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    config = Kubeconfig()
    config.add("default", Connection(server=api.url, ca=api.ca))
    config.write(api.kubeconfig)
    yield api
    listener.close()
    await server.shutdown(1)


async def test_what_is_printed_joins_this_cluster(api: Api) -> None:
    result = await api.run("create", "--description", "for the shed", "--ttl", "1h")
    printed = parse_token(result.output)
    assert (printed.pin, printed.user) == (ca_pin(api.ca), "")
    (secret,) = api.secrets.values()
    assert secret["metadata"]["name"] == f"bootstrap-token-{printed.secret[:6]}"
    assert secret["type"] == "bootstrap.kubernetes.io/token"
    assert {"token-id", "token-secret", "expiration", "usage-bootstrap-authentication", "auth-extra-groups"} <= set(secret["data"])


async def test_tokens_are_listed_and_deleted(api: Api) -> None:
    await api.run("create", "abcdef.0123456789abcdef", "--ttl", "0", "--description", "for the shed")
    lines = (await api.run("list")).output.splitlines()
    assert re.split(r"\s{3,}", lines[0]) == ["TOKEN", "TTL", "EXPIRES", "USAGES", "DESCRIPTION", "EXTRA GROUPS"]
    assert re.split(r"\s{3,}", lines[1])[:5] == [
        "abcdef.0123456789abcdef", "<forever>", "<never>", "authentication,signing", "for the shed",
    ]
    assert (await api.run("delete", "abcdef")).output == 'bootstrap token "abcdef" deleted\n'
    again = await api.run("delete", "abcdef")
    assert again.exit_code == 1
    assert 'Error from server (NotFound): secrets "bootstrap-token-abcdef" not found' in again.output


async def test_malformed_tokens_are_refused_before_the_server_is_asked(api: Api) -> None:
    result = await api.run("create", "nonsense")
    assert result.exit_code == 1
    assert "not of the form" in result.output
    assert not api.secrets


def test_a_generated_token_is_well_formed() -> None:
    assert re.fullmatch(r"[a-z0-9]{6}\.[a-z0-9]{16}\n", CliRunner().invoke(token, ["generate"]).output)


@pytest.mark.parametrize("ttl", ["", "24", "h", "1d", "1h x"])
async def test_life_that_is_no_duration_is_refused(api: Api, ttl: str) -> None:
    result = await api.run("create", "--ttl", ttl)
    assert result.exit_code == 1
    assert "time: " in result.output
    assert not api.secrets


@pytest.mark.parametrize(("arguments", "message"), [
    (("--usages", "signing,reading"), 'invalid bootstrap token usage "reading"'),
    (("--groups", "system:masters"), 'bootstrap group "system:masters" is invalid'),
])
async def test_what_tokens_cannot_be_for_is_refused(api: Api, arguments: tuple[str, ...], message: str) -> None:
    result = await api.run("create", *arguments)
    assert result.exit_code == 1
    assert message in result.output
    assert not api.secrets


async def test_groups_and_usages_may_be_repeated_or_stand_together(api: Api) -> None:
    groups = ("system:bootstrappers:a", "system:bootstrappers:b", "system:bootstrappers:c")
    await api.run("create", "--groups", f"{groups[0]},{groups[1]}", "--groups", groups[2], "--usages", "authentication", "--ttl", "0")
    (listed,) = json.loads((await api.run("list", "-o", "json")).output)
    assert re.fullmatch(r"[a-z0-9]{6}\.[a-z0-9]{16}", listed.pop("token"))
    assert listed == {"usages": ["authentication"], "groups": [*groups]}


async def test_token_that_exists_already_is_told(api: Api) -> None:
    await api.run("create", "abcdef.0123456789abcdef")
    again = await api.run("create", "abcdef.ffffffffffffffff")
    assert (again.exit_code, again.output) == (1, 'Error: a token with id "abcdef" already exists\n')


async def test_command_that_joins_names_the_advertised_server(api: Api) -> None:
    plain = await api.run("create", "--print-join-command")
    assert re.fullmatch(rf"minikube-py agent --server {api.url} --token K10[0-9a-f]{{64}}::[a-z0-9.]+\n", plain.output)
    api.cluster_info = "clusters:\n- name: ''\n  cluster: {server: 'https://192.0.2.1:6443'}\n"
    command = await api.run("create", "--print-join-command")
    assert command.output.startswith("minikube-py agent --server https://192.0.2.1:6443 --token K10")


def test_rotation_that_cannot_be_is_told_on_one_line(tmp_path: Path) -> None:
    file = tmp_path / "server" / "token"
    for arguments, message in (
        (("--data-dir", str(tmp_path)), f"Error: --token is not given, and {file} cannot be read: No such file or directory\n"),
        (("--token", "K10nonsense"), "Error: invalid token format\n"),
        (("--token", "x", "--server", "http://127.0.0.1:1"), "Error: only https:// URLs are supported, invalid scheme: http://127.0.0.1:1\n"),
    ):
        result = CliRunner().invoke(token, ["rotate", *arguments])
        assert (result.exit_code, result.output) == (1, message)
    gone = CliRunner().invoke(token, ["rotate", "--token", "x", "--server", "https://127.0.0.1:1"])
    assert gone.exit_code == 1 and gone.output.startswith("Error: cannot reach https://127.0.0.1:1: ") and gone.output.count("\n") == 1


@pytest.mark.parametrize(("seconds", "text"), [
    (-5, "<invalid>"), (-1, "0s"), (0.9, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (3600 * 23.9, "23h"), (86_400 * 3, "3d"),
    (31_536_000 * 2, "2y"),
])
def test_life_is_shown_in_its_largest_unit(seconds: float, text: str) -> None:
    assert short_duration(seconds) == text
