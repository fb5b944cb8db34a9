"""Both certificates of a node: its identity towards the API server, and what its own API serves with.

Names are those of the Node object, and loopback's. Who uses the certificates is told when they change.
Source: pkg/kubelet/certificate/kubelet.go
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from minikube_py.apis.core_v1 import Node
from minikube_py.apis.signing_requests import KUBELET_CLIENT, KUBELET_SERVING, NODE_USER_PREFIX, NODES
from minikube_py.client.certificate_request import Subject
from minikube_py.client.informer import Informer
from minikube_py.client.interface import Client
from minikube_py.client.join_http import JoinError
from minikube_py.client.node_credentials import NodeCredentials
from minikube_py.core.addresses import is_address
from minikube_py.core.clock import SYSTEM_CLOCK, Clock
from minikube_py.core.errors import StatusError

from .metrics import families
from .rotation import CertificateRotation, Signed

log = logging.getLogger(__name__)

# Authorities live ten years, and old and new ones trust each other while they are exchanged.
AUTHORITIES_EVERY_S = 3600.0
CLIENT = Signed(KUBELET_CLIENT, ("digital signature", "client auth"))
SERVING = Signed(KUBELET_SERVING, ("digital signature", "server auth"))


class KubeletCertificates:
    """Renews a node's certificates.

    Args:
        client: the API, as this node.
        nodes: knows this node's addresses.
        client_changed, serving_changed: called after the files were replaced.
        rejoin: gets both certificates in another way and replaces the files. Raises: JoinError, OSError, StatusError.
        fetch_ca: reads what signs servers now, PEM. Raises: StatusError, OSError.
    """

    def __init__(
        self, credentials: NodeCredentials, client: Client, nodes: Informer[Node], client_changed: Callable[[], None],
        serving_changed: Callable[[], None], rejoin: Callable[[], Awaitable[None]],
        fetch_ca: Callable[[], Awaitable[bytes]], clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._name = credentials.node_name
        self._nodes = nodes
        self._server_ca = credentials.server_ca
        self._fetch_ca = fetch_ca
        lock = asyncio.Lock()

        async def join_again() -> None:
            async with lock:
                await rejoin()
            client_changed()
            serving_changed()

        self._join_again = join_again
        self.client = CertificateRotation(
            "client", client, credentials.client, CLIENT, self._client_subject, client_changed, join_again, lock, clock
        )
        self.serving = CertificateRotation(
            "serving", client, credentials.serving, SERVING, self._serving_subject, serving_changed, join_again, lock, clock
        )

    async def run(self) -> None:
        """Renew until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.client.run(), name="client-certificate")
            group.create_task(self.serving.run(), name="serving-certificate")
            group.create_task(self._follow_authorities(), name="authorities")

    def families(self) -> Iterator[Any]:
        """Metric families."""
        return families(self.client, self.serving)

    async def _follow_authorities(self) -> None:
        """Join again when the server has other authorities: the answer brings them all."""
        while True:
            try:
                if await self._fetch_ca() != self._server_ca.read_bytes():
                    await self._join_again()
                    log.info("the cluster's authorities have changed, the node has joined again")
            except (JoinError, StatusError, OSError) as error:
                log.warning("the cluster's authorities could not be read error=%s", error)
            await asyncio.sleep(AUTHORITIES_EVERY_S)

    def _client_subject(self) -> Subject:
        return Subject(NODE_USER_PREFIX + self._name, (NODES,))

    def _serving_subject(self) -> Subject | None:
        node = self._nodes.get(self._name)
        if node is None or not node.status.addresses:
            return None
        dns, ips = [self._name, "localhost"], ["127.0.0.1", "::1"]
        for row in node.status.addresses:
            (ips if is_address(row.address) else dns).append(row.address)
        return Subject(NODE_USER_PREFIX + self._name, (NODES,), tuple(dict.fromkeys(dns)), tuple(dict.fromkeys(ips)))
