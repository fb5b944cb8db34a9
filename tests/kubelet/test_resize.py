"""Resizes in place: what is granted, what it takes for containers, and how it is told."""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apis import core_v1
from minikube_py.apis.scheme import from_document, to_document
from minikube_py.kubelet.actions import Health, compute_actions
from minikube_py.kubelet.container_status import Readiness, StatusInput
from minikube_py.kubelet.pod_state import PodState
from minikube_py.kubelet.pod_status import pod_status
from minikube_py.kubelet.resize import (
    InProgress,
    Pending,
    ResizePlan,
    allocation_of,
    conditions,
    event_message,
    has_allocation,
    infeasible,
    memory_limit_lowered,
    plan_resize,
    reported,
    with_allocation,
)
from minikube_py.kubelet.resources import CgroupLimits, widest
from minikube_py.kubelet.status_writer import status_patch

from .build import container, pod, runtime

SMALL = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "200m", "memory": "128Mi"}}


def sized(*resources: dict[str, Any], **container_fields: Any) -> core_v1.Pod:
    """A pod whose containers c0, c1... have such resources."""
    return pod({"containers": [
        {"name": f"c{index}", "image": "i", "resources": given, **container_fields} for index, given in enumerate(resources)
    ]})


def resources(document: dict[str, Any]) -> core_v1.ResourceRequirements:
    return from_document(core_v1.ResourceRequirements, document)


def test_a_pod_goes_by_what_it_was_given_whatever_it_asks_for() -> None:
    asks = sized({"requests": {"cpu": "1"}}, SMALL)
    given = with_allocation(asks, {"c0": resources({"requests": {"cpu": "500m"}})})
    assert [item.resources.requests["cpu"] for item in given.spec.containers] == ["500m", "100m"]
    assert with_allocation(asks, {"c0": resources({"requests": {"cpu": "1000m"}})}) is asks, "the same, spelled otherwise"
    state = PodState(sized({"requests": {"cpu": "500m"}}), start_time="")
    state.allocate({"c0": resources({"requests": {"cpu": "500m"}})})
    state.take(asks)
    assert (state.pod.spec.containers[0].resources.requests, state.desired) == ({"cpu": "500m"}, asks)


def test_what_a_pod_has_as_a_whole_is_granted_too() -> None:
    asks, before = ({"containers": [{"name": "app", "image": "i"}], "resources": {"limits": {"cpu": amount}}} for amount in ("2", "1"))
    had = pod(before)
    allocation = allocation_of(had)
    assert has_allocation(had, allocation) and with_allocation(had, allocation) is had
    assert not has_allocation(pod(asks), allocation)
    given = with_allocation(pod(asks), allocation).spec.resources
    assert given is not None and given.limits == {"cpu": "1"}


def test_a_restarted_agent_takes_what_containers_have_from_the_status() -> None:
    status = {"containerStatuses": [
        {"name": "app", "containerID": "containerd://1", "resources": SMALL, "image": "", "imageID": "", "ready": True, "restartCount": 0},
        {"name": "waits", "resources": SMALL, "image": "", "imageID": "", "ready": False, "restartCount": 0},
    ]}
    assert reported(pod(status=status)) == {"app": resources(SMALL)}


MORE_CPU = {"requests": {"cpu": "150m", "memory": "64Mi"}, "limits": SMALL["limits"]}


@pytest.mark.parametrize(("wanted", "policy", "plan"), [
    (SMALL, {}, ResizePlan()),
    ({**SMALL, "requests": {"cpu": "0.1", "memory": "64Mi"}}, {}, ResizePlan()),
    (MORE_CPU, {}, ResizePlan(update=("c0",))),
    (MORE_CPU, {"cpu": "RestartContainer"}, ResizePlan(frozenset({"c0"}))),
    (MORE_CPU, {"memory": "RestartContainer"}, ResizePlan(update=("c0",))),
])
def test_the_policy_of_what_changes_decides_about_a_restart(wanted: dict[str, Any], policy: dict[str, str], plan: ResizePlan) -> None:
    of = sized(wanted, resizePolicy=[{"resourceName": name, "restartPolicy": how} for name, how in policy.items()])
    assert plan_resize(of, runtime(container("c0", "running")), {"c0": resources(SMALL)}) == plan


def test_who_gets_less_gives_it_up_before_others_get_more() -> None:
    less, more = {"requests": {"cpu": "50m"}}, {"requests": {"cpu": "200m"}}
    before = resources({"requests": {"cpu": "100m"}})
    of = sized(more, less, more)
    state = runtime(container("c0", "running"), container("c1", "running"), container("c2", "exited"))
    assert plan_resize(of, state, {"c0": before, "c1": before, "c2": before}).update == ("c1", "c0"), "what does not run is started with it"


def test_a_container_whose_resize_needs_it_is_restarted() -> None:
    of = sized(SMALL)
    actions = compute_actions(of, runtime(container("c0", "running", of=of)), lambda info: Health(), ResizePlan(frozenset({"c0"})))
    assert [kill.message for kill in actions.kill] == ["Container c0 resize requires restart"]
    assert actions.start == ["c0"] and not actions.kill_pod


@pytest.mark.parametrize(("wanted", "text"), [
    ({"cpu": "2", "memory": "1Gi"}, ""),
    ({"cpu": "2001m", "memory": "1Gi"}, "Node didn't have enough capacity: cpu, requested: 2001, capacity: 2000"),
    ({"cpu": "3", "memory": "2Gi"}, "Node didn't have enough capacity: memory, requested: 2147483648, capacity: 1073741824"),
])
def test_what_a_node_could_never_give_is_infeasible(wanted: dict[str, str], text: str) -> None:
    assert infeasible(sized({"requests": wanted}), {"cpu": "2", "memory": "1Gi"}) == text


@pytest.mark.parametrize(("wanted", "has", "limit"), [
    ("64Mi", "128Mi", 64 << 20), ("128Mi", "64Mi", None), ("64Mi", None, 64 << 20), (None, None, None),
])
def test_a_lower_limit_of_memory_is_noticed(wanted: str | None, has: str | None, limit: int | None) -> None:
    one, other = (resources({"limits": {"memory": text}} if text else {}) for text in (wanted, has))
    assert memory_limit_lowered(one, other) == limit


def test_a_cgroup_lets_through_what_either_side_of_a_resize_needs() -> None:
    assert widest(CgroupLimits(2, 1000, None, None), CgroupLimits(4, 500, 1, None)) == CgroupLimits(4, 1000, None, None)


def test_conditions_and_resources_tell_how_a_resize_stands_and_go_with_it() -> None:
    of = sized(SMALL)
    has = {"c0": resources({"requests": {"cpu": "50m", "memory": "64Mi"}})}
    pending, progress = Pending("Deferred", "full", 3), InProgress(2, "broken")
    given = StatusInput(of, runtime(container("c0", "running")), {}, lambda info: Readiness(True, True), actual=has,
                        resize=conditions(pending, progress))
    status = pod_status(given, node_ip="192.0.2.1", start_time="t", now="t")
    assert [(c.type, c.status, c.reason, c.message, c.observed_generation) for c in status.conditions[:2]] == [
        ("PodResizePending", "True", "Deferred", "full", 3), ("PodResizeInProgress", "True", "Error", "broken", 2),
    ]
    shown = status.container_statuses[0]
    assert (shown.resources, shown.allocated_resources) == (has["c0"], SMALL["requests"])
    of.status = status
    after = pod_status(StatusInput(of, runtime(container("c0", "running")), {}, lambda info: Readiness(True, True)),
                       node_ip="192.0.2.1", start_time="t", now="t")
    assert not [c for c in after.conditions if c.type.startswith("PodResize")]
    assert status_patch(status, after)["conditions"] == [
        {"$patch": "delete", "type": "PodResizeInProgress"}, {"$patch": "delete", "type": "PodResizePending"},
    ]
    assert to_document(after)["containerStatuses"][0]["resources"] == SMALL


def test_events_tell_of_all_containers() -> None:
    of = pod({"initContainers": [{"name": "i", "image": "i"}], "containers": [{"name": "a", "image": "i", "resources": SMALL}]})
    assert event_message("error", of, 3, "why") == (
        'Pod resize error: {"initContainers":[{"name":"i","resources":{}}],"containers":[{"name":"a","resources":'
        '{"limits":{"cpu":"200m","memory":"128Mi"},"requests":{"cpu":"100m","memory":"64Mi"}}}],"generation":3,"error":"why"}'
    )
