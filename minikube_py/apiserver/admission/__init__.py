"""Admission: what may enter, and what is filled in on the way.

`Admission` runs the plugins in upstream's order: all `mutate` before defaulting and validation, all `validate` after. Most plugins know
all that they need, and run on the event loop without awaiting, so nothing changes between a check and the write that it allows. A
`WaitingPlugin` asks somebody else; the resources that such a plugin sees take the Registry's slower way, which looks again afterwards.
Source: kubernetes.io/docs/reference/access-authn-authz/admission-controllers/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from minikube_py.core.errors import Cause, ForbiddenError, resource_details

from ..context import Context
from ..storage import Storage
from .durations import ALL, Durations, Kind, Step

Verb = Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]


@dataclass(slots=True)
class Operation:
    """One request as plugins see it.

    Attributes:
        obj: the new object (may be changed while mutating), None for DELETE.
        old: the present object, read-only, None for CREATE.
    """

    verb: Verb
    storage: Storage
    namespace: str
    name: str
    obj: Any
    old: Any
    subresource: str
    context: Context


def forbidden(operation: Operation, why: str, causes: Sequence[Cause] = ()) -> ForbiddenError:
    """What a plugin says of what may not be. Source: k8s.io/apiserver/pkg/admission/errors.go (NewForbidden)"""
    resource = operation.storage.resource
    name = operation.name or (operation.obj.metadata.generate_name if operation.obj is not None else "") or "Unknown"
    return ForbiddenError(
        f'{resource.group_resource} "{name}" is forbidden: {why}', details=resource_details(resource.group, resource.plural, name),
        causes=causes,
    )


class Plugin:
    """One admission plugin; a plugin overrides what it needs."""

    name = ""
    # Resources ("pods", "deployments.apps") that the plugin wants to see; empty means all.
    resources: frozenset[str] = frozenset()

    async def settle(self, operation: Operation) -> None:
        """Wait a moment for what the server is about to make of itself; called before anything else is done with a new object."""

    def mutate(self, operation: Operation) -> None:
        """Change `operation.obj`, or raise a StatusError."""

    def validate(self, operation: Operation) -> None:
        """Raise a StatusError for what may not be."""

    def families(self) -> Iterable[Any]:
        """Metric families of what the plugin counts."""
        return ()

    def recheck(self, operation: Operation) -> None:
        """Raise a StatusError for what has come to be forbidden while waiting plugins waited."""

    async def close(self) -> None:
        """Let go of connections."""


class WaitingPlugin(Plugin):
    """A plugin that asks somebody outside of this process: what it saw may have changed when it has its answer.

    An update is then made again with the newest object, so both methods may be called several times for one request.
    """

    async def mutate_waiting(self, operation: Operation) -> None:
        """`mutate` for those who wait; called after all that do not."""

    async def validate_waiting(self, operation: Operation) -> None:
        """`validate` for those who wait; called in the order of the plugins."""


class Admission:
    """The chain of plugins, sorted by resource once."""

    def __init__(self, plugins: Sequence[Plugin] = ()) -> None:
        self._plugins = tuple(plugins)
        self._by_resource: dict[str, tuple[Plugin, ...]] = {}
        self._waiting: dict[str, bool] = {}
        self._settling: dict[str, tuple[Plugin, ...]] = {}
        self._durations = Durations()
        self._steps: dict[tuple[str, Verb, Kind], Step] = {}

    def _of(self, resource: str) -> tuple[Plugin, ...]:
        found = self._by_resource.get(resource)
        if found is None:
            found = tuple(p for p in self._plugins if not p.resources or resource in p.resources)
            self._by_resource[resource] = found
            self._waiting[resource] = any(isinstance(plugin, WaitingPlugin) for plugin in found)
            self._settling[resource] = tuple(plugin for plugin in found if type(plugin).settle is not Plugin.settle)
        return found

    async def close(self) -> None:
        """Let plugins let go of connections."""
        for plugin in self._plugins:
            await plugin.close()

    def waits(self, operation: Operation) -> bool:
        """Whether a plugin that waits sees this operation: then the waiting forms of the methods are to be used."""
        resource = operation.storage.resource.group_resource
        self._of(resource)
        return self._waiting[resource]

    def families(self) -> Iterator[Any]:
        """Metric families of all plugins."""
        yield from self._durations.families()
        for plugin in self._plugins:
            yield from plugin.families()

    async def settle(self, operation: Operation) -> None:
        """Let plugins wait for what is about to be there; mostly it is, and nothing is waited for."""
        resource = operation.storage.resource.group_resource
        self._of(resource)
        for plugin in self._settling[resource]:
            await plugin.settle(operation)

    def mutate(self, operation: Operation) -> None:
        self._step(operation, "admit").run(operation)

    def validate(self, operation: Operation) -> None:
        self._step(operation, "validate").run(operation)

    def _step(self, operation: Operation, kind: Kind) -> Step:
        key = (operation.storage.resource.group_resource, operation.verb, kind)
        found = self._steps.get(key)
        if found is None:
            method = "mutate" if kind == "admit" else "validate"
            calls = [(plugin.name, getattr(plugin, method)) for plugin in self._of(key[0]) if _has(plugin, method)]
            found = self._steps[key] = Step(self._durations, operation.verb, kind, calls)
        return found

    async def mutate_waiting(self, operation: Operation) -> None:
        timed = partial(self._durations.timed, verb=operation.verb, kind="admit")
        plugins = self._of(operation.storage.resource.group_resource)
        with timed(ALL):
            for plugin in plugins:
                if _has(plugin, "mutate"):
                    with timed(plugin.name):
                        plugin.mutate(operation)
            for plugin in plugins:
                if isinstance(plugin, WaitingPlugin) and _has(plugin, "mutate_waiting"):
                    with timed(plugin.name):
                        await plugin.mutate_waiting(operation)

    def recheck(self, operation: Operation) -> None:
        """Refuse what has come to be forbidden while something was waited for."""
        for plugin in self._of(operation.storage.resource.group_resource):
            plugin.recheck(operation)

    async def validate_waiting(self, operation: Operation) -> None:
        """Validate; nothing is awaited after the last plugin, so what does not wait and comes last may count (quotas)."""
        plugins = self._of(operation.storage.resource.group_resource)
        last = max((index for index, plugin in enumerate(plugins) if isinstance(plugin, WaitingPlugin)), default=-1)
        timed = partial(self._durations.timed, verb=operation.verb, kind="validate")
        with timed(ALL):
            for index, plugin in enumerate(plugins):
                if _has(plugin, "validate") or _has(plugin, "validate_waiting"):
                    with timed(plugin.name):
                        plugin.validate(operation)
                        if isinstance(plugin, WaitingPlugin):
                            await plugin.validate_waiting(operation)
                if index == last:
                    self.recheck(operation)


def _has(plugin: Plugin, method: str) -> bool:
    """Whether a plugin does something there."""
    return getattr(type(plugin), method, None) not in (None, getattr(WaitingPlugin, method))
