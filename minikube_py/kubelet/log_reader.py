"""Reading containers' logs for people: from the end or from a time, on and on if asked, as the container writes.

Reads in blocks on a thread, waits by inotify; follows a file that is rotated into the new one. Ends when the container has and all is
read.

Source: kubernetes pkg/kubelet/kuberuntime/logs/logs.go; kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
(log parameters).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import Any

from minikube_py.core.clock import parse_rfc3339
from minikube_py.core.inotify import CREATE, DELETE_SELF, MODIFY, MOVE_SELF, MOVED_TO, Inotify

from .log_lines import parse_line

BLOCK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class LogOptions:
    """What of a log is wanted.

    Attributes:
        tail_lines: so many lines from the end; None is all.
        since: nothing before this moment.
        limit_bytes: stop after so many bytes; None is no limit.
        stream: "stdout" or "stderr" alone; "" is both.
    """

    follow: bool = False
    tail_lines: int | None = None
    since: datetime | None = None
    timestamps: bool = False
    limit_bytes: int | None = None
    stream: str = ""


async def read_log(path: Path, options: LogOptions, wait_exited: Callable[[], Awaitable[None]]) -> AsyncGenerator[bytes, None]:
    """Yield a log's text in chunks, each of whole rows of the file.

    Args:
        wait_exited: waits until the container no longer writes; called if following.
    Raises: FileNotFoundError.
    """
    form = _Form(options)
    with Inotify() as watches:
        file = await _open(path)
        ended: asyncio.Future[None] | None = None
        try:
            if options.follow:
                watches.add(path, MODIFY | MOVE_SELF | DELETE_SELF)
                watches.add(path.parent, CREATE | MOVED_TO)
                ended = asyncio.ensure_future(wait_exited())
            if options.tail_lines is not None:
                await asyncio.to_thread(seek_tail, file.fileno(), options.tail_lines)
            rest = b""
            while not form.full:
                last = ended is None or ended.done()
                block = await asyncio.to_thread(os.read, file.fileno(), BLOCK_BYTES)
                if block:
                    rows, rest = _split(rest + block)
                    if text := form.text(rows):
                        yield text
                    continue
                if await asyncio.to_thread(_replaced, file.fileno(), path):
                    file.close()
                    file = await _open(path)
                    watches.add(path, MODIFY | MOVE_SELF | DELETE_SELF)
                elif last or ended is None:
                    return
                else:
                    await _either(watches, ended)
        finally:
            file.close()
            if ended is not None:
                ended.cancel()


async def _open(path: Path) -> FileIO:
    """Open a file for reading on a thread; if the wait is cancelled the file does not stay open."""
    opening = asyncio.ensure_future(asyncio.to_thread(FileIO, path, "rb"))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close)
        raise


def _close(opened: asyncio.Future[FileIO]) -> None:
    if not opened.cancelled() and opened.exception() is None:
        opened.result().close()


async def _either(watches: Inotify, ended: asyncio.Future[None]) -> None:
    """Wait for a change of the file or for the container's end."""
    change = asyncio.ensure_future(watches.wait())
    waited: set[asyncio.Future[Any]] = {change, ended}
    try:
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    finally:
        change.cancel()
        await asyncio.gather(change, return_exceptions=True)


def _split(data: bytes) -> tuple[list[bytes], bytes]:
    """The whole rows, and what comes after the last of them."""
    *rows, rest = data.split(b"\n")
    return rows, rest


def _replaced(descriptor: int, path: Path) -> bool:
    """Whether another file is at the path by now."""
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    here = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)


def seek_tail(descriptor: int, lines: int) -> None:
    """Set a file's position to the start of its last `lines` lines. Blocks."""
    end = os.lseek(descriptor, 0, os.SEEK_END)
    if lines <= 0:
        return
    found, position = 0, end
    while position > 0:
        start = max(0, position - BLOCK_BYTES)
        block = os.pread(descriptor, position - start, start)
        if position == end and not block.endswith(b"\n"):
            found = 1
        index = len(block)
        while (index := block.rfind(b"\n", 0, index)) >= 0:
            found += 1
            if found > lines:
                os.lseek(descriptor, start + index + 1, os.SEEK_SET)
                return
        position = start
    os.lseek(descriptor, 0, os.SEEK_SET)


class _Form:
    """Brings rows into the form that is asked for, and counts bytes."""

    def __init__(self, options: LogOptions) -> None:
        self._options = options
        self._left = options.limit_bytes
        self._partial = {"stdout": False, "stderr": False}

    @property
    def full(self) -> bool:
        return self._left is not None and self._left <= 0

    def text(self, rows: list[bytes]) -> bytes:
        options, out = self._options, bytearray()
        for row in rows:
            line = parse_line(row)
            if line is None or (options.stream and line.stream != options.stream):
                continue
            if options.since is not None and parse_rfc3339(line.time) < options.since:
                continue
            if options.timestamps and not self._partial[line.stream]:
                out += line.time.encode() + b" "
            out += line.text
            self._partial[line.stream] = not line.text.endswith(b"\n")
        if self._left is not None:
            del out[self._left:]
            self._left -= len(out)
        return bytes(out)
