"""What a server and an agent are told at their start. Names and forms of the flags are the command line's."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from minikube_py.apis import core_v1


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """Options of a node; each has the name of its flag."""

    data_dir: Path
    node_name: str
    node_ip: str
    node_labels: Mapping[str, str] = field(default_factory=dict)
    node_taints: tuple[core_v1.Taint, ...] = ()
    container_runtime_endpoint: str | None = None
    pause_image: str | None = None
    overlay: str = "vxlan"
    kubelet_args: tuple[str, ...] = ()

    @property
    def cni_conf_dir(self) -> Path:
        """Where the runtime looks for the network's configuration: its own directory, or the machine's."""
        return Path("/etc/cni/net.d") if self.container_runtime_endpoint else self.data_dir / "agent" / "etc" / "cni" / "net.d"


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Options of a server; each has the name of its flag, those of its node stand in `node`."""

    node: AgentOptions
    bind_address: str
    https_listen_port: int
    advertise_address: str
    write_kubeconfig: Path
    write_kubeconfig_mode: int = 0o600
    tls_sans: tuple[str, ...] = ()
    token: str = ""
    agent_token: str = ""
    cluster_cidr: str = "10.42.0.0/16"
    service_cidr: str = "10.43.0.0/16"
    service_node_port_range: tuple[int, int] = (30000, 32767)
    cluster_dns: str = "10.43.0.10"
    cluster_domain: str = "cluster.local"
    datastore_endpoint: str = ""
    secrets_encryption: bool = True
    secrets_encryption_provider: str = "aesgcm"
    egress_selector_mode: str = "agent"
    disable_agent: bool = False
    disable_scheduler: bool = False
    disable_controller_manager: bool = False
    kube_apiserver_args: tuple[str, ...] = ()
    kube_controller_manager_args: tuple[str, ...] = ()

    @property
    def home(self) -> Path:
        """The server's part of the data directory."""
        return self.node.data_dir / "server"

    @property
    def service_ip(self) -> str:
        """The address of the `kubernetes` Service: the first of the range."""
        return str(ipaddress.ip_network(self.service_cidr)[1])
