"""One run of a command: the flags that all commands share, the connection that they choose, and where output goes."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import IO, Any

import click

from minikube_py.client.connection import Connection
from minikube_py.client.kubeconfig import Kubeconfig, KubeconfigError, default_paths, in_cluster
from minikube_py.core.errors import StatusError

from .api import Api
from .durations import parse_duration
from .errors import Exit, KubectlError, sentence

Command = Callable[..., Awaitable[None]]


@dataclass(slots=True)
class Flags:
    """The flags of every command, unset as ""."""

    namespace: str = ""
    context: str = ""
    cluster: str = ""
    user: str = ""
    kubeconfig: str = ""
    server: str = ""
    token: str = ""
    certificate_authority: str = ""
    client_certificate: str = ""
    client_key: str = ""
    insecure_skip_tls_verify: bool = False
    request_timeout: str = "0"
    as_user: str = ""
    as_group: tuple[str, ...] = ()

    def over(self, outer: Flags) -> Flags:
        """These flags, and those of the outer command where unset."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return Flags(**{f.name: values[f.name] if values[f.name] != f.default else getattr(outer, f.name) for f in fields(self)})


_OPTIONS = (
    (("-n", "--namespace"), "Namespace of the request."),
    (("--context",), "Context of the kubeconfig."),
    (("--cluster",), "Cluster of the kubeconfig."),
    (("--user",), "User of the kubeconfig."),
    (("--kubeconfig",), "Path of the kubeconfig."),
    (("-s", "--server"), "Address of the API server."),
    (("--token",), "Bearer token."),
    (("--certificate-authority",), "File with the certificate authority."),
    (("--client-certificate",), "File with the client certificate."),
    (("--client-key",), "File with the client's key."),
)


def global_options(function: Any, without: tuple[str, ...] = ()) -> Any:
    """Add the flags of every command but those in `without`; the function gets them as `flags`."""

    @functools.wraps(function)
    def wrapper(*args: Any, **options: Any) -> Any:
        names = [f.name for f in fields(Flags) if f.name not in without]
        taken = {name: value for name in names if (value := options.pop(name, None)) is not None}
        return function(*args, flags=Flags(**taken), **options)

    wrapped: Any = wrapper
    wrapped = click.option("--insecure-skip-tls-verify", is_flag=True, default=False, help="Trust any server.")(wrapped)
    wrapped = click.option("--request-timeout", default=None, help="Time to wait for one request (0 is forever).")(wrapped)
    wrapped = click.option("--as", "as_user", default=None, help="User to act as.")(wrapped)
    wrapped = click.option("--as-group", multiple=True, default=None, help="Group to act as.")(wrapped)
    for names, text in reversed(_OPTIONS):
        if names[-1].removeprefix("--") not in without:
            wrapped = click.option(*names, default=None, help=text)(wrapped)
    return wrapped


class Session:
    """What a running command works with.

    Attributes:
        namespace: where the command works; `namespace_given` says whether the user named it.
        show_events: whether descriptions end with events.
    """

    def __init__(self, flags: Flags, out: IO[str] | None = None, err: IO[str] | None = None) -> None:
        self.flags = flags
        self.out = out or sys.stdout
        self.err = err or sys.stderr
        self.connection = connect(flags)
        self.namespace = flags.namespace or self.connection.namespace or "default"
        self.show_events = True
        self.namespace_given = bool(flags.namespace)
        self.api = Api(self.connection, parse_duration(flags.request_timeout))

    def print(self, text: str = "", *, end: str = "\n") -> None:
        self.out.write(text + end)

    def flush(self) -> None:
        self.out.flush()

    def complain(self, text: str) -> None:
        self.out.flush()
        self.err.write(text + "\n")

    @property
    def terminal(self) -> bool:
        return self.err.isatty()


def connect(flags: Flags) -> Connection:
    """The connection that flags, kubeconfig and environment choose.

    Raises: KubectlError.
    """
    try:
        connection = _configured(flags)
        if flags.server:
            connection = replace(connection, server=flags.server.rstrip("/"))
        if flags.as_user or flags.as_group:
            connection = replace(connection, as_user=flags.as_user, as_groups=flags.as_group)
        if flags.token:
            connection = replace(connection, token=flags.token, token_file="")
        if flags.certificate_authority:
            connection = replace(connection, ca=Path(flags.certificate_authority).read_bytes())
        if flags.client_certificate:
            key = Path(flags.client_key or flags.client_certificate).read_bytes()
            connection = replace(connection, certificate=Path(flags.client_certificate).read_bytes(), key=key)
    except (KubeconfigError, OSError) as error:
        raise KubectlError(str(error)) from error
    if flags.insecure_skip_tls_verify:
        connection = replace(connection, insecure_skip_tls_verify=True, ca=b"")
    return connection


def _configured(flags: Flags) -> Connection:
    if flags.kubeconfig:
        return Kubeconfig.load(flags.kubeconfig).connection(flags.context, flags.cluster, flags.user)
    paths = default_paths()
    if any(path.exists() for path in paths):
        return Kubeconfig.load_merged(paths).connection(flags.context, flags.cluster, flags.user)
    if flags.server:
        return Connection(server=flags.server)
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        return in_cluster()
    return Connection(server="http://localhost:8080")


def run(command: Command, flags: Flags, options: dict[str, Any]) -> None:
    """Run a command and end the process as kubectl would: messages to stderr, exit code 1 on failure."""
    try:
        session = Session(flags)
    except KubectlError as error:
        _end(sentence(error), error.exit_code)
    try:
        asyncio.run(_run(command, session, options))
        session.flush()
    except Exit as exit_:
        session.flush()
        sys.exit(exit_.code)
    except KubectlError as error:
        session.flush()
        _end(sentence(error), error.exit_code)
    except (StatusError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            sys.exit(1)
        session.flush()
        _end(sentence(error, session.connection.server), 1)
    except KeyboardInterrupt:
        sys.exit(130)


async def _run(command: Command, session: Session, options: dict[str, Any]) -> None:
    try:
        await command(session, **options)
    finally:
        await session.api.close()


def _end(text: str, code: int) -> None:
    if text:
        sys.stderr.write(text + "\n")
    sys.exit(code)
