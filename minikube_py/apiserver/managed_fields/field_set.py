"""Sets of field paths, in the form in which FieldsV1 writes them.

A set is a tree of dicts: path element -> what is below it. A path is a member if its node is an empty dict or holds `.`; a node that
holds others without `.` is only the way to them. The whole object is never a member: the empty dict at the root is the empty set.

Invariants, on which everything here relies: the elements of a node are in upstream's order, below the root no node is without members,
and `.` stands only beside others. Sets are shared and never changed; functions return their argument where nothing differs.

Source: sigs.k8s.io/structured-merge-diff/v6/fieldpath/{set,serialize}.go
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from .path_element import FIELD, SELF, canonical, order_of

FieldSet = dict[str, Any]
Path = tuple[str, ...]
EMPTY: FieldSet = {}
ANY_ELEMENT = "*"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class FieldSetError(ValueError):
    """What should be a set of fields is none."""


def dump(fields: FieldSet) -> bytes:
    """The set as FieldsV1."""
    return _encode(fields)


def load(data: bytes) -> FieldSet:
    """The set that `dump` wrote."""
    return _decode(data)


def parse(data: bytes) -> FieldSet:
    """The set in a FieldsV1 that somebody else wrote. Elements of unknown kinds are left out.

    Raises: FieldSetError, PathElementError.
    """
    try:
        children, _ = _parse(_decode(data))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise FieldSetError(str(error)) from error
    return children


def _parse(tree: Any) -> tuple[FieldSet, bool]:
    """What is below a node, and whether the node is a member; one with nothing below it always is."""
    if tree is None:
        tree = {}
    if not isinstance(tree, dict):
        raise FieldSetError(f"expected an object, got {msgspec.json.encode(tree).decode()}")
    children: FieldSet = {}
    for element, below in tree.items():
        known = None if element == SELF else canonical(element)
        if known is not None:
            node, member = _parse(below)
            children[known] = _node(node, member)
    return ordered(children), SELF in tree or not children


def _node(children: FieldSet, member: bool) -> FieldSet:
    return {SELF: {}, **children} if member and children else children


def is_member(node: FieldSet) -> bool:
    """Whether the path to a node below the root is in the set."""
    return not node or SELF in node


def ordered(node: FieldSet) -> FieldSet:
    """The same elements in their order."""
    names = sorted(node)
    if names and not names[-1].startswith(FIELD):
        names.sort(key=order_of)
    return {name: node[name] for name in names}


def from_paths(paths: Iterable[Path]) -> FieldSet:
    """The set of these paths; the empty path is left out."""
    fields: FieldSet = {}
    for path in paths:
        node: FieldSet = {}
        for element in reversed(path):
            node = {element: node}
        fields = union(fields, node)
    return fields


def paths(fields: FieldSet, prefix: Path = ()) -> Iterator[Path]:
    """All members: those of a node come before what is deeper."""
    for element, node in fields.items():
        if element != SELF and is_member(node):
            yield (*prefix, element)
    for element, node in fields.items():
        if node:
            yield from paths(node, (*prefix, element))


def has(fields: FieldSet, path: Path) -> bool:
    """Whether a path is a member."""
    node: FieldSet | None = fields
    for element in path:
        node = node.get(element) if node else None
        if node is None:
            return False
    return bool(path) and node is not None and is_member(node)


def union(one: FieldSet, other: FieldSet) -> FieldSet:
    """What is in either."""
    if not other or one is other:
        return one
    if not one:
        return other
    result: FieldSet | None = None
    grown = False
    for element, node in other.items():
        present = one.get(element)
        if present is None:
            grown = True
            merged = node
        elif element == SELF:
            continue
        else:
            merged = _union_node(present, node)
            if merged is present:
                continue
        if result is None:
            result = dict(one)
        result[element] = merged
    if result is None:
        return one
    return ordered(result) if grown else result


def _union_node(one: FieldSet, other: FieldSet) -> FieldSet:
    if not one:
        return other if is_member(other) else {SELF: {}, **other}
    if not other:
        return one if SELF in one else {SELF: {}, **one}
    return union(one, other)


def difference(one: FieldSet, other: FieldSet) -> FieldSet:
    """What is in the first and not in the second. A member that goes leaves what is below it."""
    result: FieldSet | None = None
    for element, node in other.items():
        present = one.get(element)
        if present is None or element == SELF:
            continue
        left = _difference_node(present, node)
        if left is present:
            continue
        if result is None:
            result = dict(one)
        if left is None:
            del result[element]
        else:
            result[element] = left
    return one if result is None else result


def _difference_node(one: FieldSet, other: FieldSet) -> FieldSet | None:
    """None if nothing is left."""
    stays = is_member(one) and not is_member(other)
    if not one:
        return one if stays else None
    left = difference(one, other)
    if SELF not in left:
        return left or None
    if stays:
        return left if len(left) > 1 else {}
    return {element: node for element, node in left.items() if element != SELF} or None


def intersection(one: FieldSet, other: FieldSet) -> FieldSet:
    """What is in both."""
    if len(other) < len(one):
        one, other = other, one
    result: FieldSet = {}
    for element, node in one.items():
        match = other.get(element)
        if match is None or element == SELF:
            continue
        both = is_member(node) and is_member(match)
        below = intersection(node, match) if node and match else EMPTY
        if both or below:
            result[element] = _node(below, both)
    return result


def recursive_difference(one: FieldSet, other: FieldSet) -> FieldSet:
    """What is in the first, is not in the second and is not below a member of the second."""
    result: FieldSet | None = None
    for element, node in other.items():
        present = one.get(element)
        if present is None or element == SELF:
            continue
        left: FieldSet | None = None
        if not is_member(node):
            below = recursive_difference(present, node)
            left = below if below or not present else None
            if left is not None and len(left) == 1 and SELF in left:
                left = {}
        if left is present:
            continue
        if result is None:
            result = dict(one)
        if left is None:
            del result[element]
        else:
            result[element] = left
    return one if result is None else result


def included(fields: FieldSet, pattern: FieldSet) -> FieldSet:
    """What is at, above or below the ends of a pattern: a tree of elements, of which `*` stands for any."""
    if not pattern:
        return fields
    result: FieldSet = {}
    for element, node in fields.items():
        if element == SELF:
            result[SELF] = node
            continue
        match = pattern.get(ANY_ELEMENT, pattern.get(element))
        if match is not None:
            below = included(node, match)
            if below or is_member(node):
                result[element] = {} if len(below) == 1 and SELF in below else below
    return result


def leaves(fields: FieldSet) -> FieldSet:
    """The members that have none below them."""
    return {element: leaves(node) for element, node in fields.items() if element != SELF}


def equal(one: FieldSet, other: FieldSet) -> bool:
    return one == other
