"""Pure rules of DaemonSets: which nodes get a pod, and what such a pod looks like.

Source: pkg/controller/daemon/daemon_controller.go (NodeShouldRunDaemonPod), pkg/controller/daemon/util/daemonset_util.go.
"""

from __future__ import annotations

from minikube_py.apis.apps_v1 import DaemonSet
from minikube_py.apis.core_v1 import (
    Affinity,
    Node,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    Pod,
    PodSpec,
    Toleration,
)
from minikube_py.apis.defaults.apps import TEMPLATE_GENERATION
from minikube_py.apis.node_affinity import matches_node
from minikube_py.apis.tolerations import tolerates

from ..history import HASH_LABEL
from ..pod_control import pod_from_template
from ..status import scaled

_NODE = "node.kubernetes.io/"
_NAME_FIELD = "metadata.name"
_TOLERATIONS = (
    ("not-ready", "NoExecute"), ("unreachable", "NoExecute"), ("disk-pressure", "NoSchedule"), ("memory-pressure", "NoSchedule"),
    ("pid-pressure", "NoSchedule"), ("unschedulable", "NoSchedule"),
)


def tolerations_of(spec: PodSpec) -> list[Toleration]:
    """The pod's tolerations and those that every daemon pod has: it runs on nodes that are cordoned, under pressure or lost."""
    wanted = [*_TOLERATIONS, ("network-unavailable", "NoSchedule")] if spec.host_network else list(_TOLERATIONS)
    own = [Toleration(key=_NODE + key, operator="Exists", effect=effect) for key, effect in wanted]
    return [*spec.tolerations, *(row for row in own if row not in spec.tolerations)]


def should_run(ds: DaemonSet, node: Node) -> tuple[bool, bool]:
    """Whether a pod is to be made on the node, and whether one that is there may stay."""
    spec = ds.spec.template.spec
    if spec.node_name and spec.node_name != node.metadata.name:
        return False, False
    if not matches_node(spec, node):
        return False, False
    rows = tolerations_of(spec)
    refused = [
        taint for taint in node.spec.taints
        if taint.effect in ("NoSchedule", "NoExecute") and not any(tolerates(row, taint) for row in rows)
    ]
    return not refused, all(taint.effect != "NoExecute" for taint in refused)


def make_pod(ds: DaemonSet, node: str, hash_: str) -> Pod:
    """A pod of the set that the scheduler can bind to `node` alone."""
    pod = pod_from_template(ds.spec.template, ds)
    pod.metadata.labels = {**pod.metadata.labels, HASH_LABEL: hash_}
    generation = ds.metadata.annotations.get(TEMPLATE_GENERATION)
    if generation:
        pod.metadata.labels["pod-template-generation"] = generation
    pod.spec.tolerations = tolerations_of(pod.spec)
    affinity = pod.spec.affinity or Affinity()
    node_affinity = affinity.node_affinity or NodeAffinity()
    field = NodeSelectorRequirement(key=_NAME_FIELD, operator="In", values=[node])
    node_affinity.required_during_scheduling_ignored_during_execution = NodeSelector(
        node_selector_terms=[NodeSelectorTerm(match_fields=[field])]
    )
    affinity.node_affinity = node_affinity
    pod.spec.affinity = affinity
    return pod


def node_of(pod: Pod) -> str:
    """The node that a daemon pod runs on, or is meant for; "" if it names none."""
    if pod.spec.node_name or pod.spec.affinity is None or pod.spec.affinity.node_affinity is None:
        return pod.spec.node_name
    required = pod.spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
    for term in required.node_selector_terms if required is not None else ():
        for row in term.match_fields:
            if row.key == _NAME_FIELD and row.operator == "In" and len(row.values) == 1:
                return row.values[0]
    return ""


def is_updated(ds: DaemonSet, pod: Pod, hash_: str) -> bool:
    generation = ds.metadata.annotations.get(TEMPLATE_GENERATION)
    labels = pod.metadata.labels
    return labels.get(HASH_LABEL) == hash_ or (generation is not None and labels.get("pod-template-generation") == generation)


def bounds(ds: DaemonSet, desired: int) -> tuple[int, int]:
    """maxSurge and maxUnavailable; both are rounded up, and not both zero."""
    strategy = ds.spec.update_strategy
    rolling = strategy.rolling_update
    if strategy.type == "OnDelete":
        return 0, 0
    surge = scaled(rolling.max_surge if rolling else 0, desired, round_up=True)
    unavailable = scaled(rolling.max_unavailable if rolling and rolling.max_unavailable is not None else 1, desired, round_up=True)
    return (surge, unavailable) if surge or unavailable else (0, 1)
