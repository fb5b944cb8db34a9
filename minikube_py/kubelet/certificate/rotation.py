"""One certificate of a node over time.

It is renewed after 70 to 90 % of its life, at a moment that is drawn so that nodes that joined together do not come together, and at once
when a name is missing in it. A failure is tried again with back-off, and leaves the certificate that there is. When nobody signs until
nine tenths of the life are over, the node joins again by what it joined with.

Source: k8s.io/client-go/util/certificate/certificate_manager.go, pkg/kubelet/certificate/kubelet.go
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from minikube_py.client.certificate_request import WAIT_S, CertificateRefusedError, Subject, request_certificate
from minikube_py.client.interface import Client
from minikube_py.client.join_http import JoinError
from minikube_py.client.node_credentials import PairFiles
from minikube_py.core.backoff import Backoff
from minikube_py.core.clock import SYSTEM_CLOCK, Clock
from minikube_py.core.errors import StatusError
from minikube_py.core.histogram import Histogram

from .metrics import LIVED_BUCKETS_S

log = logging.getLogger(__name__)

# Timers do not see that the machine's clock is set, so it is looked at.
LOOK_EVERY_S = 60.0
RETRY_MIN_S = 2.0
RETRY_MAX_S = 32.0
# Certificates from a join are valid since 1970 and live a year: their life begins that long before their end.
LIFETIME_MAX = timedelta(days=365)
LAST_TENTH = 0.9
# Kubernetes' signers make certificates valid since five minutes ago, which is not a part of the life of a short one.
# Source: pkg/controller/certificates/signer/signer.go
BACKDATE = timedelta(minutes=5)
SHORT = timedelta(hours=8) + BACKDATE


@dataclass(frozen=True)
class Signed:
    """What is asked of whom."""

    signer_name: str
    usages: tuple[str, ...]


class CertificateRotation:
    """Keeps one certificate good.

    Args:
        name: for logs.
        wanted: gives whom the certificate is for; None while that is not known.
        changed: called after the files were replaced.
        rejoin: another way to new certificates, all of the node's. Raises: JoinError, OSError, StatusError.
        lock: held by who replaces files; `rejoin` takes it itself.

    Attributes:
        renew_errors: failed attempts.
        lived: seconds that those lived that were replaced.
    """

    def __init__(
        self, name: str, client: Client, files: PairFiles, signed: Signed, wanted: Callable[[], Subject | None],
        changed: Callable[[], None], rejoin: Callable[[], Awaitable[None]], lock: asyncio.Lock, clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._name = name
        self._client = client
        self._files = files
        self._signed = signed
        self._wanted = wanted
        self._changed = changed
        self._rejoin = rejoin
        self._lock = lock
        self._clock = clock
        self._backoff = Backoff(RETRY_MIN_S, RETRY_MAX_S)
        self._share = 0.7 + 0.2 * random.random()
        self.renew_errors = 0
        self.lived = Histogram(LIVED_BUCKETS_S)

    async def run(self) -> None:
        """Renew until cancelled."""
        while True:
            left_s = self.due_in_s()
            if left_s > 0:
                await asyncio.sleep(min(left_s, LOOK_EVERY_S))
                continue
            try:
                await self.renew()
            except (CertificateRefusedError, JoinError, StatusError, OSError) as error:  # TimeoutError is an OSError.
                self.renew_errors += 1
                delay_s = self._backoff.next_s(self._name) * random.uniform(1.0, 1.1)
                log.warning("certificate could not be renewed which=%s retry_s=%.1f error=%s", self._name, delay_s, error)
                await asyncio.sleep(delay_s)
            else:
                self._backoff.forget(self._name)
                self._share = 0.7 + 0.2 * random.random()

    def due_in_s(self) -> float:
        """Seconds until the certificate is to be renewed; LOOK_EVERY_S while it is not known for whom."""
        wanted, certificate = self._wanted(), self._certificate()
        if wanted is None:
            return LOOK_EVERY_S
        if certificate is None or not wanted.is_that_of(certificate):
            return 0.0
        return (self._at(certificate, self._share) - self._clock.now()).total_seconds()

    async def renew(self) -> None:
        """Get a new certificate, by a request or by joining again.

        Raises: CertificateRefusedError, JoinError, StatusError, OSError; the present one then stays.
        """
        wanted, old = self._wanted(), self._certificate()
        if wanted is None:
            return
        if old is None:
            await self._rejoin()
            return
        try:
            async with asyncio.timeout(self._patience_s(old)):
                certificate, key = await request_certificate(self._client, self._signed.signer_name, wanted, self._signed.usages)
        except (CertificateRefusedError, StatusError, OSError) as error:
            if self._clock.now() < self._at(old, LAST_TENTH):
                raise
            log.warning("certificate is not signed, the node joins again which=%s error=%s", self._name, error)
            await self._rejoin()
            return
        async with self._lock:
            await asyncio.to_thread(self._files.replace, certificate, key)
        self.lived.observe((self._clock.now() - self._begin(old)).total_seconds())
        self._changed()
        log.info("certificate was renewed which=%s", self._name)

    def ttl_s(self) -> float:
        """Seconds until the certificate ends, negative after its end; infinite without one."""
        certificate = self._certificate()
        return math.inf if certificate is None else (certificate.not_valid_after_utc - self._clock.now()).total_seconds()

    def _certificate(self) -> x509.Certificate | None:
        """The present one; None if somebody has taken it away (`minikube-py certificate rotate`)."""
        try:
            return x509.load_pem_x509_certificate(self._files.certificate.read_bytes())
        except (FileNotFoundError, ValueError):
            return None

    def _begin(self, certificate: x509.Certificate) -> datetime:
        """When the life of a certificate began."""
        since, until = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if until - since <= SHORT:
            since += BACKDATE
        return max(since, until - LIFETIME_MAX)

    def _at(self, certificate: x509.Certificate, share: float) -> datetime:
        begin = self._begin(certificate)
        return begin + (certificate.not_valid_after_utc - begin) * share

    def _patience_s(self, certificate: x509.Certificate) -> float:
        """How long one request may wait for who decides: as upstream, but short lives must not pass while waiting."""
        life = certificate.not_valid_after_utc - self._begin(certificate)
        return max(min(WAIT_S, life.total_seconds() / 20), RETRY_MIN_S)
