"""Discovery documents: what the server serves, in the legacy and the aggregated (v2, v2beta1) forms.

Owns the documents under /api, /apis, /apis/GROUP, /api/v1, /apis/GROUP/VERSION and /version, their negotiation and their encoded
form. It does not own HTTP: a handler passes path and Accept header in and sends the answer. Custom resources and aggregated API servers are
told to it with `add_group_version` and `remove_group_version`.

Invariants: no document is built before it is asked for; an encoded document is shared by all readers until something is added or removed.

Source: kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api, k8s.io/api/apidiscovery/v2,
k8s.io/apimachinery/pkg/apis/meta/v1.
"""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from minikube_py.apis import resources as builtin
from minikube_py.apis.resources import ResourceType, Subresource
from minikube_py.apiserver.accept import Clause, parse_accept

Document = dict[str, Any]

KUBERNETES_VERSION: Final = "1.36.0"
JSON_TYPE: Final = "application/json"
AGGREGATED_GROUP: Final = "apidiscovery.k8s.io"
AGGREGATED_KIND: Final = "APIGroupDiscoveryList"
AGGREGATED_VERSIONS: Final = ("v2", "v2beta1")

CUSTOM_GROUP_PRIORITY: Final = 1000
"""groupPriorityMinimum of a group of custom resources. Source: pkg/controlplane/controller/crdregistration."""
CUSTOM_VERSION_PRIORITY: Final = 100


@dataclass(frozen=True, slots=True)
class DiscoveryResponse:
    """One encoded document. `etag` is empty for the forms that upstream serves without one."""

    content_type: str
    body: bytes
    etag: str = ""


@dataclass(frozen=True, slots=True)
class _GroupVersion:
    """One served group-version; `foreign` ones (custom resources, aggregated servers) name the response kind in full."""

    group: str
    version: str
    resources: tuple[ResourceType, ...]
    group_priority: int
    version_priority: int
    foreign: bool
    freshness: str = "Current"


class Discovery:
    """The documents of one server: built-in resources and those added at run time.

    Every method is synchronous and meant for the event loop's thread.
    """

    def __init__(self, server_address: str = "") -> None:
        """
        Args:
            server_address: `host:port` that /api names for clients of any network; empty leaves the list empty.
        """
        self._server_address = server_address
        self._group_versions: dict[tuple[str, str], _GroupVersion] = {}
        self._cache: dict[tuple[str, str], DiscoveryResponse] = {}
        for group, version in builtin.GROUP_VERSIONS:
            self._group_versions[group, version] = _GroupVersion(
                group,
                version,
                tuple(r for r in builtin.RESOURCES if (r.group, r.version) == (group, version)),
                builtin.GROUP_PRIORITIES[group],
                builtin.VERSION_PRIORITIES[group, version],
                foreign=False,
            )

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
        entry = _GroupVersion(group, version, ordered, group_priority, version_priority, foreign=True, freshness=freshness)
        if self._group_versions.get((group, version)) != entry:
            self._group_versions[group, version] = entry
            self._cache.clear()

    def remove_group_version(self, group: str, version: str) -> None:
        """Stop serving an added group-version; one that is not served is no error.

        Raises: ValueError if the group-version is a built-in one.
        """
        if (group, version) in builtin.VERSION_PRIORITIES:
            raise ValueError(f"{group}/{version} is built in")
        if self._group_versions.pop((group, version), None) is not None:
            self._cache.clear()

    def group_versions(self) -> list[tuple[str, str]]:
        """Return every served (group, version), in the order of the documents."""
        return [(entry.group, entry.version) for versions in self._groups().values() for entry in versions]

    def respond(self, path: str, accept: str) -> DiscoveryResponse | None:
        """Return the document at `path` in the form that the client prefers.

        Args:
            path: URL path without query; a trailing slash is ignored.
            accept: the Accept header, "" if there is none. A client that accepts nothing offered gets legacy JSON.
        Returns: None if `path` is not a discovery path, or names a group-version that is not served.
        """
        path = path.rstrip("/")
        form = _negotiate(accept) if path in ("/api", "/apis") else ""
        cached = self._cache.get((path, form))
        if cached is None:
            cached = self._aggregated(path, form) if form else self._legacy(path)
            if cached is not None:
                self._cache[path, form] = cached
        return cached

    def _groups(self) -> dict[str, list[_GroupVersion]]:
        """Return group to versions, both in order; the legacy group comes first."""
        groups: dict[str, list[_GroupVersion]] = {}
        for entry in self._group_versions.values():
            groups.setdefault(entry.group, []).append(entry)
        for versions in groups.values():
            versions.sort(key=lambda entry: (-entry.version_priority, _version_order(entry.version)))
        ordered = sorted(groups, key=lambda name: (name != "", -max(v.group_priority for v in groups[name]), name))
        return {name: groups[name] for name in ordered}

    def _aggregated(self, path: str, version: str) -> DiscoveryResponse:
        groups = {name: versions for name, versions in self._groups().items() if (name == "") == (path == "/api")}
        body = msgspec.json.encode(_aggregated_list(groups, version))
        content_type = f"{JSON_TYPE};g={AGGREGATED_GROUP};v={version};as={AGGREGATED_KIND}"
        return DiscoveryResponse(content_type, body, f'"{hashlib.sha512(body).hexdigest().upper()}"')

    def _legacy(self, path: str) -> DiscoveryResponse | None:
        match path.split("/")[1:]:
            case ["version"]:
                return DiscoveryResponse(JSON_TYPE, msgspec.json.format(msgspec.json.encode(version_document())))
            case ["api"]:
                document: Document | None = self._api_versions()
            case ["apis"]:
                groups = [_group_entry(versions) for name, versions in self._groups().items() if name]
                document = {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
            case ["apis", group] if group:
                versions = self._groups().get(group)
                document = {"kind": "APIGroup", "apiVersion": "v1", **_group_entry(versions)} if versions else None
            case ["api", version]:
                document = self._resource_list("", version)
            case ["apis", group, version] if group:
                document = self._resource_list(group, version)
            case _:
                document = None
        return None if document is None else DiscoveryResponse(JSON_TYPE, msgspec.json.encode(document))

    def _api_versions(self) -> Document:
        addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": self._server_address}] if self._server_address else []
        versions = [entry.version for entry in self._groups()[""]]
        return {"kind": "APIVersions", "versions": versions, "serverAddressByClientCIDRs": addresses}

    def _resource_list(self, group: str, version: str) -> Document | None:
        entry = self._group_versions.get((group, version))
        if entry is None:
            return None
        head: Document = {"kind": "APIResourceList"}
        if group:
            # The legacy group's list has never carried its apiVersion.
            head["apiVersion"] = "v1"
        rows = [row for resource in entry.resources for row in _resource_rows(resource)]
        return {**head, "groupVersion": f"{group}/{version}" if group else version, "resources": rows}


def version_document() -> Document:
    """Return the /version document: this program, as the Kubernetes version whose API it serves."""
    major, minor, _ = KUBERNETES_VERSION.split(".")
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return {
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": str(int(minor) - 1),
        "gitVersion": f"v{KUBERNETES_VERSION}+minikubepy.{_program_version()}",
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": f"python{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}",
        "compiler": sys.implementation.name,
        "platform": f"linux/{machine}",
    }


def _program_version() -> str:
    from importlib import metadata  # slow to import, and /version is seldom asked

    try:
        return metadata.version("minikube-py")
    except metadata.PackageNotFoundError:
        return "0.0.0"  # running from a source tree that is not installed


def _version_order(version: str) -> tuple[int, int, int, str]:
    """Return a sort key that puts v2 before v1 before v1beta2 before v1beta1 before v1alpha1 before any other name.

    Source: k8s.io/apimachinery/pkg/version.CompareKubeAwareVersionStrings.
    """
    stability, minor = 2, 0
    major_text = version.removeprefix("v")
    for rank, name in ((1, "beta"), (0, "alpha")):
        head, mark, tail = major_text.partition(name)
        if mark:
            major_text, stability = head, rank
            if not tail.isdecimal():
                return 9, 0, 0, version
            minor = int(tail)
            break
    if not version.startswith("v") or not major_text.isdecimal():
        return 9, 0, 0, version
    return 2 - stability, -int(major_text), -minor, version


def _group_entry(versions: Sequence[_GroupVersion]) -> Document:
    entries = [{"groupVersion": f"{entry.group}/{entry.version}", "version": entry.version} for entry in versions]
    return {"name": versions[0].group, "versions": entries, "preferredVersion": entries[0]}


def _resource_rows(resource: ResourceType) -> list[Document]:
    """Return the legacy rows of a resource: itself, then its subresources by name."""
    row: Document = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": resource.verbs,
    }
    if resource.short_names:
        row["shortNames"] = resource.short_names
    if resource.categories:
        row["categories"] = resource.categories
    if resource.storage_version_hash:
        row["storageVersionHash"] = resource.storage_version_hash
    return [row, *(_subresource_row(resource, sub) for sub in resource.subresources)]


def _subresource_row(resource: ResourceType, sub: Subresource) -> Document:
    row: Document = {"name": f"{resource.plural}/{sub.name}", "singularName": "", "namespaced": resource.namespaced}
    if (sub.group, sub.version) != (resource.group, resource.version):
        row["group"], row["version"] = sub.group, sub.version
    return {**row, "kind": sub.kind, "verbs": sub.verbs}


def _aggregated_list(groups: dict[str, list[_GroupVersion]], version: str) -> Document:
    items = []
    for name, versions in groups.items():
        entries = [
            {"version": entry.version, "resources": [_aggregated_resource(entry, r) for r in entry.resources], "freshness": entry.freshness}
            for entry in versions
        ]
        items.append({"metadata": {"name": name} if name else {}, "versions": entries})
    return {"kind": AGGREGATED_KIND, "apiVersion": f"{AGGREGATED_GROUP}/{version}", "metadata": {}, "items": items}


def _aggregated_resource(entry: _GroupVersion, resource: ResourceType) -> Document:
    row: Document = {
        "resource": resource.plural,
        "responseKind": _response_kind(entry, entry.group, entry.version, resource.kind),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": resource.verbs,
    }
    if resource.short_names:
        row["shortNames"] = resource.short_names
    if resource.categories:
        row["categories"] = resource.categories
    if resource.subresources:
        row["subresources"] = [
            {"subresource": sub.name, "responseKind": _response_kind(entry, sub.group, sub.version, sub.kind), "verbs": sub.verbs}
            for sub in resource.subresources
        ]
    return row


def _response_kind(entry: _GroupVersion, group: str, version: str, kind: str) -> Document:
    """Return a responseKind; built-in resources leave out the group-version that the entry already names, as upstream's do."""
    if not entry.foreign and (group, version) == (entry.group, entry.version):
        group = version = ""
    return {"group": group, "version": version, "kind": kind}


def _negotiate(accept: str) -> str:
    """Return the aggregated version that the client prefers to legacy JSON, or "" for legacy JSON."""
    for clause in parse_accept(accept):
        if not clause.matches(JSON_TYPE):
            continue
        form = _aggregated_form(clause)
        if form is not None:
            return form
    return ""


def _aggregated_form(clause: Clause) -> str | None:
    """Return the aggregated version that a JSON clause asks for, "" for plain JSON, None for a form that is not offered here."""
    group, version, kind = (clause.parameters.get(name, "") for name in ("g", "v", "as"))
    if not (group or version or kind):
        return ""
    offered = group == AGGREGATED_GROUP and kind == AGGREGATED_KIND and version in AGGREGATED_VERSIONS
    return version if offered else None
