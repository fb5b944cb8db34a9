"""The protobuf wire format: tags, varints, and what to skip; how fields are written.

Source: protobuf.dev/programming-guides/encoding; the errors are those of gogo's generated decoders
"""

from __future__ import annotations

import struct
from collections.abc import Container, Iterator

VARINT, FIXED64, BYTES, GROUP, GROUP_END, FIXED32 = range(6)
SIZES = {FIXED64: 8, FIXED32: 4}
VARINT_BITS_MAX = 63
EOF = "unexpected EOF"
_WORD = (1 << 64) - 1


class ProtobufError(ValueError):
    """The bytes are not what they should be."""


def varint(data: bytes, position: int) -> tuple[int, int]:
    """The number at a position, and the position behind it.

    Raises: ProtobufError.
    """
    value = shift = 0
    while True:
        if position >= len(data):
            raise ProtobufError(EOF)
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position
        shift += 7
        if shift > VARINT_BITS_MAX:
            raise ProtobufError("proto: integer overflow")


def signed(value: int) -> int:
    """A 64-bit number with its sign."""
    return value - (1 << 64) if value >= 1 << 63 else value


def signed32(value: int) -> int:
    """The lower 32 bits of a number with their sign, as Go cuts it."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >= 1 << 31 else value


def skip(data: bytes, position: int, tag: int, end: int, known: Container[int] = ()) -> int:
    """The position behind a field that nobody asked for.

    Args:
        known: fields that are read when they come in their own wire type.
    Raises: ProtobufError.
    """
    number, kind = tag >> 3, tag & 7
    if number in known:
        raise ProtobufError(f"proto: wrong wireType = {kind} for field {number}")
    if number == 0 or kind == GROUP_END:
        raise ProtobufError(f"proto: illegal tag {number} (wire type {kind})")
    depth = 0
    while True:
        if kind == VARINT:
            position = varint(data, position)[1]
        elif kind == BYTES:
            length, position = varint(data, position)
            position += length
        elif kind in SIZES:
            position += SIZES[kind]
        elif kind == GROUP:
            depth += 1
        elif kind == GROUP_END:
            depth -= 1
        else:
            raise ProtobufError(f"proto: illegal wireType {kind}")
        if position > end:
            raise ProtobufError(EOF)
        if not depth:
            return position
        tag, position = varint(data, position)
        kind = tag & 7


def fields(data: bytes, position: int, end: int) -> Iterator[tuple[int, int | bytes]]:
    """Field numbers and values of a small message: numbers with their sign, the rest as bytes.

    Raises: ProtobufError.
    """
    while position < end:
        tag, position = varint(data, position)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            value, position = varint(data, position)
            yield number, signed(value)
        elif kind == BYTES:
            length, position = varint(data, position)
            if position + length > end:
                raise ProtobufError(EOF)
            yield number, data[position : position + length]
            position += length
        else:
            position = skip(data, position, tag, end)
    if position > end:
        raise ProtobufError(EOF)


def text(value: int | bytes) -> str:
    """A field's text.

    Raises: ProtobufError if the field is a number.
    """
    if isinstance(value, int):
        raise ProtobufError("proto: wrong wireType = 0 for a string")
    return value.decode()


def write_varint(value: int) -> bytes:
    """A number; negative ones as 64 bits."""
    if 0 <= value < 0x80:
        return bytes((value,))
    value &= _WORD
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def write_bytes(number: int, data: bytes) -> bytes:
    """A field of bytes, text, or a message."""
    return write_varint(number << 3 | BYTES) + write_varint(len(data)) + data


def write_number(number: int, value: int) -> bytes:
    """A field of a whole number or a boolean."""
    return write_varint(number << 3 | VARINT) + write_varint(value)


def write_double(number: int, value: float) -> bytes:
    return write_varint(number << 3 | FIXED64) + struct.pack("<d", value)
