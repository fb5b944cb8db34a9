"""Pods and runtime states for pure tests."""

from __future__ import annotations

from typing import Any

from minikube_py.apis import core_v1
from minikube_py.apis.scheme import from_document
from minikube_py.kubelet.container_status import Readiness, Reasons, StatusInput
from minikube_py.kubelet.naming import container_hash
from minikube_py.kubelet.runtime_state import ContainerInfo, ContainerPhase, PodRuntime, SandboxInfo

SANDBOX = SandboxInfo("box", ready=True, ips=("10.42.0.7",), created_at_ns=1)


def pod(spec: dict[str, Any] | None = None, *, status: dict[str, Any] | None = None, **meta: Any) -> core_v1.Pod:
    """A pod with one container "app" unless the spec says otherwise."""
    return from_document(core_v1.Pod, {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "ns", "uid": "u", "generation": 1, **meta},
        "spec": {"restartPolicy": "Always", "containers": [{"name": "app", "image": "i"}], **(spec or {})}, "status": status or {},
    })


def container(
    name: str, phase: ContainerPhase, *, of: core_v1.Pod | None = None, code: int = 0, attempt: int = 0, sandbox: str = "box", **more: Any
) -> ContainerInfo:
    """A container of the runtime; with `of` it has the hash of its spec there."""
    spec = next((item for item in [*of.spec.containers, *of.spec.init_containers] if item.name == name), None) if of else None
    return ContainerInfo(
        id=f"{name}-{attempt}", name=name, sandbox_id=sandbox, phase=phase, attempt=attempt, exit_code=code, created_at_ns=attempt + 2,
        started_at_ns=10**9, finished_at_ns=2 * 10**9 if phase == "exited" else 0, image="i", image_ref="sha256:1",
        spec_hash=container_hash(spec) if spec is not None else "", **more,
    )


def runtime(*containers: ContainerInfo, sandboxes: tuple[SandboxInfo, ...] = (SANDBOX,)) -> PodRuntime:
    """The runtime's state of the pod, newest containers first."""
    return PodRuntime("u", "p", "ns", sandboxes, tuple(sorted(containers, key=lambda info: info.created_at_ns, reverse=True)))


def given(of: core_v1.Pod, state: PodRuntime, *, reasons: Reasons | None = None, ready: bool = True, terminal: bool = False) -> StatusInput:
    """What a status is computed from; every running container has started and is as ready as said."""
    return StatusInput(of, state, reasons or {}, lambda info: Readiness(True, ready), terminal)
