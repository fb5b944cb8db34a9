"""A webhook on loopback for tests: real HTTPS, answers that a test chooses."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import yaml
from aiohttp import web

from .authentication.certificates import TestAuthority

# Makes the answer to a question: status and document, or status and bytes.
Answer = Callable[[dict[str, Any]], tuple[int, Any]]


class Webhook:
    """A running webhook.

    Attributes:
        asked: the questions so far.
        answer: what it answers.
    """

    def __init__(self, authority: TestAuthority, answer: Answer) -> None:
        self.authority = authority
        self.answer = answer
        self.asked: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.url = ""

    async def handle(self, http: web.BaseRequest) -> web.Response:
        self.asked.append(msgspec.json.decode(await http.read()))
        self.paths.append(http.path)
        status, document = self.answer(self.asked[-1])
        body = document if isinstance(document, bytes) else msgspec.json.encode(document)
        return web.Response(status=status, body=body, headers={"Content-Type": "application/json"})

    def kubeconfig(self, path: Path, server: str = "", **user: str) -> Path:
        """Write the file by which a server finds this webhook."""
        (path.parent / "webhook-ca.pem").write_bytes(self.authority.pem)
        path.write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "webhook",
            "clusters": [{"name": "hook", "cluster": {"server": server or self.url, "certificate-authority": "webhook-ca.pem"}}],
            "users": [{"name": "me", "user": user}], "contexts": [{"name": "webhook", "context": {"cluster": "hook", "user": "me"}}],
        }))
        return path


@asynccontextmanager
async def webhook(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Webhook]:
    """A webhook that answers on a port of its own until the end."""
    authority = TestAuthority("webhooks")
    hook = Webhook(authority, answer)
    server = web.Server(hook.handle)
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls or authority.server())
    await site.start()
    listener: Any = site._server
    hook.url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}/authenticate"
    try:
        yield hook
    finally:
        await runner.cleanup()
