"""From a request body to an object: JSON, YAML and protobuf, strictness, and upstream's words for what is wrong.

The usual body has no unknown field and no null: one decode at C speed. Only a body that fails it takes the slow path, which names
every unknown field.
Source: k8s.io/apimachinery/pkg/runtime/serializer/json/json.go, k8s.io/apiserver/pkg/endpoints/handlers/create.go
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from minikube_py.apis.object import Object
from minikube_py.apis.scheme import decoder, encode, prune, struct_of_field
from minikube_py.core.errors import BadRequestError, UnsupportedMediaTypeError

from .protobuf import ProtobufError, decode_unknown
from .yaml_document import YamlError, load_yaml

JSON_TYPES = frozenset({"", "application/json", "*/*"})
YAML_TYPES = frozenset({"application/yaml", "application/x-yaml", "text/yaml"})
PROTOBUF_TYPE = "application/vnd.kubernetes.protobuf"
# What msgspec raises for a body that is no JSON, not UTF-8, or nested too deeply.
BROKEN_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
FIELD_VALIDATION = ("", "Ignore", "Warn", "Strict")
WRONG_TYPE = re.compile(r"Expected `(?P<want>[^`]*)`, got `(?P<got>[^`]*)`(?: - at `\$(?P<path>[^`]*)`)?")
GO_KINDS = {"str": "string", "int": "number", "float": "number", "bool": "bool", "array": "array", "object": "object", "null": "null"}
GO_TYPES = {"str": "string", "int": "int32", "bool": "bool", "float": "float64", "bytes": "[]uint8", "object": "map", "array": "[]"}


def decode_document(body: bytes, content_type: str) -> Any:
    """The plain document in a JSON, YAML or protobuf body.

    Raises: BadRequestError for what cannot be parsed; UnsupportedMediaTypeError.
    """
    try:
        if content_type in JSON_TYPES:
            return msgspec.json.decode(body)
        if content_type == PROTOBUF_TYPE:
            return decode_unknown(body)
        if content_type in YAML_TYPES:
            return load_yaml(body)
    except BROKEN_JSON as error:
        raise BadRequestError(f"couldn't get version/kind; json parse error: {_json_problem(error)}") from error
    except ProtobufError as error:
        raise BadRequestError(str(error)) from error
    except YamlError as error:
        raise BadRequestError(f"error converting YAML to JSON: {error}") from error
    raise unsupported(content_type)


def unsupported(content_type: str) -> UnsupportedMediaTypeError:
    supported = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
    return UnsupportedMediaTypeError(
        f"the body of the request was in an unknown format - accepted media types include: {supported} (not {content_type})"
    )


def decode_object(
    struct: type[Object], group_version: str, kind: str, body: bytes, content_type: str, field_validation: str = ""
) -> tuple[Any, list[str]]:
    """The object in a request body, and warnings about its unknown fields.

    Args:
        group_version, kind: what the body must be; a body that names none is taken for it.
    Raises: BadRequestError, UnsupportedMediaTypeError.
    """
    if field_validation not in FIELD_VALIDATION:
        raise BadRequestError(f'fieldValidation: Unsupported value: "{field_validation}": supported values: "Ignore", "Strict", "Warn"')
    try:
        if content_type not in JSON_TYPES:
            raise msgspec.ValidationError("not JSON")
        obj: Any = decoder(struct).decode(body)
        warnings: list[str] = []
    except msgspec.ValidationError:
        document = decode_document(body, content_type)
        obj, warnings = object_from_document(struct, group_version, kind, document, field_validation)
    except BROKEN_JSON as error:
        raise BadRequestError(
            f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; "
            f"json parse error: {_json_problem(error)}"
        ) from error
    check_kind(obj, group_version, kind)
    return obj, warnings


def check_kind(obj: Any, group_version: str, kind: str) -> None:
    """Raises: BadRequestError if the object says that it is of another kind."""
    if obj.api_version and obj.api_version != group_version:
        raise BadRequestError(
            f"the API version in the data ({obj.api_version}) does not match the expected API version ({group_version})"
        )
    if obj.kind and obj.kind != kind:
        raise BadRequestError(f'{obj.kind} in version "{group_version.rpartition("/")[2]}" cannot be handled as a {kind}: '
                              f"the kind in the data ({obj.kind}) does not match the expected kind ({kind})")


def object_from_document(
    struct: type[Object], group_version: str, kind: str, document: Any, field_validation: str = ""
) -> tuple[Any, list[str]]:
    """The object that a plain document describes, the slow way: unknown fields are named, nulls are unset.

    Raises: BadRequestError for wrong types and, with Strict, unknown fields.
    """
    version = group_version.rpartition("/")[2]
    if not isinstance(document, dict):
        raise BadRequestError(
            f"couldn't get version/kind; json parse error: json: cannot unmarshal {_go_kind(document)} into Go value of type "
            "struct { APIVersion string; Kind string }"
        )
    unknown = [f'unknown field "{path}"' for path in prune(struct, document)]
    if unknown and field_validation == "Strict":
        raise BadRequestError(f'{kind} in version "{version}" cannot be handled as a {kind}: strict decoding error: {", ".join(unknown)}')
    try:
        obj = decoder(struct).decode(encode(document))
    except msgspec.ValidationError as error:
        raise BadRequestError(f'{kind} in version "{version}" cannot be handled as a {kind}: {_go_message(struct, error)}') from error
    return obj, unknown if field_validation != "Ignore" else []


def _go_kind(value: Any) -> str:
    names = {str: "string", int: "number", float: "number", bool: "bool", list: "array", type(None): "null"}
    return names.get(type(value), "object")


def _go_message(struct: type[Object], error: msgspec.ValidationError) -> str:
    """Upstream's sentence for a value of a wrong type; other errors in msgspec's words."""
    found = WRONG_TYPE.match(str(error))
    if found is None:
        return str(error)
    path = re.sub(r"\[[^\]]*\]", "", found["path"] or "").lstrip(".")
    want = found["want"].replace(" | null", "")
    owner: type[Object] | None = struct
    for name in path.split(".")[:-1]:
        owner = struct_of_field(owner, name) if owner is not None else None
    field = f"{owner.__name__ if owner is not None else struct.__name__}.{path}"
    return f"json: cannot unmarshal {GO_KINDS.get(found['got'], found['got'])} into Go struct field {field} of type {_go_type(want, field)}"


def _go_type(want: str, field: str) -> str:
    """Go's name of a type; that of a map's or a struct's is not known here, but for the maps of metadata."""
    if want == "object" and field in ("ObjectMeta.metadata.labels", "ObjectMeta.metadata.annotations"):
        return "map[string]string"
    return GO_TYPES.get(want, want)


def _json_problem(error: Exception) -> str:
    """Go's words for a body that is no JSON."""
    return "unexpected end of JSON input" if "truncated" in str(error) else str(error)
