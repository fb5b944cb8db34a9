"""The field managers of all resources, and what they ask of storages: the versions of a kind and their conversion.

Source: k8s.io/apiserver/pkg/endpoints/installer.go, handlers/create.go (managerOrUserAgent)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import Any

from minikube_py.apis import autoscaling_v1
from minikube_py.apis.object import Object
from minikube_py.apis.scheme import to_document
from minikube_py.apis.validation.metadata import MANAGER_BYTES_MAX

from .managed_fields import FieldManager, FieldType, reset_fields, tracked_type
from .managed_fields.field_set import Path
from .managed_fields.struct_types import type_of
from .storage import Storage


class FieldManagers:
    """One field manager per resource, version and subresource, made when it is first asked for.

    Args:
        storages: gives all that is served now.
    """

    def __init__(self, storages: Callable[[], Iterable[Storage]]) -> None:
        self._storages = storages
        self._known: dict[tuple[Storage, str], FieldManager] = {}
        self._scale = _of_one_version(autoscaling_v1.Scale, "autoscaling/v1", "Scale", "scale")

    def of(self, storage: Storage, subresource: str) -> FieldManager:
        found = self._known.get((storage, subresource))
        if found is None:
            found = self._known[storage, subresource] = self._make(storage, subresource)
        return found

    def scale(self) -> FieldManager:
        """That of the scale subresource of all workloads."""
        return self._scale

    def of_posted(self, struct: type[Object], group_version: str, kind: str, subresource: str) -> FieldManager:
        """That of a kind which is posted and not stored."""
        return _of_one_version(struct, group_version, kind, subresource)

    def replicas_paths(self, storage: Storage) -> dict[str, Path]:
        """Where each version of a kind has the replicas that a Scale shows."""
        found = {other.resource.group_version: other.replicas_path for other in self._storages() if other.collection == storage.collection}
        return {**found, storage.resource.group_version: storage.replicas_path}

    def forget(self, storage: Storage) -> None:
        """A storage of this kind comes or goes: its versions are other ones from now on."""
        for key in [key for key in self._known if key[0].collection == storage.collection]:
            del self._known[key]

    def _make(self, storage: Storage, subresource: str) -> FieldManager:
        resource = storage.resource
        family = {other.resource.group_version: other for other in self._storages() if other.collection == storage.collection}
        reset = reset_fields(
            resource.group_resource, subresource, has_status=resource.subresource("status") is not None, custom=storage.evolves
        )
        # A version may be stored and not served.
        versions = StorageVersions({storage.stored.resource.group_version: storage.stored, **family, resource.group_version: storage})
        return FieldManager(
            resource.group_version, resource.kind, versions, storage.struct(), subresource, reset, evolves=storage.evolves
        )


class StorageVersions:
    """The versions in which the objects of one collection are served."""

    def __init__(self, family: dict[str, Storage]) -> None:
        self._family = family
        self._tracked: dict[str, FieldType] = {}

    def type_in(self, api_version: str) -> FieldType | None:
        storage = self._family.get(api_version)
        return storage.field_type if storage is not None else None

    def tracked_in(self, api_version: str) -> FieldType | None:
        if api_version not in self._tracked and api_version in self._family:
            self._tracked[api_version] = tracked_type(self._family[api_version].field_type)
        return self._tracked.get(api_version)

    def convert(self, document: Any, source: str, target: str) -> Any:
        obj, _ = self._family[source].from_document(document, "Ignore")
        return to_document(self.convert_object(obj, source, target))

    def convert_object(self, obj: Any, source: str, target: str) -> Any:
        return self._family[target].from_storage(self._family[source].to_storage(obj))


class OneVersion:
    """The one version of a kind that is not stored."""

    def __init__(self, api_version: str, struct: type[Object]) -> None:
        self._api_version = api_version
        self._type = type_of(struct)
        self._tracked = tracked_type(self._type)

    def type_in(self, api_version: str) -> FieldType | None:
        return self._type if api_version == self._api_version else None

    def tracked_in(self, api_version: str) -> FieldType | None:
        return self._tracked if api_version == self._api_version else None

    def convert(self, document: Any, source: str, target: str) -> Any:
        return document

    def convert_object(self, obj: Any, source: str, target: str) -> Any:
        return obj


@cache
def _of_one_version(struct: type[Object], api_version: str, kind: str, subresource: str) -> FieldManager:
    return FieldManager(api_version, kind, OneVersion(api_version, struct), struct(), subresource)


@lru_cache(1024)
def manager_from_user_agent(user_agent: str) -> str:
    """Who writes, by the name of his program: what is printable before the first slash."""
    name = ""
    for character in user_agent.partition("/")[0]:
        if not character.isprintable():
            continue
        if len(name.encode()) + len(character.encode()) > MANAGER_BYTES_MAX:
            break
        name += character
    return name
