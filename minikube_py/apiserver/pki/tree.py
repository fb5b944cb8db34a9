"""The cluster's keys and certificates as files under DATA/server/tls, with k3s's file names.

Owns which certificates exist, when one is made anew, and the order of writing. There are three roots, so that trust in one direction never
grants the other: what the *server* CA signs may serve (API server, kubelets) and is pinned by join tokens; what the *client* CA
signs may call the API; the *request-header* CA is for aggregated API servers alone. One root would let every kubelet's serving key
name itself system:masters if its usages were ever read laxly, and would tie the pin in join tokens to client certificates.

Each file is replaced in one step, a key before its certificate, and a pair that does not fit is signed anew from its key: after a
crash anywhere in between, the next `ensure` completes the tree. A record of checksums and dates lets a start at which nothing is to do
skip parsing.

Source: docs.k3s.io/cli/certificate, kubernetes.io/docs/setup/best-practices/certificates/
"""

from __future__ import annotations

import hashlib
import logging
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import msgspec

from minikube_py.core.clock import SYSTEM_CLOCK, Clock
from minikube_py.core.files import private_directory, write_atomic
from minikube_py.core.seen_clock import SeenClock

from .kubeconfig import kubeconfig
from .profiles import profile, wanted_sans

if TYPE_CHECKING:
    from .signing import Authority, Profile

log = logging.getLogger(__name__)

# A certificate with less time left is renewed. Source: docs.k3s.io/cli/certificate.
RENEW_BEFORE = timedelta(days=120)
# A leaf that ends later than a lifetime and this from now was made while the clock was ahead, and is made anew.
CLOCK_SLACK = timedelta(days=1)
RECORD = "record.json"
# OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python has no name for. Source: openssl/x509_vfy.h
NO_CHECK_TIME = 0x200000
_CLIENT_SIGNERS = frozenset({"kubernetes.io/kube-apiserver-client", "kubernetes.io/kube-apiserver-client-kubelet"})


class PkiError(Exception):
    """The files under DATA/server/tls contradict each other in a way that must not be mended by guessing."""


@dataclass(frozen=True)
class KeyPair:
    """A certificate file and its key file."""

    certificate: Path
    key: Path

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.read_bytes()

    @property
    def key_pem(self) -> bytes:
        return self.key.read_bytes()


class _Record(msgspec.Struct):
    """What was true when the tree was last checked."""

    sans: list[str]
    checksums: dict[str, str]
    renew_at: float
    wrong_before: float = 0.0


class Pki:
    """The cluster's certificates.

    Attributes:
        server_ca, client_ca, request_header_ca: the roots.
        serving: the API server's serving pair.
        admin, kubelet_client, controller_manager, scheduler, kube_proxy: client pairs; `kubelet_client` is the API server's
            towards kubelets.
        proxy_client: the API server's towards aggregated API servers, signed by the request-header CA.
        service_account_key: PEM file; its first key signs service account tokens, every key in it verifies them.
        clock: holds the machine's clock against the newest time seen; certificates are made and judged by it.
        renew_at: when the first certificate wants to be renewed; known after `ensure`.
        wrong_before: a clock that shows less was set back since the last certificate was made.
    """

    def __init__(
        self, tls_dir: Path, *, node_name: str = "", advertise_address: str = "", tls_sans: Sequence[str] = (),
        service_ip: str = "10.43.0.1", cluster_domain: str = "cluster.local", clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.tls_dir = tls_dir
        self.clock = SeenClock(tls_dir / "last-seen", clock)
        self.cluster_domain = cluster_domain
        self._sans = wanted_sans([node_name, advertise_address, *tls_sans, service_ip], cluster_domain)
        self._known_names = {*self._sans}
        self._made_for: list[str] = []
        self.server_ca = self._pair("server-ca")
        self.client_ca = self._pair("client-ca")
        self.request_header_ca = self._pair("request-header-ca")
        self.serving = self._pair("serving-kube-apiserver")
        self.admin = self._pair("client-admin")
        self.kubelet_client = self._pair("client-kube-apiserver")
        self.controller_manager = self._pair("client-controller")
        self.scheduler = self._pair("client-scheduler")
        self.kube_proxy = self._pair("client-kube-proxy")
        self.proxy_client = self._pair("client-auth-proxy")
        self.service_account_key = tls_dir / "service.key"
        self.renew_at = datetime.max.replace(tzinfo=UTC)
        self.wrong_before = datetime.min.replace(tzinfo=UTC)
        self._contexts: WeakKeyDictionary[ssl.SSLContext, KeyPair] = WeakKeyDictionary()
        self._authorities: dict[Path, Authority] = {}

    def ensure(self) -> bool:
        """Make, complete or renew the tree. Blocks for some milliseconds; a second call with nothing to do only reads.

        Returns: whether a file was written.
        Raises: PkiError if a CA's certificate has lost its key or they do not fit; OSError.
        """
        private_directory(self.tls_dir)
        for leftover in self.tls_dir.glob(".*.tmp"):
            leftover.unlink(missing_ok=True)
        self.clock.note()
        if self._unchanged():
            return False
        from .signing import LEAF_LIFETIME

        self._authorities.clear()
        written = False
        for pair in self.authorities():
            written |= self._ensure_authority(pair)
        ends = []
        for pair, authority, wanted in self._leaves():
            renewed, until = self._ensure_leaf(pair, authority, wanted)
            written |= renewed
            ends.append(until)
        written |= self._ensure_key(self.service_account_key)
        # Of an authority that ends within that time nothing longer can be had: then a look a day is enough.
        self.renew_at = max(min(ends) - RENEW_BEFORE, self.clock.now() + timedelta(days=1))
        self.wrong_before = max(ends) - LEAF_LIFETIME - CLOCK_SLACK
        self._write_record()
        return written

    def is_due(self) -> bool:
        """Whether `ensure` has something to do."""
        now = self.clock.now()
        if now >= self.renew_at or now < self.wrong_before or self._sans != self._made_for:
            return True
        return not all(path.exists() for path in self.files())

    def add_names(self, names: Iterable[str]) -> None:
        """Have the serving certificate hold these too, from the next `ensure` on."""
        if not self._known_names.issuperset(more := {name for name in names if name}):
            self._known_names |= more
            self._sans = sorted(self._known_names)

    def sign_client(
        self, csr_pem: bytes, *, common_name: str, organizations: Sequence[str] = (), lifetime: timedelta | None = None
    ) -> bytes:
        """A client certificate, PEM, for the key of a signing request.

        Raises: CertificateError (a ValueError) if the request is not acceptable.
        """
        return self._sign(self.client_ca, csr_pem, profile(common_name, "client", organizations), lifetime)

    def sign_serving(
        self, csr_pem: bytes, *, common_name: str, organizations: Sequence[str] = (), names: Sequence[str] = (),
        lifetime: timedelta | None = None,
    ) -> bytes:
        """A serving certificate, PEM, for the key of a signing request and these DNS names and IP addresses.

        Raises: CertificateError (a ValueError) if the request is not acceptable.
        """
        return self._sign(self.server_ca, csr_pem, profile(common_name, "server", organizations, names), lifetime)

    def sign_request(
        self, signer_name: str, request_pem: bytes, usages: Sequence[str], expiration_seconds: int | None, longest: timedelta
    ) -> bytes:
        """The certificate for an approved CertificateSigningRequest of one of the cluster's own signers, PEM.

        The legacy signer is the server CA, as in k3s: what it signs opens nothing.
        Raises: CertificateError (a ValueError) if the request is not acceptable.
        """
        from .request_signing import lifetime, sign_request

        authority = self.client_ca if signer_name in _CLIENT_SIGNERS else self.server_ca
        return sign_request(self._authority(authority), request_pem, usages, self.clock.now(), lifetime(longest, expiration_seconds))

    def server_ssl_context(self, more_authorities: bytes = b"") -> ssl.SSLContext:
        """TLS of the API server: presents `serving`, and is else as `accepting_ssl_context`."""
        return self._presenting(self.accepting_ssl_context(more_authorities), self.serving)

    def accepting_ssl_context(self, more_authorities: bytes = b"") -> ssl.SSLContext:
        """TLS that takes certificates of clients and of front proxies, works without one, and presents nothing yet.

        A certificate that neither CA nor one of `more_authorities` (PEM) has signed ends the handshake. Which of them it was is to be
        asked of the connection's verified chain (`authentication/peer.py`).
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.num_tickets = 0  # Clients here keep their connections; tickets would cost each handshake two writes.
        context.verify_mode = ssl.CERT_OPTIONAL
        # An intermediate authority among the given ones is trusted by itself, as in Go.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        for pem in (self.client_ca.certificate_pem, self.request_header_ca.certificate_pem, more_authorities):
            if pem:
                trust(context, pem)
        # Whether a certificate's time is now is judged by `clock`, not by the machine's: see `authentication/peer.py`.
        context.verify_flags |= NO_CHECK_TIME
        return context

    def reload(self) -> None:
        """Let all contexts that were made here present the present certificates, on new connections."""
        for context, pair in self._contexts.items():
            context.load_cert_chain(pair.certificate, pair.key)

    def client_ssl_context(self, pair: KeyPair) -> ssl.SSLContext:
        """TLS of a client with this pair towards servers of the server CA (API server, kubelets)."""
        return self._presenting(ssl.create_default_context(cafile=str(self.server_ca.certificate)), pair)

    def _presenting(self, context: ssl.SSLContext, pair: KeyPair) -> ssl.SSLContext:
        context.load_cert_chain(pair.certificate, pair.key)
        self._contexts[context] = pair
        return context

    def admin_kubeconfig(self, server_url: str) -> dict[str, Any]:
        """The administrator's kubeconfig with everything inside, as k3s writes it."""
        return kubeconfig(server_url, self.server_ca.certificate_pem, self.admin.certificate_pem, self.admin.key_pem)

    @property
    def names(self) -> list[str]:
        """The names and addresses under which the API server serves."""
        return [*self._sans]

    def _pair(self, name: str) -> KeyPair:
        return KeyPair(self.tls_dir / f"{name}.crt", self.tls_dir / f"{name}.key")

    def authorities(self) -> tuple[KeyPair, KeyPair, KeyPair]:
        """The three roots."""
        return self.server_ca, self.client_ca, self.request_header_ca

    def authority_ends(self) -> list[tuple[Path, datetime]]:
        """The roots' files, and when what signs there ends."""
        return [(pair.certificate, self._authority(pair).certificate.not_valid_after_utc) for pair in self.authorities()]

    def _leaves(self) -> list[tuple[KeyPair, KeyPair, Profile]]:
        """Every leaf with its CA."""
        masters = ("system:masters",)
        return [
            (self.serving, self.server_ca, profile("kube-apiserver", "server", (), self._sans)),
            (self.admin, self.client_ca, profile("system:admin", "client", masters)),
            (self.kubelet_client, self.client_ca, profile("kube-apiserver", "client")),
            (self.controller_manager, self.client_ca, profile("system:kube-controller-manager", "client")),
            (self.scheduler, self.client_ca, profile("system:kube-scheduler", "client")),
            (self.kube_proxy, self.client_ca, profile("system:kube-proxy", "client")),
            (self.proxy_client, self.request_header_ca, profile("system:auth-proxy", "client")),
        ]

    def files(self) -> Iterable[Path]:
        """Every file of the tree."""
        yield self.service_account_key
        clients = (self.admin, self.kubelet_client, self.controller_manager, self.scheduler, self.kube_proxy, self.proxy_client)
        for pair in (*self.authorities(), self.serving, *clients):
            yield pair.certificate
            yield pair.key

    def _unchanged(self) -> bool:
        """Whether the record says that nothing is to do. It is trusted only for files that are byte for byte the same."""
        try:
            record = msgspec.json.decode((self.tls_dir / RECORD).read_bytes(), type=_Record)
            if record.sans != self._sans or record.checksums != self._checksums():
                return False
        except (FileNotFoundError, msgspec.MsgspecError):
            return False
        self.renew_at = datetime.fromtimestamp(record.renew_at, UTC)
        self.wrong_before = datetime.fromtimestamp(record.wrong_before, UTC)
        self._made_for = record.sans
        return self.wrong_before <= self.clock.now() < self.renew_at

    def _checksums(self) -> dict[str, str]:
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in self.files()}

    def _write_record(self) -> None:
        self._made_for = self._sans
        record = _Record(self._sans, self._checksums(), self.renew_at.timestamp(), self.wrong_before.timestamp())
        write_atomic(self.tls_dir / RECORD, msgspec.json.encode(record))

    def _ensure_key(self, path: Path) -> bool:
        if path.exists():
            return False
        from .signing import new_key

        write_atomic(path, new_key())
        return True

    def _ensure_authority(self, pair: KeyPair) -> bool:
        from .signing import self_sign

        if pair.certificate.exists():
            if not pair.key.exists():
                raise PkiError(f"{pair.key} is missing but {pair.certificate} exists: restore it, or remove the certificate to begin anew")
            self._authority(pair)
            return False
        self._ensure_key(pair.key)
        name = f"minikube-py-{pair.certificate.stem}@{int(self.clock.now().timestamp())}"
        write_atomic(pair.certificate, self_sign(name, pair.key_pem, self.clock.now()))
        return True

    def _ensure_leaf(self, pair: KeyPair, authority: KeyPair, profile: Profile) -> tuple[bool, datetime]:
        """Returns: whether the certificate was signed anew, and its NotAfter."""
        from . import signing

        ca = self._authority(authority)
        self._ensure_key(pair.key)
        if pair.certificate.exists():
            try:
                until = signing.check(pair.certificate_pem, pair.key_pem, ca, profile)
                left = until - self.clock.now()
                if left > signing.LEAF_LIFETIME + CLOCK_SLACK:
                    raise signing.CertificateError("it was made while the clock was ahead")
                if left >= min(RENEW_BEFORE, ca.certificate.not_valid_after_utc - self.clock.now()):
                    return False, until
                why = f"valid until {until.isoformat()}"
            except signing.CertificateError as error:
                why = str(error)
            log.info("certificate is made anew file=%s why=%s", pair.certificate, why)
        try:
            public_key = signing.public_key_of(pair.key_pem)
        except signing.CertificateError as error:
            log.warning("private key is made anew file=%s why=%s", pair.key, error)
            write_atomic(pair.key, signing.new_key())
            public_key = signing.public_key_of(pair.key_pem)
        certificate = signing.sign(ca, public_key, profile, self.clock.now())
        write_atomic(pair.certificate, certificate)
        return True, signing.load_certificate(certificate).not_valid_after_utc

    def _authority(self, pair: KeyPair) -> Authority:
        known = self._authorities.get(pair.certificate)
        if known is None:
            from .signing import CertificateError, load_authority

            try:
                known = load_authority(pair.certificate_pem, pair.key_pem)
            except CertificateError as error:
                raise PkiError(f"{pair.certificate} and {pair.key} cannot be used: {error}") from error
            self._authorities[pair.certificate] = known
        return known

    def _sign(self, authority: KeyPair, csr_pem: bytes, profile: Profile, lifetime: timedelta | None) -> bytes:
        from .signing import LEAF_LIFETIME, requested_key, sign

        return sign(self._authority(authority), requested_key(csr_pem), profile, self.clock.now(), lifetime or LEAF_LIFETIME)


def trust(context: ssl.SSLContext, authorities: bytes) -> None:
    """Let new connections of a context show certificates of these authorities (PEM) too. Raises: ssl.SSLError."""
    context.load_verify_locations(cadata=authorities.decode("ascii", "ignore"))
