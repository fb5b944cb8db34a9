"""The table of resources says what upstream's discovery says."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from minikube_py.apis import resources
from minikube_py.apis.resources import BY_GVK, BY_GVR, GROUPS, RESOURCES, ResourceType, find


def test_every_ga_group_version_is_there_in_upstreams_order() -> None:
    assert resources.GROUP_VERSIONS[:2] == (("", "v1"), ("apiregistration.k8s.io", "v1"))
    assert GROUPS == (
        "",
        "apiregistration.k8s.io",
        "apps",
        "events.k8s.io",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "autoscaling",
        "batch",
        "certificates.k8s.io",
        "networking.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "storage.k8s.io",
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "scheduling.k8s.io",
        "coordination.k8s.io",
        "node.k8s.io",
        "discovery.k8s.io",
        "resource.k8s.io",
        "flowcontrol.apiserver.k8s.io",
    )
    assert resources.PREFERRED_VERSIONS["autoscaling"] == "v2"
    assert len(RESOURCES) == 68


VERBS = {"c": "create", "d": "delete", "D": "deletecollection", "g": "get", "l": "list", "p": "patch", "u": "update", "w": "watch"}
UPSTREAM: dict[str, list[str]] = yaml.safe_load((Path(__file__).parent / "discovery.yaml").read_text())


def described(group_version: str) -> list[list[str]]:
    """The rows of one group-version as the table of upstream's discovery has them."""
    rows = []
    letters = {verb: letter for letter, verb in VERBS.items()}
    for resource in (resource for resource in RESOURCES if resource.group_version == group_version):
        scope = "namespaced" if resource.namespaced else "cluster"
        rows.append([
            resource.plural, resource.kind, resource.singular, scope, ",".join(resource.short_names), ",".join(resource.categories),
            "".join(letters[verb] for verb in resource.verbs), resource.storage_version_hash])
        for sub in resource.subresources:
            own = (sub.group, sub.version) == (resource.group, resource.version)
            kind = sub.kind if own else f"{sub.group}/{sub.version}/{sub.kind}"
            rows.append([f"{resource.plural}/{sub.name}", kind, "", scope, "", "", "".join(letters[verb] for verb in sub.verbs), ""])
    return rows


@pytest.mark.parametrize("group_version", UPSTREAM)
def test_resources_are_those_of_upstreams_discovery(group_version: str) -> None:
    wanted = [["" if word == "-" else word for word in row.split(" ")] for row in UPSTREAM[group_version]]
    assert described(group_version) == wanted


def test_no_group_version_is_more_or_less_than_upstreams() -> None:
    assert {resource.group_version for resource in RESOURCES} == UPSTREAM.keys()


def test_rows_are_sorted_as_discovery_shows_them() -> None:
    for group_version in resources.GROUP_VERSIONS:
        rows = [r for r in RESOURCES if (r.group, r.version) == group_version]
        names = [name for r in rows for name in (r.plural, *(f"{r.plural}/{sub.name}" for sub in r.subresources))]
        assert names == sorted(names)
    for resource in RESOURCES:
        for verbs in (resource.verbs, *(sub.verbs for sub in resource.subresources)):
            assert list(verbs) == sorted(verbs)


def test_lookups_find_each_resource_and_nothing_else() -> None:
    assert all(find(*r.gvr) is r and BY_GVK[r.gvk] is r for r in RESOURCES)
    assert len(BY_GVR) == len(BY_GVK) == len(RESOURCES)
    assert find("apps", "v1beta1", "deployments") is None
    assert resources.find_by_kind("autoscaling", "v1", "Scale") is None


def test_a_resource_names_itself_in_paths_and_messages() -> None:
    pods, deployments = BY_GVR["", "v1", "pods"], BY_GVR["apps", "v1", "deployments"]
    nodes = BY_GVR["", "v1", "nodes"]
    assert (pods.group_version, pods.api_prefix, pods.group_resource) == ("v1", "/api/v1", "pods")
    assert (deployments.group_version, deployments.api_prefix) == ("apps/v1", "/apis/apps/v1")
    assert deployments.group_resource == "deployments.apps"
    assert deployments.item_path("web", "default", "scale") == "/apis/apps/v1/namespaces/default/deployments/web/scale"
    assert pods.collection_path() == "/api/v1/pods"
    assert nodes.item_path("n1", "default") == "/api/v1/nodes/n1"


def test_subresources_carry_the_kind_that_they_exchange() -> None:
    pods = BY_GVR["", "v1", "pods"]
    eviction = pods.subresource("eviction")
    assert eviction is not None and (eviction.group, eviction.version, eviction.kind) == ("policy", "v1", "Eviction")
    status = BY_GVR["batch", "v1", "jobs"].subresource("status")
    assert status is not None and (status.group, status.kind, status.verbs) == ("batch", "Job", ("get", "patch", "update"))
    assert pods.subresource("scale") is None


def test_a_custom_resource_is_described_the_same_way() -> None:
    widgets = ResourceType("example.com", "v1alpha1", "widgets", "widget", "Widget", True, ("wd",))
    assert widgets.collection_path("blue") == "/apis/example.com/v1alpha1/namespaces/blue/widgets"
    assert widgets.list_kind == "WidgetList"
