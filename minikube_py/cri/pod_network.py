"""Connections from inside a pod's network namespace, as port forwarding needs them.

A socket belongs for good to the namespace in which it was made. So only making it needs a thread that enters the namespace;
connecting and everything after is the event loop's.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import socket
import threading

from minikube_py.cri.errors import CriError
from minikube_py.cri.interface import RuntimeService

# Source: include/uapi/linux/sched.h.
_CLONE_NEWNET = 0x40000000


async def connect_in_pod(cri: RuntimeService, pod_sandbox_id: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to a port of a pod's loopback interface, IPv4 first and IPv6 then.

    Raises: CriError family if the sandbox is gone or not ready; ConnectionRefusedError if nobody listens.
    Source: containerd pkg/cri/server/sandbox_portforward_linux.go.
    """
    path = await network_namespace(cri, pod_sandbox_id)
    try:
        return await _connect(path, socket.AF_INET, "127.0.0.1", port)
    except ConnectionRefusedError as refused:
        try:
            return await _connect(path, socket.AF_INET6, "::1", port)
        except OSError:
            raise refused from None


async def network_namespace(cri: RuntimeService, pod_sandbox_id: str) -> str:
    """Path of a pod's network namespace; "" for a pod on the host's network.

    Raises: CriNotFoundError if the sandbox is gone; CriError if the runtime does not tell.
    """
    answer = await cri.pod_sandbox_status(pod_sandbox_id, verbose=True)
    info = json.loads(answer.info.get("info", "{}"))
    namespaces = (info.get("runtimeSpec") or {}).get("linux", {}).get("namespaces")
    if namespaces is None:
        raise CriError(f"the runtime does not tell the namespaces of sandbox {pod_sandbox_id}")
    return next((str(namespace.get("path", "")) for namespace in namespaces if namespace["type"] == "network"), "")


async def _connect(path: str, family: socket.AddressFamily, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    made = await _socket_in(path, family) if path else socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, (host, port))
        return await asyncio.open_connection(sock=made)
    except BaseException:
        made.close()
        raise


async def _socket_in(path: str, family: socket.AddressFamily) -> socket.socket:
    """Make a socket in a namespace, in a thread that ends there: one that came back could not be trusted if that failed."""
    loop = asyncio.get_running_loop()
    made: asyncio.Future[socket.socket] = loop.create_future()

    def enter_and_make() -> None:
        try:
            result: socket.socket | OSError = _enter_and_make(path, family)
        except OSError as error:
            result = error
        loop.call_soon_threadsafe(settle, result)

    def settle(result: socket.socket | OSError) -> None:
        if isinstance(result, OSError):
            if not made.done():
                made.set_exception(result)
        elif made.done():
            result.close()
        else:
            made.set_result(result)

    threading.Thread(target=enter_and_make, name="pod-socket", daemon=True).start()
    return await made


def _enter_and_make(path: str, family: socket.AddressFamily) -> socket.socket:
    libc = ctypes.CDLL(None, use_errno=True)
    namespace = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(namespace, _CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)
        return socket.socket(family, socket.SOCK_STREAM)
    finally:
        os.close(namespace)
