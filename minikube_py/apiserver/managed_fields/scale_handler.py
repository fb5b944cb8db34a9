"""managedFields of the scale subresource: of all that is owned in a workload, it shows who owns the replicas.

Source: k8s.io/apimachinery/pkg/util/managedfields/scalehandler.go
"""

from __future__ import annotations

from collections.abc import Mapping

from minikube_py.apis.meta_v1 import ManagedFieldsEntry

from .entries import UPDATE, Identity, Managed, Owned, encode, stored
from .field_set import Path, difference, from_paths, has

SCALE_VERSION = "autoscaling/v1"
REPLICAS: Path = ("f:spec", "f:replicas")
# apiVersion of a workload -> where it has its replicas; () if it has none there.
ReplicasPaths = Mapping[str, Path]
Entries = list[ManagedFieldsEntry]


def to_scale(entries: Entries, paths: ReplicasPaths) -> Entries:
    """The entries that the Scale of a workload has."""
    managed: Managed = {}
    for identity, owned in stored(entries).items():
        path = paths.get(owned.api_version, ())
        if path and has(owned.fields, path):
            managed[identity] = Owned(from_paths([REPLICAS]), SCALE_VERSION, owned.time)
    return encode(managed)


def to_parent(entries: Entries, scale_entries: Entries, group_version: str, paths: ReplicasPaths) -> Entries:
    """The entries of a workload after those of its Scale changed.

    Args:
        group_version: that of the request.
    """
    # An update is known by its version, which differs between the two.
    scale = {_unversioned(identity): owned for identity, owned in stored(scale_entries).items()}
    managed: Managed = {}
    for identity, owned in stored(entries).items():
        path = paths.get(owned.api_version)
        if path is None:
            continue
        if path and has(owned.fields, path) and scale.pop(_unversioned(identity), None) is None:
            owned = owned.with_fields(difference(owned.fields, from_paths([path])))
            if not owned.fields:
                continue
        managed[identity] = owned
    for (manager, operation, subresource), owned in scale.items():
        if has(owned.fields, REPLICAS):
            # As upstream, without a time.
            identity = Identity(manager, operation, group_version if operation == UPDATE else "", subresource)
            managed[identity] = Owned(from_paths([paths[group_version]]), group_version)
    return encode(managed)


def _unversioned(identity: Identity) -> tuple[str, str, str]:
    return identity.manager, identity.operation, identity.subresource
