"""Streams over one connection: in order, in turns, bounded, and gone with it."""

from __future__ import annotations

import asyncio
import struct

import pytest

from minikube_py.core.tunnel.multiplexer import CLOSE, DATA, DATA_BYTES_MAX, OPEN, STREAMS_MAX, Multiplexer, TunnelError
from minikube_py.core.tunnel.stream import WINDOW_BYTES

from .pair import Pair, Recorder, tunnel, until


async def test_bytes_go_both_ways_in_order() -> None:
    async with tunnel() as pair:
        near, far = await pair.open("hello")
        sent = bytes(range(256)) * 20_000
        for start in range(0, len(sent), 9_999):
            near.transport.write(sent[start:start + 9_999])
        await until(lambda: far.data == sent)
        assert near.data == b"hello"
        assert near.transport.get_extra_info("tunnel") == "n"


async def test_end_comes_after_what_was_written_before_it() -> None:
    async with tunnel() as pair:
        near, far = await pair.open()
        near.transport.write(b"y" * 3_000_000)
        near.transport.close()
        near.transport.write(b"late")
        assert await far.lost is None
        assert far.data == b"y" * 3_000_000
        await near.lost
        assert (pair.near.streams, pair.far.streams) == (0, 0)


async def test_stream_that_nobody_reads_is_bounded_and_keeps_no_other_waiting() -> None:
    async with tunnel() as pair:
        pair.paused = True
        slow, unread = await pair.open()
        pair.paused = False
        fast, read = await pair.open()
        slow.transport.write(b"s" * (3 * WINDOW_BYTES))
        fast.transport.write(b"f" * (3 * WINDOW_BYTES))
        await until(lambda: len(read.data) == 3 * WINDOW_BYTES)
        assert unread.data == b"" and not slow.writable
        assert slow.transport.get_write_buffer_size() == 2 * WINDOW_BYTES
        unread.transport.resume_reading()
        await until(lambda: len(unread.data) == 3 * WINDOW_BYTES)
        assert slow.writable


async def test_streams_take_turns() -> None:
    pair = Pair()
    order: list[int] = []
    for number in (1, 2):
        protocol = Recorder()
        opening = asyncio.create_task(pair.near.open("x", protocol))
        await asyncio.sleep(0)
        pair.near._frame(2, number, b"")
        (await opening).write(b"z" * (3 * DATA_BYTES_MAX))
    run = asyncio.create_task(pair.near.run())
    while len(order) < 6:
        message = await pair.near_socket.outgoing.get()
        assert message is not None
        kind, stream = struct.unpack_from(">BI", message)
        if kind == DATA:
            order.append(stream)
    assert order == [1, 2, 1, 2, 1, 2]
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)


async def test_refusal_tells_why() -> None:
    async with tunnel() as pair:
        with pytest.raises(ConnectionRefusedError, match="nobody listens"):
            await pair.open("refused")
        with pytest.raises(ConnectionRefusedError, match="no streams are accepted here"):
            await pair.far.open("x", Recorder())
        assert (pair.near.streams, pair.far.streams) == (0, 0)


async def test_end_that_comes_while_nobody_reads_waits_for_the_reader() -> None:
    async with tunnel() as pair:
        pair.paused = True
        near, far = await pair.open()
        near.transport.write(b"last words")
        near.transport.close()
        await until(lambda: pair.far.streams == 0)
        assert far.data == b"" and not far.lost.done()
        far.transport.resume_reading()
        assert await far.lost is None
        assert far.data == b"last words"


async def test_abort_drops_what_waits_and_ends_the_other_side() -> None:
    async with tunnel() as pair:
        pair.paused = True
        near, far = await pair.open()
        near.transport.write(b"a" * (2 * WINDOW_BYTES))
        near.transport.abort()
        await near.lost
        far.transport.abort()
        await far.lost
        assert (pair.near.streams, pair.far.streams) == (0, 0)


async def test_closed_stream_takes_what_comes_so_that_both_sides_end() -> None:
    """Each side has written more than the other takes before it takes anything itself."""
    async with tunnel() as pair:
        pair.paused = True
        near, far = await pair.open()
        near.transport.pause_reading()
        near.transport.write(b"n" * (2 * WINDOW_BYTES))
        far.transport.write(b"f" * (2 * WINDOW_BYTES))
        await until(lambda: far.transport.get_write_buffer_size() == WINDOW_BYTES + 1)
        near.transport.close()
        await until(lambda: far.transport.get_write_buffer_size() == 0)
        far.transport.resume_reading()
        assert await far.lost is None
        assert far.data == b"n" * (2 * WINDOW_BYTES)


@pytest.mark.looptime
async def test_closed_stream_is_dropped_when_its_peer_never_takes_the_rest() -> None:
    async with tunnel() as pair:
        pair.paused = True
        near, _ = await pair.open()
        near.transport.write(b"n" * (2 * WINDOW_BYTES))
        near.transport.close()
        assert await near.lost is None
        await until(lambda: pair.far.streams == 0)


async def test_reader_that_fails_loses_its_stream_alone() -> None:
    async with tunnel() as pair:
        near, far = await pair.open()
        other, there = await pair.open()
        far.data = None  # type: ignore[assignment]
        near.transport.write(b"x")
        await near.lost
        other.transport.write(b"y")
        await until(lambda: there.data == b"y")


async def test_connection_takes_its_streams_along() -> None:
    async with tunnel() as pair:
        near, far = await pair.open()
        await pair.near_socket.incoming.put(None)
        assert isinstance(await near.lost, ConnectionResetError)
        with pytest.raises(ConnectionResetError):
            await pair.near.open("x", Recorder())
        await pair.far_socket.incoming.put(None)
        assert isinstance(await far.lost, ConnectionResetError)


async def test_opening_ends_with_the_connection() -> None:
    pair = Pair()
    opening = asyncio.create_task(pair.near.open("x", Recorder()))
    await pair.near_socket.incoming.put(None)
    await pair.near.run()
    with pytest.raises(ConnectionResetError):
        await opening


async def test_opening_that_is_given_up_leaves_nothing() -> None:
    async with tunnel() as pair:
        opening = asyncio.create_task(pair.near.open("x", Recorder()))
        await until(lambda: pair.near.streams == 1)
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        await until(lambda: (pair.near.streams, pair.far.streams) == (0, 0))
        near, _ = await pair.open("next")
        await until(lambda: near.data == b"next")


@pytest.mark.parametrize("message", [
    b"\x03", struct.pack(">BI", 9, 1), struct.pack(">BI", OPEN, 1) + b"t" * 2000, struct.pack(">BI", 4, 1) + b"\0",
    struct.pack(">BI", DATA, 1) + b"d" * (WINDOW_BYTES + 1),
])
async def test_peer_that_breaks_the_rules_loses_the_connection(message: bytes) -> None:
    async def accept(_: str) -> asyncio.Protocol:
        return Recorder(paused=True)

    pair = Pair()
    far = Multiplexer(pair.far_socket, accept=accept)
    run = asyncio.create_task(far.run())
    await pair.far_socket.incoming.put(struct.pack(">BI", OPEN, 1) + b"x")
    await until(lambda: far.streams == 1)
    await pair.far_socket.incoming.put(message)
    with pytest.raises(TunnelError):
        await run
    assert far.streams == 0


async def test_peer_that_opens_without_reading_is_bounded() -> None:
    pair = Pair()
    far = Multiplexer(pair.far_socket, accept=pair.accept)
    run = asyncio.create_task(far.run())
    for number in range(1, 100 * STREAMS_MAX):
        await until(lambda: run.done() or not pair.far_socket.incoming.full())
        if run.done():
            break
        pair.far_socket.incoming.put_nowait(struct.pack(">BI", OPEN, number))
    with pytest.raises(TunnelError, match="does not read"):
        await run
    assert len(pair.accepted) == STREAMS_MAX
    assert far.streams == 0


async def test_what_comes_for_a_stream_that_has_ended_is_dropped() -> None:
    async with tunnel() as pair:
        await pair.far_socket.incoming.put(struct.pack(">BI", DATA, 77) + b"nobody")
        await pair.far_socket.incoming.put(struct.pack(">BI", CLOSE, 77))
        near, _ = await pair.open("still here")
        await until(lambda: near.data == b"still here")
