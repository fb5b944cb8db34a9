"""Read the Go types of an ELF binary: what its run-time type information says of structs and their fields.

Kubernetes' Go types are facts that the OpenAPI definitions lack: which fields are pointers, which structs are inlined, and what a type is
called in error messages. Any kubectl carries them, stripped or not. Only what reflection reaches is there; other types are skipped.

Source: go.dev/src/internal/abi/type.go (the layout is that of Go 1.18 to 1.25, 64 bits, little-endian)
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

KIND_MASK = 31
KIND_ARRAY, KIND_POINTER, KIND_SLICE, KIND_STRUCT = 17, 22, 23, 25
# Bits of a type's flags, and of a name's.
UNCOMMON, EXTRA_STAR = 1, 2
HAS_TAG, EMBEDDED = 2, 8
# Bytes of abi.Type, abi.StructType and abi.StructField.
TYPE_BYTES, STRUCT_BYTES, FIELD_BYTES = 48, 80, 24


@dataclass(frozen=True, slots=True)
class GoField:
    """One field of a struct.

    Attributes:
        json: its name in JSON, "" for what is inlined or not encoded.
        type: as Go prints it, without the star of a pointer: "int32", "v1.Protocol", "map[string]string".
        inline: the key in `structs` of the struct that is inlined, or "".
        proto: its name in protobuf, "" for what is not encoded.
    """

    name: str
    json: str
    type: str
    pointer: bool
    omitempty: bool
    inline: str
    proto: str


class GoTypes:
    """The structs of a binary.

    Raises: ValueError if the file is not such a binary.
    """

    def __init__(self, binary: Path) -> None:
        self._data = binary.read_bytes()
        if self._data[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{binary} is no 64-bit little-endian ELF file")
        self._sections = self._read_sections()
        self._base = self._sections[".rodata"][0]

    def _read_sections(self) -> dict[str, tuple[int, int, int]]:
        """Section name -> (address, offset in the file, size)."""
        offset = struct.unpack_from("<Q", self._data, 40)[0]
        size, count, names = struct.unpack_from("<HHH", self._data, 58)
        rows = [struct.unpack_from("<IIQQQQ", self._data, offset + index * size) for index in range(count)]
        start = rows[names][4]

        def name(at: int) -> str:
            return self._data[start + at : self._data.index(b"\0", start + at)].decode()

        return {name(row[0]): (row[3], row[4], row[5]) for row in rows}

    def _offset(self, address: int) -> int:
        for base, offset, size in self._sections.values():
            if base and base <= address < base + size:
                return address - base + offset
        raise ValueError(f"no section holds address {address:#x}")

    def _name(self, at: int) -> tuple[str, str, int]:
        """Text, tag and flags of an abi.Name at a file offset."""
        flags = self._data[at]
        length, at = self._varint(at + 1)
        text = self._data[at : at + length].decode()
        tag = ""
        if flags & HAS_TAG:
            length, start = self._varint(at + length)
            tag = self._data[start : start + length].decode()
        return text, tag, flags

    def _varint(self, at: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            byte = self._data[at]
            value |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                return value, at

    def _head(self, address: int) -> tuple[int, int, str]:
        """Kind, flags and name of the type at an address."""
        at = self._offset(address)
        flags, kind = self._data[at + 20], self._data[at + 23] & KIND_MASK
        text = self._name(self._offset(self._base + struct.unpack_from("<i", self._data, at + 40)[0]))[0]
        return kind, flags, text[1:] if flags & EXTRA_STAR else text

    def _element(self, address: int) -> int:
        """The element type of a pointer, slice or array."""
        return int(struct.unpack_from("<Q", self._data, self._offset(address) + TYPE_BYTES)[0])

    def _key(self, address: int) -> str:
        """Package path and name of a named struct ("k8s.io/api/core/v1.Pod"), "" for others."""
        _, flags, text = self._head(address)
        if not flags & UNCOMMON:
            return ""
        path = struct.unpack_from("<i", self._data, self._offset(address) + STRUCT_BYTES)[0]
        package = self._name(self._offset(self._base + path))[0] if path else ""
        return f"{package}.{text.rpartition('.')[2]}"

    @cached_property
    def structs(self) -> dict[str, list[GoField]]:
        """Every named struct that can be reached, by package path and name."""
        _, offset, size = self._sections[".typelink"]
        waiting = [self._base + link for (link,) in struct.iter_unpack("<i", self._data[offset : offset + size])]
        seen: set[int] = set()
        found: dict[str, list[GoField]] = {}
        while waiting:
            address = waiting.pop()
            if address in seen:
                continue
            seen.add(address)
            kind = self._head(address)[0]
            if kind in (KIND_POINTER, KIND_SLICE, KIND_ARRAY):
                waiting.append(self._element(address))
            elif kind == KIND_STRUCT:
                fields, inner = self._fields(address)
                waiting += inner
                if key := self._key(address):
                    found[key] = fields
        return found

    def _fields(self, address: int) -> tuple[list[GoField], list[int]]:
        """The fields of a struct, and the addresses of their types."""
        start, count = struct.unpack_from("<QQ", self._data, self._offset(address) + TYPE_BYTES + 8)
        fields, inner = [], []
        for index in range(count):
            name_at, type_at, _ = struct.unpack_from("<QQQ", self._data, self._offset(start) + index * FIELD_BYTES)
            inner.append(type_at)
            name, tag, flags = self._name(self._offset(name_at))
            match = re.search(r'json:"([^"]*)"', tag)
            proto = re.search(r'protobuf:"[^"]*name=(\w+)', tag)
            json, *options = match[1].split(",") if match else [name]
            kind, _, text = self._head(type_at)
            if pointer := kind == KIND_POINTER:
                type_at = self._element(type_at)
                kind, _, text = self._head(type_at)
            inlined = bool(flags & EMBEDDED) and not json and kind == KIND_STRUCT
            fields.append(GoField(
                name, "" if json == "-" else json, text, pointer, "omitempty" in options or "omitzero" in options,
                self._key(type_at) if inlined else "", proto[1] if proto else "",
            ))
        return fields, inner
