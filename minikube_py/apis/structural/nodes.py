"""A schema in compiled form: one Node for each place that it describes.

Owns reading an openAPIV3Schema. Nodes are made once for a version of a definition, never change, and hold what pruning, defaulting and
validation ask for in the form in which they ask. What a schema may say is `rules`' business: here it is taken as it comes.

Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/structural.go, pkg/apiserver/validation/validation.go (conversion)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import formats
from .patterns import PatternError, Search, compile_pattern

Document = dict[str, Any]
META_FIELDS = ("apiVersion", "kind", "metadata")
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


class Node:
    """What a schema says of one place of a document.

    Attributes:
        schema: the schema itself.
        types: the types that a value may have; empty if any. ("integer", "string") stands for int-or-string.
        format: the name of a format that values are checked for, "" if none or not recognized.
        additional: the node of the values of a map, None if the schema of them is a boolean or missing.
        has_additional: whether additionalProperties is there at all.
        closed: additionalProperties is false.
        default: the value of a missing property, defaulted itself; None if there is none.
        defaulted: the properties that have a default.
        embeds, keyed_lists: whether there is an embedded resource or a list of type set or map here or further below.
    """

    __slots__ = (
        "additional", "all_of", "any_of", "closed", "default", "defaulted", "embedded", "embeds", "enum",
        "exclusive_maximum", "exclusive_minimum", "format",
        "format_check", "has_additional", "items", "keyed_lists", "list_keys", "list_type", "max_items", "max_length",
        "max_properties", "maximum", "min_items", "min_length", "min_properties", "minimum", "multiple_of", "not_", "nullable", "one_of",
        "pattern", "pattern_error", "preserve", "properties", "required", "schema", "search", "types", "unique_items",
    )

    def __init__(self, schema: Document) -> None:
        self.schema = schema
        get = schema.get
        type_ = get("type") or ""
        self.types: tuple[str, ...] = ("integer", "string") if get("x-kubernetes-int-or-string") else (type_,) if type_ else ()
        self.nullable = bool(get("nullable"))
        self.preserve = bool(get("x-kubernetes-preserve-unknown-fields"))
        self.embedded = bool(get("x-kubernetes-embedded-resource"))
        self.list_type: str = get("x-kubernetes-list-type") or ""
        self.list_keys: tuple[str, ...] = tuple(get("x-kubernetes-list-map-keys") or ())
        self.default: Any = get("default")
        self._read_structure(schema)
        self._read_values(schema)
        self.embeds: bool = self.embedded or any(child.embeds for child in self.children())
        self.keyed_lists: bool = self.list_type in ("set", "map") or any(child.keyed_lists for child in self.children())

    def _read_structure(self, schema: Document) -> None:
        self.properties: dict[str, Node] = {name: Node(child) for name, child in (schema.get("properties") or {}).items()}
        self.defaulted = tuple((name, child) for name, child in self.properties.items() if child.default is not None)
        additional = schema.get("additionalProperties")
        self.has_additional = additional is not None
        self.closed = additional is False
        self.additional: Node | None = Node(additional) if isinstance(additional, dict) else None
        items = schema.get("items")
        self.items: Node | None = Node(items) if isinstance(items, dict) else None

    def _read_values(self, schema: Document) -> None:
        get = schema.get
        name: str = get("format") or ""
        only = self.types[0] if len(self.types) == 1 else ""
        if not name or len(self.types) > 1 or not formats.recognized(only, name):
            name = ""
        self.format = name
        self.format_check: formats.Check | None = formats.STRING_FORMATS.get(formats.normalized(name)) if name else None
        self.maximum, self.minimum, self.multiple_of = _number(get("maximum")), _number(get("minimum")), _number(get("multipleOf"))
        self.exclusive_maximum, self.exclusive_minimum = bool(get("exclusiveMaximum")), bool(get("exclusiveMinimum"))
        self.max_length: int | None = get("maxLength")
        self.min_length: int | None = get("minLength")
        self.max_items: int | None = get("maxItems")
        self.min_items: int | None = get("minItems")
        self.max_properties: int | None = get("maxProperties")
        self.min_properties: int | None = get("minProperties")
        self.unique_items = bool(get("uniqueItems"))
        self.required: tuple[str, ...] = tuple(get("required") or ())
        self.enum: list[Any] | None = get("enum") or None
        self.pattern: str = get("pattern") or ""
        self.pattern_error = ""
        self.search: Search | None = None
        if self.pattern:
            try:
                self.search = compile_pattern(self.pattern)
            except PatternError as error:
                self.pattern_error = str(error)
        self.all_of = tuple(Node(part) for part in get("allOf") or ())
        self.any_of = tuple(Node(part) for part in get("anyOf") or ())
        self.one_of = tuple(Node(part) for part in get("oneOf") or ())
        self.not_ = Node(get("not")) if get("not") is not None else None  # type: ignore[arg-type]

    def children(self) -> Iterator[Node]:
        """The nodes of what lies directly below, alternatives not among them."""
        yield from self.properties.values()
        if self.additional is not None:
            yield self.additional
        if self.items is not None:
            yield self.items

    def child(self, name: str) -> Node | None:
        """The node of a field or of a value in a map; None if nothing is said of it."""
        return self.properties.get(name) or self.additional


def _number(value: Any) -> int | float | None:
    """A bound. Go holds it as a float, whole ones are integers here, which compare without loss."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    return value  # type: ignore[no-any-return]


def kind_of(value: Any) -> str:
    """The JSON type of a value that is not null. Whole numbers beyond 64 bits are numbers, as in Go."""
    if isinstance(value, str):
        return "string"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer" if INT64_MIN <= value <= INT64_MAX else "number"
    if isinstance(value, float):
        return "number"
    return "array" if isinstance(value, list) else "object"


def is_whole(value: float) -> bool:
    """Whether a number counts as an integer: to a relative error of 10^-9, up to 2^53.

    Source: github.com/go-openapi/swag (IsFloat64AJSONInteger)
    """
    if not -(2.0**53) < value < 2.0**53:
        return False
    near = float(int(value))
    if value == near:
        return True
    return near != 0 and abs(value - near) / (abs(value) + abs(near)) < 1e-9
