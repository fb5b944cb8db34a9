"""Which part of a former object a part of the new one corresponds to, and whether it was changed.

Ratcheting stands on it: what is wrong with a part that was not changed is no reason to refuse an update. Fields correspond by name,
items of lists of type map by their keys, other items not at all.

Source: k8s.io/apiserver/pkg/cel/common/equality.go, maplist.go
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Schema = dict[str, Any]
Key = tuple[Any, ...]


def keyed(items: Sequence[Any], schema: Schema) -> dict[Key, Any]:
    """The items of a list of type map by their keys."""
    names = schema.get("x-kubernetes-list-map-keys") or ()
    found: dict[Key, Any] = {}
    for item in items:
        key = key_of(item, names)
        if key is not None:
            found.setdefault(key, item)
    return found


def key_of(item: Any, names: Sequence[str]) -> Key | None:
    """What identifies an item of a list of type map; None if it lacks a key."""
    if not isinstance(item, dict):
        return None
    values = [item.get(name) for name in names]
    if any(value is None or isinstance(value, dict | list) for value in values):
        return None
    return tuple((type(value), value) for value in values)


class Correlation:
    """A value and the former one that it corresponds to."""

    __slots__ = ("_keyed", "_unchanged", "new", "old", "schema")

    def __init__(self, new: Any, old: Any, schema: Schema) -> None:
        self.new = new
        self.old = old
        self.schema = schema
        self._unchanged: bool | None = None
        self._keyed: dict[Key, Any] | None = None

    def key(self, name: str) -> Correlation | None:
        """The field of that name; None if nothing corresponds to it."""
        if not isinstance(self.old, dict) or not isinstance(self.new, dict) or name not in self.old or name not in self.new:
            return None
        schema = (self.schema.get("properties") or {}).get(name, self.schema.get("additionalProperties"))
        return Correlation(self.new[name], self.old[name], schema) if isinstance(schema, dict) else None

    def index(self, index: int) -> Correlation | None:
        """The item at an index of the new list; None if nothing corresponds to it."""
        items = self.schema.get("items")
        if self.schema.get("x-kubernetes-list-type") != "map" or not isinstance(items, dict):
            return None
        if not isinstance(self.old, list) or not isinstance(self.new, list):
            return None
        if self._keyed is None:
            self._keyed = keyed(self.old, self.schema)
        key = key_of(self.new[index], self.schema.get("x-kubernetes-list-map-keys") or ())
        former = self._keyed.get(key) if key is not None else None
        return Correlation(self.new[index], former, items) if former is not None else None

    @property
    def unchanged(self) -> bool:
        """Whether the value equals the former one; lists of type map in any order."""
        if self._unchanged is None:
            self._unchanged = self._compare()
        return self._unchanged

    def _compare(self) -> bool:
        new, old = self.new, self.old
        if isinstance(new, list) and isinstance(old, list):
            if len(new) != len(old):
                return False
            if self.schema.get("x-kubernetes-list-type") == "map":
                return all((child := self.index(index)) is not None and child.unchanged for index in range(len(new)))
            return same(new, old)
        if isinstance(new, dict) and isinstance(old, dict):
            if len(new) != len(old):
                return False
            return all((child := self.key(name)) is not None and child.unchanged for name in new)
        return same(new, old)


def same(left: Any, right: Any) -> bool:
    """Equality of JSON values in which 1, 1.0 and true differ."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(value, right[name]) for name, value in left.items())
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)
