"""`minikube-py secrets-encrypt` against a server that goes on serving."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from apiserver.lab import Lab, api_server
from click.testing import CliRunner, Result

from minikube_py.apis import core_v1, meta_v1
from minikube_py.apiserver.encryption.secrets_encryption import SecretsEncryption
from minikube_py.apiserver.http.secrets_encrypt import PATH, SecretsEncryptPath
from minikube_py.apiserver.pki import Pki
from minikube_py.cli.secrets_encrypt import secrets_encrypt
from minikube_py.store.sqlite import SqliteStore

WORD = b"correct horse battery staple"


class Server:
    """A server whose secrets are encrypted, and the command."""

    def __init__(self, lab: Lab, home: Path) -> None:
        self.lab, self._home = lab, home

    async def run(self, *arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, secrets_encrypt, ["--kubeconfig", str(self.lab.kubeconfig), *arguments])

    async def said(self, *arguments: str) -> str:
        result = await self.run(*arguments)
        assert result.exit_code == 0, result.output
        return result.output

    def on_disk(self) -> bytes:
        return b"".join(file.read_bytes() for file in self._home.glob("state.db*"))


@pytest.fixture
async def server(pki: Pki, tmp_path: Path) -> AsyncIterator[Server]:
    store, encryption = SqliteStore(tmp_path / "state.db"), SecretsEncryption(tmp_path / "cred" / "encryption-config.json")
    await encryption.attach(store)
    await store.open()
    async with api_server(tmp_path, pki, store) as lab:
        lab.api.paths.add(PATH, SecretsEncryptPath(encryption).respond)
        secret = core_v1.Secret(metadata=meta_v1.ObjectMeta(name="s", namespace="default"), data={"word": WORD})
        await lab.api.client("admin").create(secret)
        yield Server(lab, tmp_path)
    await store.close()


async def test_rotation_from_the_command_line(server: Server) -> None:
    lines = (await server.said("status")).splitlines()
    assert lines[:3] == ["Encryption Status: Enabled", "Current Rotation Stage: start", ""]
    assert lines[3].split() == ["Active", "Key", "Type", "Name"] and lines[5].split()[:2] == ["*", "AES-GCM"] and len(lines) == 6
    before = json.loads(await server.said("status", "-o", "json"))["keys"][0]["name"]
    assert await server.said("rotate") == "keys rotated, reencryption pending\n"
    assert "Current Rotation Stage: rotate" in await server.said("status")
    refused = await server.run("rotate")
    assert refused.exit_code == 1 and "Error from server (BadRequest): the last rotation is not complete: reencrypt first" in refused.output
    assert await server.said("reencrypt") == "reencryption finished\n"
    (key,) = json.loads(await server.said("status", "-o", "json"))["keys"]
    assert key["name"] != before and before.encode() not in server.on_disk()
    assert await server.said("rotate-keys") == "keys rotated, reencryption finished\n"
    assert (await server.lab.api.client("admin").get(core_v1.Secret, "s", "default")).data == {"word": WORD}
    assert b"d29yZA" not in server.on_disk() and WORD not in server.on_disk()


async def test_disabled_and_enabled_again(server: Server) -> None:
    assert await server.said("disable") == "secrets-encryption disabled\n"
    assert "Encryption Status: Disabled" in await server.said("status")
    await server.said("reencrypt")
    assert await server.said("enable") == "secrets-encryption enabled\n"
    assert "Encryption Status: Enabled" in await server.said("status")


@pytest.mark.parametrize(("method", "document"), [("GET", None), ("POST", {"action": "rotate"})])
async def test_only_administrators_may(server: Server, method: str, document: object) -> None:
    headers = {"Impersonate-User": "somebody"}
    answer = await server.lab.send(method, PATH, document, headers=headers)
    assert answer.status == 403 and f'cannot {method.lower()} path "{PATH}"' in answer.json["message"]


@pytest.mark.parametrize(("method", "body", "status"), [("PUT", b"", 405), ("POST", b"{", 400), ("POST", b'{"act":"x"}', 400)])
async def test_other_requests_are_refused(server: Server, method: str, body: bytes, status: int) -> None:
    assert (await server.lab.send(method, PATH, body=body)).status == status
