"""The server: composes store, API server, controllers, scheduler and the embedded agent into one process.

Composition only: options become objects, objects run in one TaskGroup. A component that fails ends the process with its error;
containers go on and are adopted by the next process.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import uvloop
import yaml

from minikube_py.apis.core_v1 import ObjectReference
from minikube_py.apiserver import system_priority_classes
from minikube_py.apiserver.api_services import ApiServiceRegistration
from minikube_py.apiserver.assembly import Api, RegistryOptions, object_getter
from minikube_py.apiserver.authentication.bootstrap import BootstrapTokens
from minikube_py.apiserver.authentication.token_file import TokenFileError
from minikube_py.apiserver.authentication.user import AUTHENTICATED, NODE_USER_PREFIX, NODES
from minikube_py.apiserver.authorization import bootstrap_policy
from minikube_py.apiserver.encryption.configuration import EncryptionConfigurationError
from minikube_py.apiserver.encryption.secrets_encryption import SecretsEncryption
from minikube_py.apiserver.http.secrets_encrypt import PATH as SECRETS_ENCRYPT_PATH
from minikube_py.apiserver.http.secrets_encrypt import SecretsEncryptPath
from minikube_py.apiserver.http.tunnels import Tunnels
from minikube_py.apiserver.identity_lease import IdentityLease
from minikube_py.apiserver.join import PATHS as JOIN_PATHS
from minikube_py.apiserver.join import JoinEndpoint
from minikube_py.apiserver.node_passwords import is_claimed
from minikube_py.apiserver.options import ApiServerArgs
from minikube_py.apiserver.pki import Pki, PkiError
from minikube_py.apiserver.pki.renewal import PkiRenewal
from minikube_py.apiserver.server_token import ServerTokenError, ensure_server_tokens
from minikube_py.apiserver.serving import Serving
from minikube_py.client.events import EventRecorder
from minikube_py.client.informer import Informers
from minikube_py.client.join_protocol import ClusterSettings
from minikube_py.controllers.options import ControllerManagerArgs
from minikube_py.core.addresses import default_address
from minikube_py.core.errors import FatalError
from minikube_py.core.files import write_atomic
from minikube_py.core.process import run_until_stopped
from minikube_py.options import ServerOptions
from minikube_py.store.interface import StoreError
from minikube_py.store.memory import MemoryStore
from minikube_py.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from minikube_py.controllers.base import Context, Controller

log = logging.getLogger(__name__)
SWITCH_INTERVAL_S = 0.0005
# Hooks after the start, by upstream's names.
ROLES, PRIORITY_CLASSES = "rbac/bootstrap-roles", "scheduling/bootstrap-system-priority-classes"


class Server:
    """One server process, from its options to its end.

    Attributes:
        ready: set when the API answers and every component has its caches.
    """

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        self._home = options.home
        self._pki = Pki(
            self._home / "tls", node_name=options.node.node_name, advertise_address=options.advertise_address, tls_sans=options.tls_sans,
            service_ip=options.service_ip, cluster_domain=options.cluster_domain,
        )
        self._store = self._make_store()
        self._api: Api | None = None
        self._port = 0
        self.ready = asyncio.Event()
        # What is made at the start, and whether it has been.
        self._hooks = {ROLES: asyncio.Event(), PRIORITY_CLASSES: asyncio.Event()}
        self._join: JoinEndpoint | None = None
        self._encryption: SecretsEncryption | None = None
        self._serving: Serving | None = None
        self._controller_args = ControllerManagerArgs()

    def _make_store(self) -> SqliteStore | MemoryStore:
        match self._options.datastore_endpoint:
            case "" | "sqlite":
                return SqliteStore(self._home / "db" / "state.db")
            case "memory":
                return MemoryStore()
            case other:
                raise FatalError(f"--datastore-endpoint {other}: known are sqlite and memory")

    async def start(self) -> None:
        """Open the store and accept connections. The API answers when this returns.

        Raises: FatalError.
        """
        options = self._options
        try:
            args = ApiServerArgs.parse(options.kube_apiserver_args)
            self._controller_args = ControllerManagerArgs.parse(options.kube_controller_manager_args)
            for directory in (self._home, self._home / "tls", self._home / "db", options.write_kubeconfig.parent):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._encryption = encryption = SecretsEncryption(
                self._home / "cred" / "encryption-config.json", provider=options.secrets_encryption_provider,
                enabled=options.secrets_encryption, given=args.encryption_provider_config,
                follow=args.encryption_provider_config_automatic_reload,
            )
            if isinstance(self._store, SqliteStore):
                await encryption.attach(self._store)
            self._pki.add_names([default_address()])
            _, _ = await asyncio.gather(asyncio.to_thread(self._pki.ensure), self._store.open())
            registry_options = RegistryOptions(options.service_cidr, options.service_node_port_range)
            tunnels = Tunnels(self._pki.client_ca.certificate_pem, options.egress_selector_mode, clock=self._pki.clock)
            self._api = api = Api(self._store, self._pki, registry_options, args, tunnels)
            self._join = self._join_endpoint(api)
            for path in JOIN_PATHS:
                api.server.add_extra(path, self._join.respond)
            api.exposition.add(encryption.families)
            api.paths.add(SECRETS_ENCRYPT_PATH, SecretsEncryptPath(encryption).respond)
            for name, made in self._hooks.items():
                api.health.add(f"poststarthook/{name}", partial(_unfinished, made))
            api.health.add("informer-sync", lambda: None if self.ready.is_set() else "caches are not full", ("readyz",))
            self._serving = serving = Serving(
                args.serving, lambda: self._pki.accepting_ssl_context(api.authentication.authorities),
                self._pki.server_ssl_context(api.authentication.authorities),
            )
            api.authentication.changed.append(lambda: serving.trust(api.authentication.authorities))
            self._port = await api.server.listen(options.bind_address, options.https_listen_port, serving.context)
            api.discovery.server_address = f"{options.advertise_address}:{self._port}"
            self._write_kubeconfig()
        except (StoreError, EncryptionConfigurationError, PkiError, TokenFileError, ServerTokenError, ValueError, OSError) as error:
            raise FatalError(str(error)) from error

    def _join_endpoint(self, api: Api) -> JoinEndpoint:
        """Where nodes ask for their certificates."""
        from minikube_py.apiserver.pki.signing import LEAF_LIFETIME

        options = self._options
        token = ensure_server_tokens(self._home, self._pki.server_ca.certificate_pem, options.token, options.agent_token)
        settings = ClusterSettings(options.cluster_cidr, options.service_cidr, options.cluster_dns, options.cluster_domain)
        return JoinEndpoint(
            self._pki, api.client("system:apiserver"), token, BootstrapTokens(object_getter(api.registry)), settings,
            node_name=options.node.node_name, reserved=self._pki.names,
            lifetime=min(self._controller_args.cluster_signing_duration, LEAF_LIFETIME),
        )

    def _write_kubeconfig(self) -> None:
        options = self._options
        host = "127.0.0.1" if options.bind_address in ("0.0.0.0", "::", "127.0.0.1") else options.bind_address
        config = self._pki.admin_kubeconfig(f"https://{host}:{self._port}")
        write_atomic(options.write_kubeconfig, yaml.safe_dump(config).encode(), options.write_kubeconfig_mode)

    async def run(self) -> None:
        """Run all components until cancelled; the first one that fails ends all."""
        api, join, encryption, serving = self._api, self._join, self._encryption, self._serving
        if api is None or join is None or encryption is None or serving is None:
            raise FatalError("the server was not started")
        options = self._options
        await encryption.bring_up_to_date()
        await bootstrap_policy.reconcile(api.client("system:apiserver"))
        self._hooks[ROLES].set()
        await system_priority_classes.ensure(api.client("system:apiserver"))
        self._hooks[PRIORITY_CLASSES].set()
        registration = ApiServiceRegistration(api.client("system:apiserver"), api.enablement)
        api.health.add("autoregister-completion", registration.problem)
        async with asyncio.TaskGroup() as group:
            group.create_task(api.definitions.run(), name="definitions")
            group.create_task(api.authentication.run(), name="authentication")
            group.create_task(api.authorization.run(), name="authorization")
            group.create_task(serving.run(), name="serving")
            for kept in api.kept:
                group.create_task(kept.run(), name="kept-config-map")
            group.create_task(registration.run(), name="api-service-registration")
            group.create_task(api.event_expiry.run(), name="event-expiry")
            group.create_task(api.audit.run(), name="audit")
            group.create_task(encryption.run(), name="encryption")
            group.create_task(IdentityLease(api.client("system:apiserver")).run(), name="identity-lease")
            if api.flow_control is not None:
                group.create_task(api.flow_control.run(), name="flow-control")
            events = EventRecorder(api.client("system:apiserver"), "certificate-renewal", options.node.node_name)
            node = ObjectReference(api_version="v1", kind="Node", name=options.node.node_name, uid=options.node.node_name)
            renewal = PkiRenewal(
                self._pki, lambda: [default_address()], self._write_kubeconfig,
                lambda message: events.event(node, "Warning", "CertificateExpirationWarning", message),
            )
            group.create_task(events.run(), name="certificate-events")
            group.create_task(renewal.run(), name="certificate-renewal")
            waits = [registration.ready]
            if not options.disable_controller_manager:
                waits.append(controllers := self._start_controllers(api, group))
                api.component_statuses.set("controller-manager", lambda: None if controllers.is_set() else "caches are not full")
            if not options.disable_scheduler:
                waits.append(scheduler := _start_scheduler(api, group))
                api.component_statuses.set("scheduler", lambda: None if scheduler.is_set() else "caches are not full")
            for ready in waits:
                await ready.wait()
            self.ready.set()
            if not options.disable_agent:
                group.create_task(self._run_agent(api, join), name="agent")

    def _start_controllers(self, api: Api, group: asyncio.TaskGroup) -> asyncio.Event:
        from minikube_py.controllers.legacy_tokens import LegacyTokenCleaner
        from minikube_py.controllers.resource_quota import ResourceQuotaController
        from minikube_py.controllers.run import ControllerOptions, Controllers
        from minikube_py.controllers.service_account_tokens import ServiceAccountTokenSecrets

        options = self._options
        root_ca = self._pki.server_ca.certificate_pem.decode()
        quota_sync = self._controller_args.resource_quota_sync_period
        unused_tokens_for = self._controller_args.legacy_service_account_token_clean_up_period
        informers = Informers(api.client("system:kube-controller-manager"))
        wanted = ControllerOptions(
            cluster_cidr=options.cluster_cidr if self._controller_args.allocate_node_cidrs else "", service_cidr=options.service_cidr,
            advertise_address=options.advertise_address, advertise_port=self._port, root_ca=root_ca,
        )
        controllers = Controllers(
            informers.client, informers, wanted, api_server=api.client("system:apiserver"),
            more=[
                lambda context: ServiceAccountTokenSecrets(context, api.authentication.token_issuer.issue_legacy, root_ca),
                lambda context: LegacyTokenCleaner(context, unused_tokens_for),
                lambda context: ResourceQuotaController(context, api.registry.quota_usage.used, quota_sync),
                *self._certificate_controllers(api),
            ],
        )
        group.create_task(informers.run(), name="controller-informers")
        group.create_task(controllers.run(), name="controllers")
        return controllers.ready

    def _certificate_controllers(self, api: Api) -> Sequence[Callable[[Context], Controller]]:
        """Makers of the controllers that decide about certificates, with the keys and the authorizer that they need."""
        from minikube_py.controllers.certificates.approving import CertificateApproving
        from minikube_py.controllers.certificates.kubelet_serving import KubeletServingApproving
        from minikube_py.controllers.certificates.signing import CertificateSigning

        client, node = api.client("system:kube-controller-manager"), self._options.node.node_name
        longest = self._controller_args.cluster_signing_duration
        return (
            lambda context: CertificateApproving(context, lambda name: is_claimed(client, name)),
            lambda context: KubeletServingApproving(context, node, lambda: self._pki.names),
            lambda context: CertificateSigning(context, self._pki.sign_request, longest),
        )

    async def _run_agent(self, api: Api, join: JoinEndpoint) -> None:
        """Run this machine's node, with the Registry as its API server."""
        from minikube_py.agent import run_locally

        node = self._options.node
        client = api.client(f"{NODE_USER_PREFIX}{node.node_name}", (NODES, AUTHENTICATED))
        await run_locally(node, f"https://127.0.0.1:{self._port}", join, client)

    async def announce(self, started: float) -> None:
        """Say that the cluster is ready, and what to do next."""
        await self.ready.wait()
        gc.collect()
        gc.freeze()
        kubeconfig = self._options.write_kubeconfig
        log.info("ready seconds=%.2f port=%d", time.monotonic() - started, self._port)
        print(f"minikube-py is ready; the kubeconfig is {kubeconfig}. Try:\n\n    minikube-py kubectl get nodes\n    "
              f"kubectl --kubeconfig {kubeconfig} get pods -A\n", flush=True)

    async def drain(self) -> None:
        """Let go of clients, while the components still run."""
        if self._api is not None:
            await self._api.drain()

    async def stop(self) -> None:
        """End what is left of connections and make everything safe."""
        if self._api is not None:
            await self._api.close()
        await self._store.close()


def _unfinished(made: asyncio.Event) -> str | None:
    return None if made.is_set() else "not finished"


def _start_scheduler(api: Api, group: asyncio.TaskGroup) -> asyncio.Event:
    from minikube_py.scheduler.scheduler import Scheduler

    informers = Informers(api.client("system:kube-scheduler"))
    scheduler = Scheduler(informers.client, informers)
    group.create_task(informers.run(), name="scheduler-informers")
    group.create_task(scheduler.run(), name="scheduler")
    return scheduler.ready


def serve(options: ServerOptions) -> None:
    """Run a server until it is told to stop.

    Raises: FatalError if it cannot run; the message says what to do.
    """
    # The store's thread waits for the interpreter between its statements: a short switch interval keeps commits short under load.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    # Requests make few cycles; the default thresholds would walk the whole heap of objects again and again. The middle generation is
    # kept small: it holds a million young containers otherwise, and walking them stops the process for 200 ms.
    gc.set_threshold(10_000, 2, 1000)
    uvloop.run(_serve(options))


async def _serve(options: ServerOptions) -> None:
    started = time.monotonic()
    server = Server(options)
    try:
        await server.start()
        await run_until_stopped(server.run(), server.announce(started), before_end=server.drain)
    finally:
        await server.stop()
