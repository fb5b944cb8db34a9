"""The tokens of the server: the secrets by which nodes join, as files under DATA/server.

`token` holds the server's token with the CA's pin; it joins nodes and may be rotated by its holder. `agent-token`, if one was given, joins
nodes and can do nothing else. `node-token` leads to the one that nodes should be given. A token that was rotated away is remembered by its
hash in `token.retired`: a stale `--token` in a configuration must not bring it back.
Source: docs.k3s.io/cli/token
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Literal

from minikube_py.client.join_protocol import JoinToken, TokenFormatError, ca_pin, parse_token, pinned
from minikube_py.core.files import private_directory, write_atomic

FILE, AGENT_FILE, LINK, RETIRED = "token", "agent-token", "node-token", "token.retired"
USERS = frozenset({"server", "node"})
# What a token lets its holder do: all that servers do, joining nodes, nothing.
Role = Literal["server", "node", ""]


class ServerTokenError(Exception):
    """The server's token cannot be used."""


class ServerTokens:
    """The tokens that are good now.

    Attributes:
        token: the server's.
        agent_token: that of agents, if they have one of their own.
    """

    def __init__(self, directory: Path, token: JoinToken, agent_token: JoinToken | None, ca_pem: bytes) -> None:
        self._directory = directory
        self.token = token
        self.agent_token = agent_token
        self._ca_pem = ca_pem

    def __str__(self) -> str:
        return str(self.token)

    def role_of(self, user: str, secret: str) -> Role:
        """What a user name and password may do."""
        if user not in USERS:
            return ""
        given = secret.encode()
        if hmac.compare_digest(given, self.token.secret.encode()):
            return "server" if user == "server" else "node"
        if self.agent_token is not None and hmac.compare_digest(given, self.agent_token.secret.encode()):
            return "node"
        return ""

    def rotate(self, text: str = "") -> JoinToken:
        """Replace the server's token from now on and on the disk; blocks for a moment.

        Args:
            text: the new token, whole or its secret alone; "" makes one.
        Raises: ServerTokenError if it cannot be one; OSError.
        """
        secret = _secret(text, self._ca_pem, "the new token") if text else secrets.token_hex(16)
        if self.agent_token is not None and secret == self.agent_token.secret:
            raise ServerTokenError("the new token is the agents' token")
        retired = _retired(self._directory) | {_digest(self.token.secret)}
        write_atomic(self._directory / RETIRED, "".join(f"{digest}\n" for digest in sorted(retired - {_digest(secret)})).encode())
        token = JoinToken(self.token.pin, "server", secret)
        write_atomic(self._directory / FILE, f"{token}\n".encode())
        self.token = token
        return token


def ensure_server_tokens(server_dir: Path, ca_pem: bytes, wanted: str = "", agent_wanted: str = "") -> ServerTokens:
    """Read the server's tokens, or make them; the files always carry the present CA's pin.

    Args:
        wanted: what `--token` or `--token-file` say; "" keeps the token that there is. A whole token must have a pin of this CA.
        agent_wanted: what `--agent-token` or `--agent-token-file` say; "" lets agents use the server's.
    Raises: ServerTokenError, OSError.
    """
    private_directory(server_dir)
    pin = ca_pin(ca_pem)
    present = _read(server_dir / FILE)
    secret = _secret(wanted, ca_pem, "--token") if wanted else _stored_secret(server_dir / FILE, present) or secrets.token_hex(16)
    if _digest(secret) in _retired(server_dir):
        raise ServerTokenError("--token: this token was rotated away; name the present one or none")
    token = JoinToken(pin, "server", secret)
    if present != str(token):
        write_atomic(server_dir / FILE, f"{token}\n".encode())
    agent_token = None
    if agent_wanted:
        agent_token = JoinToken(pin, "node", _secret(agent_wanted, ca_pem, "--agent-token"))
        if agent_token.secret == secret:
            raise ServerTokenError("--agent-token: it is the server's token")
        if _read(server_dir / AGENT_FILE) != str(agent_token):
            write_atomic(server_dir / AGENT_FILE, f"{agent_token}\n".encode())
    else:
        (server_dir / AGENT_FILE).unlink(missing_ok=True)
    _link(server_dir / LINK, AGENT_FILE if agent_token is not None else FILE)
    return ServerTokens(server_dir, token, agent_token, ca_pem)


def _link(link: Path, target: str) -> None:
    if not link.is_symlink() or str(link.readlink()) != target:
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def _read(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


def _retired(directory: Path) -> set[str]:
    return set(_read(directory / RETIRED).split())


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _secret(text: str, ca_pem: bytes, what: str) -> str:
    try:
        token = parse_token(text)
    except TokenFormatError as error:
        raise ServerTokenError(f"{what}: {error}") from error
    if not token.user:
        raise ServerTokenError(f"{what}: a bootstrap token cannot be the server's token")
    if token.pin and token.pin != ca_pin(ca_pem) and pinned(ca_pem, token.pin) is None:
        raise ServerTokenError(f"{what}: its CA hash {token.pin} is another cluster's; this cluster's is {ca_pin(ca_pem)}")
    return token.secret


def _stored_secret(path: Path, text: str) -> str:
    if not text:
        return ""
    try:
        return parse_token(text).secret
    except TokenFormatError as error:
        raise ServerTokenError(f"{path}: {error}; remove the file to get a new token") from error
