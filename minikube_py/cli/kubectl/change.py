"""kubectl scale, label, annotate, taint, patch and set image: small changes of single objects.

Source: kubectl pkg/cmd/{scale,label,annotate,taint,patch,set}
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from minikube_py.core.errors import ConflictError, NotFoundError

from .api import JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, Document
from .errors import KubectlError
from .printers import object_printer
from .session import Session
from .targets import Target, document_of, resolve

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
CONFLICT_TRIES = 5
_PATCH_TYPES = {"json": JSON_PATCH, "merge": MERGE_PATCH, "strategic": STRATEGIC_PATCH}


async def scale(session: Session, targets: list[Target], replicas: int, *, current_replicas: int = -1, dry_run: str = "none") -> None:
    if replicas < 0:
        raise KubectlError("The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0")
    for one in targets:
        if current_replicas >= 0:
            found = await session.api.request("GET", one.resource.path(one.namespace, one.name, "scale"))
            have = found["spec"].get("replicas", 0)
            if have != current_replicas:
                raise KubectlError(f"Expected replicas to be {current_replicas}, was {have}")
        params: dict[str, str | int] | None = {"dryRun": "All"} if dry_run != "none" else None
        patch = {"spec": {"replicas": replicas}}
        try:
            await session.api.patch(one.resource, one.namespace, one.name, patch, MERGE_PATCH, subresource="scale", params=params)
        except NotFoundError as error:
            raise KubectlError(f"no objects passed to scale {error.message}") from error
        session.print(f"{one.label} scaled" + _suffix(dry_run))


def split_changes(arguments: tuple[str, ...], what: str) -> tuple[tuple[str, ...], dict[str, str | None]]:
    """The arguments that name objects, and the changes "key=value" and "key-" behind them.

    Raises: KubectlError if there are no changes.
    """
    at = next((i for i, part in enumerate(arguments) if "=" in part or (part.endswith("-") and i > 0)), len(arguments))
    changes: dict[str, str | None] = {}
    for part in arguments[at:]:
        key, equals, value = part.partition("=")
        if equals:
            changes[key] = value
        elif part.endswith("-"):
            changes[part[:-1]] = None
        else:
            raise KubectlError(f"all resources must be specified before {what} changes: {part}")
    if not changes:
        raise KubectlError(f"at least one {what} update is required")
    return arguments[:at], changes


async def set_metadata(session: Session, targets: list[Target], field: str, changes: dict[str, str | None], *, overwrite: bool,
                       dry_run: str = "none", output: str = "") -> None:
    """Change labels or annotations."""
    verbs = ("labeled", "unlabeled") if field == "labels" else ("annotated", "annotated")
    for one in targets:
        document = one.document if one.document and one.document["metadata"].get("uid") else await document_of(session, one)
        have = document["metadata"].get(field) or {}
        if not overwrite:
            for key, value in changes.items():
                if value is not None and key in have and have[key] != value:
                    raise KubectlError(f"'{key}' already has a value ({have[key]}), and --overwrite is false")
        for key, value in changes.items():
            if value is None and key not in have and field == "labels":
                session.print(f'label "{key}" not found.')
        wanted = {key: value for key, value in changes.items() if have.get(key) != value}
        removed = bool(changes) and all(value is None for value in changes.values())
        verdict = verbs[1] if removed else verbs[0]
        if not wanted and field == "labels":
            verdict = "not labeled"
        elif wanted and dry_run != "client":
            params: dict[str, str | int] | None = {"dryRun": "All"} if dry_run == "server" else None
            patch = {"metadata": {field: wanted}}
            document = await session.api.patch(one.resource, one.namespace, one.name, patch, MERGE_PATCH, params=params)
        printer = object_printer(output) if output else None
        session.print(printer(document) if printer else f"{one.label} {verdict}{_suffix(dry_run)}\n", end="")


async def taint(session: Session, targets: list[Target], changes: tuple[str, ...], *, overwrite: bool) -> None:
    added, removed = [], []
    for change in changes:
        body, minus = (change[:-1], True) if change.endswith("-") else (change, False)
        keyed, _, effect = body.partition(":")
        key, _, value = keyed.partition("=")
        if minus:
            removed.append((key, effect))
        elif effect not in EFFECTS:
            raise KubectlError(f"invalid taint effect: {effect}, unsupported taint effect" if effect else f"invalid taint spec: {change}")
        else:
            added.append({"key": key, "effect": effect, **({"value": value} if value else {})})
    for one in targets:
        await _taint_one(session, one, added, removed, overwrite)


async def _taint_one(session: Session, one: Target, added: list[Document], removed: list[tuple[str, str]], overwrite: bool) -> None:
    for attempt in range(CONFLICT_TRIES):
        document = await document_of(session, one)
        taints = list((document.get("spec") or {}).get("taints") or ())
        for new in added:
            same = [t for t in taints if (t["key"], t["effect"]) == (new["key"], new["effect"])]
            if same and not overwrite:
                raise KubectlError(f"node {one.name} already has {new['key']} taint(s) with same effect(s) and --overwrite is false")
            taints = [t for t in taints if t not in same] + [new]
        for key, effect in removed:
            kept = [t for t in taints if not (t["key"] == key and (not effect or t["effect"] == effect))]
            if len(kept) == len(taints):
                raise KubectlError(f'taint "{key}{":" + effect if effect else ""}" not found')
            taints = kept
        patch = {"metadata": {"resourceVersion": document["metadata"]["resourceVersion"]}, "spec": {"taints": taints or None}}
        try:
            await session.api.patch(one.resource, "", one.name, patch, MERGE_PATCH)
        except ConflictError:
            if attempt == CONFLICT_TRIES - 1:
                raise
            continue
        verb = "modified" if added and removed else "tainted" if added else "untainted"
        session.print(f"node/{one.name} {verb}")
        return


async def patch_objects(session: Session, targets: list[Target], text: str, patch_type: str, *, output: str = "", subresource: str = "",
                        dry_run: str = "none") -> None:
    if patch_type not in _PATCH_TYPES:
        raise KubectlError(f'--type must be one of [json merge strategic], not "{patch_type}"')
    try:
        patch: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise KubectlError(f'unable to parse "{text}": {error}') from error
    if not isinstance(patch, dict | list):
        raise KubectlError(f'unable to parse "{text}": {json.dumps(patch)} is no patch')
    for one in targets:
        before = await document_of(session, one)
        params: dict[str, str | int] | None = {"dryRun": "All"} if dry_run != "none" else None
        after = await session.api.patch(
            one.resource, one.namespace, one.name, patch, _PATCH_TYPES[patch_type], subresource=subresource, params=params)
        if output == "name":
            session.print(one.label)
            continue
        printer = object_printer(output) if output else None
        verdict = f"{one.label} patched" + (" (no change)" if before == after else "") + _suffix(dry_run) + "\n"
        session.print(printer(after) if printer else verdict, end="")


async def set_image(session: Session, arguments: tuple[str, ...], *, labels: str = "", all_objects: bool = False) -> None:
    """kubectl set image TYPE/NAME container=image …; "*" is every container."""
    names, images = split_changes(arguments, "container image")
    for one in await resolve(session, names, labels=labels, all_objects=all_objects):
        document = await document_of(session, one)
        path = ["spec"] if one.resource.kind == "Pod" else ["spec", "template", "spec"]
        if one.resource.kind == "CronJob":
            path = ["spec", "jobTemplate", "spec", "template", "spec"]
        spec = document
        for step in path:
            spec = spec[step]
        patch: dict[str, list[Document]] = {}
        for container, image in images.items():
            found = False
            for kind in ("containers", "initContainers"):
                for known in spec.get(kind) or ():
                    if container in ("*", known["name"]):
                        found = True
                        if known.get("image") != image:
                            patch.setdefault(kind, []).append({"name": known["name"], "image": image})
            if not found:
                raise KubectlError(f'unable to find container named "{container}"')
        if not patch:
            continue
        body: Document = patch
        for step in reversed(path):
            body = {step: body}
        await session.api.patch(one.resource, one.namespace, one.name, body, STRATEGIC_PATCH)
        session.print(f"{one.label} image updated")


def _suffix(dry_run: str) -> str:
    return {"client": " (dry run)", "server": " (server dry run)"}.get(dry_run, "")
