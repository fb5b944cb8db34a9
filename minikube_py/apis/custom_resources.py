"""What the versions of a CustomResourceDefinition are served as: `ResourceType` values for storages, discovery and OpenAPI.

Owns the reading of names, scope, subresources and conditions of a definition. Definitions are never changed here.

Source: k8s.io/apiextensions-apiserver/pkg/apiserver/customresource_discovery_controller.go, pkg/apihelpers
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from .apiextensions_v1 import (
    CustomResourceDefinition,
    CustomResourceDefinitionVersion,
    CustomResourceSubresources,
)
from .custom import CustomObject, custom_type
from .resources import MODIFY, VERSION_PRIORITIES, ResourceType, Subresource, storage_version_hash

VERBS: Final = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
TERMINATING_VERBS: Final = ("delete", "deletecollection", "get", "list", "watch")
"""Of a definition that is being deleted: its objects can go, but no new ones come."""


def is_condition_true(crd: CustomResourceDefinition, type_: str) -> bool:
    return any(condition.type == type_ and condition.status == "True" for condition in crd.status.conditions or ())


def version_of(crd: CustomResourceDefinition, name: str) -> CustomResourceDefinitionVersion:
    """Raises: KeyError if the definition has no such version."""
    for version in crd.spec.versions:
        if version.name == name:
            return version
    raise KeyError(name)


def served_versions(crd: CustomResourceDefinition) -> list[str]:
    """The names of the versions that clients can use, in the definition's order; none before it is established.

    A group-version of the server itself has the server's resources and no others.
    """
    if not is_condition_true(crd, "Established"):
        return []
    return [version.name for version in crd.spec.versions if version.served and (crd.spec.group, version.name) not in VERSION_PRIORITIES]


def resource_type(crd: CustomResourceDefinition, version_name: str) -> ResourceType:
    """What a version is served as, under the names that the definition was granted.

    Equal definitions give equal values. While the definition is being deleted, verbs that create or change are missing.

    Raises: KeyError if the definition has no such version.
    """
    group, version = crd.spec.group, version_of(crd, version_name)
    names = crd.status.accepted_names
    hashes = [storage_version_hash(group, stored.name, names.kind) for stored in crd.spec.versions if stored.storage and stored.served]
    return ResourceType(
        group=group,
        version=version_name,
        plural=names.plural,
        singular=names.singular,
        kind=names.kind,
        namespaced=crd.spec.scope == "Namespaced",
        short_names=tuple(names.short_names),
        categories=tuple(names.categories),
        verbs=TERMINATING_VERBS if is_condition_true(crd, "Terminating") else VERBS,
        subresources=_subresources(group, version_name, names.kind, version.subresources),
        storage_version_hash=hashes[0] if hashes else "",
        list_kind=names.list_kind,
    )


def seen_type(crd: CustomResourceDefinition) -> type[CustomObject] | None:
    """The class in which controllers see the objects of a definition: of the stored version if clients can use it, else of the first.

    None if they can use none.
    """
    versions = served_versions(crd)
    stored = [version.name for version in crd.spec.versions if version.storage and version.name in versions]
    return kind_of(crd, (stored or versions)[0]) if versions else None


def kind_of(crd: CustomResourceDefinition, version_name: str) -> type[CustomObject]:
    """The class of the objects of a version; it stays the same while the definition is being deleted.

    Raises: KeyError if the definition has no such version.
    """
    return custom_type(replace(resource_type(crd, version_name), verbs=VERBS))


def _subresources(group: str, version: str, kind: str, enabled: CustomResourceSubresources | None) -> tuple[Subresource, ...]:
    found = []
    if enabled is not None and enabled.status is not None:
        found.append(Subresource("status", group, version, kind, MODIFY))
    if enabled is not None and enabled.scale is not None:
        found.append(Subresource("scale", "autoscaling", "v1", "Scale", MODIFY))
    return tuple(found)
