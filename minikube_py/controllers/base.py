"""What every controller is: a queue of keys, the informers that fill it, and a recorder of Events.

Owns start-up (nothing is reconciled before the caches are full) and shut-down of one controller. Does not own what is reconciled.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from minikube_py.apis.object import Object
from minikube_py.client.events import EventRecorder
from minikube_py.client.informer import Informer, Informers, key_of
from minikube_py.client.interface import Client
from minikube_py.core.clock import SYSTEM_CLOCK, Clock
from minikube_py.core.workqueue import WorkQueue

T = TypeVar("T", bound=Object)


@dataclass(frozen=True, slots=True)
class Context:
    """What controllers stand on."""

    client: Client
    informers: Informers
    clock: Clock = SYSTEM_CLOCK


class Controller(ABC):
    """One reconciler.

    Subclasses name themselves, take their informers with `informer()` in the constructor, add handlers that call `enqueue`,
    and implement `reconcile`.

    Attributes:
        name: name of the queue and of the controller in logs.
        component: the source of its Events; the name if empty.
        workers: keys reconciled at the same time. Source: kube-controller-manager's --concurrent-*-syncs.
        ready: set once the caches are full and the workers run.
    """

    name: ClassVar[str]
    component: ClassVar[str] = ""
    workers: ClassVar[int] = 5

    def __init__(self, context: Context) -> None:
        self.client = context.client
        self.clock = context.clock
        self.queue: WorkQueue[str] = WorkQueue(self.name)
        self.events = EventRecorder(context.client, self.component or self.name, clock=context.clock)
        self.ready = asyncio.Event()
        self._informers = context.informers
        self._needed: list[Informer[Any]] = []

    def informer(self, kind: type[T]) -> Informer[T]:
        """The shared informer of a kind; the controller starts when it is synced."""
        informer = self._informers.of(kind)
        self._needed.append(informer)
        return informer

    def drop_informer(self, kind: type[Any]) -> None:
        """Follow a kind that is served no longer no more, for all controllers."""
        self._informers.drop(kind)
        self._needed = [informer for informer in self._needed if informer.kind is not kind]

    def enqueue(self, obj: Object) -> None:
        self.queue.add(key_of(obj))

    def enqueue_changed(self, old: Object | None, new: Object | None) -> None:
        """Informer handler: reconcile the object itself at each of its changes."""
        obj = new if new is not None else old
        if obj is not None:
            self.enqueue(obj)

    async def wait_synced(self) -> None:
        """Wait until the caches that the controller reads are full."""
        for informer in self._needed:
            await informer.synced.wait()

    async def run(self) -> None:
        """Reconcile until cancelled."""
        await self.wait_synced()
        self.ready.set()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.events.run(), name=f"{self.name}-events")
                group.create_task(self.queue.work(self.reconcile, self.workers), name=self.name)
                await self.background()
        finally:
            self.queue.close()

    async def background(self) -> None:  # noqa: B027 - most controllers have nothing to do there
        """What a controller does once beside its queue, after the caches are full."""

    @abstractmethod
    async def reconcile(self, key: str) -> float | None:
        """Make the world as the object of `key` says.

        Args:
            key: "namespace/name", or "name" of a cluster-scoped object.
        Returns: the delay in seconds until it should be looked at again; None if only a change can make work.
        """
