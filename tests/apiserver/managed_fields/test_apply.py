"""Applies by the rules of server-side apply: conflicts, force, omission, lists, and handing fields over.

The examples are those of kubernetes.io/docs/reference/using-api/server-side-apply and of the upstream merger's own tests.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from minikube_py.apiserver.managed_fields.conflicts import ApplyConflict, display_path
from minikube_py.apiserver.managed_fields.field_set import from_paths, parse
from minikube_py.apiserver.managed_fields.last_applied import LAST_APPLIED
from minikube_py.apiserver.managed_fields.reset_fields import Reset
from minikube_py.apiserver.managed_fields.structural_types import custom_field_type
from minikube_py.core.errors import BadRequestError, ConflictError, UnreasonedError

from .world import GROUP_VERSION, KIND, SCHEMA, World


def spec(**fields: Any) -> dict[str, Any]:
    return {"spec": fields}


def items(*names: str, **fields: str) -> list[dict[str, Any]]:
    return [{"name": name, **fields} for name in names]


def names(world: World) -> str:
    return "".join(item["name"] for item in world.spec["items"])


def test_a_field_of_another_manager_is_a_conflict_until_it_is_forced() -> None:
    world = World().apply("one", spec(a="1", b=1))
    with pytest.raises(ConflictError) as refused:
        world.apply("two", spec(a="2"))
    assert refused.value.status() == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Conflict", "code": 409,
        "message": 'Apply failed with 1 conflict: conflict with "one": .spec.a',
        "details": {"causes": [{"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".spec.a"}]},
    }
    world.apply("two", spec(a="2"), force=True)
    assert world.spec == {"a": "2", "b": 1}
    assert world.owned("one") == {"f:spec": {"f:b": {}}}
    assert world.owned("two") == {"f:spec": {"f:a": {}}}


def test_conflicts_are_told_by_manager() -> None:
    world = World().apply("z", spec(a="1")).update("u", spec(a="1", b=1, items=items("p", x="1")))
    world.update("s", {**spec(a="1", b=1, items=items("p", x="1")), "status": {"phase": "x"}}, subresource="status")
    with pytest.raises(ConflictError) as refused:
        world.apply("me", {**spec(a="2", b=2, items=items("p", x="2")), "status": {"phase": "y"}})
    assert refused.value.message == (
        'Apply failed with 4 conflicts: conflicts with "s" with subresource "status" using example.com/v1:\n- .status.phase\n'
        'conflicts with "u" using example.com/v1:\n- .spec.b\n- .spec.items[name="p",port=80].x\nconflicts with "z":\n- .spec.a')
    assert len(refused.value.causes) == 4


def test_same_values_are_shared() -> None:
    world = World().apply("one", spec(a="1")).apply("two", spec(a="1"))
    assert [owner[:2] for owner in world.owners()] == [("two", "Apply"), ("one", "Apply")]
    world.apply("one", {})
    assert world.spec == {"a": "1"}
    world.apply("two", {})
    assert world.spec == {}


def test_who_comes_by_values_that_are_there_did_not_write() -> None:
    world = World().apply("one", spec(a="1")).apply("two", spec(a="1"))
    assert world.owners() == [("two", "Apply", "", ""), ("one", "Apply", "", "0:01")]


def test_what_is_left_out_goes_unless_somebody_owns_it() -> None:
    world = World().apply("one", spec(a="1", b=1, labels={"p": "1", "q": "1"}, items=items("p", "q")))
    world.update("two", {"spec": {**world.spec, "b": 2, "labels": {"p": "1", "q": "2"}}})
    world.apply("one", spec(items=items("p")))
    assert world.spec == {"b": 2, "labels": {"q": "2"}, "items": items("p")}


def test_elements_that_others_put_fields_into_stay() -> None:
    world = World().apply("one", spec(items=items("p", "q", x="1"))).apply("two", spec(items=items("q", y="2")))
    world.apply("one", spec(items=items("p")))
    assert world.spec["items"] == [{"name": "p"}, {"name": "q", "y": "2"}]


@pytest.mark.parametrize(("live", "applied", "merged"), [
    ("abc", "abc", "abc"), ("abc", "ca", "bca"), ("abc", "xa", "xabc"), ("abc", "ax", "abcx"), ("abcd", "xdby", "acxdby"),
    ("", "ab", "ab"), ("abc", "c", "abc"), ("ab", "ba", "ba"), ("abcde", "eca", "bdeca"), ("axbyc", "cba", "xycba"),
])
def test_elements_are_in_the_order_of_who_applies(live: str, applied: str, merged: str) -> None:
    world = World().update("u", spec(items=items(*live)) if live else spec(a="1"))
    world.apply("me", spec(items=items(*applied)))
    assert names(world) == merged


def test_sets_and_atomic_values() -> None:
    world = World().apply("one", spec(set=["p"], list=["p"], whole={"p": "1"})).apply("two", spec(set=["q", "r"]))
    assert world.spec == {"set": ["p", "q", "r"], "list": ["p"], "whole": {"p": "1"}}
    assert world.owned("one")["f:spec"] == {"f:list": {}, "f:set": {'v:"p"': {}}, "f:whole": {}}
    with pytest.raises(ConflictError) as refused:
        world.apply("two", spec(list=["p", "q"], whole={"q": "1"}))
    assert [cause.field for cause in refused.value.causes] == [".spec.list", ".spec.whole"]
    world.apply("one", spec())
    assert world.spec == {"set": ["q", "r"]}


def test_free_fields_are_granular_maps_of_atomic_lists() -> None:
    world = World().apply("one", spec(free={"p": {"q": "1"}, "l": [1, {"x": 2}]})).apply("two", spec(free={"p": {"r": "2"}}))
    assert world.spec["free"] == {"p": {"q": "1", "r": "2"}, "l": [1, {"x": 2}]}
    assert world.owned("two") == {"f:spec": {"f:free": {"f:p": {".": {}, "f:r": {}}}}}


def test_updates_take_what_they_change_and_time_passes_only_then() -> None:
    world = World().update("a", spec(a="1", b=1)).update("b", spec(a="1", b=2))
    assert (world.owned("a", "Update"), world.owned("b", "Update")) == ({"f:spec": {".": {}, "f:a": {}}}, {"f:spec": {"f:b": {}}})
    world.update("a", spec(a="1", b=2))
    assert world.owners() == [("a", "Update", "", "0:01"), ("b", "Update", "", "0:02")]
    world.update("c", spec(b=2))
    assert world.owners() == [("a", "Update", "", "0:01"), ("b", "Update", "", "0:02")]  # Who removes owns nothing.
    world.update("a", spec(b=3))
    assert world.owners() == [("a", "Update", "", "0:05")]


def test_numbers_are_no_booleans() -> None:
    world = World().update("a", spec(free={"p": True})).update("b", spec(free={"p": 1}))
    assert world.owned("b", "Update") == {"f:spec": {"f:free": {"f:p": {}}}}


def test_at_most_ten_updaters_are_kept_apart() -> None:
    world = World()
    for number in range(12):
        world.update(f"m{number}", spec(labels={f"l{n}": "1" for n in range(number + 1)}))
    owners = world.owners()
    assert [name for name, *_ in owners] == ["ancient-changes", *(f"m{number}" for number in range(3, 12))]
    assert owners[0][3] == "0:03"
    assert set(world.owned("ancient-changes", "Update")["f:spec"]["f:labels"]) == {".", "f:l0", "f:l1", "f:l2"}


def test_an_object_that_nobody_tracks_belongs_to_before_first_apply() -> None:
    world = World().update("a", spec(a="1", b=1))
    world.entries = []
    world.update("b", spec(a="2", b=1))
    assert world.entries == []
    with pytest.raises(ConflictError) as refused:
        world.apply("me", spec(a="3"))
    assert refused.value.message == (
        'Apply failed with 1 conflict: conflict with "before-first-apply" using example.com/v1: .spec.a')
    world.apply("me", spec(a="2"))
    assert world.owned("before-first-apply", "Update") == {"f:spec": {".": {}, "f:a": {}, "f:b": {}}}


def test_fields_that_the_resource_resets_are_nobodys() -> None:
    world = World(reset=Reset({"f:status": {}}, {})).apply("one", {**spec(a="1"), "status": {"phase": "x"}})
    assert world.owned("one") == {"f:spec": {"f:a": {}}}
    world.update("two", {**spec(a="1"), "status": {"phase": "y"}})
    assert [owner[0] for owner in world.owners()] == ["one"]
    deep = World(reset=Reset({"f:metadata": {"f:labels": {}}}, {}))
    deep.update("one", {"metadata": {"name": "x", "labels": {"p": "1"}}, **spec(a="1")})
    assert deep.owned("one", "Update") == {"f:spec": {".": {}, "f:a": {}}}


@pytest.mark.parametrize(("document", "message"), [
    (spec(b="x"), ".spec.b: expected numeric (int or float), got string"),
    (spec(b={}), ".spec.b: expected numeric (int or float), got map[string]interface {}"),
    (spec(a=1), ".spec.a: expected string, got &value.valueUnstructured{Value:1}"),
    (spec(a={"x": ["y", None]}), '.spec.a: expected string, got &value.valueUnstructured{Value:map[string]interface {}{"x":'
                                 '[]interface {}{"y", interface {}(nil)}}}'),
    (spec(flag="yes"), ".spec.flag: expected boolean, got &{yes}"),
    (spec(nested=["x"]), ".spec.nested: expected map, got &{[x]}"),
    (spec(items={"b": 1, "a": True}), ".spec.items: expected list, got &{map[a:true b:1]}"),
    (spec(items=items("p", "p")), '.spec.items: duplicate entries for key [name="p",port=80]'),
    (spec(items=[{"x": "1"}]), '.spec.items: element 0: associative list with keys has an element that omits key field "name" '
                               "(and doesn't have default value)"),
    (spec(items=[None]), ".spec.items: element 0: associative list with keys may not have a null element"),
    (spec(items=["x"]), ".spec.items: element 0: associative list with keys may not have non-map elements"),
    (spec(set=["p", "p"]), '.spec.set: duplicate entries for key [="p"]'),
    (spec(set=[{}]), ".spec.set: element 0: associative list without keys has an element that's a map type"),
    (spec(unknown=1), ".spec.unknown: field not declared in schema"),
    (spec(list=["x", 1]), ".spec.list[1]: expected string, got &value.valueUnstructured{Value:1}"),
    (spec(a=1, b="x"), "errors:\n  .spec.a: expected string, got &value.valueUnstructured{Value:1}\n"
                       "  .spec.b: expected numeric (int or float), got string"),
])
def test_what_does_not_fit_the_schema_is_refused_in_upstreams_words(document: Any, message: str) -> None:
    with pytest.raises(UnreasonedError) as refused:
        World().apply("me", document)
    assert refused.value.message == f"failed to create typed patch object (/x; example.com/v1, Kind=Thing): {message}"
    assert refused.value.status()["code"] == 500 and "reason" not in refused.value.status()


def test_who_applies_must_not_say_who_owns() -> None:
    with pytest.raises(BadRequestError, match=r"^metadata\.managedFields must be nil$"):
        World().apply("me", {"metadata": {"name": "x", "managedFields": []}})
    with pytest.raises(BadRequestError, match=r"^invalid object type: example.com/v1, Kind=Other$"):
        World().apply("me", {"kind": "Other"})
    with pytest.raises(BadRequestError, match=r"^invalid object type: /v1, Kind=Thing$"):
        World().apply("me", {"apiVersion": "v1"})


def test_duplicates_that_are_there_are_one_field() -> None:
    world = World().update("u", spec(items=items("p", "q", "p"), a="1"))
    assert world.owned("u", "Update")["f:spec"]["f:items"]['k:{"name":"p","port":80}'] == {}
    world.apply("me", spec(a="1", items=items("q", x="1")))
    assert names(world) == "pqp"
    world.apply("me", spec(items=items("p", x="1")), force=True)
    assert names(world).count("p") == 1


LAST = {"apiVersion": GROUP_VERSION, "kind": KIND, "metadata": {"name": "x", "annotations": {}}, "spec": {"a": "1", "b": 1}}


def client_side(**changed: Any) -> World:
    annotations = {LAST_APPLIED: json.dumps(LAST)}
    return World().update("kubectl-client-side-apply", {"metadata": {"name": "x", "annotations": annotations}, **spec(a="1", b=1)}).update(
        "other", {"metadata": {"name": "x", "annotations": annotations}, **spec(**{"a": "1", "b": 1, **changed})})


def test_kubectl_may_go_on_from_client_side_apply() -> None:
    world = client_side()
    with pytest.raises(ConflictError):
        world.apply("somebody", spec(a="2", b=2))
    world.apply("kubectl", {"metadata": {"name": "x", "labels": {"p": "1"}}, **spec(a="2", b=2)})
    assert world.spec == {"a": "2", "b": 2}
    kept = json.loads((world.document or {})["metadata"]["annotations"][LAST_APPLIED])
    assert kept == {"apiVersion": GROUP_VERSION, "kind": KIND, "metadata": {"name": "x", "labels": {"p": "1"}}, **spec(a="2", b=2)}
    assert (world.document or {})["metadata"]["annotations"][LAST_APPLIED].startswith('{"apiVersion":"example.com/v1","kind":"Thing","meta')


def test_but_not_over_what_others_changed_since() -> None:
    with pytest.raises(ConflictError) as refused:
        client_side(a="3").apply("kubectl", spec(a="2", b=2))
    assert refused.value.message == 'Apply failed with 1 conflict: conflict with "other" using example.com/v1: .spec.a'


def test_versions_share_their_fields() -> None:
    world = World().apply("one", spec(a="1", b=1))
    world.versions.types["example.com/v2"] = custom_field_type(SCHEMA)
    with pytest.raises(ConflictError):
        world.apply("two", spec(a="2"), group_version="example.com/v2")
    world.apply("one", spec(a="2"), group_version="example.com/v2")
    assert world.spec == {"a": "2"}
    assert [(e.manager, e.api_version) for e in world.entries] == [("one", "example.com/v2")]
    del world.versions.types["example.com/v2"]
    world.apply("two", spec(b=1))
    assert [(e.manager, e.api_version) for e in world.entries] == [("two", "example.com/v1")]


def test_a_container_that_became_atomic_is_owned_as_a_whole() -> None:
    world = World().apply("one", spec(labels={"p": "1"}, items=items("p", x="1"))).apply("two", spec(labels={"q": "1"}))
    schema: Any = json.loads(json.dumps(SCHEMA))
    schema["properties"]["spec"]["properties"]["labels"]["x-kubernetes-map-type"] = "atomic"
    schema["properties"]["spec"]["properties"]["items"]["x-kubernetes-list-type"] = "atomic"
    world.versions.types[GROUP_VERSION] = custom_field_type(schema)
    world.update("u", {"spec": world.spec})
    assert world.owned("one") == {"f:spec": {"f:items": {}, "f:labels": {}}}
    assert world.owned("two") == {"f:spec": {"f:labels": {}}}


def test_paths_in_messages() -> None:
    fields = parse(b'{"f:a":{"k:{\\"name\\":\\"x\\"}":{".":{},"f:b":{}},"v:\\"s\\"":{}},"f:z":{}}')
    conflict = ApplyConflict({})
    assert conflict.fields() == {}
    assert [display_path(path) for path in (("f:a", "f:b"), ("f:a", 'k:{"n":1}', "f:b"))] == [".a.b", ".a[n=1].b"]
    assert from_paths([("f:z",)])["f:z"] == fields["f:z"]
