"""Evictions ask disruption budgets, count them down, and say why a pod goes or stays."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from minikube_py.apis import core_v1, meta_v1, policy_v1, scheme
from minikube_py.apis.policy_v1 import PodDisruptionBudget
from minikube_py.apiserver.context import INTERNAL
from minikube_py.apiserver.eviction import SEVERAL_BUDGETS
from minikube_py.core.errors import ConflictError, ForbiddenError, NotFoundError, StatusError, TooManyRequestsError, UnreasonedError
from tests.conftest import ControlPlane

VIOLATION = "Cannot evict pod as it would violate the pod's disruption budget."
GUARDED = {"observedGeneration": 1, "disruptionsAllowed": 1, "currentHealthy": 3, "desiredHealthy": 2}


async def pod(plane: ControlPlane, *, phase: str = "Running", ready: bool = True, labels: dict[str, str] | None = None) -> core_v1.Pod:
    meta = meta_v1.ObjectMeta(name="p", namespace="default", labels={"app": "web"} if labels is None else labels)
    made = await plane.client.create(core_v1.Pod(
        metadata=meta, spec=core_v1.PodSpec(containers=[core_v1.Container(name="c", image="i")], node_name="n")))
    new = scheme.deep_copy(made)
    new.status = core_v1.PodStatus(
        phase=phase, qos_class=made.status.qos_class, conditions=[core_v1.PodCondition(type="Ready", status="True" if ready else "False")])
    return await plane.client.update(new, subresource="status")


async def budget(plane: ControlPlane, name: str = "b", policy: str | None = None, **status: Any) -> PodDisruptionBudget:
    spec = {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}, "unhealthyPodEvictionPolicy": policy}
    made = await plane.client.create(scheme.from_document(
        PodDisruptionBudget, {"metadata": {"name": name, "namespace": "default"}, "spec": spec}))
    new = scheme.deep_copy(made)
    new.status = scheme.from_document(policy_v1.PodDisruptionBudgetStatus, {"expectedPods": 3, **GUARDED, **status})
    return await plane.client.update(new, subresource="status")


async def evict(plane: ControlPlane, *, dry_run: bool = False, **options: Any) -> Any:
    eviction = policy_v1.Eviction(metadata=meta_v1.ObjectMeta(name="p", namespace="default"))
    if options:
        eviction.delete_options = scheme.from_document(meta_v1.DeleteOptions, options)
    context = replace(INTERNAL, dry_run=dry_run)
    resource = plane.registry.storage_of(core_v1.Pod).resource
    return await plane.subresources.create(resource, "default", "p", "eviction", eviction, context)


async def remaining(plane: ControlPlane) -> core_v1.Pod:
    return await plane.client.get(core_v1.Pod, "p", "default")


async def is_going(plane: ControlPlane) -> bool:
    """Whether the pod was told to go, or is gone."""
    try:
        return bool((await remaining(plane)).metadata.deletion_timestamp)
    except NotFoundError:
        return True


async def test_an_eviction_counts_the_budget_down_and_explains_itself(control_plane: ControlPlane) -> None:
    made = await pod(control_plane)
    await budget(control_plane)
    answer = await evict(control_plane, gracePeriodSeconds=5)
    assert (answer.status, answer.code) == ("Success", 201)
    [condition] = [c for c in (await remaining(control_plane)).status.conditions if c.type == "DisruptionTarget"]
    assert (condition.status, condition.reason, condition.message) == ("True", "EvictionByEvictionAPI", "Eviction API: evicting")
    assert condition.observed_generation == made.metadata.generation and condition.last_transition_time
    assert await is_going(control_plane)
    status = (await control_plane.client.get(PodDisruptionBudget, "b", "default")).status
    assert (status.disruptions_allowed, list(status.disrupted_pods)) == (0, ["p"])
    assert [(c.type, c.status, c.reason) for c in status.conditions] == [("DisruptionAllowed", "False", "InsufficientPods")]


@pytest.mark.parametrize(("status", "why", "retry_s"), [
    ({"disruptionsAllowed": 0}, "The disruption budget b needs 2 healthy pods and has 3 currently", None),
    ({"observedGeneration": 0}, "The disruption budget b is still being processed by the server.", 10),
    ({"disruptionsAllowed": 0, "conditions": [{
        "type": "DisruptionAllowed", "status": "False", "reason": "SyncFailed", "message": "no scale",
        "lastTransitionTime": "2026-01-01T00:00:00Z"}]},
     "The disruption budget b does not allow evicting pods currently because it failed sync: no scale", None),
])
async def test_a_budget_refuses(control_plane: ControlPlane, status: dict[str, Any], why: str, retry_s: int | None) -> None:
    await pod(control_plane)
    await budget(control_plane, **status)
    with pytest.raises(TooManyRequestsError) as refused:
        await evict(control_plane)
    details = {"causes": [{"reason": "DisruptionBudget", "message": why}]} | ({"retryAfterSeconds": retry_s} if retry_s else {})
    assert refused.value.status() == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": VIOLATION, "reason": "TooManyRequests",
        "details": details, "code": 429}
    assert not await is_going(control_plane)


async def test_a_budget_with_too_many_announcements_refuses(control_plane: ControlPlane) -> None:
    await pod(control_plane)
    await budget(control_plane, disruptedPods={f"p-{number}": "2026-01-01T00:00:00Z" for number in range(2001)})
    with pytest.raises(ForbiddenError) as refused:
        await evict(control_plane)
    assert refused.value.message == ('poddisruptionbudget.policy "b" is forbidden: DisruptedPods map too big - too many evictions not '
                                     "confirmed by PDB controller")


@pytest.mark.parametrize(("phase", "allowed"), [("Running", False), ("Unknown", False), ("Pending", True), ("Succeeded", True),
                                                ("Failed", True)])
async def test_pods_that_disrupt_nothing_need_no_leave(control_plane: ControlPlane, phase: str, allowed: bool) -> None:
    await pod(control_plane, phase=phase)
    before = await budget(control_plane, disruptionsAllowed=0)
    if allowed:
        assert (await evict(control_plane)).status == "Success"
    else:
        with pytest.raises(TooManyRequestsError):
            await evict(control_plane)
    assert await is_going(control_plane) == allowed
    assert await control_plane.client.get(PodDisruptionBudget, "b", "default") == before


@pytest.mark.parametrize(("policy", "current", "desired", "allowed"), [
    (None, 2, 2, True), (None, 1, 2, False), (None, 0, 0, False), ("IfHealthyBudget", 3, 2, True), ("IfHealthyBudget", 1, 2, False),
    ("AlwaysAllow", 0, 2, True),
])
async def test_pods_that_are_not_ready_may_go(
    control_plane: ControlPlane, policy: str | None, current: int, desired: int, allowed: bool
) -> None:
    await pod(control_plane, ready=False)
    before = await budget(control_plane, policy=policy, disruptionsAllowed=0, currentHealthy=current, desiredHealthy=desired)
    if allowed:
        await evict(control_plane)
    else:
        with pytest.raises(TooManyRequestsError):
            await evict(control_plane)
    assert await is_going(control_plane) == allowed
    assert await control_plane.client.get(PodDisruptionBudget, "b", "default") == before, "such a pod is not counted"


async def test_several_budgets_are_more_than_an_eviction_can_ask(control_plane: ControlPlane) -> None:
    await pod(control_plane)
    await budget(control_plane, "a")
    await budget(control_plane, "b")
    answer = await evict(control_plane)
    assert (answer.status, answer.message, answer.code) == ("Failure", SEVERAL_BUDGETS, 500)
    assert not await is_going(control_plane)


async def test_a_pod_without_labels_has_no_budget(control_plane: ControlPlane) -> None:
    await pod(control_plane, labels={})
    everything = PodDisruptionBudget(metadata=meta_v1.ObjectMeta(name="all", namespace="default"))
    everything.spec.selector, everything.spec.min_available = meta_v1.LabelSelector(), 1
    await control_plane.client.create(everything)
    await evict(control_plane)
    assert await is_going(control_plane)


@pytest.mark.parametrize(("dry_run", "options"), [(True, {}), (False, {"dryRun": ["All"]}), (True, {"dryRun": ["All"]})])
async def test_dry_runs_only_ask(control_plane: ControlPlane, dry_run: bool, options: dict[str, Any]) -> None:
    made = await pod(control_plane)
    known = await budget(control_plane)
    assert (await evict(control_plane, dry_run=dry_run, **options)).status == "Success"
    assert await remaining(control_plane) == made
    assert await control_plane.client.get(PodDisruptionBudget, "b", "default") == known


async def test_options_are_kept_or_refused(control_plane: ControlPlane) -> None:
    made = await pod(control_plane)
    with pytest.raises(UnreasonedError, match=r"Non-matching dry-run options in request and content: \[All\] and \[Some\]"):
        await evict(control_plane, dry_run=True, dryRun=["Some"])
    cases: list[tuple[dict[str, str], str]] = [
        ({"uid": "x"}, f"the UID in the precondition (x) does not match the UID in record ({made.metadata.uid}). "
                       "The object might have been deleted and then recreated"),
        ({"resourceVersion": "1"}, "the ResourceVersion in the precondition (1) does not match the ResourceVersion in record "
                                   f"({made.metadata.resource_version}). The object might have been modified"),
    ]
    for preconditions, why in cases:
        with pytest.raises(ConflictError) as refused:
            await evict(control_plane, preconditions=preconditions)
        assert refused.value.message == f'Operation cannot be fulfilled on Pod "p": {why}'
    assert await remaining(control_plane) == made
    await evict(control_plane, preconditions={"resourceVersion": made.metadata.resource_version})
    assert await is_going(control_plane)


async def test_an_eviction_begins_anew_when_its_pod_changes_meanwhile(control_plane: ControlPlane) -> None:
    await pod(control_plane, phase="Pending")
    async with asyncio.TaskGroup() as group:
        labels = {"metadata": {"labels": {"a": "b"}}}
        group.create_task(control_plane.client.patch(core_v1.Pod, "p", "default", labels))
        evicting = group.create_task(evict(control_plane))
    assert evicting.result().status == "Success" and await is_going(control_plane)


@pytest.mark.parametrize(("name", "namespace", "why"), [
    ("", "", "name in URL does not match name in Eviction object"), ("q", "", "name in URL does not match name in Eviction object"),
    ("p", "other", "the namespace of the provided object does not match the namespace sent on the request"),
])
async def test_an_eviction_names_its_pod(control_plane: ControlPlane, name: str, namespace: str, why: str) -> None:
    eviction = policy_v1.Eviction(metadata=meta_v1.ObjectMeta(name=name, namespace=namespace))
    resource = control_plane.registry.storage_of(core_v1.Pod).resource
    with pytest.raises(StatusError) as refused:
        await control_plane.subresources.create(resource, "default", "p", "eviction", eviction, INTERNAL)
    assert (refused.value.code, refused.value.message) == (400, why)
