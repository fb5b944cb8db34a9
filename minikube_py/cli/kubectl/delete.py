"""kubectl delete.

Source: kubectl pkg/cmd/delete/delete.go
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from minikube_py.core.errors import ExpiredError, NotFoundError, StatusError

from .errors import Exit, KubectlError, sentence
from .progress import waiting
from .session import Session
from .targets import Target, document_or_none, resolve


@dataclass(slots=True)
class DeleteOptions:
    """The flags of delete; `grace_period` below 0 is the object's own."""

    filename: tuple[str, ...] = ()
    recursive: bool = False
    selector: str = ""
    field_selector: str = ""
    all_objects: bool = False
    all_namespaces: bool = False
    grace_period: int = -1
    now: bool = False
    force: bool = False
    wait: bool = True
    timeout_s: float = 0.0
    cascade: str = "background"
    ignore_not_found: bool = False
    output: str = ""
    dry_run: str = "none"


async def delete(session: Session, arguments: tuple[str, ...], options: DeleteOptions) -> None:
    if options.now:
        options.grace_period = 1
    if options.force and options.grace_period < 0:
        options.grace_period = 0
    if options.grace_period == 0 and not options.force:
        options.grace_period, options.wait = 1, True
    if options.force and options.grace_period == 0:
        session.complain("Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. "
                         "The resource may continue to run on the cluster indefinitely.")
    targets = await resolve(
        session, arguments, filenames=options.filename, labels=options.selector, fields=options.field_selector,
        all_objects=options.all_objects, all_namespaces=options.all_namespaces, recursive=options.recursive,
    )
    if not targets:
        session.print("No resources found")
        return
    if options.selector or options.all_objects:
        options.ignore_not_found = True
    await delete_targets(session, targets, options)


async def delete_targets(session: Session, targets: list[Target], options: DeleteOptions, *, verb: str = "", quiet: bool = False) -> None:
    """Delete objects, say so, and wait until they are gone."""
    failed, leaving = False, []
    for target in targets:
        try:
            answer = await session.api.request("DELETE", target.path, body=_body(options))
        except NotFoundError as error:
            if not options.ignore_not_found:
                failed = True
                session.complain(sentence(error))
            continue
        except StatusError as error:
            failed = True
            session.complain(sentence(error))
            continue
        metadata = answer.get("metadata") or {}
        leaving.append((target, metadata.get("uid") or (answer.get("details") or {}).get("uid", "")))
        if not quiet:
            session.print(_said(session, target, options, verb))
            session.flush()
    if options.wait and options.dry_run == "none" and not failed:
        await wait_deleted(session, leaving, options.timeout_s)
    if failed:
        raise Exit(1)


def _said(session: Session, target: Target, options: DeleteOptions, verb: str) -> str:
    if options.output == "name":
        return target.label
    verb = verb or ("force deleted" if options.force and options.grace_period == 0 else "deleted")
    suffix = {"client": " (dry run)", "server": " (server dry run)"}.get(options.dry_run, "")
    kind = target.resource.print_name
    where = f" from {target.namespace} namespace" if target.namespace and verb != "pruned" else ""
    if verb == "pruned":
        return f"{target.label} pruned{suffix}"
    return f'{kind} "{target.name}" {verb}{where}{suffix}'


def _body(options: DeleteOptions) -> dict[str, Any]:
    policies = {"background": "Background", "foreground": "Foreground", "orphan": "Orphan", "true": "Background", "false": "Orphan"}
    if options.cascade not in policies:
        raise KubectlError(f'invalid cascade value ({options.cascade}). Must be "background", "foreground", or "orphan"')
    body: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policies[options.cascade]}
    if options.grace_period >= 0:
        body["gracePeriodSeconds"] = options.grace_period
    if options.dry_run == "server":
        body["dryRun"] = ["All"]
    return body


async def wait_deleted(session: Session, leaving: list[tuple[Target, str]], timeout_s: float) -> None:
    """Wait until the objects are gone, or others with their names have come.

    Raises: KubectlError if it takes longer than `timeout_s` (0 is a week).
    """
    try:
        async with asyncio.timeout(timeout_s or 7 * 24 * 3600):
            with waiting(session, "waiting for deletion") as show:
                for number, (target, uid) in enumerate(leaving):
                    show(f"waiting for {target.label} to be gone ({number + 1} of {len(leaving)})")
                    await wait_gone(session, target, uid)
    except TimeoutError:
        raise KubectlError(f"timed out waiting for the condition on {leaving[0][0].resource.plural}/{leaving[0][0].name}") from None


async def wait_gone(session: Session, target: Target, uid: str) -> None:
    while True:
        document = await document_or_none(session, target)
        if document is None or (uid and document["metadata"].get("uid") != uid):
            return
        try:
            async for event in session.api.watch(
                target.resource, target.namespace, fields=f"metadata.name={target.name}",
                resource_version=document["metadata"]["resourceVersion"],
            ):
                if event["type"] == "DELETED":
                    return
        except ExpiredError:
            continue
