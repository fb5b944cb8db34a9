"""Requests to a server that is not trusted before its CA has been compared with the pin of a token.

The CA is fetched without trust, checked against the pin, and from then on trusted alone; the token is sent only afterwards.
"""

from __future__ import annotations

import logging
import ssl

import msgspec

from minikube_py.core.errors import StatusError, from_status

from .join_protocol import CA_PATH, TOKEN_PATH, JoinToken, TokenRotation, TokenRotationResult, ca_pin, pinned

log = logging.getLogger(__name__)

TIMEOUT_S = 15.0
ANSWER_BYTES_MAX = 1 << 20


class JoinError(Exception):
    """A node could not join, or a token not be used; the text says why and what to do."""


class UnreachableError(JoinError):
    """There was no answer; later there may be one."""


async def fetch_ca(server: str, pin: str) -> bytes:
    """The CA of a server, PEM: as far as the pin vouches for it, all of it without one.

    Raises: JoinError, UnreachableError among them.
    """
    if not server.startswith("https://"):
        raise JoinError(f"only https:// URLs are supported, invalid scheme: {server}")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    status, body = await _http(server, "GET", CA_PATH, context)
    if status != 200:
        raise JoinError(f"failed to get the CA certificate from {server}{CA_PATH}: HTTP status {status}")
    trusted = pinned(body, pin) if pin else body
    if trusted is None:
        raise JoinError(
            f"token CA hash does not match the cluster CA certificate hash: {pin} != {ca_pin(body)}; "
            f"either {server} is not the cluster of this token, or somebody stands between"
        )
    if not pin:
        log.warning("the token carries no CA hash, so the server is trusted unseen; better take server/node-token's server=%s", server)
    return trusted


async def send(server: str, method: str, path: str, token: JoinToken, ca: bytes, body: bytes) -> bytes:
    """Send a request with a token, and return the answer.

    Raises: StatusError if the server refuses; JoinError if there is no answer, or none of such a server.
    """
    try:
        context = ssl.create_default_context(cadata=ca.decode("ascii"))
    except (ssl.SSLError, UnicodeDecodeError) as error:
        raise JoinError(f"{server}{CA_PATH} is not a CA certificate: {error}") from error
    status, answer = await _http(server, method, path, context, token, body)
    if status == 200:
        return answer
    try:
        refusal: StatusError = from_status(msgspec.json.decode(answer, type=dict), status)
    except msgspec.MsgspecError as error:
        raise JoinError(f"{server} answered with HTTP status {status}") from error
    raise refusal


async def rotate_token(server: str, token: JoinToken, new_token: str = "") -> str:
    """Replace the server's token, and return the new one, whole.

    Args:
        new_token: "" lets the server make one.
    Raises: JoinError.
    """
    ca = await fetch_ca(server, token.pin)
    try:
        answer = await send(server, "PUT", TOKEN_PATH, token, ca, msgspec.json.encode(TokenRotation(new_token)))
        return msgspec.json.decode(answer, type=TokenRotationResult).token
    except StatusError as error:
        raise JoinError(f"{server} refused to rotate the token: {error.message}") from error
    except msgspec.MsgspecError as error:
        raise JoinError(f"{server} answered with something else than a token: {error}") from error


async def _http(
    server: str, method: str, path: str, context: ssl.SSLContext, token: JoinToken | None = None, body: bytes | None = None
) -> tuple[int, bytes]:
    import aiohttp

    headers = {"Content-Type": "application/json"} if body is not None else {}
    if token is not None:
        headers["Authorization"] = token.authorization()
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(method, server + path, data=body, headers=headers, ssl=context, allow_redirects=False) as answer,
        ):
            return answer.status, await answer.content.read(ANSWER_BYTES_MAX)
    except aiohttp.ClientConnectorCertificateError as error:
        raise JoinError(f"the certificate of {server} is not good for that address: {error.certificate_error}; "
                        "name the address with --tls-san on the server") from error
    except aiohttp.ClientSSLError as error:
        raise JoinError(f"cannot reach {server}: {error}") from error
    except (aiohttp.ClientConnectionError, TimeoutError) as error:
        raise UnreachableError(f"cannot reach {server}: {error or type(error).__name__}") from error
    except (aiohttp.ClientError, ValueError) as error:
        raise JoinError(f"cannot reach {server}: {error or type(error).__name__}") from error
