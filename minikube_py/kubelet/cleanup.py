"""Removing what is dead: old containers of a pod that goes on, and everything of a pod that is gone.

Source: kubernetes pkg/kubelet/kuberuntime/kuberuntime_gc.go (one dead container of a name is kept, for its logs and last state).
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from pathlib import Path

from minikube_py.apis import core_v1
from minikube_py.cri.interface import RuntimeService

from . import naming
from .options import KubeletOptions
from .runtime_state import ContainerInfo, PodRuntime, RuntimeCache

DEAD_PER_CONTAINER_MAX = 1


class Cleanup:
    """Removes dead containers, sandboxes and logs."""

    def __init__(self, options: KubeletOptions, runtime: RuntimeService, cache: RuntimeCache) -> None:
        self._options = options
        self._runtime = runtime
        self._cache = cache

    async def prune(self, runtime: PodRuntime) -> None:
        """Remove the dead containers of a pod but the newest of each name, and sandboxes that nothing needs any more.

        Raises: CriError.
        """
        dead: dict[str, list[ContainerInfo]] = {}
        for info in runtime.containers:
            if info.phase == "exited":
                dead.setdefault(info.name, []).append(info)
        doomed = [info for group in dead.values() for info in group[DEAD_PER_CONTAINER_MAX:]]
        for info in doomed:
            await self._runtime.remove_container(info.id)
            await asyncio.to_thread(self._remove_log, info)
        used = {info.sandbox_id for info in runtime.containers if info not in doomed}
        boxes = [box for box in runtime.sandboxes[1:] if not box.ready and box.id not in used]
        for box in boxes:
            await self._runtime.remove_pod_sandbox(box.id)
        if doomed or boxes:
            await self._cache.refresh(runtime.uid)

    async def remove_pod(self, pod: core_v1.Pod, runtime: PodRuntime) -> None:
        """Remove all containers, sandboxes and logs of a pod, none of which run.

        Raises: CriError.
        """
        for info in runtime.containers:
            await self._runtime.remove_container(info.id)
            await asyncio.to_thread(self._remove_link, info)
        for box in runtime.sandboxes:
            await self._runtime.stop_pod_sandbox(box.id)
            await self._runtime.remove_pod_sandbox(box.id)
        await self._cache.refresh(runtime.uid)
        directory = naming.log_directory(self._options.pod_logs_dir, pod)
        await asyncio.to_thread(shutil.rmtree, directory, True)

    def _remove_log(self, info: ContainerInfo) -> None:
        if info.log_path:
            with contextlib.suppress(FileNotFoundError):
                Path(info.log_path).unlink()
        self._remove_link(info)

    def _remove_link(self, info: ContainerInfo) -> None:
        directory = self._options.container_logs_dir
        if directory is None:
            return
        for link in directory.glob(f"*{info.id}.log"):
            with contextlib.suppress(FileNotFoundError):
                link.unlink()
