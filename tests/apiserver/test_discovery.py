"""Discovery documents have upstream's form and order, and follow what is added and removed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from minikube_py.apis.resources import MODIFY, RESOURCES, ResourceType, Subresource
from minikube_py.apiserver.discovery import Discovery
from minikube_py.apiserver.discovery_documents import version_document, version_order

WIDGETS = ResourceType(
    group="example.com",
    version="v1",
    plural="widgets",
    singular="widget",
    kind="Widget",
    namespaced=True,
    short_names=("wd",),
    subresources=(Subresource("status", "example.com", "v1", "Widget", MODIFY), Subresource("scale", "autoscaling", "v1", "Scale", MODIFY)),
)


def fetch(discovery: Discovery, path: str) -> Any:
    body = discovery.legacy(path)
    assert body is not None
    return json.loads(body)


def test_the_roots_are_upstreams_to_the_byte() -> None:
    discovery = Discovery("192.0.2.1:6443")
    assert discovery.legacy("/api") == (
        b'{"kind":"APIVersions","versions":["v1"],"serverAddressByClientCIDRs":'
        b'[{"clientCIDR":"0.0.0.0/0","serverAddress":"192.0.2.1:6443"}]}'
    )
    assert discovery.legacy("/apis/autoscaling") == (
        b'{"kind":"APIGroup","apiVersion":"v1","name":"autoscaling",'
        b'"versions":[{"groupVersion":"autoscaling/v2","version":"v2"},{"groupVersion":"autoscaling/v1","version":"v1"}],'
        b'"preferredVersion":{"groupVersion":"autoscaling/v2","version":"v2"}}'
    )


def test_resource_lists_are_upstreams_to_the_byte() -> None:
    assert Discovery().legacy("/apis/policy/v1") == (
        b'{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"policy/v1","resources":['
        b'{"name":"poddisruptionbudgets","singularName":"poddisruptionbudget","namespaced":true,"kind":"PodDisruptionBudget",'
        b'"verbs":["create","delete","deletecollection","get","list","patch","update","watch"],'
        b'"shortNames":["pdb"],"storageVersionHash":"EVWiDmWqyJw="},'
        b'{"name":"poddisruptionbudgets/status","singularName":"","namespaced":true,"kind":"PodDisruptionBudget",'
        b'"verbs":["get","patch","update"]}]}'
    )


@pytest.mark.parametrize(("path", "name", "digest"), [
    ("/api/v1", "pods", "xPOwRZ+Yhw8="), ("/api/v1", "events", "r2yiGXH7wu8="), ("/api/v1", "services", "0/CO1lhkEBI="),
    ("/api/v1", "nodes", "XwShjMxG9Fs="), ("/api/v1", "secrets", "S6u1pOWzb84="),
])
def test_storage_version_hashes_are_upstreams(path: str, name: str, digest: str) -> None:
    assert {row["name"]: row for row in fetch(Discovery(), path)["resources"]}[name]["storageVersionHash"] == digest


def test_the_legacy_group_lists_every_subresource_behind_its_resource() -> None:
    core = fetch(Discovery(), "/api/v1")
    assert list(core) == ["kind", "groupVersion", "resources"]
    names = [row["name"] for row in core["resources"]]
    assert names == sorted(names)
    assert len(names) == sum(1 + len(r.subresources) for r in RESOURCES if r.group == "")
    rows = {row["name"]: row for row in core["resources"]}
    eviction = {"name": "pods/eviction", "singularName": "", "namespaced": True, "group": "policy", "version": "v1", "kind": "Eviction"}
    assert rows["pods/eviction"] == {**eviction, "verbs": ["create"]}
    assert list(rows["pods/eviction"]) == ["name", "singularName", "namespaced", "group", "version", "kind", "verbs"]
    assert "group" not in rows["pods/binding"]


def test_groups_are_listed_in_upstreams_order() -> None:
    assert [group["name"] for group in fetch(Discovery(), "/apis")["groups"]] == [
        "apiregistration.k8s.io", "apps", "events.k8s.io", "authentication.k8s.io", "authorization.k8s.io", "autoscaling", "batch",
        "certificates.k8s.io", "networking.k8s.io", "policy", "rbac.authorization.k8s.io", "storage.k8s.io",
        "admissionregistration.k8s.io", "apiextensions.k8s.io", "scheduling.k8s.io", "coordination.k8s.io", "node.k8s.io",
        "discovery.k8s.io", "resource.k8s.io", "flowcontrol.apiserver.k8s.io",
    ]


@pytest.mark.parametrize("path", ["/apis/nothing", "/apis/apps/v9", "/api/v2", "/apis//v1", "/healthz", "/api/v1/pods", "/", ""])
def test_what_is_not_served_has_no_document(path: str) -> None:
    assert Discovery().legacy(path) is None


def test_aggregated_documents_hold_every_resource_once() -> None:
    discovery = Discovery()
    core, groups = (json.loads(discovery.aggregated(root).body) for root in ("/api", "/apis"))
    assert core["apiVersion"] == groups["apiVersion"] == "apidiscovery.k8s.io/v2"
    assert [item["metadata"] for item in core["items"]] == [{}]
    seen = {
        (item["metadata"].get("name", ""), version["version"], row["resource"])
        for item in core["items"] + groups["items"]
        for version in item["versions"]
        for row in version["resources"]
    }
    assert seen == {resource.gvr for resource in RESOURCES}


def test_an_aggregated_resource_has_upstreams_fields_in_order() -> None:
    groups = json.loads(Discovery().aggregated("/apis").body)
    assert list(groups) == ["kind", "apiVersion", "metadata", "items"]
    version = groups["items"][1]["versions"][0]
    assert list(version) == ["version", "resources", "freshness"]
    assert json.dumps(version["resources"][2], separators=(",", ":")) == (
        '{"resource":"deployments","responseKind":{"group":"","version":"","kind":"Deployment"},"scope":"Namespaced",'
        '"singularResource":"deployment","verbs":["create","delete","deletecollection","get","list","patch","update","watch"],'
        '"shortNames":["deploy"],"categories":["all"],"subresources":['
        '{"subresource":"scale","responseKind":{"group":"autoscaling","version":"v1","kind":"Scale"},"verbs":["get","patch","update"]},'
        '{"subresource":"status","responseKind":{"group":"","version":"","kind":"Deployment"},"verbs":["get","patch","update"]}]}'
    )


def test_the_etag_changes_with_the_content_and_comes_back_with_it() -> None:
    discovery = Discovery()
    before = discovery.aggregated("/apis").etag
    discovery.add_group_version("example.com", "v1", [WIDGETS])
    during = discovery.aggregated("/apis").etag
    discovery.remove_group_version("example.com", "v1")
    assert discovery.aggregated("/apis").etag == before != during
    assert before.startswith('"') and len(before) == 130


def test_added_group_versions_are_served_after_the_builtin_ones() -> None:
    discovery = Discovery()
    for version in ("v1alpha1", "v1", "v2beta1", "v1beta1", "banana"):
        discovery.add_group_version("example.com", version, [WIDGETS])
    discovery.add_group_version("metrics.k8s.io", "v1beta1", [], group_priority=100, freshness="Stale")
    groups = json.loads(discovery.aggregated("/apis").body)["items"]
    assert [group["metadata"]["name"] for group in groups][-2:] == ["example.com", "metrics.k8s.io"]
    assert [entry["version"] for entry in groups[-2]["versions"]] == ["v1", "v2beta1", "v1beta1", "v1alpha1", "banana"]
    assert groups[-1]["versions"][0]["freshness"] == "Stale"
    assert groups[-2]["versions"][0]["resources"][0]["responseKind"] == {"group": "example.com", "version": "v1", "kind": "Widget"}
    rows = fetch(discovery, "/apis/example.com/v1")["resources"]
    assert [row["name"] for row in rows] == ["widgets", "widgets/status", "widgets/scale"]
    assert ("example.com", "v1") in discovery.group_versions()


def test_versions_are_ordered_as_clients_expect() -> None:
    # The example of apiregistration.k8s.io's documentation.
    expected = ["v10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2", "foo1", "foo10"]
    assert sorted(reversed(expected), key=version_order) == expected


def test_builtin_group_versions_can_be_neither_replaced_nor_removed() -> None:
    discovery = Discovery()
    with pytest.raises(ValueError, match="built in"):
        discovery.add_group_version("apps", "v1", [])
    with pytest.raises(ValueError, match="built in"):
        discovery.remove_group_version("apps", "v1")


def test_the_version_is_one_that_clients_can_parse() -> None:
    version = version_document()
    assert (version["major"], version["minor"]) == ("1", "36")
    assert version["gitVersion"].startswith("v1.36.0+minikubepy")
    assert all(isinstance(value, str) for value in version.values())
