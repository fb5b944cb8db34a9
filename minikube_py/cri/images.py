"""Importing archives of images into containerd.

containerd 1.6 has no call for it, so its own program `ctr` does the work: it is part of the same package.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from minikube_py.cri._pb import runtime_v1_pb2 as pb
from minikube_py.cri.errors import CriError
from minikube_py.cri.interface import ImageService

# Where the CRI plugin keeps what is Kubernetes'.
NAMESPACE = "k8s.io"

# The CRI plugin takes an image over some milliseconds after its event, and says nothing when it has.
VISIBLE_TIMEOUT_S = 10.0
VISIBLE_WAIT_S = 0.005

_UNPACKED = re.compile(r"^unpacking (\S+) \(sha256:[0-9a-f]+\)", re.MULTILINE)


async def import_archive(archive: Path, *, cri: ImageService, socket: Path, snapshotter: str) -> list[str]:
    """Import every image of an archive and wait until CRI knows them.

    Args:
        archive: OCI or docker format, also compressed with gzip or zstd.
        socket: containerd's.
        snapshotter: the one that CRI uses, so that the layers are unpacked where they are wanted.
    Returns: the images' names as CRI knows them.
    Raises: CriError, with ctr's message.
    Cancellation: the images may have been imported.
    """
    argv = ["ctr", "--namespace", NAMESPACE, "--address", str(socket), "images", "import", "--snapshotter", snapshotter, str(archive)]
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, err = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await asyncio.shield(process.wait())
        raise
    if process.returncode != 0:
        raise CriError(f"image archive {archive} cannot be imported: {err.decode(errors='replace').strip()}")
    names = _UNPACKED.findall(out.decode(errors="replace"))
    for name in names:
        await _wait_visible(name, cri)
    return names


async def _wait_visible(name: str, cri: ImageService) -> None:
    try:
        async with asyncio.timeout(VISIBLE_TIMEOUT_S):
            while await cri.image_status(pb.ImageSpec(image=name)) is None:  # noqa: ASYNC110 - nothing tells.
                await asyncio.sleep(VISIBLE_WAIT_S)
    except TimeoutError as error:
        raise CriError(f"image {name} is imported, but CRI does not know it") from error
