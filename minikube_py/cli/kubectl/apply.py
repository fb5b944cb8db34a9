"""kubectl apply, create -f and replace: bring objects to what files say.

Client-side apply remembers what was applied in an annotation and patches three ways; --server-side leaves it to the server.
Source: kubectl pkg/cmd/apply/{apply,patcher}.go, pkg/util/apply.go
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import Any

from minikube_py.apis.object import Object
from minikube_py.apis.scheme import type_of
from minikube_py.core.errors import ConflictError, NotFoundError, StatusError

from .api import MERGE_PATCH, STRATEGIC_PATCH, Document
from .delete import DeleteOptions, delete_targets
from .errors import Exit, KubectlError, sentence, usage
from .merge import three_way_merge, three_way_strategic
from .printers import object_printer
from .session import Session
from .targets import Collection, Target, document_or_none, expand, from_files, types

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
CONFLICT_TRIES = 5
FIELD_MANAGER = "kubectl-client-side-apply"


@dataclass(slots=True)
class ApplyOptions:
    filename: tuple[str, ...] = ()
    recursive: bool = False
    output: str = ""
    dry_run: str = "none"
    server_side: bool = False
    force_conflicts: bool = False
    field_manager: str = ""
    validate: str = "true"
    prune: bool = False
    selector: str = ""
    force: bool = False
    quiet: bool = False
    save_config: bool = False


async def apply(session: Session, options: ApplyOptions) -> None:
    if not options.filename:
        raise KubectlError("must specify one of -f and -k")
    targets = await from_files(session, options.filename, recursive=options.recursive)
    applied, failed = [], False
    for target in targets:
        try:
            document, verdict = await _apply_one(session, target, options)
        except StatusError as error:
            failed = True
            session.complain(sentence(_with_source(error, target.source, "creating")))
            continue
        name = document["metadata"].get("name", "")
        applied.append((target, name))
        show_result(session, target, document, verdict, options)
    if options.prune and not failed:
        await _prune(session, targets, options)
    if failed:
        raise Exit(1)


def show_result(session: Session, target: Target, document: Document, verdict: str, options: ApplyOptions) -> None:
    """ "deployment.apps/web created", or the object in the form of -o."""
    if options.quiet:
        return
    name = f"{target.resource.print_name}/{document['metadata'].get('name', '')}"
    if options.output == "name":
        session.print(name)
    elif options.output:
        printer = object_printer(options.output)
        session.print(printer(document) if printer is not None else name, end="")
    else:
        suffix = {"client": " (dry run)", "server": " (server dry run)"}.get(options.dry_run, "")
        session.print(f"{name} {verdict}{suffix}")
    session.flush()


def query(options: ApplyOptions, manager: str = FIELD_MANAGER) -> dict[str, str | int]:
    """The parameters of a write."""
    params: dict[str, str | int] = {"fieldManager": options.field_manager or manager}
    if options.dry_run == "server":
        params["dryRun"] = "All"
    params["fieldValidation"] = {"warn": "Warn", "false": "Ignore", "ignore": "Ignore"}.get(options.validate, "Strict")
    return params


async def _apply_one(session: Session, target: Target, options: ApplyOptions) -> tuple[Document, str]:
    if target.document is None:
        raise ValueError("apply needs documents")
    if not target.name:
        raise KubectlError(f"error when retrieving current configuration of: {target.source}: resource name may not be empty")
    if options.server_side:
        return await _apply_server_side(session, target, options)
    modified = with_last_applied(target.document)
    for _ in range(CONFLICT_TRIES):
        current = await document_or_none(session, target)
        if current is None:
            if options.dry_run == "client":
                return modified, "created"
            path = target.resource.path(target.namespace)
            return await session.api.request("POST", path, body=modified, params=query(options)), "created"
        patch, content_type = patch_of(current, modified, target)
        if not patch:
            return current, "unchanged"
        if options.dry_run == "client":
            return modified, "configured"
        try:
            patched = await session.api.patch(
                target.resource, target.namespace, target.name, patch, content_type, params=query(options))
        except ConflictError:
            continue
        return patched, "configured"
    raise KubectlError(f"{target.label} is changed by others faster than it can be patched")


async def _apply_server_side(session: Session, target: Target, options: ApplyOptions) -> tuple[Document, str]:
    params = query(options, "kubectl")
    if options.force_conflicts:
        params["force"] = "true"
    document = copy.deepcopy(target.document or {})
    document.get("metadata", {}).get("annotations", {}).pop(LAST_APPLIED, None)
    found = await session.api.patch(
        target.resource, target.namespace, target.name, document, "application/apply-patch+yaml", params=params)
    return found, "serverside-applied"


def with_last_applied(document: Document) -> Document:
    """The document with itself in the annotation from which the next apply learns what was removed."""
    modified = copy.deepcopy(document)
    annotations = modified["metadata"].get("annotations") or {}
    annotations.pop(LAST_APPLIED, None)
    bare = copy.deepcopy(modified)
    bare["metadata"]["annotations"] = annotations
    text = json.dumps(bare, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    modified["metadata"]["annotations"] = {**annotations, LAST_APPLIED: text + "\n"}
    return modified


def patch_of(current: Document, modified: Document, target: Target) -> tuple[Any, str]:
    """The patch that applies `modified`, and its type; an empty one if nothing is to be done."""
    text = (current.get("metadata", {}).get("annotations") or {}).get(LAST_APPLIED, "")
    original: Document = json.loads(text) if text else {}
    struct = _struct(target)
    if struct is None:
        patch = three_way_merge(original, modified, current)
        content_type = MERGE_PATCH
    else:
        patch = three_way_strategic(original, modified, current, struct)
        content_type = STRATEGIC_PATCH
    for name in ("apiVersion", "kind"):
        patch.pop(name, None)
    return patch, content_type


def _struct(target: Target) -> type[Object] | None:
    try:
        return type_of(target.resource.group, target.resource.version, target.resource.kind)
    except KeyError:
        return None


def _with_source(error: StatusError, source: str, verb: str) -> StatusError:
    if not isinstance(error, NotFoundError) and error.reason != "Invalid":
        error.message = f'error when {verb} "{source}": {error.message}'
    return error


async def _prune(session: Session, targets: list[Target], options: ApplyOptions) -> None:
    """Delete what an earlier apply made, the selector matches and the files no longer have."""
    if not options.selector:
        raise KubectlError("all resources selected for prune without explicitly passing --all. To prune all resources, pass the --all flag")
    kept = {(t.resource.group_resource, t.namespace, t.name) for t in targets}
    namespaces = {t.namespace for t in targets if t.namespace} or {session.namespace}
    words = ("configmaps,endpoints,persistentvolumeclaims,pods,replicationcontrollers,secrets,services,jobs.batch,cronjobs.batch,"
             "ingresses.networking.k8s.io,daemonsets.apps,deployments.apps,replicasets.apps,statefulsets.apps")
    collections = [Collection(resource, namespace) for resource in await types(session, words) for namespace in sorted(namespaces)]
    old = [
        t for t in await expand(session, collections, labels=options.selector)
        if LAST_APPLIED in ((t.document or {}).get("metadata", {}).get("annotations") or {})
        and (t.resource.group_resource, t.namespace, t.name) not in kept
    ]
    await delete_targets(session, old, DeleteOptions(wait=False, dry_run=options.dry_run), verb="pruned")


async def create_from_files(session: Session, options: ApplyOptions) -> None:
    """kubectl create -f."""
    if not options.filename:
        raise usage("create", "must specify one of -f and -k")
    failed = False
    for target in await from_files(session, options.filename, recursive=options.recursive):
        document = with_last_applied(target.document or {}) if options.save_config else target.document or {}
        try:
            if options.dry_run != "client":
                path = target.resource.path(target.namespace)
                document = await session.api.request("POST", path, body=document, params=query(options, "kubectl-create"))
        except StatusError as error:
            failed = True
            session.complain(sentence(_with_source(error, target.source, "creating")))
            continue
        show_result(session, target, document, "created", options)
    if failed:
        raise Exit(1)


async def replace_from_files(session: Session, options: ApplyOptions) -> None:
    """kubectl replace -f."""
    failed = False
    for target in await from_files(session, options.filename, recursive=options.recursive):
        try:
            if options.force:
                await delete_targets(session, [target], DeleteOptions(wait=True, ignore_not_found=True, grace_period=0), quiet=True)
                path, method, verdict = target.resource.path(target.namespace), "POST", "replaced"
            else:
                path, method, verdict = target.path, "PUT", "replaced"
            document = await session.api.request(method, path, body=target.document, params=query(options, "kubectl-replace"))
        except StatusError as error:
            failed = True
            session.complain(sentence(_with_source(error, target.source, "replacing")))
            continue
        show_result(session, target, document, verdict, options)
    if failed:
        raise Exit(1)
