"""The one error family of the container runtime, and the translation of gRPC failures into it.

Callers of this package see no gRPC: whatever a call to the runtime raises is a CriError. The runtime's
own message is kept word for word, since it ends up in pod events and container states.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import grpc


class CriError(Exception):
    """The runtime refused or failed a call.

    Attributes:
        code: name of the gRPC status code (`"UNKNOWN"`, `"NOT_FOUND"`, ...); `""` if the failure did not come by gRPC.
        message: what the runtime said.
    """

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class CriNotFoundError(CriError):
    """The sandbox, container or image does not exist."""


class CriAlreadyExistsError(CriError):
    """The name is taken; for a sandbox or container, by one of the same pod and attempt."""


class CriUnavailableError(CriError):
    """The runtime does not answer: not started, gone, or restarting. The call may or may not have been carried out."""


class CriTimeoutError(CriError):
    """The runtime did not answer in time. The call may still be carried out."""


class CriUnimplementedError(CriError):
    """The runtime does not know this call."""


_BY_CODE: dict[grpc.StatusCode, type[CriError]] = {
    grpc.StatusCode.NOT_FOUND: CriNotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: CriAlreadyExistsError,
    grpc.StatusCode.UNAVAILABLE: CriUnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: CriTimeoutError,
    grpc.StatusCode.UNIMPLEMENTED: CriUnimplementedError,
}


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise a gRPC failure of the block as the CriError that stands for it."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        code = error.code()
        raise _BY_CODE.get(code, CriError)(error.details() or code.name, code=code.name) from error
