"""`minikube-py secrets-encrypt`: the keys with which Secrets are encrypted on the server's disk.

Source: docs.k3s.io/cli/secrets-encrypt
"""

from __future__ import annotations

import asyncio
from typing import Any

import click
import msgspec

from minikube_py.client.kubeconfig import Kubeconfig, KubeconfigError, default_paths
from minikube_py.client.transport import Transport
from minikube_py.core.errors import StatusError

PATH = "/v1-minikube-py/secrets-encrypt"
TITLES = {"aesgcm": "AES-GCM", "aescbc": "AES-CBC", "secretbox": "XSalsa20-POLY1305"}


@click.group("secrets-encrypt")
@click.option("--kubeconfig", help="Server to connect to. Default: the admin kubeconfig of this machine.")
@click.pass_context
def secrets_encrypt(context: click.Context, kubeconfig: str | None) -> None:
    """Manage the encryption of Secrets at rest."""
    context.obj = kubeconfig


@secrets_encrypt.command()
@click.option("--output", "-o", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Form of the output.")
@click.pass_obj
def status(kubeconfig: str | None, output: str) -> None:
    """Show whether Secrets are encrypted, and the names of the keys."""
    found = _ask(kubeconfig)
    if output == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
        return
    click.echo(f"Encryption Status: {'Enabled' if found['enabled'] else 'Disabled'}")
    click.echo(f"Current Rotation Stage: {found['stage']}")
    if found["keys"]:
        rows = [("Active", "Key Type", "Name"), ("------", "--------", "----")]
        rows += [(" *" if key["active"] else "", TITLES[key["provider"]], key["name"]) for key in found["keys"]]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        click.echo()
        for row in rows:
            click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@secrets_encrypt.command()
@click.pass_obj
def enable(kubeconfig: str | None) -> None:
    """Encrypt what is written from now on; `reencrypt` does the rest."""
    _ask(kubeconfig, "enable")
    click.echo("secrets-encryption enabled")


@secrets_encrypt.command()
@click.pass_obj
def disable(kubeconfig: str | None) -> None:
    """Write plain Secrets from now on; `reencrypt` decrypts the rest."""
    _ask(kubeconfig, "disable")
    click.echo("secrets-encryption disabled")


@secrets_encrypt.command()
@click.pass_obj
def rotate(kubeconfig: str | None) -> None:
    """Make a new key and encrypt with it from now on; the old one still decrypts."""
    _ask(kubeconfig, "rotate")
    click.echo("keys rotated, reencryption pending")


@secrets_encrypt.command()
@click.pass_obj
def reencrypt(kubeconfig: str | None) -> None:
    """Encrypt everything with the newest key and drop the others."""
    _ask(kubeconfig, "reencrypt")
    click.echo("reencryption finished")


@secrets_encrypt.command("rotate-keys")
@click.pass_obj
def rotate_keys(kubeconfig: str | None) -> None:
    """`rotate` and `reencrypt` in one step."""
    _ask(kubeconfig, "rotate-keys")
    click.echo("keys rotated, reencryption finished")


def _ask(kubeconfig: str | None, action: str = "") -> dict[str, Any]:
    """The server's answer: its status, after the action if there is one."""
    try:
        config = Kubeconfig.load(kubeconfig) if kubeconfig else Kubeconfig.load_merged(default_paths())
        connection = config.connection()
    except KubeconfigError as error:
        raise click.ClickException(str(error)) from error

    async def ask() -> bytes:
        transport = Transport(connection)
        try:
            if not action:
                return await transport.request("GET", PATH)
            return await transport.request("POST", PATH, body=msgspec.json.encode({"action": action}))
        finally:
            await transport.close()

    try:
        found: dict[str, Any] = msgspec.json.decode(asyncio.run(ask()))
    except StatusError as error:
        raise click.ClickException(f"Error from server ({error.reason}): {error.message}") from error
    except OSError as error:
        raise click.ClickException(f"cannot reach {connection.server}: {error}") from error
    return found
