"""What is wrong with a value, in upstream's words: the slow path of validation.

`explain` decides by the same rules as the compiled checks (`checks`), and names every mistake. How many checks of an alternative passed
is counted as upstream counts it, because the best failure of anyOf and oneOf is the one that is told.

Source: k8s.io/kube-openapi/pkg/validation/validate, pkg/validation/errors,
k8s.io/apiextensions-apiserver/pkg/apiserver/validation/validation.go (kubeOpenAPIResultToFieldErrors)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...core.errors import Cause
from ..correlation import Correlation
from ..go_numbers import show_number
from ..syntax import quote
from ..validation.causes import invalid, json_text, not_supported, required, too_long, too_many, type_invalid
from .formats import FLOAT32_MAX, INTEGER_FORMATS
from .nodes import INT64_MAX, INT64_MIN, Node, is_whole, kind_of

Found = tuple[list[Cause], int]
_NOWHERE = "<nil>"
_NUMERIC = ("integer", "number")
_GO_FORMATS = {"integer": "int64", "number": "float64"}


class Explanation:
    """One validation of a value, at `base` of its document ("" is the document itself)."""

    def __init__(self, base: str = "") -> None:
        self._base = base

    def causes(self, node: Node, value: Any, correlation: Correlation | None = None) -> list[Cause]:
        return self._ratcheted(node, value, "", correlation)[0]

    def _ratcheted(self, node: Node, value: Any, path: str, correlation: Correlation | None) -> Found:
        """As `_schema`, but what is wrong with a value that was not changed is not told."""
        found, matches = self._schema(node, value, path, correlation)
        if found and correlation is not None and correlation.unchanged:
            return [], matches
        return found, matches

    def _field(self, path: str) -> str:
        name = path.removeprefix(".")
        if not self._base:
            return name or _NOWHERE
        return f"{self._base}.{name}" if name else self._base

    def _schema(self, node: Node, value: Any, path: str, correlation: Correlation | None) -> Found:
        found: list[Cause] = []
        if value is None:
            matches = 1
            if node.types and not node.nullable:
                found.append(self._wrong_type(path, ",".join(node.types), "null"))
                matches = 0
            self._enum(found, node, value, path)
            return found, matches
        kind = kind_of(value)
        matches = 1
        if node.types or node.format:
            matches += 1
            problem = self._type(node, value, kind, path)
            if problem is None:
                matches += 1
            else:
                found.append(problem)
        matches += 2 + self._alternatives(found, node, value, path, correlation)
        if kind == "string":
            matches += 1
            self._string(found, node, value, path)
            if node.format_check is not None:
                matches += 1
                if not node.format_check(value):
                    text = f"{path} in body must be of type {node.format}: {quote(value)}"
                    _add(found, type_invalid(self._field(path), value, text))
        elif kind in _NUMERIC:
            matches += 2
            self._number(found, node, value, kind, path)
        elif kind == "array":
            matches += 2 + self._items(found, node, value, path, correlation)
        matches += 1
        self._enum(found, node, value, path)
        if kind == "object":
            matches += 1 + self._object(found, node, value, path, correlation)
        return found, matches

    # -- types and plain values ------------------------------------------------------------------------------------------------------

    def _wrong_type(self, path: str, wanted: str, got: str) -> Cause:
        return type_invalid(self._field(path), got, f"{path} in body must be of type {wanted}: {quote(got)}")

    def _type(self, node: Node, value: Any, kind: str, path: str) -> Cause | None:
        types = node.types
        whole = kind == "number" and "integer" in types and is_whole(value)
        fits = kind in types or whole or (kind == "integer" and "number" in types)
        if node.format and kind not in ("string", "array") and not fits:
            return self._wrong_type(path, node.format, _GO_FORMATS.get(kind, ""))
        if node.format and kind in ("string", "array") and not any(type_ in _NUMERIC for type_ in types):
            return None
        return None if fits else self._wrong_type(path, ",".join(types), kind)

    def _string(self, found: list[Cause], node: Node, value: str, path: str) -> None:
        field = self._field(path)
        if node.max_length is not None and len(value) > node.max_length:
            _add(found, too_long(field, node.max_length))
        elif node.min_length is not None and len(value) < node.min_length:
            _add(found, invalid(field, value, f"{path} in body should be at least {node.min_length} chars long"))
        elif node.pattern_error:
            problem = f"{node.pattern}, but pattern is invalid: {node.pattern_error}"
            _add(found, invalid(field, value, f"{path} in body should match '{problem}'"))
        elif node.search is not None and not node.search(value):
            _add(found, invalid(field, value, f"{path} in body should match '{node.pattern}'"))

    def _number(self, found: list[Cause], node: Node, value: int | float, kind: str, path: str) -> None:
        self._range(found, node, value, "Checked", path)
        for rule, what, tell in (
            (node.multiple_of, "MultipleOf", self._multiple), (node.minimum, "Minimum boundary", self._minimum),
            (node.maximum, "Maximum boundary", self._maximum),
        ):
            if rule is not None:
                self._range(found, node, rule, what, path)
                problem = tell(node, value, kind, path)
                if problem is not None:
                    _add(found, problem)

    def _range(self, found: list[Cause], node: Node, value: int | float, what: str, path: str) -> None:
        if node.format and not in_range(value, node.format):
            text = f"{what} value must be of type {node.types[0]} with format {node.format} in {path}"
            _add(found, invalid(self._base or _NOWHERE, "", text))

    def _multiple(self, node: Node, value: int | float, kind: str, path: str) -> Cause | None:
        factor = node.multiple_of or 0
        if kind == "integer" and int(factor):
            factor = int(factor)
        if factor < 0:
            return invalid(self._field(path), factor, f"factor MultipleOf declared for {path} must be positive: {show_number(factor)}")
        if is_multiple(value, factor, kind):
            return None
        return invalid(self._field(path), value, f"{path} in body should be a multiple of {show_number(factor)}")

    def _minimum(self, node: Node, value: int | float, kind: str, path: str) -> Cause | None:
        low = _bound(node.minimum, kind)
        if value > low or (value == low and not node.exclusive_minimum):
            return None
        words = "greater than" if node.exclusive_minimum else "greater than or equal to"
        return invalid(self._field(path), value, f"{path} in body should be {words} {show_number(low)}")

    def _maximum(self, node: Node, value: int | float, kind: str, path: str) -> Cause | None:
        high = _bound(node.maximum, kind)
        if value < high or (value == high and not node.exclusive_maximum):
            return None
        words = "less than" if node.exclusive_maximum else "less than or equal to"
        return invalid(self._field(path), value, f"{path} in body should be {words} {show_number(high)}")

    def _enum(self, found: list[Cause], node: Node, value: Any, path: str) -> None:
        if node.enum is None or any(same_as_listed(value, listed) for listed in node.enum):
            return
        texts = [listed if isinstance(listed, str) else json_text(listed) for listed in node.enum]
        _add(found, not_supported(self._field(path), value, texts))

    # -- lists and objects -----------------------------------------------------------------------------------------------------------

    def _items(self, found: list[Cause], node: Node, value: list[Any], path: str, correlation: Correlation | None) -> int:
        matches = 0
        if node.items is not None:
            for index, item in enumerate(value):
                child = correlation.index(index) if correlation is not None else None
                inner, count = self._ratcheted(node.items, item, f"{path}[{index}]", child)
                matches += count
                _merge(found, inner)
        size = len(value)
        if node.min_items is not None and size < node.min_items:
            _add(found, invalid(self._field(path), size, f"{path} in body should have at least {node.min_items} items"))
        if node.max_items is not None and size > node.max_items:
            _add(found, too_many(self._field(path), size, node.max_items))
        if node.unique_items and len({json_text(item) for item in value}) < size:
            _add(found, invalid(self._field(path), "", f"{path} in body shouldn't contain duplicates"))
        return matches

    def _object(self, found: list[Cause], node: Node, value: dict[str, Any], path: str, correlation: Correlation | None) -> int:
        size = len(value)
        if node.min_properties is not None and size < node.min_properties:
            _add(found, invalid(self._field(path), size, f"{path} in body should have at least {node.min_properties} properties"))
            return 0
        if node.max_properties is not None and size > node.max_properties:
            _add(found, too_many(self._field(path), size, node.max_properties))
            return 0
        matches = 0
        for name, item in value.items():
            if name in node.properties:
                continue
            if node.closed:
                _add(found, invalid(self._field(path), name, f"{path}.{name} in body is a forbidden property"))
            elif node.additional is not None:
                matches += self._below(found, node.additional, name, item, f"{path}.{name}", correlation, path)
        for name, child in node.properties.items():
            if name in value:
                matches += self._below(found, child, name, value[name], f"{path}.{name}" if path else name, correlation, path)
        for name in node.required:
            if name not in value:
                _add(found, required(self._field(f"{path}.{name}")))
        return matches

    def _below(
        self, found: list[Cause], node: Node, name: str, value: Any, path: str, correlation: Correlation | None, parent: str
    ) -> int:
        # The type of an object is never ratcheted: both versions were converted to the same one.
        fixed = not parent and name in ("apiVersion", "kind")
        child = correlation.key(name) if correlation is not None and not fixed else None
        inner, matches = self._ratcheted(node, value, path, child)
        _merge(found, inner)
        return matches

    # -- alternatives ----------------------------------------------------------------------------------------------------------------

    def _alternatives(self, found: list[Cause], node: Node, value: Any, path: str, correlation: Correlation | None) -> int:
        matches = 0
        if node.any_of:
            matches += self._any_of(found, node.any_of, value, path, correlation)
        if node.one_of:
            matches += self._one_of(found, node.one_of, value, path, correlation)
        if node.all_of:
            right = 0
            for part in node.all_of:
                inner, count = self._schema(part, value, path, correlation)
                right += not inner
                matches += count
                _merge(found, inner)
            if right != len(node.all_of):
                self._compose(found, f'{quote(path)} must validate all the schemas (allOf){"" if right else ". None validated"}')
        if node.not_ is not None and not self._schema(node.not_, value, path, correlation)[0]:
            self._compose(found, f'{quote(path)} must not validate the schema (not)')
        return matches

    def _any_of(self, found: list[Cause], parts: Sequence[Node], value: Any, path: str, correlation: Correlation | None) -> int:
        best: Found | None = None
        for part in parts:
            inner, count = self._schema(part, value, path, correlation)
            if not inner:
                return count
            if best is None or count > best[1]:
                best = inner, count
        self._compose(found, f'{quote(path)} must validate at least one schema (anyOf)')
        _merge(found, best[0] if best else [])
        return best[1] if best else 0

    def _one_of(self, found: list[Cause], parts: Sequence[Node], value: Any, path: str, correlation: Correlation | None) -> int:
        best: Found | None = None
        right: list[int] = []
        for part in parts:
            inner, count = self._schema(part, value, path, correlation)
            if not inner:
                right.append(count)
                best = None
            elif not right and (best is None or count > best[1]):
                best = inner, count
        if len(right) == 1:
            return right[0]
        told = f"Found {len(right)} valid alternatives" if right else "Found none valid"
        self._compose(found, f'{quote(path)} must validate one and only one schema (oneOf). {told}')
        if best is None:
            return 0
        _merge(found, best[0])
        return best[1]

    def _compose(self, found: list[Cause], text: str) -> None:
        """A mistake of a composition: upstream knows no field for it."""
        _add(found, invalid(self._base or _NOWHERE, "", text))


def _add(found: list[Cause], cause: Cause) -> None:
    if cause not in found:
        found.append(cause)


def _merge(found: list[Cause], others: list[Cause]) -> None:
    for cause in others:
        _add(found, cause)


def _bound(value: int | float | None, kind: str) -> int | float:
    """A bound as it is compared to a value: whole for integers, cut off towards zero."""
    if value is None:
        return 0
    return int(value) if kind == "integer" else value


def in_range(value: int | float, format_: str) -> bool:
    """Whether a number can be held by a format."""
    if format_ in INTEGER_FORMATS:
        low, high = INTEGER_FORMATS[format_]
        return low <= value <= high and (isinstance(value, int) or value.is_integer())
    return format_ != "float" or abs(value) < FLOAT32_MAX


def is_multiple(value: int | float, factor: int | float, kind: str) -> bool:
    if not factor:
        return False
    if kind == "integer" and isinstance(factor, int):
        return value % factor == 0
    return is_whole(1 / factor * value if factor < 1 else value / factor)


def same_as_listed(value: Any, listed: Any) -> bool:
    """Whether a value equals one of an enum, after conversion to the type of the latter: 1.5 equals a listed 1, as in Go."""
    if value is None or listed is None:
        return False
    kind, other = kind_of(value), kind_of(listed)
    if kind in _NUMERIC and other in _NUMERIC:
        if other == "integer" and isinstance(value, float):
            return math.isfinite(value) and INT64_MIN <= value <= INT64_MAX and int(value) == listed
        return bool(value == listed)
    return kind == other and bool(json_text(value) == json_text(listed))
