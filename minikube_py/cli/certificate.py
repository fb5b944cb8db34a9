"""`minikube-py certificate`: look at a machine's certificates, have new ones made, and exchange the cluster's authorities.

Works on the files of the data directory, whether a server or agent runs or not.
Source: docs.k3s.io/cli/certificate, k3s pkg/cli/cert/cert.go
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click

from .certificate_files import AUTHORITIES, SERVICES, certificates, default_services, is_server


@click.group()
def certificate() -> None:
    """Manage certificates."""


def _data_dir(command: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--data-dir", "-d", default="/var/lib/minikube-py", show_default=True, type=click.Path(file_okay=False, path_type=Path),
        help="Where everything is kept.",
    )(command)


def _services(command: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--service", "-s", "services", multiple=True, metavar="NAME[,NAME]",
        help=f"Of these services alone ({', '.join(SERVICES)}); may be repeated.",
    )(command)


def _chosen(data_dir: Path, services: tuple[str, ...], more: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The services that a command is about; all of this machine if none is named."""
    names = tuple(name for text in services for name in text.split(",") if name)
    for name in names:
        if name not in SERVICES and name not in more:
            raise click.ClickException(f"service {name} is not recognized")
    if not names:
        what = "Server detected, {} agent and server certificates" if is_server(data_dir) else "Agent detected, {} agent certificates"
        click.echo(what.format("checking" if more else "rotating"), err=True)
    return names or default_services(data_dir)


@certificate.command()
@_data_dir
@_services
@click.option("--output", "-o", type=click.Choice(["text", "table", "json", "yaml"]), default="text", show_default=True, help="Form.")
def check(data_dir: Path, services: tuple[str, ...], output: str) -> None:
    """Show when certificates end."""
    from .certificate_report import as_json, as_yaml, read, table

    now = datetime.now(UTC)
    try:
        found = [
            one for service in _chosen(data_dir, services, (AUTHORITIES,)) for path in certificates(data_dir, service)
            for one in read(path, now)
        ]
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    match output:
        case "table":
            click.echo(table(found))
        case "json":
            click.echo(as_json(found))
        case "yaml":
            click.echo(as_yaml(found))
        case _:
            for one in found:
                click.echo(one.sentence())


@certificate.command()
@_data_dir
@_services
def rotate(data_dir: Path, services: tuple[str, ...]) -> None:
    """Have new certificates made, with new keys."""
    from minikube_py.apiserver.pki.authority_rotation import back_up

    chosen = _chosen(data_dir, services)
    files = [file for service in chosen for path in certificates(data_dir, service) for file in (path, path.with_suffix(".key"))]
    try:
        home = data_dir / "server" if is_server(data_dir) else data_dir / "agent"
        backup = back_up(home / "tls", files, datetime.now(UTC))
        for service in chosen:
            click.echo(f"Rotating certificates for {service}", err=True)
        for file in files:
            file.unlink(missing_ok=True)
    except OSError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Successfully backed up certificates to {backup}; a running server or agent makes new ones within a minute, "
               "a stopped one when it starts")


@certificate.command("rotate-ca")
@_data_dir
@click.option("--path", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Directory with the new files in its directory tls. Default: new ones are made, signed by the present ones too.")
@click.option("--force", is_flag=True, help="Take files that the present authorities have not signed: nodes and clients must be told.")
def rotate_ca(data_dir: Path, path: Path | None, force: bool) -> None:
    """Exchange the cluster's certificate authorities."""
    from minikube_py.apiserver.pki import Pki, PkiError
    from minikube_py.apiserver.pki.authority_rotation import install_authorities, rotate_authorities

    if not is_server(data_dir):
        raise click.ClickException(f"{data_dir} is no server's data directory")
    pki = Pki(data_dir / "server" / "tls")
    try:
        backup = rotate_authorities(pki) if path is None else install_authorities(pki, path / "tls", force=force)
    except (PkiError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Certificates saved, the old ones are in {backup}; restart the server to use them")
