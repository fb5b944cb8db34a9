"""Protobuf bodies say the same as JSON bodies.

The messages are encoded by Google's library with the descriptors that the kubectl on this machine carries, so that what is decoded
is what Go clients send, and nothing that this project thinks of the format.
"""

from __future__ import annotations

import base64
import shutil
import struct
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
from minikube_py.apis.scheme import decoder, to_document, type_of
from minikube_py.apiserver.decoding import decode_document, decode_object
from minikube_py.apiserver.protobuf import encode_document, read_envelope
from minikube_py.apiserver.protobuf.wire_table import WIRE
from minikube_py.core.errors import BadRequestError
from tools.generate_wire import descriptors

PROTOBUF = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"
DEPTH_MAX = 9
KUBECTL = shutil.which("kubectl")
MOMENT, MICRO_MOMENT = "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000Z"
SCHEMA = "apiextensions_v1.JSONSchemaProps"


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


def moment(kind: msgspec.inspect.StrType) -> str:
    """A Time or MicroTime."""
    return MICRO_MOMENT if r"\.[0-9]{6}" in (kind.pattern or "") else MOMENT


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
            return "5" if isinstance(plain, msgspec.inspect.StrType) and not plain.pattern else sample(plain, depth)
        case msgspec.inspect.ListType():
            item = sample(kind.item_type, depth)
            return [] if item is None else [item]
        case msgspec.inspect.DictType():
            item = sample(kind.value_type, depth)
            return {} if item is None else {"key": item}
        case msgspec.inspect.StrType():
            return moment(kind) if kind.pattern else "text"
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
# Alpha fields whose numbers are not known to us: they are skipped.
UNNUMBERED = frozenset({
    "schedulingGroup", "nodeAllocatableResourceClaimStatuses", "shardInfo", "nodeAllocatableResourceMappings", "bools", "ints", "strings",
    "versions", "observedGeneration",
})


@pytest.mark.parametrize("resource", KNOWN, ids=lambda resource: resource.group_resource)
def test_every_kind_decodes_to_its_json(resource: ResourceType) -> None:
    struct = type_of(*resource.gvk)
    document = to_document(sample(msgspec.inspect.type_info(struct)))
    message = message_of(resource)
    expected = fill(message, document)
    assert expected
    decoded = decode_document(envelope(resource.group_version, resource.kind, message.SerializeToString()), PROTOBUF)
    assert decoded == {**expected, "kind": resource.kind, "apiVersion": resource.group_version}


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: f"{resource.group_resource}.{resource.version}")
def test_every_field_of_every_kind_has_a_number(resource: ResourceType) -> None:
    """Encoded by the wire table itself: what every struct can hold comes back, also in kinds that kubectl does not know."""
    struct = type_of(*resource.gvk)
    # Schemas inside of schemas would be many.
    depth = 4 if resource.kind == "CustomResourceDefinition" else 0
    document = without(to_document(sample(msgspec.inspect.type_info(struct), depth)), UNNUMBERED)
    raw = encode_by_table(message_name(resource.group_version, resource.kind), document)
    for claim in document.get("spec", {}).get("volumeClaimTemplates", []):
        # Objects inside of objects do not say what they are.
        del claim["kind"], claim["apiVersion"]
    document |= {"kind": resource.kind, "apiVersion": resource.group_version}
    assert decode_document(envelope(resource.group_version, resource.kind, raw), PROTOBUF) == document


@pytest.mark.parametrize("resource", KNOWN, ids=lambda resource: resource.group_resource)
def test_what_is_written_is_what_googles_library_reads(resource: ResourceType) -> None:
    expected = fill(message_of(resource), to_document(sample(msgspec.inspect.type_info(type_of(*resource.gvk)))))
    expected |= {"kind": resource.kind, "apiVersion": resource.group_version}
    written = read_envelope(encode_document(expected))
    message = message_of(resource)
    message.ParseFromString(written.raw)
    # What would be left of numbers that are not upstream's.
    message.DiscardUnknownFields()  # type: ignore[attr-defined]
    assert decode_document(envelope(written.api_version, written.kind, message.SerializeToString()), PROTOBUF) == expected


@given(st.data())
def test_random_objects_are_read_as_they_were_written(data: st.DataObject) -> None:
    resource = data.draw(st.sampled_from(RESOURCES))
    document = without(data.draw(documents(msgspec.inspect.type_info(type_of(*resource.gvk)))), UNNUMBERED)
    document |= {"kind": resource.kind, "apiVersion": resource.group_version}
    # Through the struct: what comes in may say a thing in several ways.
    normal = to_document(decoder(type_of(*resource.gvk)).decode(msgspec.json.encode(document)))
    back = decode_document(encode_document(normal), PROTOBUF)
    assert to_document(decoder(type_of(*resource.gvk)).decode(msgspec.json.encode(back))) == normal


@given(st.data())
def test_random_objects_come_back_in_any_order_of_fields(data: st.DataObject) -> None:
    resource = data.draw(st.sampled_from(RESOURCES))
    document = without(data.draw(documents(msgspec.inspect.type_info(type_of(*resource.gvk)))), UNNUMBERED)
    raw = encode_by_table(message_name(resource.group_version, resource.kind), document, data.draw(st.randoms(use_true_random=False)))
    body = envelope(resource.group_version, resource.kind, raw)
    obj, _ = decode_object(type_of(*resource.gvk), resource.group_version, resource.kind, body, PROTOBUF)
    expected = decoder(type_of(*resource.gvk)).decode(
        msgspec.json.encode({**document, "kind": resource.kind, "apiVersion": resource.group_version}))
    assert to_document(obj) == to_document(expected)


def documents(kind: msgspec.inspect.Type, depth: int = 0) -> st.SearchStrategy[Any]:
    """Documents of a type: a few fields of each struct, some of them with zeros that mean something."""
    match kind:
        case msgspec.inspect.StructType():
            named = {f.encode_name: f.type for f in kind.fields if f.encode_name not in ("kind", "apiVersion")}
            if depth > 4 or not named:
                return st.just({})
            names = st.lists(st.sampled_from(sorted(named)), max_size=3, unique=True)
            return names.flatmap(lambda chosen: st.fixed_dictionaries({name: documents(named[name], depth + 1) for name in chosen}))
        case msgspec.inspect.UnionType():
            members = [member for member in kind.types if not isinstance(member, msgspec.inspect.NoneType)]
            if isinstance(members[0], msgspec.inspect.StructType):
                return documents(members[0], depth)
            if any(isinstance(member, msgspec.inspect.FloatType) for member in members) and len(members) > 1:
                is_number = all(isinstance(member, (msgspec.inspect.IntType, msgspec.inspect.FloatType)) for member in members)
                return st.sampled_from([1, 1.5, -1000] if is_number else ["1", "500m", "1Gi"])
            return documents(members[-1] if len(members) > 1 else members[0], depth)
        case msgspec.inspect.ListType():
            return st.lists(documents(kind.item_type, depth), min_size=1, max_size=2)
        case msgspec.inspect.DictType():
            return st.dictionaries(st.text("abü", max_size=3), documents(kind.value_type, depth), min_size=1, max_size=2)
        case msgspec.inspect.StrType():
            return st.just(moment(kind)) if kind.pattern else st.text("aé\x7f\"\\n", min_size=1, max_size=200)
        case msgspec.inspect.IntType():
            bound = 2**31 if kind.le == 2**31 - 1 else 2**63
            return st.integers(-bound, bound - 1).filter(bool)
        case msgspec.inspect.FloatType():
            return st.floats(-1e6, 1e6).filter(bool)
        case msgspec.inspect.BoolType():
            return st.just(True)
        case msgspec.inspect.BytesType():
            return st.binary(min_size=1, max_size=9).map(lambda value: base64.b64encode(value).decode())
    return st.just({"any": ["thing", 1]})


def message_name(group_version: str, kind: str) -> str:
    group, _, version = group_version.rpartition("/")
    return f"{group.split('.')[0] or 'core'}_{version}.{kind}"


def without(document: Any, names: frozenset[str]) -> Any:
    if isinstance(document, dict):
        return {name: without(value, names) for name, value in document.items() if name not in names}
    return [without(value, names) for value in document] if isinstance(document, list) else document


def number(value: int) -> bytes:
    value &= 0xFFFFFFFFFFFFFFFF
    found = b""
    while value > 0x7F:
        found += bytes([value & 0x7F | 0x80])
        value >>= 7
    return found + bytes([value])


def block(field: int, data: bytes) -> bytes:
    return number(field << 3 | 2) + number(len(data)) + data


def encode_by_table(message: str, document: dict[str, Any], random: Any = None) -> bytes:
    """A message with the fields of a document, in the order of their numbers or at random."""
    parts = []
    for field, name, shape, kind in sorted(WIRE[message]):
        if shape == "inline":
            parts.append(block(field, encode_by_table(kind, document, random)))
        elif name not in document:
            continue
        elif shape == "map":
            parts += [block(field, block(1, key.encode()) + encode_value(2, kind, value, random)) for key, value in document[name].items()]
        elif shape == "list":
            parts.append(b"".join(encode_value(field, kind, value, random) for value in document[name]))
        else:
            parts.append(encode_value(field, kind, document[name], random))
    if random is not None:
        random.shuffle(parts)
        parts.insert(0, b"\xf8\x3f\x05" + block(999, b"unknown"))
    return b"".join(parts)


def encode_value(field: int, kind: str, value: Any, random: Any) -> bytes:
    match kind:
        case "int32" | "int64" | "bool":
            return number(field << 3) + number(int(value))
        case "double":
            return number(field << 3 | 1) + struct.pack("<d", value)
        case "string":
            return block(field, value.encode())
        case "bytes":
            return block(field, base64.b64decode(value))
        case "time" | "microtime":
            return block(field, number(8) + number(1767323045))
        case "quantity":
            return block(field, block(1, str(value).encode()))
        case "intorstring":
            is_text = isinstance(value, str)
            return block(field, b"\x08" + number(is_text) + (block(3, value.encode()) if is_text else b"\x10" + number(value)))
        case "raw":
            return block(field, block(1, msgspec.json.encode(value)))
        case "strings":
            return block(field, b"".join(block(1, item.encode()) for item in value))
        case "schemaorbool" if isinstance(value, bool):
            return block(field, b"\x08" + number(value))
        case "schemaorbool":
            return block(field, block(2, encode_by_table(SCHEMA, value, random)))
        case "schemaorarray" | "schemaorstrings" if isinstance(value, list):
            items = [item.encode() if isinstance(item, str) else encode_by_table(SCHEMA, item) for item in value]
            return block(field, b"".join(block(2, item) for item in items))
        case "schemaorarray" | "schemaorstrings":
            return block(field, block(1, encode_by_table(SCHEMA, value, random)))
    return block(field, encode_by_table(kind, value, random))


@pytest.mark.parametrize(("field", "value"), [
    ("items", {"type": "string"}), ("items", [{"type": "string"}, {"type": "integer"}]), ("additionalProperties", False),
    ("additionalProperties", True), ("additionalProperties", {"type": "string"}),
    ("dependencies", {"a": ["b", "c"], "d": {"type": "object"}}), ("default", {"a": [1, 2.5, None, "x"]}), ("default", 0),
    ("enum", ["a", 1, None]), ("maximum", 0.0), ("x-kubernetes-preserve-unknown-fields", True),
    ("properties", {"a": {"x-kubernetes-validations": [{"rule": "self > 0", "reason": "FieldValueInvalid", "optionalOldSelf": False}]}}),
])
def test_schemas_keep_their_unions(field: str, value: Any) -> None:
    crd = {"metadata": {"name": "c"}, "spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": {field: value}}}]}}
    raw = encode_by_table("apiextensions_v1.CustomResourceDefinition", crd)
    body = envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", raw)
    schema = decode_document(body, PROTOBUF)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert schema == {field: value}


def test_lists_of_numbers_may_be_packed() -> None:
    spec = block(2, block(14, b"\x22\x03\x01\xac\x02" + b"\x20\x07"))
    document = decode_document(envelope("v1", "Pod", spec), PROTOBUF)
    assert document["spec"]["securityContext"]["supplementalGroups"] == [1, 300, 7]


def test_what_comes_after_json_in_a_field_is_dropped() -> None:
    entry = block(1, b"m") + block(2, b"Update") + block(3, b"v1") + block(6, b"FieldsV1") + block(7, block(1, b'{"f:data":{}}{"more":1}'))
    document = decode_document(envelope("v1", "ConfigMap", block(1, block(17, entry))), PROTOBUF)
    assert document["metadata"]["managedFields"][0]["fieldsV1"] == {"f:data": {}}


def test_a_message_that_comes_in_parts_is_merged() -> None:
    raw = block(1, block(1, b"p")) + block(1, block(3, b"ns"))
    assert decode_document(envelope("v1", "Pod", raw), PROTOBUF)["metadata"] == {"name": "p", "namespace": "ns"}


@pytest.mark.parametrize(("raw", "problem"), [
    (b"\x0a\x05a", "unexpected EOF"), (b"\x0a", "unexpected EOF"), (b"\x08\x01", "proto: wrong wireType = 0 for field 1"),
    (b"\x07", "proto: illegal tag 0 (wire type 7)"), (b"\xff" * 11, "proto: integer overflow"),
    (b"\x9c\x01", "proto: illegal tag 19 (wire type 4)"),
    (b"\xfb\x3f\x08\x01", "unexpected EOF"),
])
def test_damage_is_told_as_upstream_does(raw: bytes, problem: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        decode_object(type_of("", "v1", "Pod"), "v1", "Pod", envelope("v1", "Pod", raw), PROTOBUF)
    assert str(refused.value) == f'Pod in version "v1" cannot be handled as a Pod: {problem}'


def test_groups_of_fields_that_nobody_knows_are_skipped() -> None:
    raw = b"\xfb\x3f\x08\x01\x13\x14\x12\x01a\xfc\x3f" + block(1, block(1, b"p"))
    assert decode_document(envelope("v1", "Pod", raw), PROTOBUF)["metadata"] == {"name": "p"}


def test_other_kinds_are_refused_by_name() -> None:
    pod = type_of("", "v1", "Pod")
    with pytest.raises(BadRequestError) as refused:
        decode_object(pod, "v1", "Pod", envelope("v1", "Secret", b""), PROTOBUF)
    assert str(refused.value) == (
        'Secret in version "v1" cannot be handled as a Pod: converting (v1.Secret) to (core.Pod): unknown conversion')
    assert decode_object(pod, "v1", "Pod", envelope("", "", block(1, block(1, b"p"))), PROTOBUF)[0].metadata.name == "p"


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
    ("Lease", "coordination.k8s.io", "v1", {"metadata": {"name": "l"}, "spec": {"holderIdentity": "h", "renewTime": MICRO_MOMENT}}),
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
    assert to_document(obj) == to_document(from_json)


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
    (b"{}", "does not appear to be a protobuf message"), (b"", "empty data"), (MAGIC, "empty body"),
    (MAGIC + b"\x0a\x05", "unexpected EOF"), (envelope("v1", "Unicorn", b""), 'no kind "Unicorn" is registered for version "v1"'),
])
def test_what_is_wrong_is_said(body: bytes, message: str) -> None:
    with pytest.raises(BadRequestError, match=message):
        decode_document(body, PROTOBUF)
