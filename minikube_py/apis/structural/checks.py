"""Whether a value obeys a schema: the fast path of validation, compiled to closures.

A check answers yes or no, exactly. It takes the short way for what is usual and asks `explain` about anything else, so that the two can
not disagree about the unusual.

Source: k8s.io/kube-openapi/pkg/validation/validate
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .explain import Explanation, in_range
from .formats import INTEGER_FORMATS
from .nodes import INT64_MAX, INT64_MIN, Node

Check = Callable[[Any], bool]


def compile_check(node: Node) -> Check:
    """A function that says whether a value obeys `node`."""
    check = _by_type(node)
    parts = _alternatives(node)
    if not parts:
        return check

    def with_alternatives(value: Any) -> bool:
        if value is None:
            return check(value)
        for part in parts:
            if not part(value):
                return False
        return check(value)

    return with_alternatives


def _alternatives(node: Node) -> list[Check]:
    parts = [compile_check(part) for part in node.all_of]
    if node.any_of:
        parts.append(_any(tuple(compile_check(part) for part in node.any_of)))
    if node.one_of:
        parts.append(_one(tuple(compile_check(part) for part in node.one_of)))
    if node.not_ is not None:
        parts.append(_not(compile_check(node.not_)))
    return parts


def _any(checks: tuple[Check, ...]) -> Check:
    return lambda value: any(check(value) for check in checks)


def _one(checks: tuple[Check, ...]) -> Check:
    return lambda value: sum(check(value) for check in checks) == 1


def _not(check: Check) -> Check:
    return lambda value: not check(value)


def _exact(node: Node) -> Check:
    """The slow way, alternatives aside: those are checked by themselves."""
    bare = Node({})
    for name in Node.__slots__:
        setattr(bare, name, getattr(node, name))
    bare.all_of = bare.any_of = bare.one_of = ()
    bare.not_ = None
    return lambda value: not Explanation().causes(bare, value)


def _by_type(node: Node) -> Check:
    exact = _exact(node)
    if node.types == ("string",):
        return _string(node, exact)
    if node.types in (("integer",), ("number",)):
        return _number(node, exact)
    if node.types == ("boolean",) and node.enum is None:
        return lambda value: value is True or value is False or exact(value)
    if node.types in (("object",), ()) and (node.types or _only_object_rules(node)):
        return _object(node, exact)
    if node.types == ("array",):
        return _list(node, exact)
    if node.types == ("integer", "string"):
        return _int_or_string(node, exact)
    return exact


def _only_object_rules(node: Node) -> bool:
    """Whether a node without a type has rules of objects alone, as alternatives often do."""
    return not (node.enum or node.format or node.items or node.pattern) and all(
        rule is None for rule in (node.maximum, node.minimum, node.multiple_of, node.max_length, node.min_length, node.max_items,
                                  node.min_items)
    )


def _string(node: Node, exact: Check) -> Check:
    low, high = node.min_length or 0, node.max_length if node.max_length is not None else INT64_MAX
    search, check_format = node.search, node.format_check
    if node.pattern_error:
        return exact
    if node.enum is not None:
        values = frozenset(value for value in node.enum if isinstance(value, str))
        if not (node.min_length or node.max_length is not None or search or check_format):
            return lambda value: (type(value) is str and value in values) or exact(value)
        return exact
    if search is None and check_format is None:
        if not low and high == INT64_MAX:
            return lambda value: type(value) is str or exact(value)
        return lambda value: (type(value) is str and low <= len(value) <= high) or exact(value)

    def check(value: Any) -> bool:
        if type(value) is not str:
            return exact(value)
        if not low <= len(value) <= high:
            return False
        if search is not None and not search(value):
            return False
        return check_format is None or bool(check_format(value))

    return check


def _number(node: Node, exact: Check) -> Check:
    if node.enum is not None or node.multiple_of is not None or node.exclusive_maximum or node.exclusive_minimum:
        return exact
    low, high = INTEGER_FORMATS["int32" if node.format == "int32" else "int64"]
    for bound in (node.minimum, node.maximum):
        if bound is not None and (not isinstance(bound, int) or not in_range(bound, node.format)):
            return exact
    low = low if node.minimum is None else max(low, int(node.minimum))
    high = high if node.maximum is None else min(high, int(node.maximum))
    if node.types == ("integer",):
        return lambda value: (type(value) is int and low <= value <= high) or exact(value)
    return lambda value: ((type(value) is int or type(value) is float) and low <= value <= high) or exact(value)


def _int_or_string(node: Node, exact: Check) -> Check:
    if node.enum is not None or node.pattern or any(
        rule is not None for rule in (node.maximum, node.minimum, node.multiple_of, node.max_length, node.min_length)
    ):
        return exact
    return lambda value: type(value) is str or (type(value) is int and INT64_MIN <= value <= INT64_MAX) or exact(value)


def _list(node: Node, exact: Check) -> Check:
    if node.enum is not None or node.unique_items:
        return exact
    low, high = node.min_items or 0, node.max_items if node.max_items is not None else INT64_MAX
    item_check = compile_check(node.items) if node.items is not None else None

    def check(value: Any) -> bool:
        if type(value) is not list:
            return exact(value)
        if not low <= len(value) <= high:
            return False
        if item_check is not None:
            for item in value:
                if not item_check(item):
                    return False
        return True

    return check


def _object(node: Node, exact: Check) -> Check:
    if node.enum is not None or node.closed:
        return exact
    get = {name: compile_check(child) for name, child in node.properties.items()}.get
    other = compile_check(node.additional) if node.additional is not None else None
    low, high = node.min_properties or 0, node.max_properties if node.max_properties is not None else INT64_MAX
    sized = bool(low) or high != INT64_MAX
    required = node.required

    def check(value: Any) -> bool:
        if type(value) is not dict:
            return exact(value)
        if sized and not low <= len(value) <= high:
            return False
        for name in required:
            if name not in value:
                return False
        for name, item in value.items():
            child = get(name, other)
            if child is not None and not child(item):
                return False
        return True

    return check
