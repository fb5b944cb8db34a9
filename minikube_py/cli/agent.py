"""`minikube-py agent`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .main import config_option
from .options import common_options, configure_logging, default_node_name, given_token, node_options, parse_labels, parse_taints


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@config_option
@common_options
@click.option("--server", "-s", required=True, metavar="URL", help="The API server, https://HOST:6443.")
@click.option("--token", "-t", default=None, help="Token of the server (its file server/token, or `token create`).")
@click.option("--token-file", type=click.Path(dir_okay=False, exists=True), default=None, help="File with the same.")
@node_options
def agent(
    data_dir: str, log_level: str, server: str, token: str | None, token_file: str | None, node_name: str | None, node_ip: str | None,
    node_label: tuple[str, ...], node_taint: tuple[str, ...], container_runtime_endpoint: str | None, pause_image: str | None,
    overlay: str, kubelet_arg: tuple[str, ...],
) -> None:
    """Run a node of a cluster that another machine serves."""
    from minikube_py.agent import join_and_run
    from minikube_py.core.addresses import default_address
    from minikube_py.core.errors import FatalError
    from minikube_py.options import AgentOptions

    configure_logging(log_level)
    options = AgentOptions(
        data_dir=Path(data_dir), node_name=node_name or default_node_name(), node_ip=node_ip or default_address(),
        node_labels=parse_labels(node_label), node_taints=parse_taints(node_taint),
        container_runtime_endpoint=container_runtime_endpoint, pause_image=pause_image, overlay=overlay, kubelet_args=kubelet_arg,
    )
    try:
        join_and_run(options, server, given_token(token, token_file))
    except FatalError as error:
        click.echo(f"minikube-py: {error}", err=True)
        sys.exit(1)
