"""One object of a custom kind that several managers write, without a server; and documents that fit its schema."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from minikube_py.apis.custom import CustomObject, custom_type
from minikube_py.apis.resources import ResourceType
from minikube_py.apiserver.managed_fields import FieldManager, tracked_type
from minikube_py.apiserver.managed_fields import structural_types as structural
from minikube_py.apiserver.managed_fields.field_set import FieldSet, parse, union
from minikube_py.apiserver.managed_fields.field_types import FieldType
from minikube_py.apiserver.managed_fields.reset_fields import NOTHING_RESET, Reset

Document = dict[str, Any]
GROUP_VERSION, KIND = "example.com/v1", "Thing"
RESOURCE = ResourceType(group="example.com", version="v1", plural="things", singular="thing", kind=KIND, namespaced=True)
TEXT: Document = {"type": "string"}
ITEM: Document = {"type": "object", "properties": {"name": TEXT, "port": {"type": "integer", "default": 80}, "x": TEXT, "y": TEXT}}
SCHEMA: Document = {"type": "object", "properties": {
    "spec": {"type": "object", "properties": {
        "a": TEXT, "b": {"type": "integer"}, "flag": {"type": "boolean"},
        "nested": {"type": "object", "properties": {"a": TEXT, "b": TEXT}},
        "labels": {"type": "object", "additionalProperties": TEXT},
        "whole": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": TEXT},
        "items": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name", "port"], "items": ITEM},
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": TEXT},
        "list": {"type": "array", "items": TEXT},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    }},
    "status": {"type": "object", "properties": {"phase": TEXT}},
}}


class Versions:
    """The versions of a kind whose conversion is None, each with a type of its own."""

    def __init__(self, types: dict[str, FieldType]) -> None:
        self.types = types

    def type_in(self, api_version: str) -> FieldType | None:
        return self.types.get(api_version)

    def tracked_in(self, api_version: str) -> FieldType | None:
        found = self.types.get(api_version)
        return tracked_type(found) if found is not None else None

    def convert(self, document: Any, source: str, target: str) -> Any:
        return {**document, "apiVersion": target}

    def convert_object(self, obj: Any, source: str, target: str) -> Any:
        return obj


class World:
    """The object and its history.

    Attributes:
        document: the object without managedFields; None before it is made.
    """

    def __init__(self, schema: Document | None = SCHEMA, reset: Reset = NOTHING_RESET) -> None:
        self.struct = custom_type(RESOURCE)
        self.versions = Versions({GROUP_VERSION: structural.custom_field_type(schema)})
        self.reset = reset
        self.document: Document | None = None
        self.entries: list[Any] = []
        self.clock = 0

    def manager(self, subresource: str = "", group_version: str = GROUP_VERSION) -> FieldManager:
        zero = self.struct.from_document({"metadata": {}})
        return FieldManager(group_version, KIND, self.versions, zero, subresource, self.reset, evolves=True)

    def object(self, document: Document) -> CustomObject:
        copy = json.loads(json.dumps(document))
        made = self.struct.from_document({"apiVersion": GROUP_VERSION, "kind": KIND, "metadata": {"name": "x"}, **copy})
        made.metadata.managed_fields = list(self.entries)
        return made

    def now(self) -> str:
        self.clock += 1
        return f"2026-01-01T00:{self.clock // 60:02}:{self.clock % 60:02}Z"

    def update(self, manager: str, document: Document, *, subresource: str = "") -> World:
        """Replace the object."""
        live = self.object(self.document) if self.document is not None else None
        self.entries = self.manager(subresource).update(live, self.object(document), manager, self.now())
        self.document = document
        return self

    def apply(self, manager: str, document: Document, *, force: bool = False, group_version: str = GROUP_VERSION) -> World:
        live = self.object(self.document if self.document is not None else {})
        plain = {"apiVersion": group_version, "kind": KIND, "metadata": {"name": "x"}, **(self.document or {})}
        sent = {"apiVersion": group_version, "kind": KIND, "metadata": {"name": "x"}, **document}
        applied = self.manager(group_version=group_version).apply(live, plain, sent, manager, self.now(), force=force)
        if applied.document is not None:
            kept = {name: value for name, value in applied.document.items() if name not in ("apiVersion", "kind")}
            metadata = {name: value for name, value in kept.pop("metadata").items() if name != "name"}
            self.document = kept | ({"metadata": {"name": "x", **metadata}} if metadata else {})
        elif self.document is None:
            self.document = {}
        self.entries = applied.entries
        return self

    @property
    def spec(self) -> Any:
        return (self.document or {}).get("spec") or {}

    def owned(self, manager: str, operation: str = "Apply") -> FieldSet:
        """All that a manager owns, whatever the subresource."""
        fields: FieldSet = {}
        for entry in self.entries:
            if (entry.manager, entry.operation) == (manager, operation):
                fields = union(fields, parse(bytes(entry.fields_v1)))
        return fields

    def owners(self) -> list[tuple[str, str, str, str]]:
        return [(entry.manager, entry.operation, entry.subresource, entry.time[-5:-1]) for entry in self.entries]


NAMES = st.sampled_from(["p", "q", "r"])
VALUES = st.sampled_from(["1", "2"])
ITEMS = st.lists(
    st.fixed_dictionaries({"name": NAMES}, optional={"port": st.sampled_from([80, 443]), "x": VALUES, "y": VALUES}),
    min_size=1, max_size=3, unique_by=lambda item: (item["name"], item.get("port", 80)),
)
SPECS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries({}, optional={
    "a": VALUES, "b": st.integers(0, 2), "flag": st.booleans(), "nested": st.fixed_dictionaries({}, optional={"a": VALUES, "b": VALUES}),
    "labels": st.dictionaries(NAMES, VALUES, max_size=2), "whole": st.dictionaries(NAMES, VALUES, max_size=2), "items": ITEMS,
    "set": st.lists(NAMES, min_size=1, max_size=3, unique=True), "list": st.lists(NAMES, max_size=2),
    "free": st.dictionaries(NAMES, st.one_of(VALUES, st.lists(VALUES, max_size=2), st.dictionaries(NAMES, VALUES, max_size=2)), max_size=2),
})
"""Specs of SCHEMA. Granular lists are not empty: nobody owns an empty one."""
