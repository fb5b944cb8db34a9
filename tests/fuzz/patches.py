"""Patches of stored objects, and writes of several managers to one object."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from minikube_py.apis.scheme import encode, from_document, to_document
from minikube_py.apis.validation import validate_update
from minikube_py.apiserver.applying import apply_transform, read_applied
from minikube_py.apiserver.assembly import RegistryOptions, build_registry
from minikube_py.apiserver.managed_fields import field_set
from minikube_py.apiserver.managed_fields.path_element import PathElementError
from minikube_py.apiserver.patch_document import read_patch
from minikube_py.apiserver.patching import patch_transform
from minikube_py.apiserver.storage import Storage
from minikube_py.store.memory import MemoryStore
from tests.apiserver.managed_fields.world import SCHEMA, SPECS, World

from .documents import (
    APPLY,
    HOSTILE,
    JSON_PATCH,
    JSON_VALUES,
    MERGE_PATCH,
    STRATEGIC_MERGE_PATCH,
    nearly_right,
    patches,
    paths,
    replaced,
    right_objects,
)
from .target import Target, drawn_target, refusals, same

REGISTRY = build_registry(MemoryStore(), RegistryOptions())


def _stored() -> list[tuple[Storage, Any]]:
    by_kind = {(storage.resource.group_version, storage.resource.kind): storage for storage in REGISTRY.storages()}
    found = []
    for document in right_objects():
        storage = by_kind.get((document["apiVersion"], document["kind"]))
        if storage is not None:
            obj = from_document(storage.struct, document)
            storage.set_defaults(obj)
            found.append((storage, obj))
    return found


STORED = _stored()
NOW = "2026-01-01T00:00:00Z"
Drawn = tuple[int, Any, str]


@st.composite
def patches_of_stored(draw: st.DrawFn, patch_type: str) -> Drawn:
    index = draw(st.integers(0, len(STORED) - 1))
    return index, draw(patches(patch_type, to_document(STORED[index][1]))), draw(st.sampled_from(("Strict", "Ignore", "Warn")))


def patch(patch_type: str, drawn: Drawn) -> None:
    """A patch makes an object that can be judged, or is refused; the old object stays as it was."""
    index, document, validation = drawn
    storage, old = STORED[index]
    before = encode(old)
    with refusals():
        read, errors = read_patch(patch_type, encode(document), validation)
        transform = patch_transform(storage, patch_type, read, field_validation=validation, warnings=[], errors=errors)
        new = transform(old)
        storage.set_defaults(new)
        written = encode(new)
        same(encode(from_document(storage.struct, to_document(new))), written, "what is made reads as it is written")
        validate_update(new, old)
    same(encode(old), before, "the old object is not changed")


STEPS = st.tuples(
    st.sampled_from(("apply", "force", "update", "hostile")), st.sampled_from(("kubectl", "one", "two")),
    st.fixed_dictionaries({"spec": SPECS}) | st.builds(lambda spec, value: {"spec": spec, "metadata": value}, SPECS, st.sampled_from(HOSTILE)),
    st.sampled_from(HOSTILE) | JSON_VALUES, st.integers(0, 50),
)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, str, Any]]:
    """Writes of one object; hostile ones have some other value in them."""
    steps = []
    for kind, manager, document, value, place in draw(st.lists(STEPS, max_size=5)):
        known = paths(document)
        if kind == "hostile" and known:
            document = replaced(document, known[place % len(known)], value)
        steps.append((kind, manager, document))
    return steps


def history(steps: list[tuple[str, str, Any]]) -> None:
    """Each write is one more fact about who owns what, or refused; what is owned can be read."""
    world = World(deepcopy(SCHEMA))
    for kind, manager, document in steps:
        with refusals():
            if kind == "update":
                # Whatever comes from a client has metadata that were decoded.
                world.update(manager, {name: value for name, value in document.items() if name != "metadata"})
            else:
                world.apply(manager, document, force=kind == "force")
        for entry in world.entries:
            with refusals(field_set.FieldSetError, PathElementError):
                field_set.parse(bytes(entry.fields_v1))


@st.composite
def applies_to_stored(draw: st.DrawFn) -> tuple[int, list[tuple[str, bool, Any]]]:
    """Applies of two managers to a stored object."""
    index = draw(st.integers(0, len(STORED) - 1))
    document = to_document(STORED[index][1])
    applies = st.tuples(st.sampled_from(("kubectl", "other")), st.booleans(), patches(APPLY, document) | nearly_right(document, {}))
    return index, draw(st.lists(applies, max_size=3))


def apply(drawn: tuple[int, list[tuple[str, bool, Any]]]) -> None:
    """An apply makes an object that can be judged, and of which it is known who owns what, or is refused; the old one stays as it was."""
    storage, live = STORED[drawn[0]]
    fields = REGISTRY.field_managers.of(storage, "")
    for manager, force, document in drawn[1]:
        before = encode(live)
        old = live
        with refusals():
            applied = read_applied(encode(document))
            live = apply_transform(storage, fields, applied, manager, NOW, live.metadata.name, force=force)(old)
            storage.set_defaults(live)
            validate_update(live, old)
            for entry in live.metadata.managed_fields:
                field_set.parse(bytes(entry.fields_v1))
            again = apply_transform(storage, fields, applied, manager, NOW, live.metadata.name, force=force)(live)
            storage.set_defaults(again)
            same(encode(again), encode(live), "what is applied again changes nothing")
        same(encode(old), before, "the old object is not changed")


TARGETS: dict[str, Target] = {
    "json_patch": drawn_target(patches_of_stored(JSON_PATCH), lambda drawn: patch(JSON_PATCH, drawn)),
    "merge_patch": drawn_target(patches_of_stored(MERGE_PATCH), lambda drawn: patch(MERGE_PATCH, drawn)),
    "strategic_merge_patch": drawn_target(patches_of_stored(STRATEGIC_MERGE_PATCH), lambda drawn: patch(STRATEGIC_MERGE_PATCH, drawn)),
    "apply": drawn_target(applies_to_stored(), apply),
    "managers": drawn_target(histories(), history),
}
