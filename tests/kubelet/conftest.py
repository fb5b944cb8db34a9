"""A node agent on a real containerd, on a throw-away host whose pods have a bridge."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from minikube_py.apis import authentication_v1, core_v1, meta_v1
from minikube_py.apis.scheme import from_document
from minikube_py.apiserver.local_client import LocalClient
from minikube_py.core.errors import NotFoundError
from minikube_py.cri.containerd import Containerd
from minikube_py.kubelet.kubelet import Kubelet
from minikube_py.kubelet.options import KubeletOptions
from tests.conftest import ControlPlane
from tests.cri.lab import BUSYBOX, inside_new_network, make_busybox_tar, mounts_below, processes_with, remove_everything, running

NODE = "node-1"
NODE_IP = "198.51.100.2"
CGROUP_ROOT = f"/minikube-py-kubelet-test-{os.getpid()}"
TIMEOUT_S = 60.0

CNI = {
    "cniVersion": "0.4.0", "name": "test", "plugins": [{
        "type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": False,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.42.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]},
    }],
}


@pytest.fixture(scope="module")
def host_network() -> Iterator[None]:
    """The test's thread is in a network namespace of its own."""
    with inside_new_network(f"mkpy-kubelet-{os.getpid()}"):
        yield


@pytest.fixture(scope="session")
def busybox_tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of a busybox image."""
    path = tmp_path_factory.mktemp("images") / "busybox.tar"
    make_busybox_tar(path)
    return path


class Node:
    """The host of the tests: a containerd, a control plane and an agent that may be started again.

    Attributes:
        kubelet: the agent that runs now.
    """

    def __init__(self, containerd: Containerd, plane: ControlPlane, directory: Path) -> None:
        self.containerd = containerd
        self.client: LocalClient = plane.client
        self.plane = plane
        self.options = KubeletOptions(
            node_name=NODE, node_ip=NODE_IP, data_dir=directory, cgroup_root=CGROUP_ROOT, pod_logs_dir=directory / "logs",
            container_logs_dir=directory / "container-logs",
        )
        self.kubelet: Kubelet

    @asynccontextmanager
    async def agent(self) -> AsyncIterator[Kubelet]:
        """Run an agent until the end of the block."""
        self.kubelet = Kubelet(
            self.options, self.client, self.containerd.cri, self.containerd.tasks, load_image=self.containerd.import_image
        )
        task = asyncio.create_task(self.kubelet.run(), name="kubelet")
        ready = asyncio.create_task(self.kubelet.ready.wait())
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
            yield self.kubelet
        finally:
            ready.cancel()
            task.cancel()
            await asyncio.wait({task, ready})
        if not task.cancelled():
            task.result()

    async def create(self, document: dict[str, Any]) -> core_v1.Pod:
        """Create a pod bound to the node."""
        return await self.client.create(pod_of(document))

    async def wait_pod(self, name: str, condition: Callable[[core_v1.Pod], object]) -> core_v1.Pod:
        """Wait until a pod is as wanted, and return it so."""
        watch = _Watch(name, condition)
        task = asyncio.create_task(self.client.list_and_watch(core_v1.Pod, watch, namespace="default"))
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await watch.found
        except TimeoutError:
            raise AssertionError(f"pod is not as wanted: {watch.last}") from None
        finally:
            task.cancel()
            await asyncio.wait({task})

    @asynccontextmanager
    async def watched(self, name: str) -> AsyncIterator[list[core_v1.Pod]]:
        """Every version of a pod that there is during the block."""
        versions: list[core_v1.Pod] = []
        watch = _Watch(name, lambda pod: versions.append(pod))
        task = asyncio.create_task(self.client.list_and_watch(core_v1.Pod, watch, namespace="default"))
        try:
            yield versions
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def wait_gone(self, name: str) -> None:
        """Wait until the API has no such pod."""
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                try:
                    await self.client.get(core_v1.Pod, name, "default")
                except NotFoundError:
                    return
                await asyncio.sleep(0.02)

    async def events(self, name: str) -> list[tuple[str, str]]:
        """(reason, message) of a pod's events."""
        found = await self.client.list(core_v1.Event, "default")
        return [(item.reason, item.message) for item in found if item.involved_object and item.involved_object.name == name]

    async def wait_event(self, name: str, reason: str) -> str:
        """Wait for an event and return its message."""
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                for found, message in await self.events(name):
                    if found == reason:
                        return message
                await asyncio.sleep(0.05)


class _Watch:
    """Ends when a pod is as wanted."""

    def __init__(self, name: str, condition: Callable[[core_v1.Pod], object]) -> None:
        self.found: asyncio.Future[core_v1.Pod] = asyncio.get_running_loop().create_future()
        self.last: core_v1.Pod | None = None
        self._name = name
        self._condition = condition

    def replace(self, objects: Any) -> None:
        for obj in objects:
            self.apply("ADDED", obj)

    def apply(self, event: str, obj: core_v1.Pod) -> None:
        if obj.metadata.name == self._name and event != "DELETED":
            self.last = obj
            if not self.found.done() and self._condition(obj):
                self.found.set_result(obj)


def pod_of(document: dict[str, Any]) -> core_v1.Pod:
    """A pod from its spec and name, bound to the node."""
    spec = {"nodeName": NODE, "terminationGracePeriodSeconds": 5, "enableServiceLinks": False,
            "automountServiceAccountToken": False, **document.get("spec", {})}
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        container.setdefault("image", BUSYBOX)
        container.setdefault("imagePullPolicy", "IfNotPresent")
    meta = {"namespace": "default", **document.get("metadata", {})}
    return from_document(core_v1.Pod, {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})


def is_ready(pod: core_v1.Pod) -> bool:
    """Whether a pod's condition Ready holds."""
    return any(condition.type == "Ready" and condition.status == "True" for condition in pod.status.conditions)


def waiting_reason(pod: core_v1.Pod) -> str:
    """Why the pod's first container waits, "" if it does not."""
    shown = pod.status.container_statuses
    return shown[0].state.waiting.reason if shown and shown[0].state.waiting is not None else ""


def restarts(pod: core_v1.Pod) -> int:
    """How often the pod's first container was started anew."""
    return pod.status.container_statuses[0].restart_count if pod.status.container_statuses else 0


@pytest.fixture
async def node(host_network: None, busybox_tar: Path, tmp_path: Path, control_plane: ControlPlane) -> AsyncIterator[Node]:
    """A host without an agent yet; nothing of it is left afterwards."""
    await control_plane.client.create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="kube-node-lease")))
    component = Containerd(tmp_path)
    async with running(component):
        await component.import_image(busybox_tar)
        component.cni_conf_dir.mkdir(parents=True, exist_ok=True)
        (component.cni_conf_dir / "10-test.conflist").write_text(json.dumps(CNI))
        yield Node(component, control_plane, tmp_path)
        await remove_everything(component)
    for point in reversed(mounts_below(tmp_path)):
        os.system(f"umount -l {point}")
    shutil.rmtree(component.socket.parent)
    shutil.rmtree("/var/lib/cni/networks/test", ignore_errors=True)
    _remove_cgroups()
    assert processes_with(str(component.socket)) + processes_with(str(tmp_path)) == []


def _remove_cgroups() -> None:
    for hierarchy in Path("/sys/fs/cgroup").iterdir():
        root = hierarchy / CGROUP_ROOT.lstrip("/")
        for current, _, _ in os.walk(root, topdown=False):
            os.rmdir(current)


def token_answer(
    namespace: str, name: str, request: authentication_v1.TokenRequest, warn: object
) -> authentication_v1.TokenRequest:
    """A token for tests."""
    request.status = authentication_v1.TokenRequestStatus(token=f"token-of-{namespace}-{name}", expiration_timestamp="2099-01-01T00:00:00Z")
    return request
