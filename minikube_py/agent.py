"""The agent: composes container runtime, kubelet and network into one node.

Composition only. The same Agent runs inside a server, with the Registry as its client, and as a process of its own, over HTTPS.
A component that fails ends the process; pods go on, and the next process adopts them.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import uvloop

from minikube_py.apis import core_v1, discovery_v1, networking_v1
from minikube_py.apis.object import Object
from minikube_py.client.informer import Informer, Informers, key_of
from minikube_py.client.interface import Client
from minikube_py.client.join import enroll, exchange_by_certificate, exchange_by_token, join_when_reachable, renew
from minikube_py.client.join_http import JoinError
from minikube_py.client.join_protocol import CA_PATH, TokenFormatError, parse_token
from minikube_py.client.node_credentials import NodeCredentials
from minikube_py.client.tunnel import Tunnel
from minikube_py.core.errors import FatalError, StatusError
from minikube_py.core.process import run_until_stopped
from minikube_py.core.tls import restrict
from minikube_py.core.tunnel.handshake import ANNOTATION as TUNNEL_ANNOTATION
from minikube_py.cri.client import CriClient
from minikube_py.cri.containerd import Containerd
from minikube_py.cri.pause.image import PAUSE_IMAGE
from minikube_py.cri.tasks import ContainerdTasks
from minikube_py.kubelet.auth.options import AuthOptions
from minikube_py.kubelet.certificate import KubeletCertificates
from minikube_py.kubelet.kubelet import Kubelet
from minikube_py.kubelet.options import KubeletOptions
from minikube_py.kubelet.server import KubeletServer
from minikube_py.kubelet.tunnel_ends import TunnelEnds
from minikube_py.net.node_network import NodeNetwork, NodeNetworkOptions
from minikube_py.net.overlay import Backend
from minikube_py.options import AgentOptions

if TYPE_CHECKING:
    from minikube_py.apiserver.join import JoinEndpoint

log = logging.getLogger(__name__)


T = TypeVar("T", bound=Object)


class Agent:
    """One node.

    Args:
        client: the API, as this node.
        credentials: its certificates and its cluster's settings.
        rejoin: gets new certificates in the way in which the node has joined.
        fetch_ca: reads what signs servers now, PEM.
        use_credentials: called when `client` is to identify itself by other certificates.
        servers: URLs of those to which it keeps tunnels.
    """

    def __init__(
        self, options: AgentOptions, client: Client, credentials: NodeCredentials, rejoin: Callable[[], Awaitable[None]],
        fetch_ca: Callable[[], Awaitable[bytes]], use_credentials: Callable[[], None], servers: Sequence[str] = (),
    ) -> None:
        self._options = options
        self._client = client
        self._credentials = credentials
        self._rejoin = rejoin
        self._fetch_ca = fetch_ca
        self._use_credentials = use_credentials
        self._servers = servers
        self._informers = Informers(client)

    async def run(self) -> None:
        """Run the node until cancelled. Pods run on.

        Raises: FatalError if this machine cannot be a node, or what a component raised.
        """
        options = self._options
        async with asyncio.TaskGroup() as group:
            if options.container_runtime_endpoint:
                socket = options.container_runtime_endpoint.removeprefix("unix://")
                cri, tasks, load_image = CriClient(socket), ContainerdTasks(socket, options.data_dir / "agent" / "exec"), None
            else:
                containerd = Containerd(options.data_dir, pause_image=options.pause_image or PAUSE_IMAGE)
                group.create_task(containerd.run(), name="containerd")
                await containerd.wait_ready()
                cri, tasks, load_image = containerd.cri, containerd.tasks, containerd.import_image
            kubelet = Kubelet(self._kubelet_options(), self._client, cri, tasks, load_image=load_image)
            client_ca, serving = self._serving(kubelet)
            certificates = KubeletCertificates(
                self._credentials, self._client, self._informers.of(core_v1.Node), self._use_credentials,
                partial(self._credentials.renew_serving, serving, client_ca), self._rejoin, self._fetch_ca,
            )
            server = KubeletServer(kubelet, serving, self._client, families=certificates.families)
            group.create_task(self._informers.run(), name="agent-informers")
            group.create_task(kubelet.run(), name="kubelet")
            group.create_task(server.run(), name="kubelet-server")
            group.create_task(certificates.run(), name="certificates")
            nodes = self._informers.of(core_v1.Node)
            ends = TunnelEnds(server, lambda: nodes.get(options.node_name))
            for url in self._servers:
                tunnel = Tunnel(url, self._credentials.client_ssl_context, ends.accept)
                group.create_task(tunnel.run(), name="tunnel")
            group.create_task(self._run_network(kubelet), name="network")

    def _serving(self, kubelet: Kubelet) -> tuple[Path | None, ssl.SSLContext]:
        """Whose certificates the kubelet's API takes, None for the cluster's, and its TLS. Raises: FatalError for flags that cannot be."""
        try:
            options = AuthOptions.of(kubelet.options)
            context = self._credentials.serving_ssl_context(options.client_ca_file)
            restrict(context, options.tls_min_version, options.tls_cipher_suites)
            return options.client_ca_file, context
        except (ValueError, OSError) as error:
            raise FatalError(str(error)) from error

    def _kubelet_options(self) -> KubeletOptions:
        options, cluster = self._options, self._credentials.cluster
        return KubeletOptions(
            node_name=options.node_name, node_ip=options.node_ip, data_dir=options.data_dir, cluster_dns=(cluster.cluster_dns,),
            cluster_domain=cluster.cluster_domain, node_labels=options.node_labels, node_taints=options.node_taints,
            pause_image=options.pause_image or PAUSE_IMAGE, kubelet_args=options.kubelet_args,
        )

    async def _run_network(self, kubelet: Kubelet) -> None:
        """Set up the network once the node has its range of pod addresses, then follow the cluster."""
        options, cluster = self._options, self._credentials.cluster
        nodes = self._informers.of(core_v1.Node)
        pod_cidr = await _pod_cidr(nodes, options.node_name)
        network = await NodeNetwork.create(NodeNetworkOptions(
            node_name=options.node_name, node_ip=options.node_ip, pod_cidr=pod_cidr, cluster_cidr=cluster.cluster_cidr,
            service_cidr=cluster.service_cidr, cluster_dns=cluster.cluster_dns, cluster_domain=cluster.cluster_domain,
            cni_conf_dir=options.cni_conf_dir, ipam_dir=options.data_dir / "agent" / "cni", backend=Backend(options.overlay),
        ))
        kubelet.node.look_again()
        annotations = {**network.node_annotations(), TUNNEL_ANNOTATION: "true" if self._servers else None}
        await self._client.patch(core_v1.Node, options.node_name, "", {"metadata": {"annotations": annotations}})
        services, slices = self._informers.of(core_v1.Service), self._informers.of(discovery_v1.EndpointSlice)
        namespaces = self._informers.of(core_v1.Namespace)
        _report(nodes, network.node_changed)
        _report(services, network.service_changed)
        _report(slices, network.slice_changed)
        _report(namespaces, network.namespace_changed)
        _report(self._informers.of(networking_v1.ServiceCIDR), network.service_cidr_changed)
        kubelet.host_ports.follow(network.host_ports_changed)
        async with asyncio.TaskGroup() as group:
            group.create_task(network.run(), name="network-components")
            await self._informers.wait_synced()
            network.initial_sync_done()
            await network.wait_ready()
            log.info("network ready pod_cidr=%s", pod_cidr)


async def _pod_cidr(nodes: Informer[core_v1.Node], name: str) -> str:
    """Wait until a node has its range of pod addresses."""
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def look(_: core_v1.Node | None, node: core_v1.Node | None) -> None:
        if node is not None and node.metadata.name == name and node.spec.pod_cidr and not found.done():
            found.set_result(node.spec.pod_cidr)

    nodes.add_handler(look)
    return await found


def _report(informer: Informer[T], report: Callable[[str, T | None], None]) -> None:
    """Tell `report(key, object or None)` of every object of an informer, now and at each change."""

    def changed(old: T | None, new: T | None) -> None:
        present = new if new is not None else old
        if present is not None:
            report(key_of(present), new)

    informer.add_handler(changed)


async def run_locally(options: AgentOptions, server: str, endpoint: JoinEndpoint, client: Client) -> None:
    """Run the node that is inside the server itself.

    Args:
        client: the API, as this node.
    Raises: FatalError.
    """
    pin, ips = parse_token(str(endpoint.token)).pin, [options.node_ip, "127.0.0.1"]
    credentials = await enroll(
        endpoint.admit_own, server, options.node_name, ips, options.data_dir, pin=pin, server_ca=endpoint.server_ca
    )

    async def rejoin() -> None:
        await renew(endpoint.admit_own, server, options.node_name, ips, options.data_dir)

    async def fetch_ca() -> bytes:
        return endpoint.server_ca

    await Agent(options, client, credentials, rejoin, fetch_ca, lambda: None).run()


def join_and_run(options: AgentOptions, server: str, token: str) -> None:
    """Join a cluster and run a node of it until told to stop.

    Raises: FatalError.
    """
    gc.set_threshold(50_000, 20, 100)
    uvloop.run(run_until_stopped(_join_and_run(options, server, token)))


async def _join_and_run(options: AgentOptions, server: str, token: str) -> None:
    from minikube_py.client.connection import Connection
    from minikube_py.client.http import HttpClient

    ips = [options.node_ip]
    try:
        credentials = await join_when_reachable(server, token, options.node_name, ips, options.data_dir)
        exchange = exchange_by_token(credentials.server, token)
    except (JoinError, TokenFormatError, OSError) as error:
        raise FatalError(str(error)) from error

    certificate, key = credentials.client.read()
    connection = Connection(server=credentials.server, ca=credentials.server_ca.read_bytes(), certificate=certificate, key=key)
    async with HttpClient(connection, user_agent="kubelet/minikube-py") as client:
        async def rejoin() -> None:
            """By the certificate while it is good, by the token afterwards."""
            try:
                await renew(exchange_by_certificate(client.transport), credentials.server, options.node_name, ips, options.data_dir)
            except (JoinError, StatusError, OSError) as error:
                log.info("the node does not join again by its certificate reason=%s", error)
                await renew(exchange, credentials.server, options.node_name, ips, options.data_dir)

        agent = Agent(
            options, client, credentials, rejoin, lambda: client.transport.request("GET", CA_PATH, accept="*/*"),
            lambda: client.set_credentials(*credentials.client.read(), credentials.server_ca.read_bytes()), [credentials.server],
        )
        await agent.run()
