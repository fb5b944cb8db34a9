"""The server's side of joining: the CA for everybody, certificates for those who hold a token, a new token for who holds the server's.

Owns the paths `/cacerts`, `/v1-minikube-py/join` and `/v1-minikube-py/token`. A token lets a machine become any node whose name is free; it
cannot become the server: the server's own names and addresses are not put into a node's certificate.

Source: docs.k3s.io/architecture#how-agent-node-registration-works
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import timedelta

import msgspec
from aiohttp import web

from minikube_py.apis.syntax import quote
from minikube_py.client.interface import Client
from minikube_py.client.join_protocol import (
    CA_PATH,
    JOIN_PATH,
    TOKEN_PATH,
    ClusterSettings,
    JoinRequest,
    JoinResponse,
    TokenRotation,
    TokenRotationResult,
)
from minikube_py.core.errors import BadRequestError, ForbiddenError, MethodNotAllowedError, StatusError, UnauthorizedError

from .authentication.bootstrap import NODE_GROUP, NODE_GROUPS, BootstrapTokens
from .authentication.peer import PeerCertificates
from .authentication.user import NODE_USER_PREFIX, NODES, UserInfo
from .http.request import read_body
from .http.responses import raw_response
from .node_passwords import claim
from .pki import Pki
from .server_token import ServerTokenError, ServerTokens

log = logging.getLogger(__name__)

PATHS = (CA_PATH, JOIN_PATH, TOKEN_PATH)
ADDRESSES_MAX = 64
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NODE_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")

Answer = tuple[int, str, bytes]


class JoinEndpoint:
    """Lets nodes into the cluster."""

    def __init__(
        self, pki: Pki, client: Client, token: ServerTokens, bootstrap_tokens: BootstrapTokens, cluster: ClusterSettings, *,
        node_name: str = "", reserved: Sequence[str] = (), lifetime: timedelta | None = None,
    ) -> None:
        """
        Args:
            client: reads Nodes and keeps Secrets, as an administrator.
            node_name: of the node on this server, which may have the server's own addresses.
            reserved: the server's names and addresses, which other nodes may not have; loopback is everybody's.
            lifetime: of nodes' certificates; None is that of the server's own.
        """
        self._pki = pki
        self._client = client
        self.token = token
        self._bootstrap_tokens = bootstrap_tokens
        self._cluster = cluster
        self._node_name = node_name
        self._lifetime = lifetime
        self._reserved = frozenset(name for name in reserved if not _is_loopback(name))
        self._peers = PeerCertificates(pki.client_ca.certificate_pem, clock=pki.clock)

    @property
    def server_ca(self) -> bytes:
        """What signs servers, PEM."""
        return self._pki.server_ca.certificate_pem

    async def respond(self, http: web.BaseRequest) -> web.Response:
        """Answer a request for one of PATHS."""
        body, peer = await read_body(http), self._peers.peer_of(http.transport)
        user = None if peer is None else peer.user
        return raw_response(*await self.handle(http.method, http.path, http.headers, body, http.remote or "", user))

    async def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, remote: str, peer: UserInfo | None = None
    ) -> Answer:
        """Answer `GET /cacerts`, `POST /v1-minikube-py/join` or `PUT /v1-minikube-py/token`.

        Args:
            peer: whom the client certificate of the connection names; a node may renew its own certificates with it.
        Returns: status, content type and body; errors are metav1.Status documents.
        """
        try:
            if path == CA_PATH:
                if method not in ("GET", "HEAD"):
                    raise MethodNotAllowedError("only GET is possible here")
                return 200, "text/plain", self._pki.server_ca.certificate_pem
            if path == TOKEN_PATH:
                if method != "PUT":
                    raise MethodNotAllowedError("only PUT is possible here")
                return 200, "application/json", msgspec.json.encode(await self._rotate(headers, body, remote))
            if method != "POST":
                raise MethodNotAllowedError("only POST is possible here")
            await self._authenticate(headers, body, peer)
            response = await self._admit(_decode(body))
            return 200, "application/json", msgspec.json.encode(response)
        except StatusError as error:
            log.warning("join refused remote=%s reason=%s", remote, error.message)
            return error.code, "application/json", msgspec.json.encode(error.status())

    async def admit_own(self, request: JoinRequest) -> JoinResponse:
        """Give the node within this process its certificates: no token is needed, and its stored password may have been lost.

        Raises: BadRequestError; ForbiddenError if the name is not that of this server's node.
        """
        if request.node_name != self._node_name:
            raise ForbiddenError(f'the node of this server is "{self._node_name}", not "{request.node_name}"')
        return await self._admit(request, own=True)

    async def _admit(self, request: JoinRequest, *, own: bool = False) -> JoinResponse:
        """Give a node its certificates.

        Raises: BadRequestError, ForbiddenError (the name is another machine's, or the server's).
        """
        name = request.node_name
        self._check(request)
        await claim(self._client, name, request.node_password, own=own)
        names = [*dict.fromkeys([name, "localhost", "127.0.0.1", "::1", *request.addresses])]
        user, groups, life = NODE_USER_PREFIX + name, [NODES], self._lifetime
        try:
            client = self._pki.sign_client(request.client_csr.encode(), common_name=user, organizations=groups, lifetime=life)
            serving = self._pki.sign_serving(
                request.serving_csr.encode(), common_name=user, organizations=groups, names=names, lifetime=life
            )
        except ValueError as error:
            raise BadRequestError(str(error)) from error
        log.info("node joined node=%s addresses=%s", name, ",".join(request.addresses))
        return JoinResponse(
            client_certificate=client.decode(), serving_certificate=serving.decode(), cluster=self._cluster,
            server_ca=self._pki.server_ca.certificate_pem.decode(), client_ca=self._pki.client_ca.certificate_pem.decode(),
        )

    async def _rotate(self, headers: Mapping[str, str], body: bytes, remote: str) -> TokenRotationResult:
        """Replace the server's token; nodes that have joined go on with their certificates.

        Raises: UnauthorizedError unless the server's token was presented; BadRequestError.
        """
        scheme, _, credentials = headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic" or self.token.role_of(*_basic(credentials)) != "server":
            raise UnauthorizedError("the token is not the server's")
        try:
            request = msgspec.json.decode(body, type=TokenRotation)
            token = await asyncio.to_thread(self.token.rotate, request.new_token)
        except (msgspec.MsgspecError, UnicodeDecodeError, ServerTokenError) as error:
            raise BadRequestError(str(error)) from error
        log.info("token rotated remote=%s", remote)
        return TokenRotationResult(str(token))

    async def _authenticate(self, headers: Mapping[str, str], body: bytes, peer: UserInfo | None) -> None:
        """Raises: UnauthorizedError unless a token, or the node's own certificate, was presented. Only who knows a secret learns more."""
        scheme, _, credentials = headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            if not self.token.role_of(*_basic(credentials)):
                raise UnauthorizedError("it is not a token of this cluster")
        elif scheme.lower() == "bearer":
            identity = self._bootstrap_tokens.identify(credentials.strip())
            if identity is None:
                raise UnauthorizedError("it is not a token of this cluster")
            if NODE_GROUPS.isdisjoint(identity.user.groups):
                raise UnauthorizedError(f"its groups do not join nodes, which {NODE_GROUP} does")
        elif peer is None or NODES not in peer.groups or peer.name != NODE_USER_PREFIX + _decode(body).node_name:
            raise UnauthorizedError("not authorized")

    def _check(self, request: JoinRequest) -> None:
        name = request.node_name
        # Certificates hold common names of at most 64 characters.
        if not _NODE_NAME.fullmatch(name) or len(NODE_USER_PREFIX + name) > 64:
            length = 64 - len(NODE_USER_PREFIX)
            raise BadRequestError(f"node name {quote(name)} is not a lower-case DNS name of at most {length} characters")
        if len(request.addresses) > ADDRESSES_MAX:
            raise BadRequestError(f"a node has at most {ADDRESSES_MAX} addresses")
        for address in request.addresses:
            try:
                ipaddress.ip_address(address)
            except ValueError as error:
                raise BadRequestError(f"node address {quote(address)} is not an IP address") from error
        taken = self._reserved.intersection((name, *request.addresses))
        if taken and name != self._node_name:
            raise ForbiddenError(f"{', '.join(sorted(taken))} is the server's own and cannot be the node's")


def _basic(credentials: str) -> tuple[str, str]:
    try:
        user, _, secret = b64decode(credentials.strip(), validate=True).decode().partition(":")
    except ValueError as error:
        raise UnauthorizedError("not authorized") from error
    return user, secret


def _decode(body: bytes) -> JoinRequest:
    try:
        return msgspec.json.decode(body, type=JoinRequest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadRequestError(f"not a join request: {error}") from error


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
