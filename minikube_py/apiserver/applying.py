"""Server-side apply: from the body of a request to a new object.

Owns what goes around the merge: reading the body, creating what is not there, duplicate fields. Who owns what is `managed_fields`'.

Source: k8s.io/apiserver/pkg/endpoints/handlers/patch.go (applyPatcher)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from minikube_py.apis.json_text import decode_untyped, has_duplicates
from minikube_py.apis.scheme import deep_copy
from minikube_py.core.errors import BadRequestError, conflict

from .decoding import strict_warnings
from .managed_fields import FieldManager
from .patching import plain_document
from .storage import Storage
from .yaml_document import YamlError, read_yaml


class Applied(NamedTuple):
    """What a client applies.

    Attributes:
        document: as it was sent.
        problem: what is wrong with it to a strict reader; "" for nothing.
    """

    document: dict[str, Any]
    problem: str = ""


def read_applied(body: bytes) -> Applied:
    """The document in the body of an apply: YAML, of which JSON is a part.

    Raises: BadRequestError.
    """
    try:
        if not has_duplicates(body):
            document = decode_untyped(body)
            if isinstance(document, dict):
                return Applied(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        found = read_yaml(body)
    except YamlError as error:
        raise BadRequestError(f"error decoding YAML: error converting YAML to JSON: {error}") from error
    if found.value is None:
        return Applied({})
    if not isinstance(found.value, dict):
        kinds = {list: "array", str: "string", bool: "bool"}
        kind = kinds.get(type(found.value), "number")
        raise BadRequestError("error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal "
                              f"{kind} into Go value of type map[string]interface {{}}")
    return Applied(found.value, f"error converting YAML to JSON: {found.problem}" if found.problem else "")


def apply_transform(
    storage: Storage, fields: FieldManager, applied: Applied, manager: str, now: str, name: str, *, force: bool,
    field_validation: str = "", warnings: list[str] | None = None,
) -> Callable[[Any], Any]:
    """The transform that an apply stands for, for `Registry.update`; it sets managedFields itself.

    Args:
        warnings: filled with what the client is told beside the answer.
    """

    def transform(old: Any) -> Any:
        live: Any = old if old is not None else storage.struct()
        outcome = fields.apply(live, plain_document(live), applied.document, manager, now, force=force)
        new: Any = deep_copy(live) if outcome.document is None else storage.from_document(outcome.document, "Ignore")[0]
        new.metadata.managed_fields = outcome.entries
        _check_strictly(applied, field_validation, warnings)
        if old is None:
            _check_new(storage, new, name)
        return new

    return transform


def _check_strictly(applied: Applied, field_validation: str, warnings: list[str] | None) -> None:
    if not applied.problem or field_validation == "Ignore":
        return
    if field_validation == "Strict":
        raise BadRequestError(f"error strict decoding YAML: {applied.problem}")
    if warnings is not None:
        warnings.extend(strict_warnings([applied.problem]))


def _check_new(storage: Storage, new: Any, name: str) -> None:
    """What is created by an apply has the name of the request, and an identity of its own."""
    meta, resource = new.metadata, storage.resource
    if meta.uid:
        raise conflict(resource.group, resource.plural, name,
                       f"uid mismatch: the provided object specified uid {meta.uid}, and no existing object was found")
    if not meta.name:
        raise BadRequestError(f"the name of the object ({name} based on URL) was undeterminable: name must be provided")
    if meta.name != name:
        raise BadRequestError(f"the name of the object ({meta.name}) does not match the name on the URL ({name})")
