"""The lease by which this server tells that it is one: in kube-system, renewed every ten seconds.

Leases of servers that are gone, under other host names, go an hour after their last renewal.
Source: pkg/controlplane/apiserver/server.go, pkg/controlplane/controller/apiserverleasegc/gc_controller.go,
k8s.io/component-helpers/apimachinery/lease/controller.go; the name: k8s.io/apiserver/pkg/server/config.go (NewConfig)
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import socket
from base64 import b32encode
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

from minikube_py.apis import meta_v1
from minikube_py.apis.coordination_v1 import Lease, LeaseSpec
from minikube_py.apis.scheme import deep_copy
from minikube_py.client.interface import Client
from minikube_py.core.backoff import Backoff
from minikube_py.core.clock import SYSTEM_CLOCK, Clock, parse_rfc3339, rfc3339_micro
from minikube_py.core.errors import ConflictError, NotFoundError, StatusError

log = logging.getLogger(__name__)

NAMESPACE = "kube-system"
IDENTITY, COMPONENT = "apiserver.kubernetes.io/identity", "kube-apiserver"
HOSTNAME = "kubernetes.io/hostname"
DURATION_S = 3600
RENEW_PERIOD_S = 10.0
JITTER = 0.04
# In renewals.
COLLECT_EVERY = 360
RETRY_MIN_S, RETRY_MAX_S = 0.2, 7.0


def server_name(hostname: str) -> str:
    """The name of the API server on a host."""
    parts = b"".join(len(part).to_bytes(2, "big") + part for part in (hostname.encode(), COMPONENT.encode()))
    return "apiserver-" + b32encode(hashlib.sha256(parts).digest()[:16]).decode().rstrip("=").lower()


class IdentityLease:
    """Renews it."""

    def __init__(self, client: Client, clock: Clock = SYSTEM_CLOCK, hostname: str = "") -> None:
        """`hostname`: this machine's if empty."""
        self._client = client
        self._clock = clock
        self._hostname = hostname or socket.gethostname()
        self._name = server_name(self._hostname)
        self._holder = f"{self._name}_{uuid4()}"
        self._lease: Lease | None = None

    async def run(self) -> None:
        """Renew until cancelled."""
        backoff = Backoff(RETRY_MIN_S, RETRY_MAX_S)
        renewals = 0
        while True:
            try:
                await self.renew()
                if renewals % COLLECT_EVERY == 0:
                    await self.collect()
            except StatusError as error:
                log.debug("the lease of this server was not renewed reason=%s", error)
                wait_s = backoff.next_s("")
            else:
                backoff.forget("")
                renewals += 1
                wait_s = RENEW_PERIOD_S * random.uniform(1, 1 + JITTER)
            await asyncio.sleep(wait_s)

    async def renew(self) -> None:
        """Renew once; the first time, replace the lease of the process before. Raises: StatusError."""
        if self._lease is None:
            with suppress(NotFoundError):
                await self._client.delete(Lease, self._name, NAMESPACE)
            spec = LeaseSpec(holder_identity=self._holder, lease_duration_seconds=DURATION_S)
            metadata = meta_v1.ObjectMeta(name=self._name, namespace=NAMESPACE)
            new = Lease(kind="Lease", api_version="coordination.k8s.io/v1", metadata=metadata, spec=spec)
            self._lease = await self._client.create(self._renewed(new))
            return
        base, self._lease = self._lease, None
        try:
            self._lease = await self._client.update(self._renewed(base))
        except ConflictError:
            self._lease = await self._client.update(self._renewed(await self._client.get(Lease, self._name, NAMESPACE)))

    async def collect(self) -> None:
        """Delete leases of API servers that have ended. Raises: StatusError."""
        for lease in await self._client.list(Lease, NAMESPACE, label_selector=f"{IDENTITY}={COMPONENT}"):
            if self._has_ended(lease.spec):
                with suppress(NotFoundError, ConflictError):
                    await self._client.delete(Lease, lease.metadata.name, NAMESPACE, resource_version=lease.metadata.resource_version)

    def _renewed(self, lease: Lease) -> Lease:
        lease = deep_copy(lease)
        lease.metadata.labels = {**lease.metadata.labels, IDENTITY: COMPONENT, HOSTNAME: self._hostname}
        lease.spec.renew_time = rfc3339_micro(self._clock.now())
        return lease

    def _has_ended(self, spec: LeaseSpec) -> bool:
        if not spec.renew_time or spec.lease_duration_seconds is None:
            return True
        # The sum might be later than datetime can say.
        return self._clock.now() - parse_rfc3339(spec.renew_time) > timedelta(seconds=spec.lease_duration_seconds)
