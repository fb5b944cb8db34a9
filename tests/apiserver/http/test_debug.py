"""`/debug`: tasks, a profile and the verbosity, for those who may."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from minikube_py.apiserver.options import ApiServerArgs
from minikube_py.apiserver.pki import Pki
from minikube_py.store.memory import MemoryStore

from ..lab import TOKENS, Lab, api_server

READER = {"Authorization": "Bearer reader-token"}


@pytest.fixture
def levels() -> Iterator[None]:
    before = [(logger, logger.level) for logger in (logging.getLogger(), logging.getLogger("minikube_py"))]
    yield
    for logger, level in before:
        logger.setLevel(level)


async def test_tasks_are_shown_with_their_stacks(lab: Lab) -> None:
    async def wait_for_godot() -> None:
        await asyncio.get_running_loop().create_future()

    task = asyncio.create_task(wait_for_godot(), name="estragon")
    await asyncio.sleep(0)
    for path in ("/debug/tasks", "/debug/pprof/goroutine?debug=2"):
        text = (await lab.get(path)).body.decode()
        assert "task estragon (test_tasks_are_shown_with_their_stacks.<locals>.wait_for_godot):" in text
        assert "create_future()" in text and "thread store-writer:" in text
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_profile_shows_what_ran(lab: Lab) -> None:
    profile = asyncio.create_task(lab.get("/debug/pprof/profile?seconds=1"))
    while not profile.done():
        await lab.get("/api/v1/namespaces")
    answer = await profile
    assert answer.status == 200 and b"handlers.py" in answer.body
    assert (await lab.get("/debug/pprof/profile?seconds=100000")).status == 400
    assert b"profile" in (await lab.get("/debug/pprof/")).body


async def test_one_profile_at_a_time(lab: Lab) -> None:
    answers = await asyncio.gather(*(lab.get("/debug/pprof/profile?seconds=1") for _ in range(2)))
    taken, refused = sorted(answers, key=lambda answer: answer.status)
    assert (taken.status, refused.status) == (200, 503)
    assert refused.json["message"] == "Could not enable CPU profiling: cpu profiling already in use"


async def test_verbosity_is_set_at_run_time(lab: Lab, levels: None) -> None:
    answer = await lab.send("PUT", "/debug/flags/v", body=b"4")
    assert (answer.status, answer.body) == (200, b"successfully set klog.logging.verbosity to 4\n")
    assert logging.getLogger("minikube_py.store").isEnabledFor(logging.DEBUG)
    await lab.send("PUT", "/debug/flags/v", body=b"0")
    assert not logging.getLogger("minikube_py.store").isEnabledFor(logging.DEBUG)
    wrong = await lab.send("PUT", "/debug/flags/v", body=b"loud")
    assert wrong.status == 400 and wrong.body.startswith(b"failed set klog.logging.verbosity loud: strconv.ParseInt")
    assert (await lab.get("/debug/flags/v")).status == 406


async def test_debug_is_for_those_who_may(lab: Lab) -> None:
    async with aiohttp.ClientSession(lab.url, connector=aiohttp.TCPConnector(ssl=lab.anonymous_tls)) as session:
        for method, path in (("GET", "/debug/tasks"), ("GET", "/debug/pprof/profile"), ("PUT", "/debug/flags/v")):
            answer = await lab.send(method, path, headers=READER, session=session)
            assert answer.status == 403
            assert f'User "reader" cannot {method.lower()} path "{path}"' in answer.json["message"]
    assert (await lab.get("/debug/nope")).status == 404


async def test_nothing_is_served_without_profiling(pki: Pki, tmp_path: Path) -> None:
    store = MemoryStore()
    await store.open()
    (tmp_path / "tokens.csv").write_text(TOKENS)
    async with api_server(tmp_path, pki, store, ApiServerArgs.parse(["profiling=false"])) as lab:
        assert [(await lab.get(path)).status for path in ("/debug/tasks", "/debug/pprof/", "/debug/flags/v")] == [404] * 3
    await store.close()
