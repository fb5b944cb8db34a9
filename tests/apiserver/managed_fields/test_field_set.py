"""The algebra of field sets is that of sets of paths, and their written form is upstream's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minikube_py.apiserver.managed_fields import field_set as fs
from minikube_py.apiserver.managed_fields.path_element import PathElementError, display, key_element, value_element

Paths = frozenset[fs.Path]
ELEMENTS = ["f:a", "f:b", "f:c", 'k:{"name":"x"}', 'k:{"name":"y"}', 'v:"s"', "v:1", "i:0"]
PATHS = st.frozensets(st.lists(st.sampled_from(ELEMENTS), min_size=1, max_size=4).map(tuple), max_size=8)


def written(paths: Paths) -> fs.FieldSet:
    return fs.from_paths(paths)


def read(fields: fs.FieldSet) -> Paths:
    """The paths of a set; checks what must hold of every set on the way."""
    found = list(fs.paths(fields))
    assert len(set(found)) == len(found)
    assert list(fs.load(fs.dump(fields))) == list(fs.parse(fs.dump(fields)))
    assert fs.parse(fs.dump(fields)) == fields
    _check_nodes(fields, root=True)
    return frozenset(found)


def _check_nodes(node: fs.FieldSet, *, root: bool = False) -> None:
    assert list(node) == list(fs.ordered(node))
    assert list(node) != ["."] and not (root and "." in node)
    for element, below in node.items():
        if element != ".":
            _check_nodes(below)


@given(PATHS, PATHS)
def test_operations_are_those_of_sets_of_paths(one: Paths, other: Paths) -> None:
    a, b = written(one), written(other)
    before = json.dumps([a, b])
    assert read(a) == one
    assert read(fs.union(a, b)) == one | other
    assert read(fs.difference(a, b)) == one - other
    assert read(fs.intersection(a, b)) == one & other
    below = {path for path in one if any(path[: len(stem)] == stem for stem in other)}
    assert read(fs.recursive_difference(a, b)) == one - below
    assert read(fs.leaves(a)) == {path for path in one if not any(p[: len(path)] == path and p != path for p in one)}
    assert (a == b) == (one == other)
    assert json.dumps([a, b]) == before


@given(PATHS, st.lists(st.sampled_from(ELEMENTS), max_size=4).map(tuple))
def test_members(paths: Paths, path: fs.Path) -> None:
    assert fs.has(written(paths), path) == (path in paths)


@given(PATHS)
def test_the_order_of_writing_is_of_no_consequence(paths: Paths) -> None:
    def reversed_(node: Any) -> Any:
        return {element: reversed_(node[element]) for element in reversed(list(node))}

    fields = written(paths)
    assert fs.dump(fs.parse(json.dumps(reversed_(fields)).encode())) == fs.dump(fields)


def test_form_on_the_wire() -> None:
    fields = fs.from_paths([
        ("f:spec", "f:ports", 'k:{"port":8080,"protocol":"TCP"}'), ("f:spec", "f:ports", 'k:{"port":443,"protocol":"TCP"}'),
        ("f:spec", "f:ports", 'k:{"port":443,"protocol":"TCP"}', "f:name"), ("f:metadata", "f:finalizers", 'v:"a/b"'), ("f:metadata",),
    ])
    assert fs.dump(fields).decode() == (
        r'{"f:metadata":{".":{},"f:finalizers":{"v:\"a/b\"":{}}},"f:spec":{"f:ports":{"k:{\"port\":443,\"protocol\":\"TCP\"}":'
        r'{".":{},"f:name":{}},"k:{\"port\":8080,\"protocol\":\"TCP\"}":{}}}}')


@pytest.mark.parametrize(("written_", "canonical"), [
    ({'k:{"b": 1, "a": "x"}': {}}, {'k:{"a":"x","b":1}': {}}),
    ({"v:1.50": {}, "i:007": {}, "x:new": {}}, {"v:1.5": {}, "i:7": {}}),
    ({"f:b": {}, "f:a": {".": {}}}, {"f:a": {}, "f:b": {}}),
    ({"f:a": {"x:new": {}}}, {"f:a": {}}),
    ({"f:a": None}, {"f:a": {}}),
    # What comes after a value is nobody's.
    ({'v: "x" {"a":1}': {}, 'k:{"uid":"a"} 1': {}}, {'k:{"uid":"a"}': {}, 'v:"x"': {}}),
])
def test_sets_of_others_are_read_as_if_written_here(written_: Any, canonical: Any) -> None:
    assert json.dumps(fs.parse(json.dumps(written_).encode())) == json.dumps(canonical)


@pytest.mark.parametrize("broken", ["[]", '{"f:a":1}', '{"f":{}}', '{"fa":{}}', '{"k:x":{}}', '{"k:[1]":{}}', '{"i:x":{}}', '{"v:":{}}'])
def test_what_is_no_set_is_refused(broken: str) -> None:
    with pytest.raises((fs.FieldSetError, PathElementError)):
        fs.parse(broken.encode())


def test_values_in_elements_are_escaped_as_go_does() -> None:
    assert value_element("a<b>&\u2028") == 'v:"a\\u003cb\\u003e\\u0026\\u2028"'
    assert key_element([("name", 'q"'), ("port", 80)]) == r'k:{"name":"q\"","port":80}'


@pytest.mark.parametrize(("element", "shown"), [
    ("f:spec", ".spec"), ('k:{"name":"c"}', '[name="c"]'), ('k:{"port":80,"protocol":"TCP"}', '[port=80,protocol="TCP"]'),
    ('v:"x"', '[="x"]'), ("v:true", "[=true]"), ("i:3", "[3]"),
])
def test_elements_in_messages(element: str, shown: str) -> None:
    assert display(element) == shown


def test_bytes_that_are_no_text_are_no_set() -> None:
    with pytest.raises(fs.FieldSetError):
        fs.parse(b'{"f:\xc0": {}}')
