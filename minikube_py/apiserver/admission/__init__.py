"""Admission: what may enter, and what is filled in on the way.

`Admission` runs the plugins in upstream's order: all `mutate` before defaulting and validation, all `validate` after. Both run on
the event loop without awaiting, so nothing changes between a check and the write that it allows.
Source: kubernetes.io/docs/reference/access-authn-authz/admission-controllers/
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from minikube_py.core.errors import Cause, ForbiddenError, resource_details

from ..context import Context
from ..storage import Storage

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

    def mutate(self, operation: Operation) -> None:
        """Change `operation.obj`, or raise a StatusError."""

    def validate(self, operation: Operation) -> None:
        """Raise a StatusError for what may not be."""


class Admission:
    """The chain of plugins, sorted by resource once."""

    def __init__(self, plugins: Sequence[Plugin] = ()) -> None:
        self._plugins = tuple(plugins)
        self._by_resource: dict[str, tuple[Plugin, ...]] = {}

    def _of(self, resource: str) -> tuple[Plugin, ...]:
        found = self._by_resource.get(resource)
        if found is None:
            found = tuple(p for p in self._plugins if not p.resources or resource in p.resources)
            self._by_resource[resource] = found
        return found

    def mutate(self, operation: Operation) -> None:
        for plugin in self._of(operation.storage.resource.group_resource):
            plugin.mutate(operation)

    def validate(self, operation: Operation) -> None:
        for plugin in self._of(operation.storage.resource.group_resource):
            plugin.validate(operation)
