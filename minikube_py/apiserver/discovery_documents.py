"""What discovery documents look like: the legacy and the aggregated forms of groups, versions and resources, and /version.

Pure: served group-versions in, plain documents out, with fields in upstream's order.

Source: k8s.io/apimachinery/pkg/apis/meta/v1/types.go, k8s.io/api/apidiscovery/v2, k8s.io/apimachinery/pkg/version
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from minikube_py.apis.resources import ResourceType, Subresource

Document = dict[str, Any]

KUBERNETES_VERSION: Final = "1.36.0"
AGGREGATED_GROUP: Final = "apidiscovery.k8s.io"
AGGREGATED_VERSION: Final = "v2"
AGGREGATED_KIND: Final = "APIGroupDiscoveryList"

_KUBE_VERSION: Final = re.compile(r"v([0-9]+)(?:(alpha|beta)([0-9]+))?")
_STABILITY: Final = {None: 0, "beta": 1, "alpha": 2}
_UNLIKE: Final = 3


@dataclass(frozen=True, slots=True)
class GroupVersion:
    """One served group-version; `foreign` ones (custom resources, aggregated servers) name the response kind in full."""

    group: str
    version: str
    resources: tuple[ResourceType, ...]
    group_priority: int
    version_priority: int
    foreign: bool
    freshness: str = "Current"


def version_order(version: str) -> tuple[int, int, int, str]:
    """A sort key that puts v2 before v1 before v1beta2 before v1beta1 before v1alpha1 before names of any other form.

    Source: k8s.io/apimachinery/pkg/version.CompareKubeAwareVersionStrings.
    """
    match = _KUBE_VERSION.fullmatch(version)
    if match is None:
        return _UNLIKE, 0, 0, version
    return _STABILITY[match[2]], -int(match[1]), -int(match[3] or 0), ""


def in_order(group_versions: Iterable[GroupVersion]) -> dict[str, list[GroupVersion]]:
    """Group to its versions, both in the order of the documents.

    Source: kube-aggregator's apiregistration/v1/helper.SortedByGroupAndVersion; the aggregator's own group is always the first.
    """
    groups: dict[str, list[GroupVersion]] = {}
    for entry in group_versions:
        groups.setdefault(entry.group, []).append(entry)
    for versions in groups.values():
        versions.sort(key=lambda entry: (-entry.version_priority, version_order(entry.version)))
    ordered = sorted(groups, key=lambda name: (-max(version.group_priority for version in groups[name]), name))
    return {name: groups[name] for name in ordered}


def api_versions(versions: Sequence[GroupVersion], server_address: str) -> Document:
    addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": server_address}] if server_address else []
    return {"kind": "APIVersions", "versions": [entry.version for entry in versions], "serverAddressByClientCIDRs": addresses}


def api_group_list(groups: Mapping[str, Sequence[GroupVersion]]) -> Document:
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group_entry(versions) for name, versions in groups.items() if name]}


def api_group(versions: Sequence[GroupVersion]) -> Document:
    return {"kind": "APIGroup", "apiVersion": "v1", **_group_entry(versions)}


def api_resource_list(entry: GroupVersion) -> Document:
    head: Document = {"kind": "APIResourceList"}
    if entry.group:
        # The legacy group's list has never carried its apiVersion.
        head["apiVersion"] = "v1"
    rows = [row for resource in entry.resources for row in _resource_rows(resource)]
    return {**head, "groupVersion": f"{entry.group}/{entry.version}" if entry.group else entry.version, "resources": rows}


def api_group_discovery_list(groups: Mapping[str, Sequence[GroupVersion]]) -> Document:
    items = []
    for name, versions in groups.items():
        entries = [
            {"version": entry.version, "resources": [_resource_discovery(entry, r) for r in entry.resources], "freshness": entry.freshness}
            for entry in versions
        ]
        items.append({"metadata": {"name": name} if name else {}, "versions": entries})
    return {"kind": AGGREGATED_KIND, "apiVersion": f"{AGGREGATED_GROUP}/{AGGREGATED_VERSION}", "metadata": {}, "items": items}


@cache
def version_document() -> Document:
    """The /version document: this program, as the Kubernetes version whose API it serves. Shared: read only."""
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


def _group_entry(versions: Sequence[GroupVersion]) -> Document:
    entries = [{"groupVersion": f"{entry.group}/{entry.version}", "version": entry.version} for entry in versions]
    return {"name": versions[0].group, "versions": entries, "preferredVersion": entries[0]}


def _resource_rows(resource: ResourceType) -> list[Document]:
    """The legacy rows of a resource: itself, then its subresources."""
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


def _resource_discovery(entry: GroupVersion, resource: ResourceType) -> Document:
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


def _response_kind(entry: GroupVersion, group: str, version: str, kind: str) -> Document:
    """A responseKind; built-in resources leave out the group-version that the entry already names, as upstream's do."""
    if not entry.foreign and (group, version) == (entry.group, entry.version):
        group = version = ""
    return {"group": group, "version": version, "kind": kind}
