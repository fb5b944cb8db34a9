"""Options of authentication, under kube-apiserver's names.

Source: pkg/kubeapiserver/options/authentication.go, k8s.io/apiserver/pkg/server/options/authentication.go
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from minikube_py.core.duration import parse_duration
from minikube_py.core.flags import parse_bool

from .webhook import VERSIONS

# What the certificate of the server's own proxy says; its authority is made at the first start (`pki/`).
PROXY_NAME = "system:auth-proxy"
# Source: k8s.io/apiserver/plugin/pkg/authenticator/token/oidc (allowedSigningAlgs)
SIGNING_ALGORITHMS = frozenset(family + bits for family in ("RS", "ES", "PS") for bits in ("256", "384", "512"))


@dataclass(frozen=True, slots=True)
class AuthenticationArgs:
    """The values; each has the name of its flag, durations are in seconds.

    Attributes:
        client_ca_file: PEM, one or more authorities of client certificates beside the cluster's own.
        requestheader_client_ca_file: PEM, one or more authorities of front proxies beside the cluster's own.
        requestheader_allowed_names: common names of front proxies; with a file and without names, all.
        service_account_signing_key_file: PEM, the key that signs tokens; without one, the key made at the first start.
        service_account_key_file: PEM, the keys that verify them too; without one, those made at the first start.
        service_account_issuer: the first is named in new tokens, all are accepted; without any, the API server's name in the cluster.
        service_account_jwks_uri: where the issuer's keys are said to be published; "" for this server.
        service_account_lookup: whether a legacy token's Secret and account must exist.
        service_account_max_token_expiration: the longest life that is granted; 0 for any.
        service_account_extend_token_expiration: whether pods' own tokens go on for a year, for clients that never read them again.
        api_audiences: names of this API server in tokens; without any, the issuers.
        enable_bootstrap_token_auth: whether bootstrap tokens may use the API; nodes join by them in any case.
        authentication_token_webhook_config_file: kubeconfig of the webhook that judges tokens which nobody else knows.
        authentication_token_webhook_cache_ttl: how long its answers are believed.
        authentication_token_webhook_version: of the TokenReview that it speaks.
        authentication_config: YAML, an AuthenticationConfiguration; its issuers, and who may come without credentials.
        oidc_issuer_url, oidc_client_id: whose tokens are believed, and whom they must be meant for.
        oidc_ca_file: PEM, who may have signed the issuer's certificate; without one, the system's.
        oidc_username_prefix: "-" for none; "" for the issuer and "#", but for the claim "email".
        oidc_required_claim: claims and their values.
        oidc_signing_algs: what tokens of that issuer may be signed by.
    """

    client_ca_file: Path | None = None
    requestheader_client_ca_file: Path | None = None
    requestheader_allowed_names: tuple[str, ...] = ()
    requestheader_username_headers: tuple[str, ...] = ("X-Remote-User",)
    requestheader_uid_headers: tuple[str, ...] = ("X-Remote-Uid",)
    requestheader_group_headers: tuple[str, ...] = ("X-Remote-Group",)
    requestheader_extra_headers_prefix: tuple[str, ...] = ("X-Remote-Extra-",)
    service_account_signing_key_file: Path | None = None
    service_account_key_file: tuple[Path, ...] = ()
    service_account_issuer: tuple[str, ...] = ()
    service_account_jwks_uri: str = ""
    service_account_lookup: bool = True
    service_account_max_token_expiration: float = 0.0
    service_account_extend_token_expiration: bool = True
    api_audiences: tuple[str, ...] = ()
    enable_bootstrap_token_auth: bool = True
    authentication_token_webhook_config_file: Path | None = None
    authentication_token_webhook_cache_ttl: float = 120.0
    authentication_token_webhook_version: str = "v1beta1"
    authentication_config: Path | None = None
    oidc_issuer_url: str = ""
    oidc_client_id: str = ""
    oidc_ca_file: Path | None = None
    oidc_username_claim: str = "sub"
    oidc_username_prefix: str = ""
    oidc_groups_claim: str = ""
    oidc_groups_prefix: str = ""
    oidc_required_claim: tuple[tuple[str, str], ...] = ()
    oidc_signing_algs: tuple[str, ...] = ("RS256",)

    def __post_init__(self) -> None:
        """Raises: ValueError for options that exclude or need each other."""
        flags = any((
            self.oidc_issuer_url, self.oidc_client_id, self.oidc_ca_file, self.oidc_username_claim != "sub", self.oidc_username_prefix,
            self.oidc_groups_claim, self.oidc_groups_prefix, self.oidc_required_claim, self.oidc_signing_algs != ("RS256",),
        ))
        if flags and not (self.oidc_issuer_url and self.oidc_client_id):
            raise ValueError("oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set")
        if flags and self.authentication_config is not None:
            raise ValueError("authentication-config file and oidc-* flags are mutually exclusive")

    @property
    def allowed_proxies(self) -> tuple[str, ...]:
        """Common names of the front proxies that are believed; empty for all."""
        if self.requestheader_allowed_names or self.requestheader_client_ca_file is not None:
            return self.requestheader_allowed_names
        return (PROXY_NAME,)


def read_path(text: str) -> Path | None:
    return Path(text) if text else None


def read_list(text: str) -> tuple[str, ...]:
    """A list with commas between its items; the flag may also be repeated."""
    return tuple(item for item in text.split(",") if item)


def _headers(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",")) if text else ()
    if not all(names):
        raise ValueError("a header's name is empty")
    return names


# Flags whose values add up when they are repeated have readers that give tuples.
def _issuer(text: str) -> tuple[str]:
    if not text:
        raise ValueError("service-account-issuer should not be an empty string")
    if ":" in text:
        urlsplit(text)
    return (text,)


def _jwks_uri(text: str) -> str:
    if text and urlsplit(text).scheme != "https":
        raise ValueError(f"service-account-jwks-uri requires https scheme, parsed as: {text}")
    return text


def _token_expiration(text: str) -> float:
    seconds = parse_duration(text)
    if seconds and not 3600 <= seconds <= 2**32:
        raise ValueError("the service-account-max-token-expiration must be between 1 hour and 2^32 seconds")
    return seconds


def _webhook_version(text: str) -> str:
    if text not in VERSIONS:
        raise ValueError(f'unsupported authentication webhook version "{text}", supported versions are "v1", "v1beta1"')
    return text


def _claim(text: str) -> tuple[tuple[str, str]]:
    key, separator, value = text.partition("=")
    if not separator:
        raise ValueError(f"malformed pair, expect string=string: {text}")
    return ((key.strip(), value.strip()),)


def _algorithms(text: str) -> tuple[str, ...]:
    names = read_list(text)
    for name in names:
        if name not in SIGNING_ALGORITHMS:
            raise ValueError(f'oidc: unsupported signing alg: "{name}"')
    return names


READERS: dict[str, Callable[[str], Any]] = {
    "client-ca-file": read_path,
    "requestheader-client-ca-file": read_path,
    "requestheader-allowed-names": read_list,
    "requestheader-username-headers": _headers,
    "requestheader-uid-headers": _headers,
    "requestheader-group-headers": _headers,
    "requestheader-extra-headers-prefix": _headers,
    "service-account-signing-key-file": read_path,
    "service-account-key-file": lambda text: (Path(text),),
    "service-account-issuer": _issuer,
    "service-account-jwks-uri": _jwks_uri,
    "service-account-lookup": parse_bool,
    "service-account-max-token-expiration": _token_expiration,
    "service-account-extend-token-expiration": parse_bool,
    "api-audiences": read_list,
    "enable-bootstrap-token-auth": parse_bool,
    "authentication-token-webhook-config-file": read_path,
    "authentication-token-webhook-cache-ttl": parse_duration,
    "authentication-token-webhook-version": _webhook_version,
    "authentication-config": read_path,
    "oidc-issuer-url": str,
    "oidc-client-id": str,
    "oidc-ca-file": read_path,
    "oidc-username-claim": str,
    "oidc-username-prefix": str,
    "oidc-groups-claim": str,
    "oidc-groups-prefix": str,
    "oidc-required-claim": _claim,
    "oidc-signing-algs": _algorithms,
}
