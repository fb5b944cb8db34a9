"""Legacy token cleaner: token Secrets that were made for accounts by themselves, long ago, go when nobody uses them any more.

Such a Secret is one that its account lists. When it has neither been used nor named by a pod for the clean-up period, it is marked invalid,
so that whoever still has the token is told; when it stays so for the same time once more, it is deleted. Nothing happens before uses have
been noted for that long.

Source: pkg/controller/serviceaccount/legacy_serviceaccount_token_cleaner.go
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from minikube_py.apis.core_v1 import ConfigMap, Pod, Secret, ServiceAccount
from minikube_py.apis.legacy_tokens import INVALID_SINCE, LAST_USED, SINCE, TRACKING
from minikube_py.apis.pod_references import secret_names
from minikube_py.core.clock import parse_rfc3339
from minikube_py.core.errors import ConflictError, NotFoundError

from .base import Context, Controller
from .service_account_tokens import ACCOUNT_NAME, ACCOUNT_UID, SECRET_TYPE

SYNC_S = 24 * 3600.0


class LegacyTokenCleaner(Controller):
    """Looks at all token Secrets once a day."""

    name = "legacy-service-account-token-cleaner"
    workers = 1

    def __init__(self, context: Context, period: timedelta) -> None:
        """`period`: how long a token that nobody uses is kept, and then kept invalid."""
        super().__init__(context)
        self._period = period
        self.accounts = self.informer(ServiceAccount)
        self.pods = self.informer(Pod)
        self.secrets = context.informers.of(Secret, field_selector=f"type={SECRET_TYPE}")
        self._needed.append(self.secrets)

    async def background(self) -> None:
        self.queue.add("")

    async def reconcile(self, key: str) -> float | None:
        now = self.clock.now().astimezone(UTC)
        since = await self._noted_since()
        if since is not None and now >= since + self._period:
            await self._clean(now)
        return SYNC_S

    async def _noted_since(self) -> datetime | None:
        """The end of the day since which uses are noted; None if that is not known."""
        try:
            tracking = await self.client.get(ConfigMap, TRACKING, "kube-system")
        except NotFoundError:
            return None
        day = _day(tracking.data.get(SINCE, ""))
        return None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)

    async def _clean(self, now: datetime) -> None:
        first = now - self._period
        mounted: dict[str, set[str]] = {}
        for pod in self.pods.list():
            mounted.setdefault(pod.metadata.namespace, set()).update(secret_names(pod))
        for secret in self.secrets.list():
            meta = secret.metadata
            if self._is_unused(secret, first) and self._is_listed(secret) and meta.name not in mounted.get(meta.namespace, ()):
                await self._retire(secret, now.date(), first.date())

    def _is_unused(self, secret: Secret, first: datetime) -> bool:
        """Whether a token is older than the period and was not used in it."""
        meta = secret.metadata
        if meta.deletion_timestamp or parse_rfc3339(meta.creation_timestamp) >= first:
            return False
        if LAST_USED not in meta.labels:
            return True
        used = _day(meta.labels[LAST_USED])
        return used is not None and used < first.date()

    def _is_listed(self, secret: Secret) -> bool:
        """Whether a Secret is one that its account lists."""
        meta = secret.metadata
        account = self.accounts.get(meta.annotations.get(ACCOUNT_NAME, ""), meta.namespace)
        if account is None or meta.annotations.get(ACCOUNT_UID, "") not in ("", account.metadata.uid):
            return False
        return any(reference.name == meta.name for reference in account.secrets)

    async def _retire(self, secret: Secret, today: date, first: date) -> None:
        """Mark a token invalid, or delete it if it has been that for long enough."""
        meta = secret.metadata
        invalid_since = _day(meta.labels.get(INVALID_SINCE, ""))
        try:
            if invalid_since is None:
                patch = {"metadata": {"uid": meta.uid, "labels": {INVALID_SINCE: str(today)}}}
                await self.client.patch(Secret, meta.name, meta.namespace, patch)
            elif invalid_since < first:
                await self.client.delete(Secret, meta.name, meta.namespace, resource_version=meta.resource_version)
        except (ConflictError, NotFoundError):
            # It has changed: tomorrow is early enough.
            return


def _day(text: str) -> date | None:
    """A day as labels have it; None for what is none."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
