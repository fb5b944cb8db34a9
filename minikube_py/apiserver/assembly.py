"""Puts the parts of the API server together: from a store and options to a Registry, a client for this process, and a front door."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from minikube_py.apis import legacy_tokens
from minikube_py.apis.core_v1 import Namespace
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apis.resources import BY_GVR, ResourceType
from minikube_py.apis.scheme import gvk_of
from minikube_py.core.clock import SYSTEM_CLOCK, Clock
from minikube_py.core.tunnel.handshake import CONNECT_PATH
from minikube_py.store.interface import Store, WatchEvent
from minikube_py.store.memory import MemoryStore
from minikube_py.store.sqlite import SqliteStore

from . import cluster_authentication, legacy_token_tracking
from .admission import Plugin
from .admission.assembly import build_admission
from .admission.certificates import CertificateApproval, CertificateSigning, CertificateSubjectRestriction
from .admission.claim_status import ClaimStatusAuthorization
from .admission.node_restriction import NodeRestriction
from .admission.node_tokens import NodeTokenRestriction
from .admission.options import AdmissionArgs
from .admission.owner_references import OwnerReferencesPermissionEnforcement
from .admission.rbac import EscalationCheck
from .apiextensions.definitions import Definitions
from .apiextensions.publishing import Publishing
from .audit.assembly import Audit
from .authentication.assembly import Authentication
from .authentication.user import MASTERS
from .authorization.modes import Authorization
from .cluster_authentication import ClusterAuthenticationTrust
from .component_statuses import ComponentStatuses
from .discovery import Discovery
from .enablement import Enablement
from .event_expiry import EventExpiry
from .flow_control.exposition import families
from .flow_control.flow_control import FlowControl
from .flow_control.objects import FlowControlObjects
from .flow_control.work_estimate import WorkEstimator
from .http.debug import Debug
from .http.exposition import Exposition
from .http.handlers import Handlers
from .http.health import Health
from .http.kubelets import Kubelets
from .http.lifecycle import Lifecycle
from .http.metrics import ServerMetrics
from .http.paths import Paths
from .http.server import ApiServer
from .http.streams import Streams
from .http.tunnels import Tunnels
from .http.virtual_resources import VirtualResources
from .http.watch import Watches
from .ip_addresses import IPAddresses
from .kept_config_map import KeptConfigMap
from .legacy_token_tracking import LegacyTokenTracking
from .local_client import LocalClient
from .openapi import OpenApi
from .openapi_enablement import EnabledArchive
from .options import ApiServerArgs
from .pki import Pki
from .quota.status import QuotaStatus
from .quota.usage import QuotaUsage
from .registry import Registry
from .reviews import Reviews
from .storage import Storage
from .strategies import builtin_storages
from .subresources import Subresources

Changed = Callable[[Any, Any], None]
DEFAULT_ADMISSION = AdmissionArgs()


@dataclass(frozen=True, slots=True)
class RegistryOptions:
    """What the Registry must know of the cluster. Flags of the same names set them."""

    service_cidr: str = "10.43.0.0/16"
    service_node_port_range: tuple[int, int] = (30000, 32767)


def build_registry(
    store: Store, options: RegistryOptions, clock: Clock = SYSTEM_CLOCK, plugins: Sequence[Plugin] = (),
    args: AdmissionArgs = DEFAULT_ADMISSION,
) -> Registry:
    """The Registry with all built-in resources and the admission plugins that run, in upstream's order.

    Args:
        plugins: those that need more than the store.
    Raises: ConfigurationError; ValueError for names of plugins that are not known.
    """
    storages = builtin_storages(store, options.service_cidr, options.service_node_port_range)
    usage = QuotaUsage(store, clock, lambda resource: _is_counted(registry, resource))
    admission = build_admission(store, args, usage, lambda name: _make_namespace(registry, name), plugins)
    registry = Registry(store, storages, admission, clock, usage)
    QuotaStatus(registry, usage)
    IPAddresses(registry)
    return registry


def _is_counted(registry: Registry, resource: str) -> bool:
    """Whether a resource is one of namespaced objects that are served."""
    served = (storage.resource for storage in registry.storages())
    return any(found.namespaced and found.group_resource == resource for found in served)


async def _make_namespace(registry: Registry, name: str) -> None:
    await registry.create(registry.storage_of(Namespace), "", Namespace(metadata=ObjectMeta(name=name)))


def object_getter(registry: Registry) -> Callable[[str, str, str], Any]:
    """A function that finds objects of core/v1 and storage.k8s.io/v1 by kind, namespace and name, or None."""
    groups = (("", "v1"), ("storage.k8s.io", "v1"))
    storages = {storage.resource.kind: storage for storage in registry.storages() if gvk_of(storage.struct)[:2] in groups}

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


class Api:
    """The whole API server, without its listener.

    Attributes:
        audit: the audit log; to be run.
        component_statuses: how components are; those that run here add themselves.
        discovery, openapi: what is served, for who adds to it at run time.
        event_expiry: ends Events; to be run.
        flow_control: gives requests their turns; to be run. None where all go on at once.
        health: checks; components add theirs.
        paths: what is no resource; components add theirs.
        server: the front door.
        authentication: all ways to log in.
        authorization: who decides about requests.
        kept: ConfigMaps that the server itself keeps; to be run.
        tunnels: those that nodes have opened.
        definitions: serves custom resources; to be run.
        enablement: which of the built-in resources are served.
    """

    def __init__(
        self, store: SqliteStore | MemoryStore, pki: Pki, options: RegistryOptions, args: ApiServerArgs, tunnels: Tunnels | None = None
    ) -> None:
        self.enablement = Enablement(args.runtime_config)
        self.authorization = authorization = Authorization(args.authorization)
        authorizer = authorization.authorizer
        plugins = [
            NodeRestriction(self._object), NodeTokenRestriction(self._object, authorizer), EscalationCheck(authorizer, authorization.rbac),
            CertificateApproval(authorizer), CertificateSigning(authorizer), CertificateSubjectRestriction(),
            ClaimStatusAuthorization(authorizer), OwnerReferencesPermissionEnforcement(authorizer, self._resources_of),
        ]
        self.registry = build_registry(store, options, plugins=plugins, args=args.admission)
        self._get_object = object_getter(self.registry)
        authorization.follow(partial(follow, self.registry))
        self.authentication = authentication = Authentication(
            pki, args.authentication, self._get_object, token_auth_file=args.token_auth_file, anonymous=args.lets_anonymous_in()
        )
        self.subresources = Subresources(self.registry, authentication.token_issuer.create)
        system = self.client("system:apiserver")
        trust = ClusterAuthenticationTrust(authentication)
        tracking = LegacyTokenTracking(system)
        authentication.service_accounts.used = tracking.used
        self.kept = (
            KeptConfigMap(system, cluster_authentication.CONFIG_MAP, trust.combined, cluster_authentication.CONTROLLER),
            KeptConfigMap(system, legacy_tokens.TRACKING, tracking.data, legacy_token_tracking.CONTROLLER),
        )
        authentication.changed.append(self.kept[0].check)
        metrics = ServerMetrics(self.served)
        self.watches = Watches(self.registry, metrics)
        self.tunnels = tunnels or Tunnels(pki.client_ca.certificate_pem, clock=pki.clock)
        kubelets = Kubelets(
            self.registry, pki.client_ssl_context(pki.kubelet_client), self.tunnels, authentication.request_header.tells
        )
        self.streams = Streams(kubelets)
        self._args = args
        events = self.registry.storage("", "v1", "events")
        if events is None:
            raise KeyError("events")
        self.event_expiry = EventExpiry(store, events, args.event_ttl, SYSTEM_CLOCK)
        self.health = Health()
        self.lifecycle = Lifecycle(send_retry_after=args.shutdown_send_retry_after)
        self._add_checks(store)
        self.exposition = Exposition(metrics, self.health, store.statistics)
        self.exposition.add(authentication.families)
        self.exposition.add(authorization.families)
        self.exposition.add(self.registry.admission.families)
        self.audit = Audit(args.audit)
        self.exposition.add(self.audit.families)
        self.discovery = Discovery(enablement=self.enablement)
        self.openapi = OpenApi(EnabledArchive(self.enablement) if self.enablement.disabled else None)
        publishing = Publishing(self.discovery, self.openapi)
        follow(self.registry, "apiextensions.k8s.io", "v1", "customresourcedefinitions", publishing.changed)
        self.flow_control = self._flow_control_of(args) if args.enable_priority_and_fairness else None
        debug = Debug() if args.profiling else None
        control = self.flow_control.control if self.flow_control is not None else None
        self.paths = Paths(
            self.discovery, self.openapi, self.health, self.exposition, authentication.openid, debug, flags=args.flags(),
            flow_control=control,
        )
        self.component_statuses = ComponentStatuses(store.trouble)
        self._reviews = Reviews(authentication.authenticator, authorizer, authorization.rules)
        virtual = VirtualResources(self._reviews.review, self.subresources, self.component_statuses)
        self.definitions = Definitions(self.registry, self.watches)
        self.definitions.load()
        self.server = ApiServer(
            self.registry, Handlers(self.registry, self.subresources, self.watches), authenticate=authentication.authenticator.authenticate,
            authorizer=authorizer, paths=self.paths, metrics=metrics, lifecycle=self.lifecycle, virtual=virtual,
            streams=self.streams.handle, auditor=self.audit.auditor, flow_control=control, enablement=self.enablement,
        )
        self.exposition.add(self.server.impersonation.families)
        self.server.add_extra(CONNECT_PATH, self.tunnels.respond)

    def _object(self, kind: str, namespace: str, name: str) -> Any:
        """What plugins look up, in the Registry that they are a part of."""
        return self._get_object(kind, namespace, name)

    def _flow_control_of(self, args: ApiServerArgs) -> FlowControlObjects:
        """Flow control by the objects that there are and will be."""
        group, version = "flowcontrol.apiserver.k8s.io", "v1"
        control = FlowControl(WorkEstimator(self._count), args.max_requests_inflight + args.max_mutating_requests_inflight)
        follow(self.registry, group, version, "prioritylevelconfigurations", control.level_changed)
        follow(self.registry, group, version, "flowschemas", control.schema_changed)
        self.exposition.add(partial(families, control))
        return FlowControlObjects(self.registry, control)

    def _count(self, group: str, version: str, plural: str) -> int | None:
        """How many objects a resource has."""
        storage = self.registry.storage(group, version, plural)
        return None if storage is None else self.registry.store.count(storage.collection)

    def _resources_of(self, group: str, version: str, kind: str) -> list[ResourceType]:
        """The resources of a kind that are served now."""
        served = (storage.resource for storage in self.registry.storages())
        return [resource for resource in served if (resource.group, resource.version, resource.kind) == (group, version, kind)]

    def _add_checks(self, store: SqliteStore | MemoryStore) -> None:
        """Upstream's checks, as far as there is what they look at."""
        self.health.add("etcd", store.trouble)
        self.health.add("etcd-readiness", store.trouble, ("readyz",))
        self.health.add("shutdown", self.lifecycle.check, ("readyz",))

    def served(self, group: str, version: str, plural: str) -> ResourceType | None:
        """The resource of that name, if it is served."""
        if not self.enablement.serves(group, version, plural):
            return None
        storage = self.registry.storage(group, version, plural)
        return storage.resource if storage is not None else BY_GVR.get((group, version, plural))

    def client(self, user: str, groups: tuple[str, ...] = (MASTERS,)) -> LocalClient:
        """A client for a component in this process."""
        return LocalClient(self.registry, self.subresources, user, groups, lambda *review: self._reviews.review(*review))

    async def drain(self) -> None:
        """Upstream's end of a server: not ready, then deaf to new requests, then without running ones and watches."""
        if self.lifecycle.initiate():
            await asyncio.sleep(self._args.shutdown_delay_duration)
        if not self.lifecycle.draining:
            draining = asyncio.ensure_future(self.server.drain())
            self.watches.end_all()
            await draining

    async def close(self) -> None:
        """End watches and running requests, then stop listening."""
        await self.drain()
        await self.server.close()
        await self.streams.close()
        await self.authentication.close()
        await self.authorization.close()
        await self.registry.admission.close()
        self.registry.close()
        await self.audit.close()
