"""Joining a cluster: from a server's address and a token to the node's certificates.

How the server is found to be the right one is `join_http.py`'s. Keys are made here and never leave the node. What was obtained is kept
under DATA/agent, and while it is good a restart needs no server: that is how a node that boots alone starts its pods.

Source: docs.k3s.io/architecture#how-agent-node-registration-works
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from minikube_py.core.backoff import Backoff
from minikube_py.core.clock import SYSTEM_CLOCK, Clock
from minikube_py.core.errors import ForbiddenError, ServiceUnavailableError, StatusError, TooManyRequestsError, UnauthorizedError
from minikube_py.core.files import private_directory, write_atomic

from .join_http import JoinError, UnreachableError, fetch_ca, send
from .join_protocol import JOIN_PATH, JoinRequest, JoinResponse, JoinToken, parse_token
from .node_credentials import NodeCredentials, load, store

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from .transport import Transport

log = logging.getLogger(__name__)

# A whole site boots at once when its power comes back, and the server is seldom the first.
FIRST_PAUSE_S = 1.0
PAUSE_MAX_S = 15.0

# Carries a request to a server: over HTTPS, or to the endpoint in this process.
Exchange = Callable[[JoinRequest], Awaitable[JoinResponse]]


async def join(
    server: str, token: str, node_name: str, node_ips: Sequence[str], data_dir: Path, *, clock: Clock = SYSTEM_CLOCK
) -> NodeCredentials:
    """Become, or go on being, a node of the cluster behind `server` (https://host:port).

    Credentials that are stored and good are returned without asking the server: a running node renews its own. A node that was off until
    they ended gets new ones by its token.

    Raises: JoinError (wrong pin, wrong token, name taken, no server), TokenFormatError.
    Cancellation: files may have been written; the next join goes on from them.
    """
    server = server.rstrip("/")
    return await enroll(
        exchange_by_token(server, token), server, node_name, node_ips, data_dir, pin=parse_token(token).pin, clock=clock
    )


async def join_when_reachable(server: str, token: str, node_name: str, node_ips: Sequence[str], data_dir: Path) -> NodeCredentials:
    """As `join`, but a server that does not answer, or not yet, is asked until it does.

    Raises: JoinError if the server refuses, or is another one; TokenFormatError.
    """
    backoff = Backoff(FIRST_PAUSE_S, PAUSE_MAX_S)
    while True:
        try:
            return await join(server, token, node_name, node_ips, data_dir)
        except UnreachableError as error:
            pause = backoff.next_s(server)
            log.warning("waiting for the server retry_in_s=%g reason=%s", pause, error)
            await asyncio.sleep(pause)


def exchange_by_token(server: str, token: str) -> Exchange:
    """A way to a server that proves itself by the token's pin. Raises: TokenFormatError; the way itself JoinError."""
    parsed = parse_token(token)

    async def exchange(request: JoinRequest) -> JoinResponse:
        return await _post(server, parsed, await fetch_ca(server, parsed.pin), request)

    return exchange


def exchange_by_certificate(transport: Transport) -> Exchange:
    """A way to a server that knows the node by its certificate; the token may be another one by now."""

    async def exchange(request: JoinRequest) -> JoinResponse:
        answer = await transport.request("POST", JOIN_PATH, body=msgspec.json.encode(request))
        try:
            return msgspec.json.decode(answer, type=JoinResponse)
        except msgspec.MsgspecError as error:
            raise JoinError(f"the server answered with something else than a join response: {error}") from error

    return exchange


async def enroll(
    exchange: Exchange, server: str, node_name: str, node_ips: Sequence[str], data_dir: Path, *, pin: str = "", server_ca: bytes = b"",
    clock: Clock = SYSTEM_CLOCK,
) -> NodeCredentials:
    """As `join`, with a way of one's own to the server: the agent within a server asks its endpoint directly.

    Args:
        pin: of the CA; stored credentials of another cluster are not used.
        server_ca: the present one, PEM, if it is known; stored credentials that trust another one are not used.
    """
    directory = data_dir / "agent"
    stored = await asyncio.to_thread(load, directory, server, node_name, list(node_ips), pin)
    if server_ca and stored is not None and stored.server_ca.read_bytes() != server_ca:
        stored = None
    if stored is not None and await asyncio.to_thread(stored.time_left, clock.now()) > timedelta(0):
        return stored
    return await renew(exchange, server, node_name, node_ips, data_dir)


async def renew(exchange: Exchange, server: str, node_name: str, node_ips: Sequence[str], data_dir: Path) -> NodeCredentials:
    """Ask for certificates, whatever there is. Raises: JoinError, OSError."""
    directory, addresses = data_dir / "agent", list(node_ips)
    response = await exchange(await asyncio.to_thread(_request, directory, node_name, addresses))
    return await asyncio.to_thread(store, directory, server, node_name, addresses, response)


async def _post(server: str, token: JoinToken, ca: bytes, request: JoinRequest) -> JoinResponse:
    try:
        answer = await send(server, "POST", JOIN_PATH, token, ca, msgspec.json.encode(request))
        return msgspec.json.decode(answer, type=JoinResponse)
    except UnauthorizedError as error:
        raise JoinError(
            f"{server} does not accept the token: {error.message}; compare it with server/node-token on the server, or make a new one there"
        ) from error
    except ForbiddenError as error:
        raise JoinError(f"{server} does not accept node {request.node_name}: {error.message}") from error
    except (ServiceUnavailableError, TooManyRequestsError) as error:
        raise UnreachableError(f"{server} is not ready: {error.message}") from error
    except StatusError as error:
        raise JoinError(f"{server} refused the join request: {error.message}") from error
    except msgspec.MsgspecError as error:
        raise JoinError(f"{server} answered with something else than a join response: {error}") from error


def _request(directory: Path, node_name: str, addresses: list[str]) -> JoinRequest:
    """Make what is missing of password and keys, and ask for certificates of them."""
    private_directory(directory)
    password = directory / "node-password"
    if not password.exists():
        write_atomic(password, secrets.token_hex(32).encode())
    return JoinRequest(
        node_name=node_name, node_password=password.read_text(), addresses=addresses,
        client_csr=_signing_request(directory / "client-kubelet.key"),
        serving_csr=_signing_request(directory / "serving-kubelet.key"),
    )


def _signing_request(path: Path) -> str:
    """A signing request for a key. It names nobody: whom a certificate names is for the server to say."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    request = x509.CertificateSigningRequestBuilder(x509.Name([])).sign(_key(path), hashes.SHA256())
    return request.public_bytes(Encoding.PEM).decode()


def _key(path: Path) -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    if path.exists():
        try:
            found = serialization.load_pem_private_key(path.read_bytes(), None)
        except ValueError as error:
            log.warning("private key is made anew file=%s reason=%s", path, error)
        else:
            if isinstance(found, ec.EllipticCurvePrivateKey):
                return found
    key = ec.generate_private_key(ec.SECP256R1())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_atomic(path, key.private_bytes(*form))
    return key
