"""Encoding of answers: JSON, YAML, pretty JSON, Tables, metadata only, and errors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp import web

from minikube_py.apis.scheme import encode
from minikube_py.core.clock import SYSTEM_CLOCK
from minikube_py.core.errors import StatusError
from minikube_py.store.interface import Entry

from ..printers import partial_object_metadata, table
from ..storage import Storage
from .negotiation import Form, Negotiated

JSON_TYPE = "application/json"
# Objects in a list that is answered part by part, and the bytes of a part.
STREAMED_ENTRIES_MIN = 2000
PART_BYTES = 512 * 1024


def json_response(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    response = web.Response(body=body, status=status, headers=headers)
    response.headers["Content-Type"] = JSON_TYPE
    return response


def encoded(body: bytes, negotiated: Negotiated, *, status: int = 200, pretty: bool = False, warnings: Iterable[str] = ()) -> web.Response:
    """A response of a JSON document in the form asked for."""
    if negotiated.yaml:
        import yaml

        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        text = yaml.dump(msgspec.json.decode(body), Dumper=dumper, default_flow_style=False, allow_unicode=True)
        response = web.Response(body=text.encode(), status=status)
        response.headers["Content-Type"] = "application/yaml"
    else:
        response = json_response(msgspec.json.format(body, indent=2) + b"\n" if pretty else body, status)
    for warning in warnings:
        quoted = warning.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{quoted}"')
    return response


def object_body(storage: Storage, entry: Entry, form: Form, include_object: str) -> bytes:
    """One object as JSON, in a form."""
    if form is Form.OBJECT:
        return storage.data(entry)
    if form is Form.TABLE:
        obj = storage.served(entry)
        metadata = {"resourceVersion": str(entry.revision)}
        return table(storage.resource, [obj], metadata, include_object=include_object or "Metadata", now=SYSTEM_CLOCK.now(),
                     printer=storage.printer)
    return encode(partial_object_metadata(storage.served(entry)))


async def stream_list(http: web.BaseRequest, storage: Storage, entries: list[Entry], metadata: dict[str, Any]) -> web.StreamResponse:
    """Answer with a long list, part by part: other requests get their turn in between, and the whole is never in memory at once."""
    resource = storage.resource
    head, tail = _list_frame(resource.list_kind, resource.group_version, metadata)
    response = web.StreamResponse(headers={"Content-Type": JSON_TYPE})
    response.content_length = len(head) + len(tail) + sum(len(entry.data) for entry in entries) + max(len(entries) - 1, 0)
    await response.prepare(http)
    part = [head]
    part_bytes = 0
    for number, entry in enumerate(entries):
        if number:
            part.append(b",")
        part.append(entry.data)
        part_bytes += len(entry.data)
        if part_bytes >= PART_BYTES:
            await response.write(b"".join(part))
            part, part_bytes = [], 0
    part.append(tail)
    await response.write(b"".join(part))
    await response.write_eof()
    return response


def _list_frame(kind: str, version: str, metadata: dict[str, Any]) -> tuple[bytes, bytes]:
    """What stands before and after the items of a list."""
    return b'{"kind":"%b","apiVersion":"%b","metadata":%b,"items":[' % (kind.encode(), version.encode(), encode(metadata)), b"]}\n"


def list_body(storage: Storage, entries: list[Entry], metadata: dict[str, Any], form: Form, include_object: str) -> bytes:
    """A list as JSON, in a form. The usual one joins what is stored; no object is encoded."""
    resource = storage.resource
    if form is Form.TABLE:
        objects = [storage.served(entry) for entry in entries]
        return table(resource, objects, metadata, include_object=include_object or "Metadata", now=SYSTEM_CLOCK.now(),
                     printer=storage.printer)
    if form is Form.OBJECT:
        kind, version = resource.list_kind, resource.group_version
        items = b",".join([entry.data for entry in entries] if not storage.converts else [storage.data(entry) for entry in entries])
    else:
        kind, version = "PartialObjectMetadataList", "meta.k8s.io/v1"
        items = b",".join([encode(partial_object_metadata(storage.served(entry))) for entry in entries])
    head, tail = _list_frame(kind, version, metadata)
    return head + items + tail


def status_response(error: StatusError) -> web.Response:
    """An error as metav1.Status."""
    headers = {}
    retry_after = error.details.get("retryAfterSeconds")
    if retry_after:
        headers["Retry-After"] = str(retry_after)
    return json_response(encode(error.status()) + b"\n", error.code, headers)


def not_found_page() -> web.Response:
    """What Go's request multiplexer answers for a path that it does not know."""
    return web.Response(text="404 page not found\n", status=404, headers={"X-Content-Type-Options": "nosniff"})


def indented(document: dict[str, Any]) -> bytes:
    """JSON as upstream's raw writer has it: indented for everybody, without a line end."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2)
