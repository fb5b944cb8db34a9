"""CronJobs make one Job at each moment of their schedule."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from minikube_py.apis import batch_v1, core_v1
from minikube_py.apis.cron import parse
from minikube_py.apis.scheme import from_document
from minikube_py.controllers.cronjob import CronJobController
from minikube_py.core.clock import rfc3339

from .world import World

CronJob, Job, Event = batch_v1.CronJob, batch_v1.Job, core_v1.Event


def moments(text: str, count: int, start: datetime = datetime(2026, 1, 1, tzinfo=UTC), zone: str = "UTC") -> list[str]:
    schedule, found = parse(text), []
    for _ in range(count):
        following = schedule.after(start, ZoneInfo(zone))
        assert following is not None
        start = following
        found.append(rfc3339(start))
    return found


@pytest.mark.parametrize(("text", "expected"), [
    ("*/15 * * * *", ["2026-01-01T00:15:00Z", "2026-01-01T00:30:00Z", "2026-01-01T00:45:00Z"]),
    ("@daily", ["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]),
    ("30 6 * * mon-fri", ["2026-01-01T06:30:00Z", "2026-01-02T06:30:00Z", "2026-01-05T06:30:00Z"]),
    ("0 0 13 * fri", ["2026-01-02T00:00:00Z", "2026-01-09T00:00:00Z", "2026-01-13T00:00:00Z"]),
    ("0 12 29 2 *", ["2028-02-29T12:00:00Z"]),
    ("5,10-12/2 3 1 JUN ?", ["2026-06-01T03:05:00Z", "2026-06-01T03:10:00Z", "2026-06-01T03:12:00Z"]),
    ("@every 1h30m", ["2026-01-01T01:30:00Z", "2026-01-01T03:00:00Z"]),
])
def test_a_schedule_names_its_moments(text: str, expected: list[str]) -> None:
    assert moments(text, len(expected)) == expected


def test_moments_that_a_change_of_clocks_skips_do_not_occur() -> None:
    start = datetime(2026, 3, 28, tzinfo=UTC)
    assert moments("30 2 * * *", 2, start, "Europe/Berlin") == ["2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z"]


@pytest.mark.parametrize("text", ["* * * *", "61 * * * *", "* * * * 7", "a * * * *", "*/0 * * * *", "@every x", "@never"])
def test_a_wrong_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)


def cron_job(schedule: str = "* * * * *", **spec: Any) -> batch_v1.CronJob:
    template = {"metadata": {"labels": {"app": "tick"}}, "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "x"}]}}
    return from_document(CronJob, {
        "metadata": {"name": "tick", "namespace": "default"},
        "spec": {"schedule": schedule, "jobTemplate": {"spec": {"template": template}}, **spec},
    })


async def end(world: World, name: str, kind: str = "Complete") -> None:
    def change(copy: Any) -> None:
        now = rfc3339(world.clock.now())
        copy.status.start_time = copy.status.start_time or now
        criterion = "SuccessCriteriaMet" if kind == "Complete" else "FailureTarget"
        copy.status.conditions = [
            batch_v1.JobCondition(type=row, status="True", last_transition_time=now, last_probe_time=now) for row in (criterion, kind)
        ]
        if kind == "Complete":
            copy.status.completion_time = now

    await world.change(Job, name, change, subresource="status")


@pytest.mark.looptime
async def test_a_job_is_made_each_minute_and_ended_ones_are_cut_to_the_limit(world: World) -> None:
    await world.start(CronJobController)
    await world.client.create(cron_job(successfulJobsHistoryLimit=2))
    for number in range(1, 5):
        name = f"tick-{int(datetime(2026, 1, 1, 0, number, tzinfo=UTC).timestamp()) // 60}"
        await world.until(lambda name=name: world.find(Job, name), timeout_s=70)
        assert 60 * number <= asyncio.get_running_loop().time() <= 60 * number + 1
        job = world.get(Job, name)
        assert job.metadata.annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"] == f"2026-01-01T00:0{number}:00Z"
        assert job.metadata.owner_references[0].kind == "CronJob"
        await end(world, name)
    await world.until(lambda: len(world.list(Job)) == 2)
    await world.until(lambda: not world.get(CronJob, "tick").status.active)
    status = world.get(CronJob, "tick").status
    assert status.last_schedule_time == "2026-01-01T00:04:00Z" and status.last_successful_time


@pytest.mark.looptime
async def test_forbid_waits_for_the_running_job_and_replace_ends_it(world: World) -> None:
    await world.start(CronJobController)
    await world.client.create(cron_job(concurrencyPolicy="Forbid"))
    await world.until(lambda: world.list(Job), timeout_s=70)
    (first,) = world.list(Job)
    await asyncio.sleep(150)
    assert [job.metadata.name for job in world.list(Job)] == [first.metadata.name]
    await world.change(CronJob, "tick", lambda copy: setattr(copy.spec, "concurrency_policy", "Replace"))
    await world.until(lambda: world.list(Job) and world.list(Job)[0].metadata.name != first.metadata.name, timeout_s=70)
    await world.until(lambda: [ref.name for ref in world.get(CronJob, "tick").status.active] == [world.list(Job)[0].metadata.name])
    assert len(world.list(Job)) == 1


@pytest.mark.looptime
async def test_missed_moments_are_made_up_for_once(world: World) -> None:
    await world.client.create(cron_job())
    await asyncio.sleep(3600)
    await world.start(CronJobController)
    await world.until(lambda: world.list(Job))
    (job,) = world.list(Job)
    assert job.metadata.annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"] == "2026-01-01T01:00:00Z"


@pytest.mark.looptime
async def test_a_suspended_cron_job_makes_nothing(world: World) -> None:
    await world.start(CronJobController)
    await world.client.create(cron_job(suspend=True))
    await asyncio.sleep(300)
    assert not world.list(Job)


@pytest.mark.looptime
async def test_a_schedule_of_days_that_do_not_exist_is_said_to_be_invalid(world: World) -> None:
    await world.start(CronJobController)
    await world.client.create(cron_job("59 23 31 2 *"))
    await world.until(lambda: world.list(Event))
    event, = world.list(Event)
    assert (event.type, event.reason, event.message) == (
        "Warning", "InvalidSchedule", "invalid schedule: 59 23 31 2 * : time difference between two schedules is less than 1 second")
    assert not world.list(Job)
