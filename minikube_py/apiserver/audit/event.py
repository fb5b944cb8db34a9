"""One audit event in its wire form, audit.k8s.io/v1, with its fields in upstream's order.

Source: k8s.io/apiserver/pkg/apis/audit/v1/types.go, pkg/audit/format.go
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from minikube_py.apis.syntax import quote
from minikube_py.apiserver.authentication.user import UserInfo

VERSION = "audit.k8s.io/v1"
# Go's encoder does not leave out structs that are empty.
EMPTY = msgspec.Raw(b"{}")
USER_AGENT_MAX = 1024
_TRUNCATED = "...TRUNCATED"
_encoder = msgspec.json.Encoder()


class WireUser(msgspec.Struct, omit_defaults=True, gc=False):
    """authentication.k8s.io/v1 UserInfo."""

    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, tuple[str, ...]] = {}


class ObjectReference(msgspec.Struct, omit_defaults=True, rename="camel", gc=False):
    """What a request is about."""

    resource: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    api_group: str = ""
    api_version: str = ""
    resource_version: str = ""
    subresource: str = ""


class ResponseStatus(msgspec.Struct, omit_defaults=True):
    """metav1.Status within an event."""

    metadata: Any
    status: str = ""
    message: str = ""
    reason: str = ""
    details: dict[str, Any] | None = None
    code: int = 0


class AuthenticationMetadata(msgspec.Struct, omit_defaults=True, rename="camel"):
    impersonation_constraint: str = ""


class Event(msgspec.Struct, kw_only=True, omit_defaults=True, rename={
    "api_version": "apiVersion", "audit_id": "auditID", "request_uri": "requestURI", "impersonated_user": "impersonatedUser",
    "authentication_metadata": "authenticationMetadata",
    "source_ips": "sourceIPs", "user_agent": "userAgent", "object_ref": "objectRef", "response_status": "responseStatus",
    "request_object": "requestObject", "response_object": "responseObject", "request_received_timestamp": "requestReceivedTimestamp",
    "stage_timestamp": "stageTimestamp",
}):
    """What is recorded of a request at one stage; the same object goes from stage to stage."""

    kind: str
    api_version: str
    level: str
    audit_id: str
    stage: str
    request_uri: str
    verb: str
    user: WireUser
    impersonated_user: WireUser | None = None
    authentication_metadata: AuthenticationMetadata | None = None
    source_ips: list[str] = []
    user_agent: str = ""
    object_ref: ObjectReference | None = None
    response_status: ResponseStatus | None = None
    request_object: Any = None
    response_object: Any = None
    request_received_timestamp: str
    stage_timestamp: str
    annotations: dict[str, str] = {}


def encode_event(event: Event) -> bytes:
    """One line of JSON, without its end."""
    return _encoder.encode(event)


def encode_events(events: Iterable[bytes]) -> bytes:
    """An EventList of events that are encoded already."""
    return b'{"kind":"EventList","apiVersion":"%s","metadata":{},"items":[%s]}' % (VERSION.encode(), b",".join(events))


def micro_time(seconds: float) -> str:
    """metav1.MicroTime of a time in seconds since the epoch."""
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1e6):06d}Z"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def wire_user(user: UserInfo) -> WireUser:
    return WireUser(user.name, user.uid, user.groups, dict(user.extra))


def short_user_agent(text: str) -> str:
    return text if len(text) <= USER_AGENT_MAX else text[:USER_AGENT_MAX] + _TRUNCATED


def legacy_line(event: Event) -> bytes:
    """The line of `--audit-log-format=legacy`."""
    ref, seen, acting = event.object_ref, event.user, event.impersonated_user
    fields = (
        ("id", event.audit_id), ("stage", event.stage), ("ip", event.source_ips[0] if event.source_ips else "<unknown>"),
        ("method", event.verb), ("user", seen.username or "<none>"), ("groups", _joined(seen.groups) or "<none>"),
        ("as", acting.username if acting is not None else "<self>"),
        ("asgroups", (_joined(acting.groups) if acting is not None else "") or "<lookup>"), ("user-agent", event.user_agent),
        ("namespace", (ref.namespace if ref is not None else "") or "<none>"), ("uri", event.request_uri),
        ("response", str(event.response_status.code) if event.response_status is not None else "<deferred>"),
    )
    return f"{event.request_received_timestamp} AUDIT: {' '.join(f'{name}={quote(value)}' for name, value in fields)}".encode()


def _joined(groups: Iterable[str]) -> str:
    """Groups as upstream shows them: each quoted, and then all of it once more."""
    return ",".join(quote(group) for group in groups)
