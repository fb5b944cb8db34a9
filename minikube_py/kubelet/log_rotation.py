"""Keeps containers' logs short: a log that has grown too long is put aside, compressed, and in time removed.

The runtime writes logs on its own, so nobody tells of their growth: they are looked at now and then, one `stat` each. Files put aside are
named `N.log.YYYYMMDD-HHMMSS`, compressed but for the newest.

Source: kubernetes pkg/kubelet/logs/container_log_manager.go (containerLogMaxSize 10Mi, containerLogMaxFiles 5).
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
import os
import shutil
from pathlib import Path

from minikube_py.apis.quantity import value
from minikube_py.core.clock import Clock
from minikube_py.cri.errors import CriError
from minikube_py.cri.interface import RuntimeService

from .options import KubeletOptions
from .runtime_state import ContainerInfo, RuntimeCache

log = logging.getLogger(__name__)

LOOK_PERIOD_S = 30.0
SIZE_MAX = "10Mi"
FILES_MAX = "5"


class LogRotation:
    """Rotates the logs of running containers."""

    def __init__(self, options: KubeletOptions, runtime: RuntimeService, cache: RuntimeCache, clock: Clock) -> None:
        self._bytes_max = value(options.argument("container-log-max-size", SIZE_MAX))
        self._files_max = max(2, int(options.argument("container-log-max-files", FILES_MAX)))
        self._runtime = runtime
        self._cache = cache
        self._clock = clock

    async def run(self) -> None:
        """Rotate until cancelled."""
        while True:
            await asyncio.sleep(LOOK_PERIOD_S)
            await self.look()

    async def look(self) -> None:
        """Rotate each log that is too long now. What fails is logged and tried again the next time."""
        running = [info for uid in self._cache.uids() for info in self._cache.get(uid).running if info.log_path]
        for info in await asyncio.to_thread(self._too_long, running):
            try:
                await self._rotate(info)
            except (OSError, CriError) as error:
                log.warning("log not rotated path=%s error=%s", info.log_path, error)

    def _too_long(self, infos: list[ContainerInfo]) -> list[ContainerInfo]:
        found = []
        for info in infos:
            with contextlib.suppress(FileNotFoundError):
                if os.stat(info.log_path).st_size > self._bytes_max:
                    found.append(info)
        return found

    async def _rotate(self, info: ContainerInfo) -> None:
        path = Path(info.log_path)
        await asyncio.to_thread(shorten, path, self._files_max - 2)
        aside = path.with_name(f"{path.name}.{self._clock.now():%Y%m%d-%H%M%S}")
        await asyncio.to_thread(path.rename, aside)
        try:
            await self._runtime.reopen_container_log(info.id)
        except CriError:
            # The runtime goes on writing into the file that it has open: it must keep its name.
            await asyncio.to_thread(aside.rename, path)
            raise


def shorten(path: Path, kept: int) -> None:
    """Compress the logs put aside beside a log, and remove all but the newest `kept` of them. Blocks."""
    aside = sorted(entry for entry in path.parent.glob(f"{path.name}.*") if entry.suffix != ".tmp")
    for entry in path.parent.glob(f"{path.name}.*.tmp"):
        entry.unlink()
    for entry in aside[:max(0, len(aside) - kept)]:
        entry.unlink()
    for entry in aside[max(0, len(aside) - kept):]:
        if entry.suffix != ".gz":
            fresh = entry.with_name(f"{entry.name}.tmp")
            with entry.open("rb") as source, gzip.open(fresh, "wb") as target:
                shutil.copyfileobj(source, target)
            fresh.rename(entry.with_name(f"{entry.name}.gz"))
            entry.unlink()
