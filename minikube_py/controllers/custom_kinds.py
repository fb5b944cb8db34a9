"""The kinds of custom resources, as they come and go.

Owns which classes stand for custom resources, for controllers that deal with objects of every kind. A definition counts from the moment
that it is established until it is gone, while a version of it is served; `seen_type` says in which one its objects are seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from minikube_py.apis.apiextensions_v1 import CustomResourceDefinition
from minikube_py.apis.custom_resources import seen_type, served_versions
from minikube_py.apis.object import Object
from minikube_py.client.informer import Informer

# Called with a kind that came, or (False) went.
KindHandler = Callable[[type[Object], bool], None]


class CustomKinds:
    """The custom kinds that there are now.

    Args:
        definitions: the informer of CustomResourceDefinitions.
    """

    def __init__(self, definitions: Informer[CustomResourceDefinition]) -> None:
        # Name of a definition -> its kind, and (group, version, kind) of all versions that are served.
        self._kinds: dict[str, tuple[type[Object], frozenset[tuple[str, str, str]]]] = {}
        self._handlers: list[KindHandler] = []
        definitions.add_handler(self._changed)

    def follow(self, handler: KindHandler) -> None:
        """Call `handler(kind, True)` for each kind that there is or comes, `handler(kind, False)` for one that goes."""
        self._handlers.append(handler)
        for kind, _ in [*self._kinds.values()]:
            handler(kind, True)

    def find(self, group: str, version: str, kind: str) -> type[Object] | None:
        """The class that stands for a kind, whichever of its served versions is named."""
        return next((found for found, names in self._kinds.values() if (group, version, kind) in names), None)

    def _changed(self, old: CustomResourceDefinition | None, new: CustomResourceDefinition | None) -> None:
        definition = new if new is not None else old
        if definition is None:
            return
        name = definition.metadata.name
        now = _kind(new) if new is not None else None
        before = self._kinds.pop(name, None)
        if now is not None:
            self._kinds[name] = now
        if before is not None and (now is None or now[0] is not before[0]):
            self._tell(before[0], False)
        if now is not None and (before is None or now[0] is not before[0]):
            self._tell(now[0], True)

    def _tell(self, kind: type[Object], came: bool) -> None:
        for handler in self._handlers:
            handler(kind, came)


def _kind(definition: CustomResourceDefinition) -> tuple[type[Object], frozenset[tuple[str, str, str]]] | None:
    """The class and names of an established definition."""
    kind = seen_type(definition)
    if kind is None:
        return None
    group, names = definition.spec.group, definition.status.accepted_names
    return cast("type[Object]", kind), frozenset((group, version, names.kind) for version in served_versions(definition))
