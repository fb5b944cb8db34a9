"""Phase, conditions and container states as the API shows them."""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apis import core_v1
from minikube_py.kubelet.container_status import Reasons
from minikube_py.kubelet.pod_status import keep_transition_times, pod_status, refused_status
from minikube_py.kubelet.runtime_state import ContainerInfo
from minikube_py.kubelet.status_writer import status_patch

from .build import container, given, pod, runtime

NOW = "2026-01-01T00:00:00Z"
LATER = "2026-01-01T00:01:00Z"
INIT = {"initContainers": [{"name": "setup", "image": "i"}]}


def status_of(
    of: core_v1.Pod, *containers: ContainerInfo, reasons: Reasons | None = None, ready: bool = True, terminal: bool = False, now: str = NOW
) -> core_v1.PodStatus:
    """The status of a pod with these containers in a ready sandbox."""
    state = given(of, runtime(*containers), reasons=reasons, ready=ready, terminal=terminal)
    return pod_status(state, node_ip="192.0.2.1", start_time=NOW, now=now)


def conditions(status: core_v1.PodStatus) -> dict[str, tuple[str, str]]:
    return {condition.type: (condition.status, condition.reason) for condition in status.conditions}


APP_RUNS = ("app", "running", 0)


@pytest.mark.parametrize(("spec", "state", "terminal", "phase"), [
    ({}, [], False, "Pending"),
    ({}, [APP_RUNS], False, "Running"),
    ({}, [("app", "exited", 0)], False, "Running"),
    ({}, [("app", "exited", 1)], False, "Running"),
    ({"restartPolicy": "OnFailure"}, [("app", "exited", 0)], False, "Succeeded"),
    ({"restartPolicy": "OnFailure"}, [("app", "exited", 1)], False, "Running"),
    ({"restartPolicy": "Never"}, [("app", "exited", 0)], False, "Succeeded"),
    ({"restartPolicy": "Never"}, [("app", "exited", 1)], False, "Failed"),
    (INIT, [("setup", "running", 0)], False, "Pending"),
    (INIT, [("setup", "exited", 1)], False, "Pending"),
    (INIT, [("setup", "exited", 0)], False, "Pending"),
    (INIT, [("setup", "exited", 0), APP_RUNS], False, "Running"),
    ({**INIT, "restartPolicy": "Never"}, [("setup", "exited", 1)], False, "Failed"),
    ({}, [("app", "exited", 0)], True, "Succeeded"),
    ({}, [("app", "exited", 143)], True, "Failed"),
    ({"containers": [{"name": "app"}, {"name": "b"}]}, [APP_RUNS], False, "Pending"),
    ({"containers": [{"name": "app"}, {"name": "b"}], "restartPolicy": "Never"}, [APP_RUNS, ("b", "exited", 1)], False, "Running"),
    ({"restartPolicy": "Never", "containers": [{"name": "app", "restartPolicy": "OnFailure"}]}, [("app", "exited", 1)], False, "Running"),
    ({"containers": [{"name": "app", "restartPolicy": "Never"}]}, [("app", "exited", 0)], False, "Succeeded"),
    ({"initContainers": [{"name": "setup", "restartPolicy": "Never"}]}, [("setup", "exited", 1)], False, "Failed"),
    ({"initContainers": [{"name": "setup", "restartPolicy": "OnFailure"}], "restartPolicy": "Never"}, [("setup", "exited", 1)], False,
     "Pending"),
])
def test_the_phase_follows_from_the_containers(spec: dict[str, Any], state: list[tuple[str, Any, int]], terminal: bool, phase: str) -> None:
    infos = [container(name, kind, code=code) for name, kind, code in state]
    assert status_of(pod(spec), *infos, terminal=terminal).phase == phase


def test_a_phase_that_is_final_stays() -> None:
    of = pod({"restartPolicy": "Never"}, status={"phase": "Failed"})
    assert status_of(of, container("app", "exited", code=0)).phase == "Failed"


def test_a_running_ready_pod_has_all_conditions() -> None:
    status = status_of(pod(), container("app", "running"))
    assert conditions(status) == {
        "PodReadyToStartContainers": ("True", ""), "Initialized": ("True", ""), "Ready": ("True", ""), "ContainersReady": ("True", ""),
        "PodScheduled": ("True", ""),
    }
    assert [condition.observed_generation for condition in status.conditions] == [1] * 5
    assert (status.pod_ip, status.host_ip, status.qos_class, status.observed_generation) == ("10.42.0.7", "192.0.2.1", "BestEffort", 1)
    shown = status.container_statuses[0]
    assert (shown.ready, shown.started, shown.container_id) == (True, True, "containerd://app-0")


def test_an_unready_container_is_named() -> None:
    status = status_of(pod(), container("app", "running"), ready=False)
    ready = next(condition for condition in status.conditions if condition.type == "Ready")
    assert (ready.status, ready.reason, ready.message) == ("False", "ContainersNotReady", "containers with unready status: [app]")


def test_an_incomplete_init_container_is_named() -> None:
    status = status_of(pod(INIT), container("setup", "running"))
    found = next(condition for condition in status.conditions if condition.type == "Initialized")
    assert (found.status, found.reason, found.message) == (
        "False", "ContainersNotInitialized", "containers with incomplete status: [setup]"
    )
    assert status.container_statuses[0].state.waiting.reason == "PodInitializing"


def test_a_readiness_gate_holds_a_pod_back() -> None:
    gates = {"readinessGates": [{"conditionType": "example.com/gate"}]}
    status = status_of(pod(gates), container("app", "running"))
    ready = next(condition for condition in status.conditions if condition.type == "Ready")
    assert (ready.reason, ready.message) == (
        "ReadinessGatesNotReady", 'corresponding condition of pod readiness gate "example.com/gate" does not exist.'
    )
    passed = pod(gates, status={"conditions": [{"type": "example.com/gate", "status": "True"}]})
    status = status_of(passed, container("app", "running"))
    assert conditions(status)["Ready"] == ("True", "")
    assert conditions(status)["example.com/gate"] == ("True", "")


def test_a_completed_pod_says_so() -> None:
    status = status_of(pod({"restartPolicy": "Never"}), container("app", "exited"), terminal=True)
    assert conditions(status)["Initialized"] == ("True", "PodCompleted")
    assert conditions(status)["Ready"] == ("False", "PodCompleted")


def test_a_container_that_waits_shows_its_end_as_its_last_state() -> None:
    why = {"app": ("CrashLoopBackOff", "back-off 10s")}
    shown = status_of(pod(), container("app", "exited", code=3, reason="Error"), reasons=why).container_statuses[0]
    assert (shown.state.waiting.reason, shown.last_state.terminated.exit_code) == ("CrashLoopBackOff", 3)


def test_a_restarted_container_shows_the_one_before() -> None:
    shown = status_of(pod(), container("app", "exited", code=137, reason="OOMKilled"), container("app", "running", attempt=1))
    assert shown.container_statuses[0].last_state.terminated.reason == "OOMKilled"
    assert shown.container_statuses[0].restart_count == 1


def test_conditions_of_others_are_left_to_them() -> None:
    """They may have changed since the pod in hand was read."""
    def status(gate: str, ready: str) -> core_v1.PodStatus:
        return core_v1.PodStatus(conditions=[
            core_v1.PodCondition(type="example.com/gate", status=gate), core_v1.PodCondition(type="Ready", status=ready)])

    assert status_patch(status("True", "True"), status("False", "True")) == {}
    changed = status_patch(status("True", "True"), status("False", "False"))["conditions"]
    assert [(condition["type"], condition["status"]) for condition in changed] == [("Ready", "False")]


def test_a_container_that_vanished_is_shown_as_lost() -> None:
    of = pod(status={"containerStatuses": [{"name": "app", "restartCount": 2, "containerID": "containerd://x", "image": "i", "imageID": "",
                                            "ready": True, "state": {"running": {"startedAt": NOW}}}]})
    shown = status_of(of).container_statuses[0]
    assert (shown.restart_count, shown.last_state.terminated.reason, shown.last_state.terminated.exit_code) == (
        3, "ContainerStatusUnknown", 137
    )


TWO_INITS = {"restartPolicy": "Never", "initContainers": [{"name": "first", "image": "i"}, {"name": "second", "image": "i"}]}


def test_a_failed_init_container_leaves_those_after_it_waiting() -> None:
    status = status_of(pod(TWO_INITS), container("first", "exited", code=1), terminal=True)
    assert status.phase == "Failed"
    for waiting in (status.init_container_statuses[1], status.container_statuses[0]):
        assert waiting.state.waiting is not None and waiting.state.waiting.reason == "PodInitializing"
    found = next(condition for condition in status.conditions if condition.type == "Initialized")
    assert (found.status, found.message) == ("False", "containers with incomplete status: [first second]")


def test_a_container_of_which_nothing_is_known_at_the_end_is_shown_as_lost() -> None:
    status = status_of(pod(TWO_INITS), container("second", "exited"), terminal=True)
    for lost in (status.init_container_statuses[0], status.container_statuses[0]):
        assert (lost.state.terminated.reason, lost.state.terminated.exit_code) == ("ContainerStatusUnknown", 137)
        assert lost.state.terminated.message == "The container could not be located when the pod was terminated"


def test_an_ephemeral_container_is_neither_ready_nor_started() -> None:
    of = pod({"ephemeralContainers": [{"name": "debug", "image": "i"}]})
    shown = status_of(of, container("app", "running"), container("debug", "running")).ephemeral_container_statuses[0]
    assert shown.state.running is not None
    assert (shown.ready, shown.started) == (False, None)


def test_a_condition_keeps_its_time_until_its_status_changes() -> None:
    first = status_of(pod(), container("app", "running"), ready=False)
    of = pod()
    of.status = first
    second = status_of(of, container("app", "running"), now=LATER)
    times = {condition.type: condition.last_transition_time for condition in second.conditions}
    assert (times["Initialized"], times["Ready"]) == (NOW, LATER)
    third = status_of(pod(), container("app", "running"), now="2026-01-01T00:02:00Z")
    keep_transition_times(third, second)
    assert {condition.type: condition.last_transition_time for condition in third.conditions} == times


def test_only_what_differs_is_written() -> None:
    first = status_of(pod(), container("app", "running"), ready=False)
    assert status_patch(first, first) == {}
    of = pod()
    of.status = first
    patch = status_patch(first, status_of(of, container("app", "running"), now=LATER))
    assert sorted(patch) == ["conditions", "containerStatuses"]
    ready = next(condition for condition in patch["conditions"] if condition["type"] == "Ready")
    assert (ready["reason"], ready["message"]) == (None, None)
    assert sorted(condition["type"] for condition in patch["conditions"]) == ["ContainersReady", "Ready"]


def test_own_conditions_go_when_the_node_refuses_the_pod_and_those_of_others_stay() -> None:
    of = pod()
    of.status.conditions = [core_v1.PodCondition(type=kind, status="True") for kind in ("PodScheduled", "DisruptionTarget")]
    patch = status_patch(of.status, refused_status(of, NOW, ("OutOfcpu", "Pod was rejected: x")))
    assert patch["conditions"] == [{"$patch": "delete", "type": "PodScheduled"}]
    assert patch["phase"] == "Failed" and patch["reason"] == "OutOfcpu" and "containerStatuses" not in patch
