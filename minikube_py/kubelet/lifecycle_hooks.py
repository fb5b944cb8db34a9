"""postStart and preStop hooks.

Source: kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/; kubernetes pkg/kubelet/lifecycle/handlers.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from minikube_py.apis import core_v1

from .container_status import AnyContainer
from .probes.handlers import Prober, http_url, resolve_port

# An HTTP hook that does not answer. Source: kubernetes pkg/kubelet/kubelet.go (the hook client has no timeout of its own).
HTTP_TIMEOUT_S = 3600.0


class HookError(Exception):
    """A hook that failed; the message is what the event says."""


class LifecycleHooks:
    """Runs hooks.

    Args:
        pod_ip: gives the address of a pod by uid, "" if it has none.
    """

    def __init__(self, prober: Prober, pod_ip: Callable[[str], str]) -> None:
        self._prober = prober
        self._pod_ip = pod_ip

    async def run(self, pod: core_v1.Pod, container: AnyContainer, handler: core_v1.LifecycleHandler, container_id: str) -> None:
        """Run one hook to its end.

        Raises: HookError.
        Cancellation: a command goes on until the runtime notices.
        """
        if handler.exec is not None:
            result = await self._prober.run_command(handler.exec.command, container_id, 0)
            if result.outcome != "success":
                raise HookError(f"Exec lifecycle hook ({handler.exec.command}) for Container {container.name!r} failed: {result.message}")
        elif handler.http_get is not None:
            try:
                port = resolve_port(handler.http_get.port, container) if handler.http_get.port else 80
            except ValueError as error:
                raise HookError(str(error)) from error
            url = http_url(handler.http_get, port, self._pod_ip(pod.metadata.uid))
            headers = {header.name: header.value for header in handler.http_get.http_headers}
            result = await self._prober.http_get(url, headers, HTTP_TIMEOUT_S)
            if result.outcome != "success":
                raise HookError(f"HTTP lifecycle hook ({handler.http_get.path}) for Container {container.name!r} failed: {result.message}")
        elif handler.sleep is not None:
            await asyncio.sleep(handler.sleep.seconds)
