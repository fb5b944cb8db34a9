"""Fixtures of the API server's tests."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from minikube_py.apiserver.pki import Pki
from minikube_py.store.sqlite import SqliteStore

from .lab import Lab, api_server


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Certificates for all servers of the run: making them is the slow part."""
    made = Pki(
        tmp_path_factory.mktemp("tls"), node_name="test", advertise_address="127.0.0.1", tls_sans=(), service_ip="10.43.0.1",
        cluster_domain="cluster.local",
    )
    made.ensure()
    return made


@pytest.fixture(scope="session")
def new_cluster(pki: Pki, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a server has stored that has started once: each test begins with a copy."""
    home = tmp_path_factory.mktemp("new-cluster")
    store = SqliteStore(home / "state.db")

    async def start_once() -> None:
        await store.open()
        async with api_server(home, pki, store):
            pass
        await store.close()

    asyncio.run(start_once())
    return home / "state.db"


@pytest.fixture
async def lab(pki: Pki, new_cluster: Path, tmp_path: Path) -> AsyncIterator[Lab]:
    """A running API server on SQLite."""
    shutil.copy(new_cluster, tmp_path / "state.db")
    store = SqliteStore(tmp_path / "state.db")
    await store.open()
    async with api_server(tmp_path, pki, store) as running:
        yield running
    await store.close()
