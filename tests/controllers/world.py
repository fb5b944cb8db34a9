"""A control plane in the test's own process: a real Registry over the memory store, informers, controllers, and a kubelet in name only."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from minikube_py.apis import apps_v1, core_v1, meta_v1
from minikube_py.apis.object import Object
from minikube_py.apis.scheme import deep_copy, encode, from_document
from minikube_py.apiserver.assembly import RegistryOptions, build_registry
from minikube_py.apiserver.local_client import LocalClient
from minikube_py.apiserver.subresources import Subresources
from minikube_py.client.informer import Informers
from minikube_py.controllers.base import Context, Controller
from minikube_py.controllers.daemonset.rules import node_of
from minikube_py.core.clock import rfc3339
from minikube_py.core.errors import ConflictError, ForbiddenError, NotFoundError
from minikube_py.store.memory import MemoryStore

T = TypeVar("T", bound=Object)
START = datetime(2026, 1, 1, tzinfo=UTC)
WAIT_S = 20.0


class LoopClock:
    """Wall time that runs with the event loop, so that a virtual loop moves it too."""

    def __init__(self) -> None:
        self._offset_s: float | None = None

    def now(self) -> datetime:
        loop_s = asyncio.get_running_loop().time()
        # A loop becomes virtual, and starts at zero, only after the fixtures of its test.
        if self._offset_s is None or loop_s < self._offset_s:
            self._offset_s = loop_s
        return START + timedelta(seconds=loop_s - self._offset_s)


class LaggingClient(LocalClient):
    """A client whose watches come late, each kind by a delay of its own, so that caches disagree.

    Attributes:
        lag_s: seconds by kind.
    """

    lag_s: dict[type[Any], float]

    async def list_and_watch(self, kind: type[T], sink: Any, **scope: Any) -> None:
        await super().list_and_watch(kind, LateSink(sink, self.lag_s.get(kind, 0.0)), **scope)


class LateSink:
    """Passes changes on after a while, in order."""

    def __init__(self, sink: Any, lag_s: float) -> None:
        self._sink = sink
        self._lag_s = lag_s

    def replace(self, objects: Any) -> None:
        self._sink.replace(objects)

    def apply(self, event: Any, obj: Any) -> None:
        asyncio.get_running_loop().call_later(self._lag_s, self._sink.apply, event, obj)


class World:
    """One control plane.

    Attributes:
        client: as the controllers have it.
        informers: shared by controllers and test.
    """

    def __init__(self, store: MemoryStore) -> None:
        self.clock = LoopClock()
        self.registry = build_registry(store, RegistryOptions(), self.clock)
        self.client: Any = LaggingClient(self.registry, Subresources(self.registry, self._no_tokens), "system:kube-controller-manager")
        self.client.lag_s = {}
        self.informers = Informers(self.client)
        self.context = Context(self.client, self.informers, self.clock)
        self._tasks: list[asyncio.Task[None]] = []
        self._informing = False
        self._changed = asyncio.Event()
        self._ips = itertools.count(1)
        for collection in {storage.collection for storage in self.registry.storages()}:
            store.watch(collection, store.list(collection).revision, lambda event: self._changed.set())

    @staticmethod
    async def _no_tokens(*_: Any) -> Any:
        raise NotImplementedError

    async def start(self, *kinds: type[Controller]) -> list[Any]:
        """Run controllers; returns them once they are ready."""
        controllers = [kind(self.context) for kind in kinds]
        await self.run(*controllers)
        return controllers

    async def run(self, *controllers: Controller) -> None:
        """Run controllers that are made already, and wait until they are ready."""
        self.run_informers()
        for controller in controllers:
            self.spawn(controller.run())
        for controller in controllers:
            await controller.ready.wait()

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run something until the end of the test."""
        self._tasks.append(asyncio.create_task(coroutine))

    def run_informers(self) -> None:
        """Run the informers, unless they run already."""
        if not self._informing:
            self._informing = True
            self.spawn(self.informers.run())

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for result in await asyncio.gather(*self._tasks, return_exceptions=True):
            if not isinstance(result, asyncio.CancelledError):
                raise AssertionError("a controller ended") from result

    def assert_unchanged(self) -> None:
        """Fail if somebody changed an object that the caches share with the store."""
        for storage in self.registry.storages():
            for entry in self.registry.list(storage).entries:
                assert entry.obj is None or encode(entry.obj) == entry.data, f"{entry.key} was changed in the cache"

    async def until(self, predicate: Callable[[], Any], timeout_s: float = WAIT_S) -> Any:
        """Wait until the predicate holds, looking again after each write; returns its value."""
        async with asyncio.timeout(timeout_s):
            while True:
                self._changed.clear()
                value = predicate()
                if value:
                    return value
                await self._changed.wait()

    async def settle(self, *controllers: Controller) -> None:
        """Wait until the queues are empty and stay so for a few turns of the loop."""
        quiet = 0
        while quiet < 20:
            await asyncio.sleep(0)
            quiet = quiet + 1 if all(controller.queue.idle() for controller in controllers) else 0

    def list(self, kind: type[T], namespace: str = "", **labels: str) -> list[T]:
        """The stored objects of a kind, with these labels."""
        storage = self.registry.storage_of(kind)
        objects = [storage.served(entry) for entry in self.registry.list(storage, namespace).entries]
        return [obj for obj in objects if all(obj.metadata.labels.get(key) == value for key, value in labels.items())]

    def find(self, kind: type[T], name: str, namespace: str = "default") -> T | None:
        """A stored object, None if it is not there."""
        storage = self.registry.storage_of(kind)
        try:
            return storage.served(self.registry.get(storage, namespace if storage.resource.namespaced else "", name))
        except NotFoundError:
            return None

    def get(self, kind: type[T], name: str, namespace: str = "default") -> T:
        found = self.find(kind, name, namespace)
        assert found is not None, f"{kind.__name__} {name} is not there"
        return found

    async def change(self, kind: type[T], name: str, change: Callable[[Any], None], namespace: str = "default", subresource: str = "") -> T:
        """Read, change and write an object, again if somebody else was faster."""
        while True:
            copy = deep_copy(self.get(kind, name, namespace))
            change(copy)
            try:
                return await self.client.update(copy, subresource=subresource)
            except ConflictError:
                continue

    def revision(self) -> int:
        """The revision of the last write to anything."""
        return max(self.registry.list(storage).revision for storage in self.registry.storages())

    def event_messages(self, name: str) -> list[tuple[str, str]]:
        """Reason and message of the Events about objects of a name."""
        return [(event.reason, event.message) for event in self.list(core_v1.Event) if event.involved_object.name == name]

    # What a node would do.

    async def bind(self, pod: core_v1.Pod, node: str = "node-1") -> None:
        binding = core_v1.Binding(
            metadata=meta_v1.ObjectMeta(name=pod.metadata.name, namespace=pod.metadata.namespace),
            target=core_v1.ObjectReference(kind="Node", name=node),
        )
        await self.client.call(core_v1.Pod, pod.metadata.name, pod.metadata.namespace, "binding", binding)

    async def set_ready(self, pod: core_v1.Pod, ready: bool = True) -> None:
        number = next(self._ips)
        ip = pod.status.pod_ip or f"10.42.{number // 250}.{number % 250 + 1}"

        def change(copy: Any) -> None:
            copy.status.phase = "Running"
            copy.status.pod_ip, copy.status.pod_ips = ip, [core_v1.PodIP(ip=ip)]
            row = core_v1.PodCondition(
                type="Ready", status="True" if ready else "False", last_transition_time=rfc3339(self.clock.now())
            )
            copy.status.conditions = [*(c for c in copy.status.conditions if c.type != "Ready"), row]

        await self.change(core_v1.Pod, pod.metadata.name, change, pod.metadata.namespace, "status")

    async def end(self, pod: core_v1.Pod, phase: str, exit_code: int = 0) -> None:
        """Let a pod succeed or fail now."""

        def change(copy: Any) -> None:
            ended = core_v1.ContainerStateTerminated(exit_code=exit_code, finished_at=rfc3339(self.clock.now()))
            copy.status.phase = phase
            copy.status.conditions = [c for c in copy.status.conditions if c.type != "Ready"]
            copy.status.container_statuses = [
                core_v1.ContainerStatus(
                    name="main", image="x", ready=False, restart_count=0, state=core_v1.ContainerState(terminated=ended)
                )
            ]

        await self.change(core_v1.Pod, pod.metadata.name, change, pod.metadata.namespace, "status")

    async def start_kubelet(self, node: str = "node-1") -> None:
        """Bind every pod to the node (or to the one it asks for), make it ready, and remove it when it is being deleted."""
        pods = self.informers.of(core_v1.Pod)
        queue: asyncio.Queue[str] = asyncio.Queue()
        pods.add_handler(lambda old, new: queue.put_nowait(f"{new.metadata.namespace}/{new.metadata.name}") if new is not None else None)
        self.run_informers()
        self.spawn(self._run_pods(queue, node))

    async def _run_pods(self, queue: asyncio.Queue[str], node: str) -> None:
        while True:
            namespace, _, name = (await queue.get()).partition("/")
            pod = self.find(core_v1.Pod, name, namespace)
            if pod is None:
                continue
            try:
                if pod.metadata.deletion_timestamp:
                    await self.client.delete(core_v1.Pod, name, namespace, uid=pod.metadata.uid, grace_period_seconds=0)
                elif not pod.spec.node_name:
                    await self.bind(pod, node or node_of(pod))
                elif pod.status.phase == "Pending":
                    await self.set_ready(pod)
            except (NotFoundError, ConflictError, ForbiddenError):
                # Others were faster, or its namespace is going.
                continue


@asynccontextmanager
async def make_world() -> AsyncIterator[World]:
    store = MemoryStore()
    await store.open()
    world = World(store)
    try:
        for name in ("default", "kube-system"):
            await world.client.create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name=name)))
            account = core_v1.ServiceAccount(metadata=meta_v1.ObjectMeta(name="default", namespace=name))
            await world.client.create(account)
        yield world
        world.assert_unchanged()
    finally:
        await world.stop()
        await store.close()


def template(image: str = "x", **labels: str) -> core_v1.PodTemplateSpec:
    return core_v1.PodTemplateSpec(
        metadata=meta_v1.ObjectMeta(labels=labels or {"app": "web"}),
        spec=core_v1.PodSpec(containers=[core_v1.Container(name="main", image=image)]),
    )


def pod(name: str, namespace: str = "default", **labels: str) -> core_v1.Pod:
    made = template(**labels)
    return core_v1.Pod(metadata=meta_v1.ObjectMeta(name=name, namespace=namespace, labels=labels), spec=made.spec)


def replica_set(name: str, replicas: int, **labels: str) -> apps_v1.ReplicaSet:
    made = template(**labels)
    return apps_v1.ReplicaSet(
        metadata=meta_v1.ObjectMeta(name=name, namespace="default"),
        spec=apps_v1.ReplicaSetSpec(
            replicas=replicas, selector=meta_v1.LabelSelector(match_labels=made.metadata.labels), template=made
        ),
    )


def deployment(name: str, replicas: int, image: str = "v1", **spec: Any) -> apps_v1.Deployment:
    document = {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "main", "image": image}]}}, **spec,
        },
    }
    return from_document(apps_v1.Deployment, document)
