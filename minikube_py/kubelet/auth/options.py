"""The kubelet's flags about who may use its API, and by what TLS.

Defaults are k3s's: certificates and tokens, nobody anonymous, the API server decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from minikube_py.core.duration import parse_duration
from minikube_py.core.tls import read_suites, read_version

from ..options import KubeletOptions

MODES = ("AlwaysAllow", "Webhook")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AuthOptions:
    """The flags; each has its name, durations are in seconds.

    Attributes:
        tls_min_version, tls_cipher_suites: of TLS, by Go's names.
        client_ca_file: whose certificates are taken; None is the cluster's client CA.
    """

    anonymous_auth: bool = False
    authentication_token_webhook: bool = True
    authentication_token_webhook_cache_ttl: float = 120.0
    authorization_mode: str = "Webhook"
    authorization_webhook_cache_authorized_ttl: float = 300.0
    authorization_webhook_cache_unauthorized_ttl: float = 30.0
    client_ca_file: Path | None = None
    tls_min_version: str = ""
    tls_cipher_suites: tuple[str, ...] = ()

    @classmethod
    def of(cls, options: KubeletOptions) -> AuthOptions:
        """Raises: ValueError for a value that cannot be."""
        mode = options.argument("authorization-mode", "Webhook")
        if mode not in MODES:
            raise ValueError(f'--kubelet-arg: authorization-mode: "{mode}" is none of {", ".join(MODES)}')
        ca_file = options.argument("client-ca-file", "")
        return cls(
            _flag(options, "anonymous-auth", "false"), _flag(options, "authentication-token-webhook", "true"),
            _seconds(options, "authentication-token-webhook-cache-ttl", "2m"), mode,
            _seconds(options, "authorization-webhook-cache-authorized-ttl", "5m"),
            _seconds(options, "authorization-webhook-cache-unauthorized-ttl", "30s"), Path(ca_file) if ca_file else None,
            _read(options, "tls-min-version", read_version), _read(options, "tls-cipher-suites", read_suites),
        )


def _flag(options: KubeletOptions, name: str, default: str) -> bool:
    text = options.argument(name, default)
    if text not in ("true", "false"):
        raise ValueError(f'--kubelet-arg: {name}: "{text}" is neither true nor false')
    return text == "true"


def _seconds(options: KubeletOptions, name: str, default: str) -> float:
    return _read(options, name, parse_duration, default)


def _read(options: KubeletOptions, name: str, read: Callable[[str], T], default: str = "") -> T:
    try:
        return read(options.argument(name, default))
    except ValueError as error:
        raise ValueError(f"--kubelet-arg: {name}: {error}") from error
