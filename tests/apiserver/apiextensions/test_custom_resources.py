"""Custom resources over HTTP: from the definition to the end of the last object, as built-in ones and by the same rules."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from minikube_py.apiserver.admission import Admission, Operation, WaitingPlugin
from minikube_py.apiserver.decoding import TYPE_META, summary

from ..lab import PATIENCE_S, Answer, Lab

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"
SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer", "minimum": 1},
                "color": {"type": "string", "default": "red", "enum": ["red", "blue"]},
                "replicas": {"type": "integer"},
                "parts": {
                    "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                    "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "n": {"type": "integer"}}},
                },
            },
        },
        "status": {
            "type": "object",
            "properties": {"ready": {"type": "boolean"}, "replicas": {"type": "integer"}, "selector": {"type": "string"}},
        },
    },
}
SCALE = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.selector"}


def version(name: str = "v1", *, storage: bool = True, schema: Any = None, **more: Any) -> dict[str, Any]:
    more.setdefault("subresources", {"status": {}, "scale": SCALE})
    return {"name": name, "served": True, "storage": storage, "schema": {"openAPIV3Schema": schema or SCHEMA}, **more}


def definition(*versions: dict[str, Any], kind: str = "Widget", **names: Any) -> dict[str, Any]:
    plural = f"{kind.lower()}s"
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"{plural}.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": plural, "kind": kind, **names},
            "versions": [*versions] or [version()],
        },
    }


def widget(name: str = "w", api_version: str = "example.com/v1", **spec: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": "Widget", "metadata": {"name": name}, "spec": {"size": 1, **spec}}


def message(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["message"]


async def wait_condition(lab: Lab, name: str, type_: str, status: str = "True") -> dict[str, Any]:
    """Follow a definition until one of its conditions has a status; returns the definition."""
    async with lab.watch(f"{DEFINITIONS}?fieldSelector=metadata.name%3D{name}") as watch:
        while True:
            found: dict[str, Any] = (await watch.next())["object"]
            if any((c["type"], c["status"]) == (type_, status) for c in found.get("status", {}).get("conditions") or ()):
                return found


async def define(lab: Lab, document: dict[str, Any] | None = None) -> dict[str, Any]:
    document = document or definition()
    answer = await lab.send("POST", DEFINITIONS, document)
    assert answer.status == 201, answer.json
    return await wait_condition(lab, document["metadata"]["name"], "Established")


async def make(lab: Lab, document: dict[str, Any]) -> dict[str, Any]:
    answer = await lab.send("POST", WIDGETS, document)
    assert answer.status == 201, answer.json
    made: dict[str, Any] = answer.json
    return made


async def until_gone(lab: Lab, path: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while (await lab.get(path)).status != 404:
            await asyncio.sleep(0.01)


async def test_definition_gets_names_and_is_established(lab: Lab) -> None:
    found = await define(lab, definition(shortNames=["wd"], categories=["all"]))
    assert found["spec"]["names"] == {
        "plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList", "shortNames": ["wd"], "categories": ["all"]}
    assert found["status"]["acceptedNames"] == found["spec"]["names"]
    assert found["status"]["storedVersions"] == ["v1"]
    conditions = {c["type"]: (c["status"], c["reason"], c["message"]) for c in found["status"]["conditions"]}
    assert conditions["NamesAccepted"] == ("True", "NoConflicts", "no conflicts found")
    assert conditions["Established"] == ("True", "InitialNamesAccepted", "the initial names have been accepted")


async def test_life_of_a_custom_object(lab: Lab) -> None:
    await define(lab)
    made = await make(lab, widget())
    assert made["spec"] == {"size": 1, "color": "red"}
    assert made["metadata"]["generation"] == 1
    assert (await lab.get(f"{WIDGETS}/w")).json == made
    listed = (await lab.get(WIDGETS)).json
    assert (listed["kind"], listed["apiVersion"], listed["items"]) == ("WidgetList", "example.com/v1", [made])
    changed = (await lab.send("PUT", f"{WIDGETS}/w", {**made, "spec": {"size": 2, "color": "blue"}})).json
    assert (changed["spec"], changed["metadata"]["generation"]) == ({"size": 2, "color": "blue"}, 2)
    patched = await lab.send("PATCH", f"{WIDGETS}/w", {"spec": {"size": 3}}, headers={"Content-Type": "application/merge-patch+json"})
    assert patched.json["spec"] == {"size": 3, "color": "blue"}
    gone = await lab.send("DELETE", f"{WIDGETS}/w")
    assert (gone.json["kind"], gone.json["status"], gone.json["details"]["kind"]) == ("Status", "Success", "widgets")
    assert message(await lab.get(f"{WIDGETS}/w")) == (404, 'widgets.example.com "w" not found')


async def test_objects_of_another_kind_or_version_are_refused(lab: Lab) -> None:
    await define(lab)
    assert message(await lab.send("POST", WIDGETS, {**widget(), "kind": "Gadget"})) == (
        422, 'Gadget.example.com "w" is invalid: kind: Invalid value: "Gadget": must be Widget')
    assert message(await lab.send("POST", WIDGETS, widget(api_version="example.com/v2"))) == (
        400, "the API version in the data (example.com/v2) does not match the expected API version (example.com/v1)")
    assert message(await lab.send("POST", WIDGETS, widget(api_version=""))) == (
        400, "the API version in the data () does not match the expected API version (example.com/v1)")


@pytest.mark.parametrize(("body", "content_type", "problem"), [
    (b'{"kind": ', "application/json", "couldn't get version/kind; json parse error: unexpected end of JSON input"),
    (b"[]", "application/json", "couldn't get version/kind; json parse error: "
     f"json: cannot unmarshal array into Go value of type {TYPE_META}"),
    (b'{"kind": 7}', "application/json", "couldn't get version/kind; json parse error: "
     "json: cannot unmarshal number into Go struct field .kind of type string"),
    (b"kind: Widget\napiVersion: {}", "application/yaml", "couldn't get version/kind; json parse error: "
     "json: cannot unmarshal object into Go struct field .apiVersion of type string"),
    (b'{"kind":"Widget","apiVersion":"a/b/c"}', "application/json", "unexpected GroupVersion string: a/b/c"),
    (b"kind: [", "application/yaml", "yaml: line 1: did not find expected node content"),
    (b"null", "application/json", "Object 'Kind' is missing in 'null'"),
    (b'{ "apiVersion": "example.com/v1" }\n', "application/json", """Object 'Kind' is missing in '{ "apiVersion": "example.com/v1" }\n'"""),
    (b'{"kind":"","a":1,"a":2}', "application/json", """Object 'Kind' is missing in '{"kind":"","a":1,"a":2}'"""),
    (b"spec: {}", "application/yaml", "Object 'Kind' is missing in 'spec: {}'"),
])
async def test_bodies_of_unknown_kind_are_told_as_they_are(lab: Lab, body: bytes, content_type: str, problem: str) -> None:
    await define(lab)
    answer = await lab.send("POST", WIDGETS, body=body, headers={"Content-Type": content_type})
    assert message(answer) == (400, f"the object provided is unrecognized (must be of type Widget): {problem} ({summary(body)})")


async def test_without_field_validation_a_kind_is_missed_where_the_object_is_read(lab: Lab) -> None:
    await define(lab)
    for body, content_type, version, shown in (
        (b' {"apiVersion": "example.com/v7"} ', "application/json", "v7", '{"apiVersion": "example.com/v7"}'),
        (b"spec: {}\na: 1", "application/yaml", "v1", '{"a":1,"spec":{}}'),
    ):
        answer = await lab.send("POST", f"{WIDGETS}?fieldValidation=Ignore", body=body, headers={"Content-Type": content_type})
        assert message(answer) == (
            400, f"""Widget in version "{version}" cannot be handled as a Widget: Object 'Kind' is missing in '{shown}'""")


async def test_numbers_beyond_all_bounds_are_refused(lab: Lab) -> None:
    await define(lab)
    body = b'{"apiVersion":"example.com/v1","kind":"Widget","spec":{"size":1e999}}'
    assert message(await lab.send("POST", WIDGETS, body=body, headers={"Content-Type": "application/json"})) == (
        400, 'Widget in version "v1" cannot be handled as a Widget: json: cannot unmarshal number 1e999 into Go value of type float64')


async def test_patches_cannot_change_what_an_object_is(lab: Lab) -> None:
    await define(lab)
    made = (await lab.send("POST", WIDGETS, widget())).json
    headers = {"Content-Type": "application/merge-patch+json"}

    async def refused(patch: dict[str, Any]) -> tuple[int, str]:
        return message(await lab.send("PATCH", f"{WIDGETS}/w", patch, headers=headers))

    assert await refused({"apiVersion": "example.org/v7"}) == (
        422, 'Widget.example.org "w" is invalid: apiVersion: Invalid value: "example.org/v7": must be example.com/v1')
    assert await refused({"kind": "Gadget", "apiVersion": None}) == (
        422, 'Gadget "w" is invalid: [kind: Invalid value: "Gadget": must be Widget, '
        'apiVersion: Invalid value: "": must be example.com/v1]')
    status, text = await refused({"kind": None})
    assert status == 422 and text.startswith(' "" is invalid: patch: Invalid value: "{') and "Object 'Kind' is missing in '{" in text
    status, text = await refused({"kind": 7})
    assert status == 422 and text.endswith(
        ": couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string")
    assert (await lab.get(f"{WIDGETS}/w")).json == made


async def test_metadata_is_read_as_go_reads_it(lab: Lab) -> None:
    await define(lab)
    elsewhere = widget()
    elsewhere["metadata"] |= {"creationTimestamp": "2026-02-01T00:00:00+01:00", "generation": 7}
    assert (await lab.send("POST", WIDGETS, elsewhere)).status == 201
    elsewhere["metadata"]["generation"] = "7"
    assert message(await lab.send("POST", WIDGETS, elsewhere)) == (
        400, 'Widget in version "v1" cannot be handled as a Widget: '
        "json: cannot unmarshal string into Go struct field ObjectMeta.generation of type int64")


async def test_schema_is_enforced_in_upstreams_words(lab: Lab) -> None:
    await define(lab)
    wrong = await lab.send("POST", WIDGETS, widget(size=0, color="green"))
    assert wrong.status == 422
    assert {(c["reason"], c["field"], c["message"]) for c in wrong.json["details"]["causes"]} == {
        ("FieldValueInvalid", "spec.size", "Invalid value: 0: spec.size in body should be greater than or equal to 1"),
        ("FieldValueNotSupported", "spec.color", 'Unsupported value: "green": supported values: "red", "blue"'),
    }
    missing = await lab.send("POST", WIDGETS, {**widget(), "spec": {}})
    assert missing.json["message"] == 'Widget.example.com "w" is invalid: spec.size: Required value'
    twice = await lab.send("POST", WIDGETS, widget(parts=[{"name": "a"}, {"name": "a"}]))
    assert twice.json["message"] == 'Widget.example.com "w" is invalid: spec.parts[1]: Duplicate value: {"name":"a"}'


async def test_unknown_fields_are_pruned_and_told(lab: Lab) -> None:
    await define(lab)
    document = widget(shape="round")
    warned = await lab.send("POST", WIDGETS, document)
    assert "shape" not in warned.json["spec"]
    assert warned.headers["Warning"] == '299 - "unknown field \\"spec.shape\\""'
    strict = await lab.send("POST", f"{WIDGETS}?fieldValidation=Strict", widget("x", shape="round"))
    assert strict.status == 400 and 'strict decoding error: unknown field "spec.shape"' in strict.json["message"]
    silent = await lab.send("POST", f"{WIDGETS}?fieldValidation=Ignore", widget("y", shape="round"))
    assert silent.status == 201 and "Warning" not in silent.headers


async def test_finalizers_without_a_domain_are_remarked_on(lab: Lab) -> None:
    await define(lab)
    document = widget()
    document["metadata"]["finalizers"] = ["foo", "example.com/b", "example.com"]
    made = await lab.send("POST", WIDGETS, document)
    told = ": prefer a domain-qualified finalizer name%s to avoid accidental conflicts with other finalizer writers"
    by_slash = told % " including a path (/)"
    assert (made.status, made.headers.getall("Warning")) == (201, [  # type: ignore[attr-defined]
        f'299 - "metadata.finalizers: \\"example.com\\"{by_slash}"', f'299 - "metadata.finalizers: \\"foo\\"{told % ""}"'])
    kept = await lab.send("PUT", f"{WIDGETS}/w", {**made.json, "spec": {"size": 2}})
    assert kept.status == 200 and "Warning" not in kept.headers


async def test_status_and_spec_have_their_own_doors(lab: Lab) -> None:
    await define(lab)
    made = await make(lab, {**widget(), "status": {"ready": True}})
    assert "status" not in made
    by_status = (await lab.send("PUT", f"{WIDGETS}/w/status", {**made, "spec": {"size": 9}, "status": {"ready": True}})).json
    assert (by_status["spec"]["size"], by_status["status"], by_status["metadata"]["generation"]) == (1, {"ready": True}, 1)
    by_main = (await lab.send("PUT", f"{WIDGETS}/w", {**by_status, "spec": {"size": 2}, "status": {"ready": False}})).json
    assert (by_main["spec"]["size"], by_main["status"], by_main["metadata"]["generation"]) == (2, {"ready": True}, 2)


async def test_updates_must_say_what_they_replace(lab: Lab) -> None:
    await define(lab)
    await make(lab, widget())
    blind = await lab.send("PUT", f"{WIDGETS}/w", widget(size=2))
    assert blind.status == 422 and "metadata.resourceVersion: Invalid value" in blind.json["message"]


async def test_scale_reads_and_writes_the_paths(lab: Lab) -> None:
    await define(lab)
    made = await make(lab, widget(replicas=3))
    await lab.send("PUT", f"{WIDGETS}/w/status", {**made, "status": {"replicas": 2, "selector": "a=b"}})
    scale = (await lab.get(f"{WIDGETS}/w/scale")).json
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert (scale["spec"], scale["status"]) == ({"replicas": 3}, {"replicas": 2, "selector": "a=b"})
    scaled = await lab.send("PUT", f"{WIDGETS}/w/scale", {**scale, "spec": {"replicas": 5}})
    assert scaled.json["spec"] == {"replicas": 5}
    assert (await lab.get(f"{WIDGETS}/w")).json["spec"]["replicas"] == 5
    negative = await lab.send("PUT", f"{WIDGETS}/w/scale", {**scaled.json, "spec": {"replicas": -1}})
    assert negative.status == 422


async def test_versions_share_objects_and_warn_when_deprecated(lab: Lab) -> None:
    await define(lab, definition(version("v1beta1", storage=False, deprecated=True), version("v1")))
    beta = WIDGETS.replace("v1", "v1beta1", 1)
    made = await lab.send("POST", beta, widget(api_version="example.com/v1beta1"))
    assert (made.status, made.json["apiVersion"]) == (201, "example.com/v1beta1")
    assert made.headers["Warning"] == '299 - "example.com/v1beta1 Widget is deprecated; use example.com/v1 Widget"'
    assert (await lab.get(f"{WIDGETS}/w")).json["apiVersion"] == "example.com/v1"
    assert (await lab.get(beta)).json["items"][0]["apiVersion"] == "example.com/v1beta1"
    async with lab.watch(beta) as watch:
        assert (await watch.next())["object"]["apiVersion"] == "example.com/v1beta1"


async def test_deprecated_versions_name_the_newest_that_is_better(lab: Lab) -> None:
    await define(lab, definition(
        version("v1alpha1", storage=False, deprecated=True), version("v1beta2", storage=False), version("v1beta10", storage=False),
        version("v2", storage=False, deprecated=True), version("v1", served=False), version("v3beta1", storage=False, deprecated=True,
                                                                                             deprecationWarning="gone soon")))
    warnings = {}
    for name in ("v1alpha1", "v1beta2", "v2", "v3beta1"):
        warnings[name] = (await lab.get(WIDGETS.replace("v1", name, 1))).headers.get("Warning")
    assert warnings == {
        "v1alpha1": '299 - "example.com/v1alpha1 Widget is deprecated; use example.com/v1beta10 Widget"', "v1beta2": None,
        "v2": '299 - "example.com/v2 Widget is deprecated"', "v3beta1": '299 - "gone soon"',
    }


async def test_objects_are_judged_in_the_version_in_which_they_are_written(lab: Lab) -> None:
    old = {
        "type": "object", "required": ["note"], "properties": {
            "apiVersion": {"type": "string", "pattern": "v1beta1$"}, "note": {"type": "string"},
            "spec": {"type": "object", "properties": {
                "size": {"type": "integer", "x-kubernetes-validations": [{"rule": "self >= oldSelf", "message": "must not shrink"}]}}},
        },
    }
    new = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}
    await define(lab, definition(version("v1beta1", storage=False, schema=old), version("v1", schema=new)))
    beta = WIDGETS.replace("v1", "v1beta1", 1)
    made = await lab.send("POST", beta, {**widget(api_version="example.com/v1beta1", size=2), "note": "x"})
    assert made.status == 201, made.json
    assert "note" not in made.json  # What the stored version does not know is lost.
    assert message(await lab.send("PATCH", f"{beta}/w", {"spec": {"size": 1}}, headers=MERGE)) == (
        422, 'Widget.example.com "w" is invalid: [note: Required value, <nil>: Invalid value: null: some validation rules were not checked '
        "because the object was invalid; correct the existing errors to complete validation]")
    assert message(await lab.send("PATCH", f"{beta}/w", {"spec": {"size": 1}, "note": "y"}, headers=MERGE)) == (
        422, 'Widget.example.com "w" is invalid: spec.size: Invalid value: 1: must not shrink')
    assert (await lab.send("PATCH", f"{WIDGETS}/w", {"spec": {"size": 1}}, headers=MERGE)).status == 200
    assert (await lab.send("PATCH", f"{beta}/w", {"spec": {"size": 3}, "note": "y"}, headers=MERGE)).json["spec"] == {"size": 3}


async def test_what_was_written_for_a_version_is_read_by_it_though_another_is_stored_now(lab: Lab) -> None:
    def with_fields(**fields: Any) -> dict[str, Any]:
        return {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}, **fields}}}}

    old = with_fields(old={"type": "string"}, kept={"type": "string", "default": "v1"})
    new = with_fields(new={"type": "string", "default": "n"}, kept={"type": "string", "default": "v2"})
    await define(lab, definition(version("v1", schema=old)))
    assert (await lab.send("POST", WIDGETS, widget(old="there"))).status == 201
    changed = definition(version("v1", storage=False, schema=old), version("v2", schema=new))
    found = (await lab.get(f"{DEFINITIONS}/widgets.example.com")).json
    changed["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]
    assert (await lab.send("PUT", f"{DEFINITIONS}/widgets.example.com", changed)).status == 200
    other = WIDGETS.replace("v1", "v2")
    async with asyncio.timeout(PATIENCE_S):
        while (await lab.get(other)).status != 200:
            await asyncio.sleep(0.01)
    as_written = {"size": 1, "old": "there", "kept": "v1"}
    assert (await lab.get(f"{WIDGETS}/w")).json["spec"] == as_written
    assert (await lab.get(WIDGETS)).json["items"][0]["spec"] == as_written
    async with lab.watch(WIDGETS) as watch:
        assert (await watch.next())["object"]["spec"] == as_written
    assert (await lab.get(f"{other}/w")).json["spec"] == {"size": 1, "kept": "v1"}
    labelled = {"metadata": {"labels": {"a": "b"}}}
    patch = {"Content-Type": "application/merge-patch+json"}
    assert (await lab.send("PATCH", f"{WIDGETS}/w", body=json.dumps(labelled).encode(), headers=patch)).json["spec"]["size"] == 1
    assert (await lab.get(f"{WIDGETS}/w")).json["spec"] == {"size": 1, "kept": "v1"}, "what is stored now has no place for more"


async def test_changed_schema_holds_for_what_was_stored_before(lab: Lab) -> None:
    await define(lab)
    await make(lab, widget())
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "size": {"type": "integer"}, "weight": {"type": "integer", "default": 7}}}}}
    found = (await lab.get(f"{DEFINITIONS}/widgets.example.com")).json
    found["spec"]["versions"] = [version(schema=schema, subresources={})]
    assert (await lab.send("PUT", f"{DEFINITIONS}/widgets.example.com", found)).status == 200
    async with asyncio.timeout(PATIENCE_S):
        while (await lab.get(f"{WIDGETS}/w")).json["spec"] != {"size": 1, "weight": 7}:
            await asyncio.sleep(0.01)
    assert (await lab.get(WIDGETS)).json["items"][0]["spec"] == {"size": 1, "weight": 7}


async def test_changed_definition_ends_its_watches(lab: Lab) -> None:
    await define(lab)
    async with lab.watch(WIDGETS) as watch:
        found = (await lab.get(f"{DEFINITIONS}/widgets.example.com")).json
        found["spec"]["versions"].append(version("v2", storage=False))
        await lab.send("PUT", f"{DEFINITIONS}/widgets.example.com", found)
        with pytest.raises(EOFError):
            await watch.next()


async def test_table_has_the_columns_of_the_definition(lab: Lab) -> None:
    columns = [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
               {"name": "Color", "type": "string", "jsonPath": ".spec.color", "priority": 1}]
    await define(lab, definition(version(additionalPrinterColumns=columns)))
    await make(lab, widget())
    table = (await lab.get(WIDGETS, Accept="application/json;as=Table;v=v1;g=meta.k8s.io")).json
    assert [(c["name"], c["type"], c["priority"]) for c in table["columnDefinitions"]] == [
        ("Name", "string", 0), ("Size", "integer", 0), ("Color", "string", 1)]
    assert table["rows"][0]["cells"] == ["w", 1, "red"]


async def test_objects_are_selected_by_labels_and_selectable_fields(lab: Lab) -> None:
    await define(lab, definition(version(selectableFields=[{"jsonPath": ".spec.color"}])))
    for name, color in (("a", "red"), ("b", "blue")):
        document = widget(name, color=color)
        document["metadata"]["labels"] = {"c": color}
        await make(lab, document)

    async def names(query: str) -> list[str]:
        return [item["metadata"]["name"] for item in (await lab.get(WIDGETS + query)).json["items"]]

    assert await names("?fieldSelector=spec.color%3Dblue") == ["b"]
    assert await names("?labelSelector=c%3Dred") == ["a"]
    assert message(await lab.get(f"{WIDGETS}?fieldSelector=spec.size%3D1")) == (400, "field label not supported: spec.size")


async def test_strategic_patches_are_for_built_in_kinds(lab: Lab) -> None:
    await define(lab)
    await make(lab, widget())
    answer = await lab.send(
        "PATCH", f"{WIDGETS}/w", {"spec": {}}, headers={"Content-Type": "application/strategic-merge-patch+json"})
    assert answer.status == 415


async def test_custom_objects_of_namespaces_have_no_path_without_one_but_for_reading(lab: Lab) -> None:
    await define(lab)
    everywhere = WIDGETS.replace("/namespaces/default", "")
    assert (await lab.get(everywhere)).status == 200
    for method, path in (("POST", everywhere), ("DELETE", everywhere), ("GET", f"{everywhere}/w"), ("PUT", f"{everywhere}/w/status")):
        assert (await lab.send(method, path, widget())).status == 404
    assert (await lab.send("POST", "/api/v1/pods", {})).status == 405, "built-in kinds have the path, and not the method"


async def test_deleted_definition_takes_its_objects_along_and_lets_none_in(lab: Lab) -> None:
    await define(lab)
    await make(lab, widget("plain"))
    held = widget("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    await make(lab, held)
    await lab.send("DELETE", f"{DEFINITIONS}/widgets.example.com")
    terminating = await wait_condition(lab, "widgets.example.com", "Terminating")
    assert terminating["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
    await until_gone(lab, f"{WIDGETS}/plain")
    refused = await lab.send("POST", WIDGETS, widget("late"))
    assert message(refused) == (405, "create not allowed while custom resource definition is terminating")
    released = (await lab.get(f"{WIDGETS}/held")).json
    released["metadata"]["finalizers"] = []
    assert (await lab.send("PUT", f"{WIDGETS}/held", released)).status == 200
    await until_gone(lab, f"{DEFINITIONS}/widgets.example.com")
    assert (await lab.get(WIDGETS)).status == 404


async def test_definition_of_which_no_version_is_served_takes_its_objects_along(lab: Lab) -> None:
    found = await define(lab)
    await make(lab, widget())
    found["spec"]["versions"][0]["served"] = False
    path = f"{DEFINITIONS}/widgets.example.com"
    assert (await lab.send("PATCH", path, {"spec": found["spec"]}, headers=MERGE)).status == 200
    await until_gone(lab, WIDGETS)
    await lab.send("DELETE", path)
    await until_gone(lab, path)
    await define(lab)
    assert (await lab.get(WIDGETS)).json["items"] == []


async def test_contested_names_are_not_accepted_until_they_are_free(lab: Lab) -> None:
    await define(lab, definition(shortNames=["g"]))
    other = definition(kind="Gadget", shortNames=["g"])
    await lab.send("POST", DEFINITIONS, other)
    refused = await wait_condition(lab, "gadgets.example.com", "NamesAccepted", "False")
    conditions = {c["type"]: (c["status"], c["reason"], c["message"]) for c in refused["status"]["conditions"]}
    assert conditions["NamesAccepted"] == ("False", "ShortNamesConflict", '"g" is already in use')
    await lab.send("DELETE", f"{DEFINITIONS}/widgets.example.com")
    await wait_condition(lab, "gadgets.example.com", "Established")


async def test_discovery_follows_definitions(lab: Lab) -> None:
    await define(lab, definition(shortNames=["wd"]))
    found = (await lab.get("/apis/example.com/v1")).json
    assert [(r["name"], r.get("shortNames")) for r in found["resources"]] == [
        ("widgets", ["wd"]), ("widgets/status", None), ("widgets/scale", None)]
    await lab.send("DELETE", f"{DEFINITIONS}/widgets.example.com")
    await until_gone(lab, "/apis/example.com/v1")


RULES = {
    "type": "object",
    "properties": {"spec": {
        "type": "object",
        "x-kubernetes-validations": [
            {"rule": "self.low <= self.high", "message": "low must not be above high"},
            {"rule": "self.low >= oldSelf.low", "messageExpression": "'low was %d'.format([oldSelf.low])"},
        ],
        "properties": {"low": {"type": "integer"}, "high": {"type": "integer"}},
    }},
}


async def test_rules_hold_on_creation_and_between_versions_of_an_object(lab: Lab) -> None:
    await define(lab, definition(version(schema=RULES)))
    wrong = await lab.send("POST", WIDGETS, {**widget(), "spec": {"low": 3, "high": 2}})
    assert message(wrong) == (
        422, 'Widget.example.com "w" is invalid: spec: Invalid value: low must not be above high')
    made = await make(lab, {**widget(), "spec": {"low": 1, "high": 2}})
    sunk = await lab.send("PUT", f"{WIDGETS}/w", {**made, "spec": {"low": 0, "high": 2}})
    assert sunk.status == 422 and sunk.json["message"].endswith("low was 1")
    assert (await lab.send("PUT", f"{WIDGETS}/w", {**made, "spec": {"low": 2, "high": 2}})).status == 200


LOOPS = "self.all(a, self.all(b, self.all(c, a + b + c >= 0)))"
SLOW = {
    "type": "object",
    "properties": {"spec": {"type": "object", "properties": {"numbers": {
        "type": "array", "maxItems": 50, "items": {"type": "integer", "maximum": 1000}, "x-kubernetes-validations": [{"rule": LOOPS}],
    }}}},
}


MERGE = {"Content-Type": "application/merge-patch+json"}


def turn_of_widgets(lab: Lab) -> Any:
    storage = lab.registry.storage("example.com", "v1", "widgets")
    assert storage is not None
    return lab.registry._slow.turn(storage.collection)


def slow_widget(name: str = "w", numbers: int = 40) -> dict[str, Any]:
    return {**widget(name), "spec": {"numbers": [1] * numbers}}


async def test_rules_that_take_long_hold_nobody_up(lab: Lab) -> None:
    await define(lab, definition(version(schema=SLOW)))
    await make(lab, slow_widget("compiles", 1))
    slow = asyncio.create_task(lab.send("POST", WIDGETS, slow_widget()))
    await asyncio.sleep(0)
    others = asyncio.gather(lab.get("/api/v1/namespaces/default"), lab.send("POST", WIDGETS, slow_widget("quick", 2)))
    done, _ = await asyncio.wait({slow, others}, return_when=asyncio.FIRST_COMPLETED)
    assert done == {others} and [answer.status for answer in await others] == [200, 201]
    assert (await slow).status == 201


async def test_rules_that_are_quick_wait_for_no_slow_ones(lab: Lab) -> None:
    await define(lab, definition(version(schema=SLOW)))
    await make(lab, slow_widget("quick", 2))
    async with turn_of_widgets(lab):
        answers = await asyncio.gather(*(
            lab.send("PATCH", f"{WIDGETS}/quick", {"metadata": {"labels": {f"l{number}": "x"}}}, headers=MERGE) for number in range(40)))
        assert [answer.status for answer in answers] == [200] * 40
        late = asyncio.create_task(lab.send("POST", WIDGETS, slow_widget()))
        assert (await lab.get("/api/v1/namespaces/default")).status == 200 and not late.done()
    assert (await late).status == 201


async def test_every_change_of_an_object_with_slow_rules_lands(lab: Lab) -> None:
    await define(lab, definition(version(schema=SLOW)))
    await make(lab, slow_widget(numbers=25))
    changes = [{"metadata": {"labels": {f"l{number}": "x"}}} for number in range(12)]
    answers = await asyncio.gather(*(lab.send("PATCH", f"{WIDGETS}/w", change, headers=MERGE) for change in changes))
    assert [answer.status for answer in answers] == [200] * 12
    assert len((await lab.get(f"{WIDGETS}/w")).json["metadata"]["labels"]) == 12
    applied = await lab.send(
        "PATCH", f"{WIDGETS}/new?fieldManager=me", slow_widget("new", 25), headers={"Content-Type": "application/apply-patch+yaml"})
    assert applied.status == 201


class WritesAnother(WaitingPlugin):
    """Somebody who is asked about an update and writes an object of the same kind before he answers."""

    resources = frozenset({"widgets.example.com"})

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.wrote = 0

    async def validate_waiting(self, operation: Operation) -> None:
        if operation.verb == "UPDATE":
            self.wrote += 1
            assert (await self._lab.send("POST", WIDGETS, slow_widget(f"other{self.wrote}", 25))).status == 201


async def test_nobody_has_a_turn_while_somebody_else_is_asked(lab: Lab) -> None:
    await define(lab, definition(version(schema=SLOW)))
    await make(lab, slow_widget(numbers=25))
    plugin = WritesAnother(lab)
    lab.registry.admission = Admission([plugin])
    async with asyncio.timeout(PATIENCE_S):
        changed = await lab.send("PATCH", f"{WIDGETS}/w", {"metadata": {"labels": {"a": "b"}}}, headers=MERGE)
    assert (changed.status, plugin.wrote) == (200, 1)


async def test_object_that_waits_for_its_rules_does_not_outlive_its_definition(lab: Lab) -> None:
    await define(lab, definition(version(schema=SLOW)))
    async with turn_of_widgets(lab):
        late = asyncio.create_task(lab.send("POST", WIDGETS, slow_widget()))
        await lab.get("/api/v1/namespaces/default")
        assert (await lab.send("DELETE", f"{DEFINITIONS}/widgets.example.com")).status == 200
        while (await lab.get(f"{DEFINITIONS}/widgets.example.com")).status != 404:
            await asyncio.sleep(0.01)
    assert (await late).status in (404, 405)
    await define(lab, definition(version(schema=SLOW)))
    assert (await lab.get(WIDGETS)).json["items"] == []


async def test_rules_that_do_not_compile_are_told_of_at_once(lab: Lab) -> None:
    schema = {"type": "object", "x-kubernetes-validations": [{"rule": "self.nothing > 1"}]}
    refused = await lab.send("POST", DEFINITIONS, definition(version(schema=schema)))
    assert refused.status == 422
    assert "undefined field 'nothing'" in refused.json["message"]
    assert "spec.validation.openAPIV3Schema.x-kubernetes-validations[0].rule" in refused.json["message"]


async def test_numbers_are_written_as_by_go(lab: Lab) -> None:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {"spec": {
        "type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {"d": {"type": "number", "default": 3.0}}}}}
    await define(lab, definition(version(schema=schema)))
    body = b'{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"w"},"spec":{"n":[1e21,0.0000015,1E-7,2.0],"s":"[1e21]"}}'
    shown = b'"spec":{"n":[1e+21,0.0000015,1e-7,2],"s":"[1e21]","d":3}'
    assert shown in (await lab.send("POST", WIDGETS, body=body, headers={"Content-Type": "application/json"})).body
    assert shown in (await lab.get(f"{WIDGETS}/w")).body
    assert shown in (await lab.get(WIDGETS)).body
    assert shown in (await lab.get(WIDGETS + "?includeObject=Object", Accept="application/json;as=Table;v=v1;g=meta.k8s.io")).body
    patch = {"metadata": {"labels": {"a": "b"}}}
    assert shown in (await lab.send("PATCH", f"{WIDGETS}/w", patch, headers={"Content-Type": "application/merge-patch+json"})).body
