"""The node agent: composes its parts and feeds them.

Owns which pods have workers: those that the API binds to this node, those kept on disk while no server answers, and, until they are
stopped, those that the runtime still has although nobody wants them. A start adopts what runs; an end leaves it running.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from minikube_py.apis import core_v1, meta_v1, node_v1
from minikube_py.client.events import EventRecorder
from minikube_py.client.informer import Informer
from minikube_py.client.interface import Client
from minikube_py.core.clock import SYSTEM_CLOCK, Clock
from minikube_py.core.errors import StatusError
from minikube_py.cri.errors import CriError
from minikube_py.cri.interface import ContainerTasks, Cri

from .admission import refusal, resources_refusal
from .cgroups import CgroupTree, make_qos_groups
from .checkpoints import Checkpoints
from .cri_config import NodeFacts
from .host_ports import HostPorts
from .image_directory import ImageDirectory
from .image_puller import ImagePuller
from .launcher import Launcher, NodeView
from .lease import NodeLease
from .lifecycle_hooks import LifecycleHooks
from .log_rotation import LogRotation
from .node_status import NodeStatusReporter
from .object_references import ObjectReferences
from .options import KubeletOptions
from .pod_killer import PodKiller
from .pod_resizing import PodResizing
from .pod_sync import NodeState, PodSync
from .pod_workers import PodWorkers
from .probes.handlers import Prober
from .probes.workers import ProbeWorkers
from .resize import infeasible
from .runtime_events import RuntimeEvents
from .runtime_state import RuntimeCache
from .service_account_tokens import ServiceAccountTokens
from .status_writer import StatusWriter
from .volumes.pod_volumes import PodVolumes

log = logging.getLogger(__name__)

# How long a start waits for the server before it goes by what is kept on disk.
OFFLINE_AFTER_S = 5.0
CRI_RETRY_S = 1.0


class Kubelet:
    """The agent of one node as a component.

    Args:
        client: the API; may be out of reach.
        cri: the runtime.
        tasks: the runtime's events and commands.
        load_image: imports an image archive, for the images directory; None has no such directory.

    Attributes:
        ready: set when what runs has been adopted and pods are looked after.
        cache, workers, tasks, options: for the node's HTTP API.
        host_ports: for the node's network.
    """

    def __init__(
        self, options: KubeletOptions, client: Client, cri: Cri, tasks: ContainerTasks, *, clock: Clock = SYSTEM_CLOCK,
        load_image: Callable[[Path], Awaitable[list[str]]] | None = None, cgroups: CgroupTree | None = None,
    ) -> None:
        self.ready = asyncio.Event()
        self.options = options
        self.tasks = tasks
        self.cri = cri
        self._client = client
        self._clock = clock
        self._load_image = load_image
        self._cgroups = cgroups
        self.cache = RuntimeCache(cri)
        self.host_ports = HostPorts()
        self.recorder = EventRecorder(client, "kubelet", options.node_name, clock)
        self.node = NodeStatusReporter(options, client, cri, clock, self.recorder, self._network_ready)
        self.lease = NodeLease(client, options.node_name, clock, lambda: self.node.node)
        self.checkpoints = Checkpoints(options.checkpoints_dir)
        self._logs = LogRotation(options, cri, self.cache, clock)
        self._events = RuntimeEvents(tasks, self.cache, self._wake)
        self._references = ObjectReferences(client, self._wake, self.checkpoints)
        self._writer = StatusWriter(client)
        self._pods: Informer[core_v1.Pod] = Informer(client, core_v1.Pod, field_selector=f"spec.nodeName={options.node_name}")
        self._nodes: Informer[core_v1.Node] = Informer(client, core_v1.Node, field_selector=f"metadata.name={options.node_name}")
        self._nodes.add_handler(self._on_node)
        self._services: Informer[core_v1.Service] = Informer(client, core_v1.Service)
        self._services.add_index("namespace", lambda service: [service.metadata.namespace])
        self._prober = Prober(cri)
        self._probes = ProbeWorkers(self._prober, self.recorder, clock, self._wake)
        self._hooks = LifecycleHooks(self._prober, self._pod_ip)
        self._killer = PodKiller(cri, self.cache, self._hooks, self.recorder)
        self._volumes = PodVolumes(
            options.pods_dir, client, self._references, ServiceAccountTokens(client, clock), lambda: self.node.allocatable
        )
        self.workers: PodWorkers
        self._tree = CgroupTree()

    async def run(self) -> None:
        """Look after the node's pods until cancelled; what runs then goes on running."""
        await self._prepare()
        async with asyncio.TaskGroup() as group:
            for name, part in (
                ("events", self.recorder), ("checkpoints", self.checkpoints), ("references", self._references), ("probes", self._probes),
                ("status", self._writer), ("workers", self.workers), ("runtime", self._events), ("pods", self._pods),
                ("services", self._services), ("own-node", self._nodes), ("node", self.node), ("lease", self.lease), ("logs", self._logs),
            ):
                group.create_task(part.run(), name=f"kubelet-{name}")
            if self._load_image is not None:
                images = ImageDirectory(self.options.images_dir, self._load_image, self._images_imported)
                group.create_task(images.run(), name="kubelet-images")
            await self._events.ready.wait()
            await self._first_pods(group)
            self.ready.set()

    async def _prepare(self) -> None:
        """Find out what the node is, and compose what depends on it."""
        while True:
            try:
                await self.cri.version()
                break
            except CriError as error:
                log.warning("runtime does not answer retry_s=%.1f error=%s", CRI_RETRY_S, error)
                await asyncio.sleep(CRI_RETRY_S)
        await self.node.prepare()
        tree = self._tree = self._cgroups if self._cgroups is not None else await asyncio.to_thread(CgroupTree.detect)
        if tree.present:
            await asyncio.to_thread(make_qos_groups, tree, self.options.cgroup_root)
        else:
            log.warning("no usable cgroup hierarchy: pods are not limited")
        facts = NodeFacts(self.node.machine.memory_bytes, tree.unified is not None, self.options.seccomp_dir)
        puller = ImagePuller(self.cri, self._references)
        launcher = Launcher(
            self.options, self.cri, self.cache, self._volumes, self._references, puller, self._hooks, self._killer, self.recorder,
            NodeView(facts, lambda: self.node.allocatable, self._services_of, self._runtime_handler),
        )
        resizing = PodResizing(self.options, self.cri, tree, self.recorder, facts, self._room, self._retry_resizes)
        sync = PodSync(
            self.options, self.cri, self.cache, launcher, self._killer, self._volumes, self._references, puller, self._probes,
            self.recorder, self._writer, tree, self.checkpoints, self.host_ports, resizing,
            NodeState(lambda: self.node.network_problem, self._admit), self._clock,
        )
        self.workers = PodWorkers(sync, self._clock, self._pod_gone)

    async def _first_pods(self, group: asyncio.TaskGroup) -> None:
        """Give workers to the pods that the API has, or else to those on disk until the API answers."""
        kept = {pod.metadata.uid: pod for pod in await self.checkpoints.load_pods()}
        try:
            async with asyncio.timeout(OFFLINE_AFTER_S):
                await self._pods.synced.wait()
                await self._services.synced.wait()
        except TimeoutError:
            log.warning("no server: starting the pods kept on disk pods=%d", len(kept))
            for pod in kept.values():
                self.workers.update(pod)
            group.create_task(self._follow_when_synced(kept), name="kubelet-late-server")
            return
        await self._follow(kept)

    async def _follow_when_synced(self, kept: dict[str, core_v1.Pod]) -> None:
        await self._pods.synced.wait()
        await self._follow(kept)

    async def _follow(self, kept: dict[str, core_v1.Pod]) -> None:
        """From now on the API says which pods there are; what it does not have is stopped and removed."""
        self._pods.add_handler(self._on_pod)
        wanted = {pod.metadata.uid for pod in self._pods.list()}
        for uid in (self.cache.uids() | kept.keys()) - wanted:
            pod = kept.get(uid) or self._orphan(uid)
            log.info("stopping a pod that the API no longer has pod=%s/%s uid=%s", pod.metadata.namespace, pod.metadata.name, uid)
            if not self.workers.known(uid):
                self.workers.update(pod)
            self.workers.remove(uid)
        for uid in await asyncio.to_thread(self._directories):
            if not self.workers.known(uid):
                await self._remove_leftover(uid)

    def _directories(self) -> list[str]:
        """The pods that have a directory on this node."""
        directory = self.options.pods_dir
        return [entry.name for entry in directory.iterdir()] if directory.is_dir() else []

    async def _remove_leftover(self, uid: str) -> None:
        """Remove what a pod left behind that neither the API nor the runtime nor a checkpoint knows."""
        try:
            await self._volumes.tear_down(uid)
            path = (await asyncio.to_thread(self._tree.pods, self.options.cgroup_root)).get(uid)
            if path is not None:
                await asyncio.to_thread(self._tree.remove, path)
        except OSError as error:
            log.warning("leftover of a pod not removed uid=%s error=%s", uid, error)

    def _on_pod(self, old: core_v1.Pod | None, new: core_v1.Pod | None) -> None:
        if old is not None and (new is None or old.metadata.uid != new.metadata.uid):
            self.workers.remove(old.metadata.uid)
        if new is not None:
            self.checkpoints.save_pod_soon(new)
            self.workers.update(new)

    def _on_node(self, old: core_v1.Node | None, new: core_v1.Node | None) -> None:
        if new is not None:
            self.node.observed(new)

    def _orphan(self, uid: str) -> core_v1.Pod:
        """As much of a pod as its containers tell, enough to stop it."""
        runtime = self.cache.get(uid)
        graces = [info.stop_grace_s for info in runtime.containers if info.stop_grace_s is not None]
        return core_v1.Pod(
            metadata=meta_v1.ObjectMeta(name=runtime.name, namespace=runtime.namespace, uid=uid),
            spec=core_v1.PodSpec(termination_grace_period_seconds=max(graces, default=None)),
        )

    def _wake(self, uid: str) -> None:
        if self._events.ready.is_set():
            self.workers.wake(uid)

    def _pod_gone(self, uid: str) -> None:
        log.debug("pod removed uid=%s", uid)
        self.workers.retry_resizes()

    def _network_ready(self) -> None:
        if self.ready.is_set():
            self.workers.wake_all()

    def _images_imported(self) -> None:
        self.node.look_again()
        if self.ready.is_set():
            self.workers.wake_all()

    async def _admit(self, pod: core_v1.Pod) -> tuple[str, str] | None:
        """Why the node refuses a pod, as it is now: the scheduler may have seen a change of the node that is not known here yet."""
        if self._refusal(pod) is not None:
            await self.node.read()
        return self._refusal(pod)

    def _refusal(self, pod: core_v1.Pod) -> tuple[str, str] | None:
        return refusal(pod, self._admitted(), self.node.node, self.node.allocatable, self.options.allowed_unsafe_sysctls)

    def _room(self, pod: core_v1.Pod) -> tuple[str, str] | None:
        """Why a pod cannot be resized to what it asks for, as reason and message of a condition; None if it can."""
        never = infeasible(pod, self.node.allocatable)
        if never:
            return "Infeasible", never
        full = resources_refusal(pod, self._admitted(), self.node.allocatable)
        return ("Deferred", full[1]) if full is not None else None

    def _admitted(self) -> list[core_v1.Pod]:
        """The pods that the node has taken and that are not over."""
        return [state.pod for state in self.workers.states() if state.admitted and not state.terminal]

    def _retry_resizes(self) -> None:
        self.workers.retry_resizes()

    async def _runtime_handler(self, name: str) -> str:
        try:
            return (await self._client.get(node_v1.RuntimeClass, name)).handler
        except StatusError as error:
            raise ValueError(f"failed to lookup RuntimeClass {name}: {error}") from error

    def _services_of(self, namespace: str) -> Iterable[core_v1.Service]:
        own = list(self._services.by_index("namespace", namespace))
        kubernetes = self._services.get("kubernetes", "default")
        return own if namespace == "default" or kubernetes is None else [*own, kubernetes]

    def _pod_ip(self, uid: str) -> str:
        state = self.workers.state(uid)
        if state is not None and state.pod.spec.host_network:
            return self.options.node_ip
        sandbox = self.cache.get(uid).sandbox
        return sandbox.ips[0] if sandbox is not None and sandbox.ips else ""
