"""What fields are to merging: scalars, maps and structs, lists - granular or atomic.

A FieldType says which forms a value may have. Values are plain documents or the typed objects of `apis`: the same type describes both.
Types are immutable once made and may be recursive; the fields of a struct are looked up when they are first needed.

Source: sigs.k8s.io/structured-merge-diff/v6/schema/elements.go, typed/parser.go (DeducedParseableType)
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, Literal, NamedTuple

Scalar = Literal["", "numeric", "string", "boolean", "untyped"]


class FieldType:
    """The forms that a value may have; "" and None are forms that it has not."""

    __slots__ = ("list", "map", "scalar")

    def __init__(self, scalar: Scalar = "", list_: ListType | None = None, map_: MapType | None = None) -> None:
        self.scalar: Scalar = scalar
        self.list = list_
        self.map = map_

    def form_of(self, value: Any) -> FieldType:
        """This type with only the form that a value has; the type itself where it has none of them, or is null."""
        if value is None or (not self.scalar) + (self.list is None) + (self.map is None) == 2:
            return self
        if isinstance(value, list):
            return FieldType(list_=self.list) if self.list is not None else self
        if is_map(value):
            return FieldType(map_=self.map) if self.map is not None else self
        return FieldType(self.scalar) if self.scalar else self

    @property
    def leaf(self) -> bool:
        """Whether every value that it may have is one whole."""
        return (self.map is None or self.map.atomic) and (self.list is None or self.list.atomic)


def is_map(value: Any) -> bool:
    return isinstance(value, dict) or hasattr(value, "__struct_fields__")


class StructField(NamedTuple):
    """A declared field.

    Attributes:
        name: on the wire.
        default: what a key of a list's element is if it is left out; None for no default.
        attribute: of the typed object; "" for documents only.
        nullable: whether only None is unset; else everything that is empty is.
        always: whether the field is never left out on the wire, whatever its value.
        by_value: whether that is so because Go holds it by value: a document may lack it where Go would not.
        zero: what a field that is never left out is when unset; an empty document for an object.
    """

    name: str
    type: FieldType
    default: Any = None
    attribute: str = ""
    nullable: bool = False
    always: bool = False
    by_value: bool = False
    zero: Any = None


class Columns:
    """The fields of a typed object, read all at once.

    Attributes:
        values: gives the values of an object, in the order of sets.
        fields: path element, field, and whether any value of it is one whole.
    """

    __slots__ = ("fields", "values")

    def __init__(self, fields: list[StructField]) -> None:
        names = [field.attribute for field in fields]
        # With one name alone it would give no tuple.
        self.values: Callable[[Any], tuple[Any, ...]] = attrgetter(*names, *names[:1]) if names else lambda value: ()
        self.fields = tuple(("f:" + field.name, field, field.type.leaf) for field in fields)


class MapType:
    """A map of equal values, a struct, or both: declared fields beside others.

    Attributes:
        element: the type of what is not declared; None if nothing else may be there.
        deduced: whether nothing is declared and everything is taken as it comes.
    """

    __slots__ = ("_by_value", "_columns", "_fields", "_load", "atomic", "deduced", "element")

    def __init__(
        self, load: Callable[[], dict[str, StructField]] | None = None, element: FieldType | None = None, *, atomic: bool = False
    ) -> None:
        self._load = load
        self._fields: dict[str, StructField] | None = None if load is not None else {}
        self._columns: Columns | None = None
        self._by_value: tuple[StructField, ...] | None = None
        self.element = element
        self.atomic = atomic
        self.deduced = False

    @property
    def fields(self) -> dict[str, StructField]:
        """The declared fields by their names on the wire, sorted."""
        if self._fields is None:
            loaded = self._load() if self._load is not None else {}
            self._fields = {name: loaded[name] for name in sorted(loaded)}
        return self._fields

    @property
    def by_value(self) -> tuple[StructField, ...]:
        """The fields that are there even if a document lacks them."""
        if self._by_value is None:
            self._by_value = tuple(field for field in self.fields.values() if field.by_value)
        return self._by_value

    @property
    def columns(self) -> Columns:
        """How typed objects are read."""
        if self._columns is None:
            self._columns = Columns([field for field in self.fields.values() if field.attribute])
        return self._columns

    def of(self, name: str) -> FieldType | None:
        """The type of a field or of the value of a key; None if it may not be there."""
        field = self.fields.get(name)
        return field.type if field is not None else self.element

    def related(self, *, atomic: bool) -> MapType:
        """The same as one whole, or as parts of their own, where a field says so of what it holds."""
        return MapType(lambda: self.fields, self.element, atomic=atomic)


class ListType:
    """A list: atomic, a map of elements by their keys, or a set of plain values (granular without keys)."""

    __slots__ = ("_key_fields", "atomic", "element", "keys")

    def __init__(self, element: FieldType, keys: tuple[str, ...] = (), *, atomic: bool = True) -> None:
        self.element = element
        self.keys = tuple(sorted(keys))
        self.atomic = atomic
        self._key_fields: tuple[StructField, ...] | None = None

    @property
    def key_fields(self) -> tuple[StructField, ...]:
        """The fields that are the keys, sorted by name."""
        if self._key_fields is None:
            declared = self.element.map.fields if self.element.map is not None else {}
            self._key_fields = tuple(declared.get(name) or StructField(name, ANY) for name in self.keys)
        return self._key_fields


def _deduced() -> FieldType:
    """What nothing is known of: maps are granular, lists are atomic and so is all that they hold."""
    whole = FieldType("untyped")
    whole.list = ListType(whole)
    whole.map = MapType(element=whole, atomic=True)
    granular = FieldType("untyped", ListType(whole))
    granular.map = MapType(element=granular)
    granular.map.deduced = True
    return granular


DEDUCED: Final = _deduced()
UNTYPED: Final = DEDUCED.list.element if DEDUCED.list is not None else DEDUCED
ANY: Final = FieldType("untyped")
NUMERIC: Final = FieldType("numeric")
STRING: Final = FieldType("string")
BOOLEAN: Final = FieldType("boolean")
