"""Writes pods' statuses to the API: the newest wanted one, only if it differs, only the fields that differ.

What other components write (conditions that are not the agent's) is left alone, since lists with merge keys are patched by key. Several
changes within a moment become one write. An object whose pod has ended is deleted here, after its last status.

Source: kubernetes pkg/kubelet/status/status_manager.go.
"""

from __future__ import annotations

import logging
from typing import Any

from minikube_py.apis import core_v1
from minikube_py.apis.scheme import to_document
from minikube_py.client.interface import Client
from minikube_py.core.backoff import Backoff
from minikube_py.core.errors import ConflictError, InvalidError, NotFoundError
from minikube_py.core.workqueue import WorkQueue

from .pod_status import OWNED_CONDITIONS

log = logging.getLogger(__name__)

WORKERS = 8
RETRY_MIN_S = 0.1
RETRY_MAX_S = 30.0
# Lists that the API merges by key: to shrink one, it must be replaced.
_MERGED_LISTS = ("podIPs", "hostIPs", "resourceClaimStatuses")


class StatusWriter:
    """Statuses on their way to the API."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._queue: WorkQueue[str] = WorkQueue("pod-status", Backoff(RETRY_MIN_S, RETRY_MAX_S))
        self._wanted: dict[str, tuple[core_v1.Pod, core_v1.PodStatus]] = {}
        self._written: dict[str, core_v1.Pod] = {}
        self._deletable: dict[str, core_v1.Pod] = {}

    async def run(self) -> None:
        """Write until cancelled."""
        await self._queue.work(self._reconcile, WORKERS)

    def newest(self, pod: core_v1.Pod) -> core_v1.Pod:
        """The newer of a pod and what the API answered to the last write; that has the older spec only if the watch is late."""
        written = self._written.get(pod.metadata.uid)
        if written is None or _version(written) <= _version(pod):
            return pod
        return written

    def set(self, pod: core_v1.Pod, status: core_v1.PodStatus) -> None:
        """Have a pod's status written."""
        self._wanted[pod.metadata.uid] = (pod, status)
        self._queue.add(pod.metadata.uid)

    def delete_soon(self, pod: core_v1.Pod) -> None:
        """Have the object deleted for good, after the status that is wanted now."""
        self._deletable[pod.metadata.uid] = pod
        self._queue.add(pod.metadata.uid)

    def forget(self, uid: str) -> None:
        """Drop a pod that the API no longer has."""
        for table in (self._wanted, self._written, self._deletable):
            table.pop(uid, None)
        self._queue.forget(uid)

    async def _reconcile(self, uid: str) -> None:
        try:
            await self._write(uid)
            pod = self._deletable.get(uid)
            if pod is not None:
                await self._client.delete(core_v1.Pod, pod.metadata.name, pod.metadata.namespace, uid=uid, grace_period_seconds=0)
                self._deletable.pop(uid, None)
        except (NotFoundError, ConflictError, InvalidError) as error:
            if isinstance(error, InvalidError) and all(cause.field != "metadata.uid" for cause in error.causes):
                raise
            # Gone, or another pod has its name: the watch tells the rest.
            log.debug("status not written uid=%s error=%s", uid, error)
            self._wanted.pop(uid, None)
            self._deletable.pop(uid, None)

    async def _write(self, uid: str) -> None:
        wanted = self._wanted.get(uid)
        if wanted is None:
            return
        pod, status = wanted
        patch = status_patch(self.newest(pod).status, status)
        if patch:
            document = {"metadata": {"uid": uid}, "status": patch}
            self._written[uid] = await self._client.patch(
                core_v1.Pod, pod.metadata.name, pod.metadata.namespace, document, patch_type="application/strategic-merge-patch+json",
                subresource="status",
            )
        if self._wanted.get(uid) is wanted:
            del self._wanted[uid]


def status_patch(old: core_v1.PodStatus, new: core_v1.PodStatus) -> dict[str, Any]:
    """The strategic merge patch that makes one status of another; empty if nothing is to be changed."""
    before, after = to_document(old), to_document(new)
    patch: dict[str, Any] = {}
    for name in before.keys() | after.keys():
        if before.get(name) == after.get(name):
            continue
        if name == "conditions":
            known = {condition["type"]: condition for condition in before.get("conditions", ())}
            # Those of others are as the pod in hand has them, which may be older than what they have written meanwhile.
            changed = [
                condition for condition in after.get("conditions", ())
                if condition["type"] in OWNED_CONDITIONS and known.get(condition["type"]) != condition
            ]
            gone = (known.keys() & OWNED_CONDITIONS) - {condition["type"] for condition in after.get("conditions", ())}
            if changed or gone:
                patch["conditions"] = [_cleared(condition, known.get(condition["type"])) for condition in changed]
                patch["conditions"] += [{"$patch": "delete", "type": kind} for kind in sorted(gone)]
        elif name in _MERGED_LISTS and before.get(name):
            patch[name] = [*after.get(name, ()), {"$patch": "replace"}]
        else:
            patch[name] = after.get(name)
    return patch


def _cleared(condition: dict[str, Any], old: dict[str, Any] | None) -> dict[str, Any]:
    """A condition with null for what the old one has and it has not: a merge would keep it."""
    return {**{key: None for key in old or {} if key not in condition}, **condition}


def _version(pod: core_v1.Pod) -> int:
    version = pod.metadata.resource_version
    return int(version) if version.isdigit() else 0
