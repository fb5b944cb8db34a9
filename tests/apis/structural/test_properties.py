"""What holds for every schema and every document."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st

from minikube_py.apis.structural import Schema, compile_schema
from minikube_py.apis.structural.explain import Explanation

NAMES = st.sampled_from(["a", "b", "c", "d"])
STRINGS = st.text("abxyz", max_size=6)
PAIRS = st.tuples(st.integers(0, 4), st.integers(0, 4)).map(sorted)

Pair = tuple[dict[str, Any], st.SearchStrategy[Any]]


def _string(draw: st.DrawFn) -> Pair:
    low, high = draw(PAIRS)
    if draw(st.booleans()):
        choices = draw(st.lists(STRINGS, min_size=1, max_size=3, unique=True))
        return {"type": "string", "enum": choices}, st.sampled_from(choices)
    return {"type": "string", "minLength": low, "maxLength": high, "pattern": "^[ab]*$"}, st.text("ab", min_size=low, max_size=high)


def _integer(draw: st.DrawFn) -> Pair:
    low, high = draw(PAIRS)
    return {"type": "integer", "minimum": low, "maximum": high}, st.integers(low, high)


def _list(draw: st.DrawFn, depth: int) -> Pair:
    low, high = draw(PAIRS)
    schema, values = _pair(draw, depth - 1)
    return {"type": "array", "items": schema, "minItems": low, "maxItems": high}, st.lists(values, min_size=low, max_size=high)


def _map(draw: st.DrawFn, depth: int) -> Pair:
    schema, values = _pair(draw, depth - 1)
    return {"type": "object", "additionalProperties": schema, "maxProperties": 3}, st.dictionaries(NAMES, values, max_size=3)


def _object(draw: st.DrawFn, depth: int) -> Pair:
    pairs = {name: _pair(draw, depth - 1) for name in draw(st.lists(NAMES, max_size=3, unique=True))}
    required = [name for name in pairs if draw(st.booleans())]
    schema: dict[str, Any] = {"type": "object", "properties": {name: pair[0] for name, pair in pairs.items()}, "required": required}
    for name, (child, values) in pairs.items():
        if name not in required and draw(st.booleans()):
            child["default"] = draw(values)
    if draw(st.booleans()) and pairs:
        schema["anyOf"] = [{"required": [name]} for name in pairs] + [{"maxProperties": 0}]
    optional = {name: pair[1] for name, pair in pairs.items() if name not in required}
    return schema, st.fixed_dictionaries({name: pairs[name][1] for name in required}, optional=optional)


def _pair(draw: st.DrawFn, depth: int) -> Pair:
    kinds = ["string", "integer", "boolean"] + (["list", "map", "object", "object"] if depth else [])
    match draw(st.sampled_from(kinds)):
        case "string":
            return _string(draw)
        case "integer":
            return _integer(draw)
        case "boolean":
            return {"type": "boolean"}, st.booleans()
        case "list":
            return _list(draw, depth)
        case "map":
            return _map(draw, depth)
        case _:
            return _object(draw, depth)


@st.composite
def schemas(draw: st.DrawFn) -> Pair:
    return _object(draw, 3)


def _everywhere(draw: st.DrawFn, value: Any, change: st.SearchStrategy[Any]) -> Any:
    """The value with one place replaced, or one more field."""
    if isinstance(value, dict) and draw(st.booleans()):
        name = draw(NAMES)
        return value | {name: _everywhere(draw, value[name], change) if name in value else draw(change)}
    if isinstance(value, list) and value and draw(st.booleans()):
        index = draw(st.integers(0, len(value) - 1))
        return [*value[:index], _everywhere(draw, value[index], change), *value[index + 1:]]
    return draw(change)


ANY = st.one_of(st.integers(-1, 6), STRINGS, st.booleans(), st.just(None), st.just([]), st.just({}), st.floats(0, 4),
                st.dictionaries(NAMES, STRINGS, max_size=2), st.lists(st.integers(0, 9), max_size=5))


def _right(schema: Schema, document: Any) -> bool:
    """By both ways of validation, which have to agree."""
    fast = not schema.validate(document)
    assert fast is not bool(Explanation().causes(schema.root, document))
    return fast


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_generated_documents_are_right_and_stay_what_they_are(data: st.DataObject) -> None:
    source, documents = data.draw(schemas())
    schema, document = compile_schema(source), data.draw(documents)
    kept = deepcopy(document)
    assert schema.prune(document) == [] and document == kept
    assert _right(schema, document)
    schema.default(document)
    assert _right(schema, document) or "anyOf" in str(source)
    again = deepcopy(document)
    schema.default(again)
    assert schema.prune(again) == [] and again == document


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_a_change_is_judged_as_by_json_schema(data: st.DataObject) -> None:
    source, documents = data.draw(schemas())
    document = data.draw(documents)
    changed = _everywhere(data.draw, document, ANY)
    if not isinstance(changed, dict):
        changed = {"a": changed}
    assert _right(compile_schema(source), changed) is jsonschema.Draft4Validator(source).is_valid(changed)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_pruning_and_defaulting_twice_is_doing_it_once(data: st.DataObject) -> None:
    source, documents = data.draw(schemas())
    changed = _everywhere(data.draw, data.draw(documents), ANY)
    document = changed if isinstance(changed, dict) else {"a": changed}
    schema = compile_schema(source)
    schema.prune(document)
    schema.default(document)
    once = deepcopy(document)
    assert schema.prune(document) == []
    schema.default(document)
    assert document == once


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_what_is_not_changed_is_never_told(data: st.DataObject) -> None:
    source, documents = data.draw(schemas())
    changed = _everywhere(data.draw, data.draw(documents), ANY)
    document = changed if isinstance(changed, dict) else {"a": changed}
    schema = compile_schema(source)
    schema.prune(document)  # unspecified fields correspond to nothing, and what holds one counts as changed
    assert schema.validate(document, deepcopy(document)) == []
