"""`minikube-py token`: the bootstrap tokens by which machines may join as nodes.

A token is a Secret in kube-system with an end; what is printed carries the CA's pin before it.
Source: docs.k3s.io/cli/token, kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-token/
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import click

from minikube_py.apis import core_v1
from minikube_py.apiserver.authentication.bootstrap import (
    NAMESPACE,
    NODE_GROUP,
    SECRET_PREFIX,
    SECRET_TYPE,
    TOKEN,
    new_token,
    token_secret,
)
from minikube_py.client.connection import Connection
from minikube_py.client.http import HttpClient
from minikube_py.client.join_protocol import JoinToken, TokenFormatError, ca_pin, parse_token
from minikube_py.client.kubeconfig import Kubeconfig, KubeconfigError, default_paths
from minikube_py.core.clock import parse_rfc3339
from minikube_py.core.errors import StatusError

T = TypeVar("T")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_COLUMNS = ("TOKEN", "TTL", "EXPIRES", "USAGES", "DESCRIPTION", "EXTRA GROUPS")


@click.group()
def token() -> None:
    """Manage join tokens."""


def _kubeconfig(command: Callable[..., None]) -> Callable[..., None]:
    return click.option("--kubeconfig", help="Server to connect to. Default: the admin kubeconfig of this machine.")(command)


@token.command()
@_kubeconfig
@click.option("--ttl", default="24h", show_default=True, help="Life of the token, as 1h30m; 0 is for ever.")
@click.option("--description", default="", help="For what the token is.")
@click.option("--groups", default=NODE_GROUP, show_default=True, help="Extra groups of who presents the token, with commas between.")
@click.option("--usages", default="signing,authentication", show_default=True, help="What the token may be used for.")
@click.argument("text", metavar="[TOKEN]", default="")
def create(kubeconfig: str | None, ttl: str, description: str, groups: str, usages: str, text: str) -> None:
    """Create a join token on the server and print it."""
    life = parse_duration(ttl)
    bootstrap = text or new_token()
    try:
        secret = token_secret(
            bootstrap, ttl=life or None, description=description, groups=_split(groups), usages=_split(usages)
        )
    except ValueError as error:
        raise click.ClickException(str(error)) from error

    async def run(client: HttpClient) -> None:
        await client.create(secret)

    connection = _connection(kubeconfig)
    _with_client(connection, run)
    click.echo(str(JoinToken(ca_pin(connection.ca), "", bootstrap)))


@token.command("list")
@_kubeconfig
def list_tokens(kubeconfig: str | None) -> None:
    """List the join tokens of the server."""

    async def run(client: HttpClient) -> list[core_v1.Secret]:
        return await client.list(core_v1.Secret, NAMESPACE, field_selector=f"type={SECRET_TYPE}")

    now = datetime.now(UTC)
    rows = [_COLUMNS, *(_row(secret, now) for secret in _with_client(_connection(kubeconfig), run))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        click.echo("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


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


def parse_duration(text: str) -> timedelta:
    """A duration as Go writes it ("24h0m0s", "90m", "0").

    Raises: click.BadParameter.
    """
    if text == "0":
        return timedelta(0)
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|m|s)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise click.BadParameter(f'"{text}" is not a duration such as 1h30m')
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))


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


def _row(secret: core_v1.Secret, now: datetime) -> tuple[str, ...]:
    data = {key: value.decode(errors="replace") for key, value in secret.data.items()}
    life, expires = "<forever>", data.get("expiration", "") or "<never>"
    if data.get("expiration"):
        try:
            left = parse_rfc3339(data["expiration"]) - now
            life = str(timedelta(seconds=int(left.total_seconds()))) if left > timedelta(0) else "<expired>"
        except ValueError:
            life = "<invalid>"
    prefix = "usage-bootstrap-"
    usages = ",".join(sorted(key.removeprefix(prefix) for key, value in data.items() if key.startswith(prefix) and value == "true"))
    whole = f"{data.get('token-id', '')}.{data.get('token-secret', '')}"
    return whole, life, expires, usages or "<none>", data.get("description") or "<none>", data.get("auth-extra-groups") or "<none>"


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


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
