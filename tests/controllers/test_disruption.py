"""Budgets tell how many pods may be evicted."""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apis import core_v1, policy_v1
from minikube_py.apis.scheme import from_document
from minikube_py.controllers.deployment import DeploymentController
from minikube_py.controllers.disruption import DisruptionController
from minikube_py.controllers.replicaset import ReplicaSetController

from .world import World, deployment

Budget, Pod = policy_v1.PodDisruptionBudget, core_v1.Pod


def budget(**spec: Any) -> policy_v1.PodDisruptionBudget:
    return from_document(Budget, {
        "metadata": {"name": "web", "namespace": "default"}, "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec},
    })


@pytest.mark.parametrize(("spec", "expected"), [
    ({"minAvailable": 3}, (4, 3, 4, 1)),
    ({"minAvailable": "60%"}, (4, 3, 4, 1)),
    ({"maxUnavailable": 2}, (4, 2, 4, 2)),
    ({"maxUnavailable": "30%"}, (4, 2, 4, 2)),
    ({"minAvailable": 4}, (4, 4, 4, 0)),
])
async def test_allowed_disruptions_follow_from_healthy_pods(world: World, spec: dict[str, Any], expected: tuple[int, ...]) -> None:
    await world.start(DeploymentController, ReplicaSetController, DisruptionController)
    await world.start_kubelet()
    await world.client.create(deployment("web", 4))
    await world.client.create(budget(**spec))

    def status() -> tuple[Any, ...]:
        row = world.get(Budget, "web").status
        return row.expected_pods, row.desired_healthy, row.current_healthy, row.disruptions_allowed

    await world.until(lambda: status() == expected)
    (condition,) = world.get(Budget, "web").status.conditions
    assert (condition.type, condition.status) == ("DisruptionAllowed", "True" if expected[3] else "False")
    await world.set_ready(world.list(Pod)[0], False)
    await world.until(lambda: status()[2:] == (3, max(0, expected[3] - 1)))
