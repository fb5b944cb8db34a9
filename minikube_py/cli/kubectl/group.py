"""The command group that all commands are added to."""

from __future__ import annotations

import click

from .command_line import KubectlGroup
from .session import Flags, global_options


@click.group("kubectl", cls=KubectlGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
@global_options
def kubectl(ctx: click.Context, flags: Flags) -> None:
    """Look at and change the objects of a cluster."""
    ctx.obj = flags
