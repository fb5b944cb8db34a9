"""How the API server presents itself: TLS versions, ciphers, and further certificates for the names by which clients ask for it.

A client that asks for one of those names is shown its certificate, all others the server's own. Files that are changed count at once.
Source: k8s.io/apiserver/pkg/server/options/serving.go, pkg/server/dynamiccertificates/, k8s.io/component-base/cli/flag/namedcertkey_flag.go
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from minikube_py.core.inotify import file_contents
from minikube_py.core.tls import read_suites, read_version, restrict

from .pki.tree import trust

log = logging.getLogger(__name__)

_DOMAIN = re.compile(r"\*|(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


@dataclass(frozen=True, slots=True)
class NamedPair:
    """A certificate and its key.

    Attributes:
        names: domains for which it is shown, with "*" as their first label perhaps; those that it says itself if empty.
    """

    certificate: Path
    key: Path
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        files = f"{self.certificate},{self.key}"
        return f"{files}:{','.join(self.names)}" if self.names else files


@dataclass(frozen=True, slots=True)
class ServingArgs:
    """The flags; "" and nothing leave what is usual.

    Attributes:
        tls_sni_cert_key: certificates for names, the first one of a name counts.
    """

    tls_cipher_suites: tuple[str, ...] = ()
    tls_min_version: str = ""
    tls_sni_cert_key: tuple[NamedPair, ...] = ()


def _read_named_pair(text: str) -> tuple[NamedPair, ...]:
    """Raises: ValueError."""
    files, separator, names = (part.strip() for part in text.partition(":"))
    if separator and not names:
        raise ValueError("empty names list is not allowed")
    paths = [Path(path.strip()) for path in files.split(",")]
    if len(paths) != 2:
        raise ValueError("expected comma separated certificate and key file paths")
    return (NamedPair(paths[0], paths[1], tuple(name.strip() for name in names.split(",")) if separator else ()),)


READERS: Mapping[str, Callable[[str], Any]] = {
    "tls-cipher-suites": read_suites,
    "tls-min-version": read_version,
    "tls-sni-cert-key": _read_named_pair,
}


class Serving:
    """TLS of the listener.

    Args:
        make: a context without a certificate, that trusts the authorities of now.
        own: the context that presents the server's own certificate.
    """

    def __init__(self, args: ServingArgs, make: Callable[[], ssl.SSLContext], own: ssl.SSLContext) -> None:
        """Raises: ValueError if a certificate cannot be used."""
        self._args = args
        self._make = make
        self.context = own
        restrict(own, args.tls_min_version, args.tls_cipher_suites)
        self._loaded: dict[NamedPair, tuple[ssl.SSLContext, tuple[str, ...]]] = {}
        self._by_name: dict[str, ssl.SSLContext] = {}
        for pair in args.tls_sni_cert_key:
            try:
                self._load(pair)
            except (OSError, ValueError) as error:
                raise ValueError(f"failed to load SNI cert and key: {pair}: {error}") from error
        if self._loaded:
            own.sni_callback = self._choose

    def trust(self, authorities: bytes) -> None:
        """Let clients show certificates of these authorities (PEM) too."""
        for context in (self.context, *(context for context, _ in self._loaded.values())):
            trust(context, authorities)

    async def run(self) -> None:
        """Follow the files, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for pair in self._loaded:
                for path in (pair.certificate, pair.key):
                    group.create_task(self._follow(pair, path), name="follow-serving-certificate")

    async def _follow(self, pair: NamedPair, path: Path) -> None:
        async for _ in file_contents(path, b""):
            try:
                self._load(pair)
            except (OSError, ValueError) as error:
                # A certificate and its key are seldom written at once.
                log.warning("certificate cannot be used, the one before stays file=%s reason=%s", pair.certificate, error)

    def _load(self, pair: NamedPair) -> None:
        context = self._make()
        restrict(context, self._args.tls_min_version, self._args.tls_cipher_suites)
        # Nobody is there to be asked for a password.
        context.load_cert_chain(pair.certificate, pair.key, password="")
        self._loaded[pair] = (context, pair.names or tuple(_names_of(pair.certificate.read_bytes())))
        self._by_name = {}
        # Given names go before those that certificates say.
        for each in sorted(self._loaded, key=lambda named: not named.names):
            shown, names = self._loaded[each]
            for name in names:
                self._by_name.setdefault(name, shown)

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        """Show the certificate of the name that a client asks for."""
        wanted = (name or "").lower().rstrip(".")
        found = self._by_name.get(wanted) or self._by_name.get("*" + wanted[wanted.find("."):] if "." in wanted else "*")
        if name and found is not None:
            connection.context = found


def _names_of(pem: bytes) -> Iterable[str]:
    """The domains that a certificate is for."""
    from cryptography import x509

    certificate = x509.load_pem_x509_certificate(pem)
    for attribute in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME):
        common_name = str(attribute.value)
        if _DOMAIN.fullmatch(common_name) and not _is_address(common_name):
            yield common_name
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    yield from alternatives.get_values_for_type(x509.DNSName)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
