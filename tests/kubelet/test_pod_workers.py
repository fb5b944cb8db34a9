"""What is known of pods when the agent begins."""

from __future__ import annotations

import asyncio
from typing import Any

from minikube_py.core.clock import SYSTEM_CLOCK
from minikube_py.kubelet.pod_resizing import PodResizing
from minikube_py.kubelet.pod_sync import PodSync
from minikube_py.kubelet.pod_workers import PodWorkers
from minikube_py.kubelet.runtime_state import RuntimeCache

from .build import pod


async def test_what_the_node_had_taken_counts_before_any_pod_is_looked_at() -> None:
    """Or else the first pods that are looked at would find room that the others have."""
    nothing: Any = None
    resizing = PodResizing(nothing, nothing, nothing, nothing, nothing, nothing)
    sync = PodSync(
        nothing, nothing, RuntimeCache(nothing), nothing, nothing, nothing, nothing, nothing, nothing, nothing, nothing, nothing, nothing,
        nothing, resizing, nothing, SYSTEM_CLOCK)
    workers = PodWorkers(sync, SYSTEM_CLOCK, lambda uid: None)
    running = asyncio.create_task(workers.run())
    await asyncio.sleep(0)
    shown = {"name": "app", "containerID": "containerd://1", "image": "", "imageID": "", "ready": True, "restartCount": 0}
    asks = {"containers": [{"name": "app", "image": "i", "resources": {"requests": {"cpu": "3"}}}]}
    workers.update(pod(asks, status={"containerStatuses": [{**shown, "resources": {"requests": {"cpu": "1"}}}]}, uid="resized"))
    workers.update(pod(asks, uid="new"))
    resized, new = workers.state("resized"), workers.state("new")
    assert resized is not None and resized.admitted and resized.pod.spec.containers[0].resources.requests == {"cpu": "1"}
    assert new is not None and not new.admitted
    running.cancel()
    await asyncio.wait([running])
