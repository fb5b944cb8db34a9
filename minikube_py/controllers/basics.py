"""What every cluster and every namespace has: the system namespaces, the service account `default`, and the cluster's CA.

`SystemNamespaces` makes the four namespaces; `ServiceAccounts` and `RootCa` keep one object in each namespace that is not being deleted.
Source: pkg/controlplane/controller/systemnamespaces, pkg/controller/serviceaccount/serviceaccounts_controller.go,
pkg/controller/certificates/rootcacertpublisher/publisher.go.
"""

from __future__ import annotations

from minikube_py.apis.core_v1 import ConfigMap, Namespace, ServiceAccount
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apis.scheme import deep_copy
from minikube_py.core.errors import AlreadyExistsError, StatusError

from .base import Context, Controller
from .pod_control import namespace_is_terminating

SYSTEM_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
ROOT_CA = "kube-root-ca.crt"
_DESCRIPTION = {
    "kubernetes.io/description":
        "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP "
        "or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.",
}


class SystemNamespaces(Controller):
    """Makes the system namespaces, also again after they were deleted."""

    name = "system-namespaces"
    workers = 1

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.namespaces = self.informer(Namespace)
        self.namespaces.add_handler(self._changed)

    def _changed(self, old: Namespace | None, new: Namespace | None) -> None:
        if new is None and old is not None and old.metadata.name in SYSTEM_NAMESPACES:
            self.enqueue(old)

    async def background(self) -> None:
        for name in SYSTEM_NAMESPACES:
            self.queue.add(name)

    async def reconcile(self, key: str) -> float | None:
        if self.namespaces.get(key) is None:
            try:
                await self.client.create(Namespace(api_version="v1", kind="Namespace", metadata=ObjectMeta(name=key)))
            except AlreadyExistsError:
                return None
        return None


class ServiceAccounts(Controller):
    """Keeps the service account `default` in each namespace."""

    name = "serviceaccount"
    component = "service-account-controller"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.namespaces = self.informer(Namespace)
        self.accounts = self.informer(ServiceAccount)
        self.namespaces.add_handler(self.enqueue_changed)
        self.accounts.add_handler(self._account_changed)

    def _account_changed(self, old: ServiceAccount | None, new: ServiceAccount | None) -> None:
        if new is None and old is not None and old.metadata.name == "default":
            self.queue.add(old.metadata.namespace)

    async def reconcile(self, key: str) -> float | None:
        if not _is_active(self.namespaces.get(key)) or self.accounts.get("default", key) is not None:
            return None
        account = ServiceAccount(api_version="v1", kind="ServiceAccount", metadata=ObjectMeta(name="default", namespace=key))
        try:
            await self.client.create(account)
        except StatusError as error:
            if not _is_settled(error):
                raise
        return None


class RootCa(Controller):
    """Keeps the cluster's CA certificate as a config map in each namespace."""

    name = "root-ca-certificate-publisher"

    def __init__(self, context: Context, ca_certificate: str) -> None:
        """`ca_certificate`: PEM."""
        super().__init__(context)
        self._data = {"ca.crt": ca_certificate}
        self.namespaces = self.informer(Namespace)
        self.config_maps = self.informer(ConfigMap)
        self.namespaces.add_handler(self.enqueue_changed)
        self.config_maps.add_handler(self._config_map_changed)

    def _config_map_changed(self, old: ConfigMap | None, new: ConfigMap | None) -> None:
        obj = new or old
        if obj is not None and obj.metadata.name == ROOT_CA and (new is None or new.data != self._data):
            self.queue.add(obj.metadata.namespace)

    async def reconcile(self, key: str) -> float | None:
        if not _is_active(self.namespaces.get(key)):
            return None
        current = self.config_maps.get(ROOT_CA, key)
        try:
            if current is None:
                meta = ObjectMeta(name=ROOT_CA, namespace=key, annotations=dict(_DESCRIPTION))
                await self.client.create(ConfigMap(api_version="v1", kind="ConfigMap", metadata=meta, data=self._data))
            elif current.data != self._data:
                copy = deep_copy(current)
                copy.data = self._data
                copy.metadata.annotations = {**copy.metadata.annotations, **_DESCRIPTION}
                await self.client.update(copy)
        except StatusError as error:
            if not _is_settled(error):
                raise
        return None


def _is_active(namespace: Namespace | None) -> bool:
    return namespace is not None and not namespace.metadata.deletion_timestamp and namespace.status.phase != "Terminating"


def _is_settled(error: StatusError) -> bool:
    """Whether a refused create needs no other try: the object is there, or its namespace is on its way out."""
    return isinstance(error, AlreadyExistsError) or namespace_is_terminating(error)
