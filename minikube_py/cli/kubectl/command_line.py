"""The grammar of kubectl's command line on top of click: flags of all commands anywhere, "-o=yaml", "--watch=false", bare "--dry-run"."""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable
from typing import Any

import click

from .session import Flags, global_options, run

# Flags that may stand without a value, and what they mean then.
_BARE = {"--dry-run": "client", "--cascade": "background"}
_SHORT = re.compile(r"-([a-zA-Z])=(.*)", re.DOTALL)
Verb = Callable[..., Awaitable[None]]


class KubectlCommand(click.Command):
    """A command that takes flags as kubectl does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, rewritten(args, _booleans(self)))
        except click.NoSuchOption as error:
            click.echo(f"error: unknown flag: {error.option_name}\nSee '{ctx.command_path} --help' for usage.", err=True)
        except click.UsageError as error:
            click.echo(f"error: {error.format_message()}\nSee '{ctx.command_path} --help' for usage.", err=True)
        ctx.exit(1)


class KubectlGroup(click.Group):
    """A group whose unknown commands are named as kubectl names them."""

    command_class = KubectlCommand

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not any(argument in self.commands for argument in args):
            args = rewritten(args, _booleans(self))
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            click.echo(f'error: unknown command "{args[0]}" for "{ctx.command_path}"', err=True)
            ctx.exit(1)
        return super().resolve_command(ctx, args)


KubectlGroup.group_class = KubectlGroup


def _booleans(command: click.Command) -> dict[str, click.Option]:
    return {name: param for param in command.params if isinstance(param, click.Option) and param.is_flag for name in param.opts}


def rewritten(args: list[str], booleans: dict[str, click.Option]) -> list[str]:
    """Arguments in the form that click reads; those behind "--" stay as they are."""
    found: list[str] = []
    for index, argument in enumerate(args):
        if argument == "--":
            return found + args[index:]
        name, equals, value = argument.partition("=")
        match = _SHORT.fullmatch(argument)
        if match is not None:
            short = f"-{match[1]}"
            if short not in booleans:
                found += [short, match[2]]
            elif match[2].lower() in ("true", "1", "t"):
                found.append(short)
        elif argument in _BARE:
            found.append(f"{argument}={_BARE[argument]}")
        elif equals and name in booleans:
            if value.lower() in ("true", "1", "t"):
                found.append(name)
            elif booleans[name].secondary_opts:
                found.append(booleans[name].secondary_opts[0])
        else:
            found.append(argument)
    return found


def command(parent: click.Group, name: str, help: str, *, without: tuple[str, ...] = ()) -> Callable[[Verb], click.Command]:
    """Make an async function the command `name`: it gets a Session and its own options by name.

    Args:
        without: flags of all commands that this one uses for something else.
    """

    def decorate(function: Verb) -> click.Command:
        @functools.wraps(function)
        def callback(flags: Flags, **options: Any) -> None:
            run(function, flags.over(outer_flags()), options)

        made: click.Command = parent.command(name, help=help)(global_options(callback, without=without))
        return made

    return decorate


def outer_flags() -> Flags:
    """The flags given before the command's name."""
    found = click.get_current_context().find_object(Flags)
    return found if found is not None else Flags()


def files(*, required: bool = False) -> Callable[[Any], Any]:
    """-f and -R."""

    def decorate(function: Any) -> Any:
        function = click.option("-R", "--recursive", is_flag=True, help="Also read directories inside directories.")(function)
        return click.option("-f", "--filename", multiple=True, required=required, help="File, directory or - with objects.")(function)

    return decorate


def writing(function: Any) -> Any:
    """The options of commands that write objects."""
    for option in (
        click.option("-o", "--output", default="", help="Show the object: name, yaml, json, jsonpath=…"),
        click.option("--dry-run", default="none", type=click.Choice(["none", "client", "server"]), help="Only say what would be done."),
        click.option("--field-manager", default="", help="Name of the owner of the fields."),
        click.option("--validate", default="true", help="strict, warn or ignore unknown fields."),
    ):
        function = option(function)
    return function


def saving(function: Any) -> Any:
    """The options of commands that write objects, and --save-config."""
    return writing(click.option("--save-config", is_flag=True, help="Remember the object for apply.")(function))


def selecting(function: Any) -> Any:
    """-l and --all."""
    function = click.option("-l", "--selector", default="", help="Label selector.")(function)
    return click.option("--all", "all_objects", is_flag=True, help="All objects of the type.")(function)
