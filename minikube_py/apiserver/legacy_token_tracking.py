"""When tokens that lie in Secrets were used last: what decides whether such a token may be thrown away.

The day of the last use is a label of the Secret; since when there are such labels is the ConfigMap
kube-apiserver-legacy-service-account-token-tracking.
Source: kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#legacy-serviceaccount-token-tracking-controller,
pkg/controlplane/controller/legacytokentracking/controller.go, pkg/serviceaccount/legacy.go
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, date, timedelta
from typing import Final

from minikube_py.apis.core_v1 import Secret
from minikube_py.apis.legacy_tokens import LAST_USED, SINCE
from minikube_py.client.interface import Client
from minikube_py.core.clock import SYSTEM_CLOCK, Clock
from minikube_py.core.errors import StatusError

log = logging.getLogger(__name__)

CONTROLLER: Final = "legacy_token_tracking_controller"


class LegacyTokenTracking:
    """Notes the uses of tokens."""

    def __init__(self, client: Client, clock: Clock = SYSTEM_CLOCK) -> None:
        self._client = client
        self._clock = clock

    async def used(self, secret: Secret) -> None:
        """A Secret's token was shown and is good. That it cannot be noted takes nobody's access."""
        today = self._today()
        # Another server's clock may be on the next day.
        if secret.metadata.labels.get(LAST_USED) in (str(today), str(today + timedelta(days=1))):
            return
        meta = secret.metadata
        patch = {"metadata": {"uid": meta.uid, "labels": {LAST_USED: str(today)}}}
        try:
            await self._client.patch(Secret, meta.name, meta.namespace, patch)
        except StatusError as error:
            log.warning("use of a token cannot be noted namespace=%s secret=%s reason=%s", meta.namespace, meta.name, error)

    def data(self, present: Mapping[str, str]) -> dict[str, str]:
        """What should be in the ConfigMap, given what is: the day since which uses are noted."""
        try:
            date.fromisoformat(present.get(SINCE, ""))
        except ValueError:
            return {**present, SINCE: str(self._today())}
        return dict(present)

    def _today(self) -> date:
        return self._clock.now().astimezone(UTC).date()
