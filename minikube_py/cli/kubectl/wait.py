"""kubectl wait: until a condition holds, a JSONPath has a value, or an object is there or gone.

Source: kubectl pkg/cmd/wait
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from minikube_py.apis.jsonpath import JsonPathError, relaxed, text_of
from minikube_py.core.errors import ExpiredError, NotFoundError

from .api import Document
from .delete import wait_gone
from .errors import KubectlError
from .progress import waiting
from .session import Session
from .targets import Target, document_or_none, resolve

Check = Callable[[Document], bool]


@dataclass(slots=True)
class WaitOptions:
    condition: str = ""
    timeout_s: float = 30.0
    filename: tuple[str, ...] = ()
    selector: str = ""
    field_selector: str = ""
    all_objects: bool = False
    all_namespaces: bool = False


async def wait(session: Session, arguments: tuple[str, ...], options: WaitOptions) -> None:
    kind, check = parse_condition(options.condition)
    try:
        targets = await resolve(
            session, arguments, filenames=options.filename, labels=options.selector, fields=options.field_selector,
            all_objects=options.all_objects, all_namespaces=options.all_namespaces)
    except NotFoundError:
        if kind != "delete":
            raise
        targets = []
    if not targets:
        if kind == "delete":
            return
        raise KubectlError("no matching resources found")
    loop = asyncio.get_running_loop()
    deadline = loop.time() + (options.timeout_s if options.timeout_s >= 0 else 7 * 24 * 3600)
    late = []
    with waiting(session, "waiting") as show:
        for one in targets:
            show(f"waiting for {options.condition} of {one.label}")
            try:
                async with asyncio.timeout_at(max(deadline, loop.time() + 0.01)):
                    met = await wait_one(session, one, kind, check)
            except TimeoutError:
                late.append(f"timed out waiting for the condition on {one.resource.plural}/{one.name}")
                continue
            if met:
                session.print(f"{one.label} condition met")
                session.flush()
    if late:
        raise KubectlError("\n".join(late), plain=len(late) > 1)


def parse_condition(text: str) -> tuple[str, Check]:
    """What --for means: its kind ("delete", "create", "condition", "jsonpath") and a check of a document.

    Raises: KubectlError.
    """
    if text.lower() in ("delete", "create"):
        return text.lower(), lambda document: True
    kind, _, rest = text.partition("=")
    if kind.lower() == "condition":
        name, _, value = rest.partition("=")
        return "condition", _condition(name, value or "true")
    if kind == "jsonpath":
        path, equals, value = _split_jsonpath(rest)
        try:
            template = relaxed(path)
        except JsonPathError as error:
            raise KubectlError(f"error parsing jsonpath {path}, {error}") from error

        def holds(document: Document) -> bool:
            found = template.find(document)
            if not equals:
                return bool(found)
            return len(found) == 1 and text_of(found[0]) == value

        return "jsonpath", holds
    raise KubectlError(f'unrecognized condition: "{text}"')


def _split_jsonpath(text: str) -> tuple[str, bool, str]:
    if text.startswith("{") and "}" in text:
        path, rest = text[:text.rindex("}") + 1], text[text.rindex("}") + 1:]
        return path, rest.startswith("="), rest[1:].strip("\"'")
    path, equals, value = text.partition("=")
    return path, bool(equals), value.strip("\"'")


def _condition(name: str, wanted: str) -> Check:
    def holds(document: Document) -> bool:
        status = document.get("status") or {}
        for one in status.get("conditions") or ():
            if one.get("type", "").lower() == name.lower():
                generation = document["metadata"].get("generation", 0)
                observed = one.get("observedGeneration") or status.get("observedGeneration")
                if observed is not None and observed < generation:
                    return False
                return bool(one.get("status", "").lower() == wanted.lower())
        return False

    return holds


async def wait_one(session: Session, one: Target, kind: str, check: Check) -> bool:
    """Wait until a check holds of an object ("delete": until it is gone); False if there was nothing to wait for."""
    if kind == "delete":
        document = one.document or await document_or_none(session, one)
        if document is None:
            return False
        await wait_gone(session, one, document["metadata"].get("uid", ""))
        return True
    while True:
        document = await document_or_none(session, one)
        if document is None and kind != "create":
            raise KubectlError(f'Error from server (NotFound): {one.resource.group_resource} "{one.name}" not found', plain=True)
        if document is not None and check(document):
            return True
        if document is None:
            listed = await session.api.list_all(one.resource, one.namespace, fields=f"metadata.name={one.name}")
            version = listed["metadata"]["resourceVersion"]
        else:
            version = document["metadata"]["resourceVersion"]
        try:
            async for event in session.api.watch(
                one.resource, one.namespace, fields=f"metadata.name={one.name}", resource_version=version
            ):
                if event["type"] in ("ADDED", "MODIFIED") and check(event["object"]):
                    return True
                if event["type"] == "DELETED" and kind != "create":
                    break
        except ExpiredError:
            continue
