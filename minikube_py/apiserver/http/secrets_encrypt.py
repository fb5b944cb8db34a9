"""`/v1-minikube-py/secrets-encrypt`: what `minikube-py secrets-encrypt` talks to.

Open to whoever may `get` and `post` the path (nonResourceURLs): administrators.
"""

from __future__ import annotations

import msgspec
from aiohttp import web

from minikube_py.core.errors import BadRequestError, unknown_method

from ..encryption.secrets_encryption import SecretsEncryption
from .responses import json_response

PATH = "/v1-minikube-py/secrets-encrypt"


class Action(msgspec.Struct, forbid_unknown_fields=True):
    """What is asked for."""

    action: str


class SecretsEncryptPath:
    """Answers the path."""

    def __init__(self, encryption: SecretsEncryption) -> None:
        self._encryption = encryption

    async def respond(self, http: web.BaseRequest) -> web.Response:
        """Raises: MethodNotAllowedError, BadRequestError and what the action raises."""
        if http.method == "GET":
            return json_response(msgspec.json.encode(self._encryption.status()))
        if http.method != "POST":
            raise unknown_method()
        try:
            asked = msgspec.json.decode(await http.read(), type=Action)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise BadRequestError(f"the body must be an action: {error}") from error
        return json_response(msgspec.json.encode(await self._encryption.act(asked.action)))
