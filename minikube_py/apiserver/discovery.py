"""What the server serves, as clients discover it: the documents under /api, /apis, /apis/GROUP, /api/v1 and /apis/GROUP/VERSION.

Owns which group-versions are served and their encoded documents. It does not own what a document looks like (discovery_documents) nor which
one a request gets and in which coding (http/discovery). Custom resources and aggregated API servers are told to it with
`add_group_version` and `remove_group_version`.

Invariants: no document is built before it is asked for; an encoded document is shared by all readers until something is added or removed.

Source: kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from minikube_py.apis import resources as builtin
from minikube_py.apis.resources import ResourceType

from .discovery_documents import (
    Document,
    GroupVersion,
    api_group,
    api_group_discovery_list,
    api_group_list,
    api_resource_list,
    api_versions,
    in_order,
)
from .enablement import ALL, Enablement

CUSTOM_GROUP_PRIORITY: Final = 1000
"""groupPriorityMinimum of a group of custom resources. Source: pkg/controlplane/controller/crdregistration."""
CUSTOM_VERSION_PRIORITY: Final = 100


@dataclass(frozen=True, slots=True)
class AggregatedDocument:
    """Everything below a root in one document, as JSON, and its ETag, quoted."""

    body: bytes
    etag: str


class Discovery:
    """The documents of one server: built-in resources and those added at run time.

    Args:
        enablement: which of the built-in ones are served.

    Every method is synchronous and meant for the event loop's thread.

    Attributes:
        server_address: `host:port` that /api names for clients of any network; "" leaves the list empty.
    """

    def __init__(self, server_address: str = "", enablement: Enablement = ALL) -> None:
        self._server_address = server_address
        self._group_versions: dict[tuple[str, str], GroupVersion] = {}
        self._legacy: dict[str, bytes] = {}
        self._aggregated: dict[str, AggregatedDocument] = {}
        for group, version in enablement.group_versions:
            self._group_versions[group, version] = GroupVersion(
                group,
                version,
                tuple(r for r in builtin.RESOURCES if (r.group, r.version) == (group, version) and enablement.serves(*r.gvr)),
                builtin.GROUP_PRIORITIES[group],
                builtin.VERSION_PRIORITIES[group, version],
                foreign=False,
            )

    @property
    def server_address(self) -> str:
        return self._server_address

    @server_address.setter
    def server_address(self, address: str) -> None:
        self._server_address = address
        self._forget()

    def add_group_version(
        self,
        group: str,
        version: str,
        resources: Iterable[ResourceType],
        *,
        group_priority: int = CUSTOM_GROUP_PRIORITY,
        version_priority: int = CUSTOM_VERSION_PRIORITY,
        freshness: str = "Current",
    ) -> None:
        """Serve a group-version of custom resources or of an aggregated server, or replace what it serves.

        Args:
            resources: all resources of the group-version; their order is not significant.
            group_priority, version_priority: as in the APIService; higher comes first.
            freshness: `Current`, or `Stale` if the aggregated server could not be asked.
        Raises: ValueError if the group-version is a built-in one.
        """
        if (group, version) in builtin.VERSION_PRIORITIES:
            raise ValueError(f"{group}/{version} is built in")
        ordered = tuple(sorted(resources, key=lambda resource: resource.plural))
        entry = GroupVersion(group, version, ordered, group_priority, version_priority, foreign=True, freshness=freshness)
        if self._group_versions.get((group, version)) != entry:
            self._group_versions[group, version] = entry
            self._forget()

    def remove_group_version(self, group: str, version: str) -> None:
        """Stop serving an added group-version; one that is not served is no error.

        Raises: ValueError if the group-version is a built-in one.
        """
        if (group, version) in builtin.VERSION_PRIORITIES:
            raise ValueError(f"{group}/{version} is built in")
        if self._group_versions.pop((group, version), None) is not None:
            self._forget()

    def group_versions(self) -> list[tuple[str, str]]:
        """Every served (group, version), in the order of the documents."""
        return [(entry.group, entry.version) for versions in self._groups().values() for entry in versions]

    def aggregated(self, root: str) -> AggregatedDocument:
        """The aggregated document of /api or /apis."""
        found = self._aggregated.get(root)
        if found is None:
            groups = {name: versions for name, versions in self._groups().items() if (name == "") == (root == "/api")}
            body = msgspec.json.encode(api_group_discovery_list(groups))
            found = self._aggregated[root] = AggregatedDocument(body, f'"{hashlib.sha512(body).hexdigest().upper()}"')
        return found

    def legacy(self, path: str) -> bytes | None:
        """The JSON document at a path without trailing slash.

        Returns: None if `path` is not a discovery path, or names a group-version that is not served.
        """
        found = self._legacy.get(path)
        if found is None:
            document = self._legacy_document(path)
            if document is not None:
                found = self._legacy[path] = msgspec.json.encode(document)
        return found

    def _legacy_document(self, path: str) -> Document | None:
        match path.split("/")[1:]:
            case ["api"]:
                core = self._groups().get("")
                return api_versions(core, self._server_address) if core else None
            case ["apis"]:
                return api_group_list(self._groups())
            case ["apis", group] if group:
                versions = self._groups().get(group)
                return api_group(versions) if versions else None
            case ["api", version]:
                entry = self._group_versions.get(("", version))
            case ["apis", group, version] if group:
                entry = self._group_versions.get((group, version))
            case _:
                return None
        return None if entry is None else api_resource_list(entry)

    def _groups(self) -> dict[str, list[GroupVersion]]:
        return in_order(self._group_versions.values())

    def _forget(self) -> None:
        self._legacy.clear()
        self._aggregated.clear()
