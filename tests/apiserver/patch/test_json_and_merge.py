"""JSON patch and JSON merge patch."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minikube_py.apiserver.patch import json_patch, merge_patch
from minikube_py.core.errors import BadRequestError, InvalidError, RequestEntityTooLargeError

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc/~", max_size=2), inner, max_size=3),
    max_leaves=8,
)
without_nulls = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"op": "add", "path": "/b", "value": 1}, {"a": [1, 2], "b": 1}),
        ({"op": "add", "path": "/a/1", "value": 9}, {"a": [1, 9, 2]}),
        ({"op": "add", "path": "/a/-", "value": 9}, {"a": [1, 2, 9]}),
        ({"op": "remove", "path": "/a/0"}, {"a": [2]}),
        ({"op": "replace", "path": "/a", "value": 3}, {"a": 3}),
        ({"op": "copy", "from": "/a/0", "path": "/c"}, {"a": [1, 2], "c": 1}),
        ({"op": "move", "from": "/a", "path": "/c"}, {"c": [1, 2]}),
        ({"op": "test", "path": "/a/0", "value": 1}, {"a": [1, 2]}),
        ({"op": "add", "path": "/x~1y~0z", "value": 1}, {"a": [1, 2], "x/y~z": 1}),
    ],
)
def test_each_operation_changes_what_it_names(operation: dict[str, Any], expected: dict[str, Any]) -> None:
    document = {"a": [1, 2]}
    assert json_patch(document, [operation]) == expected
    assert document == {"a": [1, 2]}, "the document stays as it is"


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": 2},
        {"op": "remove", "path": "/b"},
        {"op": "replace", "path": "/b", "value": 1},
        {"op": "add", "path": "/b/c", "value": 1},
        {"op": "add", "path": "/a/7", "value": 1},
    ],
)
def test_an_operation_that_does_not_apply_is_refused_whole(operation: dict[str, Any]) -> None:
    document = {"a": [1]}
    with pytest.raises(InvalidError) as caught:
        json_patch(document, [{"op": "add", "path": "/z", "value": 1}, operation])
    assert caught.value.message == "the server rejected our request due to an error in our request"
    assert document == {"a": [1]}


def test_what_is_no_operation_is_a_bad_request() -> None:
    with pytest.raises(BadRequestError):
        json_patch({}, [{"op": "jump", "path": "/a"}])


def test_operations_are_bounded() -> None:
    with pytest.raises(RequestEntityTooLargeError):
        json_patch({}, [{"op": "test", "path": "", "value": {}}] * 10_001)


def test_null_removes_and_maps_merge() -> None:
    document = {"a": {"b": 1, "c": 2}, "d": [1, 2]}
    assert merge_patch(document, {"a": {"b": None, "e": {"f": None, "g": 1}}, "d": [3]}) == {"a": {"c": 2, "e": {"g": 1}}, "d": [3]}
    assert document == {"a": {"b": 1, "c": 2}, "d": [1, 2]}


def merge_difference(source: Any, target: Any) -> Any:
    """The merge patch that leads from one document to another."""
    patch = {key: None for key in source if key not in target}
    for key, value in target.items():
        if key not in source:
            patch[key] = value
        elif isinstance(value, dict) and isinstance(source[key], dict):
            if inner := merge_difference(source[key], value):
                patch[key] = inner
        elif source[key] != value or type(source[key]) is not type(value):
            patch[key] = value
    return patch


@given(
    st.dictionaries(st.text("abc", max_size=2), without_nulls, max_size=4),
    st.dictionaries(st.text("abc", max_size=2), without_nulls, max_size=4),
)
def test_a_merge_patch_leads_from_any_document_to_any_other(source: dict[str, Any], target: dict[str, Any]) -> None:
    before = copy.deepcopy(source)
    assert merge_patch(source, merge_difference(source, target)) == target
    assert source == before


@given(values, st.dictionaries(st.text("abc", max_size=2), values, max_size=3))
def test_a_merge_patch_is_idempotent(document: Any, patch: dict[str, Any]) -> None:
    once = merge_patch(document, patch)
    assert merge_patch(once, patch) == once
