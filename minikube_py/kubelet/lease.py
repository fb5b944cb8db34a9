"""The heartbeat of the node: a Lease in kube-node-lease, renewed every ten seconds.

Source: kubernetes.io/docs/concepts/architecture/nodes/#node-heartbeats; kubernetes pkg/kubelet/kubelet.go (nodeLeaseDurationSeconds 40).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from minikube_py.apis import coordination_v1, core_v1, meta_v1
from minikube_py.apis.scheme import deep_copy
from minikube_py.client.interface import Client
from minikube_py.core.backoff import Backoff
from minikube_py.core.clock import Clock, rfc3339_micro
from minikube_py.core.errors import AlreadyExistsError, ConflictError, NotFoundError, StatusError

log = logging.getLogger(__name__)

NAMESPACE = "kube-node-lease"
DURATION_S = 40
RENEW_PERIOD_S = 10.0
RETRY_MIN_S = 0.2
RETRY_MAX_S = 7.0


class NodeLease:
    """Renews the lease.

    Args:
        node: gives the node's object, which owns the lease.
    """

    def __init__(self, client: Client, node_name: str, clock: Clock, node: Callable[[], core_v1.Node | None]) -> None:
        self._client = client
        self._name = node_name
        self._clock = clock
        self._node = node
        self._lease: coordination_v1.Lease | None = None

    async def run(self) -> None:
        """Renew until cancelled."""
        backoff = Backoff(RETRY_MIN_S, RETRY_MAX_S)
        while True:
            wait_s = RENEW_PERIOD_S
            try:
                await self.renew()
                backoff.forget("")
            except (StatusError, OSError) as error:
                wait_s = backoff.next_s("")
                log.debug("lease not renewed retry_s=%.1f error=%s", wait_s, error)
            await asyncio.sleep(wait_s)

    async def renew(self) -> None:
        """Renew once, making the lease if there is none.

        Raises: StatusError, OSError.
        """
        lease = self._wanted()
        try:
            if self._lease is None:
                self._lease = await self._client.create(lease)
            else:
                self._lease = await self._client.update(lease)
        except AlreadyExistsError:
            self._lease = await self._client.get(coordination_v1.Lease, self._name, NAMESPACE)
            self._lease = await self._client.update(self._wanted())
        except (NotFoundError, ConflictError):
            self._lease = None
            raise

    def _wanted(self) -> coordination_v1.Lease:
        lease = deep_copy(self._lease) if self._lease is not None else coordination_v1.Lease(
            kind="Lease", api_version="coordination.k8s.io/v1", metadata=meta_v1.ObjectMeta(name=self._name, namespace=NAMESPACE)
        )
        node = self._node()
        if not lease.metadata.owner_references and node is not None and node.metadata.uid:
            lease.metadata.owner_references = [
                meta_v1.OwnerReference(kind="Node", api_version="v1", name=self._name, uid=node.metadata.uid)
            ]
        lease.spec.holder_identity = self._name
        lease.spec.lease_duration_seconds = DURATION_S
        lease.spec.renew_time = rfc3339_micro(self._clock.now())
        return lease
