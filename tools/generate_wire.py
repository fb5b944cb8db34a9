"""Generate facts about the built-in kinds from the descriptors that a kubectl binary carries: the protobuf wire table, and which fields
hold a message by value.

    python tools/generate_wire.py /path/to/kubectl

Any kubectl embeds the gzip-compressed FileDescriptorProtos of the API: names, numbers and types, as facts. What they do not tell: which
messages are inlined in JSON follows from the generated structs: a message field whose name no struct field has is inlined.

A field that Go holds by value is never left out on the wire, unlike a pointer: an unset struct is {}, an unset time null. The descriptors
say it as an option. Groups that no kubectl has descriptors of are taken from a version that it has, or written down here.
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import zlib
from pathlib import Path
from types import NoneType
from typing import get_args

import msgspec
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

APIS = Path(__file__).parent.parent / "minikube_py" / "apis"
TARGET = APIS.parent / "apiserver" / "protobuf" / "wire_table.py"
BY_VALUE = APIS / "value_fields.py"
# The option gogoproto.nullable = false, as it is encoded.
NOT_NULLABLE = bytes.fromhex("c8de1f00")
# Packages of which an older version tells what the served one holds by value.
STAND_INS = {"k8s.io.api.resource.v1beta2": "resource_v1", "k8s.io.api.admissionregistration.v1alpha1": "admissionregistration_v1"}
# Of types that are in no kubectl, and times that are left out all the same.
# Source: k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1/types.go, k8s.io/kube-aggregator/pkg/apis/apiregistration/v1/types.go
WRITTEN_DOWN = {
    "apiextensions_v1.CustomResourceDefinition": {"metadata", "spec", "status"},
    "apiextensions_v1.CustomResourceDefinitionSpec": {"names"},
    "apiextensions_v1.CustomResourceDefinitionStatus": {"acceptedNames"},
    "apiextensions_v1.CustomResourceDefinitionCondition": {"lastTransitionTime"},
    "apiregistration_v1.APIService": {"metadata", "spec", "status"},
    "apiregistration_v1.APIServiceCondition": {"lastTransitionTime"},
    "storage_v1.VolumeAttributesClass": {"metadata"},
}
OMITTED = {"meta_v1.ObjectMeta": {"creationTimestamp"}}
GZIP_MAGIC = b"\x1f\x8b\x08"
FILE_BYTES_MAX = 2_000_000
MODULES = {"k8s.io.apimachinery.pkg.apis.meta.v1": "meta_v1"}
SPECIAL = {
    "k8s.io.apimachinery.pkg.apis.meta.v1.Time": "time", "k8s.io.apimachinery.pkg.apis.meta.v1.MicroTime": "microtime",
    "k8s.io.apimachinery.pkg.api.resource.Quantity": "quantity", "k8s.io.apimachinery.pkg.util.intstr.IntOrString": "intorstring",
    "k8s.io.apimachinery.pkg.runtime.RawExtension": "raw", "k8s.io.apimachinery.pkg.apis.meta.v1.FieldsV1": "raw",
    **{f"k8s.io.api.{group}.v1.ExtraValue": "strings" for group in ("authentication", "authorization", "certificates")},
}
Type = FieldDescriptorProto
SCALARS = {
    Type.TYPE_STRING: "string", Type.TYPE_BYTES: "bytes", Type.TYPE_BOOL: "bool", Type.TYPE_INT32: "int", Type.TYPE_INT64: "int",
    Type.TYPE_DOUBLE: "double",
}


def descriptors(binary: bytes) -> dict[str, FileDescriptorProto]:
    """The API's proto files in a binary, by package."""
    found = {}
    for match in re.finditer(re.escape(GZIP_MAGIC), binary):
        reader = zlib.decompressobj(31)
        try:
            data = reader.decompress(binary[match.start() : match.start() + FILE_BYTES_MAX])
            file = FileDescriptorProto.FromString(data)
        except Exception:  # Most places with these three bytes are no gzip stream, or not one of ours.
            continue
        if reader.eof and file.name.startswith("k8s.io/"):
            found[file.package] = file
    return found


def module_of(package: str) -> str | None:
    """The generated module of a proto package, None if it is not served."""
    if package in MODULES:
        return MODULES[package]
    match = re.fullmatch(r"k8s\.io\.api\.(\w+)\.(v\d)", package)
    name = f"{match[1]}_{match[2]}" if match else ""
    return name if (APIS / f"{name}.py").exists() else None


def rows(package: str, message: DescriptorProto) -> list[tuple[int, str, str, str]]:
    """Field number, name on the wire in JSON, shape, and the message or type inside."""
    module = module_of(package)
    struct = getattr(importlib.import_module(f"minikube_py.apis.{module}"), message.name, None)
    fields = msgspec.structs.fields(struct) if isinstance(struct, type) and issubclass(struct, msgspec.Struct) else None
    # JSON names differ from the descriptors' in their case: "Webhooks", "uID".
    known = None if fields is None else {f.encode_name.lower(): f for f in fields}
    entries = {f".{package}.{message.name}.{nested.name}": nested for nested in message.nested_type}
    result = []
    for field in message.field:
        match = known.get(field.name.lower()) if known is not None else None
        name = match.encode_name if match is not None else field.name
        if field.type_name in entries:
            result.append((field.number, name, "map", kind_of(entries[field.type_name].field[1])))
            continue
        shape = "list" if field.label == Type.LABEL_REPEATED else "one"
        if shape == "one" and field.type == Type.TYPE_MESSAGE and known is not None and match is None:
            shape = "inline"
        kind = kind_of(field)
        if shape == "one" and kind == "string" and match is not None and is_optional(match.type):
            kind = "pointer"
        result.append((field.number, name, shape, kind))
    return result


def is_optional(kind: object) -> bool:
    """Whether a string is a pointer upstream: "" is a value."""
    return NoneType in get_args(kind)


def kind_of(field: FieldDescriptorProto) -> str:
    if field.type != Type.TYPE_MESSAGE:
        return SCALARS[field.type]
    full = field.type_name.lstrip(".")
    if full in SPECIAL:
        return SPECIAL[full]
    package, _, name = full.rpartition(".")
    return f"{module_of(package)}.{name}"


def by_value(files: dict[str, FileDescriptorProto]) -> dict[str, set[str]]:
    """Struct -> the JSON names of its single fields that hold a message by value; inlined messages count for the struct around them."""
    found: dict[str, set[str]] = {}
    for package, file in files.items():
        module = module_of(package) or STAND_INS.get(package)
        if module is None:
            continue
        messages = {f".{package}.{message.name}": message for message in file.message_type}
        for message in file.message_type:
            struct = getattr(importlib.import_module(f"minikube_py.apis.{module}"), message.name, None)
            key = f"{module}.{message.name}"
            if isinstance(struct, type) and issubclass(struct, msgspec.Struct) and (module_of(package) or key not in found):
                found.setdefault(key, set()).update(_values_of(message, {f.encode_name for f in msgspec.structs.fields(struct)}, messages))
    for key, names in WRITTEN_DOWN.items():
        found.setdefault(key, set()).update(names)
    return {key: names - OMITTED.get(key, set()) for key, names in found.items()}


def _values_of(message: DescriptorProto, known: set[str], messages: dict[str, DescriptorProto]) -> set[str]:
    names: set[str] = set()
    by_lower = {name.lower(): name for name in known}
    for field in message.field:
        if field.type != Type.TYPE_MESSAGE or field.label == Type.LABEL_REPEATED:
            continue
        name = by_lower.get(field.name.lower())
        if name is not None and NOT_NULLABLE in field.options.SerializeToString():
            names.add(name)
        elif name is None and field.type_name in messages:
            names |= _values_of(messages[field.type_name], known, messages)
    return names


def write_by_value(files: dict[str, FileDescriptorProto]) -> None:
    lines = [
        '"""Fields that Go holds by value: generated by tools/generate_wire.py; do not edit."""', "",
        "# struct -> fields (names on the wire) that are never left out: an unset struct is {}, an unset time is null",
        "VALUE_FIELDS: dict[str, tuple[str, ...]] = {",
    ]
    lines += [f"    {key!r}: {tuple(sorted(names))!r}," for key, names in sorted(by_value(files).items()) if names]
    BY_VALUE.write_text("\n".join([*lines, "}", ""]))
    subprocess.run([Path(sys.executable).with_name("ruff"), "format", "--quiet", BY_VALUE], check=True)


def main(kubectl: str) -> None:
    files = descriptors(Path(kubectl).read_bytes())
    write_by_value(files)
    lines = [
        '"""The protobuf wire format of the built-in kinds: generated by tools/generate_wire.py; do not edit."""', "",
        "# message -> (field number, JSON name, shape: one, list, map or inline; scalar or message)",
        '# A "pointer" is a string whose "" is a value.',
        "WIRE: dict[str, tuple[tuple[int, str, str, str], ...]] = {",
    ]
    for package, file in sorted(files.items()):
        module = module_of(package)
        if module is not None:
            lines += [f'    "{module}.{message.name}": {tuple(rows(package, message))!r},' for message in file.message_type]
    TARGET.write_text("\n".join([*lines, "}", ""]))
    subprocess.run([Path(sys.executable).with_name("ruff"), "format", "--quiet", TARGET], check=True)


if __name__ == "__main__":
    main(sys.argv[1])
