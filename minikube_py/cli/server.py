"""`minikube-py server`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .main import config_option
from .options import (
    common_options,
    configure_logging,
    default_node_name,
    given_token,
    node_options,
    parse_labels,
    parse_port_range,
    parse_taints,
)

DEFAULT_KUBECONFIG = "/etc/minikube-py/minikube-py.yaml"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@config_option
@common_options
@click.option("--bind-address", default="0.0.0.0", show_default=True, help="Address that the API listens on.")
@click.option("--https-listen-port", default=6443, show_default=True, help="Port of the API.")
@click.option("--advertise-address", default=None, help="Address by which others reach the API (default: --node-ip).")
@click.option("--tls-san", multiple=True, help="Further name or address in the API's certificate; may be repeated.")
@click.option("--token", "-t", default=None, help="Secret with which nodes join (default: made at the first start).")
@click.option("--token-file", type=click.Path(dir_okay=False, exists=True), default=None, help="File with the same.")
@click.option("--agent-token", default=None, help="Secret with which agents join, and nothing else (default: that of --token).")
@click.option("--agent-token-file", type=click.Path(dir_okay=False, exists=True), default=None, help="File with the same.")
@click.option("--cluster-cidr", default="10.42.0.0/16", show_default=True, help="Addresses of pods.")
@click.option("--service-cidr", default="10.43.0.0/16", show_default=True, help="Addresses of services.")
@click.option("--service-node-port-range", default="30000-32767", show_default=True, help="Ports of NodePort services.")
@click.option("--cluster-dns", default="10.43.0.10", show_default=True, help="Address of the cluster's DNS.")
@click.option("--cluster-domain", default="cluster.local", show_default=True, help="Domain of the cluster's DNS.")
@click.option("--datastore-endpoint", default="", help='Store: "" or "sqlite" for a file, "memory" for none.')
@click.option("--secrets-encryption/--no-secrets-encryption", default=True, show_default=True, help="Encrypt Secrets on the disk.")
@click.option("--secrets-encryption-provider", type=click.Choice(["aesgcm", "aescbc", "secretbox"]), default="aesgcm", show_default=True,
              help="Cipher of new keys.")
@click.option("--egress-selector-mode", type=click.Choice(["agent", "pod", "disabled"]), default="agent", show_default=True,
              help="What the API server reaches by the tunnels that nodes open: kubelets, pods too, or nothing.")
@click.option("--disable-agent", is_flag=True, help="Run no node on this machine.")
@click.option("--disable-scheduler", is_flag=True, help="Run no scheduler.")
@click.option("--disable-controller-manager", is_flag=True, help="Run no controllers.")
@click.option("--write-kubeconfig", "-o", default=None, help=f"The admin's kubeconfig (default {DEFAULT_KUBECONFIG}).")
@click.option("--write-kubeconfig-mode", default="600", show_default=True, help="Its permissions.")
@click.option("--kube-apiserver-arg", multiple=True, metavar="NAME=VALUE", help="Option of the API server, by its flag's name.")
@click.option("--kube-controller-manager-arg", multiple=True, metavar="NAME=VALUE", help="Option of the controllers, by its flag's name.")
@node_options
def server(
    data_dir: str, log_level: str, bind_address: str, https_listen_port: int, advertise_address: str | None, tls_san: tuple[str, ...],
    token: str | None, token_file: str | None, agent_token: str | None, agent_token_file: str | None, cluster_cidr: str, service_cidr: str,
    service_node_port_range: str, cluster_dns: str, cluster_domain: str, datastore_endpoint: str, secrets_encryption: bool,
    secrets_encryption_provider: str, egress_selector_mode: str, disable_agent: bool, disable_scheduler: bool,
    disable_controller_manager: bool, write_kubeconfig: str | None, write_kubeconfig_mode: str, kube_apiserver_arg: tuple[str, ...],
    kube_controller_manager_arg: tuple[str, ...], node_name: str | None, node_ip: str | None, node_label: tuple[str, ...],
    node_taint: tuple[str, ...], container_runtime_endpoint: str | None, pause_image: str | None, overlay: str,
    kubelet_arg: tuple[str, ...],
) -> None:
    """Run a control plane, and a node on the same machine."""
    from minikube_py.core.addresses import default_address
    from minikube_py.core.errors import FatalError
    from minikube_py.options import AgentOptions, ServerOptions
    from minikube_py.server import serve

    configure_logging(log_level)
    address = node_ip or default_address()
    node = AgentOptions(
        data_dir=Path(data_dir), node_name=node_name or default_node_name(), node_ip=address, node_labels=parse_labels(node_label),
        node_taints=parse_taints(node_taint), container_runtime_endpoint=container_runtime_endpoint, pause_image=pause_image,
        overlay=overlay, kubelet_args=kubelet_arg,
    )
    options = ServerOptions(
        node=node, bind_address=bind_address, https_listen_port=https_listen_port, advertise_address=advertise_address or address,
        tls_sans=tls_san, token=given_token(token, token_file), agent_token=given_token(agent_token, agent_token_file),
        cluster_cidr=cluster_cidr, service_cidr=service_cidr, service_node_port_range=parse_port_range(service_node_port_range),
        cluster_dns=cluster_dns, cluster_domain=cluster_domain, datastore_endpoint=datastore_endpoint,
        secrets_encryption=secrets_encryption, secrets_encryption_provider=secrets_encryption_provider,
        egress_selector_mode=egress_selector_mode, disable_agent=disable_agent, disable_scheduler=disable_scheduler,
        disable_controller_manager=disable_controller_manager, write_kubeconfig=Path(write_kubeconfig or DEFAULT_KUBECONFIG),
        write_kubeconfig_mode=int(write_kubeconfig_mode, 8), kube_apiserver_args=kube_apiserver_arg,
        kube_controller_manager_args=kube_controller_manager_arg,
    )
    try:
        serve(options)
    except FatalError as error:
        click.echo(f"minikube-py: {error}", err=True)
        sys.exit(1)
