"""A server with people who have few rights or none, and something of others' that they might want."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from minikube_py.apiserver.options import ApiServerArgs
from minikube_py.apiserver.pki import Pki
from minikube_py.store.memory import MemoryStore

from ..lab import Answer, Lab, api_server

# Whoever finds this in an answer or a log has read a Secret of the namespace "theirs".
CANARY = "canary-0xC0FFEE-of-theirs"
PEOPLE = {"mallory": "", "owner": "", "admin": "", "editor": "", "node-a": "system:nodes"}
SHELL = {"containers": [{"name": "c", "image": "i"}]}


class Cell:
    """A server, and requests to it in somebody's name.

    The namespace "mine" is where `owner` is bound to cluster-admin, `admin` to admin and `editor` to edit; everything in "theirs" is
    somebody else's. `node-a` is the node "a", which runs the pod "pod-a" of "theirs", and the node "b" runs "pod-b". `mallory` may nothing.
    """

    def __init__(self, lab: Lab, strangers: aiohttp.ClientSession) -> None:
        self.lab = lab
        self._strangers = strangers

    async def ask(
        self, who: str, method: str, path: str, document: Any = None, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """A request with the token of `who`, or with none."""
        shown = {"Authorization": f"Bearer {who}-token"} if who else {}
        return await self.lab.send(method, path, document, body=body, headers=shown | dict(headers or {}), session=self._strangers)

    async def make(self, path: str, document: Any) -> Any:
        """Create something as the administrator."""
        answer = await self.lab.send("POST", path, document)
        assert answer.status == 201, answer.body
        return answer.json


def binding(name: str, role: str, user: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user}],
    }


@pytest.fixture
async def cell(pki: Pki, tmp_path: Path) -> AsyncIterator[Cell]:
    people = tmp_path / "people.csv"
    names = {"node-a": "system:node:a"}
    people.write_text("".join(f'{who}-token,{names.get(who, who)},uid-{who},"{group}"\n' for who, group in PEOPLE.items()))
    store = MemoryStore()
    await store.open()
    async with (
        api_server(tmp_path, pki, store, ApiServerArgs(token_auth_file=people)) as lab,
        aiohttp.ClientSession(lab.url, connector=aiohttp.TCPConnector(ssl=lab.anonymous_tls)) as session,
    ):
        cell = Cell(lab, session)
        for namespace in ("mine", "theirs"):
            await cell.make("/api/v1/namespaces", {"metadata": {"name": namespace}})
            await cell.make(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "default"}})
        for who, role in (("owner", "cluster-admin"), ("admin", "admin"), ("editor", "edit")):
            path = "/apis/rbac.authorization.k8s.io/v1/namespaces/mine/rolebindings"
            await cell.make(path, binding(who, role, who))
        secret = {"data": {"key": base64.b64encode(CANARY.encode()).decode()}}
        for node in ("a", "b"):
            await cell.make("/api/v1/nodes", {"metadata": {"name": node}})
            await cell.make("/api/v1/namespaces/theirs/secrets", {"metadata": {"name": f"secret-{node}"}} | secret)
            volume = {"name": "s", "secret": {"secretName": f"secret-{node}"}}
            await cell.make("/api/v1/namespaces/theirs/pods", {
                "metadata": {"name": f"pod-{node}"}, "spec": {**SHELL, "nodeName": node, "volumes": [volume]}})
        yield cell
    await store.close()
