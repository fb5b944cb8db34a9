"""Encoding of answers: JSON, YAML, indented JSON, Tables, metadata only, errors, and compression.

Source: k8s.io/apiserver/pkg/endpoints/handlers/response.go, responsewriters/writers.go
"""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp import web

from minikube_py.apis import meta_v1
from minikube_py.apis.autoscaling_v1 import Scale
from minikube_py.apis.resources import ResourceType, Subresource
from minikube_py.apis.scheme import encode
from minikube_py.core.clock import SYSTEM_CLOCK
from minikube_py.core.errors import BadRequestError, NotAcceptableError, StatusError
from minikube_py.store.interface import Entry

from ..accept import names_gzip
from ..printers import SCALE, Printer, partial_object_metadata, table
from ..protobuf import encode_document
from ..storage import Storage
from ..warning import warning_headers
from ..yaml_text import dump_yaml
from .negotiation import JSON, JSON_TYPE, PROTOBUF_TYPE, YAML_TYPE, Coding, Form, Negotiated, negotiate_status

# Objects in a list that is answered part by part, and the bytes of a part.
STREAMED_ENTRIES_MIN = 2000
PART_BYTES = 512 * 1024
# Answers beyond this are compressed for clients that take it, fast rather than well. Source: responsewriters/writers.go
GZIP_BYTES_MIN = 128 * 1024
GZIP_LEVEL = 1
# zlib's number for the largest window in the gzip format.
GZIP_WINDOW = 31
# Bytes that are rewritten on the event loop as YAML or protobuf, and indented: a millisecond of it.
REWRITTEN_BYTES_MAX = 4 * 1024
PRETTY_BYTES_MAX = 512 * 1024
INCLUDE_OBJECT = ("", "Metadata", "Object", "None")


def json_response(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    response = web.Response(body=body, status=status, headers=headers)
    response.headers["Content-Type"] = JSON_TYPE
    return response


def text_error(text: str, status: int, headers: dict[str, str] | None = None) -> web.Response:
    """An error in plain text, as Go's http.Error says it."""
    return web.Response(text=text + "\n", status=status, headers={"X-Content-Type-Options": "nosniff", **(headers or {})})


def raw_response(status: int, content_type: str, body: bytes) -> web.Response:
    """A response whose content type is taken as it is."""
    response = web.Response(status=status, body=body)
    response.headers["Content-Type"] = content_type
    return response


def encoded(body: bytes, negotiated: Negotiated, *, status: int = 200, pretty: bool = False, warnings: Iterable[str] = ()) -> web.Response:
    """A response of a JSON document in the coding asked for. Compact JSON ends its line, indented JSON does not."""
    if negotiated.coding is not Coding.JSON:
        write = dump_yaml if negotiated.coding is Coding.YAML else encode_document
        response = raw_response(status, negotiated.coding.value, write(msgspec.json.decode(body)))
    elif pretty or negotiated.pretty:
        response = json_response(msgspec.json.format(body, indent=2), status)
    else:
        response = json_response(body if body.endswith(b"\n") else body + b"\n", status)
    for header in warning_headers(warnings):
        response.headers.add("Warning", header)
    return response


async def encoded_large(body: bytes, negotiated: Negotiated, *, pretty: bool, warnings: Iterable[str] = ()) -> web.Response:
    """`encoded`, beside the event loop where it takes its time."""
    if (negotiated.coding is not Coding.JSON and len(body) > REWRITTEN_BYTES_MAX) or len(body) > PRETTY_BYTES_MAX:
        return await asyncio.to_thread(encoded, body, negotiated, pretty=pretty, warnings=warnings)
    return encoded(body, negotiated, pretty=pretty, warnings=warnings)


async def compressed(http: web.BaseRequest, response: web.StreamResponse) -> web.StreamResponse:
    """The response, with its body compressed if that is large and the client takes it."""
    body = response.body if isinstance(response, web.Response) else None
    if not isinstance(body, bytes) or len(body) <= GZIP_BYTES_MIN or not _compresses(http, response):
        return response
    smaller = web.Response(
        body=await asyncio.to_thread(gzip.compress, body, GZIP_LEVEL, mtime=0), status=response.status, headers=response.headers.copy()
    )
    smaller.headers["Content-Encoding"] = "gzip"
    smaller.headers.add("Vary", "Accept-Encoding")
    return smaller


def _compresses(http: web.BaseRequest, response: web.StreamResponse) -> bool:
    headers = response.headers
    return (
        names_gzip(http.headers.get("Accept-Encoding", "")) and "Content-Encoding" not in headers
        and headers.get("Content-Type", "").startswith((JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE))
    )


def object_body(storage: Storage, entry: Entry, negotiated: Negotiated, include_object: str) -> bytes:
    """One object as JSON, in a form.

    Raises: BadRequestError, NotAcceptableError for forms that do not fit.
    """
    if negotiated.form is Form.OBJECT:
        return storage.data(entry)
    metadata = {"resourceVersion": str(entry.revision)}
    go_type = _go_type(storage.resource, storage.resource.kind)
    return _other_form(storage, storage.served(entry), metadata, negotiated, include_object, go_type, storage.printer)


def scale_body(storage: Storage, scale: Scale, negotiated: Negotiated, include_object: str) -> bytes:
    """The Scale of an object as JSON, in a form.

    Raises: BadRequestError, NotAcceptableError for forms that do not fit.
    """
    if negotiated.form is Form.OBJECT:
        return encode(scale)
    metadata = {"resourceVersion": scale.metadata.resource_version}
    return _other_form(storage, scale, metadata, negotiated, include_object, "*autoscaling.Scale", SCALE)


def answer_body(answer: Any, resource: ResourceType | Subresource, negotiated: Negotiated) -> bytes:
    """What nothing is stored of as JSON, in a form, none of which is a Table. A Status stays what it is.

    Args:
        resource: what says the kind of the answer.

    Raises: NotAcceptableError for a form that does not fit.
    """
    if negotiated.form is Form.OBJECT or isinstance(answer, meta_v1.Status):
        return encode(answer)
    if negotiated.form is Form.PARTIAL:
        return encode(partial_object_metadata(answer, negotiated.meta_version))
    raise _no_list(_go_type(resource, resource.kind))


def _other_form(
    storage: Storage, obj: Any, metadata: dict[str, Any], negotiated: Negotiated, include_object: str, go_type: str, printer: Printer | None
) -> bytes:
    """Raises: BadRequestError, NotAcceptableError."""
    if negotiated.form is Form.PARTIAL:
        return encode(partial_object_metadata(obj, negotiated.meta_version))
    if negotiated.form is Form.TABLE:
        return table(storage.resource, [obj], metadata, include_object=checked_include(include_object), now=SYSTEM_CLOCK.now(),
                     printer=printer, version=negotiated.meta_version)
    raise _no_list(go_type)


def _no_list(go_type: str) -> NotAcceptableError:
    return NotAcceptableError(f"you requested PartialObjectMetadataList, but the requested object is not a list ({go_type})")


def checked_include(include_object: str) -> str:
    """What the rows of a Table carry.

    Raises: BadRequestError.
    """
    if include_object not in INCLUDE_OBJECT:
        raise BadRequestError(
            f'Unable to convert to Table as requested: includeObject: Invalid value: "{include_object}": '
            "must be 'Metadata', 'Object', 'None', or empty"
        )
    return include_object or "Metadata"


def _go_type(resource: ResourceType | Subresource, kind: str) -> str:
    """Go's name of upstream's internal type of a kind."""
    return f"*{resource.group.split('.')[0] or 'core'}.{kind}"


async def stream_list(http: web.BaseRequest, storage: Storage, entries: list[Entry], metadata: dict[str, Any]) -> web.StreamResponse:
    """Answer with a long list, part by part: other requests get their turn in between, and the whole is never in memory at once.

    For clients that take it the parts are compressed, beside the event loop.
    """
    resource = storage.resource
    head, tail = _list_frame(resource.list_kind, resource.group_version, metadata)
    response = web.StreamResponse(headers={"Content-Type": JSON_TYPE})
    length = len(head) + len(tail) + sum(len(entry.data) for entry in entries) + max(len(entries) - 1, 0)
    compressor = None
    if length > GZIP_BYTES_MIN and _compresses(http, response):
        compressor = zlib.compressobj(GZIP_LEVEL, wbits=GZIP_WINDOW)
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Vary"] = "Accept-Encoding"
        response.enable_chunked_encoding()
    else:
        response.content_length = length
    await response.prepare(http)
    part = [head]
    part_bytes = 0
    for number, entry in enumerate(entries):
        if number:
            part.append(b",")
        part.append(entry.data)
        part_bytes += len(entry.data)
        if part_bytes >= PART_BYTES:
            await _write(response, b"".join(part), compressor)
            part, part_bytes = [], 0
    part.append(tail)
    await _write(response, b"".join(part), compressor)
    await response.write_eof(compressor.flush() if compressor is not None else b"")
    return response


async def _write(response: web.StreamResponse, data: bytes, compressor: zlib._Compress | None) -> None:
    if compressor is not None:
        data = await asyncio.to_thread(compressor.compress, data)
    if data:
        await response.write(data)


def _list_frame(kind: str, version: str, metadata: dict[str, Any]) -> tuple[bytes, bytes]:
    """What stands before and after the items of a list."""
    return b'{"kind":"%b","apiVersion":"%b","metadata":%b,"items":[' % (kind.encode(), version.encode(), encode(metadata)), b"]}\n"


def list_body(storage: Storage, entries: list[Entry], metadata: dict[str, Any], negotiated: Negotiated, include_object: str) -> bytes:
    """A list as JSON, in a form. The usual one joins what is stored; no object is encoded.

    Raises: BadRequestError, NotAcceptableError for forms that do not fit.
    """
    resource, form = storage.resource, negotiated.form
    if form is Form.TABLE:
        objects = [storage.served(entry) for entry in entries]
        return table(resource, objects, metadata, include_object=checked_include(include_object), now=SYSTEM_CLOCK.now(),
                     printer=storage.printer, version=negotiated.meta_version)
    if form is Form.PARTIAL:
        raise NotAcceptableError(
            f"you requested PartialObjectMetadata, but the requested object is a list ({_go_type(resource, resource.list_kind)})"
        )
    if form is Form.OBJECT:
        kind, version = resource.list_kind, resource.group_version
        items = b",".join([entry.data for entry in entries] if not storage.converts else [storage.data(entry) for entry in entries])
    else:
        kind, version = "PartialObjectMetadataList", negotiated.meta_version
        items = b",".join([encode(partial_object_metadata(storage.served(entry), version)) for entry in entries])
    head, tail = _list_frame(kind, version, metadata)
    return head + items + tail


def status_response(error: StatusError, accept: str = "", *, pretty: bool = False) -> web.Response:
    """An error as metav1.Status, in a coding that the client takes, or else in indented JSON."""
    body = encode(error.status())
    negotiated = negotiate_status(accept) if accept else JSON
    response = encoded(body, negotiated or JSON, status=error.code, pretty=pretty or negotiated is None, warnings=error.warnings)
    retry_after = error.details.get("retryAfterSeconds")
    if retry_after:
        response.headers["Retry-After"] = str(retry_after)
    return response


def not_found_page() -> web.Response:
    """What Go's request multiplexer answers for a path that it does not know."""
    return web.Response(text="404 page not found\n", status=404, headers={"X-Content-Type-Options": "nosniff"})


def indented(document: dict[str, Any]) -> bytes:
    """JSON as upstream's raw writer has it: indented for everybody, without a line end."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2)
