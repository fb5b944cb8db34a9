"""Image archives in the OCI layout, made from a table of files.

Owns the format: a tar that every runtime can import. The same input gives the same bytes, so an image that is made
again has the same digest and nothing is stored twice.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Where runtimes look for the name of an image. Source: containerd images/annotations.go.
NAME_ANNOTATION = "io.containerd.image.name"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an image's root filesystem.

    Attributes:
        data: content of a regular file.
        link: target of a symbolic link; then `data` is empty.
        directory: whether it is a directory.
        mode: permission bits.
        uid, gid: its owner.
    """

    data: bytes = b""
    link: str = ""
    directory: bool = False
    mode: int = 0o644
    uid: int = 0
    gid: int = 0


def oci_archive(files: Mapping[str, Entry], *, names: Sequence[str], architecture: str, config: Mapping[str, Any]) -> bytes:
    """Build an image of one layer.

    Args:
        files: path without a leading slash to its entry; directories come before what they hold.
        names: full references, with registry and tag, such as `docker.io/library/busybox:1.36`.
        architecture: as images name it, "amd64" or "arm64".
        config: the image's `config` object (Entrypoint, Cmd, Env, User, ...).
    Returns: a tar archive, uncompressed.
    Source: opencontainers/image-spec, image-layout.md and config.md.
    """
    layer = _layer(files)
    image_config = _json(
        {
            "architecture": architecture,
            "os": "linux",
            "config": dict(config),
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
            "history": [{"created_by": "minikube-py"}],
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _descriptor("application/vnd.oci.image.config.v1+json", image_config),
            "layers": [_descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
        }
    )
    described = _descriptor("application/vnd.oci.image.manifest.v1+json", manifest)
    platform = {"architecture": architecture, "os": "linux"}
    index = _json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [described | {"platform": platform, "annotations": {NAME_ANNOTATION: name}} for name in names],
        }
    )
    blobs = {f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}": Entry(blob) for blob in (layer, image_config, manifest)}
    return _layer({"oci-layout": Entry(_json({"imageLayoutVersion": "1.0.0"})), "index.json": Entry(index), **blobs})


def _layer(files: Mapping[str, Entry]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, entry in files.items():
            info = tarfile.TarInfo(path)
            info.mode, info.uid, info.gid = entry.mode, entry.uid, entry.gid
            if entry.directory:
                info.type = tarfile.DIRTYPE
            elif entry.link:
                info.type, info.linkname = tarfile.SYMTYPE, entry.link
            info.size = len(entry.data)
            archive.addfile(info, io.BytesIO(entry.data))
    return out.getvalue()


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _descriptor(media_type: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(blob), "size": len(blob)}
