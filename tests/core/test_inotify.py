from __future__ import annotations

import asyncio
from pathlib import Path

from minikube_py.core.files import write_atomic
from minikube_py.core.inotify import file_contents


async def test_each_other_content_of_a_file_is_told_however_it_was_written(tmp_path: Path) -> None:
    path, real = tmp_path / "file", tmp_path / "real"
    path.write_bytes(b"1")
    told: asyncio.Queue[bytes] = asyncio.Queue()

    async def follow() -> None:
        async for content in file_contents(path, b"0"):
            await told.put(content)

    following = asyncio.create_task(follow())
    try:
        async with asyncio.timeout(5):
            assert await told.get() == b"1"
            path.write_bytes(b"2")
            assert await told.get() == b"2"
            write_atomic(path, b"3")
            assert await told.get() == b"3"
            path.unlink()
            write_atomic(path, b"3")
            real.write_bytes(b"4")
            (tmp_path / "link").symlink_to(real)
            (tmp_path / "link").rename(path)
            assert await told.get() == b"4"
            assert told.empty()
    finally:
        following.cancel()
        await asyncio.wait([following])
