"""What `kubectl get pods` says of a pod in each of its states."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from minikube_py.apis import core_v1, scheme
from minikube_py.apiserver.printers.pods import pod_cells, pod_conditions

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def ago(**delta: int) -> str:
    return (NOW - timedelta(**delta)).strftime("%Y-%m-%dT%H:%M:%SZ")


def pod(status: dict[str, Any], *, init: list[dict[str, Any]] | None = None, names: str = "a", **metadata: Any) -> core_v1.Pod:
    return scheme.from_document(
        core_v1.Pod,
        {
            "metadata": {"name": "p", "creationTimestamp": ago(minutes=5), **metadata},
            "spec": {"containers": [{"name": name} for name in names], "initContainers": init or []},
            "status": status,
        },
    )


RUNNING = {"name": "a", "ready": True, "restartCount": 0, "state": {"running": {}}}
COMPLETED = {"name": "a", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
FAILED = {"state": {"terminated": {"exitCode": 1, "reason": "Error"}}}
INIT = [{"name": "i"}, {"name": "j"}]
SIDECAR = [{"name": "s", "restartPolicy": "Always"}]


@pytest.mark.parametrize(
    ("example", "ready", "status", "restarts"),
    [
        (pod({"phase": "Pending"}), "0/1", "Pending", "0"),
        (
            pod({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]}),
            "0/1",
            "SchedulingGated",
            "0",
        ),
        (
            pod({"phase": "Pending", "containerStatuses": [{"name": "a", "state": {"waiting": {"reason": "ContainerCreating"}}}]}),
            "0/1",
            "ContainerCreating",
            "0",
        ),
        (pod({"phase": "Running", "containerStatuses": [RUNNING]}), "1/1", "Running", "0"),
        (
            pod(
                {
                    "phase": "Running",
                    "containerStatuses": [
                        {
                            "name": "a",
                            "restartCount": 2,
                            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                            "lastState": {"terminated": {"exitCode": 1, "finishedAt": ago(seconds=70)}},
                        }
                    ],
                }
            ),
            "0/1",
            "CrashLoopBackOff",
            "2 (70s ago)",
        ),
        (
            pod(
                {
                    "phase": "Succeeded",
                    "containerStatuses": [{"name": "a", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}],
                }
            ),
            "0/1",
            "Completed",
            "0",
        ),
        (
            pod({"phase": "Failed", "containerStatuses": [{"name": "a", "state": {"terminated": {"exitCode": 3}}}]}),
            "0/1",
            "ExitCode:3",
            "0",
        ),
        (
            pod({"phase": "Failed", "containerStatuses": [{"name": "a", "state": {"terminated": {"exitCode": 137, "signal": 9}}}]}),
            "0/1",
            "Signal:9",
            "0",
        ),
        (pod({"phase": "Failed", "reason": "Evicted"}), "0/1", "Evicted", "0"),
        (pod({"phase": "Running", "containerStatuses": [RUNNING]}, deletionTimestamp=ago(seconds=1)), "1/1", "Terminating", "0"),
        (pod({"phase": "Succeeded"}, deletionTimestamp=ago(seconds=1)), "0/1", "Succeeded", "0"),
        (pod({"phase": "Running", "reason": "NodeLost"}, deletionTimestamp=ago(seconds=1)), "0/1", "Unknown", "0"),
        (
            pod(
                {
                    "phase": "Running",
                    "containerStatuses": [RUNNING, {"name": "b", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}],
                },
                names="ab",
            ),
            "1/2",
            "NotReady",
            "0",
        ),
        (
            pod({"phase": "Running", "containerStatuses": [COMPLETED, {**FAILED, "name": "b"}, {**RUNNING, "name": "c"}]}, names="abc"),
            "1/3",
            "Error",
            "0",
        ),
        (
            pod({"phase": "Running", "containerStatuses": [COMPLETED, {**FAILED, "name": "b"}, {**RUNNING, "name": "c"}],
                 "conditions": [{"type": "Ready", "status": "True"}]}, names="abc"),
            "1/3",
            "Running",
            "0",
        ),
        (pod({"phase": "Failed", "containerStatuses": [COMPLETED, {**FAILED, "name": "b"}]}, names="ab"), "0/2", "Error", "0"),
        (
            pod(
                {
                    "phase": "Pending",
                    "initContainerStatuses": [
                        {"name": "i", "state": {"terminated": {"exitCode": 0}}},
                        {"name": "j", "state": {"running": {}}},
                    ],
                },
                init=INIT,
            ),
            "0/1",
            "Init:1/2",
            "0",
        ),
        (
            pod(
                {
                    "phase": "Pending",
                    "initContainerStatuses": [{"name": "i", "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}],
                },
                init=INIT,
            ),
            "0/1",
            "Init:CrashLoopBackOff",
            "3",
        ),
        (
            pod(
                {"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]},
                init=INIT,
            ),
            "0/1",
            "Init:Error",
            "0",
        ),
        (
            pod(
                {"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {"waiting": {"reason": "PodInitializing"}}}]},
                init=INIT,
            ),
            "0/1",
            "Init:0/2",
            "0",
        ),
        (
            pod(
                {
                    "phase": "Running",
                    "containerStatuses": [RUNNING],
                    "initContainerStatuses": [{"name": "s", "ready": True, "started": True, "restartCount": 1, "state": {"running": {}}}],
                },
                init=SIDECAR,
            ),
            "2/2",
            "Running",
            "1",
        ),
    ],
)
def test_a_pod_is_summed_up(example: core_v1.Pod, ready: str, status: str, restarts: str) -> None:
    assert pod_cells(example, NOW)[:5] == ["p", ready, status, restarts, "5m"]


def test_wide_output_tells_where_the_pod_is() -> None:
    example = pod(
        {"phase": "Running", "podIPs": [{"ip": "10.42.0.9"}, {"ip": "fd00::9"}], "conditions": [{"type": "x/a", "status": "True"}]}
    )
    example.spec.node_name = "n1"
    example.spec.readiness_gates = [core_v1.PodReadinessGate(condition_type="x/a"), core_v1.PodReadinessGate(condition_type="x/b")]
    assert pod_cells(example, NOW)[5:] == ["10.42.0.9", "n1", "<none>", "1/2"]


def test_rows_of_finished_pods_say_so() -> None:
    assert pod_conditions(pod({"phase": "Succeeded"}))[0]["reason"] == "Succeeded"
    assert pod_conditions(pod({"phase": "Running"})) == []
