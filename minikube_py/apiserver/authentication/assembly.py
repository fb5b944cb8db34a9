"""Puts authentication together: from options and keys to what tells who sends a request, and what makes tokens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minikube_py.core.inotify import file_contents

from ..pki import Pki
from ..webhook_client import WebhookClient
from .authenticator import Authenticator
from .bootstrap import BootstrapTokens
from .keys import ServiceAccountKeys
from .openid_metadata import OpenIdMetadata
from .options import SIGNING_ALGORITHMS, AuthenticationArgs
from .peer import PeerCertificates, certificates
from .remembered import RememberedTokens
from .request_header import RequestHeader
from .service_account import GetObject, ServiceAccountTokens
from .token_file import StaticTokens
from .token_request import TokenIssuer
from .tokens import TokenAuthenticator, Tokens
from .webhook import WebhookTokens

if TYPE_CHECKING:
    from .oidc.configuration import AuthenticationConfiguration
    from .oidc.issuers import Issuers

log = logging.getLogger(__name__)


class Authentication:
    """All ways to log in of one server.

    Attributes:
        client_authorities: whose client certificates are users, PEM.
        request_header: who front proxies are and how they name users.
        authenticator: tells who sends a request.
        changed: is called when authorities have changed.
        service_accounts: verifies service account tokens.
        token_issuer: signs service account tokens.
        openid: what relying parties need to verify those.
    """

    def __init__(
        self, pki: Pki, args: AuthenticationArgs, get_object: GetObject, *, token_auth_file: Path | None = None, anonymous: bool = True
    ) -> None:
        """Raises: TokenFileError, OSError (a file of the options cannot be read), ValueError (it holds something wrong)."""
        self._closing: list[Callable[[], Awaitable[None]]] = []
        self._pki = pki
        self._args = args
        self.changed: list[Callable[[], None]] = []
        self.client_authorities = self._client_authorities()
        self.request_header = RequestHeader(
            self._proxy_authorities(), args.allowed_proxies, args.requestheader_username_headers, args.requestheader_uid_headers,
            args.requestheader_group_headers, args.requestheader_extra_headers_prefix,
        )
        keys = _service_account_keys(pki, args)
        issuers = args.service_account_issuer or (f"https://kubernetes.default.svc.{pki.cluster_domain}",)
        self.service_accounts = service_accounts = ServiceAccountTokens(
            keys, get_object, issuers=issuers, audiences=args.api_audiences, lookup=args.service_account_lookup
        )
        # In upstream's order: what this server can tell by itself comes first.
        kinds: list[TokenAuthenticator] = [StaticTokens(token_auth_file)] if token_auth_file else []
        kinds.append(service_accounts)
        if args.enable_bootstrap_token_auth:
            kinds.append(BootstrapTokens(get_object))
        self._configuration_text = b"" if args.authentication_config is None else args.authentication_config.read_bytes()
        self._issuers: Issuers | None = None
        configuration = _configuration(args)
        if configuration is not None:
            from .oidc.issuers import Issuers

            algorithms = args.oidc_signing_algs if args.oidc_issuer_url else SIGNING_ALGORITHMS
            self._issuers = Issuers(configuration, algorithms, issuers)
            self._closing.append(self._issuers.close)
            kinds.append(self._issuers)
        kinds += self._webhook_tokens(args, service_accounts.audiences)
        tokens = Tokens(kinds, audiences=service_accounts.audiences)
        self._peers = PeerCertificates(self.client_authorities, self.request_header.authorities, pki.clock)
        paths: list[str] = []
        if configuration is not None and configuration.anonymous is not None:
            anonymous, paths = configuration.anonymous.enabled, [condition.path for condition in configuration.anonymous.conditions]
        self.authenticator = Authenticator(tokens, self._peers, self.request_header, anonymous=anonymous, anonymous_paths=paths)
        self.token_issuer = TokenIssuer(
            keys, get_object, issuer=issuers[0], audiences=service_accounts.audiences,
            max_expiration_s=int(args.service_account_max_token_expiration) or None,
            extend_expiration=args.service_account_extend_token_expiration,
        )
        self.openid = OpenIdMetadata(keys, issuers[0], args.service_account_jwks_uri)

    def _webhook_tokens(self, args: AuthenticationArgs, audiences: Sequence[str]) -> Iterator[TokenAuthenticator]:
        path = args.authentication_token_webhook_config_file
        if path is None:
            return
        client = WebhookClient.from_kubeconfig("authentication-token-webhook", path)
        tokens = WebhookTokens(client, args.authentication_token_webhook_version, audiences)
        remembered = RememberedTokens(tokens, args.authentication_token_webhook_cache_ttl)
        self._closing += [remembered.close, client.close]
        yield remembered

    def families(self) -> Iterator[Any]:
        """Metric families."""
        yield from self.authenticator.metrics.families()
        yield from self.service_accounts.counters.families()
        if self._issuers is not None:
            yield from self._issuers.families()

    async def run(self) -> None:
        """Follow the files that name authorities and issuers, if there are any, until cancelled."""
        args = self._args
        async with asyncio.TaskGroup() as group:
            for path in (args.client_ca_file, args.requestheader_client_ca_file):
                if path is not None:
                    group.create_task(self._follow_authorities(path), name="follow-authorities")
            if self._issuers is not None and args.authentication_config is not None:
                following = self._issuers.follow(args.authentication_config, self._configuration_text)
                group.create_task(following, name="follow-authentication-configuration")

    async def _follow_authorities(self, path: Path) -> None:
        """Trust those whom a file names now, and no longer those whom it does not."""
        async for pem in file_contents(path, b""):
            if not certificates(pem):
                log.error("file holds no certificate, the authorities before stay file=%s", path)
                continue
            before = (self.client_authorities, self.request_header.authorities)
            self.client_authorities = self._client_authorities()
            self.request_header = replace(self.request_header, authorities=self._proxy_authorities())
            if before != (self.client_authorities, self.request_header.authorities):
                self._peers.trust(self.client_authorities, self.request_header.authorities)
                for tell in self.changed:
                    tell()

    def _client_authorities(self) -> bytes:
        return _bundle(self._pki.client_ca.certificate_pem, self._args.client_ca_file)

    def _proxy_authorities(self) -> bytes:
        return _bundle(self._pki.request_header_ca.certificate_pem, self._args.requestheader_client_ca_file)

    async def close(self) -> None:
        """Ask nobody any more."""
        for close in self._closing:
            await close()

    @property
    def authorities(self) -> bytes:
        """Who may sign the certificates that clients show, PEM."""
        return self.client_authorities + b"\n" + self.request_header.authorities


def _service_account_keys(pki: Pki, args: AuthenticationArgs) -> ServiceAccountKeys:
    """Keys of the options, or those made at the first start. Raises: ValueError if a file of the options holds no good key."""
    made, signing, verifying = pki.service_account_key.read_bytes(), args.service_account_signing_key_file, args.service_account_key_file
    keys = ServiceAccountKeys(
        made if signing is None else signing.read_bytes(), b"\n".join(path.read_bytes() for path in verifying) if verifying else made
    )
    if signing is not None or verifying:
        keys.load()
    return keys


def _configuration(args: AuthenticationArgs) -> AuthenticationConfiguration | None:
    """The issuers of JWTs, by file or by flags; None without any. Raises: ValueError, OSError."""
    if args.authentication_config is None and not args.oidc_issuer_url:
        return None
    from .oidc.configuration import AuthenticationConfiguration, load, of_flags

    if args.authentication_config is not None:
        return load(args.authentication_config)
    jwt = of_flags(
        args.oidc_issuer_url, args.oidc_client_id, ca=args.oidc_ca_file.read_text() if args.oidc_ca_file is not None else "",
        username_claim=args.oidc_username_claim, username_prefix=args.oidc_username_prefix, groups_claim=args.oidc_groups_claim,
        groups_prefix=args.oidc_groups_prefix, required_claims=dict(args.oidc_required_claim),
    )
    return AuthenticationConfiguration(jwt=[jwt])


def _bundle(own: bytes, more: Path | None) -> bytes:
    return own if more is None else own + b"\n" + more.read_bytes()
