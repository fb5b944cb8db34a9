"""Binding of pods to nodes: what schedulers post, once for each pod.

A binding names its pod, and may say by uid and resourceVersion which one it means. Its annotations and labels become the pod's.
Source: pkg/registry/core/pod/storage/storage.go (BindingREST, LegacyBindingREST)
"""

from __future__ import annotations

from minikube_py.apis import meta_v1
from minikube_py.apis.core_v1 import Binding, Pod, PodCondition
from minikube_py.apis.validation.causes import not_supported, required
from minikube_py.core.clock import rfc3339
from minikube_py.core.errors import BadRequestError, UnreasonedError, aggregate, conflict

from .context import Context
from .identity import check_identity
from .patching import change_transform
from .registry import Registry


class Bindings:
    """Binds the pods of a registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._pods = registry.storage_of(Pod)

    async def bind(self, namespace: str, name: str, binding: Binding, context: Context) -> meta_v1.Status:
        """Give a pod its node.

        Raises: BadRequestError, NotFoundError; UnreasonedError for a target that is none; ConflictError for a pod that is another than
            the one meant, that has a node or may not have one yet, or that goes.
        """
        meta = binding.metadata
        if meta.name != name:
            raise BadRequestError("name in URL does not match name in Binding object")
        node_name, now = _node_of(binding), rfc3339(self._registry.clock.now())

        def change(pod: Pod) -> None:
            check_identity(self._pods, pod, uid=meta.uid, resource_version=meta.resource_version)
            _check_unbound(pod)
            pod.spec.node_name = node_name
            # The hint has done its work.
            pod.status.nominated_node_name = ""
            pod.metadata.annotations |= meta.annotations
            pod.metadata.labels |= meta.labels
            _mark_scheduled(pod, now)

        await self._registry.update(
            self._pods, namespace, name, change_transform(change), context, subresource="binding",
            tracked=True,  # As upstream, nobody is said to have set what a binding sets.
        )
        return meta_v1.Status(kind="Status", api_version="v1", status="Success", code=201)


def _node_of(binding: Binding) -> str:
    """The name of the node that a binding is to. Raises: UnreasonedError. Upstream gives no reason here."""
    target = binding.target
    causes = []
    if target.kind not in ("", "Node"):
        causes.append(not_supported("target.kind", target.kind, ("Node", "<empty>")))
    if not target.name:
        causes.append(required("target.name", ""))
    if causes:
        raise UnreasonedError(aggregate(causes))
    return target.name


def _check_unbound(pod: Pod) -> None:
    """Raises: ConflictError."""
    name, why = pod.metadata.name, ""
    if pod.metadata.deletion_timestamp:
        why = f"pod {name} is being deleted, cannot be assigned to a host"
    elif pod.spec.node_name:
        why = f'pod {name} is already assigned to node "{pod.spec.node_name}"'
    elif pod.spec.scheduling_gates:
        why = f"pod {name} has non-empty .spec.schedulingGates"
    if why:
        raise conflict("", "pods/binding", name, why)


def _mark_scheduled(pod: Pod, now: str) -> None:
    """Set the condition PodScheduled, in its place, and its time if it was not true before."""
    conditions = pod.status.conditions
    place = next((number for number, known in enumerate(conditions) if known.type == "PodScheduled"), len(conditions))
    known = conditions[place : place + 1]
    since = known[0].last_transition_time if known and known[0].status == "True" else now
    scheduled = PodCondition(type="PodScheduled", status="True", last_transition_time=since)
    pod.status.conditions = [*conditions[:place], scheduled, *conditions[place + 1 :]]
