"""When what of a request is recorded: its stages, from its receipt to the end of its answer.

A Record goes with a request that the policy names; handlers tell it what they have read and what they answer.
Source: k8s.io/apiserver/pkg/endpoints/filters/audit.go, authn_audit.go, pkg/audit/request.go
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import yaml
from aiohttp import web

from minikube_py.apis import meta_v1
from minikube_py.apis.scheme import encode
from minikube_py.apiserver.authentication.user import UserInfo
from minikube_py.apiserver.authorization.attributes import Decision
from minikube_py.apiserver.http.request_info import RequestInfo
from minikube_py.core.errors import StatusError, internal

from .event import (
    EMPTY,
    VERSION,
    AuthenticationMetadata,
    Event,
    ObjectReference,
    ResponseStatus,
    WireUser,
    encode_event,
    micro_time,
    short_user_agent,
    wire_user,
)
from .policy import LEVEL_NAMES, NONE, REQUEST, REQUEST_RESPONSE, PolicyEvaluator, Verdict

if TYPE_CHECKING:
    from .backends import Backend
    from .webhook import BlockingWebhook

LONG_VERBS = frozenset({"watch", "proxy"})
LONG_SUBRESOURCES = frozenset({"attach", "exec", "proxy", "log", "portforward"})
# Addresses that X-Forwarded-For may name; to read one takes microseconds, and anybody may send a million.
FORWARDED_MAX = 256
# The stage of an event that says how a request has ended.
COMPLETE = "ResponseComplete"
DECISION, REASON = "authorization.k8s.io/decision", "authorization.k8s.io/reason"


class HttpRequest(Protocol):
    """What is looked at in a request; the server's has it."""

    audit_id: str
    remarks: Sequence[tuple[str, str]]

    @property
    def raw_path(self) -> str: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def remote(self) -> str | None: ...

    @property
    def transport(self) -> asyncio.Transport | None: ...


class Auditor:
    """Begins records.

    Args:
        backends: take events while nothing waits, but for `written`.
        blocking: the server that a request waits for; None for none.

    Attributes:
        errors: events that were lost, by plugin.
        events: how many were made.
        levels: requests by level.
        rejected: requests that were refused because they could not be recorded.
    """

    def __init__(
        self, policy: PolicyEvaluator, backends: Sequence[Backend], errors: Counter[str], blocking: BlockingWebhook | None = None
    ) -> None:
        self._policy = policy
        self._backends = tuple(backends)
        self._blocking = blocking
        self.errors = errors
        self.levels = [0] * len(LEVEL_NAMES)
        self.events = 0
        self.rejected = 0

    async def begin(self, http: HttpRequest, info: RequestInfo, user: UserInfo, received: float) -> Record | None:
        """The record of a request whose sender is known; None if the policy wants none.

        Args:
            received: seconds since the epoch.
        Raises: InternalError if it cannot be recorded and must be.
        """
        verdict = self._policy.evaluate(user, info)
        self.levels[verdict.level] += 1
        if verdict.level == NONE:
            return None
        record = Record(self, verdict, _event(http, info, wire_user(user), verdict, received), is_long_running(info))
        if not record.begin() or (record.posted is not None and not await _outcome(record.posted)):
            self.rejected += 1
            raise internal("failed to store audit event")
        return record

    async def refused(self, http: HttpRequest, info: RequestInfo, received: float) -> None:
        """Record a request whose sender could not be authenticated."""
        verdict = self._policy.evaluate(None, info)
        self.levels[verdict.level] += 1
        if verdict.level == NONE:
            return
        event = _event(http, info, WireUser(), verdict, received)
        event.stage, event.stage_timestamp = "ResponseStarted", micro_time(time.time())
        event.response_status = ResponseStatus(EMPTY, message=_attempted(http), code=401)
        event.annotations.update(http.remarks)
        _, posted = self.process(event, verdict)
        if posted is not None:
            await _outcome(posted)

    def process(
        self, event: Event, verdict: Verdict, earlier: asyncio.Task[bool] | None = None
    ) -> tuple[bool, asyncio.Task[bool] | None]:
        """Record an event at the stage that it has.

        Args:
            earlier: sends the last event of the same request.
        Returns: False if its request is to be refused for it, and what sends it, if an answer has to wait for that.
        """
        if event.stage in verdict.omit_stages:
            return True, earlier
        self.events += 1
        line, safe = encode_event(event), True
        for backend in self._backends:
            safe = backend.take(event, line) and safe
        return safe, self._blocking.post(event, line, earlier) if self._blocking is not None else None

    def written(self) -> asyncio.Future[None] | None:
        """What an answer has to wait for before it leaves, if anything, beside what its record has `posted`."""
        for backend in self._backends:
            written = backend.written()
            if written is not None:
                return written
        return None

    def flush(self) -> None:
        """Write what answers wait for, so that they need not."""
        for backend in self._backends:
            backend.flush()


class Record:
    """One request as it is recorded.

    Attributes:
        event: what is known so far.
        posted: sends the latest event, if an answer has to wait for that.
        wants_request, wants_response: whether objects are to be told.
    """

    __slots__ = ("_auditor", "_long_running", "_started", "_status", "_verdict", "event", "posted", "wants_request", "wants_response")

    def __init__(self, auditor: Auditor, verdict: Verdict, event: Event, long_running: bool) -> None:
        self._auditor = auditor
        self._verdict = verdict
        self._long_running = long_running
        self._started = False
        self._status: ResponseStatus | None = None
        self.event = event
        self.posted: asyncio.Task[bool] | None = None
        is_resource = event.object_ref is not None
        self.wants_request = is_resource and verdict.level >= REQUEST
        self.wants_response = is_resource and verdict.level >= REQUEST_RESPONSE and not long_running

    def begin(self) -> bool:
        """The request has come; return whether it may go on, for all that is known at once."""
        safe, self.posted = self._auditor.process(self.event, self._verdict)
        return safe

    async def wait_posted(self) -> None:
        """Until what was sent of the request has come to the other server, or is lost."""
        if self.posted is not None:
            await _outcome(self.posted)

    def impersonated(self, user: UserInfo, constraint: str) -> None:
        """The request acts as somebody else; `constraint` is the verb that allowed it, if not the old one."""
        self.event.impersonated_user = wire_user(user)
        if constraint:
            self.event.authentication_metadata = AuthenticationMetadata(constraint)

    def decided(self, decision: Decision) -> None:
        """What authorization said, or that it failed."""
        annotations = self.event.annotations
        if decision.error and not decision.allowed:
            annotations[REASON] = "internal error"
            return
        annotations[DECISION] = "allow" if decision.allowed else "forbid"
        annotations[REASON] = decision.reason

    def annotate(self, key: str, value: str) -> None:
        """Add a remark; the first one of a key stays."""
        self.event.annotations.setdefault(key, value)

    def sent(self, obj: Any, defaulted: Callable[[Any], Any] = encode) -> None:
        """The client has sent an object: fill in what the path does not say of it, and keep it if it is wanted.

        Args:
            defaulted: the JSON of the object, with the defaults that upstream's decoder sets.
        """
        ref, metadata = self.event.object_ref, getattr(obj, "metadata", None)
        if ref is not None and isinstance(metadata, meta_v1.ObjectMeta):
            ref.namespace = ref.namespace or metadata.namespace
            ref.name = ref.name or metadata.name
            ref.uid = ref.uid or metadata.uid
            ref.resource_version = ref.resource_version or metadata.resource_version
        if self.wants_request:
            self.event.request_object = self._shown(defaulted(obj))

    def sent_document(self, document: Any) -> None:
        """The client has sent this, which is no object by itself: a patch, options."""
        if self.wants_request:
            self.event.request_object = document

    def status(self, status: Mapping[str, Any]) -> None:
        """The answer is this metav1.Status."""
        self._status = _status(status)

    def started(self, code: int) -> None:
        """The head of the answer is on its way."""
        if self._long_running and not self._started:
            self._started = True
            self.event.response_status = ResponseStatus(EMPTY, code=code)
            self._reach("ResponseStarted")
        if self.event.stage != COMPLETE:
            # The handler writes the answer itself.
            self._auditor.flush()

    def answered(self, response: web.StreamResponse) -> None:
        """This is the answer, before it is compressed."""
        if self.wants_response and isinstance(response, web.Response) and isinstance(response.body, bytes):
            if response.content_type == "application/json":
                self.event.response_object = self._shown(response.body.rstrip(b"\n"))
            elif response.content_type == "application/yaml":
                self.event.response_object = self._shown(msgspec.json.encode(yaml.safe_load(response.body)))
        self.complete(response.status)

    def complete(self, code: int, error: StatusError | None = None) -> None:
        """All of the answer is on its way, or nothing more will be."""
        if error is not None:
            document = error.status()
            self._status = _status(document)
            if self.wants_response:
                self.event.response_object = document
        self.event.response_status = status = self._status or ResponseStatus(EMPTY)
        status.code = code
        if self._long_running and not self._started:
            self._started = True
            self._reach("ResponseStarted")
        self._reach(COMPLETE)

    def cut(self) -> None:
        """The client has gone before there was an answer."""
        self.event.response_status = ResponseStatus(EMPTY, status="Success", message="Connection closed early", code=200)
        if self._long_running and not self._started:
            self._started = True
            self._reach("ResponseStarted")
        self._reach(COMPLETE)

    def panicked(self, error: BaseException) -> None:
        """The server has failed."""
        self.event.response_status = ResponseStatus(
            EMPTY, status="Failure", message=f"APIServer panic'd: {error}", reason="InternalError", code=500)
        self._reach("Panic")

    def _reach(self, stage: str) -> None:
        event = self.event
        event.stage, event.stage_timestamp = stage, micro_time(time.time())
        _, self.posted = self._auditor.process(event, self._verdict, self.posted)

    def _shown(self, document: bytes) -> Any:
        if not self._verdict.omit_managed_fields or b"managedFields" not in document:
            return msgspec.Raw(document)
        return _without_managed_fields(msgspec.json.decode(document))


async def _outcome(posted: asyncio.Task[bool]) -> bool:
    """Whether a request may go on. Cancellation: what is being sent is sent nevertheless."""
    await asyncio.wait([posted])
    return not posted.cancelled() and posted.result()


def is_long_running(info: RequestInfo) -> bool:
    """Source: k8s.io/apiserver/pkg/server/filters/longrunning.go, cmd/kube-apiserver's long-running requests"""
    return info.is_resource and (info.verb in LONG_VERBS or info.subresource in LONG_SUBRESOURCES)


def _event(http: HttpRequest, info: RequestInfo, user: WireUser, verdict: Verdict, received: float) -> Event:
    """The event at its first stage."""
    stamp = micro_time(received)
    reference = None
    if info.is_resource:
        reference = ObjectReference(
            info.resource, info.namespace, info.name, api_group=info.group, api_version=info.version, subresource=info.subresource)
    return Event(
        kind="Event", api_version=VERSION, level=LEVEL_NAMES[verdict.level], audit_id=http.audit_id, stage="RequestReceived",
        request_uri=http.raw_path, verb=info.verb, user=user, source_ips=source_ips(http),
        user_agent=short_user_agent(http.headers.get("User-Agent", "")), object_ref=reference, request_received_timestamp=stamp,
        stage_timestamp=stamp,
    )


def source_ips(http: HttpRequest) -> list[str]:
    """Where a request says that it has come from, and at the end where it has.

    Source: k8s.io/apimachinery/pkg/util/net/http.go (SourceIPs)
    """
    headers, remote = http.headers, http.remote or ""
    found = []
    if "X-Forwarded-For" in headers or "X-Real-Ip" in headers:
        found = [ip for part in headers.get("X-Forwarded-For", "").split(",", FORWARDED_MAX)[:FORWARDED_MAX] if (ip := _ip(part.strip()))]
        real = _ip(headers.get("X-Real-Ip", ""))
        if real and real not in found:
            found.append(real)
    if remote and (not found or found[-1] != remote):
        found.append(remote)
    return found


def _ip(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def _attempted(http: HttpRequest) -> str:
    """By what a client has tried to log in. Source: k8s.io/apiserver/pkg/endpoints/filters/authn_audit.go"""
    words = http.headers.get("Authorization", "").strip().split(" ")
    methods = [words[0].lower()] if len(words) > 1 and words[0].lower() in ("basic", "bearer") else []
    tls = http.transport.get_extra_info("ssl_object") if http.transport is not None else None
    if tls is not None and tls.getpeercert(binary_form=True):
        methods.append("x509")
    return f"Authentication failed, attempted: {', '.join(methods)}" if methods else "Authentication failed, no credentials provided"


def _status(document: Mapping[str, Any]) -> ResponseStatus:
    return ResponseStatus(
        EMPTY, document.get("status", ""), document.get("message", ""), document.get("reason", ""), document.get("details") or None,
        document.get("code", 0),
    )


def _without_managed_fields(document: Any) -> Any:
    """An object, list or table without managedFields."""
    if isinstance(document, dict):
        metadata = document.get("metadata")
        if isinstance(metadata, dict):
            metadata.pop("managedFields", None)
        for item in document.get("items") or ():
            _without_managed_fields(item)
        for row in document.get("rows") or ():
            _without_managed_fields(row.get("object"))
    return document
