"""Jobs run their pods to the end, count each once, and give up when they should."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from minikube_py.apis import batch_v1, core_v1
from minikube_py.apis.scheme import from_document
from minikube_py.controllers.job import JobController, indexes, success
from minikube_py.controllers.job.rules import FINALIZER
from minikube_py.controllers.ttl_after_finished import TtlAfterFinishedController

from .world import World

Job, Pod = batch_v1.Job, core_v1.Pod
LARGEST = 2**31 - 1


def job(name: str = "work", restart_policy: str = "Never", **spec: Any) -> batch_v1.Job:
    labels = {"job-name": name}
    return from_document(Job, {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "manualSelector": True, "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"restartPolicy": restart_policy, "containers": [{"name": "main", "image": "x"}]},
            },
            **spec,
        },
    })


def active(world: World) -> list[core_v1.Pod]:
    return [
        pod for pod in world.list(Pod)
        if not pod.metadata.deletion_timestamp and pod.status.phase not in ("Succeeded", "Failed")
    ]


def conditions(world: World, name: str = "work") -> dict[str, tuple[str, str, str]]:
    return {row.type: (row.status, row.reason, row.message) for row in world.get(Job, name).status.conditions}


async def finish_one(world: World, phase: str = "Succeeded", exit_code: int = 0) -> None:
    pod = await world.until(lambda: active(world) and active(world)[0])
    await world.end(pod, phase, exit_code)
    await world.until(lambda: FINALIZER not in world.get(Pod, pod.metadata.name).metadata.finalizers)


async def test_a_job_completes_when_enough_pods_succeeded(world: World) -> None:
    await world.start(JobController)
    await world.client.create(job(completions=3, parallelism=2))
    await world.until(lambda: len(active(world)) == 2 and world.get(Job, "work").status.active == 2)
    for _ in range(3):
        await finish_one(world)
    await world.until(lambda: "Complete" in conditions(world))
    status = world.get(Job, "work").status
    assert (status.succeeded, status.failed, status.active, status.ready, status.terminating) == (3, 0, 0, 0, 0)
    assert status.uncounted_terminated_pods == batch_v1.UncountedTerminatedPods()
    assert status.completion_time and status.start_time
    reached = ("True", "CompletionsReached", "Reached expected number of succeeded pods")
    assert conditions(world) == {"SuccessCriteriaMet": reached, "Complete": reached}
    assert all(not pod.metadata.finalizers for pod in world.list(Pod))
    await world.until(lambda: ("Completed", "Job completed") in world.event_messages("work"))


async def test_pods_carry_the_tracking_finalizer_until_they_are_counted(world: World) -> None:
    await world.start(JobController)
    await world.client.create(job())
    (pod,) = await world.until(lambda: active(world))
    assert pod.metadata.finalizers == [FINALIZER]
    await world.end(pod, "Succeeded")
    await world.until(lambda: not world.get(Pod, pod.metadata.name).metadata.finalizers)
    status = world.get(Job, "work").status
    counted = status.succeeded + len(status.uncounted_terminated_pods.succeeded)
    assert counted == 1


async def test_every_ended_pod_counts_once_however_often_the_job_is_looked_at(world: World) -> None:
    (controller,) = await world.start(JobController)
    await world.client.create(job(completions=40, parallelism=20))
    for _ in range(2):
        pods = await world.until(lambda: len(active(world)) == 20 and active(world))
        for pod in pods:
            await world.end(pod, "Succeeded")
            controller.queue.add("default/work")
    await world.until(lambda: "Complete" in conditions(world))
    assert world.get(Job, "work").status.succeeded == 40
    assert len(world.list(Pod)) == 40


@pytest.mark.looptime
async def test_failed_pods_are_replaced_with_growing_delay_until_the_limit(world: World) -> None:
    await world.start(JobController)
    await world.client.create(job(backoffLimit=3))
    made: list[float] = []
    for _ in range(4):
        await world.until(lambda: active(world), timeout_s=200)
        made.append(asyncio.get_running_loop().time())
        await finish_one(world, "Failed", 1)
    await world.until(lambda: "Failed" in conditions(world))
    delays = [round(later - sooner) for sooner, later in itertools.pairwise(made)]
    assert delays == [pytest.approx(10, abs=1), pytest.approx(20, abs=1), pytest.approx(40, abs=1)]
    limit = ("True", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    assert conditions(world) == {"FailureTarget": limit, "Failed": limit}
    assert world.get(Job, "work").status.failed == 4
    assert len(world.list(Pod)) == 4
    await world.until(lambda: limit[1:] in world.event_messages("work"))


@pytest.mark.looptime
async def test_a_deadline_ends_the_job_and_its_pods(world: World) -> None:
    await world.start(JobController)
    await world.start_kubelet()
    await world.client.create(job(activeDeadlineSeconds=60, parallelism=2))
    await world.until(lambda: world.get(Job, "work").status.ready == 2)
    await world.until(lambda: "Failed" in conditions(world), timeout_s=100)
    # Times in objects are whole seconds, cut off, so a deadline may come up to a second early.
    assert 59 <= asyncio.get_running_loop().time() <= 65
    assert conditions(world)["Failed"] == ("True", "DeadlineExceeded", "Job was active longer than specified deadline")
    status = world.get(Job, "work").status
    assert (status.active, status.failed) == (0, 2)
    await world.until(lambda: not world.list(Pod))


async def test_failure_is_announced_before_its_pods_are_gone(world: World) -> None:
    await world.start(JobController)
    await world.client.create(job(backoffLimit=0, parallelism=2, completions=2))
    pods = await world.until(lambda: len(active(world)) == 2 and active(world))
    for pod in pods:
        await world.bind(pod)
        await world.set_ready(world.get(Pod, pod.metadata.name))
    await world.end(pods[0], "Failed", 1)
    await world.until(lambda: "FailureTarget" in conditions(world))
    await world.until(lambda: world.get(Pod, pods[1].metadata.name).metadata.deletion_timestamp)
    assert "Failed" not in conditions(world)
    await world.client.delete(Pod, pods[1].metadata.name, "default", grace_period_seconds=0)
    await world.until(lambda: "Failed" in conditions(world))
    assert world.get(Job, "work").status.failed == 2


async def test_a_suspended_job_stops_and_goes_on(world: World) -> None:
    await world.start(JobController)
    await world.start_kubelet()
    await world.client.create(job(parallelism=2, completions=2))
    await world.until(lambda: world.get(Job, "work").status.ready == 2)
    await world.change(Job, "work", lambda copy: setattr(copy.spec, "suspend", True))
    await world.until(lambda: not world.list(Pod) and conditions(world).get("Suspended", ("",))[0] == "True")
    assert conditions(world)["Suspended"] == ("True", "JobSuspended", "Job suspended")
    assert world.get(Job, "work").status.start_time == ""
    await world.change(Job, "work", lambda copy: setattr(copy.spec, "suspend", False))
    await world.until(lambda: world.get(Job, "work").status.ready == 2)
    assert conditions(world)["Suspended"] == ("False", "JobResumed", "Job resumed")
    for _ in range(2):
        await finish_one(world)
    await world.until(lambda: "Complete" in conditions(world))


async def test_an_indexed_job_does_each_index_once(world: World) -> None:
    await world.start(JobController)
    await world.client.create(job(completionMode="Indexed", completions=5, parallelism=3))
    pods = await world.until(lambda: len(active(world)) == 3 and active(world))
    assert {indexes.index_of(pod) for pod in pods} == {0, 1, 2}
    assert {pod.spec.hostname for pod in pods} == {"work-0", "work-1", "work-2"}
    assert all(pod.metadata.name.startswith(f"work-{indexes.index_of(pod)}-") for pod in pods)
    variable = pods[0].spec.containers[0].env[0]
    assert variable.name == "JOB_COMPLETION_INDEX"
    for _ in range(5):
        await finish_one(world)
    await world.until(lambda: "Complete" in conditions(world))
    status = world.get(Job, "work").status
    assert (status.completed_indexes, status.succeeded) == ("0-4", 5)


async def test_pods_of_a_deleted_job_lose_the_finalizer(world: World) -> None:
    await world.start(JobController)
    await world.client.create(job())
    (pod,) = await world.until(lambda: active(world))
    await world.client.delete(Job, "work", "default")
    await world.until(lambda: not world.get(Pod, pod.metadata.name).metadata.finalizers)


async def test_a_pod_failure_policy_can_fail_the_job_or_ignore_a_failure(world: World) -> None:
    await world.start(JobController)
    policy = {"rules": [
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}},
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    ]}
    await world.client.create(job(podFailurePolicy=policy, podReplacementPolicy="Failed"))
    pod = (await world.until(lambda: active(world)))[0]
    await finish_one(world, "Failed", 42)
    await world.until(lambda: "Failed" in conditions(world))
    message = f"Container main for pod default/{pod.metadata.name} failed with exit code 42 matching FailJob rule at index 0"
    assert conditions(world)["Failed"] == ("True", "PodFailurePolicy", message)


@pytest.mark.looptime
async def test_a_finished_job_goes_after_its_ttl(world: World) -> None:
    await world.start(JobController, TtlAfterFinishedController)
    await world.client.create(job(ttlSecondsAfterFinished=120))
    await finish_one(world)
    await world.until(lambda: "Complete" in conditions(world))
    await world.until(lambda: world.get(Job, "work").metadata.deletion_timestamp, timeout_s=200)
    assert 119 <= asyncio.get_running_loop().time() <= 125


def test_indexes_are_written_as_intervals() -> None:
    assert indexes.render({0, 1, 2, 4, 6, 7}) == "0-2,4,6,7"
    assert indexes.parse("0-2,4,6,7", 7) == {0, 1, 2, 4, 6}


@pytest.mark.parametrize(("rule", "done", "met"), [
    ({"succeeded_indexes": "0-1,5"}, {0, 1, 5, 7}, True),
    ({"succeeded_indexes": "0-1,5"}, {0, 1, 7}, False),
    ({"succeeded_indexes": "0-1,5", "succeeded_count": 2}, {1, 5}, True),
    ({"succeeded_indexes": "0-1,5", "succeeded_count": 2}, {1, 2, 3, 4, 6}, False),
    ({"succeeded_count": 2}, {1}, False),
    ({"succeeded_count": 2}, {1, 9}, True),
    # More indexes than can be counted one by one.
    ({"succeeded_indexes": f"2-{LARGEST - 1}", "succeeded_count": 1}, {1, 2}, True),
    ({"succeeded_indexes": f"0-{LARGEST - 1}"}, {0, 1}, False),
])
def test_success_policy_is_met_by_indexes(rule: dict[str, Any], done: set[int], met: bool) -> None:
    policy = batch_v1.SuccessPolicy(rules=[batch_v1.SuccessPolicyRule(**rule)])
    obj = Job(spec=batch_v1.JobSpec(completions=LARGEST, success_policy=policy))
    assert success.met(obj, done) == ("Matched rules at index 0" if met else "")


@pytest.mark.looptime
@pytest.mark.parametrize("more", [{}, {"backoffLimitPerIndex": 1, "maxFailedIndexes": 1}])
async def test_largest_indexed_job_runs(world: World, more: dict[str, Any]) -> None:
    await world.start(JobController)
    policy = {"rules": [{"succeededCount": 1}]}
    await world.client.create(job(completionMode="Indexed", completions=LARGEST, parallelism=2, successPolicy=policy, **more))
    await world.until(lambda: len(world.list(Pod)) == 2)
    assert {pod.metadata.annotations[indexes.INDEX] for pod in world.list(Pod)} == {"0", "1"}
