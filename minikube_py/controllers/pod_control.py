"""Creating pods from a template and deleting them, with the Events that tell of it.

Owns the shape of a pod that a controller makes, the batches of slow start, and the expectations around both calls.
Source: pkg/controller/controller_utils.go (RealPodControl, GetPodFromTemplate), pkg/controller/replicaset (slowStartBatch).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from minikube_py.apis.core_v1 import Pod, PodTemplateSpec
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apis.object import Object
from minikube_py.apis.scheme import deep_copy
from minikube_py.client.events import EventRecorder
from minikube_py.client.interface import Client
from minikube_py.core.errors import NotFoundError, StatusError

from .expectations import Expectations
from .refs import controller_ref, meta_of

# An object name less its generated suffix. Source: apiserver storage/names.
_GENERATED_PREFIX_MAX = 58
NAMESPACE_TERMINATING = "NamespaceTerminating"


def namespace_is_terminating(error: StatusError) -> bool:
    """Whether a create was refused because its namespace is being deleted: trying again is of no use."""
    return any(cause.reason == NAMESPACE_TERMINATING for cause in error.causes)


def pod_from_template(template: PodTemplateSpec, owner: Object) -> Pod:
    """A pod as the template describes it, controlled by `owner` and with a name to be generated."""
    copy = deep_copy(template)
    meta = copy.metadata
    return Pod(
        api_version="v1", kind="Pod",
        metadata=ObjectMeta(
            generate_name=meta_of(owner).name[:_GENERATED_PREFIX_MAX] + "-", namespace=meta_of(owner).namespace, labels=meta.labels,
            annotations=meta.annotations, finalizers=meta.finalizers, owner_references=[controller_ref(owner)],
        ),
        spec=copy.spec,
    )


class PodControl:
    """Pods of one controller."""

    def __init__(self, client: Client, events: EventRecorder, expectations: Expectations | None = None) -> None:
        self._client = client
        self._events = events
        self._expectations = expectations

    async def create(self, key: str, owner: Object, pod: Pod) -> Pod:
        """Create a pod for `owner`, whose key is `key`.

        Raises: StatusError if the server refuses; an Event tells of it unless the namespace is being deleted.
        """
        try:
            if self._expectations is None:
                created = await self._client.create(pod)
            else:
                with self._expectations.creating():
                    created = await self._client.create(pod)
                    self._expectations.expect_created(key, created)
        except StatusError as error:
            if not namespace_is_terminating(error):
                self._events.event(owner, "Warning", "FailedCreate", f"Error creating: {error}")
            raise
        self._events.event(owner, "Normal", "SuccessfulCreate", f"Created pod: {created.metadata.name}")
        return created

    async def delete(self, key: str, owner: Object, pod: Pod) -> None:
        """Delete a pod of `owner`; one that is gone already counts as deleted.

        Raises: StatusError if the server refuses.
        """
        meta = pod.metadata
        if self._expectations is not None:
            self._expectations.expect_deleted(key, pod)
        try:
            await self._client.delete(Pod, meta.name, meta.namespace, uid=meta.uid)
        except StatusError as error:
            if self._expectations is not None:
                self._expectations.unexpect_deleted(meta.uid)
            if isinstance(error, NotFoundError):
                return
            self._events.event(owner, "Warning", "FailedDelete", f"Error deleting: {error}")
            raise
        self._events.event(owner, "Normal", "SuccessfulDelete", f"Deleted pod: {meta.name}")


async def slow_start(count: int, make: Callable[[int], Awaitable[Any]]) -> tuple[int, StatusError | None]:
    """Call `make(index)` `count` times in batches of 1, 2, 4, ... and stop after a batch with a failure.

    So a template that the server refuses costs one request, not a flood.
    Returns: the number of successes and the first failure.
    """
    done, successes, batch = 0, 0, 1
    while done < count:
        size = min(batch, count - done)
        results = await asyncio.gather(*(make(done + number) for number in range(size)), return_exceptions=True)
        failure = first_failure(results)
        successes += sum(1 for result in results if not isinstance(result, BaseException))
        if failure is not None:
            return successes, failure
        done += size
        batch *= 2
    return successes, None


def first_failure(results: Sequence[Any]) -> StatusError | None:
    """The first StatusError among the results of a gather.

    Raises: the first other exception, which is no answer of the server.
    """
    failure: StatusError | None = None
    for result in results:
        if isinstance(result, StatusError):
            failure = failure or result
        elif isinstance(result, BaseException):
            raise result
    return failure
