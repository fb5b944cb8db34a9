"""Flags that `server` and `agent` share, and their values' forms. Names are k3s's."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from minikube_py.apis import core_v1
from minikube_py.apis.node_labels import may_label

Command = Callable[..., Any]


def node_options(command: Command) -> Command:
    """Flags of whatever runs a node."""
    for option in reversed([
        click.option("--node-name", default=None, help="Name of the node (default: the host's name)."),
        click.option("--node-ip", default=None, help="Address of the node (default: that of the default route)."),
        click.option("--node-label", multiple=True, metavar="KEY=VALUE", help="Label of the node; may be repeated."),
        click.option("--node-taint", multiple=True, metavar="KEY=VALUE:EFFECT", help="Taint of the node; may be repeated."),
        click.option("--container-runtime-endpoint", default=None, metavar="SOCKET", help="Use this CRI socket, start no containerd."),
        click.option("--pause-image", default=None, help="Image of pod sandboxes."),
        click.option("--flannel-backend", "overlay", type=click.Choice(["vxlan", "host-gw", "none"]), default="vxlan",
                     show_default=True, help="How nodes reach each other's pods."),
        click.option("--kubelet-arg", multiple=True, metavar="NAME=VALUE", help="Option of the kubelet, by its flag's name."),
    ]):
        command = option(command)
    return command


def common_options(command: Command) -> Command:
    """Flags of both roles."""
    for option in reversed([
        click.option("--data-dir", "-d", default="/var/lib/minikube-py", show_default=True, help="Where everything is kept."),
        click.option("--log-level", "-v", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True,
                     help="What is logged, to standard error."),
    ]):
        command = option(command)
    return command


def configure_logging(level: str) -> None:
    logging.basicConfig(
        level=level.upper(), stream=sys.stderr, format="%(asctime)s.%(msecs)03d %(levelname).1s %(name)s %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S",
    )
    for noisy in ("asyncio", "grpc", "pyroute2"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLogger().level))


def default_node_name() -> str:
    return socket.gethostname().lower()


def given_token(text: str | None, file: str | None) -> str:
    """A token that was given as it is or as a file; "" if none was."""
    return text or (Path(file).read_text().strip() if file else "")


def parse_labels(texts: tuple[str, ...]) -> dict[str, str]:
    """Raises: click.BadParameter."""
    labels = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not key or not separator:
            raise click.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--node-label")
        if not may_label(key):
            raise click.BadParameter(f"{key!r} is for administrators: the API server lets no node set it", param_hint="--node-label")
        labels[key] = value
    return labels


def parse_taints(texts: tuple[str, ...]) -> tuple[core_v1.Taint, ...]:
    """Raises: click.BadParameter."""
    taints = []
    for text in texts:
        pair, separator, effect = text.rpartition(":")
        key, _, value = pair.partition("=")
        if not separator or not key or effect not in ("NoSchedule", "PreferNoSchedule", "NoExecute"):
            raise click.BadParameter(f"{text!r} is not KEY=VALUE:EFFECT with an effect of Kubernetes", param_hint="--node-taint")
        taints.append(core_v1.Taint(key=key, value=value, effect=effect))
    return tuple(taints)


def parse_port_range(text: str) -> tuple[int, int]:
    """Raises: click.BadParameter."""
    first, separator, last = text.partition("-")
    if not separator or not first.isdigit() or not last.isdigit() or not 0 < int(first) <= int(last) < 65536:
        raise click.BadParameter(f"{text!r} is not FIRST-LAST", param_hint="--service-node-port-range")
    return int(first), int(last)
