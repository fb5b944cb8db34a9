"""The one family of API errors: a subclass per Kubernetes reason, rendered as `metav1.Status` in one place.

Owns code, reason, message and details of an error. Does not own when it is raised.
Source: staging/src/k8s.io/apimachinery/pkg/api/errors/errors.go, pkg/util/validation/field/errors.go
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Cause:
    """One StatusCause: a machine-readable reason, a message and the field path ("spec.containers[0].name"), each of which may be "".
    """

    reason: str
    message: str
    field: str = ""

    def document(self) -> dict[str, str]:
        words = (("reason", self.reason), ("message", self.message), ("field", self.field))
        return {key: value for key, value in words if value}


class StatusError(Exception):
    """An answer of the API server other than success.

    Attributes:
        message: the sentence that clients print.
        details: the `details` document of metav1.Status without causes ({"name", "group", "kind", "uid", "retryAfterSeconds"}).
        causes: StatusCause rows.
        list_continue: a token in the Status' own metadata, with which an expired list goes on.
        warnings: what the client is told beside it.
    """

    code: ClassVar[int] = 500
    reason: ClassVar[str] = "InternalError"

    def __init__(self, message: str, *, details: dict[str, Any] | None = None, causes: Sequence[Cause] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.details = details or {}
        self._has_details = details is not None
        self.causes = tuple(causes)
        self.list_continue = ""
        self.warnings: Sequence[str] = ()

    def status(self) -> dict[str, Any]:
        """The metav1.Status document."""
        document: dict[str, Any] = {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message, "reason": self.reason,
        }
        if self.list_continue:
            document["metadata"] = {"continue": self.list_continue}
        if not self.reason:
            del document["reason"]
        details = dict(self.details)
        if self.causes:
            details["causes"] = [cause.document() for cause in self.causes]
        if details or self._has_details:
            document["details"] = details
        document["code"] = self.code
        return document


class BadRequestError(StatusError):
    code, reason = 400, "BadRequest"


class UnauthorizedError(StatusError):
    code, reason = 401, "Unauthorized"


class ForbiddenError(StatusError):
    code, reason = 403, "Forbidden"


class NotFoundError(StatusError):
    code, reason = 404, "NotFound"


class UnknownPathError(NotFoundError):
    """Nothing is served at a path at all; over HTTP such an answer is plain text and no Status."""


class MethodNotAllowedError(StatusError):
    code, reason = 405, "MethodNotAllowed"


class NotAcceptableError(StatusError):
    code, reason = 406, "NotAcceptable"


class AlreadyExistsError(StatusError):
    code, reason = 409, "AlreadyExists"


class ConflictError(StatusError):
    code, reason = 409, "Conflict"


class ExpiredError(StatusError):
    code, reason = 410, "Expired"


class RequestEntityTooLargeError(StatusError):
    code, reason = 413, "RequestEntityTooLarge"


class UnsupportedMediaTypeError(StatusError):
    code, reason = 415, "UnsupportedMediaType"


class InvalidError(StatusError):
    code, reason = 422, "Invalid"


class TooManyRequestsError(StatusError):
    code, reason = 429, "TooManyRequests"


class InternalError(StatusError):
    code, reason = 500, "InternalError"


class StorageError(StatusError):
    """What upstream's storage says in words alone: no reason."""

    code, reason = 500, ""


class UnreasonedError(StatusError):
    """An error that upstream passes on in its words alone: no reason."""

    code, reason = 500, ""


class ServiceUnavailableError(StatusError):
    code, reason = 503, "ServiceUnavailable"


class TimeoutStatusError(StatusError):
    code, reason = 504, "Timeout"


BY_REASON: dict[str, type[StatusError]] = {
    kind.reason: kind
    for kind in (
        BadRequestError, UnauthorizedError, ForbiddenError, NotFoundError, MethodNotAllowedError, NotAcceptableError, AlreadyExistsError,
        ConflictError, ExpiredError, RequestEntityTooLargeError, UnsupportedMediaTypeError, InvalidError, TooManyRequestsError,
        InternalError, ServiceUnavailableError, TimeoutStatusError,
    )
}


def from_status(document: dict[str, Any], code: int = 500) -> StatusError:
    """The error that a metav1.Status document stands for; unknown reasons become a StatusError with that code."""
    kind = BY_REASON.get(document.get("reason", ""))
    if kind is None:
        kind = type("StatusError", (StatusError,), {"code": document.get("code", code), "reason": document.get("reason", "")})
    details = dict(document.get("details") or {})
    causes = [Cause(c.get("reason", ""), c.get("message", ""), c.get("field", "")) for c in details.pop("causes", None) or ()]
    return kind(document.get("message", ""), details=details, causes=causes)


def resource_details(group: str, plural: str, name: str) -> dict[str, Any]:
    """The details of an error about one object; upstream puts the plural into `kind` here."""
    details = {"name": name, "group": group, "kind": plural}
    return {key: value for key, value in details.items() if value}


def qualified(group: str, plural: str) -> str:
    return f"{plural}.{group}" if group else plural


def not_found(group: str, plural: str, name: str) -> NotFoundError:
    return NotFoundError(f'{qualified(group, plural)} "{name}" not found', details=resource_details(group, plural, name))


def already_exists(group: str, plural: str, name: str) -> AlreadyExistsError:
    return AlreadyExistsError(f'{qualified(group, plural)} "{name}" already exists', details=resource_details(group, plural, name))


def generated_name_taken(group: str, plural: str, name: str) -> AlreadyExistsError:
    """409 for a name that was generated and is there already: trying again may help."""
    message = f'{qualified(group, plural)} "{name}" already exists, the server was not able to generate a unique name for the object'
    return AlreadyExistsError(message, details={**resource_details(group, plural, name), "retryAfterSeconds": 1})


def conflict(group: str, plural: str, name: str, why: str) -> ConflictError:
    """A conflict; `why` is the sentence after the colon."""
    return ConflictError(
        f'Operation cannot be fulfilled on {qualified(group, plural)} "{name}": {why}', details=resource_details(group, plural, name)
    )


def unknown_path() -> UnknownPathError:
    """404 for a path that nothing serves. Source: k8s.io/apimachinery/pkg/api/errors (NewGenericServerResponse)"""
    return UnknownPathError("the server could not find the requested resource", details={})


def unknown_method() -> MethodNotAllowedError:
    """405 for a path that knows other methods."""
    return MethodNotAllowedError("the server does not allow this method on the requested resource", details={})


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def aggregate(causes: Sequence[Cause]) -> str:
    """Causes in one sentence: "field: message" or the list of them.

    A rule may be run more than once (as part of others) and give its cause as often; the sentence says it once.
    """
    return aggregate_texts(f"{cause.field}: {cause.message}" for cause in causes)


def aggregate_texts(texts: Iterable[str]) -> str:
    """Several errors in Go's form: each once, in brackets if they are more than one; "" for none.

    Source: k8s.io/apimachinery/pkg/util/errors/errors.go (aggregate.Error)
    """
    distinct = list(dict.fromkeys(texts))
    return f"[{', '.join(distinct)}]" if len(distinct) > 1 else "".join(distinct)


def invalid(group: str, kind: str, name: str, causes: Sequence[Cause]) -> InvalidError:
    """422 with one cause a wrong field. The message is "Kind.group \"name\" is invalid: " and all of them."""
    message = f'{qualified(group, kind)} "{name}" is invalid: {aggregate(causes)}'
    return InvalidError(message, details=resource_details(group, kind, name), causes=causes)


def internal(why: str) -> InternalError:
    """500 for what is nobody's fault who asks."""
    return InternalError(f"Internal error occurred: {why}", causes=[Cause("", why)])


def expired(message: str) -> ExpiredError:
    return ExpiredError(message)


class FatalError(Exception):
    """The process cannot go on; the message says what happened and what to do. Ends the program with status 1, without a traceback."""
