"""The work queue: no key twice at a time, no change missed; delays in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from minikube_py.core import limits
from minikube_py.core.backoff import Backoff
from minikube_py.core.errors import ConflictError
from minikube_py.core.workqueue import WorkQueue

pytestmark = [pytest.mark.looptime]


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.fixture
async def queue() -> AsyncIterator[WorkQueue[str]]:
    made: WorkQueue[str] = WorkQueue("test", Backoff(1, 60))
    yield made
    made.close()


async def empty(queue: WorkQueue[str]) -> bool:
    """Whether nothing is handed out, in the next second of virtual time."""
    try:
        async with asyncio.timeout(1):
            await queue.get()
    except TimeoutError:
        return True
    return False


async def test_keys_come_in_the_order_in_which_they_were_added(queue: WorkQueue[str]) -> None:
    for key in "cab":
        queue.add(key)
    assert [await queue.get() for _ in range(3)] == ["c", "a", "b"]


async def test_key_added_often_while_it_waits_comes_once(queue: WorkQueue[str]) -> None:
    for _ in range(3):
        queue.add("a")
    assert len(queue) == 1
    assert await queue.get() == "a"
    queue.done("a")
    assert await empty(queue) and queue.idle()


async def test_key_added_while_it_is_worked_on_comes_again_when_that_is_done(queue: WorkQueue[str]) -> None:
    queue.add("a")
    await queue.get()
    queue.add("a")
    queue.add("a")
    assert await empty(queue) and not queue.idle()
    queue.done("a")
    assert await queue.get() == "a"
    queue.done("a")
    assert await empty(queue) and queue.idle()


async def test_getter_waits_until_a_key_is_added(queue: WorkQueue[str]) -> None:
    getting = asyncio.create_task(queue.get())
    await asyncio.sleep(5)
    assert not getting.done()
    queue.add("a")
    assert await getting == "a"


async def test_each_of_many_getters_gets_one_key(queue: WorkQueue[str]) -> None:
    getting = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(1)
    for key in "abc":
        queue.add(key)
    assert sorted(await asyncio.gather(*getting)) == ["a", "b", "c"]


async def test_cancelled_getter_loses_no_key(queue: WorkQueue[str]) -> None:
    first = asyncio.create_task(queue.get())
    second = asyncio.create_task(queue.get())
    await asyncio.sleep(1)
    queue.add("a")
    first.cancel()
    async with asyncio.timeout(1):
        assert await second == "a"
    assert first.cancelled()


async def test_delayed_key_comes_after_its_delay(queue: WorkQueue[str]) -> None:
    start = now()
    queue.add_after("a", 30)
    assert await queue.get() == "a"
    assert now() - start == pytest.approx(30)


async def test_of_several_delays_the_earliest_holds_and_comes_once(queue: WorkQueue[str]) -> None:
    start = now()
    for delay_s in (30, 10, 20):
        queue.add_after("a", delay_s)
    assert await queue.get() == "a"
    assert now() - start == pytest.approx(10)
    queue.done("a")
    await asyncio.sleep(60)
    assert queue.idle()


async def test_delay_of_nothing_is_at_once(queue: WorkQueue[str]) -> None:
    queue.add_after("a", 0)
    queue.add_after("b", -5)
    assert len(queue) == 2


async def test_closed_queue_has_no_timers_left(queue: WorkQueue[str]) -> None:
    queue.add_after("a", 10)
    queue.close()
    await asyncio.sleep(60)
    assert len(queue) == 0


async def test_rate_limited_key_comes_ever_later_until_forgotten(queue: WorkQueue[str]) -> None:
    delays = []
    for _ in range(8):
        start = now()
        queue.add_rate_limited("a")
        await queue.get()
        delays.append(now() - start)
        queue.done("a")
    assert delays == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60])
    queue.forget("a")
    start = now()
    queue.add_rate_limited("a")
    await queue.get()
    assert now() - start == pytest.approx(1)


async def test_full_queue_says_so(queue: WorkQueue[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WORKQUEUE_KEYS_MAX", 2)
    queue.add("a")
    queue.add("b")
    queue.add("a")
    with pytest.raises(OverflowError, match="test is full"):
        queue.add("c")


@contextlib.asynccontextmanager
async def working(queue: WorkQueue[str], reconcile: object, workers: int = 1) -> AsyncIterator[None]:
    task = asyncio.create_task(queue.work(reconcile, workers))  # type: ignore[arg-type]
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_workers_work_on_different_keys_at_once_and_never_on_one_key_twice(queue: WorkQueue[str]) -> None:
    running: list[str] = []
    most, rounds = 0, 0

    async def reconcile(key: str) -> None:
        nonlocal most, rounds
        assert key not in running
        running.append(key)
        most, rounds = max(most, len(running)), rounds + 1
        queue.add("a")
        await asyncio.sleep(1)
        running.remove(key)

    async with working(queue, reconcile, workers=3):
        for key in "abc":
            queue.add(key)
        await asyncio.sleep(10.5)
    assert most == 3 and rounds >= 10


async def test_returned_delay_asks_for_the_next_call(queue: WorkQueue[str]) -> None:
    times: list[float] = []

    async def reconcile(key: str) -> float | None:
        times.append(now())
        return 7 if len(times) < 3 else None

    async with working(queue, reconcile):
        queue.add("a")
        await asyncio.sleep(100)
    assert [time - times[0] for time in times] == pytest.approx([0, 7, 14])


async def test_failing_key_comes_again_later_and_does_not_stop_others(queue: WorkQueue[str], caplog: pytest.LogCaptureFixture) -> None:
    times: list[float] = []
    good: list[str] = []

    async def reconcile(key: str) -> None:
        if key == "good":
            good.append(key)
        else:
            times.append(now())
            if len(times) < 4:
                raise ValueError("not yet")

    async with working(queue, reconcile):
        queue.add("bad")
        queue.add("good")
        await asyncio.sleep(100)
    assert good == ["good"]
    assert [time - times[0] for time in times] == pytest.approx([0, 1, 3, 7])
    assert "reconcile failed queue=test key=bad" in caplog.text and "not yet" in caplog.text


async def test_success_makes_the_next_failure_cheap_again(queue: WorkQueue[str]) -> None:
    outcomes = iter([ValueError(), ValueError(), None, ValueError(), None])
    times: list[float] = []

    async def reconcile(key: str) -> float | None:
        times.append(now())
        outcome = next(outcomes)
        if outcome is not None:
            raise outcome
        return 100 if len(times) == 3 else None

    async with working(queue, reconcile):
        queue.add("a")
        await asyncio.sleep(500)
    assert [time - times[0] for time in times] == pytest.approx([0, 1, 3, 103, 104])


async def test_conflict_is_retried_without_a_warning(queue: WorkQueue[str], caplog: pytest.LogCaptureFixture) -> None:
    tries = 0

    async def reconcile(key: str) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ConflictError("changed meanwhile")

    async with working(queue, reconcile):
        queue.add("a")
        await asyncio.sleep(10)
    assert tries == 2 and not [record for record in caplog.records if record.levelname == "WARNING"]


async def test_a_key_that_comes_again_at_once_leaves_time_to_others(queue: WorkQueue[str]) -> None:
    """Nothing is waited for where client and server are one process."""
    calls = 0

    async def reconcile(key: str) -> None:
        nonlocal calls
        calls += 1
        if calls < 1000:
            queue.add(key)

    async with working(queue, reconcile):
        queue.add("a")
        for _ in range(5):
            await asyncio.sleep(0)
        assert 0 < calls < 10
        while calls < 1000:
            await asyncio.sleep(0)
