"""What several managers make of one object does not depend on who comes first, and what they own is what is there."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from minikube_py.apiserver.managed_fields.compare import compare
from minikube_py.apiserver.managed_fields.document_sets import fields_in, with_named_fields, without
from minikube_py.apiserver.managed_fields.field_set import FieldSet, Path, difference, paths, union
from minikube_py.apiserver.managed_fields.merge import merge
from minikube_py.apiserver.managed_fields.structural_types import custom_field_type

from .world import SCHEMA, SPECS, World

TYPE = custom_field_type(SCHEMA)
MODEST = settings(max_examples=60, deadline=None)


def unordered(value: Any) -> Any:
    """A document in which the order of lists whose elements have names does not count, and a map that lost its last field is empty.

    Upstream leaves null in its place (structured-merge-diff, typed/remove.go), whatever was applied.
    """
    if value is None:
        return {}
    if isinstance(value, dict):
        return {name: unordered(item) for name, item in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return sorted(map(unordered, value), key=lambda item: (item["name"], item.get("port", 80)))
    return value


def settled(document: Any) -> Any:
    """The order of sets does not count either; null is as good as nothing, and a port of 80 as none."""
    spec = {name: value for name, value in (document.get("spec") or {}).items() if value not in (None, {}, [])}
    if "set" in spec:
        spec["set"] = sorted(spec["set"])
    return unordered(spec)


def fields(spec: Any) -> FieldSet:
    return fields_in(TYPE, {"spec": spec})


@st.composite
def agreeing(draw: st.DrawFn) -> list[Any]:
    """Specs of several managers that are parts of one whole: no two want different things."""
    whole = draw(SPECS)
    parts = []
    for _ in range(draw(st.integers(2, 3))):
        part = {name: value for name, value in whole.items() if draw(st.booleans())}
        if "labels" in part:
            part["labels"] = {name: value for name, value in part["labels"].items() if draw(st.booleans())}
        if "items" in part:
            part["items"] = [
                {name: value for name, value in item.items() if name in ("name", "port") or draw(st.booleans())}
                for item in part["items"] if draw(st.booleans())
            ]
        parts.append(part)
    return parts


@MODEST
@given(agreeing(), st.randoms(use_true_random=False))
def test_managers_that_agree_make_the_same_object_in_any_order(parts: list[Any], random: Any) -> None:
    order = list(enumerate(parts))
    one, other = World(), World()
    for number, part in order:
        one.apply(f"m{number}", {"spec": part})
    random.shuffle(order)
    for number, part in order:
        other.apply(f"m{number}", {"spec": part})
    assert settled(one.document) == settled(other.document)
    for number, part in order:
        assert one.owned(f"m{number}") == other.owned(f"m{number}") == fields(part)


@MODEST
@given(st.lists(SPECS, min_size=2, max_size=4))
@example([{"free": {"p": {"q": "1"}}}, {"free": {}}, {"free": {}}, {"free": {"p": {}}}])
def test_who_forces_last_has_his_way_and_what_is_owned_is_there(specs: list[Any]) -> None:
    world = World()
    for number, spec in enumerate(specs):
        world.apply(f"m{number % 3}", {"spec": spec}, force=True)
    # Applied once more it changes nothing, so it stands as it was applied.
    document: Any = world.document
    assert settled(merge(TYPE, document, {"spec": specs[-1]})) == settled(document)
    live = with_named_fields(TYPE, fields(world.spec))
    for number in range(3):
        owned = {path for path in paths(difference(world.owned(f"m{number}"), live))}
        assert all(_empty_in(world.spec, path) for path in owned)


def _empty_in(spec: Any, path: Path) -> bool:
    """Whether what is at a path was applied as empty, or is in a container that became null."""
    value = spec
    for element in path[1:]:
        if not isinstance(value, dict) or not value.get(element.removeprefix("f:")):
            return True
        value = value[element.removeprefix("f:")]
    return not value


@MODEST
@given(st.lists(SPECS, min_size=1, max_size=3))
def test_applying_twice_changes_nothing(specs: list[Any]) -> None:
    world = World()
    for number, spec in enumerate(specs):
        world.apply(f"m{number}", {"spec": spec}, force=True)
    document, entries = world.document, world.entries
    world.apply(f"m{len(specs) - 1}", {"spec": specs[-1]})
    assert (world.document, world.entries) == (document, entries)


@MODEST
@given(agreeing())
def test_who_applies_nothing_takes_his_own_away_and_no_more(parts: list[Any]) -> None:
    world, without_first = World(), World()
    for number, part in enumerate(parts):
        world.apply(f"m{number}", {"spec": part})
        if number:
            without_first.apply(f"m{number}", {"spec": part})
    world.apply("m0", {})
    assert settled(world.document) == settled(without_first.document)
    assert world.owned("m0") == {}


@MODEST
@given(SPECS, SPECS)
def test_an_update_owns_what_it_changed(before: Any, after: Any) -> None:
    world = World().update("a", {"spec": before}).update("b", {"spec": after})
    live, old = fields({**after}), fields({**before})
    both = union(world.owned("a", "Update"), world.owned("b", "Update"))
    assert not difference(difference(live, old), with_named_fields(TYPE, both))
    if before == after:
        assert world.owners() == [("a", "Update", "", "0:01")] or not world.owners()


@MODEST
@given(SPECS)
def test_a_document_without_its_fields_is_empty(spec: Any) -> None:
    left = without(TYPE, {"spec": spec}, with_named_fields(TYPE, fields(spec)))
    assert not left or not {name: value for name, value in (left.get("spec") or {}).items() if value}


@MODEST
@given(SPECS, SPECS)
def test_a_merge_leaves_its_arguments_alone_and_removes_nothing(live: Any, applied: Any) -> None:
    text = json.dumps([live, applied])
    merged = merge(TYPE, {"spec": live}, {"spec": applied})
    assert json.dumps([live, applied]) == text
    _, removed = compare(TYPE, {"spec": live}, merged)
    granular = {name: node for name, node in removed.get("f:spec", {}).items() if name not in ("f:whole", "f:list", "f:free")}
    assert not granular
