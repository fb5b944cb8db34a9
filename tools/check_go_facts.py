"""Compare `go_facts.py` with the Go types that binaries carry: one line for each difference.

    python -m tools.check_go_facts /path/to/kubectl [/path/to/another/binary ...]

Fields that are newer than the binaries are not compared. Of kinds that the binaries know as previews, a difference may be true.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from minikube_py.apis.shapes import BOOL, BYTES, FLOAT, INT, LIST, MAP, SCHEMA_OR, STRING, derive, key_of
from tools.generate_go_types import TYPE_META, fields_of, flatten, structs
from tools.go_facts import KEPT, OMITTED, POINTERS, VALUES
from tools.go_types import GoField, GoTypes

PARTS = ("metadata", "spec", "status")
# Held by value and left out nevertheless, by `omitzero`.
OMITZERO = ("meta_v1.ObjectMeta.creationTimestamp",)


def differences(types: dict[str, list[GoField]]) -> Iterator[str]:
    """What the facts say otherwise than the types."""
    for struct in structs():
        key = key_of(struct)
        flat = flatten(types, fields_of(types, key.partition(".")[0], struct.__name__))
        for field in msgspec.structs.fields(struct):
            fact = f"{key}.{field.encode_name}"
            if field.encode_name not in flat or field.encode_name in TYPE_META:
                continue
            go = flat[field.encode_name][2]
            kind = derive(field.type).kind
            if kind in (LIST, MAP, BYTES, SCHEMA_OR) or fact in OMITZERO:
                continue
            by_value = fact not in POINTERS if kind in (STRING, INT, FLOAT, BOOL) else fact in VALUES or field.encode_name in PARTS
            if go.pointer == by_value:
                yield f"{fact}: {'a pointer' if go.pointer else 'by value'}"
            if (go.omitempty and fact in KEPT) or (not go.omitempty and fact in OMITTED):
                yield f"{fact}: {'omitempty' if go.omitempty else 'no omitempty'}"


def main(*binaries: str) -> None:
    types: dict[str, list[GoField]] = {}
    for binary in binaries:
        types = GoTypes(Path(binary)).structs | types
    for line in differences(types):
        print(line)


if __name__ == "__main__":
    main(*sys.argv[1:])
