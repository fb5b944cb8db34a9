"""Commands in a running container, over the task service."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from minikube_py.cri.containerd import Containerd
from minikube_py.cri.errors import CriError, CriNotFoundError
from minikube_py.cri.exec_process import ExecCalls

from .lab import TIMEOUT_S, start_pod

pytestmark = pytest.mark.root


@pytest.fixture
async def container_id(containerd: Containerd, tmp_path: Path) -> str:
    """A container that runs and does nothing."""
    return (await start_pod(containerd.cri, "shell", tmp_path, "sleep", "1000"))[1]


def fifos(containerd: Containerd) -> list[Path]:
    return list((containerd.socket.parent / "exec").rglob("*"))


async def processes(containerd: Containerd, container_id: str) -> list[str]:
    return (await containerd.cri.exec_sync(container_id, ["ps", "-o", "args"])).stdout.decode().splitlines()[1:]


async def test_half_closed_input_reaches_the_command_and_its_output_comes_back(containerd: Containerd, container_id: str) -> None:
    sent = os.urandom(3_000_000)
    async with await containerd.tasks.exec(container_id, ["cat"], stdin=True) as process:
        assert process.stdin is not None

        async def send() -> None:
            await process.stdin.write(sent)
            await process.stdin.close()

        async with asyncio.timeout(TIMEOUT_S), asyncio.TaskGroup() as group:
            group.create_task(send())
            received = group.create_task(process.stdout.read())
        assert received.result() == sent
        assert await process.wait() == 0
    assert fifos(containerd) == []


async def test_empty_input_is_end_of_file(containerd: Containerd, container_id: str) -> None:
    async with asyncio.timeout(TIMEOUT_S), await containerd.tasks.exec(container_id, ["wc", "-c"], stdin=True) as process:
        assert process.stdin is not None
        await process.stdin.close()
        await process.stdin.close()
        assert await process.stdout.read() == b"0\n"
        assert await process.wait() == 0


async def test_command_without_input_reads_end_of_file(containerd: Containerd, container_id: str) -> None:
    async with asyncio.timeout(TIMEOUT_S), await containerd.tasks.exec(container_id, ["cat"]) as process:
        assert process.stdin is None
        assert await process.stdout.read() == b""
        assert await process.wait() == 0


async def test_outputs_are_apart_and_the_code_is_the_command_s(containerd: Containerd, container_id: str) -> None:
    argv = ["sh", "-c", "echo out; echo err >&2; exit 42"]
    async with asyncio.timeout(TIMEOUT_S), await containerd.tasks.exec(container_id, argv) as process:
        assert process.stderr is not None
        assert (await process.stdout.read(), await process.stderr.read()) == (b"out\n", b"err\n")
        assert await process.wait() == 42


async def test_signal_is_told_as_128_and_its_number(containerd: Containerd, container_id: str) -> None:
    async with asyncio.timeout(TIMEOUT_S), await containerd.tasks.exec(container_id, ["sh", "-c", "kill -9 $$"]) as process:
        assert await process.wait() == 137


async def test_output_that_nobody_fetches_makes_the_command_wait(containerd: Containerd, container_id: str) -> None:
    size = 20_000_000
    async with asyncio.timeout(TIMEOUT_S), await containerd.tasks.exec(container_id, ["head", "-c", str(size), "/dev/zero"]) as process:
        first = await process.stdout.read(1)
        assert any("head -c" in line for line in await processes(containerd, container_id))
        rest = await process.stdout.read()
        assert len(first) + len(rest) == size
        assert await process.wait() == 0


async def test_terminal_has_the_size_that_it_was_given(containerd: Containerd, container_id: str) -> None:
    async with asyncio.timeout(TIMEOUT_S), await containerd.tasks.exec(container_id, ["sh"], stdin=True, tty=True) as process:
        assert process.stdin is not None
        assert process.stderr is None
        await process.resize(101, 37)
        await process.stdin.write(b"stty size; echo $TERM; exit 5\n")
        output = await process.stdout.read()
        assert b"37 101\r\nxterm\r\n" in output
        assert await process.wait() == 5
        await process.resize(80, 24)  # Too late, and no error.


async def test_write_to_an_ended_command_is_a_broken_pipe(containerd: Containerd, container_id: str) -> None:
    async with asyncio.timeout(TIMEOUT_S), await containerd.tasks.exec(container_id, ["true"], stdin=True) as process:
        assert process.stdin is not None
        with pytest.raises(BrokenPipeError):
            await process.stdin.write(b"x" * 10_000_000)
        assert await process.wait() == 0


async def test_abandoned_command_is_killed_and_leaves_nothing(containerd: Containerd, container_id: str) -> None:
    started = asyncio.Event()

    async def session() -> None:
        async with await containerd.tasks.exec(container_id, ["sleep", "2000"], stdin=True) as process:
            started.set()
            await process.wait()

    task = asyncio.create_task(session())
    async with asyncio.timeout(TIMEOUT_S):
        await started.wait()
        assert "sleep 2000" in await processes(containerd, container_id)
        task.cancel()
        await asyncio.wait({task})
    assert task.cancelled()
    assert "sleep 2000" not in await processes(containerd, container_id)
    assert fifos(containerd) == []


@pytest.mark.parametrize("call", ["create", "start", "wait"])
@pytest.mark.parametrize("moment", ["before", "during", "after"])
async def test_cancelled_start_leaves_nothing(
    containerd: Containerd, container_id: str, call: str, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = getattr(ExecCalls, call)

    async def cancelling(self: ExecCalls, *args: object, **kwargs: object) -> object:
        if moment == "before":
            task.cancel()
        answer = asyncio.ensure_future(original(self, *args, **kwargs))
        if moment == "during":
            await asyncio.sleep(0)
            task.cancel()
        if call != "wait":
            await answer
        if moment == "after":
            task.cancel()
        return await answer

    monkeypatch.setattr(ExecCalls, call, cancelling)
    task = asyncio.create_task(containerd.tasks.exec(container_id, ["sleep", "2000"], stdin=True))
    async with asyncio.timeout(TIMEOUT_S):
        await asyncio.wait({task})
    if not task.cancelled():  # It was too late.
        await task.result().close()
    assert "sleep 2000" not in await processes(containerd, container_id)
    assert fifos(containerd) == []


async def test_cancelled_close_still_ends_the_command(containerd: Containerd, container_id: str) -> None:
    process = await containerd.tasks.exec(container_id, ["sleep", "2000"])
    closing = asyncio.create_task(process.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait({closing})
    assert closing.cancelled()
    async with asyncio.timeout(TIMEOUT_S):
        await process.close()
    assert "sleep 2000" not in await processes(containerd, container_id)
    assert fifos(containerd) == []


async def test_command_that_does_not_exist_is_an_error_with_runc_s_words(containerd: Containerd, container_id: str) -> None:
    with pytest.raises(CriError, match='exec: "absent": executable file not found in'):
        await containerd.tasks.exec(container_id, ["absent"])
    assert fifos(containerd) == []


async def test_container_that_does_not_run_is_not_found(containerd: Containerd, container_id: str) -> None:
    with pytest.raises(CriNotFoundError):
        await containerd.tasks.exec("absent", ["true"])
    await containerd.cri.stop_container(container_id, timeout_s=0)
    with pytest.raises(CriNotFoundError):
        await containerd.tasks.exec(container_id, ["true"])
    assert fifos(containerd) == []


async def test_many_commands_run_at_once(containerd: Containerd, container_id: str) -> None:
    async def echo(number: int) -> bytes:
        async with await containerd.tasks.exec(container_id, ["cat"], stdin=True) as process:
            assert process.stdin is not None
            await process.stdin.write(b"%d" % number)
            await process.stdin.close()
            return await process.stdout.read()

    async with asyncio.timeout(TIMEOUT_S):
        assert await asyncio.gather(*map(echo, range(20))) == [b"%d" % number for number in range(20)]
