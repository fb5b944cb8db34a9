"""Counting ended pods exactly once.

Each pod of a Job carries a finalizer, so it stays until it is counted. Counting takes three writes, and a crash after any of them counts
neither twice nor never: the uid goes into `status.uncountedTerminatedPods`; the finalizer goes from the pod; the uid becomes a number.

Invariants: a finalizer is removed only after the write that names the pod's uid succeeded. Pods whose finalizer was removed are remembered
in `Released` until the cache shows it, as they would be counted again otherwise.
Source: kubernetes.io/docs/concepts/workloads/controllers/job/#job-tracking-with-finalizers, job_controller.go
(trackJobStatusAndRemoveFinalizers).
"""

from __future__ import annotations

import asyncio
from typing import Any

from minikube_py.apis.core_v1 import Pod
from minikube_py.client.informer import Informer
from minikube_py.client.interface import Client
from minikube_py.core.errors import InvalidError, NotFoundError

from . import rules

# Pods counted in one pass. Source: job_controller.go, MaxUncountedPods.
UNCOUNTED_MAX = 500


class Released:
    """Pods whose finalizer was removed, while the cache still shows it."""

    def __init__(self, pods: Informer[Pod]) -> None:
        self._pods = pods
        self._uids: set[str] = set()
        pods.add_handler(self._observe)

    def __contains__(self, pod: Pod) -> bool:
        return pod.metadata.uid in self._uids

    def note(self, pod: Pod) -> None:
        cached = self._pods.get(pod.metadata.name, pod.metadata.namespace)
        if cached is not None and cached.metadata.uid == pod.metadata.uid and rules.is_tracked(cached):
            self._uids.add(pod.metadata.uid)

    def _observe(self, old: Pod | None, new: Pod | None) -> None:
        if old is not None and (new is None or new.metadata.uid != old.metadata.uid):
            self._uids.discard(old.metadata.uid)
        elif new is not None and not rules.is_tracked(new):
            self._uids.discard(new.metadata.uid)


async def release(client: Client, released: Released, pods: list[Pod]) -> None:
    """Remove the tracking finalizer from pods; those that are gone already count as released.

    Raises: StatusError if the server refuses; the other pods are released nonetheless.
    """
    results = await asyncio.gather(*(_release(client, released, pod) for pod in pods), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _release(client: Client, released: Released, pod: Pod) -> None:
    meta = pod.metadata
    patch: dict[str, Any] = {"metadata": {"uid": meta.uid, "$deleteFromPrimitiveList/finalizers": [rules.FINALIZER]}}
    try:
        await client.patch(Pod, meta.name, meta.namespace, patch, patch_type="application/strategic-merge-patch+json")
    except (NotFoundError, InvalidError):
        # Gone, or replaced by a namesake: nothing is left that holds the finalizer.
        return
    released.note(pod)
