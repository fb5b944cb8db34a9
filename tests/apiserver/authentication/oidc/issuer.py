"""An OpenID provider on loopback: real HTTPS, real keys."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from minikube_py.apiserver.authentication.jws import SigningKey

from ..certificates import TestAuthority

AUDIENCE = "kubernetes"


class Issuer:
    """A running provider.

    Attributes:
        key: signs tokens.
        published: the keys that it tells of.
        configuration: what differs in its discovery document.
        asked: paths of requests so far.
        down: whether it fails.
        more: what else is there, by path.
        shown: the credentials that were shown for that.
    """

    def __init__(self) -> None:
        self.authority = TestAuthority("issuers")
        self.key = SigningKey(rsa.generate_private_key(65537, 2048))
        self.published: list[dict[str, Any]] = [self.key.jwk()]
        self.configuration: dict[str, Any] = {}
        self.asked: list[str] = []
        self.down = False
        self.more: dict[str, bytes] = {}
        self.shown: dict[str, str] = {}
        self.url = ""

    @property
    def ca(self) -> str:
        return self.authority.pem.decode()

    def token(self, **claims: Any) -> str:
        """A token that is good but for what is said otherwise; a claim that is None is left out."""
        now = int(time.time())
        defaults: dict[str, Any] = {"iss": self.url, "aud": AUDIENCE, "sub": "jane", "iat": now, "exp": now + 3600}
        return self.key.sign({name: value for name, value in (defaults | claims).items() if value is not None})

    def rotate(self) -> None:
        """Sign with another key from now on; it is not published yet."""
        self.key = SigningKey(rsa.generate_private_key(65537, 2048))

    async def handle(self, http: web.BaseRequest) -> web.Response:
        self.asked.append(http.path)
        if self.down:
            return web.Response(status=503)
        if http.path in self.more:
            self.shown[http.path] = http.headers.get("Authorization", "")
            return web.Response(body=self.more[http.path])
        if http.path == "/groups":
            return web.Response(status=404)
        if http.path.endswith("openid-configuration"):
            return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}/keys"} | self.configuration)
        return web.json_response({"keys": self.published})


@asynccontextmanager
async def running_issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    runner = web.ServerRunner(web.Server(issuer.handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=issuer.authority.server())
    await site.start()
    listener: Any = site._server
    issuer.url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield issuer
    finally:
        await runner.cleanup()
