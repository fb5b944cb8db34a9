"""The Node object as the agent wants it: pure functions from facts to labels, capacity and conditions.

Source: kubernetes pkg/kubelet/nodestatus/setters.go, pkg/kubelet/kubelet_node_status.go; kubernetes.io/docs/reference/node/node-status/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from minikube_py.apis import core_v1, meta_v1
from minikube_py.apis.object import Quantity
from minikube_py.apis.quantity import from_milli, milli_value, value
from minikube_py.apis.scheme import to_document
from minikube_py.cri.interface import runtime_v1

from .machine import Machine, Measures
from .options import KubeletOptions

KUBERNETES_VERSION = "v1.36.0"
IMAGES_MAX = 50
# Hard eviction thresholds, below which the node is under pressure. Source: kubernetes pkg/kubelet/apis/config/v1beta1/defaults_linux.go
MEMORY_AVAILABLE_MIN_BYTES = 100 * 1024 * 1024
DISK_AVAILABLE_MIN = 0.10
INODES_FREE_MIN = 0.05
PIDS_FREE_MIN = 0.10


@dataclass(frozen=True, slots=True)
class NodeInput:
    """What the status is computed from.

    Attributes:
        problem: why pods cannot run, "" if they can.
        runtime: what the container runtime says of itself; None if it does not answer.
    """

    machine: Machine
    measures: Measures
    runtime_version: str
    problem: str
    images: Sequence[runtime_v1.Image] = ()
    runtime: runtime_v1.StatusResponse | None = None


def node_labels(options: KubeletOptions, machine: Machine) -> dict[str, str]:
    """The labels that the agent keeps on its node."""
    return {
        "beta.kubernetes.io/arch": machine.architecture, "beta.kubernetes.io/os": "linux", "kubernetes.io/arch": machine.architecture,
        "kubernetes.io/hostname": options.node_name, "kubernetes.io/os": "linux", **options.node_labels,
    }


def new_node(options: KubeletOptions, given: NodeInput, now: str) -> core_v1.Node:
    """The object by which a node registers."""
    return core_v1.Node(
        kind="Node", api_version="v1",
        metadata=meta_v1.ObjectMeta(
            name=options.node_name, labels=node_labels(options, given.machine),
            annotations={"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
        ),
        spec=core_v1.NodeSpec(taints=list(options.node_taints)), status=node_status(options, given, core_v1.NodeStatus(), now),
    )


def capacity(options: KubeletOptions, given: NodeInput) -> dict[str, Quantity]:
    """What the machine has."""
    return {
        "cpu": str(given.machine.cpus), "memory": f"{given.machine.memory_bytes // 1024}Ki", "pods": str(options.max_pods),
        "ephemeral-storage": f"{given.measures.disk_bytes // 1024}Ki", "hugepages-1Gi": "0", "hugepages-2Mi": "0",
    }


def allocatable(options: KubeletOptions, whole: Mapping[str, Quantity]) -> dict[str, Quantity]:
    """What pods may have of it: all but what is reserved and what must stay free."""
    left = dict(whole)
    reserved: dict[str, list[Quantity]] = {"memory": [MEMORY_AVAILABLE_MIN_BYTES]}
    for name in ("system-reserved", "kube-reserved"):
        for part in filter(None, options.argument(name, "").split(",")):
            resource, _, quantity = part.partition("=")
            reserved.setdefault(resource, []).append(quantity)
    for resource, quantities in reserved.items():
        if resource == "cpu":
            left["cpu"] = from_milli(max(0, milli_value(whole["cpu"]) - sum(milli_value(item) for item in quantities)))
        elif resource in left:
            bytes_left = value(whole[resource]) - sum(value(item) for item in quantities)
            left[resource] = f"{max(0, bytes_left) // 1024}Ki"
    storage = value(left["ephemeral-storage"]) - int(value(whole["ephemeral-storage"]) * DISK_AVAILABLE_MIN)
    left["ephemeral-storage"] = str(max(0, storage))
    return left


def node_status(options: KubeletOptions, given: NodeInput, before: core_v1.NodeStatus, now: str) -> core_v1.NodeStatus:
    """The whole status, with what others have put into it kept. What others add to the capacity, pods may have whole."""
    whole = capacity(options, given)
    machine = given.machine
    foreign = {name: quantity for name, quantity in before.capacity.items() if name not in whole}
    return core_v1.NodeStatus(
        capacity={**foreign, **whole},
        allocatable={**foreign, **allocatable(options, whole)},
        addresses=[
            core_v1.NodeAddress(type="InternalIP", address=options.node_ip),
            core_v1.NodeAddress(type="Hostname", address=options.node_name),
        ],
        conditions=conditions(given, before.conditions, now),
        daemon_endpoints=core_v1.NodeDaemonEndpoints(kubelet_endpoint=core_v1.DaemonEndpoint(port=options.port)),
        images=[_image(item) for item in sorted(given.images, key=lambda item: item.size, reverse=True)[:IMAGES_MAX]],
        node_info=core_v1.NodeSystemInfo(
            architecture=machine.architecture, boot_id=machine.boot_id, container_runtime_version=given.runtime_version,
            kernel_version=machine.kernel, kubelet_version=KUBERNETES_VERSION, machine_id=machine.machine_id,
            operating_system="linux", os_image=machine.os_image, system_uuid=machine.system_uuid,
        ),
        volumes_attached=before.volumes_attached, volumes_in_use=before.volumes_in_use,
        features=_features(given.runtime) if given.runtime is not None else before.features,
        runtime_handlers=_runtime_handlers(given.runtime) if given.runtime is not None else before.runtime_handlers,
    )


def status_patch(before: core_v1.NodeStatus, after: core_v1.NodeStatus) -> dict[str, Any]:
    """The strategic merge patch that makes one status of another; says nothing of what is equal, which others may change meanwhile."""
    old, new = to_document(before), to_document(after)
    patch = {name: content for name, content in new.items() if old.get(name) != content}
    for name in patch.keys() & {"capacity", "allocatable"}:
        known, wanted = old.get(name, {}), new[name]
        patch[name] = {key: wanted.get(key) for key in known.keys() | wanted.keys() if known.get(key) != wanted.get(key)}
    if "conditions" in patch:
        patch["conditions"] = [condition for condition in new["conditions"] if condition not in old.get("conditions", ())]
    return patch


def _features(runtime: runtime_v1.StatusResponse) -> core_v1.NodeFeatures | None:
    if not runtime.HasField("features"):
        return None
    return core_v1.NodeFeatures(supplemental_groups_policy=runtime.features.supplemental_groups_policy)


def _runtime_handlers(runtime: runtime_v1.StatusResponse) -> list[core_v1.NodeRuntimeHandler]:
    return [
        core_v1.NodeRuntimeHandler(name=item.name, features=core_v1.NodeRuntimeHandlerFeatures(
            recursive_read_only_mounts=item.features.recursive_read_only_mounts, user_namespaces=item.features.user_namespaces,
        ))
        for item in sorted(runtime.runtime_handlers, key=lambda item: item.name)
    ]


def conditions(given: NodeInput, before: Sequence[core_v1.NodeCondition], now: str) -> list[core_v1.NodeCondition]:
    """The agent's four conditions, after those of others."""
    measures, machine = given.measures, given.machine
    memory = measures.memory_available_bytes < MEMORY_AVAILABLE_MIN_BYTES
    disk = measures.disk_available_bytes < measures.disk_bytes * DISK_AVAILABLE_MIN or (
        measures.inodes > 0 and measures.inodes_free < measures.inodes * INODES_FREE_MIN
    )
    pids = machine.pids_max - measures.threads < machine.pids_max * PIDS_FREE_MIN
    own = [
        _pressure("MemoryPressure", memory, "KubeletHasInsufficientMemory", "kubelet has insufficient memory available",
                  "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        _pressure("DiskPressure", disk, "KubeletHasDiskPressure", "kubelet has disk pressure",
                  "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        _pressure("PIDPressure", pids, "KubeletHasInsufficientPID", "kubelet has insufficient PID available",
                  "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        core_v1.NodeCondition(type="Ready", status="True", reason="KubeletReady", message="kubelet is posting ready status")
        if not given.problem
        else core_v1.NodeCondition(type="Ready", status="False", reason="KubeletNotReady", message=given.problem),
    ]
    known = {condition.type: condition for condition in before}
    for condition in own:
        old = known.get(condition.type)
        condition.last_heartbeat_time = now
        same = old is not None and old.status == condition.status and old.last_transition_time
        condition.last_transition_time = old.last_transition_time if old is not None and same else now
    names = {condition.type for condition in own}
    return [condition for condition in before if condition.type not in names] + own


def without_heartbeat(status: core_v1.NodeStatus) -> core_v1.NodeStatus:
    """The status as far as a change of it is worth a write at once; shares nothing with the original's conditions."""
    lean = [
        core_v1.NodeCondition(type=item.type, status=item.status, reason=item.reason, message=item.message) for item in status.conditions
    ]
    return core_v1.NodeStatus(
        capacity=status.capacity, allocatable=status.allocatable, addresses=status.addresses, conditions=lean, images=status.images,
        node_info=status.node_info, daemon_endpoints=status.daemon_endpoints, features=status.features,
        runtime_handlers=status.runtime_handlers,
    )


def _pressure(kind: str, pressed: bool, bad: str, bad_text: str, good: str, good_text: str) -> core_v1.NodeCondition:
    return core_v1.NodeCondition(
        type=kind, status="True" if pressed else "False", reason=bad if pressed else good, message=bad_text if pressed else good_text
    )


def _image(image: runtime_v1.Image) -> core_v1.ContainerImage:
    return core_v1.ContainerImage(names=[*image.repo_digests, *image.repo_tags][:5], size_bytes=image.size)
