"""`minikube-py`: the program's entry point. Each command is imported when it is used, so that none pays for the others.

Every flag may also stand in the configuration file (`--config`, default /etc/minikube-py/config.yaml) under its own name without
dashes in front, and in the environment as MINIKUBE_PY_<COMMAND>_<FLAG>.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import click

DEFAULT_CONFIG = Path("/etc/minikube-py/config.yaml")
COMMANDS = {
    "server": ("minikube_py.cli.server", "server", "Run a control plane, and a node unless --disable-agent."),
    "agent": ("minikube_py.cli.agent", "agent", "Run a node of a cluster that another machine serves."),
    "certificate": ("minikube_py.cli.certificate", "certificate", "Look at certificates, renew them, exchange authorities."),
    "kubectl": ("minikube_py.cli.kubectl.main", "kubectl", "Look at and change the objects of a cluster."),
    "secrets-encrypt": ("minikube_py.cli.secrets_encrypt", "secrets_encrypt", "Manage the keys of Secrets at rest."),
    "token": ("minikube_py.cli.token", "token", "Make tokens with which nodes join."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "MINIKUBE_PY"})
@click.version_option(package_name="minikube-py", prog_name="minikube-py")
def main() -> None:
    """Kubernetes in one program."""


def read_config(ctx: click.Context, _: click.Parameter, path: str | None) -> str | None:
    """Callback of `--config`: make the file's entries the defaults of the flags.

    Raises: click.BadParameter for a file that is no YAML mapping or names an unknown flag.
    """
    file = Path(path) if path else DEFAULT_CONFIG
    if not file.exists():
        if path:
            raise click.BadParameter(f"{file} does not exist")
        return path
    import yaml

    try:
        document = yaml.safe_load(file.read_text()) or {}
    except yaml.YAMLError as error:
        raise click.BadParameter(f"{file} is not YAML: {error}") from error
    if not isinstance(document, dict):
        raise click.BadParameter(f"{file} must be a mapping of flags to values")
    parameters = {parameter.name: parameter for parameter in ctx.command.params}
    defaults: dict[str, Any] = {}
    for key, value in document.items():
        name = str(key).replace("-", "_")
        if name not in parameters:
            raise click.BadParameter(f"{file}: unknown flag {key!r}")
        multiple = getattr(parameters[name], "multiple", False)
        defaults[name] = value if not multiple or isinstance(value, list) else [value]
    ctx.default_map = {**(ctx.default_map or {}), **defaults}
    return path


config_option = click.option(
    "--config", "-c", callback=read_config, is_eager=True, expose_value=False, metavar="FILE",
    help=f"Configuration file with the same names as the flags (default {DEFAULT_CONFIG}).",
)


if __name__ == "__main__":
    sys.exit(main())
