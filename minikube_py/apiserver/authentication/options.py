"""Options of authentication, under kube-apiserver's names.

Source: pkg/kubeapiserver/options/authentication.go, k8s.io/apiserver/pkg/server/options/authentication.go
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What the certificate of the server's own proxy says; its authority is made at the first start (`pki/`).
PROXY_NAME = "system:auth-proxy"


@dataclass(frozen=True, slots=True)
class AuthenticationArgs:
    """The values; each has the name of its flag, durations are in seconds.

    Attributes:
        client_ca_file: PEM, one or more authorities of client certificates beside the cluster's own.
        requestheader_client_ca_file: PEM, one or more authorities of front proxies beside the cluster's own.
        requestheader_allowed_names: common names of front proxies; with a file and without names, all.
    """

    client_ca_file: Path | None = None
    requestheader_client_ca_file: Path | None = None
    requestheader_allowed_names: tuple[str, ...] = ()
    requestheader_username_headers: tuple[str, ...] = ("X-Remote-User",)
    requestheader_uid_headers: tuple[str, ...] = ("X-Remote-Uid",)
    requestheader_group_headers: tuple[str, ...] = ("X-Remote-Group",)
    requestheader_extra_headers_prefix: tuple[str, ...] = ("X-Remote-Extra-",)

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
READERS: dict[str, Callable[[str], Any]] = {
    "client-ca-file": read_path,
    "requestheader-client-ca-file": read_path,
    "requestheader-allowed-names": read_list,
    "requestheader-username-headers": _headers,
    "requestheader-uid-headers": _headers,
    "requestheader-group-headers": _headers,
    "requestheader-extra-headers-prefix": _headers,
}
