"""The outbox keeps order, joins what goes one way, and lets the event loop turn between slices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from minikube_py.apiserver.http import outbox as outbox_module
from minikube_py.apiserver.http.outbox import SLICE, Audience, Outbox


class Connection:
    """Keeps what it is sent."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.sent: list[bytes] = []
        self._then = then

    def send(self, data: bytes) -> None:
        self.sent.append(data)
        self._then()


def audience(*connections: Connection) -> Audience:
    return Audience(b"".join, *connections)


async def until_sent(*connections: Connection) -> None:
    while not all(connection.sent for connection in connections):
        await asyncio.sleep(0)


async def test_lines_of_an_audience_leave_together_in_order_and_never_within_put() -> None:
    outbox, connections, other = Outbox(), [Connection(), Connection()], Connection()
    both, alone = audience(*connections), audience(other)
    for number in range(3 * SLICE):
        outbox.put(both, b"%d," % number)
        outbox.put(alone, b".")
    assert not any(connection.sent for connection in (*connections, other))
    await until_sent(*connections, other)
    for connection in connections:
        assert connection.sent == [b"".join(b"%d," % number for number in range(3 * SLICE))]
    assert other.sent == [b"." * 3 * SLICE]


async def test_lines_of_an_audience_are_packed_once() -> None:
    outbox, packed, connections = Outbox(), [], [Connection() for _ in range(3)]

    def pack(lines: list[bytes]) -> bytes:
        packed.append(lines)
        return b"[%b]" % b"".join(lines)

    everybody = Audience(pack, *connections)
    outbox.put(everybody, b"a")
    outbox.put(everybody, b"b")
    await until_sent(*connections)
    assert packed == [[b"a", b"b"]] and all(connection.sent == [b"[ab]"] for connection in connections)


async def test_others_get_their_turn_between_slices() -> None:
    outbox, seen = Outbox(), []
    connections = [Connection() for _ in range(2 * SLICE)]
    for part in (connections[: SLICE // 2], connections[SLICE // 2 :]):
        outbox.put(audience(*part), b"x")
    asyncio.get_running_loop().call_soon(lambda: seen.append(sum(len(connection.sent) for connection in connections)))
    await until_sent(*connections)
    assert seen == [SLICE]


async def test_what_is_put_while_sending_comes_last() -> None:
    order: list[str] = []
    outbox = Outbox()
    late = Connection(lambda: order.append("late"))

    def more() -> None:
        order.append("first")
        outbox.put(audience(late), b"late")

    first, second = Connection(more), Connection(lambda: order.append("second"))
    outbox.put(audience(first), b"first")
    outbox.put(audience(second), b"second")
    await until_sent(late)
    assert order == ["first", "second", "late"]


async def test_lines_that_follow_closely_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "PACE_S", 0.2)
    monkeypatch.setattr(outbox_module, "PACE_MAX_S", 0.2)
    outbox, connection = Outbox(), Connection()
    listener = audience(connection)
    outbox.put(listener, b"a")
    await until_sent(connection)
    for line in (b"b", b"c", b"d"):
        outbox.put(listener, line)
        await asyncio.sleep(0)
    while len(connection.sent) < 2:
        await asyncio.sleep(0)
    assert connection.sent == [b"a", b"bcd"]


async def test_receiver_gets_what_is_put_between_its_coming_and_its_going() -> None:
    outbox, old, new = Outbox(), Connection(), Connection()
    everybody = audience(old)
    outbox.put(everybody, b"a")
    outbox.join(everybody, new)
    outbox.put(everybody, b"b")
    outbox.leave(everybody, new)
    outbox.put(everybody, b"c")
    assert new.sent == [b"b"]
    while len(old.sent) < 3:
        await asyncio.sleep(0)
    assert old.sent == [b"a", b"b", b"c"] and new.sent == [b"b"]


async def test_what_is_settled_leaves_before_what_is_put_for_others_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "PACE_S", 0.2)
    outbox, connection = Outbox(), Connection()
    one, other = audience(connection), audience(connection)
    outbox.put(one, b"a")
    await until_sent(connection)
    outbox.put(one, b"b")  # Waits, as it follows closely.
    outbox.settle(one)
    outbox.put(other, b"c")
    outbox.put(one, b"d")
    while len(connection.sent) < 4:
        await asyncio.sleep(0)
    assert connection.sent == [b"a", b"b", b"c", b"d"]
