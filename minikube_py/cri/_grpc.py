"""Calls over gRPC with the generated messages.

Owns the channel's settings and the calls' form; knows no particular service.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from minikube_py.cri.errors import CriUnavailableError, translated_errors

# Both directions, as containerd and the kubelet have it. Source: kubernetes pkg/kubelet/remote, maxMsgSize.
MESSAGE_BYTES_MAX = 16 * 1024 * 1024

# gRPC's own waits grow to two minutes, which a restarted runtime would cost. Source: kubernetes pkg/kubelet/remote,
# baseBackoffDelay and maxBackoffDelay.
RECONNECT_WAIT_MIN_MS = 100
RECONNECT_WAIT_MAX_MS = 3000

Answer = TypeVar("Answer", bound=Message)
Metadata = tuple[tuple[str, str], ...]


class Connection:
    """One channel to one endpoint, opened by the first call.

    Args:
        endpoint: `unix:///path`, or a bare path of a socket.
        metadata: sent with every call.
    """

    def __init__(self, endpoint: str, *, metadata: Metadata = ()) -> None:
        self.endpoint = endpoint if "://" in endpoint else f"unix://{endpoint}"
        self._metadata = metadata
        self._opened: Any = None
        self._unary_calls: dict[str, Any] = {}

    async def unary(
        self, method: str, request: Message, answer: type[Answer], *, timeout_s: float | None, wait_for_ready: bool = False
    ) -> Answer:
        """Call a method and return its answer.

        Args:
            method: `/package.Service/Method`.
            answer: the type of the answer.
            timeout_s: None is without end.
            wait_for_ready: wait for the connection, within the timeout, where otherwise CriUnavailableError is raised at once.
        Raises: an error of the CriError family.
        Cancellation: the call is cancelled at the server too; it may have been carried out.
        """
        call = self._unary_calls.get(method)
        if call is None:
            call = self._channel().unary_unary(method, _serialized, answer.FromString)
            self._unary_calls[method] = call
        with self._failures():
            answered: Answer = await call(request, timeout=timeout_s, metadata=self._metadata, wait_for_ready=wait_for_ready)
        return answered

    async def stream(self, method: str, request: Message, answer: type[Answer]) -> AsyncGenerator[Answer, None]:
        """Call a method that answers with a stream, and yield each message. Raises an error of the CriError family."""
        with self._failures():
            answers = self._channel().unary_stream(method, _serialized, answer.FromString)(request, metadata=self._metadata)
            try:
                async for item in answers:
                    yield item
            finally:
                answers.cancel()

    async def close(self) -> None:
        """Close the channel; calls under way raise CriUnavailableError."""
        opened, self._opened = self._opened, None
        self._unary_calls.clear()
        if opened is not None:
            await opened.close()

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Raise gRPC's failures as CriError.

        gRPC cancels the calls of a channel that is closed under them, which in the callers' tasks looks like a
        cancellation that nobody asked for; to them, too, the runtime has become unavailable.
        """
        channel = self._channel()
        try:
            with translated_errors():
                yield
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if self._opened is channel or (task is not None and task.cancelling()):
                raise
            raise CriUnavailableError("the connection to the runtime was closed") from error

    def _channel(self) -> Any:
        if self._opened is None:
            self._opened = grpc.aio.insecure_channel(
                self.endpoint,
                options=(
                    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
                    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
                    ("grpc.initial_reconnect_backoff_ms", RECONNECT_WAIT_MIN_MS),
                    ("grpc.min_reconnect_backoff_ms", RECONNECT_WAIT_MIN_MS),
                    ("grpc.max_reconnect_backoff_ms", RECONNECT_WAIT_MAX_MS),
                    # A proxy of the environment is never meant for a local socket.
                    ("grpc.enable_http_proxy", 0),
                    # The authority of a unix socket is its path, percent-encoded, which Go's servers refuse.
                    ("grpc.default_authority", "localhost"),
                    ("grpc.use_local_subchannel_pool", 1),
                ),
            )
        return self._opened


def _serialized(message: Message) -> bytes:
    return message.SerializeToString()
