"""Resources that nothing is stored of: reviews are answered, bindings are carried out, component statuses are looked at.

Source: pkg/registry/authorization/, pkg/registry/authentication/, pkg/registry/core/pod/storage/storage.go (LegacyBindingREST),
pkg/registry/core/componentstatus/rest.go
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web

from minikube_py.apis import core_v1
from minikube_py.apis.object import Object
from minikube_py.apis.resources import BY_GVR, DEPRECATED, ResourceType
from minikube_py.apis.scheme import encode, type_of
from minikube_py.core.errors import MethodNotAllowedError, resource_details, unknown_method
from minikube_py.store.interface import Entry

from ..authentication.user import UserInfo
from ..component_statuses import ComponentStatuses
from ..context import Context
from ..decoding import decode_object
from ..field_managers import manager_from_user_agent
from ..selection import Selection
from ..storage import Storage
from ..strategy import Strategy
from ..subresources import Subresources
from .http_request import HttpRequest
from .negotiation import negotiate, wants_pretty
from .query import Query
from .request import content_type_of, read_body
from .request_info import RequestInfo
from .responses import answer_body, encoded, list_body, object_body
from .write_options import check_write_options

# Answers an object that is only asked, never kept (reviews): (object, user, namespace) -> object with status.
Review = Callable[[Any, UserInfo, str], Awaitable[Object]]
COMPONENT_STATUSES = ("", "v1", "componentstatuses")


class VirtualResources:
    """Answers requests for such resources."""

    def __init__(self, review: Review, subresources: Subresources, components: ComponentStatuses) -> None:
        self._review = review
        self._subresources = subresources
        self._components = components
        self._statuses = Storage(BY_GVR[COMPONENT_STATUSES], core_v1.ComponentStatus, Strategy(), "componentstatuses")

    async def respond(
        self, http: HttpRequest, info: RequestInfo, query: Query, resource: ResourceType, user: UserInfo
    ) -> web.StreamResponse:
        """Raises: MethodNotAllowedError, and what the resource has to say."""
        if resource.gvr == COMPONENT_STATUSES:
            return self._tell_statuses(http, info, query)
        if info.verb != "create" or info.name or (resource.namespaced and not info.namespace):
            raise unknown_method()
        negotiated = negotiate(http.headers.get("Accept", ""), protobuf=True, tables=False)
        pretty = wants_pretty(query, http.headers.get("User-Agent", ""))
        check_write_options(query, "CreateOptions")
        obj, warnings = decode_object(
            type_of(*resource.gvk), resource.group_version, resource.kind, await read_body(http), content_type_of(http),
            query.text("fieldValidation"),
        )
        obj.kind, obj.api_version = resource.kind, resource.group_version
        if http.record is not None:
            http.record.sent(obj)
        manager = query.text("fieldManager") or manager_from_user_agent(http.headers.get("User-Agent", ""))
        context = Context(user, query.has("dryRun"), manager, warnings)
        if isinstance(obj, core_v1.Binding):
            answer: Object = await self._subresources.bind(info.namespace, obj, context)
        else:
            self._subresources.track(obj, resource.group_version, resource.kind, "", context)
            answer = await self._review(obj, user, info.namespace)
        return encoded(answer_body(answer, resource, negotiated), negotiated, status=201, pretty=pretty, warnings=warnings)

    def _tell_statuses(self, http: web.BaseRequest, info: RequestInfo, query: Query) -> web.Response:
        resource = self._statuses.resource
        negotiated = negotiate(http.headers.get("Accept", ""), protobuf=True)
        pretty = wants_pretty(query, http.headers.get("User-Agent", ""))
        include = query.text("includeObject")
        if info.verb == "get" and not info.subresource:
            body = object_body(self._statuses, _entry(self._components.get(info.name)), negotiated, include)
        elif info.verb == "list":
            selection = Selection(self._statuses, "", query.text("labelSelector"), query.text("fieldSelector"))
            entries: Sequence[Entry] = [_entry(status) for status in self._components.list()]
            body = list_body(self._statuses, [entry for entry in entries if selection.matches(entry)], {}, negotiated, include)
        elif info.verb == "watch":
            raise MethodNotAllowedError(
                f'watch is not supported on resources of kind "{resource.plural}"', details=resource_details("", resource.plural, "")
            )
        else:
            raise unknown_method()
        return encoded(body, negotiated, pretty=pretty, warnings=[DEPRECATED[resource.gvk]])


def _entry(status: core_v1.ComponentStatus) -> Entry:
    """A status in the form that answers are made of."""
    return Entry(status.metadata.name, 0, encode(status), status, 0)
