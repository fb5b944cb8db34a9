"""An API server on loopback, our kubectl in this process and the stock one beside it."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from apiserver.lab import api_server
from click.testing import CliRunner

from minikube_py.apiserver.pki import Pki
from minikube_py.cli.kubectl.main import kubectl
from minikube_py.store.memory import MemoryStore


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    out: str
    err: str
    code: int


def newest_stock() -> str:
    """The stock kubectl, or the newest of several that are installed beside it; "" if there is none."""
    found = shutil.which("kubectl")
    if found is None:
        return ""
    others = sorted(Path(found).resolve().parent.glob("kubectl.1.[0-9]*"), key=lambda path: int(path.name.rsplit(".", 1)[1]))
    return str(others[-1]) if others else found


class Kubectl:
    """Our kubectl and the stock one, on one server."""

    def __init__(self, kubeconfig: Path) -> None:
        self._environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(kubeconfig.parent)}

    async def ours(self, command: str, stdin: str = "") -> Said:
        """Run one of our commands; in a thread, since it has an event loop of its own."""
        runner = CliRunner(env=self._environment)
        result = await asyncio.to_thread(runner.invoke, kubectl, shlex.split(command), input=stdin, prog_name="kubectl")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(result.stdout, result.stderr, result.exit_code)

    async def stock(self, command: str, stdin: str = "") -> Said:
        process = await asyncio.create_subprocess_exec(
            newest_stock(), *shlex.split(command), env=self._environment, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(stdin.encode())
        return Said(out.decode(), err.decode(), process.returncode or 0)


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    made = Pki(
        tmp_path_factory.mktemp("tls"), node_name="test", advertise_address="127.0.0.1", tls_sans=(), service_ip="10.43.0.1",
        cluster_domain="cluster.local",
    )
    made.ensure()
    return made


@pytest.fixture
async def cluster(pki: Pki, tmp_path: Path) -> AsyncIterator[Kubectl]:
    """Both kubectls on a server without controllers, so that nothing changes by itself."""
    store = MemoryStore()
    await store.open()
    async with api_server(tmp_path, pki, store) as lab:
        yield Kubectl(lab.kubeconfig)
    await store.close()


@pytest.fixture
def stock_kubectl() -> None:
    """Needs the stock kubectl."""
    if not newest_stock():
        pytest.skip("kubectl is not installed")
