"""Discovery and OpenAPI follow the definitions of custom resources, version by version."""

from __future__ import annotations

import json

import pytest

from minikube_py.apiserver.apiextensions.publishing import Publishing
from minikube_py.apiserver.discovery import Discovery
from minikube_py.apiserver.openapi import OpenApi

from .definitions import definition, version


class World:
    """What is published."""

    def __init__(self) -> None:
        self.discovery = Discovery()
        self.openapi = OpenApi()
        self.publishing = Publishing(self.discovery, self.openapi)

    def versions(self, group: str = "example.com") -> list[str]:
        found = self.discovery.legacy(f"/apis/{group}")
        return [] if found is None else [entry["version"] for entry in json.loads(found)["versions"]]

    def resources(self, path: str = "example.com/v1") -> list[str]:
        found = self.discovery.legacy(f"/apis/{path}")
        return [] if found is None else [row["name"] for row in json.loads(found)["resources"]]


@pytest.fixture
def world() -> World:
    return World()


def versions(*names: str, unserved: str = "") -> list[dict[str, object]]:
    return [version(name, storage=name == names[0], served=name != unserved) for name in names]


def test_a_definition_is_published_when_it_is_established(world: World) -> None:
    pending = definition(conditions={"Established": "False"})
    world.publishing.changed(None, pending)
    assert world.versions() == []
    world.publishing.changed(pending, definition())
    assert (world.versions(), world.resources()) == (["v1"], ["widgets"])


def test_versions_are_listed_the_most_mature_first(world: World) -> None:
    world.publishing.changed(None, definition(versions=versions("v1beta1", "v2alpha1", "v1", "v10", "v2")))
    assert world.versions() == ["v10", "v2", "v1", "v1beta1", "v2alpha1"]


def test_a_version_goes_when_it_is_no_longer_served(world: World) -> None:
    old = definition(versions=versions("v1", "v2"))
    world.publishing.changed(None, old)
    world.publishing.changed(old, definition(versions=versions("v1", "v2", unserved="v1")))
    assert (world.versions(), world.resources()) == (["v2"], [])


def test_definitions_of_a_group_share_its_versions(world: World) -> None:
    widgets, gears = definition(), definition("Gear", versions=versions("v1", "v2"))
    world.publishing.changed(None, widgets)
    world.publishing.changed(None, gears)
    assert (world.resources(), world.resources("example.com/v2")) == (["gears", "widgets"], ["gears"])
    world.publishing.changed(gears, None)
    assert (world.versions(), world.resources()) == (["v1"], ["widgets"])
    world.publishing.changed(widgets, None)
    assert world.versions() == []


def test_deletion_of_what_was_never_published_is_no_error(world: World) -> None:
    world.publishing.changed(definition(conditions={}), None)
    assert world.versions() == []


async def test_a_new_schema_changes_the_documents_and_an_equal_one_does_not(world: World) -> None:
    schema = {"type": "object", "properties": {"spec": {"type": "object"}}}
    old = definition()
    world.publishing.changed(None, old)
    first = await world.openapi.respond("/openapi/v3/apis/example.com/v1", {})
    world.publishing.changed(old, definition())
    again = await world.openapi.respond("/openapi/v3/apis/example.com/v1", {})
    world.publishing.changed(old, definition(versions=[version("v1", schema=schema)]))
    changed = await world.openapi.respond("/openapi/v3/apis/example.com/v1", {})
    assert first is not None and again is not None and changed is not None
    assert first.headers["ETag"] == again.headers["ETag"] != changed.headers["ETag"]
    world.publishing.changed(old, None)
    assert await world.openapi.respond("/openapi/v3/apis/example.com/v1", {}) is None


def test_builtin_versions_are_left_alone(world: World) -> None:
    world.publishing.changed(None, definition(group="apps", versions=versions("v1", "v9")))
    assert world.versions("apps") == ["v9", "v1"]
    assert "widgets" not in world.resources("apps/v1")
