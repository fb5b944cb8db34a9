"""Being told of changes to files by the kernel, on the event loop, without a thread and without asking.

Source: man 7 inotify.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import os
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

MODIFY, CLOSE_WRITE, MOVED_TO, CREATE, DELETE, DELETE_SELF, MOVE_SELF = 0x2, 0x8, 0x80, 0x100, 0x200, 0x400, 0x800
IGNORED, Q_OVERFLOW = 0x8000, 0x4000
_HEADER = struct.Struct("iIII")
_READ_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class FileEvent:
    """Something that happened.

    Attributes:
        mask: of the constants above.
        name: of the file in a watched directory, "" for the watched path itself.
    """

    mask: int
    name: str


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


class Inotify:
    """A set of watches; as a context manager it closes itself."""

    def __init__(self) -> None:
        self._fd = int(_libc().inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        if self._fd < 0:
            raise _error("inotify")

    def add(self, path: Path, mask: int) -> None:
        """Watch a file or directory from now on.

        Raises: OSError, FileNotFoundError among them.
        """
        if int(_libc().inotify_add_watch(self._fd, os.fsencode(path), mask)) < 0:
            raise _error(str(path))

    async def wait(self) -> list[FileEvent]:
        """Wait until something happens, and return what has.

        Cancellation: no event is lost.
        """
        while True:
            try:
                data = os.read(self._fd, _READ_BYTES)
            except BlockingIOError:
                await self._readable()
            else:
                return list(_events(data))

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        readable: asyncio.Future[None] = loop.create_future()
        loop.add_reader(self._fd, _done, readable)
        try:
            await readable
        finally:
            loop.remove_reader(self._fd)

    def close(self) -> None:
        """End all watches; closed already is no error."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _events(data: bytes) -> list[FileEvent]:
    found, offset = [], 0
    while offset < len(data):
        _, mask, _, length = _HEADER.unpack_from(data, offset)
        offset += _HEADER.size
        found.append(FileEvent(mask, os.fsdecode(data[offset:offset + length].rstrip(b"\0"))))
        offset += length
    return found


def _error(path: str) -> OSError:
    number = ctypes.get_errno() or errno.EIO
    return OSError(number, os.strerror(number), path)


async def file_contents(path: Path, known: bytes) -> AsyncIterator[bytes]:
    """The content of a file each time that it is another one, however it was written; while it cannot be read nothing is told.

    Args:
        known: the content that is known already.
    Raises: OSError if its directory cannot be watched.
    """
    with Inotify() as inotify:
        # The directory, as files are replaced, by links too (volumes of config maps).
        inotify.add(path.parent, CLOSE_WRITE | MOVED_TO | CREATE)
        while True:
            content = _content(path, known)
            if content != known:
                known = content
                yield content
            await inotify.wait()


def _content(path: Path, otherwise: bytes) -> bytes:
    with suppress(OSError):
        return path.read_bytes()
    return otherwise
