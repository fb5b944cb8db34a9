"""Which old value a value replaces, and whether it is unchanged.

Items of lists correspond by their keys (x-kubernetes-list-type: map) or, without a list type, by their place; those of sets and atomic
lists to none. Equality follows the same correspondence and is found out only when something is wrong.

Source: staging/src/k8s.io/apiserver/pkg/cel/common/equality.go, maplist.go
"""

from __future__ import annotations

from typing import Any

Json = Any
Schema = dict[str, Any]


def keyed(items: list[Json], schema: Schema) -> dict[tuple[Any, ...], Json]:
    """The items of a map list by their keys."""
    keys = schema.get("x-kubernetes-list-map-keys") or ()
    found: dict[tuple[Any, ...], Json] = {}
    for item in items:
        if isinstance(item, dict):
            found.setdefault(key_of(item, keys), item)
    return found


def key_of(item: Json, keys: Any) -> tuple[Any, ...]:
    """Scalars, so that they can be looked up; anything else that a document has there is told apart by its text."""
    if not isinstance(item, dict):
        return ()
    values = (item.get(name) for name in keys)
    return tuple(value if isinstance(value, str | int | float | bool | None) else repr(value) for value in values)


class Correlation:
    """A value and the one that it replaces."""

    __slots__ = ("_equal", "_keyed", "new", "old", "schema")

    def __init__(self, new: Json, old: Json, schema: Schema) -> None:
        self.new = new
        self.old = old
        self.schema = schema
        self._equal: bool | None = None
        self._keyed: dict[tuple[Any, ...], Json] | None = None

    def key(self, name: str) -> Correlation | None:
        """The same of a field or entry; None if there is no old one."""
        if not isinstance(self.new, dict) or not isinstance(self.old, dict) or name not in self.new or name not in self.old:
            return None
        properties = self.schema.get("properties") or {}
        schema = properties.get(name, self.schema.get("additionalProperties"))
        return Correlation(self.new[name], self.old[name], schema) if isinstance(schema, dict) else None

    def index(self, at: int) -> Correlation | None:
        if not isinstance(self.new, list) or not isinstance(self.old, list) or at >= len(self.new):
            return None
        schema = self.schema.get("items")
        kind = self.schema.get("x-kubernetes-list-type")
        old: Json = None
        if kind == "map":
            if self._keyed is None:
                self._keyed = keyed(self.old, self.schema)
            old = self._keyed.get(key_of(self.new[at], self.schema.get("x-kubernetes-list-map-keys") or ()))
        elif not kind and at < len(self.old):
            old = self.old[at]
        return Correlation(self.new[at], old, schema) if old is not None and isinstance(schema, dict) else None

    @property
    def unchanged(self) -> bool:
        if self._equal is None:
            self._equal = self._compare()
        return self._equal

    def _compare(self) -> bool:
        if self.new is None or self.old is None:
            return self.new is self.old
        if isinstance(self.new, list) and isinstance(self.old, list):
            if len(self.new) != len(self.old):
                return False
            if self.schema.get("x-kubernetes-list-type") != "map":
                return bool(self.new == self.old)
            inner = [self.index(at) for at in range(len(self.new))]
        elif isinstance(self.new, dict) and isinstance(self.old, dict):
            if len(self.new) != len(self.old):
                return False
            inner = [self.key(name) for name in self.new]
        else:
            return bool(self.new == self.old)
        return all(correlation is not None and correlation.unchanged for correlation in inner)
