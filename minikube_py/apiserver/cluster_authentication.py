"""The ConfigMap extension-apiserver-authentication in kube-system: whom aggregated API servers trust.

They read from it the authorities of client certificates and of front proxies, and how a front proxy names users. Owns that it says at
least what this server goes by: what others have added stays, what was taken away comes back, authorities that have ended go.

Source: pkg/controlplane/controller/clusterauthenticationtrust/cluster_authentication_trust_controller.go
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from minikube_py.apis.core_v1 import ConfigMap, Namespace
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apis.scheme import deep_copy
from minikube_py.client.informer import Informers
from minikube_py.client.interface import Client
from minikube_py.core.clock import SYSTEM_CLOCK, Clock
from minikube_py.core.errors import AlreadyExistsError
from minikube_py.core.workqueue import WorkQueue

from .authentication.peer import certificates
from .authentication.request_header import RequestHeader

NAMESPACE: Final = "kube-system"
NAME: Final = "extension-apiserver-authentication"
# How long ago an authority must have ended to be left out.
EXPIRY_SLACK: Final = timedelta(minutes=5)


class ClusterAuthenticationTrust:
    """Keeps the ConfigMap.

    Attributes:
        ready: set once it is there.
    """

    def __init__(self, client: Client, client_authorities: bytes, request_header: RequestHeader, clock: Clock = SYSTEM_CLOCK) -> None:
        """
        Args:
            client_authorities: PEM certificates.
        """
        self._client = client
        self._client_authorities = client_authorities
        self._request_header = request_header
        self._clock = clock
        self._queue: WorkQueue[str] = WorkQueue("cluster_authentication_trust_controller")
        self._informers = Informers(client)
        self._config_maps = self._informers.of(ConfigMap, namespace=NAMESPACE, field_selector=f"metadata.name={NAME}")
        self._config_maps.add_handler(lambda old, new: self._queue.add(NAME))
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Keep the object until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._informers.run(), name="cluster-authentication-trust-informers")
                await self._informers.wait_synced()
                self._queue.add(NAME)
                await self._queue.work(self._reconcile, 1)
        finally:
            self._queue.close()

    async def _reconcile(self, name: str) -> None:
        current = self._config_maps.get(name, NAMESPACE)
        data = self.combined({} if current is None else current.data)
        if current is None:
            await self._make_namespace()
            await self._client.create(ConfigMap(metadata=ObjectMeta(name=name, namespace=NAMESPACE), data=data))
        elif current.data != data:
            changed = deep_copy(current)
            changed.data = data
            await self._client.update(changed)
        self.ready.set()

    async def _make_namespace(self) -> None:
        try:
            await self._client.create(Namespace(metadata=ObjectMeta(name=NAMESPACE)))
        except AlreadyExistsError:
            return

    def combined(self, data: Mapping[str, str]) -> dict[str, str]:
        """What should be there, given what is there."""
        wanted = self._request_header
        lists = {
            "requestheader-username-headers": wanted.username_headers, "requestheader-uid-headers": wanted.uid_headers,
            "requestheader-group-headers": wanted.group_headers, "requestheader-extra-headers-prefix": wanted.extra_prefixes,
            "requestheader-allowed-names": wanted.allowed_names,
        }
        bundles = {"client-ca-file": self._client_authorities, "requestheader-client-ca-file": wanted.authorities}
        combined = {key: self._bundle(data.get(key, "").encode(), more) for key, more in bundles.items()}
        if combined["requestheader-client-ca-file"]:
            combined |= {key: _union(data.get(key, ""), more) for key, more in lists.items()}
        return {key: value for key, value in combined.items() if value}

    def _bundle(self, *bundles: bytes) -> str:
        """The certificates of some PEM bundles, each once, without those that have ended."""
        from cryptography import x509

        ended = self._clock.now().astimezone(UTC) - EXPIRY_SLACK
        found: dict[bytes, datetime] = {}
        for bundle in bundles:
            for der in certificates(bundle):
                try:
                    found.setdefault(der, x509.load_der_x509_certificate(der).not_valid_after_utc)
                except ValueError:
                    # Somebody has put something else there; it helps nobody.
                    continue
        return "".join(ssl.DER_cert_to_PEM_cert(der) for der, until in found.items() if until > ended)


def _union(text: str, more: Iterable[str]) -> str:
    """A JSON list with the further items; what is no list of texts counts as none."""
    try:
        present = msgspec.json.decode(text, type=list[str]) if text else []
    except (msgspec.MsgspecError, UnicodeEncodeError):
        present = []
    return msgspec.json.encode(list(dict.fromkeys([*present, *more]))).decode()
