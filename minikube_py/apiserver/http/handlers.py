"""The verbs of resources over HTTP: from a request to a Registry call and back to bytes.

Source: k8s.io/apiserver/pkg/endpoints/handlers
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec
from aiohttp import web

from minikube_py.apis import autoscaling_v1, meta_v1
from minikube_py.apis.fields import FieldRequirement, FieldSelector, parse_field_selector
from minikube_py.apis.object import Object
from minikube_py.apis.resources import ResourceType
from minikube_py.apis.scheme import encode, type_of
from minikube_py.core import limits
from minikube_py.core.errors import (
    BadRequestError,
    ExpiredError,
    NotFoundError,
    StatusError,
    unknown_method,
    unknown_path,
)
from minikube_py.store.interface import CompactedError, Entry, Listing

from ..applying import apply_transform, read_applied
from ..authorization.attributes import forbidden_resource
from ..decoding import decode_document, decode_object
from ..deletion import DeleteOptions, options_from
from ..owner_references import drop_duplicates
from ..patch_document import read_patch
from ..patching import APPLY_PATCH, patch_transform, resets_managed_fields, struct_patch
from ..registry import Registry
from ..request_names import check_name
from ..resource_version import parse_requested
from ..scale import ScaleChange, applied_scale, patched_scale, replaced_scale
from ..selection import Selection
from ..storage import Storage
from ..subresources import Subresources
from ..yaml_document import YamlError, read_yaml
from .list_options import ListOptions, list_options, wait_known
from .negotiation import JSON
from .paging import Page, Pager, Token
from .request import Request
from .request_info import RequestInfo
from .responses import (
    STREAMED_ENTRIES_MIN,
    answer_body,
    encoded,
    encoded_large,
    json_response,
    list_body,
    object_body,
    scale_body,
    stream_list,
)
from .watch import Watches
from .write_options import check_write_options, read_delete_options

# Subresources that show or change a part of the object itself.
PARTS = frozenset({"", "status", "finalize", "approval", "ephemeralcontainers", "resize"})


class Handlers:
    """Answers resource requests that are not streams.

    Args:
        pager: snapshots of lists in pages.
    """

    def __init__(self, registry: Registry, subresources: Subresources, watches: Watches) -> None:
        self._registry = registry
        self._subresources = subresources
        self._watches = watches
        self._pager = Pager()

    async def handle(self, request: Request) -> web.StreamResponse:
        """Raises: any StatusError."""
        try:
            return await self._handle(request)
        except StatusError as error:
            error.warnings = request.warnings
            raise

    async def _handle(self, request: Request) -> web.StreamResponse:
        info = request.info
        _check_method(request.storage.resource, info)
        request.negotiated()  # What cannot be answered is not begun.
        if info.subresource == "scale":
            return await self._scale(request)
        if info.subresource not in PARTS:
            return await self._create_subresource(request)
        match info.verb:
            case "get":
                return await self._get(request)
            case "list":
                return await self._list(request)
            case "watch":
                return await self._watch(request)
            case "create" if not info.name:
                return await self._create(request)
            case "update" if info.name:
                return await self._update(request)
            case "patch" if info.name:
                return await self._patch(request)
            case "delete":
                return await self._delete(request)
            case "deletecollection":
                return await self._delete_collection(request)
        raise unknown_method()

    # Reading.

    async def _get(self, request: Request) -> web.Response:
        info, storage = request.info, request.storage
        version = request.query.text("resourceVersion")
        if version:
            await wait_known(self._registry.store, parse_requested(version))
        entry = self._registry.get(storage, info.namespace, info.name)
        return self._answer(request, entry)

    def _answer(self, request: Request, entry: Entry, status: int = 200) -> web.Response:
        """One object in the form asked for."""
        negotiated = request.negotiated()
        body = object_body(request.storage, entry, negotiated, request.query.text("includeObject"))
        if negotiated is JSON and not request.warnings and not request.pretty():
            return json_response(body + b"\n", status)
        return encoded(body, negotiated, status=status, pretty=request.pretty(), warnings=request.warnings)

    def _selection(self, request: Request) -> Selection:
        info, query = request.info, request.query
        field_selector = query.text("fieldSelector")
        if info.name:
            # The path names the only object.
            if field_selector and parse_field_selector(field_selector).exact("metadata.name") != info.name:
                raise BadRequestError("fieldSelector metadata.name doesn't match requested name")
            field_selector = field_selector or str(FieldSelector([FieldRequirement("metadata.name", "=", info.name)]))
        return Selection(request.storage, info.namespace, query.text("labelSelector"), field_selector)

    async def _list(self, request: Request) -> web.StreamResponse:
        query, storage = request.query, request.storage
        entries, metadata = await self._page(request)
        negotiated = request.negotiated()
        record = request.http.record
        plain = not request.warnings and not request.pretty() and not (record is not None and record.wants_response)
        if len(entries) >= STREAMED_ENTRIES_MIN and negotiated == JSON and not storage.converts and plain:
            return await stream_list(request.http, storage, entries, metadata)
        body = list_body(storage, entries, metadata, negotiated, query.text("includeObject"))
        if negotiated is JSON and plain:
            return json_response(body)
        return await encoded_large(body, negotiated, pretty=request.pretty(), warnings=request.warnings)

    async def _page(self, request: Request) -> Page:
        """What a list or the deletion of a collection is about: all that is selected, or a page of it.

        Raises: ExpiredError, TimeoutStatusError for a revision that is no longer, or not yet, known.
        """
        query, storage = request.query, request.storage
        options = list_options(query, watch=False)
        selection = self._selection(request)
        await wait_known(self._registry.store, Token.decode(options.token).revision if options.token else options.revision)
        listing = self._listing(storage, selection, options)
        if not (options.limit or options.token):
            return Page(listing.entries, {"resourceVersion": str(listing.revision)})
        scope = (storage.collection, selection.namespace, query.text("labelSelector"), query.text("fieldSelector"))
        selected = not selection.everything
        if options.token:
            return self._pager.next(
                scope, options.token, listing, options.limit, selected=selected, past=partial(self._past, storage, selection)
            )
        return self._pager.first(scope, listing, options.limit, selected=selected)

    def _past(self, storage: Storage, selection: Selection, revision: int) -> Listing:
        """What was selected at a revision. Raises: CompactedError."""
        listing = self._registry.list_at(storage, selection.namespace, revision)
        return Listing([entry for entry in listing.entries if selection.matches(entry)], revision)

    def _listing(self, storage: Storage, selection: Selection, options: ListOptions) -> Listing:
        """What is selected, at the revision asked for. Raises: ExpiredError for one that is no longer known."""
        if options.exact and options.revision is not None:
            try:
                return self._past(storage, selection, options.revision)
            except CompactedError as error:
                raise ExpiredError("The resourceVersion for the provided list is too old.") from error
        listing = self._registry.list(storage, selection.namespace)
        if selection.everything:
            return listing
        return Listing([entry for entry in listing.entries if selection.matches(entry)], listing.revision)

    async def _watch(self, request: Request) -> web.StreamResponse:
        return await self._watches.serve(
            request.http, request.storage, self._selection(request), request.query, request.negotiated()
        )

    # Writing.

    async def _decode(self, request: Request, struct: type[Object], group_version: str, kind: str) -> Any:
        """The object in the body of a request to a subresource; warnings about it go to the client."""
        body, validation = await request.body(), request.query.text("fieldValidation")
        obj, warnings = decode_object(struct, group_version, kind, body, request.content_type(), validation)
        request.warnings += warnings
        obj.kind, obj.api_version = kind, group_version
        if request.http.record is not None:
            request.http.record.sent(obj)
        return obj

    async def _decode_main(self, request: Request) -> Any:
        """The object in the body of a create or update; warnings about it go to the client."""
        obj, warnings = request.storage.decode(await request.body(), request.content_type(), request.query.text("fieldValidation"))
        request.warnings += warnings
        if request.http.record is not None:
            request.http.record.sent(obj, request.storage.encode_defaulted)
        return obj

    async def _create(self, request: Request) -> web.Response:
        storage, info = request.storage, request.info
        check_write_options(request.query, "CreateOptions")
        obj = await self._decode_main(request)
        namespace = info.namespace if storage.resource.namespaced else ""
        entry = await self._registry.create(storage, namespace, obj, request.context)
        return self._answer(request, entry, 201)

    async def _update(self, request: Request) -> web.Response:
        storage, info = request.storage, request.info
        check_write_options(request.query, "UpdateOptions")
        obj = await self._decode_main(request)
        if not obj.metadata.managed_fields:
            await self._see_reset(request, obj)
        check_name(obj.metadata, info.name, info.namespace)
        drop_duplicates(obj.metadata, request.context)
        create = storage.strategy.create_on_update and not info.subresource and await self._creates(request, obj.metadata.uid)
        entry, created = await self._registry.update(
            storage, info.namespace, info.name, lambda old: obj, request.context, subresource=info.subresource, create=create,
            uid=obj.metadata.uid,
        )
        return self._answer(request, entry, 201 if created else 200)

    async def _creates(self, request: Request, uid: str = "") -> bool:
        """Whether a PUT or an apply makes a new object, which the client must be allowed to do.

        What is there now and gone when it is to be updated is not found then: nobody has asked whether the client may create it.
        Raises: ForbiddenError.
        """
        storage, info = request.storage, request.info
        if self._registry.store.head(storage.collection, storage.key(info.namespace, info.name)) is not None:
            return False
        if not uid:  # Who means a certain object is told that it is gone.
            await request.check_create()
        return True

    async def _see_reset(self, request: Request, obj: Any) -> None:
        """Note that a body has an empty list of managedFields: nobody is to own anything. Without one, all stays as it is."""
        body = await request.body()
        if b"managedFields" in body and resets_managed_fields(decode_document(body, request.content_type())):
            obj.metadata.managed_fields = [meta_v1.ManagedFieldsEntry()]

    async def _patch(self, request: Request) -> web.Response:
        storage, info = request.storage, request.info
        patch_type, validation = request.patch_type(), request.query.text("fieldValidation")
        body = await request.body()
        _record_patch(request, body)
        applies = patch_type == APPLY_PATCH
        check_write_options(request.query, "PatchOptions", apply=applies)
        create = applies and not info.subresource and await self._creates(request)
        if applies:
            transform = apply_transform(
                storage, self._registry.field_managers.of(storage, info.subresource), read_applied(body), request.context.field_manager,
                self._registry.now(), info.name, force=request.query.flag("force"), field_validation=validation,
                warnings=request.warnings,
            )
        else:
            patch, errors = read_patch(patch_type, body, validation)
            transform = patch_transform(
                storage, patch_type, patch, field_validation=validation, warnings=request.warnings, errors=errors
            )
        entry, created = await self._registry.update(
            storage, info.namespace, info.name, transform, request.context, subresource=info.subresource,
            create=create, tracked=applies,
        )
        return self._answer(request, entry, 201 if created else 200)

    async def _delete_options(self, request: Request) -> DeleteOptions:
        body = await request.body()
        options = read_delete_options(request.query, body, request.content_type())
        if body and request.http.record is not None:
            request.http.record.sent_document(options)
        request.context = replace(request.context, dry_run=bool(options.dry_run))
        return options_from(options)

    async def _delete(self, request: Request) -> web.Response:
        storage, info = request.storage, request.info
        options = await self._delete_options(request)
        if kept := storage.strategy.why_kept(info.name):
            raise forbidden_resource(info.group, info.resource, info.name, kept)
        entry, gone = await self._registry.delete(storage, info.namespace, info.name, options, request.context)
        resource = storage.resource
        if not gone or storage.strategy.returns_deleted:
            return self._answer(request, entry, 202 if not gone and options.orphan_dependents is False else 200)
        uid = storage.object(entry).metadata.uid
        details = {"name": info.name, "group": resource.group, "kind": resource.plural, "uid": uid}
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                  "details": {key: value for key, value in details.items() if value}}
        if request.http.record is not None:
            request.http.record.status(status)
        return encoded(encode(status), request.negotiated(), pretty=request.pretty(), warnings=request.warnings)

    async def _delete_collection(self, request: Request) -> web.Response:
        storage = request.storage
        entries, metadata = await self._page(request)
        options = await self._delete_options(request)

        async def delete(entry: Entry) -> None:
            namespace, _, name = entry.key.rpartition("/")
            with contextlib.suppress(NotFoundError):  # Somebody else was faster.
                await self._registry.delete(storage, namespace, name, options, request.context)

        # Deletions that go to the store together share a commit.
        for start in range(0, len(entries), limits.STORE_BATCH_WRITES_MAX):
            await asyncio.gather(*map(delete, entries[start : start + limits.STORE_BATCH_WRITES_MAX]))
        negotiated = request.negotiated()
        body = list_body(storage, entries, metadata, negotiated, request.query.text("includeObject"))
        return encoded(body, negotiated, pretty=request.pretty(), warnings=request.warnings)

    # Subresources.

    async def _create_subresource(self, request: Request) -> web.Response:
        info, resource = request.info, request.storage.resource
        subresource = resource.subresource(info.subresource)
        if subresource is None:
            raise unknown_path()
        try:
            struct = type_of(subresource.group, subresource.version, subresource.kind)
        except KeyError as error:
            raise unknown_method() from error
        check_write_options(request.query, "CreateOptions")
        body = await self._decode(request, struct, subresource.group_version, subresource.kind)
        answer = await self._subresources.create(resource, info.namespace, info.name, info.subresource, body, request.context)
        negotiated = request.negotiated()
        shown = answer_body(answer, subresource, negotiated)
        return encoded(shown, negotiated, status=201, pretty=request.pretty(), warnings=request.warnings)

    async def _scale(self, request: Request) -> web.Response:
        info, storage = request.info, request.storage
        if info.verb == "get":
            scale = self._subresources.scale(storage, info.namespace, info.name)
        else:
            change, uid = await self._scale_change(request)
            scale = await self._subresources.set_scale(storage, info.namespace, info.name, change, request.context, uid=uid)
        negotiated = request.negotiated()
        body = scale_body(storage, scale, negotiated, request.query.text("includeObject"))
        return encoded(body, negotiated, pretty=request.pretty(), warnings=request.warnings)

    async def _scale_change(self, request: Request) -> tuple[ScaleChange, str]:
        """What a request makes of a Scale, and the uid of the workload that it means."""
        manager, now, fields = request.context.field_manager, self._registry.now(), self._registry.field_managers.scale()
        if request.info.verb == "update":
            check_write_options(request.query, "UpdateOptions")
            new = await self._decode(request, autoscaling_v1.Scale, "autoscaling/v1", "Scale")
            check_name(new.metadata, request.info.name, request.info.namespace)
            return replaced_scale(new, fields, manager, now), new.metadata.uid
        patch_type, validation = request.patch_type(), request.query.text("fieldValidation")
        body = await request.body()
        _record_patch(request, body)
        check_write_options(request.query, "PatchOptions", apply=patch_type == APPLY_PATCH)
        if patch_type == APPLY_PATCH:
            return applied_scale(read_applied(body).document, fields, manager, now, force=request.query.flag("force")), ""
        patch, errors = read_patch(patch_type, body, validation)
        change = struct_patch(
            autoscaling_v1.Scale, "autoscaling/v1", "Scale", patch_type, patch, field_validation=validation, warnings=request.warnings,
            errors=errors,
        )
        return patched_scale(change, fields, manager, now), ""


def _record_patch(request: Request, body: bytes) -> None:
    """Tell the audit log of a patch, if it wants to know."""
    record = request.http.record
    if record is not None and record.wants_request:
        try:
            record.sent_document(msgspec.json.decode(body))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            # YAML, or nothing that can be applied: that is told with the answer.
            with contextlib.suppress(YamlError):
                record.sent_document(read_yaml(body).value)


def _check_method(resource: ResourceType, info: RequestInfo) -> None:
    """Check that the target is there and has the verb.

    Raises: NotFoundError for a subresource that the kind has not; MethodNotAllowedError; BadRequestError for a name that is not said.
    """
    verbs = resource.verbs
    if info.subresource:
        subresource = resource.subresource(info.subresource)
        if subresource is None or info.rest:
            raise unknown_path()
        if not info.name:
            raise BadRequestError("name must be provided")
        verbs = subresource.verbs
    elif resource.namespaced and not info.namespace and info.verb not in ("list", "watch"):
        if "/namespaces//" in info.path:
            raise BadRequestError("Namespace parameter required.")
        # Over all namespaces there is only reading, and a namespaced object has no path without its namespace.
        raise unknown_path() if info.name else unknown_method()
    if info.verb not in verbs:
        raise unknown_method()
