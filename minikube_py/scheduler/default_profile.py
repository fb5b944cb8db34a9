"""The profile "default-scheduler": upstream's plugins, order and weights.

Source: pkg/scheduler/apis/config/v1/default_plugins.go
"""

from __future__ import annotations

from collections.abc import Mapping

from minikube_py.apis import apps_v1, core_v1, policy_v1
from minikube_py.apis.labels import Requirement, Selector, from_label_selector
from minikube_py.client.informer import Informer, Informers
from minikube_py.client.interface import Client

from .cache import Cache
from .framework import Profile
from .plugins.inter_pod_affinity import InterPodAffinity
from .plugins.node_constraints import NodeAffinity, NodeName, NodeUnschedulable, TaintToleration
from .plugins.node_resources import ImageLocality, NodePorts, NodeResourcesBalancedAllocation, NodeResourcesFit
from .plugins.preemption import DefaultPreemption
from .plugins.queueing import DefaultBinder, PrioritySort, SchedulingGates
from .plugins.topology_spread import PodTopologySpread
from .plugins.volume_binding import VolumeBinding
from .pod_counts import PodCounts

DEFAULT_SCHEDULER = "default-scheduler"
WEIGHTS = {"TaintToleration": 3, "NodeAffinity": 2, "PodTopologySpread": 2, "InterPodAffinity": 2}
_NAMESPACE = "namespace"


def default_profile(client: Client, informers: Informers, cache: Cache, name: str = DEFAULT_SCHEDULER) -> Profile:
    """Build the plugins; the informers that they need are made here and run by whoever runs `informers`."""
    owners = OwnersSelector(informers)
    namespaces = informers.of(core_v1.Namespace)
    budgets = informers.of(policy_v1.PodDisruptionBudget)
    budgets.add_index(_NAMESPACE, lambda budget: (budget.metadata.namespace,))

    def namespace_labels(namespace: str) -> Mapping[str, str]:
        found = namespaces.get(namespace)
        return found.metadata.labels if found is not None else {}

    plugins = [
        SchedulingGates(), PrioritySort(), NodeUnschedulable(), NodeName(), TaintToleration(), NodeAffinity(), NodePorts(),
        NodeResourcesFit(), VolumeBinding(client, informers), PodTopologySpread(cache, PodCounts(cache), owners.of),
        InterPodAffinity(cache, namespace_labels), DefaultPreemption(cache, lambda namespace: budgets.by_index(_NAMESPACE, namespace)),
        NodeResourcesBalancedAllocation(), ImageLocality(cache), DefaultBinder(client),
    ]
    return Profile(name, plugins, dict(WEIGHTS))


class OwnersSelector:
    """What the services and the controller of a pod select.

    Source: pkg/scheduler/framework/plugins/helper/spread.go (DefaultSelector)
    """

    def __init__(self, informers: Informers) -> None:
        self._services: Informer[core_v1.Service] = informers.of(core_v1.Service)
        self._services.add_index(_NAMESPACE, lambda service: (service.metadata.namespace,))
        self._controllers = informers.of(core_v1.ReplicationController)
        self._replica_sets = informers.of(apps_v1.ReplicaSet)
        self._stateful_sets = informers.of(apps_v1.StatefulSet)

    def of(self, pod: core_v1.Pod) -> Selector | None:
        """The conjunction of those selectors, or None if there are none."""
        labels: dict[str, str] = {}
        for service in self._services.by_index(_NAMESPACE, pod.metadata.namespace):
            selector = service.spec.selector
            if selector and selector.items() <= pod.metadata.labels.items():
                labels.update(selector)
        more: tuple[Requirement, ...] = ()
        owner = next((owner for owner in pod.metadata.owner_references if owner.controller), None)
        if owner is not None:
            namespace = pod.metadata.namespace
            if owner.kind == "ReplicationController":
                controller = self._controllers.get(owner.name, namespace)
                labels.update(controller.spec.selector if controller is not None else {})
            elif owner.kind in ("ReplicaSet", "StatefulSet"):
                informer: Informer[apps_v1.ReplicaSet] | Informer[apps_v1.StatefulSet]
                informer = self._replica_sets if owner.kind == "ReplicaSet" else self._stateful_sets
                found = informer.get(owner.name, namespace)
                more = from_label_selector(found.spec.selector).requirements if found is not None else ()
        requirements = [*(Requirement(key, "=", (value,)) for key, value in labels.items()), *more]
        return Selector(requirements) if requirements else None
