from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from minikube_py.apiserver.authentication.oidc.configuration import load
from minikube_py.apiserver.authentication.oidc.issuers import Issuers
from minikube_py.core.files import write_atomic

from ...lab import PATIENCE_S
from .issuer import AUDIENCE, Issuer, running_issuer
from .test_configuration import HEADER


def written(path: Path, *issuers: Issuer, prefix: str = "") -> bytes:
    jwt: list[dict[str, Any]] = [{
        "issuer": {"url": issuer.url, "audiences": [AUDIENCE], "certificateAuthority": issuer.ca},
        "claimMappings": {"username": {"claim": "sub", "prefix": prefix}},
    } for issuer in issuers]
    text = yaml.safe_dump(HEADER | {"jwt": jwt}).encode()
    write_atomic(path, text)
    return text


async def name(issuers: Issuers, token: str) -> str:
    identity = await issuers.authenticate_token(token)
    return "" if identity is None else identity.user.name


def reloads(issuers: Issuers) -> dict[str, float]:
    return {sample.labels["status"]: sample.value for family in issuers.families() for sample in family.samples
            if sample.name == "apiserver_authentication_config_controller_automatic_reloads_total"}


async def test_a_changed_file_counts_from_then_on(issuer: Issuer, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "config.yaml"
    known = written(path, issuer)
    issuers = Issuers(load(path), ["RS256"], [])
    following = asyncio.create_task(issuers.follow(path, known))

    async def until(token: str, wanted: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while await name(issuers, token) != wanted:
                await asyncio.sleep(0.005)

    try:
        async with running_issuer() as other:
            assert await name(issuers, issuer.token()) == "jane"
            assert await name(issuers, other.token()) == ""
            written(path, issuer, other, prefix="new:")
            await until(other.token(), "new:jane")
            assert await name(issuers, issuer.token()) == "new:jane"
            write_atomic(path, b"kind: Other")
            async with asyncio.timeout(PATIENCE_S):
                while "the one before stays" not in caplog.text:
                    await asyncio.sleep(0.005)
            assert await name(issuers, other.token()) == "new:jane"
            written(path)
            await until(other.token(), "")
        async with asyncio.timeout(PATIENCE_S):
            while reloads(issuers) != {"success": 2, "failure": 1}:
                await asyncio.sleep(0.005)
    finally:
        following.cancel()
        await asyncio.wait([following])
        await issuers.close()
