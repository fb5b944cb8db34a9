"""Keeps the objects of flow control: mandatory and suggested ones are there, and FlowSchemas say whether their level is.

Mandatory objects have the spec that they must have, always. Suggested ones are brought up to date unless somebody has changed them, and
then carry "false" in their annotation. Source: pkg/registry/flowcontrol/{ensurer,rest}, apf_controller.go (presyncFlowSchemaStatus)
"""

from __future__ import annotations

import asyncio
import logging

from minikube_py.apis.flowcontrol_v1 import FlowSchema, FlowSchemaCondition, PriorityLevelConfiguration
from minikube_py.apis.scheme import deep_copy
from minikube_py.core.clock import rfc3339
from minikube_py.core.errors import AlreadyExistsError, NotFoundError, StatusError
from minikube_py.core.workqueue import WorkQueue

from ..context import SYSTEM, Context
from ..patching import change_transform
from ..registry import Registry
from ..storage import Storage
from .bootstrap import AUTO_UPDATE, mandatory, suggested
from .flow_control import FlowControl

log = logging.getLogger(__name__)
PRODUCER = Context(SYSTEM, field_manager="api-priority-and-fairness-config-producer-v1")
CONSUMER = Context(SYSTEM, field_manager="api-priority-and-fairness-config-consumer-v1")
DANGLING = "Dangling"
WORKERS = 2
STATUS, BOOTSTRAP = "status", "bootstrap"

Configuration = FlowSchema | PriorityLevelConfiguration


class FlowControlObjects:
    """Runs until cancelled.

    Attributes:
        control: what is in force.
        ready: set when all objects have been seen to once.
    """

    def __init__(self, registry: Registry, control: FlowControl) -> None:
        self._registry = registry
        self.control = control
        self._queue: WorkQueue[str] = WorkQueue("priority_and_fairness_config_queue")
        self._objects: list[tuple[Configuration, bool]] = []
        for found, required in ((mandatory(), True), (suggested(), False)):
            self._objects += [(level, required) for level in found.levels]
            self._objects += [(schema, required) for schema in found.schemas]
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Keep the objects until cancelled."""
        self.control.on_change = self._changed
        self._changed()
        try:
            await self._queue.work(self._reconcile, WORKERS)
        finally:
            self.control.on_change = None
            self.control.close()
            self._queue.close()

    def _changed(self) -> None:
        self._queue.add(BOOTSTRAP)
        self._queue.add(STATUS)

    async def _reconcile(self, key: str) -> None:
        if key == STATUS:
            for schema, dangling in [*self.control.dangling().values()]:
                await self._tell(schema, dangling)
            return
        for wanted, required in self._objects:
            await self._ensure(wanted, required)
        self.ready.set()

    async def _ensure(self, wanted: Configuration, required: bool) -> None:
        storage = self._registry.storage_of(type(wanted))
        name = wanted.metadata.name
        entry = self._registry.store.head(storage.collection, name)
        if entry is None:
            try:
                await self._registry.create(storage, "", deep_copy(wanted), PRODUCER)
            except AlreadyExistsError:
                pass
            return
        present: Configuration = storage.object(entry)
        if present.metadata.deletion_timestamp:
            return
        updates = required or _wants_updates(present)
        flag = "true" if updates else "false"
        if present.metadata.annotations.get(AUTO_UPDATE) == flag and (not updates or _spec(storage, wanted) == present.spec):
            return

        def change(obj: Configuration) -> None:
            obj.metadata.annotations = {**obj.metadata.annotations, AUTO_UPDATE: flag}
            if updates:
                obj.spec = deep_copy(wanted).spec

        try:
            await self._registry.update(storage, "", name, change_transform(change), PRODUCER)
        except NotFoundError:
            self._queue.add(BOOTSTRAP)

    async def _tell(self, schema: FlowSchema, dangling: bool) -> None:
        """Write whether a schema's level is there, if that is news."""
        reference = schema.spec.priority_level_configuration
        level = reference.name if reference is not None else ""
        message = f'This FlowSchema references the PriorityLevelConfiguration object named "{level}"'
        message += " but there is no such object" if dangling else " and it exists"
        status, reason = ("True", "NotFound") if dangling else ("False", "Found")
        known = next((condition for condition in schema.status.conditions if condition.type == DANGLING), None)
        if known is not None and (known.status, known.reason, known.message) == (status, reason, message):
            return
        now = rfc3339(self._registry.clock.now())

        def change(obj: FlowSchema) -> None:
            others = [condition for condition in obj.status.conditions if condition.type != DANGLING]
            obj.status.conditions = [*others, FlowSchemaCondition(
                type=DANGLING, status=status, last_transition_time=now, reason=reason, message=message)]

        storage = self._registry.storage_of(FlowSchema)
        try:
            await self._registry.update(storage, "", schema.metadata.name, change_transform(change), CONSUMER, subresource="status")
        except NotFoundError:
            log.debug("flow schema has gone name=%s", schema.metadata.name)
        except StatusError as error:
            log.warning("flow schema's status cannot be written name=%s error=%s", schema.metadata.name, error)
            raise


def _wants_updates(present: Configuration) -> bool:
    """Whether a suggested object is to be kept up to date: as its annotation says, or if nobody has changed it."""
    flag = present.metadata.annotations.get(AUTO_UPDATE, "")
    # Source: strconv.ParseBool
    if flag in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if flag in ("0", "f", "F", "false", "FALSE", "False"):
        return False
    return present.metadata.generation == 1


def _spec(storage: Storage, wanted: Configuration) -> object:
    """The spec that `wanted` has when it is stored."""
    copy = deep_copy(wanted)
    storage.set_defaults(copy)
    return copy.spec
