"""Documents that are right, documents that are nearly so, and patches of them.

A document of random fields is refused at its first wrong one. So most of what is drawn here is a right object of the zoo with a few drawn or
hostile values in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

TESTS = Path(__file__).parent.parent
NAMESPACE = "default"
APPLY, JSON_PATCH, MERGE_PATCH = "application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
POINTERS = ("", "/", "a", "/metadata/labels/-", "/spec/~2", "/metadata/finalizers/-", "/01", "/spec/-1", "/metadata/name/x")
HOSTILE: tuple[Any, ...] = (
    None, "", "a", "a" * 300, "\x00", "\ud7ff\U0001f600", "-1", "1e99", "9" * 40, "%s", "{", "../..", " ", 0, -1, 2**31, 2**63, 2**70, 1.5,
    1e308, True, [], {}, [None], [[]], [{}], {"": None}, {"a": {"b": {"c": []}}}, [1, "1"], {"$patch": "delete"}, {"$retainKeys": [1]},
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=8,
)
Map = dict[str, Any]


def right_objects() -> list[Map]:
    """One right object of many kinds, all in one namespace."""
    documents: list[Map] = []
    for path in (TESTS / "apis" / "zoo.yaml", Path(__file__).with_name("more_objects.yaml")):
        documents += yaml.safe_load_all(path.read_text())
    for document in documents:
        if "namespace" in document["metadata"]:
            document["metadata"]["namespace"] = NAMESPACE
    return documents


def paths(document: Any, under: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of all values in a document, but for what identifies it."""
    found = []
    items = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    for key, value in items:
        where = (*under, key)
        if where not in {("kind",), ("apiVersion",), ("metadata",), ("metadata", "name"), ("metadata", "namespace")}:
            found.append(where)
        found += paths(value, where)
    return found


def value_at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with another value at a path; what is missing on the way is made, what is in the way goes."""
    if not path:
        return value
    key, rest = path[0], path[1:]
    if isinstance(key, int):
        items = list(document) if isinstance(document, list) else []
        inner = items[key] if key < len(items) else None
        items[key : key + 1] = [replaced(inner, rest, value)]
        return items
    members = dict(document) if isinstance(document, dict) else {}
    members[key] = replaced(members.get(key), rest, value)
    return members


@st.composite
def nearly_right(draw: st.DrawFn, right: Map, drawn: Any) -> Any:
    """A right document with up to three other values in it, drawn ones or hostile ones."""
    document = right
    for _ in range(draw(st.integers(0, 3))):
        known, others = paths(document), paths(drawn)
        if others and draw(st.booleans()):
            where = draw(st.sampled_from(others))
            document = replaced(document, where, value_at(drawn, where))
        elif known:
            document = replaced(document, draw(st.sampled_from(known)), draw(st.sampled_from(HOSTILE) | JSON_VALUES))
    return document


def pointer(path: tuple[Any, ...]) -> str:
    return "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in path)


@st.composite
def patches(draw: st.DrawFn, media_type: str, right: Map) -> Any:
    """Patches of a type for a right document."""
    known = paths(right) or [("metadata",)]
    present = st.sampled_from(known).map(lambda path: value_at(right, path))
    values = st.sampled_from(HOSTILE) | JSON_VALUES | present
    if media_type == JSON_PATCH:
        pointers = st.sampled_from(known).map(pointer) | st.sampled_from(POINTERS)
        operation = st.fixed_dictionaries(
            {"op": st.sampled_from(("add", "remove", "replace", "move", "copy", "test", "x")), "path": pointers},
            optional={"value": values, "from": pointers, "x": values},
        )
        return draw(st.lists(operation, max_size=4) | JSON_VALUES)
    document: Any = {}
    if media_type == APPLY:
        document = {"apiVersion": right.get("apiVersion"), "kind": right.get("kind"), "metadata": {"name": right["metadata"]["name"]}}
    for _ in range(draw(st.integers(0, 3))):
        where = draw(st.sampled_from(known))
        place = where[: draw(st.integers(1, len(where)))]
        directive = draw(st.sampled_from(("", "", "", "$setElementOrder/", "$deleteFromPrimitiveList/")))
        if directive and isinstance(place[-1], str) and media_type == STRATEGIC_MERGE_PATCH:
            place = (*place[:-1], directive + place[-1])
        document = replaced(document, place, draw(values))
    return document
