"""The last known pods of this node, and the ConfigMaps and Secrets that they name, on disk.

A node that boots without its server starts its pods from here. Files are replaced whole and are readable by root alone. Writing happens
in the background and only where the content that matters has changed: status updates cost no write.

Layout: `pods/UID.json`, `pods/objects/KIND_NAMESPACE_NAME.json`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from minikube_py.apis import core_v1
from minikube_py.apis.scheme import decode_lenient, encode

log = logging.getLogger(__name__)

T = TypeVar("T", core_v1.ConfigMap, core_v1.Secret)


class Checkpoints:
    """Saves and loads; `run` does the writing.

    Args:
        directory: made on need, mode 0700.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._wanted: dict[Path, bytes | None] = {}
        self._written: dict[Path, int] = {}
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Write what was asked for until cancelled."""
        while True:
            await self._wake.wait()
            await self.flush()

    async def flush(self) -> None:
        """Write everything that waits.

        Cancellation: what is not yet written is written by the next call.
        """
        self._wake.clear()
        while self._wanted:
            path, content = next(iter(self._wanted.items()))
            await asyncio.to_thread(_put, path, content)
            if self._wanted.get(path) is content:
                del self._wanted[path]

    def save_pod_soon(self, pod: core_v1.Pod) -> None:
        """Keep a pod's spec. Its status is kept as it was at the spec's last change."""
        lean = core_v1.Pod(kind="Pod", api_version="v1", metadata=pod.metadata, spec=pod.spec, status=pod.status)
        path = self._directory / f"{pod.metadata.uid}.json"
        same = hash((encode(pod.spec), pod.metadata.generation, encode(pod.metadata.labels), encode(pod.metadata.annotations),
                     pod.metadata.deletion_timestamp, pod.status.phase in ("Succeeded", "Failed")))
        self._save(path, same, lean)

    def remove_pod_soon(self, uid: str) -> None:
        """Drop a pod that is gone."""
        self._save(self._directory / f"{uid}.json", 0, None)

    def save_object_soon(self, kind: type[Any], namespace: str, name: str, obj: Any) -> None:
        """Keep a ConfigMap or Secret; None drops it."""
        version = hash((obj.metadata.uid, obj.metadata.resource_version)) if obj is not None else 0
        self._save(self._object_path(kind, namespace, name), version, obj)

    async def load_pods(self) -> list[core_v1.Pod]:
        """The pods as last kept; a file that cannot be read is logged and left out."""
        return await asyncio.to_thread(self._load_pods)

    async def load_object(self, kind: type[T], namespace: str, name: str) -> T | None:
        """A ConfigMap or Secret as last kept; None if there is none."""
        return await asyncio.to_thread(_load, kind, self._object_path(kind, namespace, name))

    def _object_path(self, kind: type[Any], namespace: str, name: str) -> Path:
        return self._directory / "objects" / f"{kind.__name__}_{namespace}_{name}.json"

    def _save(self, path: Path, version: int, obj: Any) -> None:
        if self._written.get(path) == version:
            return
        if obj is None:
            self._written.pop(path, None)
            self._wanted[path] = None
        else:
            self._written[path] = version
            self._wanted[path] = encode(obj)
        self._wake.set()

    def _load_pods(self) -> list[core_v1.Pod]:
        if not self._directory.is_dir():
            return []
        pods = [_load(core_v1.Pod, path) for path in sorted(self._directory.glob("*.json"))]
        return [pod for pod in pods if pod is not None]


K = TypeVar("K", core_v1.Pod, core_v1.ConfigMap, core_v1.Secret)


def _load(kind: type[K], path: Path) -> K | None:
    try:
        return decode_lenient(kind, path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        log.warning("checkpoint unreadable path=%s error=%s", path, error)
        return None


def _put(path: Path, content: bytes | None) -> None:
    """Replace a file by a new one, or remove it."""
    if content is None:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(".new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        os.fsync(file.fileno())
    fresh.rename(path)
