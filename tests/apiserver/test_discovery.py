"""Discovery documents have upstream's form, order and content types, and follow what is added and removed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from minikube_py.apis.resources import MODIFY, RESOURCES, ResourceType, Subresource
from minikube_py.apiserver.discovery import Discovery

V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
V2BETA1 = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
KUBECTL_ACCEPT = f"{V2},{V2BETA1},application/json"

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


def fetch(discovery: Discovery, path: str, accept: str = "") -> Any:
    response = discovery.respond(path, accept)
    assert response is not None
    return json.loads(response.body)


def test_legacy_documents_have_upstreams_fields_in_upstreams_order() -> None:
    discovery = Discovery("192.0.2.1:6443")
    core = fetch(discovery, "/api/v1")
    assert list(core) == ["kind", "groupVersion", "resources"]
    apps = fetch(discovery, "/apis/apps/v1/")
    assert list(apps) == ["kind", "apiVersion", "groupVersion", "resources"]
    names = [row["name"] for row in core["resources"]]
    assert names == sorted(names)
    assert len(names) == sum(1 + len(r.subresources) for r in RESOURCES if r.group == "")
    rows = {row["name"]: row for row in core["resources"]}
    assert list(rows["pods"]) == [
        "name", "singularName", "namespaced", "kind", "verbs", "shortNames", "categories", "storageVersionHash",
    ]  # fmt: skip
    eviction = {"name": "pods/eviction", "singularName": "", "namespaced": True, "group": "policy", "version": "v1", "kind": "Eviction"}
    assert rows["pods/eviction"] == {**eviction, "verbs": ["create"]}
    assert "group" not in rows["pods/binding"]
    addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": "192.0.2.1:6443"}]
    assert fetch(discovery, "/api") == {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}


def test_groups_are_listed_with_their_preferred_version_first() -> None:
    discovery = Discovery()
    groups = fetch(discovery, "/apis")["groups"]
    assert [group["name"] for group in groups][:3] == ["apiregistration.k8s.io", "apps", "events.k8s.io"]
    autoscaling = fetch(discovery, "/apis/autoscaling")
    assert autoscaling["preferredVersion"] == {"groupVersion": "autoscaling/v2", "version": "v2"}
    assert [entry["version"] for entry in autoscaling["versions"]] == ["v2", "v1"]
    assert {k: v for k, v in autoscaling.items() if k not in ("kind", "apiVersion")} in groups


@pytest.mark.parametrize("path", ["/apis/nothing", "/apis/apps/v9", "/api/v2", "/apis//v1", "/healthz", "/api/v1/pods", "/"])
def test_what_is_not_served_has_no_document(path: str) -> None:
    assert Discovery().respond(path, KUBECTL_ACCEPT) is None


@pytest.mark.parametrize(
    ("accept", "content_type", "kind"),
    [
        (KUBECTL_ACCEPT, V2, "APIGroupDiscoveryList"),
        (f"{V2BETA1},application/json", V2BETA1, "APIGroupDiscoveryList"),
        ("application/json;g=apidiscovery.k8s.io;v=v3;as=APIGroupDiscoveryList,application/json", "application/json", "APIGroupList"),
        (f"{V2};q=0.2,application/json;q=0.9", "application/json", "APIGroupList"),
        ("application/json", "application/json", "APIGroupList"),
        ("*/*", "application/json", "APIGroupList"),
        ("", "application/json", "APIGroupList"),
        ("application/vnd.kubernetes.protobuf,application/json", "application/json", "APIGroupList"),
    ],
)
def test_the_form_is_negotiated(accept: str, content_type: str, kind: str) -> None:
    response = Discovery().respond("/apis", accept)
    assert response is not None
    assert response.content_type == content_type
    assert json.loads(response.body)["kind"] == kind


def test_aggregated_documents_hold_every_resource_once() -> None:
    discovery = Discovery()
    core, groups = fetch(discovery, "/api", V2), fetch(discovery, "/apis", V2)
    assert core["apiVersion"] == groups["apiVersion"] == "apidiscovery.k8s.io/v2"
    assert [item["metadata"] for item in core["items"]] == [{}]
    seen = {
        (item["metadata"].get("name", ""), version["version"], row["resource"])
        for item in core["items"] + groups["items"]
        for version in item["versions"]
        for row in version["resources"]
    }
    assert seen == {resource.gvr for resource in RESOURCES}
    deployments = groups["items"][1]["versions"][0]["resources"][2]
    assert list(deployments) == [
        "resource",
        "responseKind",
        "scope",
        "singularResource",
        "verbs",
        "shortNames",
        "categories",
        "subresources",
    ]
    assert deployments["responseKind"] == {"group": "", "version": "", "kind": "Deployment"}
    assert deployments["subresources"][0]["responseKind"] == {"group": "autoscaling", "version": "v1", "kind": "Scale"}


def test_the_etag_changes_with_the_content_and_comes_back_with_it() -> None:
    discovery = Discovery()
    before = discovery.respond("/apis", V2)
    discovery.add_group_version("example.com", "v1", [WIDGETS])
    during = discovery.respond("/apis", V2)
    discovery.remove_group_version("example.com", "v1")
    after = discovery.respond("/apis", V2)
    assert before is not None and during is not None and after is not None
    assert before.etag == after.etag != during.etag
    assert before.etag.startswith('"') and len(before.etag) == 130


def test_added_group_versions_are_served_after_the_builtin_ones() -> None:
    discovery = Discovery()
    for version in ("v1alpha1", "v1", "v2beta1", "v1beta1", "banana"):
        discovery.add_group_version("example.com", version, [WIDGETS])
    discovery.add_group_version("metrics.k8s.io", "v1beta1", [], group_priority=100, freshness="Stale")
    groups = fetch(discovery, "/apis", V2)["items"]
    assert [group["metadata"]["name"] for group in groups][-2:] == ["example.com", "metrics.k8s.io"]
    assert [entry["version"] for entry in groups[-2]["versions"]] == ["v1", "v2beta1", "v1beta1", "v1alpha1", "banana"]
    assert groups[-1]["versions"][0]["freshness"] == "Stale"
    assert groups[-2]["versions"][0]["resources"][0]["responseKind"] == {"group": "example.com", "version": "v1", "kind": "Widget"}
    rows = fetch(discovery, "/apis/example.com/v1")["resources"]
    assert [row["name"] for row in rows] == ["widgets", "widgets/status", "widgets/scale"]


def test_builtin_group_versions_can_be_neither_replaced_nor_removed() -> None:
    discovery = Discovery()
    with pytest.raises(ValueError, match="built in"):
        discovery.add_group_version("apps", "v1", [])
    with pytest.raises(ValueError, match="built in"):
        discovery.remove_group_version("apps", "v1")


def test_the_version_is_one_that_clients_can_parse() -> None:
    version = fetch(Discovery(), "/version")
    assert (version["major"], version["minor"]) == ("1", "36")
    assert version["gitVersion"].startswith("v1.36.0+minikubepy")
    assert all(isinstance(value, str) for value in version.values())
