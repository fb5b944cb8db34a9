"""Service account token Secrets: fills Secrets of type kubernetes.io/service-account-token, and removes those of accounts that are gone.

An account does not go on listing a Secret that is gone.

Nothing makes such Secrets by itself any more; who needs a token without end makes one with the annotation that names the account.
Source: pkg/controller/serviceaccount/tokens_controller.go, kubernetes.io/docs/concepts/configuration/secret/#serviceaccount-token-secrets.
"""

from __future__ import annotations

from collections.abc import Callable

from minikube_py.apis.core_v1 import Secret, ServiceAccount
from minikube_py.apis.scheme import deep_copy
from minikube_py.client.informer import key_of
from minikube_py.core.errors import NotFoundError, StatusError

from .base import Context, Controller

SECRET_TYPE = "kubernetes.io/service-account-token"
ACCOUNT_NAME = "kubernetes.io/service-account.name"
ACCOUNT_UID = "kubernetes.io/service-account.uid"
_ACCOUNT_INDEX = "account"

# Makes the token without end that a Secret holds.
IssueLegacyToken = Callable[[ServiceAccount, Secret], str]


class ServiceAccountTokenSecrets(Controller):
    """Keeps the content of service account token Secrets."""

    name = "serviceaccount_tokens_secret"
    component = "serviceaccount-token-controller"

    def __init__(self, context: Context, issue: IssueLegacyToken, root_ca: str) -> None:
        """
        Args:
            root_ca: the cluster's CA certificate, PEM, that goes into each Secret.
        """
        super().__init__(context)
        self._issue = issue
        self._root_ca = root_ca.encode()
        self.accounts = self.informer(ServiceAccount)
        self.secrets = context.informers.of(Secret, field_selector=f"type={SECRET_TYPE}")
        self._needed.append(self.secrets)
        self.secrets.add_index(_ACCOUNT_INDEX, _account_key)
        # Of Secrets that are gone: by their key, name and uid of their account.
        self._gone: dict[str, tuple[str, str]] = {}
        self.secrets.add_handler(self._secret_changed)
        self.accounts.add_handler(self._account_changed)

    def _secret_changed(self, old: Secret | None, new: Secret | None) -> None:
        if new is None and old is not None:
            annotations = old.metadata.annotations
            self._gone[key_of(old)] = annotations.get(ACCOUNT_NAME, ""), annotations.get(ACCOUNT_UID, "")
        self.enqueue_changed(old, new)

    def _account_changed(self, old: ServiceAccount | None, new: ServiceAccount | None) -> None:
        if old is not None and new is not None and old.metadata.uid == new.metadata.uid:
            return
        account = new if new is not None else old
        if account is not None:
            for secret in self.secrets.by_index(_ACCOUNT_INDEX, f"{account.metadata.namespace}/{account.metadata.name}"):
                self.enqueue(secret)

    async def reconcile(self, key: str) -> float | None:
        gone, secret = self._gone.pop(key, None), self.secrets.get_key(key)
        if secret is None and gone is not None:
            await self._forget(key, *gone)
            return None
        if secret is None or secret.metadata.deletion_timestamp:
            return None
        try:
            await self._fill(secret)
        except NotFoundError:
            return None
        return None

    async def _fill(self, secret: Secret) -> None:
        meta = secret.metadata
        account = await self._account(meta.namespace, meta.annotations.get(ACCOUNT_NAME, ""))
        uid = meta.annotations.get(ACCOUNT_UID, "")
        if account is None or (uid and uid != account.metadata.uid):
            await self.client.delete(Secret, meta.name, meta.namespace, uid=meta.uid, resource_version=meta.resource_version)
            return
        data = secret.data
        if data.get("token") and data.get("namespace") and data.get("ca.crt") == self._root_ca:
            return
        changed = deep_copy(secret)
        # Another namespace is somebody's wish.
        changed.data = {**data, "ca.crt": self._root_ca, "namespace": data.get("namespace") or meta.namespace.encode(),
                        "token": data.get("token") or self._issue(account, secret).encode()}
        changed.metadata.annotations[ACCOUNT_UID] = account.metadata.uid
        await self.client.update(changed)

    async def _forget(self, key: str, name: str, uid: str) -> None:
        """Let an account list a Secret no more that is gone."""
        namespace, _, secret = key.partition("/")
        account = self.accounts.get(name, namespace)
        if account is None or uid not in ("", account.metadata.uid) or all(one.name != secret for one in account.secrets):
            return
        changed = deep_copy(account)
        changed.secrets = [one for one in account.secrets if one.name != secret]
        try:
            await self.client.update(changed)
        except NotFoundError:
            return
        except StatusError:
            # The key comes again after its back-off.
            self._gone[key] = name, uid
            raise

    async def _account(self, namespace: str, name: str) -> ServiceAccount | None:
        """The account, as of now if the cache does not have it: a Secret is not deleted on the word of a cache."""
        found = self.accounts.get(name, namespace)
        if found is None and name:
            try:
                return await self.client.get(ServiceAccount, name, namespace)
            except NotFoundError:
                return None
        return found


def _account_key(secret: Secret) -> list[str]:
    name = secret.metadata.annotations.get(ACCOUNT_NAME, "")
    return [f"{secret.metadata.namespace}/{name}"] if name else []
