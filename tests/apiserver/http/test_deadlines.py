"""Requests end in time, by the client's wish or the server's bound."""

from __future__ import annotations

import asyncio

import pytest

from minikube_py.apiserver.http.deadlines import Deadlines
from minikube_py.core.errors import BadRequestError

from ..lab import Lab

LIMIT_S = 60.0
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
LATE = {
    "metadata": {}, "status": "Failure", "message": "Timeout: request did not complete within the allotted timeout", "reason": "Timeout",
    "details": {}, "code": 504,
}


async def last(deadlines: Deadlines, asked: str, seconds: float) -> tuple[bool, float]:
    """Be a request that takes so long: whether it was late, and how long it was let go on."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    if task is None:
        raise RuntimeError("not in a task")
    started, late = loop.time(), False
    deadlines.begin(task, asked)
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        late = deadlines.take_back(task)
        if not late:
            raise
    finally:
        deadlines.finish(task)
    return late, loop.time() - started


@pytest.mark.looptime
@pytest.mark.parametrize(("asked", "allowed"), [
    ("", LIMIT_S), ("0", LIMIT_S), ("0s", LIMIT_S), ("-5s", LIMIT_S), ("1h", LIMIT_S), ("60s", LIMIT_S), ("1m30s", LIMIT_S), ("5s", 5.0),
    ("+2500ms", 2.5),
])
async def test_a_request_is_let_go_on_as_long_as_it_says_and_no_longer_than_the_limit(asked: str, allowed: float) -> None:
    deadlines = Deadlines(LIMIT_S)
    assert await last(deadlines, asked, allowed - 0.5) == (False, allowed - 0.5)
    assert await last(deadlines, asked, allowed + 10) == (True, allowed)


@pytest.mark.looptime
async def test_each_request_has_its_own_deadline_and_all_share_a_timer() -> None:
    deadlines = Deadlines(LIMIT_S)

    async def begun(after: float, seconds: float) -> tuple[bool, float]:
        await asyncio.sleep(after)
        return await last(deadlines, "", seconds)

    found = await asyncio.gather(begun(0, 500), begun(0, 1), begun(30, 500), begun(59, 40), begun(200, 500))
    assert found == [(True, 60), (False, 1), (True, 60), (False, 40), (True, 60)]


@pytest.mark.looptime
async def test_a_request_whose_client_leaves_is_not_late() -> None:
    deadlines = Deadlines(LIMIT_S)
    running = asyncio.create_task(last(deadlines, "5s", 100))
    await asyncio.sleep(1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.parametrize(("asked", "problem"), [
    ("x", 'invalid duration "x"'), ("5", 'missing unit in duration "5"'), ("5y", 'unknown unit "y" in duration "5y"'),
    ("-", 'invalid duration "-"'), ("-5", 'missing unit in duration "-5"'),
])
async def test_what_is_no_duration_is_a_bad_request(asked: str, problem: str) -> None:
    task = asyncio.current_task()
    with pytest.raises(BadRequestError) as refused:
        Deadlines(LIMIT_S).begin(task, asked)  # type: ignore[arg-type]
    assert refused.value.message == f"invalid timeout specified in the request URL - time: {problem}"


async def test_a_late_request_is_told_so_and_the_connection_goes_on(lab: Lab) -> None:
    late = await lab.get(f"{CONFIG_MAPS}?resourceVersion={lab.store.revision + 1000}&timeout=20ms")
    assert (late.status, late.headers["Content-Type"], late.json) == (504, "text/plain; charset=utf-8", LATE)
    refused = await lab.get(f"{CONFIG_MAPS}?timeout=x")
    assert (refused.status, refused.json["reason"]) == (400, "BadRequest")
    assert (await lab.get(f"{CONFIG_MAPS}?timeout=1h")).status == 200


async def test_a_client_that_sends_its_body_too_slowly_is_late(lab: Lab) -> None:
    head = f"POST {CONFIG_MAPS}?timeout=50ms HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 100\r\n\r\n"
    status, body = await lab.exchange(head.encode() + b"{")
    assert status == 504 and b"request did not complete within the allotted timeout" in body


async def test_watches_have_no_deadline_of_this_kind(lab: Lab) -> None:
    async with lab.watch(f"{CONFIG_MAPS}?timeout=1ms&timeoutSeconds=1") as watch:
        assert watch.response.status == 200
        with pytest.raises(EOFError):
            await watch.next()
