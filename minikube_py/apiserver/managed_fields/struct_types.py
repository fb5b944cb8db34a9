"""Field types of the built-in kinds, from the generated structs and the rules of their lists and maps.

Source: k8s.io/kube-openapi/pkg/schemaconv/openapi.go over the definitions of the release
"""

from __future__ import annotations

from functools import cache
from types import NoneType
from typing import Any, get_args

import msgspec

from minikube_py.apis import meta_v1
from minikube_py.apis.list_rules import LIST_RULES
from minikube_py.apis.object import Object

from .field_types import ANY, BOOLEAN, DEDUCED, NUMERIC, STRING, FieldType, ListType, MapType, StructField

# Never in anybody's set, at the root of an object. Source: k8s.io/apimachinery/pkg/util/managedfields/internal/stripmeta.go
STRIPPED = ("apiVersion", "kind")
STRIPPED_METADATA = (
    "name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation", "managedFields", "resourceVersion",
)
NO_RULE = ("", "", "", ())
# Keys of lists that have a default. Source: the +default markers of k8s.io/api/core/v1/types.go
KEY_DEFAULTS = {
    ("core_v1.ContainerPort", "protocol"): "TCP", ("core_v1.ServicePort", "protocol"): "TCP", ("core_v1.LocalObjectReference", "name"): "",
}
_NUMBERS = (msgspec.inspect.IntType, msgspec.inspect.FloatType)


@cache
def type_of(struct: type[Object]) -> FieldType:
    """The type of a struct's documents and objects."""
    name = f"{struct.__module__.rsplit('.', 1)[1]}.{struct.__name__}"
    rules = LIST_RULES.get(name, {})
    whole = rules.get("", NO_RULE)[2] == "atomic"
    return FieldType(map_=MapType(lambda: _fields(struct, name), atomic=whole))


def tracked_type(type_: FieldType) -> FieldType:
    """The type of an object without the fields that nobody owns."""
    map_ = type_.map
    if map_ is None:
        raise TypeError("objects are maps")
    return FieldType(map_=MapType(lambda: tracked_fields(map_.fields), map_.element))


def tracked_fields(fields: dict[str, StructField]) -> dict[str, StructField]:
    """The fields of an object that somebody may own; its metadata is shared by all kinds."""
    kept = {name: field for name, field in fields.items() if name not in STRIPPED}
    if "metadata" in kept:
        kept["metadata"] = kept["metadata"]._replace(type=tracked_metadata())
    return kept


@cache
def tracked_metadata() -> FieldType:
    map_ = type_of(meta_v1.ObjectMeta).map
    if map_ is None:
        raise TypeError("ObjectMeta is a struct")
    return FieldType(map_=MapType(lambda: {name: field for name, field in map_.fields.items() if name not in STRIPPED_METADATA}))


def _fields(struct: type[Object], struct_name: str) -> dict[str, StructField]:
    rules = LIST_RULES.get(struct_name, {})
    fields = {}
    for field in msgspec.structs.fields(struct):
        wire = field.encode_name
        kind = _not_none(msgspec.inspect.type_info(field.type))
        always = field.default_factory not in (msgspec.NODEFAULT, list, dict) and not field.required
        fields[wire] = StructField(
            wire, _field_type(kind, rules.get(wire, NO_RULE)), KEY_DEFAULTS.get((struct_name, wire)), field.name,
            nullable=NoneType in get_args(field.type) or field.default is None, always=always,
            by_value=always and _is_held(kind), zero=_zero(kind, field) if always else None,
        )
    return fields


def _is_held(kind: msgspec.inspect.Type) -> bool:
    """Whether Go has a struct for a type: an object, a time, a quantity, raw JSON."""
    if isinstance(kind, msgspec.inspect.StrType):
        return kind.pattern is not None
    return isinstance(kind, (msgspec.inspect.StructType, msgspec.inspect.UnionType, msgspec.inspect.AnyType))


def _zero(kind: msgspec.inspect.Type, field: msgspec.structs.FieldInfo) -> Any:
    return {} if isinstance(kind, msgspec.inspect.StructType) else field.default_factory()


def _not_none(kind: msgspec.inspect.Type) -> msgspec.inspect.Type:
    if isinstance(kind, msgspec.inspect.UnionType):
        kinds = [part for part in kind.types if not isinstance(part, msgspec.inspect.NoneType)]
        return kinds[0] if len(kinds) == 1 else kind
    return kind


def _field_type(kind: msgspec.inspect.Type, rule: tuple[str, str, str, tuple[str, ...]]) -> FieldType:
    """The type of a field whose rules say what differs from its kind's."""
    strategy, merge_key, relation, keys = rule
    if isinstance(kind, msgspec.inspect.StructType):
        inner = type_of(kind.cls)
        if inner.map is None or not relation or inner.map.atomic is (relation == "atomic"):
            return inner
        return FieldType(map_=inner.map.related(atomic=relation == "atomic"))
    if isinstance(kind, msgspec.inspect.DictType):
        return FieldType(map_=MapType(element=_plain(kind.value_type), atomic=relation == "atomic"))
    if isinstance(kind, msgspec.inspect.ListType):
        element = _plain(kind.item_type)
        if relation == "map":
            return FieldType(list_=ListType(element, keys, atomic=False))
        merges = not relation and "merge" in strategy.split(",")
        return FieldType(list_=ListType(element, (merge_key,) if merges and merge_key else (), atomic=relation != "set" and not merges))
    return _plain(kind)


def _plain(kind: msgspec.inspect.Type) -> FieldType:
    """The type of a value without rules of its own."""
    kind = _not_none(kind)
    if isinstance(kind, (msgspec.inspect.StructType, msgspec.inspect.DictType, msgspec.inspect.ListType)):
        return _field_type(kind, NO_RULE)
    if isinstance(kind, msgspec.inspect.StrType):
        return ANY if kind.pattern else STRING  # A time, as any string with a format, is taken as it comes.
    if isinstance(kind, msgspec.inspect.BytesType):
        return STRING
    if isinstance(kind, msgspec.inspect.BoolType):
        return BOOLEAN
    if isinstance(kind, _NUMBERS):
        return NUMERIC
    if isinstance(kind, msgspec.inspect.UnionType) and any(isinstance(part, msgspec.inspect.StructType) for part in kind.types):
        return DEDUCED  # A schema or something else has no type of its own.
    if isinstance(kind, msgspec.inspect.UnionType) and all(isinstance(part, _NUMBERS) for part in kind.types):
        return NUMERIC
    return DEDUCED if isinstance(kind, msgspec.inspect.AnyType) else ANY
