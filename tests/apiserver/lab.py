"""An API server in the test's process, as production has it: SQLite, TLS, RBAC, a real listener on loopback; and a raw HTTP client."""

from __future__ import annotations

import asyncio
import io
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from minikube_py.apis import core_v1, meta_v1
from minikube_py.apiserver.assembly import Api, RegistryOptions
from minikube_py.apiserver.authorization import bootstrap_policy
from minikube_py.apiserver.options import ApiServerArgs
from minikube_py.apiserver.pki import Pki, trust
from minikube_py.client.interface import Client
from minikube_py.store.memory import MemoryStore
from minikube_py.store.sqlite import SqliteStore

# Seconds after which something that should happen has not; never a promise about speed.
PATIENCE_S = 20.0
TOKENS = "reader-token,reader,reader-uid\n"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Lab:
    """A running server and a session with the administrator's certificate.

    Attributes:
        url: of the server.
        kubeconfig: the administrator's.
        anonymous: TLS without a client certificate.
    """

    def __init__(self, api: Api, store: SqliteStore | MemoryStore, url: str, home: Path, pki: Pki) -> None:
        self.api = api
        self.registry = api.registry
        self.store = store
        self.url = url
        self.kubeconfig = home / "kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(pki.admin_kubeconfig(url)))
        self.client: Client = api.client("admin")
        self.admin_tls = pki.client_ssl_context(pki.admin)
        self.anonymous_tls = ssl.create_default_context(cadata=pki.server_ca.certificate_pem.decode())
        self.session = aiohttp.ClientSession(
            base_url=url, connector=aiohttp.TCPConnector(ssl=self.admin_tls, limit=0), timeout=aiohttp.ClientTimeout(total=PATIENCE_S),
        )

    async def send(
        self, method: str, path: str, document: Any = None, *, body: bytes | None = None, headers: Mapping[str, str] | None = None,
        session: aiohttp.ClientSession | None = None,
    ) -> Answer:
        """One request; `document` is sent as JSON, `body` as it is."""
        sent = dict(headers or {})
        if document is not None:
            body = json.dumps(document).encode()
            sent.setdefault("Content-Type", "application/json")
        async with (session or self.session).request(
            method, path, data=None if body is None else io.BytesIO(body), headers=sent, skip_auto_headers=["Content-Type", "User-Agent"]
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.send("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    async def exchange(self, data: bytes) -> tuple[int, bytes]:
        """Send bytes over a connection of their own, which they make the server close; the status of what comes back and its body."""
        reader, writer = await asyncio.open_connection("127.0.0.1", int(self.url.rpartition(":")[2]), ssl=self.admin_tls)
        try:
            writer.write(data)
            answer = await asyncio.wait_for(reader.read(), PATIENCE_S)
        finally:
            writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), body

    @asynccontextmanager
    async def watch(self, path: str, headers: Mapping[str, str] | None = None) -> AsyncIterator[Watcher]:
        """An open watch."""
        separator = "&" if "?" in path else "?"
        async with self.session.get(path + separator + "watch=1", headers=headers or {}) as response:
            yield Watcher(response)


class Watcher:
    """The client's end of a watch."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self) -> dict[str, Any]:
        """The next event.

        Raises: EOFError when the server has ended the watch.
        """
        line = await asyncio.wait_for(self.response.content.readline(), PATIENCE_S)
        if not line:
            raise EOFError
        event: dict[str, Any] = json.loads(line)
        return event

    async def names(self, count: int) -> list[tuple[str, str]]:
        """Type and object name of the next events."""
        events = [await self.next() for _ in range(count)]
        return [(event["type"], event["object"]["metadata"].get("name", "")) for event in events]


@asynccontextmanager
async def api_server(home: Path, pki: Pki, store: SqliteStore | MemoryStore, args: ApiServerArgs | None = None) -> AsyncIterator[Lab]:
    """A server over an open store; a new one gets the namespaces, the service account and the roles that a new cluster has."""
    tokens = home / "tokens.csv"
    tokens.write_text(TOKENS)
    api = Api(store, pki, RegistryOptions(), args or ApiServerArgs(token_auth_file=tokens))
    context = pki.server_ssl_context(api.authentication.authorities)
    api.authentication.changed.append(lambda: trust(context, api.authentication.authorities))
    port = await api.server.listen("127.0.0.1", 0, context)
    client = api.client("admin")
    if not await client.list(core_v1.Namespace):
        await _fill(client)
    lab = Lab(api, store, f"https://127.0.0.1:{port}", home, pki)
    running = [asyncio.create_task(component.run()) for component in (api.definitions, api.authentication)]
    try:
        yield lab
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)
        await lab.session.close()
        await api.close()


async def _fill(client: Client) -> None:
    for name in ("default", "kube-system"):
        await client.create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name=name)))
    await client.create(core_v1.ServiceAccount(metadata=meta_v1.ObjectMeta(name="default", namespace="default")))
    await bootstrap_policy.reconcile(client)


async def until(condition: Any) -> None:
    """Wait until a condition holds.

    Raises: TimeoutError if it does not come.
    """
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)
