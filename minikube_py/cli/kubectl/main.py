"""`kubectl`: all commands, and here those that show things."""

from __future__ import annotations

import click

from . import changes_main, info, top, workloads_main
from .command_line import KubectlGroup, command, files, outer_flags
from .copy import copy
from .describe.describe import describe
from .durations import parse_duration
from .exec import ExecOptions, attach, exec_
from .explain import explain
from .get import GetOptions, get
from .group import kubectl
from .logs import LogOptions, logs
from .port_forward import port_forward
from .session import Flags, Session
from .wait import WaitOptions, wait


@command(kubectl, "get", "Show objects.")
@click.argument("arguments", nargs=-1)
@click.option("-o", "--output", default="", help="wide, yaml, json, name, jsonpath=…, custom-columns=…")
@click.option("-A", "--all-namespaces", is_flag=True)
@click.option("-l", "--selector", default="")
@click.option("--field-selector", default="")
@click.option("-w", "--watch", is_flag=True, help="Then show changes.")
@click.option("--watch-only", is_flag=True, help="Show changes only.")
@click.option("--output-watch-events", is_flag=True)
@click.option("--no-headers", is_flag=True)
@click.option("--show-labels", is_flag=True)
@click.option("-L", "--label-columns", multiple=True)
@click.option("--sort-by", default="")
@click.option("--show-kind", is_flag=True)
@click.option("--show-managed-fields", is_flag=True)
@click.option("--ignore-not-found", is_flag=True)
@click.option("--chunk-size", default=500)
@click.option("--template", default="")
@click.option("--raw", default="", help="Path on the server.")
@files()
async def get_command(session: Session, arguments: tuple[str, ...], label_columns: tuple[str, ...], **options: object) -> None:
    labels = tuple(label for part in label_columns for label in part.split(","))
    await get(session, arguments, GetOptions(label_columns=labels, **options))  # type: ignore[arg-type]


@command(kubectl, "describe", "Show one object in words, with its events.")
@click.argument("arguments", nargs=-1)
@click.option("-l", "--selector", default="")
@click.option("-A", "--all-namespaces", is_flag=True)
@click.option("--show-events/--no-show-events", default=True)
@files()
async def describe_command(
    session: Session, arguments: tuple[str, ...], selector: str, all_namespaces: bool, show_events: bool, filename: tuple[str, ...],
    recursive: bool,
) -> None:
    await describe(session, arguments, filenames=filename, labels=selector, all_namespaces=all_namespaces, show_events=show_events)


@command(kubectl, "logs", "Show what containers have written.")
@click.argument("arguments", nargs=-1)
@click.option("-c", "--container", default="")
@click.option("-f", "--follow", is_flag=True)
@click.option("-p", "--previous", is_flag=True)
@click.option("--tail", default=-1)
@click.option("--since", default="")
@click.option("--since-time", default="")
@click.option("--timestamps", is_flag=True)
@click.option("--limit-bytes", default=0)
@click.option("-l", "--selector", default="")
@click.option("--all-containers", is_flag=True)
@click.option("--prefix", is_flag=True)
@click.option("--max-log-requests", default=5)
@click.option("--ignore-errors", is_flag=True)
async def logs_command(session: Session, arguments: tuple[str, ...], **options: object) -> None:
    await logs(session, arguments, LogOptions(**options))  # type: ignore[arg-type]


@command(kubectl, "exec", "Run a command in a container.")
@click.argument("pod")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("-c", "--container", default="")
@click.option("-i", "--stdin", is_flag=True)
@click.option("-t", "--tty", is_flag=True)
@click.option("-q", "--quiet", is_flag=True)
async def exec_command(session: Session, pod: str, arguments: tuple[str, ...], **options: object) -> None:
    await exec_(session, pod, arguments, ExecOptions(**options))  # type: ignore[arg-type]


@command(kubectl, "attach", "Join the input and output of a running container.")
@click.argument("pod")
@click.option("-c", "--container", default="")
@click.option("-i", "--stdin", is_flag=True)
@click.option("-t", "--tty", is_flag=True)
@click.option("-q", "--quiet", is_flag=True)
async def attach_command(session: Session, pod: str, **options: object) -> None:
    await attach(session, pod, ExecOptions(**options))  # type: ignore[arg-type]


@command(kubectl, "port-forward", "Let ports of this machine lead into a pod.")
@click.argument("what")
@click.argument("ports", nargs=-1, required=True)
@click.option("--address", default="localhost", help="Addresses to listen on, with commas between.")
async def port_forward_command(session: Session, what: str, ports: tuple[str, ...], address: str) -> None:
    await port_forward(session, what, ports, address.split(","))


@command(kubectl, "cp", "Copy files to and from containers.")
@click.argument("source")
@click.argument("destination")
@click.option("-c", "--container", default="")
async def cp_command(session: Session, source: str, destination: str, container: str) -> None:
    await copy(session, source, destination, container=container)


@command(kubectl, "wait", "Wait for a condition of objects.")
@click.argument("arguments", nargs=-1)
@click.option("--for", "condition", required=True, help="condition=NAME[=VALUE], delete, create, jsonpath=…")
@click.option("--timeout", default="30s")
@click.option("-l", "--selector", default="")
@click.option("--field-selector", default="")
@click.option("--all", "all_objects", is_flag=True)
@click.option("-A", "--all-namespaces", is_flag=True)
@files()
async def wait_command(session: Session, arguments: tuple[str, ...], timeout: str, recursive: bool, **options: object) -> None:
    await wait(session, arguments, WaitOptions(timeout_s=parse_duration(timeout), **options))  # type: ignore[arg-type]


@command(kubectl, "version", "Show the versions of this program and of the server.")
@click.option("--client", is_flag=True)
@click.option("-o", "--output", default="")
async def version_command(session: Session, client: bool, output: str) -> None:
    await info.version(session, client=client, output=output)


@command(kubectl, "cluster-info", "Show the address of the control plane.")
async def cluster_info_command(session: Session) -> None:
    await info.cluster_info(session)


@command(kubectl, "api-resources", "Show what kinds of objects the server has.")
@click.option("--api-group", "group", default=None)
@click.option("--namespaced/--no-namespaced", default=None)
@click.option("--verbs", default="")
@click.option("--categories", default="")
@click.option("-o", "--output", default="")
@click.option("--no-headers", is_flag=True)
@click.option("--sort-by", default="")
async def api_resources_command(session: Session, no_headers: bool, **options: object) -> None:
    await info.api_resources(session, info.ResourceListOptions(headers=not no_headers, **options))  # type: ignore[arg-type]


@command(kubectl, "api-versions", "Show the group-versions of the server.")
async def api_versions_command(session: Session) -> None:
    await info.api_versions(session)


@command(kubectl, "explain", "Show the fields of a kind.")
@click.argument("path")
@click.option("--recursive", is_flag=True)
@click.option("--api-version", default="")
async def explain_command(session: Session, path: str, recursive: bool, api_version: str) -> None:
    await explain(session, path, recursive=recursive, api_version=api_version)


@command(kubectl, "events", "Show what has happened.")
@click.option("--for", "for_object", default="", help="TYPE/NAME")
@click.option("-A", "--all-namespaces", is_flag=True)
@click.option("--types", default="")
@click.option("--no-headers", is_flag=True)
@click.option("-w", "--watch", is_flag=True)
async def events_command(
    session: Session, for_object: str, all_namespaces: bool, types: str, no_headers: bool, watch: bool
) -> None:
    await top.events(
        session, for_object=for_object, all_namespaces=all_namespaces, types=types, headers=not no_headers, watch=watch)


@kubectl.group("top", cls=KubectlGroup)
def top_group() -> None:
    """Show what nodes and pods use."""


@command(top_group, "nodes", "Show what nodes use.")
@click.argument("name", default="")
@click.option("-l", "--selector", default="")
@click.option("--sort-by", default="")
@click.option("--no-headers", is_flag=True)
async def top_nodes_command(session: Session, name: str, selector: str, sort_by: str, no_headers: bool) -> None:
    await top.nodes(session, name, labels=selector, sort_by=sort_by, headers=not no_headers)


@command(top_group, "pods", "Show what pods use.")
@click.argument("name", default="")
@click.option("-l", "--selector", default="")
@click.option("-A", "--all-namespaces", is_flag=True)
@click.option("--containers", is_flag=True)
@click.option("--sort-by", default="")
@click.option("--no-headers", is_flag=True)
async def top_pods_command(
    session: Session, name: str, selector: str, all_namespaces: bool, containers: bool, sort_by: str, no_headers: bool
) -> None:
    await top.pods(
        session, name, labels=selector, all_namespaces=all_namespaces, containers=containers, sort_by=sort_by, headers=not no_headers)


for _name, _command in (("node", top_nodes_command), ("pod", top_pods_command), ("po", top_pods_command), ("no", top_nodes_command)):
    top_group.add_command(_command, _name)


@kubectl.group("auth", cls=KubectlGroup)
def auth() -> None:
    """Ask what one may do."""


@command(auth, "can-i", "Whether an action is allowed.")
@click.argument("arguments", nargs=-1)
@click.option("-A", "--all-namespaces", is_flag=True)
@click.option("--subresource", default="")
@click.option("-q", "--quiet", is_flag=True)
async def can_i_command(session: Session, arguments: tuple[str, ...], all_namespaces: bool, subresource: str, quiet: bool) -> None:
    await info.can_i(session, arguments, all_namespaces=all_namespaces, subresource=subresource, quiet=quiet)


@command(auth, "whoami", "Who the server takes one for.")
async def whoami_command(session: Session) -> None:
    await info.whoami(session)


@kubectl.group("config", cls=KubectlGroup)
@click.option("--kubeconfig", default="", help="Path of the kubeconfig.")
@click.pass_context
def config(ctx: click.Context, kubeconfig: str) -> None:
    """Look at and change the kubeconfig."""
    ctx.obj = Flags(kubeconfig=kubeconfig).over(ctx.find_object(Flags) or Flags())


@config.command("view")
@click.option("--raw", is_flag=True)
@click.option("--minify", is_flag=True)
@click.option("-o", "--output", default="yaml")
def config_view(raw: bool, minify: bool, output: str) -> None:
    """Show the kubeconfig."""
    click.echo(info.config_view(info.load_config(outer_flags().kubeconfig), raw=raw, minify=minify, output=output), nl=False)


@config.command("get-contexts")
def config_get_contexts() -> None:
    """Show the contexts."""
    click.echo("\n".join(info.contexts_table(info.load_config(outer_flags().kubeconfig))))


@config.command("current-context")
def config_current_context() -> None:
    """Show the current context."""
    current = info.load_config(outer_flags().kubeconfig).current_context
    if not current:
        raise click.ClickException("current-context is not set")
    click.echo(current)


@config.command("use-context")
@click.argument("name")
def config_use_context(name: str) -> None:
    """Make a context the current one."""
    info.use_context(info.load_config(outer_flags().kubeconfig), name)
    click.echo(f'Switched to context "{name}".')


@config.command("set-context")
@click.option("--current", is_flag=True, required=True)
@click.option("--namespace", required=True)
def config_set_context(current: bool, namespace: str) -> None:
    """Set the namespace of the current context."""
    click.echo(f'Context "{info.set_namespace(info.load_config(outer_flags().kubeconfig), namespace)}" modified.')


__all__ = ["changes_main", "kubectl", "workloads_main"]
