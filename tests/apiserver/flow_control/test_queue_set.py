"""Seats and turns: what a level promises to the flows that compete for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minikube_py.apiserver.flow_control import queue_set
from minikube_py.apiserver.flow_control.classifier import flow_hash
from minikube_py.apiserver.flow_control.priority_levels import Counts, Flow, fair_division
from minikube_py.apiserver.flow_control.queue_set import Demand, QueueSet, Queuing, RejectedError, Turn, deal

QUEUING = Queuing(queues=64, hand_size=6, length_max=50)


def flow(name: str) -> Flow:
    return Flow(Counts("level", name), name, flow_hash("schema", name))


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def admitted(turn: Turn) -> bool:
    return turn.admitted is None or turn.admitted.done()


async def test_requests_go_on_at_once_while_there_are_seats() -> None:
    queues = QueueSet(QUEUING, 2)
    turns = [queues.begin(flow("a"), 1) for _ in range(3)]
    assert [admitted(turn) for turn in turns] == [True, True, False]
    queues.finish(turns[0])
    assert admitted(turns[2]) and queues.seats_in_use == 2 and not queues.waiting
    for turn in turns[1:]:
        queues.finish(turn)
    assert queues.idle and not queues.seats_in_use


def serve(queues: QueueSet, running: Turn, turns: list[Turn], seconds: float, monkeypatch: pytest.MonkeyPatch) -> list[Turn]:
    """Let every request last so long; the order in which the waiting ones get their turns."""
    now = [running.started]
    monkeypatch.setattr(queue_set.time, "monotonic", lambda: now[0])
    order: list[Turn] = []
    while len(order) < len(turns):
        now[0] += seconds
        queues.finish(running)
        running = next(turn for turn in turns if admitted(turn) and turn not in order)
        order.append(running)
    return order


async def test_flood_of_one_flow_does_not_hold_up_another(monkeypatch: pytest.MonkeyPatch) -> None:
    queues = QueueSet(QUEUING, 1)
    running = queues.begin(flow("flood"), 1)
    turns = [queues.begin(flow("flood"), 1) for _ in range(200)]
    mice = [queues.begin(flow("mouse"), 1) for _ in range(5)]
    order = serve(queues, running, [*turns, *mice], 0.01, monkeypatch)
    places = [order.index(mouse) for mouse in mice]
    assert places[0] <= 6, "before it come at most as many as the flood has queues"
    assert places[-1] <= 40, "then both get their turns alternately, queue by queue"


async def test_flow_with_long_requests_gets_fewer_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    queues = QueueSet(Queuing(queues=2, hand_size=1, length_max=50), 1)
    names = [next(name for name in map(str, range(100)) if deal(flow_hash("schema", name), 2, 1) == (index,)) for index in (0, 1)]
    running = queues.begin(flow(names[0]), 1)
    turns = [queues.begin(flow(name), seats) for name, seats in zip(names, (1, 1), strict=True) for _ in range(40)]
    now = [running.started]
    monkeypatch.setattr(queue_set.time, "monotonic", lambda: now[0])
    order: list[Turn] = []
    while len(order) < 40:
        now[0] += 0.03 if running.flow.distinguisher == names[0] else 0.01
        queues.finish(running)
        running = next(turn for turn in turns if admitted(turn) and turn not in order)
        order.append(running)
    counts = Counter(turn.flow.distinguisher for turn in order)
    assert 2.5 < counts[names[1]] / counts[names[0]] < 3.5, "both are given the same time"


async def test_flow_that_waits_is_served_in_order() -> None:
    queues = QueueSet(Queuing(queues=1, hand_size=1, length_max=50), 1)
    running = queues.begin(flow("a"), 1)
    turns = [queues.begin(flow("a"), 1) for _ in range(5)]
    order = []
    for _ in turns:
        queues.finish(running)
        running = next(turn for turn in turns if admitted(turn) and turn not in order)
        order.append(running)
    assert order == turns


async def test_full_queue_and_level_without_queues_turn_away() -> None:
    queues = QueueSet(Queuing(queues=1, hand_size=1, length_max=2), 1)
    for _ in range(3):
        queues.begin(flow("a"), 1)
    with pytest.raises(RejectedError, match="queue-full"):
        queues.begin(flow("a"), 1)
    rejecting = QueueSet(Queuing(), 1)
    rejecting.begin(flow("a"), 1)
    with pytest.raises(RejectedError, match="concurrency-limit"):
        rejecting.begin(flow("a"), 1)


async def test_request_that_waits_too_long_is_turned_away_and_leaves_no_trace() -> None:
    queues = QueueSet(QUEUING, 1)
    running, turn = queues.begin(flow("a"), 1), queues.begin(flow("b"), 1)
    with pytest.raises(RejectedError, match="time-out"):
        await queues.wait(turn, 0.001)
    assert (queues.waiting, queues.waiting_seats, queues.seats_in_use) == (0, 0, 1)
    queues.finish(running)
    assert queues.idle


@pytest.mark.parametrize("late", [False, True])
async def test_client_that_goes_gives_its_place_or_its_seats_back(late: bool) -> None:
    queues = QueueSet(QUEUING, 1)
    running, turn, next_one = (queues.begin(flow(name), 1) for name in "abc")
    task = asyncio.ensure_future(queues.wait(turn, 10))
    await settle()
    if late:
        queues.finish(running)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    if not late:
        queues.finish(running)
    assert admitted(next_one) and queues.seats_in_use == 1


async def test_wide_request_is_not_overtaken_for_ever_and_may_be_wider_than_all_seats() -> None:
    queues = QueueSet(Queuing(queues=1, hand_size=1, length_max=50), 4)
    narrow = [queues.begin(flow("a"), 1) for _ in range(3)]
    wide, later = queues.begin(flow("a"), 4), queues.begin(flow("a"), 1)
    assert not admitted(wide) and not admitted(later)
    queues.finish(narrow[0])
    assert not admitted(later), "what comes later does not take the seats that the wide one waits for"
    for turn in narrow[1:]:
        queues.finish(turn)
    assert admitted(wide) and not admitted(later)
    queues.finish(wide)
    queues.finish(later)
    wider = queues.begin(flow("a"), 100)
    assert admitted(wider) and not admitted(queues.begin(flow("a"), 1))


async def test_more_seats_are_used_at_once_and_fewer_when_they_are_free() -> None:
    queues = QueueSet(QUEUING, 1)
    turns = [queues.begin(flow(str(number)), 1) for number in range(4)]
    queues.set_limit(3)
    assert sum(map(admitted, turns)) == 3
    queues.set_limit(1)
    running = [turn for turn in turns if admitted(turn)]
    queues.finish(running[0])
    queues.finish(running[1])
    assert sum(map(admitted, turns)) == 3
    queues.finish(running[2])
    assert all(map(admitted, turns))


async def test_change_of_the_queues_forgets_nobody() -> None:
    queues = QueueSet(QUEUING, 1)
    running = queues.begin(flow("first"), 1)
    turns = [queues.begin(flow(str(number)), 1) for number in range(30)]
    queues.configure(Queuing(queues=2, hand_size=1, length_max=5))
    queues.configure(Queuing(queues=4, hand_size=2, length_max=5))
    served = []
    for _ in turns:
        queues.finish(running)
        running = next(turn for turn in turns if admitted(turn) and turn not in served)
        served.append(running)
    queues.finish(running)
    assert queues.idle and len(served) == 30


@given(st.lists(st.tuples(st.sampled_from(["begin", "finish", "cancel", "limit", "queues"]), st.integers(0, 1000)), max_size=80))
def test_seats_are_never_given_twice_and_never_lost(steps: list[tuple[str, int]]) -> None:
    async def play() -> None:
        queues, limit = QueueSet(Queuing(8, 3, 4), 4), 4
        live: list[Turn] = []
        waits: dict[int, asyncio.Task[Any]] = {}
        widest = 0
        for step, number in steps:
            running = [turn for turn in live if admitted(turn)]
            waiting = [turn for turn in live if not admitted(turn)]
            match step:
                case "begin":
                    try:
                        turn = queues.begin(flow(str(number % 5)), number % 6 + 1)
                    except RejectedError:
                        continue
                    live.append(turn)
                    widest = max(widest, turn.seats)
                    waits[id(turn)] = asyncio.ensure_future(queues.wait(turn, 60))
                case "finish" if running:
                    turn = running[number % len(running)]
                    live.remove(turn)
                    await waits.pop(id(turn))
                    queues.finish(turn)
                case "cancel" if waiting:
                    turn = waiting[number % len(waiting)]
                    live.remove(turn)
                    task = waits.pop(id(turn))
                    await asyncio.sleep(0)
                    task.cancel()
                    await asyncio.wait([task])
                case "limit":
                    limit = number % 6 + 1
                    queues.set_limit(limit)
                case "queues":
                    queues.configure(Queuing(number % 8 + 1, min(3, number % 8 + 1), 4))
            assert queues.seats_in_use == sum(turn.seats for turn in live if admitted(turn))
            assert queues.waiting == sum(not admitted(turn) for turn in live)
            assert not queues.waiting or queues.seats_in_use, "nobody waits while nothing runs"
        while live:
            turn = next(turn for turn in live if admitted(turn))
            live.remove(turn)
            await waits.pop(id(turn))
            queues.finish(turn)
        assert queues.idle and queues.seats_in_use == queues.waiting_seats == 0

    asyncio.run(play())


@given(st.integers(0, 2**64 - 1), st.integers(1, 128), st.integers(1, 10))
def test_hand_holds_different_cards_of_the_deck(entropy: int, deck: int, size: int) -> None:
    hand = deal(entropy, deck, size)
    assert len(hand) == len({*hand}) == min(size, deck) and all(0 <= card < deck for card in hand)


def test_all_cards_are_dealt_alike() -> None:
    counts = Counter(card for number in range(4000) for card in deal(flow_hash("s", str(number)), 16, 4))
    assert len(counts) == 16 and max(counts.values()) < 1.2 * min(counts.values())


@given(st.integers(1, 600), st.lists(st.tuples(st.integers(0, 50), st.floats(0, 300), st.integers(0, 300)), min_size=1, max_size=8))
def test_division_keeps_bounds_and_gives_all_away(total: int, drawn: list[tuple[int, float, int]]) -> None:
    items = [(float(lower), max(target, lower), float(lower + more)) for lower, target, more in drawn]
    parts = fair_division(total, items)
    assert all(lower - 1e-6 <= part <= upper + 1e-6 for part, (lower, _, upper) in zip(parts, items, strict=True))
    lowest, highest = sum(lower for lower, _, _ in items), sum(upper for _, _, upper in items)
    assert abs(sum(parts) - min(max(total, lowest), highest)) < 1e-3
    free = [part / target for part, (lower, target, upper) in zip(parts, items, strict=True)
            if target > 1 and lower + 1e-6 < part < upper - 1e-6]
    assert not free or max(free) - min(free) < 1e-3, "all that no bound holds get the same part of what they want"


def test_demand_is_a_mean_over_time() -> None:
    demand = Demand()
    start = demand._changed
    demand.change(4, start)
    demand.change(0, start + 1)
    mean, deviation, high = demand.settle(start + 4)
    assert (round(mean, 6), round(deviation, 3), high) == (1.0, 1.732, 4)
    assert demand.settle(start + 8) == (0.0, 0.0, 0)
