"""SPDY sessions as clients of port forwarding open them."""

from __future__ import annotations

import struct
import zlib

import pytest

from minikube_py.kubelet.spdy import DICTIONARY, FLAG_FIN, SpdyError, SpdySession, SpdyStream

from .spdy_client import Frames, data


class World:
    """A session, what it sent, and the streams that were opened."""

    def __init__(self) -> None:
        self.sent = b""
        self.streams: list[SpdyStream] = []
        self.session = SpdySession(self._send, self._opened)

    async def _send(self, piece: bytes) -> None:
        self.sent += piece

    async def _opened(self, stream: SpdyStream) -> None:
        self.streams.append(stream)


def test_the_dictionary_is_the_protocols() -> None:
    # Its Adler-32 sum is in every compressed header block.
    assert (len(DICTIONARY), zlib.adler32(DICTIONARY)) == (1423, 0xE3C6A7C2)


async def test_streams_are_opened_read_and_written() -> None:
    world, client = World(), Frames()
    frames = client.open(1, StreamType="error", port="80", requestID="0") + client.open(3, streamType="data", port="80", requestID="0")
    frames += data(3, b"hello") + data(3, b"", FLAG_FIN)
    for index in range(len(frames)):
        await world.session.receive(frames[index:index + 1])
    assert [stream.headers for stream in world.streams] == [
        {"streamtype": "error", "port": "80", "requestid": "0"}, {"streamtype": "data", "port": "80", "requestid": "0"},
    ]
    stream = world.streams[1]
    assert [await stream.read(), await stream.read(), await stream.read()] == [b"hello", b"", b""]
    world.sent = b""
    await stream.write(b"back")
    await stream.close()
    await stream.close()
    assert world.sent == data(3, b"back") + data(3, b"", FLAG_FIN)


async def test_a_ping_is_answered_and_the_end_ends_all_streams() -> None:
    world = World()
    ping = struct.pack(">III", 0x80030006, 4, 7)
    await world.session.receive(ping)
    assert world.sent == ping
    await world.session.receive(Frames().open(1))
    await world.session.end()
    assert await world.streams[0].read() == b""


@pytest.mark.parametrize("frame", [
    struct.pack(">II", 1, 0xFFFFFF), struct.pack(">II", 0x80030001, 4) + b"\0\0\0\1",
    struct.pack(">II", 0x80030001, 14) + b"\0\0\0\1" + b"\0" * 6 + b"junk",
])
async def test_what_is_no_spdy_is_refused(frame: bytes) -> None:
    with pytest.raises(SpdyError):
        await World().session.receive(frame)
