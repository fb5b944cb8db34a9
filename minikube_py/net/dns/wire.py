"""The little that must be read of DNS messages that are only passed on: no record is decoded.

Source: RFC 1035 §4.1, RFC 6891 (the OPT record's TTL field holds flags, not a time).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

HEADER_BYTES = 12
MESSAGE_BYTES_MAX = 65_535

_OPT = 41
_SOA = 6


class WireError(ValueError):
    """A message ends early or contradicts itself."""


class TimedMessage(NamedTuple):
    """A response and where its TTLs are."""

    message: bytes
    ttl_offsets: tuple[int, ...]
    lifetime_s: int
    """Seconds that the response may be kept: the least TTL, or for a negative answer that of the SOA; 0 if it has none."""


def question_end(message: bytes) -> int:
    """Offset behind the one question of a query or response.

    Raises: WireError unless there is exactly one question.
    """
    if len(message) < HEADER_BYTES or message[4:6] != b"\0\1":
        raise WireError("not one question")
    end = _skip_name(message, HEADER_BYTES) + 4
    if end > len(message):
        raise WireError("question cut short")
    return end


def same_question(message: bytes, query: bytes) -> bool:
    """Whether a response answers `query`: same identifier and question, letter case aside."""
    if message[:2] != query[:2] or len(message) < HEADER_BYTES or not message[2] & 0x80:
        return False
    end = question_end(query)
    return message[4:6] == b"\0\1" and message[HEADER_BYTES:end].lower() == query[HEADER_BYTES:end].lower()


def timed(message: bytes) -> TimedMessage:
    """Find the TTLs of a response.

    Raises: WireError if a record runs over the end.
    """
    answers, authorities, extra = struct.unpack_from("!HHH", message, 6)
    offset = question_end(message)
    offsets: list[int] = []
    least: int | None = None
    for _ in range(answers + authorities + extra):
        offset = _skip_name(message, offset)
        if offset + 10 > len(message):
            raise WireError("record cut short")
        kind, _, ttl, length = struct.unpack_from("!HHIH", message, offset)
        if kind != _OPT:
            offsets.append(offset + 4)
            least = ttl if least is None else min(least, ttl)
        offset += 10 + length
        if offset > len(message):
            raise WireError("record cut short")
        if kind == _SOA and not answers and length >= 20:
            # Negative answers live as long as the SOA's last field says (RFC 2308 §5).
            least = min(least or 0, struct.unpack_from("!I", message, offset - 4)[0])
    return TimedMessage(message, tuple(offsets), least or 0)


def aged(timed_message: TimedMessage, age_s: int, query: bytes) -> bytes:
    """A kept response as the answer to `query`: its identifier and spelling, and TTLs less by `age_s`."""
    out = bytearray(timed_message.message)
    end = question_end(query)
    out[:2] = query[:2]
    out[HEADER_BYTES:end] = query[HEADER_BYTES:end]
    for offset in timed_message.ttl_offsets:
        ttl = struct.unpack_from("!I", out, offset)[0]
        struct.pack_into("!I", out, offset, max(ttl - age_s, 0))
    return bytes(out)


def failure(query: bytes, rcode: int) -> bytes:
    """An empty response to `query` with this code."""
    try:
        end = question_end(query)
    except WireError:
        return query[:2] + bytes((0x80, rcode)) + b"\0" * 8
    return query[:2] + bytes((0x80 | query[2] & 0x79, 0x80 | rcode)) + b"\0\1\0\0\0\0\0\0" + query[HEADER_BYTES:end]


def _skip_name(message: bytes, offset: int) -> int:
    while offset < len(message):
        length = message[offset]
        if length == 0:
            return offset + 1
        if length >= 0xC0:
            return offset + 2
        offset += length + 1
    raise WireError("name cut short")
