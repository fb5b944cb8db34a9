"""Generate the protobuf wire table of the built-in kinds from the descriptors that Go binaries carry.

    python -m tools.generate_wire /path/to/kubectl [/path/to/another/binary ...]

Any kubectl embeds the gzip-compressed FileDescriptorProtos of the API: names, numbers and types, as facts. Later binaries fill in the
packages that the first lack (kubectl knows nothing of CustomResourceDefinitions). Which messages are inlined in JSON, and which fields are
pointers, so that their zero is a value, is read from the same binaries' Go types. Kinds that are newer than the binaries are taken from the
version that they were before, and what came since is listed in `wire_facts.py`.
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import msgspec
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

from minikube_py.apis.object import Object
from tools.generate_go_types import PREVIEWS, fields_of, flatten
from tools.go_types import GoField, GoTypes
from tools.wire_facts import ADDED, Row

TARGET = Path(__file__).parent.parent / "minikube_py" / "apiserver" / "protobuf" / "wire_table.py"
GZIP_MAGIC = b"\x1f\x8b\x08"
FILE_BYTES_MAX = 2_000_000
MODULES = {
    "k8s.io.apimachinery.pkg.apis.meta.v1": "meta_v1", "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1": "apiextensions_v1",
}
SCHEMA = "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1."
SPECIAL = {
    "k8s.io.apimachinery.pkg.apis.meta.v1.Time": "time", "k8s.io.apimachinery.pkg.apis.meta.v1.MicroTime": "microtime",
    "k8s.io.apimachinery.pkg.api.resource.Quantity": "quantity", "k8s.io.apimachinery.pkg.util.intstr.IntOrString": "intorstring",
    "k8s.io.apimachinery.pkg.runtime.RawExtension": "raw", "k8s.io.apimachinery.pkg.apis.meta.v1.FieldsV1": "raw",
    f"{SCHEMA}JSON": "raw", f"{SCHEMA}JSONSchemaPropsOrArray": "schemaorarray", f"{SCHEMA}JSONSchemaPropsOrBool": "schemaorbool",
    f"{SCHEMA}JSONSchemaPropsOrStringArray": "schemaorstrings",
    **{f"k8s.io.api.{group}.v1.ExtraValue": "strings" for group in ("authentication", "authorization", "certificates")},
}
# Messages that are a kind of their own in the table, by their names.
UNIONS = {full.rpartition(".")[2] for full in SPECIAL}
Type = FieldDescriptorProto
SCALARS = {
    Type.TYPE_STRING: "string", Type.TYPE_BYTES: "bytes", Type.TYPE_BOOL: "bool", Type.TYPE_INT32: "int32", Type.TYPE_INT64: "int64",
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
    match = re.fullmatch(r"k8s\.io\.api\.(\w+)\.(v\w+)", package)
    name = f"{match[1]}_{match[2]}" if match else ""
    preview = f"{match[1]}_v1" if match else ""
    if PREVIEWS.get(preview) and name == f"{preview.removesuffix('v1')}{PREVIEWS[preview]}":
        name = preview
    return name if (TARGET.parents[2] / "apis" / f"{name}.py").exists() else None


def struct_of(module: str, name: str) -> type[Object] | None:
    struct = getattr(importlib.import_module(f"minikube_py.apis.{module}"), name, None)
    return struct if isinstance(struct, type) and issubclass(struct, Object) else None


class Generator:
    """Makes the rows of messages."""

    def __init__(self, types: dict[str, list[GoField]]) -> None:
        self._types = types

    def rows(self, package: str, message: DescriptorProto) -> list[Row]:
        """Field number, name on the wire in JSON, shape, and the message or type inside."""
        module = module_of(package) or ""
        struct = struct_of(module, message.name)
        known = None if struct is None else {f.encode_name.lower(): f.encode_name for f in msgspec.structs.fields(struct)}
        go = flatten(self._types, fields_of(self._types, module, message.name))
        names = {field.proto: name for name, (_, _, field) in go.items() if field.proto}
        pointers = {name for name, (_, _, field) in go.items() if field.pointer}
        entries = {f".{package}.{message.name}.{nested.name}": nested for nested in message.nested_type}
        result = []
        for field in message.field:
            # JSON names differ from the descriptors', mostly in their case: "Webhooks", "uID", "xKubernetesListType".
            name = names.get(field.name) or (known or {}).get(field.name.lower(), field.name)
            if field.type_name in entries:
                result.append((field.number, name, "map", self._kind(entries[field.type_name].field[1])))
                continue
            shape = "list" if field.label == Type.LABEL_REPEATED else "optional" if name in pointers else "one"
            if shape == "one" and field.type == Type.TYPE_MESSAGE and known is not None and name.lower() not in known:
                shape = "inline"
            result.append((field.number, name, shape, self._kind(field)))
        return result

    def _kind(self, field: FieldDescriptorProto) -> str:
        if field.type != Type.TYPE_MESSAGE:
            return SCALARS[field.type]
        full = field.type_name.lstrip(".")
        if full in SPECIAL:
            return SPECIAL[full]
        package, _, name = full.rpartition(".")
        return f"{module_of(package)}.{name}"


def table(binaries: list[Path]) -> dict[str, list[Row]]:
    """Every message of the served kinds."""
    files: dict[str, FileDescriptorProto] = {}
    types: dict[str, list[GoField]] = {}
    for binary in binaries:
        files = descriptors(binary.read_bytes()) | files
        types = GoTypes(binary).structs | types
    generator = Generator(types)
    found: dict[str, list[Row]] = {}
    # A version that is itself served comes before its preview.
    for package, file in sorted(files.items(), key=lambda item: (not item[0].endswith((".v1", ".v2")), item[0])):
        module = module_of(package)
        for message in file.message_type if module is not None else ():
            if message.name not in UNIONS:
                found.setdefault(f"{module}.{message.name}", generator.rows(package, message))
    for message_name, rows in ADDED.items():
        numbers = {row[0] for row in rows}
        found[message_name] = sorted([row for row in found.get(message_name, []) if row[0] not in numbers] + list(rows))
    return found


def missing(found: dict[str, list[Row]]) -> list[str]:
    """Fields of structs that no row has, and messages without a table: what is to be looked up."""
    lines = []
    for path in sorted((TARGET.parents[2] / "apis").glob("*_v?.py")):
        module: Any = importlib.import_module(f"minikube_py.apis.{path.stem}")
        for name, value in vars(module).items():
            if not (isinstance(value, type) and issubclass(value, Object) and value.__module__ == module.__name__):
                continue
            names = _names(found, f"{path.stem}.{name}")
            wire = {field.encode_name for field in msgspec.structs.fields(value)} - {"kind", "apiVersion"}
            lines += [f"{path.stem}.{name}.{field}" for field in sorted(wire - names)] if names or not wire else [f"{path.stem}.{name}"]
    return lines


def _names(found: dict[str, list[Row]], message: str) -> set[str]:
    names: set[str] = set()
    for _, name, shape, kind in found.get(message, ()):
        names |= _names(found, kind) if shape == "inline" else {name}
    return names


def main(*binaries: str) -> None:
    found = table([Path(binary) for binary in binaries])
    for line in missing(found):
        print("no number known:", line)
    lines = [
        '"""The protobuf wire format of the built-in kinds: generated by tools/generate_wire.py; do not edit."""', "",
        "# message -> (field number, JSON name, shape: one, optional, list, map or inline; scalar or message)",
        "# The zero of an optional field is a value, that of others means that the field is unset.",
        "WIRE: dict[str, tuple[tuple[int, str, str, str], ...]] = {",
        *(f"    {name!r}: {tuple(rows)!r}," for name, rows in sorted(found.items())), "}", "",
    ]
    TARGET.write_text("\n".join(lines))
    subprocess.run([Path(sys.executable).with_name("ruff"), "format", "--quiet", TARGET], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
