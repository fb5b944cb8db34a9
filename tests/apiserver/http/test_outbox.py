"""The outbox keeps order and lets the event loop turn between slices."""

from __future__ import annotations

import asyncio

from minikube_py.apiserver.http.outbox import SLICE, Outbox


async def test_chunks_leave_in_order_and_never_within_put() -> None:
    outbox, sent = Outbox(), []
    for number in range(3 * SLICE):
        outbox.put(lambda chunk: sent.append(chunk), b"%d" % number)
    assert sent == []
    while len(sent) < 3 * SLICE:
        await asyncio.sleep(0)
    assert sent == [b"%d" % number for number in range(3 * SLICE)]


async def test_others_get_their_turn_between_slices() -> None:
    outbox, sent, seen = Outbox(), [], []
    for _ in range(2 * SLICE):
        outbox.put(lambda chunk: sent.append(chunk), b"")
    asyncio.get_running_loop().call_soon(lambda: seen.append(len(sent)))
    while len(sent) < 2 * SLICE:
        await asyncio.sleep(0)
    assert seen == [SLICE]


async def test_what_is_put_while_sending_comes_last() -> None:
    outbox, sent = Outbox(), []

    def send(chunk: bytes) -> None:
        sent.append(chunk)
        if chunk == b"first":
            outbox.put(sent.append, b"last")

    outbox.put(send, b"first")
    outbox.put(send, b"second")
    while len(sent) < 3:
        await asyncio.sleep(0)
    assert sent == [b"first", b"second", b"last"]
