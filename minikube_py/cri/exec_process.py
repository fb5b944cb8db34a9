"""One command that runs in a container: its three streams and its end.

The streams are FIFOs between this process and the container's shim. Two properties of FIFOs shape the code:

* A reader that opens before any writer sees end of file, not "no data yet". So the reading ends are opened before the
  command is created, which lets the shim open its ends, but they are read only after the command has started.
* A writer without a reader cannot open, and the shim opens its end at its leisure. So the end for standard input is
  opened for reading and writing, which always succeeds. It then never fails for want of a reader; instead a write that
  waits gives up when the command has ended.

The shim holds a writing end of standard input itself, so that a client may come and go. End of file therefore takes two
steps: closing the own end, and telling the shim to close its one (CloseIO). What was written before is still read.
Source: containerd pkg/process/exec.go and io.go of the runc shim.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
from pathlib import Path
from types import TracebackType
from typing import Self

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty

from minikube_py.cri._grpc import Connection
from minikube_py.cri._pb import containerd_tasks_v1_pb2 as tasks_v1
from minikube_py.cri.errors import CriError, CriNotFoundError

log = logging.getLogger(__name__)

REQUEST_TIMEOUT_S = 120.0

# Output that is not fetched stays with the command, which then waits: at most twice this, and a pipe, is held here.
READ_BYTES_MAX = 64 * 1024


class ExecCalls:
    """The calls of containerd's task service about one process."""

    def __init__(self, connection: Connection, container_id: str, exec_id: str) -> None:
        self._connection = connection
        self._container_id = container_id
        self._exec_id = exec_id

    async def create(self, spec: AnyMessage, paths: dict[str, str], *, tty: bool) -> None:
        """Make the process known; it does not run yet."""
        await self._call(
            "Exec", tasks_v1.ExecProcessRequest(container_id=self._container_id, exec_id=self._exec_id, spec=spec, terminal=tty, **paths)
        )

    async def start(self) -> int:
        """Start the process and return its number on the host."""
        answer = await self._connection.unary(
            "/containerd.services.tasks.v1.Tasks/Start",
            tasks_v1.StartRequest(container_id=self._container_id, exec_id=self._exec_id),
            tasks_v1.StartResponse,
            timeout_s=REQUEST_TIMEOUT_S,
        )
        return answer.pid

    async def wait(self) -> int:
        """Wait for the end of the process and return its exit code."""
        answer = await self._connection.unary(
            "/containerd.services.tasks.v1.Tasks/Wait",
            tasks_v1.WaitRequest(container_id=self._container_id, exec_id=self._exec_id),
            tasks_v1.WaitResponse,
            timeout_s=None,
        )
        return answer.exit_status

    async def kill(self) -> None:
        """Send SIGKILL to the process."""
        await self._call("Kill", tasks_v1.KillRequest(container_id=self._container_id, exec_id=self._exec_id, signal=signal.SIGKILL))

    async def delete(self) -> None:
        """Make the shim forget the ended process."""
        await self._connection.unary(
            "/containerd.services.tasks.v1.Tasks/DeleteProcess",
            tasks_v1.DeleteProcessRequest(container_id=self._container_id, exec_id=self._exec_id),
            tasks_v1.DeleteResponse,
            timeout_s=REQUEST_TIMEOUT_S,
        )

    async def resize(self, width: int, height: int) -> None:
        """Set the terminal's size."""
        await self._call(
            "ResizePty", tasks_v1.ResizePtyRequest(container_id=self._container_id, exec_id=self._exec_id, width=width, height=height)
        )

    async def close_stdin(self) -> None:
        """Make the shim close its writing end of standard input."""
        await self._call("CloseIO", tasks_v1.CloseIORequest(container_id=self._container_id, exec_id=self._exec_id, stdin=True))

    async def _call(
        self,
        method: str,
        request: tasks_v1.ExecProcessRequest | tasks_v1.KillRequest | tasks_v1.ResizePtyRequest | tasks_v1.CloseIORequest,
    ) -> None:
        await self._connection.unary(f"/containerd.services.tasks.v1.Tasks/{method}", request, Empty, timeout_s=REQUEST_TIMEOUT_S)


class Fifos:
    """The FIFOs of one process, in a directory of their own, with this side's ends open. Blocks while it makes them."""

    def __init__(self, directory: Path, *, stdin: bool, stderr: bool) -> None:
        self._directory = directory
        self._descriptors: dict[str, int] = {}
        directory.mkdir(mode=0o700, parents=True)
        try:
            for name, wanted in (("stdin", stdin), ("stdout", True), ("stderr", stderr)):
                if wanted:
                    os.mkfifo(directory / name, 0o600)
                    mode = os.O_RDWR if name == "stdin" else os.O_RDONLY
                    self._descriptors[name] = os.open(directory / name, mode | os.O_NONBLOCK | os.O_CLOEXEC)
        except BaseException:
            self.remove()
            raise
        self.paths = {name: str(directory / name) for name in self._descriptors}

    def take(self, name: str) -> int | None:
        """Hand over one end; None if it was not wanted."""
        return self._descriptors.pop(name, None)

    def remove(self) -> None:
        """Close what was not handed over, and remove the directory. Blocks."""
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])
        shutil.rmtree(self._directory, ignore_errors=True)


class FifoWriter:
    """The ExecInput protocol (interface.py) over a FIFO.

    Args:
        ended: set when the command has ended, so that nobody reads any more.
    """

    def __init__(self, descriptor: int, calls: ExecCalls, ended: asyncio.Event) -> None:
        self._descriptor = descriptor
        self._calls = calls
        self._ended = ended

    async def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            if self._descriptor < 0 or self._ended.is_set():
                raise BrokenPipeError("the command does not read its standard input")
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                await self._wait_writable_or_ended()

    async def close(self) -> None:
        if self._descriptor < 0:
            return
        self.release()
        if self._ended.is_set():
            return
        try:
            await self._calls.close_stdin()
        except CriNotFoundError:
            log.debug("command ended before its standard input was closed")

    def release(self) -> None:
        """Close the own end only."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    async def _wait_writable_or_ended(self) -> None:
        loop = asyncio.get_running_loop()
        writable = asyncio.Event()
        loop.add_writer(self._descriptor, writable.set)
        waits = [asyncio.ensure_future(writable.wait()), asyncio.ensure_future(self._ended.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            loop.remove_writer(self._descriptor)
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


class ContainerdExec:
    """The ExecProcess protocol (interface.py). Made by ContainerdTasks.exec, which starts it."""

    def __init__(self, calls: ExecCalls, fifos: Fifos) -> None:
        self._calls = calls
        self._fifos = fifos
        self._ended = asyncio.Event()
        self._exit: asyncio.Task[int] | None = None
        self._transports: list[asyncio.ReadTransport] = []
        self._closing: asyncio.Task[None] | None = None
        self.pid = 0
        self.stdin: FifoWriter | None = None
        self.stdout = asyncio.StreamReader(limit=READ_BYTES_MAX)
        self.stderr: asyncio.StreamReader | None = None

    async def start(self, spec: AnyMessage, *, tty: bool) -> None:
        """Create and start the process, and connect its streams."""
        await self._calls.create(spec, self._fifos.paths, tty=tty)
        self.pid = await self._calls.start()
        self._exit = asyncio.create_task(self._wait_exit(), name=f"exec-exit-{self.pid}")
        stdin, stdout, stderr = (self._fifos.take(name) for name in ("stdin", "stdout", "stderr"))
        if stdin is not None:
            self.stdin = FifoWriter(stdin, self._calls, self._ended)
        if stdout is not None:
            await self._read_into(self.stdout, stdout)
        if stderr is not None:
            self.stderr = asyncio.StreamReader(limit=READ_BYTES_MAX)
            await self._read_into(self.stderr, stderr)

    async def _read_into(self, reader: asyncio.StreamReader, descriptor: int) -> None:
        pipe = os.fdopen(descriptor, "rb", buffering=0)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        self._transports.append(transport)

    async def _wait_exit(self) -> int:
        try:
            return await self._calls.wait()
        finally:
            self._ended.set()

    async def resize(self, width: int, height: int) -> None:
        if self._ended.is_set():
            return
        try:
            await self._calls.resize(width, height)
        except CriError as error:
            if not self._ended.is_set() and not isinstance(error, CriNotFoundError):
                raise

    async def wait(self) -> int:
        if self._exit is None:
            raise RuntimeError("the command was not started")
        return await asyncio.shield(self._exit)

    async def close(self) -> None:
        # A task of its own, for a second cancellation must not leave the command running.
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name=f"exec-close-{self.pid}")
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        try:
            await self._end_process()
        except CriError as error:
            # The process belongs to the container, and ends with it at the latest.
            log.warning("command cannot be ended pid=%d error=%s", self.pid, error)
        finally:
            if self.stdin is not None:
                self.stdin.release()
            for transport in self._transports:
                transport.close()
            await asyncio.to_thread(self._fifos.remove)

    async def _end_process(self) -> None:
        try:
            if self._exit is not None and not self._exit.done():
                await self._calls.kill()
                await asyncio.wait({self._exit})
            await self._calls.delete()
        except CriNotFoundError:
            log.debug("command is already forgotten pid=%d", self.pid)
        finally:
            if self._exit is not None:
                self._exit.cancel()
                await asyncio.gather(self._exit, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()
