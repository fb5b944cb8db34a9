"""Puts the parts of the API server together: from a store and options to a Registry, a client for this process, and a front door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from minikube_py.apis.scheme import gvk_of
from minikube_py.core.clock import SYSTEM_CLOCK, Clock
from minikube_py.store.interface import Store, WatchEvent

from .admission import Admission
from .admission.namespace import NamespaceLifecycle
from .admission.pods import DefaultTolerationSeconds, Priority, ServiceAccountPlugin
from .authorization.rbac import RbacAuthorizer
from .local_client import LocalClient
from .registry import Registry
from .storage import Storage
from .strategies import builtin_storages
from .subresources import IssueToken, Subresources

Changed = Callable[[Any, Any], None]


@dataclass(frozen=True, slots=True)
class RegistryOptions:
    """What the Registry must know of the cluster. Flags of the same names set them."""

    service_cidr: str = "10.43.0.0/16"
    service_node_port_range: tuple[int, int] = (30000, 32767)


def build_registry(store: Store, options: RegistryOptions, clock: Clock = SYSTEM_CLOCK) -> Registry:
    """The Registry with all built-in resources and the default admission plugins, in upstream's order."""
    storages = builtin_storages(store, options.service_cidr, options.service_node_port_range)
    plugins = [NamespaceLifecycle(store), ServiceAccountPlugin(store), Priority(store), DefaultTolerationSeconds()]
    return Registry(store, storages, Admission(plugins), clock)


def local_client(registry: Registry, issue_token: IssueToken, user: str) -> LocalClient:
    """A client for a component in this process."""
    return LocalClient(registry, Subresources(registry, issue_token), user)


def object_getter(registry: Registry) -> Callable[[str, str, str], Any]:
    """A function that finds core/v1 objects by kind, namespace and name, or None; for token checks."""
    storages = {storage.resource.kind: storage for storage in registry.storages() if gvk_of(storage.struct)[:2] == ("", "v1")}

    def get(kind: str, namespace: str, name: str) -> Any:
        storage = storages[kind]
        entry = registry.store.get(storage.collection, storage.key(namespace, name))
        return None if entry is None else storage.object(entry)

    return get


def follow(registry: Registry, group: str, version: str, plural: str, changed: Changed) -> None:
    """Call `changed(old, new)` for every object of a resource, now and as it changes, within the write itself."""
    storage = registry.storage(group, version, plural)
    if storage is None:
        raise KeyError(plural)
    listing = registry.list(storage)
    for entry in listing.entries:
        changed(None, storage.object(entry))
    registry.store.watch(storage.collection, listing.revision, _deliver_to(storage, changed))


def _deliver_to(storage: Storage, changed: Changed) -> Callable[[WatchEvent], None]:
    def deliver(event: WatchEvent) -> None:
        old = None if event.previous is None else storage.object(event.previous)
        changed(old, None if event.type == "DELETED" else storage.object(event.entry))

    return deliver


def rbac_authorizer(registry: Registry) -> RbacAuthorizer:
    """An authorizer that knows a role or binding from the moment that its write is visible."""
    authorizer = RbacAuthorizer()
    group, version = "rbac.authorization.k8s.io", "v1"
    follow(registry, group, version, "clusterroles", authorizer.cluster_role_changed)
    follow(registry, group, version, "roles", authorizer.role_changed)
    follow(registry, group, version, "clusterrolebindings", authorizer.cluster_role_binding_changed)
    follow(registry, group, version, "rolebindings", authorizer.role_binding_changed)
    return authorizer
