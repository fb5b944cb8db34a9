"""One request for a resource, on its way through the handlers.

Source: k8s.io/apiserver/pkg/endpoints/handlers/helpers.go, rest.go
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from minikube_py.core import limits
from minikube_py.core.errors import RequestEntityTooLargeError

from ..authentication.user import UserInfo
from ..context import Context
from ..field_managers import manager_from_user_agent
from ..patching import check_patch_type
from ..storage import Storage
from .http_request import HttpRequest
from .negotiation import JSON, JSON_TYPE, Negotiated, negotiate, wants_pretty
from .query import Query
from .request_info import RequestInfo


class Request:
    """One request on its way through the handlers.

    Attributes:
        check_create: waits for the decision whether the client may create what it asks to update. Raises: ForbiddenError.
        warnings: what the client is told beside the answer.
    """

    __slots__ = ("check_create", "context", "http", "info", "query", "storage", "warnings")

    def __init__(
        self, http: HttpRequest, info: RequestInfo, query: Query, user: UserInfo, storage: Storage,
        check_create: Callable[[], Awaitable[None]],
    ) -> None:
        self.check_create = check_create
        self.http = http
        self.info = info
        self.query = query
        self.storage = storage
        self.warnings = [storage.deprecation] if storage.deprecation else []
        manager = query.text("fieldManager") or manager_from_user_agent(http.headers.get("User-Agent", ""))
        annotations = http.record.event.annotations if http.record is not None else None
        self.context = Context(user, query.has("dryRun"), manager, self.warnings, annotations, info.verb)

    def negotiated(self) -> Negotiated:
        """Raises: NotAcceptableError."""
        accept = self.http.headers.get("Accept")
        if not accept:
            return JSON
        # What is created at a subresource (bindings, evictions, tokens) is kept nowhere, and nothing prints it.
        verb, tables = self.info.verb, self.info.verb != "create" or not self.info.subresource
        return negotiate(accept, watch=verb == "watch", protobuf=not self.storage.evolves, tables=tables)

    def pretty(self) -> bool:
        """Whether the client gets indented JSON: it asked for it, or it is one that people look at."""
        return wants_pretty(self.query, self.http.headers.get("User-Agent", ""))

    def content_type(self) -> str:
        return content_type_of(self.http)

    def patch_type(self) -> str:
        """The media type of a patch.

        Raises: UnsupportedMediaTypeError for a patch that there is not.
        """
        found = self.http.headers.get("Content-Type", "").partition(";")[0].strip()
        check_patch_type(self.storage, found)
        return found

    async def body(self) -> bytes:
        return await read_body(self.http)


def content_type_of(http: web.BaseRequest) -> str:
    """The media type of the body; a missing one is JSON."""
    return http.headers.get("Content-Type", "").partition(";")[0].strip().lower() or JSON_TYPE


async def read_body(http: web.BaseRequest) -> bytes:
    """Raises: RequestEntityTooLargeError."""
    try:
        return await http.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise RequestEntityTooLargeError(f"Request entity too large: limit is {limits.REQUEST_BYTES_MAX}") from error
