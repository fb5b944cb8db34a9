"""The outbox keeps order, joins what goes one way, and lets the event loop turn between slices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from minikube_py.apiserver.http.outbox import SLICE, Outbox


class Connection:
    """Keeps what it is sent."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.sent: list[bytes] = []
        self._then = then

    def send(self, data: bytes) -> None:
        self.sent.append(data)
        self._then()


async def until_sent(*connections: Connection) -> None:
    while not all(connection.sent for connection in connections):
        await asyncio.sleep(0)


async def test_chunks_for_one_connection_leave_together_in_order_and_never_within_put() -> None:
    outbox, connection, other = Outbox(), Connection(), Connection()
    for number in range(3 * SLICE):
        outbox.put(connection, b"%d," % number)
        outbox.put(other, b".")
    assert connection.sent == other.sent == []
    await until_sent(connection, other)
    assert connection.sent == [b"".join(b"%d," % number for number in range(3 * SLICE))]
    assert other.sent == [b"." * 3 * SLICE]


async def test_others_get_their_turn_between_slices() -> None:
    outbox, seen = Outbox(), []
    connections = [Connection() for _ in range(2 * SLICE)]
    for connection in connections:
        outbox.put(connection, b"x")
    asyncio.get_running_loop().call_soon(lambda: seen.append(sum(len(connection.sent) for connection in connections)))
    await until_sent(*connections)
    assert seen == [SLICE]


async def test_what_is_put_while_sending_comes_last() -> None:
    order: list[str] = []
    outbox = Outbox()
    late = Connection(lambda: order.append("late"))

    def more() -> None:
        order.append("first")
        outbox.put(late, b"late")

    first, second = Connection(more), Connection(lambda: order.append("second"))
    outbox.put(first, b"first")
    outbox.put(second, b"second")
    await until_sent(late)
    assert order == ["first", "second", "late"]
