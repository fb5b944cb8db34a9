"""Registers the node and keeps its status in the API true.

Looks every ten seconds and when somebody else has written into the status; writes when something changed and every five minutes
otherwise; liveness in between is the Lease's task (`lease.py`). Owns whether the pod network is ready, which the runtime tells only
when asked: until it is, it is asked often.

Source: kubernetes pkg/kubelet/kubelet_node_status.go (nodeStatusUpdateFrequency 10 s, nodeStatusReportFrequency 5 min).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from minikube_py.apis import core_v1
from minikube_py.apis.object import Quantity
from minikube_py.apis.scheme import deep_copy
from minikube_py.client.events import EventRecorder
from minikube_py.client.interface import Client
from minikube_py.core.backoff import Backoff
from minikube_py.core.clock import Clock, rfc3339
from minikube_py.core.errors import AlreadyExistsError, NotFoundError, StatusError
from minikube_py.cri.errors import CriError
from minikube_py.cri.interface import Cri

from .machine import Machine, Measures
from .node_object import NodeInput, allocatable, capacity, new_node, node_labels, node_status, status_patch, without_heartbeat
from .options import KubeletOptions

log = logging.getLogger(__name__)

LOOK_PERIOD_S = 10.0
# Event of a condition that has come to a status. Source: kubernetes pkg/kubelet/events/event.go
NODE_EVENTS = {
    ("Ready", "True"): "NodeReady", ("Ready", "False"): "NodeNotReady",
    ("MemoryPressure", "True"): "NodeHasInsufficientMemory", ("MemoryPressure", "False"): "NodeHasSufficientMemory",
    ("DiskPressure", "True"): "NodeHasDiskPressure", ("DiskPressure", "False"): "NodeHasNoDiskPressure",
    ("PIDPressure", "True"): "NodeHasInsufficientPID", ("PIDPressure", "False"): "NodeHasSufficientPID",
}
REPORT_PERIOD_S = 300.0
RETRY_MIN_S = 0.2
RETRY_MAX_S = 10.0
NETWORK_RETRY_MIN_S = 0.05
NETWORK_RETRY_MAX_S = 2.0


class NodeStatusReporter:
    """The node's object.

    Args:
        network_became_ready: called when pods may have addresses from now on.

    Attributes:
        registered: set when the object is there.
        node: the newest that is known; None before.
    """

    def __init__(
        self, options: KubeletOptions, client: Client, cri: Cri, clock: Clock, recorder: EventRecorder,
        network_became_ready: Callable[[], None],
    ) -> None:
        self.registered = asyncio.Event()
        self.node: core_v1.Node | None = None
        self._options = options
        self._client = client
        self._cri = cri
        self._clock = clock
        self._recorder = recorder
        self._became_ready = network_became_ready
        self._network_problem = "container runtime status check may not have completed yet"
        self._given: NodeInput | None = None
        self._machine: Machine | None = None
        self._reported: core_v1.NodeStatus | None = None
        # What the API made of it.
        self._stored: core_v1.NodeStatus | None = None
        self._reported_at_s = 0.0
        self._wake = asyncio.Event()

    @property
    def network_problem(self) -> str:
        """Why pods cannot have addresses; "" if they can."""
        return self._network_problem

    @property
    def allocatable(self) -> Mapping[str, Quantity]:
        """What pods may have of the node."""
        return allocatable(self._options, capacity(self._options, self._given)) if self._given is not None else {}

    @property
    def machine(self) -> Machine:
        """The machine's facts.

        Raises: RuntimeError before `prepare`.
        """
        if self._machine is None:
            raise RuntimeError("NodeStatusReporter is not prepared")
        return self._machine

    async def prepare(self) -> None:
        """Read the machine's facts, without which no container can be configured."""
        self._machine = await asyncio.to_thread(Machine.read, self._options.data_dir)
        self._given = await self._look()

    def look_again(self) -> None:
        """Something on the node changed that its status may show."""
        self._wake.set()

    def observed(self, node: core_v1.Node) -> None:
        """Take over a version of the node from the API."""
        if self.node is None or not _is_newer(node, self.node):
            return
        self.node = node
        if without_heartbeat(node.status) != self._stored:
            self._wake.set()

    async def read(self) -> None:
        """Take over the newest version of the node. Keeps what is known if there is no answer."""
        try:
            self.observed(await self._client.get(core_v1.Node, self._options.node_name))
        except (StatusError, OSError) as error:
            log.info("node not read error=%s", error)

    async def run(self) -> None:
        """Report until cancelled."""
        backoff = Backoff(RETRY_MIN_S, RETRY_MAX_S)
        network = Backoff(NETWORK_RETRY_MIN_S, NETWORK_RETRY_MAX_S)
        while True:
            wait_s = LOOK_PERIOD_S
            try:
                self._given = await self._look()
                await self._report(self._given)
                backoff.forget("")
            except (StatusError, OSError) as error:
                wait_s = backoff.next_s("")
                log.info("node status not written retry_s=%.1f error=%s", wait_s, error)
            if self._network_problem:
                wait_s = min(wait_s, network.next_s(""))
            else:
                network.forget("")
            self._wake.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _look(self) -> NodeInput:
        """See how the runtime and the machine are."""
        measures = await asyncio.to_thread(Measures.read, self._options.data_dir)
        before = self._network_problem
        try:
            status = await self._cri.status()
            version = await self._cri.version()
            images = await self._cri.list_images()
        except CriError as error:
            self._network_problem = f"container runtime is down: {error.message}"
            known = self._given
            runtime = known.runtime_version if known is not None else "containerd://unknown"
            return NodeInput(self.machine, measures, runtime, f"[container runtime is down, {error.message}]")
        problems = []
        network = ""
        for condition in status.status.conditions:
            if not condition.status:
                text = f"{condition.type}=false reason:{condition.reason} message:{condition.message}"
                if condition.type == "NetworkReady":
                    network = f"container runtime network not ready: {text}"
                    problems.append(network)
                else:
                    problems.append(f"container runtime not ready: {text}")
        self._network_problem = network
        if before and not network:
            self._became_ready()
        runtime = f"{version.runtime_name}://{version.runtime_version.lstrip('v')}"
        return NodeInput(self.machine, measures, runtime, ", ".join(problems), images, status)

    async def _report(self, given: NodeInput) -> None:
        if self.node is None:
            self.node = await self._register(given)
            self.registered.set()
        loop = asyncio.get_running_loop()
        known = self.node.status
        status = node_status(self._options, given, known, rfc3339(self._clock.now()))
        lean = without_heartbeat(status)
        unchanged = self._reported == lean and self._stored == without_heartbeat(known)
        if unchanged and loop.time() - self._reported_at_s < REPORT_PERIOD_S:
            return
        try:
            written = await self._client.patch(
                core_v1.Node, self._options.node_name, "", {"status": status_patch(known, status)},
                patch_type="application/strategic-merge-patch+json", subresource="status",
            )
        except NotFoundError:
            self.node = None
            self._reported = None
            raise
        self._stored = without_heartbeat(written.status)
        # What has come by the watch meanwhile may be newer.
        if self.node is None or not _is_newer(self.node, written):
            self.node = written
        self._record_changes(self._reported, lean)
        self._reported, self._reported_at_s = lean, loop.time()

    def _record_changes(self, before: core_v1.NodeStatus | None, after: core_v1.NodeStatus) -> None:
        """Record as events what became of the node."""
        reference = core_v1.ObjectReference(kind="Node", api_version="v1", name=self._options.node_name, uid=self._options.node_name)
        if before is None:
            self._recorder.event(reference, "Normal", "Starting", "Starting kubelet.")
        known = {condition.type: condition.status for condition in before.conditions} if before is not None else {}
        for condition in after.conditions:
            event = NODE_EVENTS.get((condition.type, condition.status))
            if event is not None and known.get(condition.type) != condition.status:
                text = f"Node {self._options.node_name} status is now: {event}"
                self._recorder.event(reference, "Normal", event, text)

    async def _register(self, given: NodeInput) -> core_v1.Node:
        """Create the object, or bring the labels of the one that is there up to date."""
        name = self._options.node_name
        fresh = new_node(self._options, given, rfc3339(self._clock.now()))
        try:
            return await self._client.create(fresh)
        except AlreadyExistsError:
            node = deep_copy(await self._client.get(core_v1.Node, name))
        labels = {key: text for key, text in node_labels(self._options, given.machine).items() if node.metadata.labels.get(key) != text}
        if not labels:
            return node
        return await self._client.patch(core_v1.Node, name, "", {"metadata": {"labels": labels}})


def _is_newer(node: core_v1.Node, known: core_v1.Node) -> bool:
    versions = node.metadata.resource_version, known.metadata.resource_version
    return all(version.isdigit() for version in versions) and int(versions[0]) > int(versions[1])
