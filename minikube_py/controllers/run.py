"""All controllers of a cluster, as one component.

Owns which controllers there are and what of the cluster's options each needs. Does not own the informers: the composition root runs them.
Source: cmd/kube-controller-manager/app/controllermanager.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from minikube_py.client.informer import Informers
from minikube_py.client.interface import Client
from minikube_py.core.clock import SYSTEM_CLOCK, Clock

from .base import Context, Controller
from .basics import RootCa, ServiceAccounts, SystemNamespaces
from .bootstrap_signer import BootstrapSigner, ClusterInfo
from .bootstrap_tokens import BootstrapTokenCleaner
from .certificates.cleaning import CertificateCleaning
from .clusterrole_aggregation import ClusterRoleAggregation
from .cronjob import CronJobController
from .daemonset import DaemonSetController
from .deployment import DeploymentController
from .disruption import DisruptionController
from .endpoints import EndpointsController
from .endpointslice import EndpointSliceController
from .endpointslice.mirroring import EndpointSliceMirroringController
from .gc import GarbageCollector
from .job import JobController
from .kubernetes_service import ApiServerAddress, KubernetesService
from .namespace import NamespaceController
from .nodes.eviction import TaintEvictionController
from .nodes.ipam import NodeIpamController
from .nodes.lifecycle import NodeLifecycleController
from .nodes.ttl import NodeTtlController
from .pod_gc import PodGcController
from .replicaset import ReplicaSetController
from .replicationcontroller import ReplicationControllerController
from .service_cidrs import DefaultServiceCidr, ServiceAddresses, ServiceCidrController
from .statefulset import StatefulSetController
from .storage_protection import AttributesClassProtection, ClaimProtection, VolumeProtection
from .ttl_after_finished import TtlAfterFinishedController


@dataclass(frozen=True, slots=True)
class ControllerOptions:
    """What controllers must know of the cluster.

    Attributes:
        root_ca: the cluster's CA certificate, PEM, published in every namespace.
        advertise_address: address at which pods reach the API server.
        advertise_port: its port.
        service_cidr: range of service addresses.
        cluster_cidr: range of pod addresses; each node gets a part of it, unless it is empty.
        node_prefix: prefix length of a node's part; None is 24 (IPv4) or 64 (IPv6).
    """

    root_ca: str
    advertise_address: str
    advertise_port: int = 6443
    service_cidr: str = "10.43.0.0/16"
    cluster_cidr: str = "10.42.0.0/16"
    node_prefix: int | None = None


# Controllers that need nothing but the context.
_PLAIN: tuple[type[Controller], ...] = (
    ServiceAccounts, NamespaceController, ReplicaSetController, DeploymentController, JobController,
    ReplicationControllerController, StatefulSetController, DaemonSetController, CronJobController, DisruptionController,
    EndpointSliceController, EndpointSliceMirroringController, EndpointsController, NodeLifecycleController, TaintEvictionController,
    GarbageCollector, PodGcController, TtlAfterFinishedController, BootstrapTokenCleaner, BootstrapSigner, ClusterRoleAggregation,
    CertificateCleaning, ClaimProtection, VolumeProtection, AttributesClassProtection, NodeTtlController, ServiceCidrController,
    ServiceAddresses,
)


class Controllers:
    """Every controller, run together.

    Attributes:
        ready: set when all of them have full caches and work.
    """

    def __init__(
        self, client: Client, informers: Informers, options: ControllerOptions, clock: Clock = SYSTEM_CLOCK,
        more: Sequence[Callable[[Context], Controller]] = (), api_server: Client | None = None,
    ) -> None:
        """
        Args:
            api_server: the client of what upstream runs in its API server, and what that makes is its; None is `client`.
            more: makers of further controllers, which need what only the composition root has.
        """
        context = Context(client, informers, clock)
        inside = Context(api_server or client, informers, clock)
        address = ApiServerAddress([options.advertise_address], options.advertise_port, options.service_cidr)
        self.ready = asyncio.Event()
        self.controllers: list[Controller] = [
            *(kind(context) for kind in _PLAIN),
            RootCa(context, options.root_ca),
            ClusterInfo(context, f"https://{_host(options.advertise_address)}:{options.advertise_port}", options.root_ca),
            SystemNamespaces(inside),
            KubernetesService(inside, address),
            DefaultServiceCidr(inside, options.service_cidr),
            *([NodeIpamController(context, options.cluster_cidr, options.node_prefix)] if options.cluster_cidr else []),
            *(make(context) for make in more),
        ]

    async def run(self) -> None:
        """Run until cancelled; a controller that fails ends all. The informers must be running."""
        async with asyncio.TaskGroup() as group:
            for controller in self.controllers:
                group.create_task(controller.run(), name=controller.name)
            for controller in self.controllers:
                await controller.ready.wait()
            self.ready.set()


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
