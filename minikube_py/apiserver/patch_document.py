"""Patches as they come in a request body: decoded, and what strict decoding says of the patch itself.

What it says of the patched object is the storage's to know; both are told together, in upstream's words for each type of patch.

Source: k8s.io/apiserver/pkg/endpoints/handlers/patch.go
"""

from __future__ import annotations

from typing import Any

import msgspec

from minikube_py.apis.json_syntax import JsonSyntaxError
from minikube_py.apis.json_text import (
    Members,
    Number,
    StrictErrors,
    decode_untyped,
    duplicates,
    has_duplicates,
    parse,
    plain,
    read_float,
    too_deep,
)
from minikube_py.apis.syntax import quote
from minikube_py.core.errors import BadRequestError, Cause, InvalidError, invalid

from .decoding import strict_error

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"


class Operation(msgspec.Struct, forbid_unknown_fields=True, rename={"from_": "from"}):
    """One operation of a JSON patch that strict decoding has nothing to say about."""

    op: str = ""
    path: str = ""
    from_: str = ""
    value: Any = None


OPERATION_FIELDS = frozenset(field.encode_name for field in msgspec.structs.fields(Operation))
_OPERATIONS, _MAP = msgspec.json.Decoder(list[Operation]), msgspec.json.Decoder(dict[str, Any], float_hook=read_float)
KINDS = {str: "string", bool: "bool", Number: "number", list: "array", Members: "object", type(None): "null"}
OPERATIONS_TYPE, OPERATION_TYPE, MAP_TYPE = "[]handlers.jsonPatchOp", "handlers.jsonPatchOp", "map[string]interface {}"


def read_patch(patch_type: str, body: bytes, field_validation: str = "") -> tuple[Any, list[str]]:
    """The plain patch, and strict decoding's errors about it.

    Raises: BadRequestError if it is no patch of that type.
    """
    try:
        if patch_type == JSON_PATCH:
            _OPERATIONS.decode(body)
            patch: Any = decode_untyped(body)
        else:
            patch = _MAP.decode(body)
        if not has_duplicates(body) or (field_validation == "Ignore" and not too_deep(body)):
            return patch, []
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass  # The slow path says what is wrong.
    return _read_slowly(patch_type, body, field_validation)


def _read_slowly(patch_type: str, body: bytes, field_validation: str) -> tuple[Any, list[str]]:
    """Raises: BadRequestError."""
    head = "" if patch_type == STRATEGIC_MERGE_PATCH else "error decoding patch: "
    try:
        tree = parse(body)
    except JsonSyntaxError as error:
        raise BadRequestError(f"{head}{error}") from error
    problem = _operations_problem(tree) if patch_type == JSON_PATCH else _map_problem(tree)
    if problem:
        raise BadRequestError(f"{head}json: cannot unmarshal {problem}")
    try:
        patch = plain(tree)
    except JsonSyntaxError as error:
        raise BadRequestError(f"{head}{error}") from error
    if patch is None:
        patch = [] if patch_type == JSON_PATCH else {}
    if field_validation == "Ignore":
        return patch, []
    errors = StrictErrors()
    if patch_type != JSON_PATCH:
        duplicates(tree, errors)
        return patch, errors
    _operation_errors(tree or [], errors)
    return patch, [f"json patch {error}" for error in errors]


def _map_problem(tree: Any) -> str:
    if tree is None or isinstance(tree, Members):
        return ""
    return f"{KINDS[type(tree)]} into Go value of type {MAP_TYPE}"


def _operations_problem(tree: Any) -> str:
    if tree is None:
        return ""
    if not isinstance(tree, list) or isinstance(tree, Members):
        return f"{KINDS[type(tree)]} into Go value of type {OPERATIONS_TYPE}"
    for operation in tree:
        if not isinstance(operation, Members):
            return f"{KINDS[type(operation)]} into Go value of type {OPERATION_TYPE}"
        for name, value in operation:
            if name in ("op", "path", "from") and value is not None and type(value) is not str:
                return f"{KINDS[type(value)]} into Go struct field jsonPatchOp.{name} of type string"
    return ""


def _operation_errors(tree: list[Any], errors: StrictErrors) -> None:
    """Unknown and duplicate fields of JSON patch operations."""
    for index, operation in enumerate(tree):
        seen: set[str] = set()
        for name, value in operation:
            where = f"[{index}].{name}"
            if name not in OPERATION_FIELDS:
                errors.add("unknown", where)
                continue
            if name in seen:
                errors.add("duplicate", where)
            seen.add(name)
            duplicates(value, errors, where)


def invalid_patch(shown: str, problem: str) -> InvalidError:
    """The error about an object that a patch has spoilt.

    Args:
        shown: the patched object, or the patch.
    """
    return invalid("", "", "", [Cause("FieldValueInvalid", f"Invalid value: {quote(shown)}: {problem}", "patch")])


def strict_patch_error(shown: str, errors: list[str]) -> InvalidError:
    return invalid_patch(shown, strict_error(errors))


def go_map(value: Any) -> str:
    """A plain document as Go prints one (%+v)."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{name}:{go_map(item)}' for name, item in sorted(value.items()))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(go_map, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "<nil>" if value is None else str(value)
