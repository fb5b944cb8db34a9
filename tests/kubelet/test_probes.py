"""Timing and thresholds of probes, and single tries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest

from minikube_py.apis import core_v1
from minikube_py.apis.scheme import from_document
from minikube_py.cri.interface import runtime_v1
from minikube_py.kubelet.actions import Health
from minikube_py.kubelet.container_status import Readiness
from minikube_py.kubelet.lifecycle_hooks import HookError, LifecycleHooks
from minikube_py.kubelet.probes.grpc_health import METHOD, check
from minikube_py.kubelet.probes.handlers import Prober, ProbeResult, http_url, resolve_port, tcp_connect
from minikube_py.kubelet.probes.workers import ProbeWorkers

from .build import container, pod, runtime


class Script:
    """A prober that answers from a list, the last answer for ever, and notes when it was asked."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)
        self.asked_s: list[float] = []

    async def probe(self, *_: Any) -> ProbeResult:
        self.asked_s.append(asyncio.get_running_loop().time())
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return ProbeResult(answer, "text")  # type: ignore[arg-type]

    async def close(self) -> None:
        return


class Recorder:
    """Keeps events."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def event(self, obj: object, event_type: str, reason: str, message: str, **_: Any) -> None:
        self.messages.append(f"{reason}: {message}")


class StartOfTime:
    """A clock at the moment when the containers of these tests start."""

    def now(self) -> datetime:
        return datetime.fromtimestamp(1, UTC)


class World:
    """Probe workers with one pod whose container runs."""

    def __init__(self, spec: dict[str, Any], *answers: str) -> None:
        self.script = Script(*answers)
        self.recorder = Recorder()
        self.changes: list[float] = []
        self.pod = pod({"containers": [{"name": "app", **spec}]})
        self.info = container("app", "running", of=self.pod)
        self.workers = ProbeWorkers(self.script, self.recorder, StartOfTime(), self._changed)  # type: ignore[arg-type]

    def _changed(self, uid: str) -> None:
        self.changes.append(asyncio.get_running_loop().time())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[float]:
        """Run the workers; gives the moment when the container was first seen."""
        task = asyncio.create_task(self.workers.run())
        await asyncio.sleep(0)
        began = asyncio.get_running_loop().time()
        self.workers.update(self.pod, runtime(self.info), "10.42.0.7")
        yield began
        self.workers.forget("u")
        task.cancel()
        await asyncio.wait({task})


EXEC = {"exec": {"command": ["true"]}}


@pytest.mark.looptime
async def test_without_probes_a_running_container_is_ready() -> None:
    world = World({})
    async with world.running():
        assert world.workers.readiness(world.info) == Readiness(started=True, ready=True)
        assert world.workers.health(world.info) == Health()


@pytest.mark.looptime
async def test_readiness_follows_the_thresholds() -> None:
    probe = {**EXEC, "initialDelaySeconds": 5, "periodSeconds": 2, "successThreshold": 2, "failureThreshold": 3}
    answers = ["success", "success", "failure", "failure", "success", "failure", "failure", "failure", "unknown"]
    world = World({"readinessProbe": probe}, *answers)
    async with world.running() as began:
        assert not world.workers.readiness(world.info).ready
        await asyncio.sleep(30)
        assert [when - began for when in world.changes] == [7, 19]
        assert world.script.asked_s[0] - began == 5
        assert not world.workers.readiness(world.info).ready
    assert world.recorder.messages[0] == "Unhealthy: Readiness probe failed: text"
    assert world.recorder.messages[-1] == "Unhealthy: Readiness probe errored and resulted in unknown state: text"


@pytest.mark.looptime
async def test_a_liveness_probe_that_has_failed_is_not_asked_again() -> None:
    world = World({"livenessProbe": {**EXEC, "periodSeconds": 1, "failureThreshold": 2}}, "success", "failure")
    async with world.running():
        await asyncio.sleep(20)
        assert len(world.script.asked_s) == 3
        assert not world.workers.health(world.info).live


@pytest.mark.looptime
async def test_other_probes_wait_for_the_startup_probe() -> None:
    spec = {"startupProbe": {**EXEC, "periodSeconds": 3, "failureThreshold": 10}, "livenessProbe": {**EXEC, "periodSeconds": 100}}
    world = World(spec, "failure", "failure", "success")
    async with world.running() as began:
        await asyncio.sleep(5)
        assert not world.workers.readiness(world.info).started
        assert not world.workers.health(world.info).startup_failed
        await asyncio.sleep(5)
        assert world.workers.readiness(world.info) == Readiness(started=True, ready=True)
        assert [round(when - began) for when in world.script.asked_s] == [0, 3, 6, 6]


@pytest.mark.looptime
async def test_a_failed_startup_probe_condemns_the_container() -> None:
    world = World({"startupProbe": {**EXEC, "periodSeconds": 1, "failureThreshold": 2}}, "failure")
    async with world.running():
        await asyncio.sleep(5)
        assert world.workers.health(world.info) == Health(started=False, startup_failed=True)


@pytest.mark.looptime
async def test_probes_end_with_their_container() -> None:
    world = World({"readinessProbe": {**EXEC, "periodSeconds": 1}}, "success")
    async with world.running():
        await asyncio.sleep(2)
        world.workers.update(world.pod, runtime(container("app", "exited")), "")
        asked = len(world.script.asked_s)
        await asyncio.sleep(10)
        assert len(world.script.asked_s) == asked
        assert world.workers.readiness(world.info) == Readiness()


@asynccontextmanager
async def http_server(*answers: bytes) -> AsyncIterator[int]:
    """A server that gives raw answers, one a connection, on a port of the loopback interface."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(left.pop(0))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(("answers", "outcome"), [
    ([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"], "success"), ([b"HTTP/1.1 399 Odd\r\n\r\n"], "warning"),
    ([b"HTTP/1.1 500 No\r\n\r\n"], "failure"), ([b""], "failure"),
    ([b"HTTP/1.1 302 Found\r\nLocation: /other\r\n\r\n", b"HTTP/1.1 404 No\r\n\r\n"], "failure"),
    ([b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\n\r\n"], "warning"),
])
async def test_an_http_probe_looks_at_the_status(answers: list[bytes], outcome: str) -> None:
    prober = Prober(None)  # type: ignore[arg-type]
    async with http_server(*answers) as port:
        result = await prober.http_get(f"http://127.0.0.1:{port}/", {}, 5)
    await prober.close()
    assert result.outcome == outcome


@pytest.mark.looptime
async def test_a_probe_that_warns_succeeds_and_is_told() -> None:
    world = World({"readinessProbe": {**EXEC, "periodSeconds": 1}}, "warning")
    async with world.running():
        await asyncio.sleep(0.5)
        assert world.workers.readiness(world.info).ready
    assert world.recorder.messages == ["ProbeWarning: Readiness probe warning: text"]


async def run_hook(action: dict[str, Any], prober: Any = None) -> None:
    hooks = LifecycleHooks(prober or Prober(None), lambda uid: "127.0.0.1")  # type: ignore[arg-type]
    of = pod()
    await hooks.run(of, of.spec.containers[0], from_document(core_v1.LifecycleHandler, action), "id")


async def test_a_hook_needs_an_answer_of_a_server_whatever_it_says() -> None:
    prober = Prober(None)  # type: ignore[arg-type]
    async with http_server(b"HTTP/1.1 500 No\r\n\r\n") as port:
        await run_hook({"httpGet": {"path": "/x", "port": port}}, prober)
    with pytest.raises(HookError) as refused:
        await run_hook({"httpGet": {"path": "/x", "port": port}}, prober)
    assert str(refused.value) == (
        f'HTTP lifecycle hook (/x) for Container "app" in Pod "p_ns(u)" failed - error: Get "http://127.0.0.1:{port}/x": '
        f"dial tcp 127.0.0.1:{port}: connect: connection refused"
    )
    await prober.close()


async def test_a_command_of_a_hook_that_fails_is_told_with_its_output() -> None:
    class Runtime:
        async def exec_sync(self, *_: Any, **__: Any) -> runtime_v1.ExecSyncResponse:
            return runtime_v1.ExecSyncResponse(stdout=b"out\n", stderr=b"err\n", exit_code=3)

    with pytest.raises(HookError) as failed:
        await run_hook({"exec": {"command": ["sh", "-c", "x"]}}, Prober(Runtime()))  # type: ignore[arg-type]
    assert str(failed.value) == (
        'Exec lifecycle hook ([sh -c x]) for Container "app" in Pod "p_ns(u)" failed - error: '
        "command 'sh -c x' exited with 3: err\n, message: \"out\\nerr\\n\""
    )


async def test_a_refused_connection_is_named() -> None:
    async with http_server() as port:
        assert (await tcp_connect("127.0.0.1", port, 5)).outcome == "success"
    assert await tcp_connect("127.0.0.1", port, 5) == ProbeResult("failure", f"dial tcp 127.0.0.1:{port}: connect: connection refused")
    prober = Prober(None)  # type: ignore[arg-type]
    result = await prober.http_get(f"http://127.0.0.1:{port}/x", {}, 5)
    await prober.close()
    assert result.message == f'Get "http://127.0.0.1:{port}/x": dial tcp 127.0.0.1:{port}: connect: connection refused'


def test_ports_are_found_by_name() -> None:
    app = core_v1.Container(name="app", ports=[core_v1.ContainerPort(name="http", container_port=8080)])
    assert [resolve_port(port, app) for port in (80, "81", "http")] == [80, 81, 8080]
    with pytest.raises(ValueError, match="couldn't find port: none in container app"):
        resolve_port("none", app)
    assert http_url(core_v1.HTTPGetAction(path="x", scheme="HTTPS"), 443, "fd00::1") == "https://[fd00::1]:443/x"


@pytest.mark.parametrize(("status", "expected"), [
    (b"\x08\x01", ProbeResult("success", "service healthy")),
    (b"\x08\x02", ProbeResult("failure", 'service unhealthy (responded with "NOT_SERVING")')),
    (b"", ProbeResult("failure", 'service unhealthy (responded with "UNKNOWN")')),
])
async def test_a_grpc_probe_asks_for_a_services_health(status: bytes, expected: ProbeResult, tmp_path: Path) -> None:
    asked: list[bytes] = []

    async def answer(request: bytes, _: object) -> bytes:
        asked.append(request)
        return status

    server = grpc.aio.server()
    service, method = METHOD.strip("/").split("/")
    handler = grpc.unary_unary_rpc_method_handler(answer, lambda data: data, lambda data: data)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    # gRPC's threads may be in the network namespace of an earlier test, which a socket file does not mind.
    path = tmp_path / "socket"
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    try:
        assert await check("unix", path, "db", 5) == expected  # type: ignore[arg-type]
    finally:
        await server.stop(None)
    assert asked == [b"\x0a\x02db"]
