from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from minikube_py.apis.core_v1 import ConfigMap
from minikube_py.apiserver.authentication.peer import certificates
from minikube_py.apiserver.authentication.request_header import RequestHeader
from minikube_py.apiserver.cluster_authentication import CONFIG_MAP as NAME
from minikube_py.apiserver.cluster_authentication import CONTROLLER, ClusterAuthenticationTrust
from minikube_py.apiserver.kept_config_map import NAMESPACE, KeptConfigMap
from minikube_py.client.interface import Client
from minikube_py.core.errors import NotFoundError
from tests.conftest import ControlPlane

from .authentication.certificates import TestAuthority
from .lab import PATIENCE_S

CLIENTS, PROXIES = TestAuthority("clients"), TestAuthority("proxies")
HEADER = RequestHeader(PROXIES.pem, ("front",), ("X-Remote-User",), (), ("X-Remote-Group",), ("X-Remote-Extra-",))


class Trusted:
    client_authorities = CLIENTS.pem
    request_header = HEADER


TRUSTED = Trusted()


@pytest.fixture
async def client(control_plane: ControlPlane) -> AsyncIterator[Client]:
    trust = ClusterAuthenticationTrust(TRUSTED)
    kept = KeptConfigMap(control_plane.client, NAME, trust.combined, CONTROLLER)
    running = asyncio.create_task(kept.run())
    await asyncio.wait_for(kept.ready.wait(), PATIENCE_S)
    yield control_plane.client
    running.cancel()
    await asyncio.wait([running])


async def until_right(client: Client) -> ConfigMap:
    """The object once it says what it should."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                found = await client.get(ConfigMap, NAME, NAMESPACE)
                if found.data.get("client-ca-file", "").encode() == CLIENTS.pem and "front" in found.data["requestheader-allowed-names"]:
                    return found
            except NotFoundError:
                pass
            await asyncio.sleep(0.005)


async def test_aggregated_servers_read_whom_to_trust(client: Client) -> None:
    assert (await until_right(client)).data == {
        "client-ca-file": CLIENTS.pem.decode(), "requestheader-client-ca-file": PROXIES.pem.decode(),
        "requestheader-allowed-names": '["front"]', "requestheader-username-headers": '["X-Remote-User"]',
        "requestheader-uid-headers": "[]", "requestheader-group-headers": '["X-Remote-Group"]',
        "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
    }


async def test_what_was_taken_away_comes_back(client: Client) -> None:
    first = await client.get(ConfigMap, NAME, NAMESPACE)
    await client.delete(ConfigMap, NAME, NAMESPACE)
    second = await until_right(client)
    assert second.metadata.uid != first.metadata.uid
    changed = await client.get(ConfigMap, NAME, NAMESPACE)
    await client.update(ConfigMap(metadata=changed.metadata, data={"client-ca-file": "nonsense", "requestheader-allowed-names": "{"}))
    assert (await until_right(client)).data == second.data


def test_what_others_have_added_stays() -> None:
    other = TestAuthority("other")
    trust = ClusterAuthenticationTrust(TRUSTED)
    combined = trust.combined({"client-ca-file": other.pem.decode(), "requestheader-allowed-names": '["theirs","front"]', "more": "x"})
    assert certificates(combined["client-ca-file"].encode()) == [*certificates(other.pem), *certificates(CLIENTS.pem)]
    assert json.loads(combined["requestheader-allowed-names"]) == ["theirs", "front"]
    assert "more" not in combined


class Later:
    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=365 * 100)


def test_authorities_that_have_ended_go() -> None:
    trust = ClusterAuthenticationTrust(TRUSTED, Later())
    assert trust.combined({}) == {}
