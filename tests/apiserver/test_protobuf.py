"""Protobuf bodies say the same as JSON bodies.

The messages are encoded by Google's library with the descriptors that the kubectl on this machine carries, so that what is decoded
is what Go clients send, and nothing that this project thinks of the format.
"""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from minikube_py.apis.object import Object
from minikube_py.apis.resources import RESOURCES, ResourceType
from minikube_py.apis.scheme import to_document, type_of
from minikube_py.apiserver.decoding import decode_document, decode_object
from minikube_py.core.errors import BadRequestError
from tools.generate_wire import descriptors

PROTOBUF = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"
DEPTH_MAX = 9
KUBECTL = shutil.which("kubectl")
MOMENT = "2026-01-02T03:04:05Z"


def versions() -> list[Path]:
    """The newest kubectl beside the one on PATH."""
    assert KUBECTL is not None, "these tests need a kubectl on PATH"
    found = Path(KUBECTL).resolve()
    return sorted(found.parent.glob("kubectl.1.*")) or [found]


@cache
def pool() -> descriptor_pool.DescriptorPool:
    files = {file.name: file for file in descriptors(versions()[-1].read_bytes()).values()}
    made = descriptor_pool.DescriptorPool()
    added: set[str] = set()

    def add(file: descriptor_pb2.FileDescriptorProto) -> None:
        if file.name in added:
            return
        added.add(file.name)
        # gogo.proto only annotates for a generator.
        known = [name for name in file.dependency if name in files]
        del file.dependency[:]
        file.dependency.extend(known)
        for name in known:
            add(files[name])
        made.Add(file)  # type: ignore[attr-defined]

    for file in files.values():
        add(file)
    return made


def message_of(resource: ResourceType) -> Message:
    package = f"k8s.io.api.{resource.group.split('.')[0] or 'core'}.{resource.version}"
    return message_factory.GetMessageClass(pool().FindMessageTypeByName(f"{package}.{resource.kind}"))()


def envelope(api_version: str, kind: str, raw: bytes) -> bytes:
    """runtime.Unknown: type, raw object."""

    def block(number: int, data: bytes) -> bytes:
        length, size = b"", len(data)
        while size > 0x7F:
            length += bytes([size & 0x7F | 0x80])
            size >>= 7
        return bytes([number << 3 | 2]) + length + bytes([size]) + data

    return MAGIC + block(1, block(1, api_version.encode()) + block(2, kind.encode())) + block(2, raw)


def sample(kind: msgspec.inspect.Type, depth: int = 0) -> Any:
    """A value of a type with every field set."""
    match kind:
        case msgspec.inspect.StructType():
            if depth > DEPTH_MAX:
                return None
            values = {f.name: sample(f.type, depth + 1) for f in kind.fields}
            return kind.cls(**{name: value for name, value in values.items() if value is not None})
        case msgspec.inspect.UnionType():
            structs = [t for t in kind.types if isinstance(t, msgspec.inspect.StructType)]
            if structs:
                return sample(structs[0], depth)
            plain = next((t for t in kind.types if isinstance(t, msgspec.inspect.StrType)), kind.types[0])
            return "5" if isinstance(plain, msgspec.inspect.StrType) else sample(plain, depth)
        case msgspec.inspect.ListType():
            item = sample(kind.item_type, depth)
            return [] if item is None else [item]
        case msgspec.inspect.DictType():
            item = sample(kind.value_type, depth)
            return {} if item is None else {"key": item}
        case msgspec.inspect.StrType():
            return MOMENT if kind.pattern else "text"
        case msgspec.inspect.IntType():
            return 7
        case msgspec.inspect.FloatType():
            return 1.5
        case msgspec.inspect.BoolType():
            return True
        case msgspec.inspect.BytesType():
            return b"bytes"
        case msgspec.inspect.AnyType():
            return {"any": ["thing", 1]}
        case msgspec.inspect.RawType():
            return {"f:any": {}}
    raise AssertionError(kind)


def fill(message: Any, document: dict[str, Any]) -> dict[str, Any]:
    """Set a message to a JSON document; return the part of it that the message has fields for."""
    kept: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        name = next((name for name in document if name.lower() == field.name.lower()), "")
        if name:
            kept[name] = fill_field(message, field, document[name])
        elif (message.DESCRIPTOR.name, field.name) in INLINED:
            kept.update(fill(getattr(message, field.name), document))
    return kept


# Fields whose message has no name of its own in JSON (`json:",inline"` in Go).
INLINED = {
    ("Volume", "volumeSource"), ("PersistentVolumeSpec", "persistentVolumeSource"), ("Probe", "handler"),
    ("ConfigMapKeySelector", "localObjectReference"), ("SecretKeySelector", "localObjectReference"),
    ("ConfigMapEnvSource", "localObjectReference"), ("SecretEnvSource", "localObjectReference"),
    ("ConfigMapVolumeSource", "localObjectReference"), ("ConfigMapProjection", "localObjectReference"),
    ("SecretProjection", "localObjectReference"), ("EphemeralContainer", "ephemeralContainerCommon"),
    ("RuleWithOperations", "rule"), ("NamedRuleWithOperations", "ruleWithOperations"),
}


def fill_field(message: Any, field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        entry = field.message_type.fields_by_name["value"]
        target = getattr(message, field.name)
        for key, item in value.items():
            if entry.message_type is not None:
                fill_message(target[key], item)
            else:
                target[key] = scalar(entry, item)
        return value
    if field.is_repeated:
        target = getattr(message, field.name)
        if field.message_type is not None:
            return [fill_message(target.add(), item) for item in value]
        target.extend(scalar(field, item) for item in value)
        return value
    if field.message_type is not None:
        return fill_message(getattr(message, field.name), value)
    setattr(message, field.name, scalar(field, value))
    return value


def scalar(field: FieldDescriptor, value: Any) -> Any:
    if field.type == FieldDescriptor.TYPE_BYTES:
        return msgspec.convert(value, bytes)
    return value


def fill_message(message: Any, value: Any) -> Any:
    message.SetInParent()
    match message.DESCRIPTOR.name:
        case "Time" | "MicroTime":
            message.seconds = 1767323045
        case "Quantity":
            message.string = str(value)
        case "IntOrString":
            if isinstance(value, str):
                message.type, message.strVal = 1, value
            else:
                message.type, message.intVal = 0, value
        case "RawExtension" | "FieldsV1":
            setattr(message, "raw" if hasattr(message, "raw") else "Raw", msgspec.json.encode(value))
        case "ExtraValue":
            message.items.extend(value)
        case _:
            return fill(message, value)
    return value


# Kinds that no kubectl up to 1.33 knows: they are newer, or of a server that kubectl has no types of.
UNKNOWN_TO_KUBECTL = frozenset({
    "apiservices.apiregistration.k8s.io", "customresourcedefinitions.apiextensions.k8s.io", "volumeattributesclasses.storage.k8s.io",
    "mutatingadmissionpolicies.admissionregistration.k8s.io", "mutatingadmissionpolicybindings.admissionregistration.k8s.io",
    "deviceclasses.resource.k8s.io", "resourceclaims.resource.k8s.io", "resourceclaimtemplates.resource.k8s.io",
    "resourceslices.resource.k8s.io",
})
KNOWN = [resource for resource in RESOURCES if resource.group_resource not in UNKNOWN_TO_KUBECTL]


@pytest.mark.parametrize("resource", KNOWN, ids=lambda resource: resource.group_resource)
def test_every_kind_decodes_to_its_json(resource: ResourceType) -> None:
    struct = type_of(*resource.gvk)
    document = to_document(sample(msgspec.inspect.type_info(struct)))
    message = message_of(resource)
    expected = fill(message, document)
    assert expected
    decoded = decode_document(envelope(resource.group_version, resource.kind, message.SerializeToString()), PROTOBUF)
    assert normal(decoded) == normal({**expected, "kind": resource.kind, "apiVersion": resource.group_version})


def normal(document: Any) -> Any:
    """With MicroTimes as long as Times."""
    if isinstance(document, dict):
        return {key: normal(value) for key, value in document.items()}
    if isinstance(document, list):
        return [normal(value) for value in document]
    return MOMENT if document == "2026-01-02T03:04:05.000000Z" else document


def encoded(kind: str, group: str, version: str, document: dict[str, Any]) -> bytes:
    resource = next(r for r in RESOURCES if r.gvk == (group, version, kind))
    message = message_of(resource)
    fill(message, document)
    return envelope(resource.group_version, kind, message.SerializeToString())


def decoded(kind: str, group: str, version: str, document: dict[str, Any]) -> Object:
    struct = type_of(group, version, kind)
    body = encoded(kind, group, version, document)
    obj, warnings = decode_object(struct, f"{group}/{version}" if group else version, kind, body, PROTOBUF, "Strict")
    assert warnings == []
    return obj


@pytest.mark.parametrize(("kind", "group", "version", "document"), [
    ("Deployment", "apps", "v1", {
        "metadata": {"name": "d", "labels": {"a": "b", "empty": ""}}, "spec": {
            "replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "minReadySeconds": 3,
            "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {
                "automountServiceAccountToken": False, "terminationGracePeriodSeconds": 0, "securityContext": {"runAsUser": 0},
                "containers": [{
                    "name": "c", "image": "i", "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": "500m"}},
                    "env": [{"name": "EMPTY", "value": ""}, {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
                    "envFrom": [{"configMapRef": {"name": "c", "optional": False}}],
                    "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1},
                    "livenessProbe": {"exec": {"command": ["true"]}},
                }],
                "volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "configMap": {"name": "c", "defaultMode": 0}}],
            }}}}),
    ("Service", "", "v1", {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80, "targetPort": "http"}], "selector": {"a": "b"}}}),
    ("Secret", "", "v1", {"metadata": {"name": "s"}, "data": {"k": "AAH/"}, "immutable": False, "type": "Opaque"}),
    ("ConfigMap", "", "v1", {"metadata": {"name": "c"}, "data": {"k": "", "ü": "ß"}, "binaryData": {"b": "AAH/"}}),
    ("Lease", "coordination.k8s.io", "v1", {"metadata": {"name": "l"}, "spec": {"holderIdentity": "h", "renewTime": MOMENT}}),
    ("PersistentVolumeClaim", "", "v1", {"metadata": {"name": "p"}, "spec": {
        "storageClassName": "", "resources": {"requests": {"storage": "1Gi"}}}}),
    ("NetworkPolicy", "networking.k8s.io", "v1", {"metadata": {"name": "n"}, "spec": {"podSelector": {}, "ingress": [{}]}}),
])
def test_zero_values_that_mean_something_stay(kind: str, group: str, version: str, document: dict[str, Any]) -> None:
    struct = type_of(group, version, kind)
    obj = decoded(kind, group, version, document)
    from_json, _ = decode_object(
        struct, obj.api_version, kind, msgspec.json.encode({"kind": kind, "apiVersion": obj.api_version} | document),  # type: ignore[attr-defined]
        "application/json", "Strict")
    assert normal(to_document(obj)) == normal(to_document(from_json))


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_bad_request(data: bytes) -> None:
    for body in (data, MAGIC + data, envelope("v1", "Pod", data), envelope("apps/v1", "Deployment", data)):
        try:
            document = decode_document(body, PROTOBUF)
        except BadRequestError:
            continue
        assert isinstance(document, dict)


@given(position=st.integers(0, 2000), byte=st.integers(0, 255), cut=st.integers(0, 2000))
def test_damaged_pods_are_objects_or_bad_requests(position: int, byte: int, cut: int) -> None:
    body = bytearray(whole_pod())
    if position < len(body):
        body[position] = byte
    struct = type_of("", "v1", "Pod")
    for damaged in (bytes(body), bytes(body[:cut])):
        try:
            decode_object(struct, "v1", "Pod", damaged, PROTOBUF)
        except BadRequestError:
            continue


@cache
def whole_pod() -> bytes:
    struct = type_of("", "v1", "Pod")
    return encoded("Pod", "", "v1", to_document(sample(msgspec.inspect.type_info(struct))))


def test_deep_nesting_is_a_bad_request() -> None:
    """A schema that nests forever must not exhaust the stack."""
    raw = b""
    for _ in range(5000):
        size, length = len(raw), b""
        while size > 0x7F:
            length += bytes([size & 0x7F | 0x80])
            size >>= 7
        raw = b"\x0a" + length + bytes([size]) + raw
    with pytest.raises(BadRequestError):
        decode_document(envelope("v1", "Pod", raw) + b"\xff", PROTOBUF)


@pytest.mark.parametrize(("body", "message"), [
    (b"{}", "does not appear to be a protobuf message"), (b"", "does not appear to be a protobuf message"),
    (MAGIC + b"\x0a\x05", "unexpected EOF"), (envelope("v1", "Unicorn", b""), 'no kind "Unicorn" is registered for version "v1"'),
])
def test_what_is_wrong_is_said(body: bytes, message: str) -> None:
    with pytest.raises(BadRequestError, match=message):
        decode_document(body, PROTOBUF)
