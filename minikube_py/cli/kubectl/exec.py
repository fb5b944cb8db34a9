"""kubectl exec and attach: a terminal in a container, over a WebSocket.

The first byte of each message is its channel: 0 stdin, 1 stdout, 2 stderr, 3 the final metav1.Status, 4 terminal sizes; 255 with a channel
number closes that channel (version 5 of the protocol only).
Source: kubernetes.io/docs/tasks/debug/debug-application/get-shell-running-container/, apimachinery pkg/util/remotecommand
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import struct
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

import aiohttp

from minikube_py.core.errors import StatusError

from .api import Document
from .errors import Exit, KubectlError
from .logs import LogOptions, logs
from .selectors import default_container, pod_for
from .session import Session
from .targets import document_of, target
from .wait import wait_one

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
READ_BYTES = 32 * 1024


@dataclass(slots=True)
class ExecOptions:
    container: str = ""
    stdin: bool = False
    tty: bool = False
    quiet: bool = False


async def exec_(session: Session, pod_argument: str, command: tuple[str, ...], options: ExecOptions) -> None:
    if not command:
        raise KubectlError("you must specify at least one command for the container")
    await _session(session, pod_argument, "exec", [("command", part) for part in command], options)


async def attach(session: Session, pod_argument: str, options: ExecOptions) -> None:
    await _session(session, pod_argument, "attach", [], options)


async def run_in_container(
    session: Session, pod_name: str, command: tuple[str, ...], container: str, stdin: bytes
) -> tuple[int, bytes, bytes]:
    """Run a command with bytes as its input; returns its exit code, output and errors.

    Raises: KubectlError if it could not be run; StatusError, OSError.
    """
    pod = await pod_for(session, pod_name)
    flags = [("container", default_container(session, pod, container)), ("stdout", "true"), ("stderr", "true")]
    query = urlencode([*(("command", part) for part in command), *flags, *([("stdin", "true")] if stdin else [])])
    resource = await session.api.resource("pods")
    path = resource.path(pod["metadata"]["namespace"], pod["metadata"]["name"], "exec")
    found = {STDOUT: bytearray(), STDERR: bytearray()}
    status: Document = {}
    async with session.api.transport.websocket(path, query, PROTOCOLS) as socket:
        sending = asyncio.create_task(_send_bytes(socket, stdin), name="exec-stdin")
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.BINARY and message.data:
                    if message.data[0] in found:
                        found[message.data[0]] += message.data[1:]
                    elif message.data[0] == ERROR and len(message.data) > 1:
                        status = json.loads(message.data[1:])
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    return _exit_code(status), bytes(found[STDOUT]), bytes(found[STDERR])


async def _send_bytes(socket: aiohttp.ClientWebSocketResponse, data: bytes) -> None:
    if not data:
        return
    for start in range(0, len(data), READ_BYTES):
        await socket.send_bytes(bytes([STDIN]) + data[start:start + READ_BYTES])
    if socket.protocol == PROTOCOLS[0]:
        await socket.send_bytes(bytes([CLOSE, STDIN]))


async def run_attached(session: Session, name: str, *, tty: bool, quiet: bool) -> None:
    """Join a new pod as soon as it runs; where that cannot be, show its logs. Ends as its container ends.

    Raises: Exit with the container's code.
    """
    pod = target(session, await session.api.resource("pods"), name)
    await wait_one(session, pod, "condition", lambda document: (document.get("status") or {}).get("phase") not in (None, "Pending"))
    document = await document_of(session, pod)
    if document["status"]["phase"] == "Running":
        try:
            await attach(session, name, ExecOptions(stdin=True, tty=tty, quiet=quiet))
        except StatusError as error:
            session.complain(f"warning: couldn't attach to pod/{name}, falling back to streaming logs: {error.message}")
            await logs(session, (f"pod/{name}",), LogOptions(follow=True))
    else:
        await logs(session, (f"pod/{name}",), LogOptions())
    if document["spec"].get("restartPolicy") == "Always":
        return
    await wait_one(session, pod, "condition", lambda document: document["status"].get("phase") in ("Succeeded", "Failed"))
    document = await document_of(session, pod)
    for status in document["status"].get("containerStatuses") or ():
        code = ((status.get("state") or {}).get("terminated") or {}).get("exitCode", 0)
        if code:
            session.complain(f"pod {session.namespace}/{name} terminated ({document['status'].get('reason') or 'Error'})")
            raise Exit(code)


async def _session(
    session: Session, pod_argument: str, subresource: str, arguments: list[tuple[str, str]], options: ExecOptions
) -> None:
    pod = await pod_for(session, pod_argument)
    if pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        raise KubectlError(f"cannot exec into a container in a completed pod; current phase is {pod['status']['phase']}")
    container = default_container(session, pod, options.container, quiet=options.quiet)
    terminal = options.tty and options.stdin and sys.stdin.isatty()
    if options.tty and not terminal:
        session.complain("Unable to use a TTY - input is not a terminal or the right kind of file")
        options.tty = False
    flags = (("stdin", options.stdin), ("stdout", True), ("stderr", not options.tty), ("tty", options.tty))
    query = urlencode([*arguments, ("container", container), *((name, "true") for name, chosen in flags if chosen)])
    resource = await session.api.resource("pods")
    path = resource.path(pod["metadata"]["namespace"], pod["metadata"]["name"], subresource)
    if subresource == "attach" and options.tty:
        session.complain("If you don't see a command prompt, try pressing enter.")
    session.flush()
    async with session.api.transport.websocket(path, query, PROTOCOLS) as socket:
        with raw_terminal() if terminal else contextlib.nullcontext():
            status = await _carry(socket, stdin=options.stdin, terminal=terminal)
    _end(status)


async def _carry(socket: aiohttp.ClientWebSocketResponse, *, stdin: bool, terminal: bool) -> Document:
    """Carry bytes both ways until the command ends; returns its Status."""
    tasks = []
    if stdin:
        tasks.append(asyncio.create_task(_send_stdin(socket), name="exec-stdin"))
    if terminal:
        tasks.append(asyncio.create_task(_send_sizes(socket), name="exec-sizes"))
    status: Document = {}
    try:
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
                continue
            channel, data = message.data[0], message.data[1:]
            if channel == STDOUT:
                _write_all(1, data)
            elif channel == STDERR:
                _write_all(2, data)
            elif channel == ERROR and data:
                status = json.loads(data)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return status


async def _send_stdin(socket: aiohttp.ClientWebSocketResponse) -> None:
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        """Reading a terminal or a pipe cannot be cancelled, so a thread that nobody waits for does it."""
        with contextlib.suppress(OSError, RuntimeError):
            while True:
                data = os.read(0, READ_BYTES)
                loop.call_soon_threadsafe(queue.put_nowait, data)
                if not data:
                    return

    threading.Thread(target=read, name="exec-stdin", daemon=True).start()
    while data := await queue.get():
        await socket.send_bytes(bytes([STDIN]) + data)
    if socket.protocol == PROTOCOLS[0]:
        await socket.send_bytes(bytes([CLOSE, STDIN]))


async def _send_sizes(socket: aiohttp.ClientWebSocketResponse) -> None:
    changed = asyncio.Event()
    changed.set()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGWINCH, changed.set)
    try:
        while True:
            await changed.wait()
            changed.clear()
            height, width, _, _ = struct.unpack("HHHH", fcntl.ioctl(0, termios.TIOCGWINSZ, b"\0" * 8))
            await socket.send_bytes(bytes([RESIZE]) + json.dumps({"Width": width, "Height": height}).encode())
    finally:
        loop.remove_signal_handler(signal.SIGWINCH)


@contextlib.contextmanager
def raw_terminal() -> Iterator[None]:
    """Give every key to the other side; the terminal is as before afterwards."""
    before = termios.tcgetattr(0)
    tty.setraw(0)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data):]


def _end(status: Document) -> None:
    """Pass on how the command ended.

    Raises: Exit with its code; KubectlError if it could not be run.
    """
    code = _exit_code(status)
    if code:
        sys.stderr.write(f"command terminated with exit code {code}\n")
        raise Exit(code)


def _exit_code(status: Document) -> int:
    """The exit code in a final Status.

    Raises: KubectlError if the command could not be run.
    """
    if not status or status.get("status") == "Success":
        return 0
    if status.get("reason") == "NonZeroExitCode":
        causes = (status.get("details") or {}).get("causes") or ()
        return next((int(cause["message"]) for cause in causes if cause.get("reason") == "ExitCode"), 1)
    raise KubectlError(status.get("message") or "the command could not be run")
