"""postStart and preStop hooks.

Source: kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/; kubernetes pkg/kubelet/lifecycle/handlers.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from minikube_py.apis import core_v1
from minikube_py.apis.syntax import quote

from .container_status import AnyContainer
from .naming import pod_reference
from .probes.handlers import Prober, ProbeResult, http_headers, http_url, resolve_port

# An HTTP hook that does not answer. Source: kubernetes pkg/kubelet/kubelet.go (the hook client has no timeout of its own).
HTTP_TIMEOUT_S = 3600.0
USER_AGENT = "kube-lifecycle/1.36"


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
        """Run one hook to its end. A server that is asked may answer what it likes.

        Raises: HookError.
        Cancellation: a command goes on until the runtime notices.
        """
        where = f'for Container "{container.name}" in Pod "{pod_reference(pod)}" failed - error'
        if handler.exec is not None:
            command = handler.exec.command
            result = await self._prober.run_command(command, container_id, 0)
            if result.outcome != "success":
                said = quote(result.message if result.outcome == "failure" else "")
                raise HookError(f"Exec lifecycle hook ([{' '.join(command)}]) {where}: {result.error}, message: {said}")
        elif handler.http_get is not None:
            try:
                port = resolve_port(handler.http_get.port, container) if handler.http_get.port else 80
            except ValueError as error:
                raise HookError(f"HTTP lifecycle hook ({handler.http_get.path}) {where}: {error}") from error
            url = http_url(handler.http_get, port, self._pod_ip(pod.metadata.uid))
            headers = http_headers(handler.http_get, USER_AGENT)
            answer = await self._prober.http_answer(url, headers, HTTP_TIMEOUT_S)
            if isinstance(answer, ProbeResult):
                raise HookError(f"HTTP lifecycle hook ({handler.http_get.path}) {where}: {answer.message}")
        elif handler.sleep is not None:
            await asyncio.sleep(handler.sleep.seconds)
