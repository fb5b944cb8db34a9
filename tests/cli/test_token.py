from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from minikube_py.apiserver.pki import Pki
from minikube_py.cli.token import parse_duration, token
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

    async def answer(self, http: web.BaseRequest) -> web.Response:
        name = http.path.removeprefix(SECRETS).strip("/")
        if http.method == "POST":
            secret = json.loads(await http.read())
            self.secrets[secret["metadata"]["name"]] = secret
            return web.json_response(secret, status=201)
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
    config = Kubeconfig()
    config.add("default", Connection(server=f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}", ca=api.ca))
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


@pytest.mark.parametrize(("text", "duration"), [
    ("24h", timedelta(hours=24)), ("1h30m", timedelta(minutes=90)), ("24h0m0s", timedelta(days=1)), ("0", timedelta(0)),
    ("1.5h", timedelta(minutes=90)),
])
def test_durations_are_written_as_in_go(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "24", "h", "1d", "1h x"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        parse_duration(text)
