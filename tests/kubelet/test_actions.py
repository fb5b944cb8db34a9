"""Which containers are started and stopped, given spec and state."""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.kubelet.actions import Health, compute_actions
from minikube_py.kubelet.runtime_state import SandboxInfo

from .build import SANDBOX, container, pod, runtime

INIT = {"initContainers": [{"name": "first", "image": "i"}, {"name": "second", "image": "i"}]}
SIDE = {"initContainers": [{"name": "side", "image": "i", "restartPolicy": "Always"}]}
OLD = SandboxInfo("box", ready=False, attempt=3, ips=("10.42.0.7",))


def well(_: Any) -> Health:
    return Health()


def test_a_new_pod_gets_a_sandbox_and_its_containers() -> None:
    actions = compute_actions(pod({"containers": [{"name": "a"}, {"name": "b"}]}), runtime(sandboxes=()), well)
    assert (actions.create_sandbox, actions.attempt, actions.start) == (True, 0, ["a", "b"])


def test_a_new_pod_starts_only_its_first_init_container() -> None:
    actions = compute_actions(pod(INIT), runtime(sandboxes=()), well)
    assert (actions.create_sandbox, actions.start) == (True, ["first"])


@pytest.mark.parametrize(("state", "start"), [
    ([], ["first"]),
    ([("first", "running", 0)], []),
    ([("first", "exited", 0)], ["second"]),
    ([("first", "exited", 1)], ["first"]),
    ([("first", "exited", 0), ("second", "exited", 0)], ["app"]),
])
def test_init_containers_run_one_after_another(state: list[tuple[str, Any, int]], start: list[str]) -> None:
    actions = compute_actions(pod(INIT), runtime(*(container(name, phase, code=code) for name, phase, code in state)), well)
    assert (actions.kill_pod, actions.start) == (False, start)


def test_a_failed_init_container_ends_a_pod_that_never_restarts() -> None:
    actions = compute_actions(pod({**INIT, "restartPolicy": "Never"}), runtime(container("first", "exited", code=1)), well)
    assert actions.kill_pod and not actions.create_sandbox and not actions.start


def test_a_new_sandbox_runs_init_containers_anew() -> None:
    state = runtime(container("first", "exited"), container("second", "exited"), container("app", "exited"), sandboxes=(OLD,))
    actions = compute_actions(pod(INIT), state, well)
    assert (actions.kill_pod, actions.create_sandbox, actions.attempt, actions.start) == (True, True, 4, ["first"])
    fresh = SandboxInfo("new", ready=True, attempt=4, ips=("10.42.0.8",))
    again = compute_actions(pod(INIT), runtime(*state.containers, sandboxes=(fresh, OLD)), well)
    assert again.start == ["first"]


@pytest.mark.parametrize(("policy", "code", "starts", "ends"), [
    ("Always", 0, True, False), ("Always", 1, True, False), ("OnFailure", 0, False, True), ("OnFailure", 1, True, False),
    ("Never", 0, False, True), ("Never", 1, False, True),
])
def test_the_restart_policy_decides_about_a_container_that_ended(policy: str, code: int, starts: bool, ends: bool) -> None:
    actions = compute_actions(pod({"restartPolicy": policy}), runtime(container("app", "exited", code=code)), well)
    assert (actions.start == ["app"], actions.kill_pod) == (starts, ends)


RULES = {"restartPolicy": "Never", "restartPolicyRules": [
    {"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}},
    {"action": "Restart", "exitCodes": {"operator": "NotIn", "values": [0, 1, 42]}},
]}


@pytest.mark.parametrize(("own", "policy", "code", "starts"), [
    ({"restartPolicy": "Always"}, "Never", 0, True), ({"restartPolicy": "Never"}, "Always", 1, False),
    ({"restartPolicy": "OnFailure"}, "Never", 1, True), ({"restartPolicy": "OnFailure"}, "Always", 0, False),
    (RULES, "Always", 42, True), (RULES, "Always", 1, False), (RULES, "Always", 0, False), (RULES, "Never", 7, True),
])
def test_a_containers_own_policy_and_rules_decide_before_the_pods(own: dict[str, Any], policy: str, code: int, starts: bool) -> None:
    of = pod({"restartPolicy": policy, "containers": [{"name": "app", "image": "i", **own}]})
    actions = compute_actions(of, runtime(container("app", "exited", code=code)), lambda info: Health())
    assert (actions.start == ["app"], actions.kill_pod) == (starts, not starts)


def test_a_running_pod_is_left_alone() -> None:
    wanted = pod()
    assert compute_actions(wanted, runtime(container("app", "running", of=wanted)), well).none


def test_a_container_whose_image_changed_is_replaced() -> None:
    before, after = pod(), pod({"containers": [{"name": "app", "image": "other"}]})
    actions = compute_actions(after, runtime(container("app", "running", of=before)), well)
    assert [kill.message for kill in actions.kill] == ["Container app definition changed, will be restarted"]
    assert actions.start == ["app"]


@pytest.mark.parametrize(("health", "message"), [
    (Health(live=False), "Container app failed liveness probe, will be restarted"),
    (Health(started=False, startup_failed=True), "Container app failed startup probe, will be restarted"),
])
def test_an_unhealthy_container_is_restarted(health: Health, message: str) -> None:
    wanted = pod()
    actions = compute_actions(wanted, runtime(container("app", "running", of=wanted)), lambda _: health)
    assert ([kill.message for kill in actions.kill], actions.start) == ([message], ["app"])


def test_a_sidecar_starts_before_the_app_and_must_have_started() -> None:
    wanted = pod(SIDE)
    assert compute_actions(wanted, runtime(), well).start == ["side"]
    state = runtime(container("side", "running", of=wanted))
    assert compute_actions(wanted, state, lambda _: Health(started=False)).start == []
    assert compute_actions(wanted, state, well).start == ["app"]


def test_a_sidecar_that_ended_is_started_while_the_app_runs() -> None:
    wanted = pod({**SIDE, "restartPolicy": "Never"})
    state = runtime(container("side", "exited", code=0), container("app", "running", of=wanted))
    actions = compute_actions(wanted, state, well)
    assert (actions.start, actions.kill_pod) == (["side"], False)


def test_a_pod_whose_app_is_done_ends_with_its_sidecars() -> None:
    wanted = pod({**SIDE, "restartPolicy": "Never"})
    state = runtime(container("side", "running", of=wanted), container("app", "exited"))
    assert compute_actions(wanted, state, well).kill_pod


def test_a_lost_sandbox_is_replaced_unless_the_pod_never_restarts() -> None:
    state = runtime(container("app", "exited", code=137), sandboxes=(OLD,))
    assert compute_actions(pod(), state, well).create_sandbox
    assert not compute_actions(pod({"restartPolicy": "Never"}), state, well).create_sandbox


def test_an_ephemeral_container_is_started_once() -> None:
    wanted = pod({"ephemeralContainers": [{"name": "debug", "image": "i"}]})
    app = container("app", "running", of=wanted)
    assert compute_actions(wanted, runtime(app, sandboxes=(SANDBOX,)), well).start == ["debug"]
    assert compute_actions(wanted, runtime(app, container("debug", "exited", code=1)), well).start == []
