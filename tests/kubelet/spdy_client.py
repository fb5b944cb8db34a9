"""A client's side of SPDY/3.1, for tests."""

from __future__ import annotations

import struct
import zlib

from minikube_py.kubelet.spdy import DICTIONARY, FLAG_FIN


class Frames:
    """Writes a client's frames."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def open(self, number: int, flags: int = 0, **headers: str) -> bytes:
        block = struct.pack(">I", len(headers))
        for name, value in headers.items():
            block += struct.pack(">I", len(name)) + name.encode() + struct.pack(">I", len(value)) + value.encode()
        body = struct.pack(">IIH", number, 0, 0) + self._deflate.compress(block) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return struct.pack(">II", 0x80030001, flags << 24 | len(body)) + body


def data(number: int, payload: bytes, flags: int = 0) -> bytes:
    return struct.pack(">II", number, flags << 24 | len(payload)) + payload


def received(sent: bytes) -> tuple[dict[int, bytes], set[int]]:
    """What a server's frames say: the data of each stream, and which of them have ended."""
    streams: dict[int, bytes] = {}
    ended = set()
    while sent:
        first, second = struct.unpack_from(">II", sent)
        length = second & 0xFFFFFF
        if not first & 0x80000000:
            streams[first] = streams.get(first, b"") + sent[8:8 + length]
            if second >> 24 & FLAG_FIN:
                ended.add(first)
        sent = sent[8 + length:]
    return streams, ended
