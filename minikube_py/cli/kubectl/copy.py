"""kubectl cp: files to and from containers, through tar in the container.

Source: kubectl pkg/cmd/cp
"""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .errors import KubectlError
from .exec import run_in_container
from .session import Session


@dataclass(frozen=True, slots=True)
class Place:
    """A path, in a pod or (without one) on this machine."""

    path: str
    pod: str = ""
    namespace: str = ""


def place(text: str) -> Place:
    """ "pod:/path", "namespace/pod:/path" or a path of this machine."""
    before, colon, path = text.partition(":")
    if not colon or before.startswith((".", "/")):
        return Place(text)
    namespace, slash, pod = before.partition("/")
    return Place(path, pod, namespace) if slash else Place(path, before)


async def copy(session: Session, source: str, destination: str, *, container: str) -> None:
    came, goes = place(source), place(destination)
    if bool(came.pod) == bool(goes.pod):
        raise KubectlError("one of src or dest must be a local file specification")
    session.namespace = came.namespace or goes.namespace or session.namespace
    if came.pod:
        await _download(session, came, Path(goes.path), container)
    else:
        await _upload(session, Path(came.path), goes, container)


async def _upload(session: Session, source: Path, goes: Place, container: str) -> None:
    target = PurePosixPath(goes.path)
    if goes.path.endswith("/") or await _is_directory(session, goes, container):
        target = target / source.name
    command = ("tar", "-xmf", "-", *(("-C", str(target.parent)) if str(target.parent) != "." else ()))
    code, _, err = await run_in_container(session, goes.pod, command, container, _packed(source, target.name))
    if code:
        raise KubectlError(err.decode(errors="replace").strip() or f"tar ended with exit code {code}")


def _packed(source: Path, name: str) -> bytes:
    """A tar archive of a file or directory under another name."""
    if not source.exists():
        raise KubectlError(f"{source} doesn't exist in local filesystem")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(source, arcname=name)
    return packed.getvalue()


async def _is_directory(session: Session, goes: Place, container: str) -> bool:
    code, _, _ = await run_in_container(session, goes.pod, ("test", "-d", goes.path), container, b"")
    return code == 0


async def _download(session: Session, came: Place, goes: Path, container: str) -> None:
    code, out, err = await run_in_container(session, came.pod, ("tar", "cf", "-", came.path), container, b"")
    if code:
        raise KubectlError(err.decode(errors="replace").strip() or f"tar ended with exit code {code}")
    for skipped in unpack(out, PurePosixPath(came.path), goes):
        session.complain(f"warning: {skipped}")


def unpack(archived: bytes, source: PurePosixPath, goes: Path) -> list[str]:
    """Write what an archive has of `source` to `goes` (into it, if it is a directory); returns what was left out, and why.

    Nothing is written outside of the destination, whatever names the archive has, and links are not followed or made.
    """
    prefix, skipped = str(source).lstrip("/"), []
    base = goes / source.name if goes.is_dir() else goes
    with tarfile.open(fileobj=io.BytesIO(archived)) as archive:
        for member in archive.getmembers():
            name = member.name.lstrip("/")
            if name != prefix and not name.startswith(prefix + "/"):
                continue
            inside = name.removeprefix(prefix).lstrip("/")
            to = base / inside if inside else base
            if not to.resolve().is_relative_to(base.resolve()):
                skipped.append(f"file {member.name!r} is outside of the destination, skipping")
            elif member.isdir():
                to.mkdir(parents=True, exist_ok=True)
            elif member.isfile():
                to.parent.mkdir(parents=True, exist_ok=True)
                content = archive.extractfile(member)
                to.write_bytes(content.read() if content is not None else b"")
                to.chmod(member.mode & 0o777)
            else:
                skipped.append(f"skipping symlink: {member.name!r} -> {member.linkname!r}")
    return skipped
