"""Bootstrap token cleaner: removes bootstrap tokens, which are Secrets of kube-system, when they have expired.

Source: pkg/controller/bootstrap/tokencleaner.go.
"""

from __future__ import annotations

from minikube_py.apis.core_v1 import Secret
from minikube_py.core.clock import parse_rfc3339
from minikube_py.core.errors import NotFoundError

from .base import Context, Controller

NAMESPACE = "kube-system"
SECRET_TYPE = "bootstrap.kubernetes.io/token"


class BootstrapTokenCleaner(Controller):
    """Deletes expired bootstrap tokens at their time."""

    name = "token_cleaner"
    component = "token-cleaner"
    workers = 1

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.secrets = context.informers.of(Secret, namespace=NAMESPACE, field_selector=f"type={SECRET_TYPE}")
        self._needed.append(self.secrets)
        self.secrets.add_handler(self.enqueue_changed)

    async def reconcile(self, key: str) -> float | None:
        secret = self.secrets.get_key(key)
        expiration = secret.data.get("expiration") if secret is not None else None
        if secret is None or not expiration or secret.metadata.deletion_timestamp:
            return None
        try:
            left_s = (parse_rfc3339(expiration.decode()) - self.clock.now()).total_seconds()
        except ValueError:
            left_s = 0.0  # A token whose end cannot be read is not good, so it goes.
        if left_s > 0:
            return left_s
        meta = secret.metadata
        try:
            await self.client.delete(Secret, meta.name, meta.namespace, uid=meta.uid)
        except NotFoundError:
            return None
        return None
