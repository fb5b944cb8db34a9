"""The commands about running workloads, nodes and their certificates: rollout, scale, set image, cordon, uncordon, drain, certificate."""

from __future__ import annotations

import click

from . import rollout as rolling
from .certificates import APPROVE, DENY, decide
from .change import scale, set_image
from .command_line import KubectlGroup, command, files, selecting
from .drain import DrainOptions, cordon, drain, nodes_of
from .durations import parse_duration
from .group import kubectl
from .session import Session
from .targets import resolve


@command(kubectl, "scale", "Set the number of replicas.")
@click.argument("arguments", nargs=-1)
@files()
@selecting
@click.option("--replicas", type=int, required=True)
@click.option("--current-replicas", default=-1)
@click.option("--dry-run", default="none")
async def scale_command(session: Session, arguments: tuple[str, ...], filename: tuple[str, ...], recursive: bool, selector: str,
                        all_objects: bool, replicas: int, current_replicas: int, dry_run: str) -> None:
    targets = await resolve(session, arguments, filenames=filename, labels=selector, all_objects=all_objects, recursive=recursive)
    await scale(session, targets, replicas, current_replicas=current_replicas, dry_run=dry_run)


@kubectl.group("set", cls=KubectlGroup)
def set_() -> None:
    """Change one thing of workloads."""


@command(set_, "image", "Set the image of containers.")
@click.argument("arguments", nargs=-1)
@selecting
async def set_image_command(session: Session, arguments: tuple[str, ...], selector: str, all_objects: bool) -> None:
    await set_image(session, arguments, labels=selector, all_objects=all_objects)


@kubectl.group("rollout", cls=KubectlGroup)
def rollout() -> None:
    """Follow and steer the rollout of workloads."""


@command(rollout, "status", "Wait until a rollout is done.")
@click.argument("arguments", nargs=-1)
@click.option("-w", "--watch/--no-watch", default=True)
@click.option("--timeout", default="0s")
@click.option("--revision", default=0)
async def rollout_status(session: Session, arguments: tuple[str, ...], watch: bool, timeout: str, revision: int) -> None:
    await rolling.status(session, arguments, watch=watch, timeout_s=parse_duration(timeout), revision=revision)


@command(rollout, "history", "Show the revisions of a workload.")
@click.argument("arguments", nargs=-1)
@click.option("--revision", default=0)
@click.option("-o", "--output", default="")
async def rollout_history(session: Session, arguments: tuple[str, ...], revision: int, output: str) -> None:
    await rolling.history(session, arguments, revision=revision, output=output)


@command(rollout, "undo", "Go back to an earlier revision.")
@click.argument("arguments", nargs=-1)
@click.option("--to-revision", default=0)
@click.option("--dry-run", default="none")
async def rollout_undo(session: Session, arguments: tuple[str, ...], to_revision: int, dry_run: str) -> None:
    await rolling.undo(session, arguments, to_revision=to_revision, dry_run=dry_run)


@command(rollout, "restart", "Replace all pods of a workload.")
@click.argument("arguments", nargs=-1)
@click.option("-l", "--selector", default="")
@click.option("--dry-run", default="none")
async def rollout_restart(session: Session, arguments: tuple[str, ...], selector: str, dry_run: str) -> None:
    await rolling.restart(session, arguments, labels=selector, dry_run=dry_run)


@command(rollout, "pause", "Hold a rollout.")
@click.argument("arguments", nargs=-1)
async def rollout_pause(session: Session, arguments: tuple[str, ...]) -> None:
    await rolling.pause(session, arguments, paused=True)


@command(rollout, "resume", "Go on with a rollout.")
@click.argument("arguments", nargs=-1)
async def rollout_resume(session: Session, arguments: tuple[str, ...]) -> None:
    await rolling.pause(session, arguments, paused=False)


@command(kubectl, "cordon", "Keep new pods away from nodes.")
@click.argument("names", nargs=-1)
@click.option("-l", "--selector", default="")
@click.option("--dry-run", default="none")
async def cordon_command(session: Session, names: tuple[str, ...], selector: str, dry_run: str) -> None:
    await cordon(session, await nodes_of(session, names, selector), on=True, dry_run=dry_run)


@command(kubectl, "uncordon", "Let nodes take pods again.")
@click.argument("names", nargs=-1)
@click.option("-l", "--selector", default="")
@click.option("--dry-run", default="none")
async def uncordon_command(session: Session, names: tuple[str, ...], selector: str, dry_run: str) -> None:
    await cordon(session, await nodes_of(session, names, selector), on=False, dry_run=dry_run)


@command(kubectl, "drain", "Move all pods away from nodes.")
@click.argument("names", nargs=-1)
@click.option("--force", is_flag=True)
@click.option("--ignore-daemonsets", is_flag=True)
@click.option("--delete-emptydir-data", is_flag=True)
@click.option("--grace-period", default=-1)
@click.option("--timeout", default="0s")
@click.option("--disable-eviction", is_flag=True)
@click.option("-l", "--selector", default="")
@click.option("--pod-selector", default="")
@click.option("--dry-run", default="none")
async def drain_command(session: Session, names: tuple[str, ...], timeout: str, **options: object) -> None:
    chosen = DrainOptions(timeout_s=parse_duration(timeout), **options)  # type: ignore[arg-type]
    await drain(session, await nodes_of(session, names, chosen.selector), chosen)


@kubectl.group("certificate", cls=KubectlGroup)
def certificate() -> None:
    """Decide about certificate signing requests."""


@command(certificate, "approve", "Approve certificate signing requests.")
@click.argument("names", nargs=-1)
@click.option("-f", "--filename", multiple=True)
@click.option("--force", is_flag=True)
async def certificate_approve(session: Session, names: tuple[str, ...], filename: tuple[str, ...], force: bool) -> None:
    await decide(session, APPROVE, names, filename, force=force)


@command(certificate, "deny", "Deny certificate signing requests.")
@click.argument("names", nargs=-1)
@click.option("-f", "--filename", multiple=True)
@click.option("--force", is_flag=True)
async def certificate_deny(session: Session, names: tuple[str, ...], filename: tuple[str, ...], force: bool) -> None:
    await decide(session, DENY, names, filename, force=force)
