"""Definitions are served under their accepted names, with the subresources and verbs of each version."""

from __future__ import annotations

import pytest

from minikube_py.apis.apiextensions_v1 import CustomResourceDefinition
from minikube_py.apis.custom_resources import TERMINATING_VERBS, VERBS, resource_type, seen_type, served_versions
from minikube_py.apis.resources import MODIFY, Subresource, storage_version_hash

from .definitions import definition, version

STATUS_AND_SCALE = {"status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}}


def widgets(**changes: object) -> CustomResourceDefinition:
    return definition(versions=[version("v1", subresources=STATUS_AND_SCALE), version("v1beta1", storage=False)], **changes)


def test_a_version_has_the_accepted_names() -> None:
    resource = resource_type(widgets(shortNames=["wd"], categories=["all"], listKind="WidgetBag"), "v1")
    assert (resource.group, resource.version, resource.plural, resource.singular) == ("example.com", "v1", "widgets", "widget")
    assert (resource.kind, resource.list_kind, resource.namespaced) == ("Widget", "WidgetBag", True)
    assert (resource.short_names, resource.categories) == (("wd",), ("all",))
    assert not resource_type(widgets(scope="Cluster"), "v1").namespaced


def test_each_version_has_its_own_subresources_and_the_hash_of_the_stored_one() -> None:
    newest, older = (resource_type(widgets(), name) for name in ("v1", "v1beta1"))
    assert newest.subresources == (
        Subresource("status", "example.com", "v1", "Widget", MODIFY),
        Subresource("scale", "autoscaling", "v1", "Scale", MODIFY),
    )
    assert older.subresources == ()
    assert newest.storage_version_hash == older.storage_version_hash == storage_version_hash("example.com", "v1", "Widget")


def test_scale_alone_brings_no_status() -> None:
    scaled = version("v1", subresources={"scale": STATUS_AND_SCALE["scale"]})
    assert [sub.name for sub in resource_type(definition(versions=[scaled]), "v1").subresources] == ["scale"]


def test_a_stored_version_that_is_not_served_has_no_hash() -> None:
    crd = definition(versions=[version("v1", served=False), version("v2", storage=False)])
    assert resource_type(crd, "v2").storage_version_hash == ""
    assert served_versions(crd) == ["v2"]


def seen_version(crd: CustomResourceDefinition) -> str:
    kind = seen_type(crd)
    assert kind is not None
    return kind.resource.version


def test_controllers_see_the_stored_version_or_the_first_that_is_served() -> None:
    assert seen_version(definition(versions=[version("v2", storage=False), version("v1")])) == "v1"
    hidden = definition(versions=[version("v1", served=False), version("v3", storage=False), version("v2", storage=False)])
    assert seen_version(hidden) == "v3"
    assert seen_type(definition(versions=[version("v1", served=False)])) is None


def test_nothing_is_served_before_the_definition_is_established() -> None:
    assert served_versions(definition(conditions={"Established": "False"})) == []


def test_nothing_can_be_created_while_the_definition_is_being_deleted() -> None:
    assert resource_type(widgets(), "v1").verbs == VERBS
    assert resource_type(widgets(conditions={"Established": "True", "Terminating": "True"}), "v1").verbs == TERMINATING_VERBS


def test_a_version_that_is_not_there_is_refused() -> None:
    with pytest.raises(KeyError):
        resource_type(widgets(), "v7")
