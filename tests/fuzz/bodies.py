"""Bodies of requests: JSON, YAML, protobuf, patches as they come, FieldsV1."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from minikube_py.apis import apiextensions_v1, apps_v1, core_v1, meta_v1
from minikube_py.apis.json_syntax import JsonSyntaxError
from minikube_py.apis.json_text import StrictErrors, duplicates, has_duplicates, parse, plain
from minikube_py.apis.object import Object
from minikube_py.apis.scheme import encode
from minikube_py.apiserver.decoding import (
    JSON_TYPE,
    PROTOBUF_TYPE,
    YAML_TYPE,
    decode_custom,
    decode_document,
    decode_object,
)
from minikube_py.apiserver.managed_fields import field_set
from minikube_py.apiserver.managed_fields.path_element import PathElementError
from minikube_py.apiserver.patch_document import JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, read_patch
from minikube_py.apiserver.yaml_document import YamlError, read_yaml
from minikube_py.apiserver.yaml_text import dump_yaml

from .documents import right_objects
from .target import Broken, Target, refusals, same

KINDS: tuple[tuple[type[Object], str, str], ...] = (
    (core_v1.Pod, "v1", "Pod"), (core_v1.Secret, "v1", "Secret"), (apps_v1.Deployment, "apps/v1", "Deployment"),
    (apiextensions_v1.CustomResourceDefinition, "apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    (meta_v1.DeleteOptions, "v1", "DeleteOptions"),  # type: ignore[list-item]
)


def typed(data: bytes, content_type: str) -> None:
    """A body is an object, which reads as it is written, or refused."""
    for struct, group_version, kind in KINDS:
        for validation in ("Strict", "Ignore"):
            with refusals():
                obj, _ = decode_object(struct, group_version, kind, data, content_type, validation)
                written = encode(obj)
                again, warnings = decode_object(struct, group_version, kind, written, JSON_TYPE, "Strict")
                same((encode(again), warnings), (written, []), "an object reads as it is written")


def as_go(document: Any) -> Any:
    """Go reads integers beyond 64 bits as floats."""
    if isinstance(document, dict):
        return {name: as_go(value) for name, value in document.items()}
    if isinstance(document, list):
        return [as_go(value) for value in document]
    return float(document) if type(document) is int and not -(2**63) <= document < 2**63 else document


def json_text(data: bytes) -> None:
    """The slow parser reads what the fast one reads, and as much as Python's."""
    try:
        slow = plain(parse(data))
    except JsonSyntaxError:
        slow = None
        accepted = False
    else:
        accepted = True
    try:
        fast = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    else:
        same((accepted, slow), (True, as_go(fast)), "both parsers read the same")
        errors = StrictErrors()
        duplicates(parse(data), errors)
        if errors and not has_duplicates(data):
            raise Broken(f"duplicates were overlooked: {errors}")


def json_body(data: bytes) -> None:
    json_text(data)
    typed(data, JSON_TYPE)
    with refusals():
        decode_custom("example.com/v1", "Widget", data, JSON_TYPE, "Strict")
        decode_document(data, JSON_TYPE)


def yaml_body(data: bytes) -> None:
    typed(data, YAML_TYPE)
    with refusals(YamlError):
        document = read_yaml(data).value
        same(read_yaml(dump_yaml(document)).value, document, "YAML reads as it is written")


def protobuf_body(data: bytes) -> None:
    typed(b"k8s\0" + data, PROTOBUF_TYPE)


def patch_body(data: bytes) -> None:
    for patch_type in (JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH):
        for validation in ("Strict", "Ignore"):
            with refusals():
                msgspec.json.encode(read_patch(patch_type, data, validation)[0])


def fields_v1(data: bytes) -> None:
    with refusals(field_set.FieldSetError, PathElementError):
        fields = field_set.parse(data)
        same(field_set.load(field_set.dump(fields)), fields, "a set reads as it is written")
        same(field_set.parse(field_set.dump(fields)), fields, "and is in order")
        same(field_set.from_paths(field_set.paths(fields)), fields, "a set is its members")
        same(field_set.union(fields, fields), fields, "a set with itself")
        same(field_set.difference(fields, fields), {}, "a set without itself")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: bytes | int) -> bytes:
    """A field of a protobuf message."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def unknown(api_version: str, kind: str, raw: bytes) -> bytes:
    """runtime.Unknown, as bodies have it behind the magic bytes."""
    return field(1, field(1, api_version.encode()) + field(2, kind.encode())) + field(2, raw)


META = field(1, field(1, b"web") + field(3, b"default") + field(8, field(1, 1767225600)) + field(11, field(1, b"app") + field(2, b"web")))
CONTAINER = field(1, b"c") + field(2, b"image") + field(6, field(1, b"http") + field(3, 80)) + field(8, field(1, field(1, b"cpu") + field(2, field(1, b"1"))))
PROTOBUF = (
    unknown("v1", "Pod", META + field(2, field(2, CONTAINER) + field(4, 30))),
    unknown("v1", "Secret", META + field(2, field(1, b"k") + field(2, b"\0\1"))),
    unknown("apps/v1", "Deployment", META + field(2, field(1, 3))),
    unknown("v1", "DeleteOptions", field(1, 5)),
)
TEXTS: tuple[Any, ...] = tuple(
    document for document in right_objects() if document["kind"] in ("Pod", "Secret", "Deployment", "CustomResourceDefinition")
)
JSON_PIECES = (
    b"{", b"}", b"[", b"]", b":", b",", b'"', b"null", b"true", b"1e5", b"-0", b"0.1", b"\\u0000", b"\\ud800", b'"metadata":', b'"name":', b'"spec":',
    b'"kind":"Pod"', b'"apiVersion":"v1"', b"\xff", b'"data":', b'"labels":', b'"creationTimestamp":', b'"2026-01-01T00:00:00Z"',
)
YAML_PIECES = (
    b"- ", b": ", b"\n", b"  ", b"&a ", b"*a", b"<<: ", b"!!binary ", b"!!float ", b"? ", b"| ", b"> ", b"'", b'"', b"---\n", b"...\n", b"%YAML 1.1\n", b"#",
    b"0x1F", b"0b1", b"1_000", b".inf", b"~", b"y", b"1e1000", b"!!int ", b"[", b"]", b"{", b"}", b"0o7", b"1:20", b"\t", b"\xef\xbb\xbf",
)
OPERATIONS = [{"op": "add", "path": "/a", "value": {"b": [1]}}, {"op": "move", "from": "/a", "path": "/b"}]
FIELDS = {
    "f:spec": {".": {}, "f:containers": {'k:{"name":"a"}': {".": {}, "f:image": {}}, "v:1": {}, "i:0": {}, 'k:{"p":80,"q":"TCP"}': {}}},
    "f:metadata": {"f:finalizers": {'v:"x"': {}}},
}
TARGETS: dict[str, Target] = {
    "json_body": Target(json_body, tuple(json.dumps(document).encode() for document in TEXTS), JSON_PIECES),
    "yaml_body": Target(yaml_body, (b"a: &x [1, *x]\nb: {<<: {c: d}}", *map(dump_yaml, TEXTS)), YAML_PIECES),
    "protobuf_body": Target(protobuf_body, PROTOBUF, (b"\x0a", b"\x12", b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x1a\x00", b"v1", b"Pod")),
    "patch_body": Target(patch_body, (json.dumps(OPERATIONS).encode(), b'{"a":{"b":null},"$patch":"delete"}'), (
        *JSON_PIECES, b'"op":"add"', b'"path":"/a"', b'"value":', b'"from":', b'"$setElementOrder/a":', b'"$retainKeys":',
    )),
    "fields_v1": Target(fields_v1, (json.dumps(FIELDS).encode(),), (*JSON_PIECES, b'"f:a":{}', b'"k:{\\"a\\":1}"', b'"v:1"', b'"i:0"', b'".":{}')),
}
