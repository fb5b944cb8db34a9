"""The list and watch state machine, against a scripted server and in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from minikube_py.apis import core_v1
from minikube_py.apis.scheme import decode_lenient, resource_of
from minikube_py.client.interface import EventType
from minikube_py.client.reflector import Reflector
from minikube_py.core.errors import ExpiredError, ServiceUnavailableError, StatusError

pytestmark = [pytest.mark.looptime]
Answer = list[Any] | dict[str, Any] | Exception


class Script:
    """A Transport whose answers are given in order; then it hangs. A dict answers a list, a list is a watch's frames."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[float, dict[str, Any]]] = []

    async def _next(self, params: dict[str, Any]) -> Any:
        self.requests.append((asyncio.get_running_loop().time(), dict(params)))
        if not self.answers:
            await asyncio.get_running_loop().create_future()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def request(self, method: str, path: str, *, params: dict[str, Any]) -> bytes:
        return json.dumps(await self._next(params)).encode()

    @contextlib.asynccontextmanager
    async def open(self, method: str, path: str, *, params: dict[str, Any], timeout: Any) -> AsyncIterator[Any]:
        yield await self._next(params)

    async def frames(self, answer: Any) -> AsyncIterator[bytes]:
        for frame in answer:
            if isinstance(frame, Exception):
                raise frame
            yield json.dumps(frame).encode()


class Seen:
    """A sink that keeps the calls."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def replace(self, objects: Any) -> None:
        self.calls.append([o.metadata.name for o in objects])

    def apply(self, event: EventType, obj: Any) -> None:
        self.calls.append((event, obj.metadata.name))


def config_map(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "d", "resourceVersion": str(version)}}


def page(*names: str, version: int = 10, token: str = "") -> dict[str, Any]:
    return {"metadata": {"resourceVersion": str(version), "continue": token}, "items": [config_map(name, 1) for name in names]}


def frame(kind: str, name: str, version: int) -> dict[str, Any]:
    return {"type": kind, "object": config_map(name, version)}


def bookmark(version: int, *, end: bool = False) -> dict[str, Any]:
    annotations = {"k8s.io/initial-events-end": "true"} if end else {}
    return {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(version), "annotations": annotations}}}


GONE = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}}


async def follow(script: Script, *, stream_lists: bool = False, until: Callable[[Seen], bool] | None = None) -> Seen:
    """Run a reflector until the script is used up."""
    sink = Seen()
    reflector = Reflector(
        script, resource_of(core_v1.ConfigMap), lambda data: decode_lenient(core_v1.ConfigMap, data), sink,  # type: ignore[arg-type]
        selectors={"labelSelector": "a=b"}, stream_lists=stream_lists,
    )
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(3600):
            await reflector.run()
    return sink


async def test_pages_are_joined_before_the_sink_sees_them() -> None:
    script = Script(page("a", token="t"), page("b"))
    assert (await follow(script)).calls == [["a", "b"]]
    first, second, watch = (params for _, params in script.requests)
    assert first == {"labelSelector": "a=b", "limit": 500}
    assert second == {"labelSelector": "a=b", "limit": 500, "continue": "t"}
    assert watch["resourceVersion"] == "10" and watch["allowWatchBookmarks"] == "true" and 300 <= watch["timeoutSeconds"] <= 600


async def test_watch_goes_on_from_the_last_event_or_bookmark() -> None:
    script = Script(page(), [frame("ADDED", "a", 11), bookmark(20)], [frame("DELETED", "a", 21), ConnectionResetError()])
    assert (await follow(script)).calls == [[], ("ADDED", "a"), ("DELETED", "a")]
    assert [params.get("resourceVersion") for _, params in script.requests] == [None, "10", "20", "21"]


async def test_expired_watch_lists_again() -> None:
    script = Script(page("a"), [frame("ADDED", "b", 11), GONE], page("b", version=50))
    assert (await follow(script)).calls == [["a"], ("ADDED", "b"), ["b"]]


async def test_expired_page_token_lists_again_without_pages() -> None:
    script = Script(page("a", token="t"), ExpiredError("token"), page("a", "b"))
    assert (await follow(script)).calls == [["a", "b"]]
    assert "limit" not in script.requests[2][1]


async def test_absent_server_is_asked_ever_more_rarely_and_the_sink_keeps_its_state() -> None:
    script = Script(page("a"), *[ConnectionRefusedError()] * 9)
    assert (await follow(script)).calls == [["a"]]
    times = [when for when, _ in script.requests]
    delays = [after - before for before, after in itertools.pairwise(times)][1:9]
    assert 0.8 <= delays[0] <= 1.6 and 1.6 <= delays[1] <= 3.2
    assert max(delays) == pytest.approx(30.0) and delays[7] == pytest.approx(30.0)


async def test_server_that_says_when_to_come_back_is_obeyed() -> None:
    script = Script(ServiceUnavailableError("starting", details={"retryAfterSeconds": 17}), page("a"))
    assert (await follow(script)).calls == [["a"]]
    assert script.requests[1][0] - script.requests[0][0] >= 17


async def test_watch_that_ends_at_once_is_not_repeated_in_a_loop() -> None:
    script = Script(page(), [], [], [], [])
    await follow(script)
    times = [when for when, _ in script.requests]
    assert all(after - before >= 0.8 for before, after in itertools.pairwise(times[1:]))


async def test_streamed_list_replaces_at_its_end_mark() -> None:
    script = Script([frame("ADDED", "a", 3), bookmark(9, end=True), frame("MODIFIED", "a", 10)])
    assert (await follow(script, stream_lists=True)).calls == [["a"], ("MODIFIED", "a")]
    assert script.requests[0][1]["sendInitialEvents"] == "true"
    assert script.requests[1][1]["resourceVersion"] == "10"


async def test_server_without_streamed_lists_is_asked_for_pages() -> None:
    refusal = type("Refusal", (StatusError,), {"code": 422})("sendInitialEvents is forbidden")
    script = Script(refusal, page("a"))
    assert (await follow(script, stream_lists=True)).calls == [["a"]]


async def test_object_that_cannot_be_read_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    bad = page("a")
    bad["items"].append({"metadata": {"name": 5}})
    script = Script(bad, [{"type": "ADDED", "object": {"metadata": []}}, frame("ADDED", "b", 12)])
    assert (await follow(script)).calls == [["a"], ("ADDED", "b")]
    assert "object not understood" in caplog.text
