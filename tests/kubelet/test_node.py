"""The node's object and lease, images from a directory, pulls, tokens, and restart delays."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from minikube_py.apis import authentication_v1, coordination_v1, core_v1, meta_v1
from minikube_py.client.informer import Informer
from minikube_py.core.clock import rfc3339
from minikube_py.cri.errors import CriError
from minikube_py.cri.interface import runtime_v1
from minikube_py.kubelet.image_directory import ImageDirectory
from minikube_py.kubelet.image_puller import ImagePuller, StartError, credentials_of, go_seconds, with_tag
from minikube_py.kubelet.lease import NodeLease
from minikube_py.kubelet.machine import Machine, Measures
from minikube_py.kubelet.node_object import NodeInput, allocatable, capacity, node_status, status_patch
from minikube_py.kubelet.node_status import NodeStatusReporter
from minikube_py.kubelet.options import KubeletOptions
from minikube_py.kubelet.restart_backoff import RestartBackoff
from minikube_py.kubelet.service_account_tokens import ServiceAccountTokens
from tests.conftest import ControlPlane

from .build import pod

GI = 1024**3
NOW = "2026-01-01T00:00:00Z"
MACHINE = Machine(4, 8 * GI, "amd64", "6.1", "Debian", "id", "uuid", "boot", 32768)
PLENTY = Measures(4 * GI, 100 * GI, 50 * GI, 1000, 900, 100)


def options(tmp_path: Path = Path("/nowhere"), **more: Any) -> KubeletOptions:
    return KubeletOptions(node_name="n", node_ip="192.0.2.1", data_dir=tmp_path, **more)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


class Runtime:
    """A runtime whose network is ready when it is told so."""

    def __init__(self) -> None:
        self.network = False
        self.images: dict[str, runtime_v1.Image] = {}
        self.pulls: list[tuple[str, str]] = []
        self.pull_error = ""

    async def version(self) -> runtime_v1.VersionResponse:
        return runtime_v1.VersionResponse(runtime_name="containerd", runtime_version="v1.6.20")

    async def status(self, *, verbose: bool = False) -> runtime_v1.StatusResponse:
        why = {} if self.network else {"reason": "NetworkPluginNotReady", "message": "cni plugin not initialized"}
        return runtime_v1.StatusResponse(status=runtime_v1.RuntimeStatus(conditions=[
            runtime_v1.RuntimeCondition(type="RuntimeReady", status=True),
            runtime_v1.RuntimeCondition(type="NetworkReady", status=self.network, **why),
        ]))

    async def list_images(self, image: object = None) -> list[runtime_v1.Image]:
        return list(self.images.values())

    async def image_status(self, image: runtime_v1.ImageSpec) -> runtime_v1.Image | None:
        return self.images.get(image.image)

    async def pull_image(self, image: runtime_v1.ImageSpec, *, auth: runtime_v1.AuthConfig | None = None, **_: object) -> str:
        self.pulls.append((image.image, auth.username if auth else ""))
        if self.pull_error and not auth:
            raise CriError(self.pull_error)
        self.images[image.image] = runtime_v1.Image(id=image.image, size=5)
        return image.image


class Events:
    """Keeps the reasons of events."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.became_ready = asyncio.Event()

    def event(self, obj: object, event_type: str, reason: str, message: str) -> None:
        self.reasons.append(reason)
        if reason == "NodeReady":
            self.became_ready.set()


async def test_a_node_registers_and_becomes_ready_with_its_network(control_plane: ControlPlane, tmp_path: Path) -> None:
    runtime, ready, events = Runtime(), asyncio.Event(), Events()
    reporter = NodeStatusReporter(
        options(tmp_path, node_labels={"a": "b"}), control_plane.client, runtime, Clock(), events, ready.set  # type: ignore[arg-type]
    )
    await reporter.prepare()
    task = asyncio.create_task(reporter.run())
    try:
        async with asyncio.timeout(10):
            await reporter.registered.wait()
            node = await control_plane.client.get(core_v1.Node, "n")
            assert node.metadata.labels["kubernetes.io/hostname"] == "n" and node.metadata.labels["a"] == "b"
            found = next(condition for condition in node.status.conditions if condition.type == "Ready")
            assert (found.status, found.reason) == ("False", "KubeletNotReady")
            assert found.message == (
                "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:cni plugin not initialized"
            )
            runtime.network = True
            reporter.look_again()
            await ready.wait()
            await events.became_ready.wait()
        again = await control_plane.client.get(core_v1.Node, "n")
        assert next(condition for condition in again.status.conditions if condition.type == "Ready").status == "True"
        assert reporter.network_problem == ""
        assert events.reasons == [
            "Starting", "NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID", "NodeNotReady", "NodeReady"
        ]
        assert node.status.node_info is not None and node.status.node_info.container_runtime_version == "containerd://1.6.20"
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_a_lease_is_made_and_renewed(control_plane: ControlPlane) -> None:
    await control_plane.client.create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="kube-node-lease")))
    clock = Clock()
    node = core_v1.Node(metadata=meta_v1.ObjectMeta(name="n", uid="node-uid"))
    lease = NodeLease(control_plane.client, "n", clock, lambda: node)
    await lease.renew()
    clock.time += timedelta(seconds=10)
    await lease.renew()
    again = NodeLease(control_plane.client, "n", clock, lambda: node)
    clock.time += timedelta(seconds=10)
    await again.renew()
    found = await control_plane.client.get(coordination_v1.Lease, "n", "kube-node-lease")
    assert (found.spec.holder_identity, found.spec.lease_duration_seconds) == ("n", 40)
    assert found.spec.renew_time == "2026-01-01T00:00:20.000000Z"
    assert [owner.uid for owner in found.metadata.owner_references] == ["node-uid"]


def test_allocatable_is_what_is_left() -> None:
    reserving = options(kubelet_args=["kube-reserved=cpu=500m,memory=1Gi"])
    whole = capacity(reserving, NodeInput(MACHINE, PLENTY, "", ""))
    left = allocatable(reserving, whole)
    assert (whole["cpu"], whole["memory"], whole["pods"]) == ("4", f"{8 * GI // 1024}Ki", "110")
    assert (left["cpu"], left["memory"]) == ("3500m", f"{(7 * GI - 100 * 1024**2) // 1024}Ki")
    assert left["ephemeral-storage"] == str(100 * GI - int(100 * GI * 0.1))


@pytest.mark.parametrize(("measures", "pressed"), [
    (PLENTY, set()),
    (Measures(50 * 1024**2, 100 * GI, 50 * GI, 1000, 900, 100), {"MemoryPressure"}),
    (Measures(4 * GI, 100 * GI, 5 * GI, 1000, 900, 100), {"DiskPressure"}),
    (Measures(4 * GI, 100 * GI, 50 * GI, 1000, 10, 100), {"DiskPressure"}),
    (Measures(4 * GI, 100 * GI, 50 * GI, 1000, 900, 32000), {"PIDPressure"}),
])
def test_pressure_is_told(measures: Measures, pressed: set[str]) -> None:
    foreign = core_v1.NodeStatus(conditions=[core_v1.NodeCondition(type="NetworkUnavailable", status="False")], capacity={"gpu": "1"})
    status = node_status(options(), NodeInput(MACHINE, measures, "", ""), foreign, NOW)
    found = {condition.type: condition.status for condition in status.conditions}
    assert {name for name, value in found.items() if value == "True"} == pressed | {"Ready"}
    assert "NetworkUnavailable" in found and status.capacity["gpu"] == "1"


async def test_what_others_add_to_the_capacity_is_allocatable_until_they_take_it_away(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    client = control_plane.client
    reporter = NodeStatusReporter(
        options(tmp_path), client, Runtime(), Clock(), Events(), lambda: None  # type: ignore[arg-type]
    )
    await reporter.prepare()
    informer = Informer(client, core_v1.Node)
    informer.add_handler(lambda old, new: reporter.observed(new) if new is not None else None)
    tasks = [asyncio.create_task(part.run()) for part in (reporter, informer)]

    async def write(quantity: str | None) -> None:
        await client.patch(core_v1.Node, "n", "", {"status": {"capacity": {"example.com/foo": quantity}}}, subresource="status")

    async def wait_allocatable(quantity: str | None) -> None:
        while (await client.get(core_v1.Node, "n")).status.allocatable.get("example.com/foo") != quantity:
            await asyncio.sleep(0.01)

    try:
        async with asyncio.timeout(5):
            await reporter.registered.wait()
            await write("3")
            await wait_allocatable("3")
            await write("5")
            await wait_allocatable("5")
            await write(None)
            await wait_allocatable(None)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def test_a_status_patch_says_nothing_of_what_is_equal() -> None:
    foreign = core_v1.NodeCondition(type="NetworkUnavailable", status="False")
    given = NodeInput(MACHINE, PLENTY, "", "")
    before = node_status(options(), given, core_v1.NodeStatus(conditions=[foreign], capacity={"gpu": "1"}), NOW)
    before.allocatable = {**before.allocatable, "gone": "1", "gpu": "0"}
    after = node_status(options(), given, before, "2026-01-01T00:05:00Z")
    patch = status_patch(before, after)
    assert patch.pop("allocatable") == {"gone": None, "gpu": "1"}
    conditions = patch.pop("conditions")
    assert {condition["type"] for condition in conditions} == {"MemoryPressure", "DiskPressure", "PIDPressure", "Ready"}
    assert patch == {}


async def test_archives_are_imported_when_they_appear_and_once(tmp_path: Path) -> None:
    seen: asyncio.Queue[str] = asyncio.Queue()

    async def load(path: Path) -> list[str]:
        seen.put_nowait(path.name)
        if path.name.startswith("bad"):
            raise CriError("broken")
        return ["image"]

    async def start() -> asyncio.Task[None]:
        component = ImageDirectory(tmp_path, load, lambda: None)
        task = asyncio.create_task(component.run())
        await component.ready.wait()
        return task

    (tmp_path / "first.tar").write_text("x")
    (tmp_path / "notes.txt").write_text("x")
    async with asyncio.timeout(10):
        task = await start()
        assert seen.get_nowait() == "first.tar"
        (tmp_path / "second.tar").write_text("x")
        assert await seen.get() == "second.tar"
        (tmp_path / "bad.tar").write_text("x")
        assert await seen.get() == "bad.tar"
        task.cancel()
        await asyncio.wait({task})
        task = await start()
        assert seen.empty() or seen.get_nowait() == "bad.tar"
        assert seen.empty()
        task.cancel()
        await asyncio.wait({task})


@pytest.mark.parametrize(("image", "tagged"), [
    ("busybox", "busybox:latest"), ("busybox:1", "busybox:1"), ("host:5000/a/b", "host:5000/a/b:latest"),
    (f"a@sha256:{'0' * 64}", f"a@sha256:{'0' * 64}"), ("UPPER", None), ("a b", None), ("", None),
])
def test_a_reference_without_a_tag_means_latest(image: str, tagged: str | None) -> None:
    assert with_tag(image) == tagged


class References:
    """One pull secret."""

    async def config_map(self, namespace: str, name: str) -> core_v1.ConfigMap | None:
        return None

    async def secret(self, namespace: str, name: str) -> core_v1.Secret | None:
        return pull_secret() if name == "pull" else None


def pull_secret() -> core_v1.Secret:
    auths = {"https://example.com": {"auth": base64.b64encode(b"me:pw").decode()}, "other.example": {"username": "x", "password": "y"}}
    return core_v1.Secret(type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": json.dumps({"auths": auths}).encode()})


def test_credentials_are_chosen_by_registry() -> None:
    assert [(auth.username, auth.password) for auth in credentials_of(pull_secret(), "example.com/a:1")] == [("me", "pw")]
    assert credentials_of(pull_secret(), "busybox:1") == []
    assert credentials_of(core_v1.Secret(data={".dockerconfigjson": b"junk"}), "busybox:1") == []


async def test_pull_policies_credentials_and_back_off() -> None:
    runtime = Runtime()
    puller = ImagePuller(runtime, References())  # type: ignore[arg-type]
    events: list[str] = []

    def report(_: str, reason: str, message: str) -> None:
        events.append(f"{reason}: {message}")

    of = pod({"containers": [{"name": "app", "image": "example.com/a"}], "imagePullSecrets": [{"name": "pull"}]})
    app = of.spec.containers[0]
    runtime.pull_error = "no such thing"
    assert (await puller.ensure(of, app, report)).size == 5
    assert runtime.pulls == [("example.com/a:latest", "me")]
    assert events[0] == 'Pulling: Pulling image "example.com/a"'
    assert events[1].startswith('Pulled: Successfully pulled image "example.com/a" in ') and events[1].endswith("Image size: 5 bytes.")
    events.clear()
    await puller.ensure(of, app, report)
    assert events == ['Pulled: Container image "example.com/a" already present on machine and can be accessed by the pod']
    app.image = "elsewhere.example/b:1"
    for reason in ("ErrImagePull", "ImagePullBackOff"):
        with pytest.raises(StartError) as error:
            await puller.ensure(of, app, report)
        assert error.value.reason == reason
    assert 9 < puller.retry_s(of, app) <= 10
    app.image_pull_policy = "Never"
    with pytest.raises(StartError) as error:
        await puller.ensure(of, app, report)
    assert error.value.reason == "ErrImageNeverPull"


async def test_a_token_is_renewed_at_four_fifths_of_its_life(control_plane: ControlPlane) -> None:
    clock, issued = Clock(), 0

    def issue(namespace: str, name: str, request: authentication_v1.TokenRequest, warn: object) -> authentication_v1.TokenRequest:
        nonlocal issued
        issued += 1
        if issued == 3:
            raise ConnectionError("no server")
        ends = rfc3339(clock.time + timedelta(seconds=request.spec.expiration_seconds or 0))
        request.status = authentication_v1.TokenRequestStatus(token=f"token-{issued}", expiration_timestamp=ends)
        return request

    control_plane.subresources._issue_token = issue  # type: ignore[assignment]
    tokens = ServiceAccountTokens(control_plane.client, clock)
    projection = core_v1.ServiceAccountTokenProjection(path="token", expiration_seconds=1000)
    of = pod(namespace="default")
    assert await tokens.token(of, projection) == ("token-1", 800)
    clock.time += timedelta(seconds=799)
    assert await tokens.token(of, projection) == ("token-1", 1)
    clock.time += timedelta(seconds=1)
    assert await tokens.token(of, projection) == ("token-2", 800)
    clock.time += timedelta(seconds=900)
    assert (await tokens.token(of, projection))[0] == "token-2", "a token that still holds outlives a failed renewal"
    assert (await tokens.token(of, projection))[0] == "token-4"


def test_restarts_wait_from_ten_seconds_to_five_minutes() -> None:
    backoff, now, waits = RestartBackoff(), 0.0, []
    for _ in range(8):
        waits.append(max(0.0, backoff.remaining_s("app", now, now)))
        now += waits[-1]
        backoff.advance("app", now)
        now += 1
    assert waits == [0, 10, 20, 40, 80, 160, 300, 300]
    assert backoff.remaining_s("app", now + 599, now + 700) < 300
    assert backoff.remaining_s("app", now + 700, now + 700) == 0, "a container that ran for ten minutes starts anew"


def test_durations_read_as_in_messages() -> None:
    assert [go_seconds(seconds) for seconds in (0.4121, 1.5, 90)] == ["412ms", "1.5s", "1m30s"]
