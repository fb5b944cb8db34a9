"""Pods on a real runtime: what the API shows of them and what becomes of them."""

from __future__ import annotations

import pytest

from .conftest import Node, is_ready

pytestmark = pytest.mark.root


async def test_a_pod_with_an_init_container_runs_and_becomes_ready(node: Node) -> None:
    async with node.agent():
        await node.create({
            "metadata": {"name": "web"},
            "spec": {
                "volumes": [{"name": "shared", "emptyDir": {}}],
                "initContainers": [{"name": "setup", "command": ["sh", "-c", "echo hello > /shared/file"],
                                    "volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}],
                "containers": [{"name": "app", "command": ["sh", "-c", "test -s /shared/file && sleep 1000"],
                                "volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}],
            },
        })
        pod = await node.wait_pod("web", is_ready)
    assert pod.status.phase == "Running"
    assert pod.status.pod_ip.startswith("10.42.0.")
    assert pod.status.init_container_statuses[0].state.terminated.reason == "Completed"
    assert pod.status.container_statuses[0].state.running is not None
