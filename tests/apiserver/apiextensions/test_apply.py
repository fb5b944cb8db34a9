"""Custom resources are applied by their schemas, and their owners follow them through versions and changes of the definition."""

from __future__ import annotations

import json
from typing import Any

from ..lab import Answer, Lab
from .test_custom_resources import DEFINITIONS, SCHEMA, WIDGETS, define, definition, version, widget

APPLY = {"Content-Type": "application/apply-patch+yaml"}


async def apply(lab: Lab, document: Any, manager: str = "me", path: str = f"{WIDGETS}/w", query: str = "") -> Answer:
    return await lab.send("PATCH", f"{path}?fieldManager={manager}{query}", body=json.dumps(document).encode(), headers=APPLY)


async def merge(lab: Lab, document: Any, manager: str, path: str = f"{WIDGETS}/w") -> Answer:
    return await lab.send("PATCH", f"{path}?fieldManager={manager}", document, headers={"Content-Type": "application/merge-patch+json"})


def owned(answer: Answer) -> dict[str, Any]:
    assert answer.status in (200, 201), answer.body
    return {entry["manager"]: entry["fieldsV1"] for entry in answer.json["metadata"]["managedFields"]}


async def test_lists_merge_by_the_keys_of_the_schema(lab: Lab) -> None:
    await define(lab, definition())
    made = await apply(lab, widget(parts=[{"name": "a", "n": 1}]), "one")
    assert made.status == 201 and made.json["spec"]["color"] == "red"
    assert owned(made)["one"] == {"f:spec": {"f:parts": {'k:{"name":"a"}': {".": {}, "f:n": {}, "f:name": {}}}, "f:size": {}}}
    both = await apply(lab, widget(parts=[{"name": "b"}]), "two")
    assert [part["name"] for part in both.json["spec"]["parts"]] == ["a", "b"]
    conflict = await apply(lab, widget(parts=[{"name": "a", "n": 2}]), "two")
    assert conflict.json["message"] == 'Apply failed with 1 conflict: conflict with "one": .spec.parts[name="a"].n'
    less = await apply(lab, widget(), "one")
    assert [part["name"] for part in less.json["spec"]["parts"]] == ["b"]
    wrong = await apply(lab, widget(parts=[{"n": 1}], colour="blue"))
    assert (wrong.status, wrong.json["message"]) == (
        500, "failed to create typed patch object (/w; example.com/v1, Kind=Widget): errors:\n"
             '  .spec.parts: element 0: associative list with keys has an element that omits key field "name" '
             "(and doesn't have default value)\n"
             "  .spec.colour: field not declared in schema")
    invalid = await apply(lab, widget(size=0), query="&force=1")
    assert invalid.status == 422


async def test_status_and_scale_have_entries_of_their_own(lab: Lab) -> None:
    await define(lab, definition())
    await apply(lab, {**widget(replicas=1), "status": {"ready": True}}, "one")
    status = await merge(lab, {"status": {"ready": True}, "metadata": {"labels": {"a": "b"}}}, "s", f"{WIDGETS}/w/status")
    assert owned(status) == {"one": {"f:spec": {"f:replicas": {}, "f:size": {}}}, "s": {"f:status": {".": {}, "f:ready": {}}}}
    await merge(lab, {"spec": {"replicas": 3}}, "hpa", f"{WIDGETS}/w/scale")
    now = await lab.get(f"{WIDGETS}/w")
    assert now.json["spec"]["replicas"] == 3
    assert owned(now)["hpa"] == {"f:spec": {"f:replicas": {}}} and owned(now)["one"] == {"f:spec": {"f:size": {}}}
    assert "hpa" in (await apply(lab, widget(replicas=1), "one")).json["message"]


async def test_without_a_schema_maps_are_granular_and_lists_atomic(lab: Lab) -> None:
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    await define(lab, definition(version(schema=free)))
    document: Any = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "any": {"a": 1, "l": [{"x": 1}]}}
    assert owned(await apply(lab, document, "one"))["one"] == {"f:any": {".": {}, "f:a": {}, "f:l": {}}}
    other = await apply(lab, {**document, "any": {"b": True}}, "two")
    assert other.json["any"] == {"a": 1, "b": True, "l": [{"x": 1}]}
    conflict = await apply(lab, {**document, "any": {"l": []}}, "two")
    assert conflict.json["message"] == 'Apply failed with 1 conflict: conflict with "one": .any.l'


async def test_nobody_owns_what_is_taken_back_where_fields_are_not_declared(lab: Lab) -> None:
    await define(lab, definition(version(schema={"type": "object", "x-kubernetes-preserve-unknown-fields": True})))
    made = await lab.send("POST", f"{WIDGETS}?fieldManager=m", {**widget(), "status": {"ready": True}})
    assert owned(made) == {"m": {"f:spec": {".": {}, "f:size": {}}}}
    status = await merge(lab, {"metadata": {"labels": {"a": "b"}}, "spec": {"size": 2}, "status": {"x": 1}}, "s", f"{WIDGETS}/w/status")
    assert owned(status)["s"] == {"f:status": {".": {}, "f:x": {}}}


async def test_owners_of_all_versions_meet(lab: Lab) -> None:
    await define(lab, definition(version(), version("v2", storage=False)))
    await apply(lab, widget(color="blue"), "one")
    path = WIDGETS.replace("v1", "v2") + "/w"
    conflict = await apply(lab, widget(api_version="example.com/v2", size=2), "two", path)
    assert conflict.json["message"] == 'Apply failed with 1 conflict: conflict with "one": .spec.size'
    changed = await merge(lab, {"spec": {"color": "red"}}, "u", path)
    assert [(entry["manager"], entry["apiVersion"]) for entry in changed.json["metadata"]["managedFields"]] == [
        ("one", "example.com/v1"), ("u", "example.com/v2")]
    assert owned(changed)["one"] == {"f:spec": {"f:size": {}}}
    moved = await apply(lab, widget(api_version="example.com/v2"), "one", path)
    assert {entry["apiVersion"] for entry in moved.json["metadata"]["managedFields"]} == {"example.com/v2"}


async def test_a_list_that_becomes_atomic_is_owned_as_a_whole(lab: Lab) -> None:
    await define(lab, definition())
    await apply(lab, widget(parts=[{"name": "a"}]), "one")
    await apply(lab, widget(parts=[{"name": "b"}]), "two")
    schema = json.loads(json.dumps(SCHEMA))
    schema["properties"]["spec"]["properties"]["parts"]["x-kubernetes-list-type"] = "atomic"
    del schema["properties"]["spec"]["properties"]["parts"]["x-kubernetes-list-map-keys"]
    changed = await merge(lab, {"spec": definition(version(schema=schema))["spec"]}, "admin", f"{DEFINITIONS}/widgets.example.com")
    assert changed.status == 200, changed.json
    now = await merge(lab, {"spec": {"color": "blue"}}, "u")
    assert owned(now)["one"] == owned(now)["two"] == {"f:spec": {"f:parts": {}, "f:size": {}}}
    conflict = await apply(lab, widget(parts=[{"name": "c"}]), "one")
    assert conflict.json["message"] == 'Apply failed with 1 conflict: conflict with "two": .spec.parts'
