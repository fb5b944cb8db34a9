"""kubectl edit and diff: change an object in an editor, and see what apply would change.

Source: kubectl pkg/cmd/{edit,diff}
"""

from __future__ import annotations

import asyncio
import os
import shlex
import tempfile
from pathlib import Path

from minikube_py.core.errors import StatusError

from .api import STRATEGIC_PATCH, Document
from .apply import patch_of, with_last_applied
from .errors import Exit, KubectlError, sentence
from .manifests import read, to_yaml
from .printers import without_managed_fields
from .session import Session
from .targets import Target, document_of, document_or_none, from_files, resolve

HEADER = """# Please edit the object below. Lines beginning with a '#' will be ignored,
# and an empty file will abort the edit. If an error occurs while saving this file will be
# reopened with the relevant failures.
#
"""


async def edit(session: Session, arguments: tuple[str, ...], filenames: tuple[str, ...]) -> None:
    for one in await resolve(session, arguments, filenames=filenames):
        document = without_managed_fields(await document_of(session, one))
        await _edit_one(session, one, to_yaml(document))


async def _edit_one(session: Session, one: Target, text: str) -> None:
    complaint = ""
    with tempfile.TemporaryDirectory(prefix="kubectl-edit-") as directory:
        file = Path(directory) / f"{one.name}.yaml"
        shown = text
        while True:
            file.write_text(HEADER + "".join(f"# {line}\n" for line in complaint.splitlines()) + shown)
            before = file.read_text()
            await _run(os.environ.get("KUBE_EDITOR") or os.environ.get("EDITOR") or "vi", str(file))
            after = file.read_text()
            if after == before or not "".join(line for line in after.splitlines() if not line.startswith("#")).strip():
                session.complain("Edit cancelled, no changes made.")
                return
            try:
                _, edited = read((str(file),))[0]
                await session.api.request("PUT", one.path, body=edited)
            except (StatusError, KubectlError) as error:
                complaint = sentence(error)
                shown = "\n".join(line for line in after.splitlines() if not line.startswith("#")) + "\n"
                continue
            session.print(f"{one.label} edited")
            return


async def _run(command: str, file: str) -> None:
    process = await asyncio.create_subprocess_exec(*shlex.split(command), file)
    if await process.wait():
        raise KubectlError(f"there was a problem with the editor {command!r}")


async def diff(session: Session, filenames: tuple[str, ...], *, server_side: bool) -> None:
    """Show what apply would change; ends with code 1 if that is anything."""
    with tempfile.TemporaryDirectory(prefix="LIVE-") as live, tempfile.TemporaryDirectory(prefix="MERGED-") as merged:
        for one in await from_files(session, filenames):
            current = await document_or_none(session, one)
            name = f"{one.resource.api_version.replace('/', '.')}.{one.resource.kind}.{one.namespace}.{one.name}"
            wanted = await _merged(session, one, current, server_side)
            for directory, document in ((live, current), (merged, wanted)):
                if document is not None:
                    (Path(directory) / name).write_text(to_yaml(without_managed_fields(document)))
        program = shlex.split(os.environ.get("KUBECTL_EXTERNAL_DIFF") or "diff -u -N")
        process = await asyncio.create_subprocess_exec(*program, live, merged, stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
        session.print(out.decode(errors="replace"), end="")
        if process.returncode:
            raise Exit(min(process.returncode, 2))


async def _merged(session: Session, one: Target, current: Document | None, server_side: bool) -> Document:
    """The object as it would be after apply, as the server says."""
    document = one.document or {}
    dry: dict[str, str | int] = {"dryRun": "All", "fieldManager": "kubectl-client-side-apply"}
    if server_side:
        return await session.api.patch(
            one.resource, one.namespace, one.name, document, "application/apply-patch+yaml", params={**dry, "fieldManager": "kubectl"})
    modified = with_last_applied(document)
    if current is None:
        return await session.api.request("POST", one.resource.path(one.namespace), body=modified, params=dry)
    patch, content_type = patch_of(current, modified, one)
    if not patch:
        return current
    return await session.api.patch(one.resource, one.namespace, one.name, patch, content_type or STRATEGIC_PATCH, params=dry)


