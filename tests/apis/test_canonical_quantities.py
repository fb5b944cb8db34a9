"""Every quantity that an object may have takes the form that Go's encoder gives it, wherever it is and whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from minikube_py.apis import shapes
from minikube_py.apis.defaults import set_defaults
from minikube_py.apis.object import Object
from minikube_py.apis.resources import RESOURCES, ResourceType
from minikube_py.apis.scheme import type_of

# Definitions hold schemas in schemas without end, and no quantity.
KINDS = [resource for resource in RESOURCES if resource.kind != "CustomResourceDefinition"]


def samples(shape: shapes.Shape, text: str) -> Iterator[Any]:
    """Values of a type with one quantity each, which is `text`: one for each place where there may be one."""
    match shape.kind:
        case shapes.QUANTITY:
            yield text
        case shapes.STRUCT if shape.struct is not None:
            for field, of in fields(shape.struct):
                for value in samples(of, text):
                    yield shape.struct(**{field.name: value})
        case shapes.LIST if shape.inner is not None:
            yield from ([item] for item in samples(shape.inner, text))
        case shapes.MAP if shape.inner is not None:
            yield from ({"example.com/x": item} for item in samples(shape.inner, text))


def fields(struct: type[Object]) -> Iterator[tuple[msgspec.structs.FieldInfo, shapes.Shape]]:
    of = shapes.fields_of(struct)
    return ((field, of[field.encode_name]) for field in msgspec.structs.fields(struct))


def quantities(shape: shapes.Shape, value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Where the quantities of a value are, and what they are."""
    if value is None:
        return
    if shape.kind == shapes.QUANTITY:
        yield path, value
    elif shape.kind == shapes.STRUCT and shape.struct is not None:
        for field, of in fields(shape.struct):
            yield from quantities(of, getattr(value, field.name), f"{path}.{field.encode_name}")
    elif shape.kind in (shapes.LIST, shapes.MAP) and shape.inner is not None:
        for item in value.values() if isinstance(value, dict) else value:
            yield from quantities(shape.inner, item, path)


@pytest.mark.parametrize("resource", KINDS, ids=lambda resource: f"{resource.group_resource}.{resource.version}")
def test_every_quantity_is_canonical(resource: ResourceType) -> None:
    shape = shapes.derive(type_of(*resource.gvk))
    for text, canonical in (("1000m", "1"), ("0.5", "500m"), ("1024Ki", "1Mi"), ("1e3", "1e3")):
        for obj in samples(shape, text):
            set_defaults(obj)
            assert [(path, found) for path, found in quantities(shape, obj) if found not in (canonical, "0")] == []
