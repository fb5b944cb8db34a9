"""Which lists are null where they are empty."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from minikube_py.apis.object import Object
from minikube_py.apis.shapes import LIST, derive, key_of


def nullable_lists(struct: type[Object], seen: set[type[Object]]) -> Iterator[str]:
    """Those of a kind and of what it is made of."""
    if struct in seen:
        return
    seen.add(struct)
    for field in msgspec.structs.fields(struct):
        shape = derive(field.type)
        if shape.kind == LIST and shape.optional:
            yield f"{key_of(struct)}.{field.encode_name}"
        inner = shape.struct or (shape.inner.struct if shape.inner is not None else None)
        if inner is not None:
            yield from nullable_lists(inner, seen)
