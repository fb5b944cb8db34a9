"""`minikube-py token`: the bootstrap tokens by which machines may join as nodes, and the server's own.

A bootstrap token is a Secret in kube-system with an end; what is printed carries the CA's pin before it.
Source: docs.k3s.io/cli/token, kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-token/
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import click

from minikube_py.apis import core_v1
from minikube_py.apiserver.authentication.bootstrap import (
    NAMESPACE,
    NODE_GROUP,
    SECRET_PREFIX,
    SECRET_TYPE,
    TOKEN,
    USAGES,
    new_token,
    token_secret,
)
from minikube_py.client.connection import Connection
from minikube_py.client.http import HttpClient
from minikube_py.client.join_http import JoinError, rotate_token
from minikube_py.client.join_protocol import JoinToken, TokenFormatError, ca_pin, parse_token
from minikube_py.client.kubeconfig import Kubeconfig, KubeconfigError, default_paths
from minikube_py.core.duration import parse_duration
from minikube_py.core.errors import AlreadyExistsError, NotFoundError, StatusError

from .token_list import BootstrapToken, text_table

T = TypeVar("T")
CLUSTER_INFO, PUBLIC_NAMESPACE = "cluster-info", "kube-public"


@click.group()
def token() -> None:
    """Manage join tokens."""


def _kubeconfig(command: Callable[..., None]) -> Callable[..., None]:
    return click.option("--kubeconfig", help="Server to connect to. Default: the admin kubeconfig of this machine.")(command)


@token.command()
@_kubeconfig
@click.option("--ttl", default="24h", show_default=True, help="Life of the token, as 1h30m; 0 is for ever.")
@click.option("--description", default="", help="For what the token is.")
@click.option("--groups", multiple=True, default=(NODE_GROUP,), show_default=True, help="Extra groups of who presents the token.")
@click.option("--usages", multiple=True, default=USAGES, show_default=True, help="What the token may be used for.")
@click.option("--print-join-command", is_flag=True, help="Print the whole command that joins a machine.")
@click.argument("text", metavar="[TOKEN]", default="")
def create(
    kubeconfig: str | None, ttl: str, description: str, groups: tuple[str, ...], usages: tuple[str, ...], print_join_command: bool,
    text: str,
) -> None:
    """Create a join token on the server and print it."""
    bootstrap = text or new_token()
    try:
        life_s = parse_duration(ttl)
        secret = token_secret(
            bootstrap, ttl=timedelta(seconds=life_s) if life_s else None, description=description, groups=_split(groups),
            usages=_split(usages),
        )
    except ValueError as error:
        raise click.ClickException(str(error)) from error

    async def run(client: HttpClient) -> str:
        try:
            await client.create(secret)
        except AlreadyExistsError as error:
            raise click.ClickException(f'a token with id "{bootstrap.partition(".")[0]}" already exists') from error
        return await _advertised(client) if print_join_command else ""

    connection = _connection(kubeconfig)
    server = _with_client(connection, run)
    whole = JoinToken(ca_pin(connection.ca), "", bootstrap)
    click.echo(f"minikube-py agent --server {server or connection.server} --token {whole}" if print_join_command else str(whole))


@token.command("list")
@_kubeconfig
@click.option("--output", "-o", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True, help="Form of the output.")
def list_tokens(kubeconfig: str | None, output: str) -> None:
    """List the join tokens of the server."""

    async def run(client: HttpClient) -> list[core_v1.Secret]:
        return await client.list(core_v1.Secret, NAMESPACE, field_selector=f"type={SECRET_TYPE}")

    listed = [BootstrapToken.of(secret) for secret in _with_client(_connection(kubeconfig), run)]
    if output == "text":
        click.echo(text_table(listed, datetime.now(UTC)))
        return
    documents = [found.document() for found in listed]
    if output == "json":
        click.echo(json.dumps(documents))
        return
    import yaml

    click.echo(yaml.safe_dump(documents, sort_keys=False), nl=False)


@token.command()
@_kubeconfig
@click.argument("tokens", metavar="TOKEN...", nargs=-1, required=True)
def delete(kubeconfig: str | None, tokens: tuple[str, ...]) -> None:
    """Delete join tokens, given whole or by their id."""
    ids = [_token_id(text) for text in tokens]

    async def run(client: HttpClient) -> None:
        for token_id in ids:
            await client.delete(core_v1.Secret, SECRET_PREFIX + token_id, NAMESPACE)
            click.echo(f'bootstrap token "{token_id}" deleted')

    _with_client(_connection(kubeconfig), run)


@token.command()
def generate() -> None:
    """Print a fresh token without creating it on the server."""
    click.echo(new_token())


@token.command()
@click.option("--token", "-t", "old", default=None, help="The server's present token (default: the file DATA/server/token).")
@click.option("--new-token", default="", help="The token that takes its place (default: a random one).")
@click.option("--server", "-s", default="https://127.0.0.1:6443", show_default=True, metavar="URL", help="Server to connect to.")
@click.option("--data-dir", "-d", default="/var/lib/minikube-py", show_default=True, help="Where the server keeps everything.")
def rotate(old: str | None, new_token: str, server: str, data_dir: str) -> None:
    """Replace the server's token. Nodes that have joined go on; from now on machines join with the new one."""
    file = Path(data_dir) / "server" / "token"
    try:
        present = parse_token(old or file.read_text())
        click.echo(asyncio.run(rotate_token(server.rstrip("/"), present, new_token)))
    except (TokenFormatError, JoinError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"--token is not given, and {file} cannot be read: {error.strerror}") from error
    click.echo("Token rotated: servers with --token must be started with the new one", err=True)


def _token_id(text: str) -> str:
    if re.fullmatch(r"[a-z0-9]{6}", text):
        return text
    try:
        secret = parse_token(text).secret
    except TokenFormatError as error:
        raise click.BadParameter(str(error)) from error
    match = TOKEN.fullmatch(secret)
    if match is None:
        raise click.BadParameter(f'"{text}" is neither a bootstrap token nor the id of one')
    return match[1]


def _split(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.strip() for text in texts for part in text.split(",") if part.strip())


async def _advertised(client: HttpClient) -> str:
    """The address under which the cluster makes itself known; "" if it does not."""
    import yaml

    try:
        published = await client.get(core_v1.ConfigMap, CLUSTER_INFO, PUBLIC_NAMESPACE)
        return str(yaml.safe_load(published.data["kubeconfig"])["clusters"][0]["cluster"]["server"])
    except (NotFoundError, LookupError, TypeError, yaml.YAMLError):
        return ""


def _connection(kubeconfig: str | None) -> Connection:
    try:
        config = Kubeconfig.load(kubeconfig) if kubeconfig else Kubeconfig.load_merged(default_paths())
        return config.connection()
    except KubeconfigError as error:
        raise click.ClickException(str(error)) from error


def _with_client(connection: Connection, work: Callable[[HttpClient], Awaitable[T]]) -> T:
    async def run() -> T:
        async with HttpClient(connection) as client:
            return await work(client)

    try:
        return asyncio.run(run())
    except StatusError as error:
        raise click.ClickException(f"Error from server ({error.reason}): {error.message}") from error
    except OSError as error:
        raise click.ClickException(f"cannot reach {connection.server}: {error}") from error
