"""Imports image archives that lie in a directory, at the start and whenever one appears there: the way into a node without a network.

A file counts when its writer closes it or moves it there, and once, by name, size and time of change. What was imported is remembered
across restarts, so that a start does not unpack everything again. A file that cannot be imported is logged and tried again when it
changes.

Source: docs.k3s.io/installation/airgap (the images directory).
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from minikube_py.core.inotify import CLOSE_WRITE, MOVED_TO, Inotify
from minikube_py.cri.errors import CriError

log = logging.getLogger(__name__)

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst")
MEMORY_NAME = ".imported.json"


class ImageDirectory:
    """Follows the directory.

    Args:
        load: imports an archive and returns the images' names; raises CriError.
        imported: called after images were imported.

    Attributes:
        ready: set when the archives that were there at the start have been tried.
    """

    def __init__(self, directory: Path, load: Callable[[Path], Awaitable[list[str]]], imported: Callable[[], None]) -> None:
        self.ready = asyncio.Event()
        self._directory = directory
        self._load = load
        self._imported = imported
        self._seen: dict[str, list[int]] = {}

    async def run(self) -> None:
        """Import until cancelled."""
        await asyncio.to_thread(self._prepare)
        with Inotify() as watches:
            watches.add(self._directory, CLOSE_WRITE | MOVED_TO)
            await self._scan()
            self.ready.set()
            while True:
                if any(event.name.endswith(SUFFIXES) for event in await watches.wait()):
                    await self._scan()

    def _prepare(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        try:
            self._seen = json.loads((self._directory / MEMORY_NAME).read_text())
        except (OSError, ValueError):
            self._seen = {}

    async def _scan(self) -> None:
        changed = False
        for path, mark in await asyncio.to_thread(self._archives):
            if self._seen.get(path.name) == mark:
                continue
            try:
                names = await self._load(path)
            except CriError as error:
                log.error("image archive not imported path=%s error=%s", path, error)
            else:
                log.info("image archive imported path=%s images=%s", path, names)
                changed = True
            self._seen[path.name] = mark
        if changed:
            await asyncio.to_thread((self._directory / MEMORY_NAME).write_text, json.dumps(self._seen))
            self._imported()

    def _archives(self) -> list[tuple[Path, list[int]]]:
        found = []
        for path in sorted(self._directory.iterdir()):
            if path.name.endswith(SUFFIXES) and path.is_file():
                state = os.stat(path)
                found.append((path, [state.st_size, state.st_mtime_ns]))
        return found
