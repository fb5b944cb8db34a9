"""aiohttp's request with what belongs to each request here: our bound on the body, an audit id, and the headers of every answer."""

from __future__ import annotations

import asyncio
import itertools
import random
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from aiohttp import web

from minikube_py.core import limits

from ..audit.auditor import Record
from ..flow_control.flow_control import Ticket
from ..warning import warning_headers


class HttpRequest(web.BaseRequest):
    """One request.

    Attributes:
        audit_id: its name in the audit log and in the answer's headers.
        remarks: what the audit log is to be told of who sends it, found before there is a record.
        warnings: what the client is to be told of its credential.
        record: what the audit log is told of it; None if that wants nothing.
        ticket: its seats; None if it needs none.
    """

    ATTRS = web.BaseRequest.ATTRS | frozenset(("audit_id", "record", "remarks", "ticket", "warnings"))
    remarks: Sequence[tuple[str, str]] = ()
    warnings: Sequence[str] = ()

    def __init__(
        self, loop: asyncio.AbstractEventLoop, message: Any, payload: Any, protocol: Any, writer: Any, task: asyncio.Task[None]
    ) -> None:
        super().__init__(message, payload, protocol, writer, task, loop, client_max_size=limits.REQUEST_BYTES_MAX)
        self.audit_id: str = message.headers.get("Audit-Id") or next(_audit_ids)
        self.record: Record | None = None
        self.ticket: Ticket | None = None

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        record = self.record
        if record is not None:
            record.started(response.status)
            if record.posted is not None:
                await record.wait_posted()
        headers = response.headers
        headers["Audit-Id"] = self.audit_id
        ticket = self.ticket
        if ticket is not None:
            headers["X-Kubernetes-PF-FlowSchema-UID"] = ticket.schema_uid
            headers["X-Kubernetes-PF-PriorityLevel-UID"] = ticket.level_uid
        for header in warning_headers(self.warnings) if self.warnings else ():
            headers.add("Warning", header)
        # aiohttp's own, which tells clients and attackers something that is not theirs to know.
        headers.popall("Server", None)
        if "Cache-Control" not in headers:
            headers["Cache-Control"] = "no-cache, private"


def _new_audit_ids() -> Iterator[str]:
    """Names that no other process gives out, in the form of random UUIDs: drawn once, then counted, which is cheap."""
    prefix = str(uuid.uuid4())[:24]
    return (f"{prefix}{number:012x}" for number in itertools.count(random.getrandbits(40)))


_audit_ids = _new_audit_ids()
