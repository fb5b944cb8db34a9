"""The token of the server: the secret by which nodes join, as a file under DATA/server.

`token` holds the whole token with the CA's pin; `node-token` leads to it. The secret is made at the first start, or taken from `--token`.
Source: docs.k3s.io/cli/token#server
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path

from minikube_py.client.join_protocol import JoinToken, TokenFormatError, ca_pin, parse_token
from minikube_py.core.files import private_directory, write_atomic

FILE = "token"
LINK = "node-token"
USERS = frozenset({"server", "node"})


class ServerTokenError(Exception):
    """The server's token cannot be used."""


@dataclass(frozen=True)
class ServerToken:
    """The server's token."""

    token: JoinToken

    def __str__(self) -> str:
        return str(self.token)

    def accepts(self, user: str, secret: str) -> bool:
        """Whether a user name and password are this token's."""
        return hmac.compare_digest(secret.encode(), self.token.secret.encode()) and user in USERS


def ensure_server_token(server_dir: Path, ca_pem: bytes, wanted: str = "") -> ServerToken:
    """Read the server's token, or make it; the file always carries the present CA's pin.

    Args:
        wanted: what `--token` or `--token-file` say; "" keeps the token that there is. A whole token must have this CA's pin.
    Raises: ServerTokenError, OSError.
    """
    path = server_dir / FILE
    private_directory(server_dir)
    pin = ca_pin(ca_pem)
    present = path.read_text().strip() if path.exists() else ""
    secret = _secret(wanted, pin) if wanted else _stored_secret(path, present) or secrets.token_hex(16)
    token = ServerToken(JoinToken(pin, "server", secret))
    if present != str(token):
        write_atomic(path, f"{token}\n".encode())
    link = server_dir / LINK
    if not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to(FILE)
    return token


def _secret(text: str, pin: str) -> str:
    try:
        token = parse_token(text)
    except TokenFormatError as error:
        raise ServerTokenError(f"--token: {error}") from error
    if not token.user:
        raise ServerTokenError("--token: a bootstrap token cannot be the server's token")
    if token.pin and token.pin != pin:
        raise ServerTokenError(f"--token: its CA hash {token.pin} is another cluster's; this cluster's is {pin}")
    return token.secret


def _stored_secret(path: Path, text: str) -> str:
    if not text:
        return ""
    try:
        return parse_token(text).secret
    except TokenFormatError as error:
        raise ServerTokenError(f"{path}: {error}; remove the file to get a new token") from error
