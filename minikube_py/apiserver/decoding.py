"""From a request body to an object: JSON, YAML and protobuf, strictness, and upstream's words for what is wrong.

The usual body has no unknown field and no name twice: one decode at C speed and the search for duplicates, or, with nulls, two decodes.
Only a body that fails takes the slow path (`apis/typed_json.py`).
Source: k8s.io/apimachinery/pkg/runtime/serializer/json/json.go, k8s.io/apiserver/pkg/endpoints/handlers/create.go, rest.go
"""

from __future__ import annotations

from collections.abc import Iterable
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
    too_deep,
)
from minikube_py.apis.object import Object
from minikube_py.apis.resources import exchanged_kinds
from minikube_py.apis.scheme import decoder, encode, prune
from minikube_py.apis.typed_json import Converter, DecodeError, TypedDecoder
from minikube_py.core.errors import BadRequestError, Cause, UnsupportedMediaTypeError, invalid

from .protobuf import ProtobufError, decode_message, decode_unknown, message_of, read_envelope
from .yaml_document import YamlError, read_yaml

JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"
JSON_TYPES = frozenset({"", JSON_TYPE})
MEDIA_TYPES = (JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE)
FIELD_VALIDATION = ("", "Ignore", "Strict", "Warn")
SUMMARY_BYTES = 30
TOO_DEEP = "exceeded max depth"
YAML_PREFIXES = ("yaml: unmarshal errors:\n", "error converting YAML to JSON: yaml: unmarshal errors:\n")
SCHEME = "pkg/api/legacyscheme/scheme.go:30"
encode_sorted = msgspec.json.Encoder(order="sorted").encode
# Go's name of the struct that upstream reads kind and version into.
TYPE_META = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
# Group-versions that upstream can still read, though it serves them no more.
UNSERVED = frozenset({
    "apps/v1beta1", "apps/v1beta2", "autoscaling/v2beta1", "autoscaling/v2beta2", "batch/v1beta1", "certificates.k8s.io/v1beta1",
    "coordination.k8s.io/v1beta1", "discovery.k8s.io/v1beta1", "events.k8s.io/v1beta1", "extensions/v1beta1", "networking.k8s.io/v1beta1",
    "policy/v1beta1", "rbac.authorization.k8s.io/v1beta1", "scheduling.k8s.io/v1beta1", "storage.k8s.io/v1beta1",
})

# Versions with the same fields that are taken as well. Source: pkg/registry/core/pod/storage/eviction.go (AcceptsGroupVersion)
ALSO_READ = {("policy/v1", "Eviction"): "policy/v1beta1"}


class UndecodableError(BadRequestError):
    """An object whose fields have wrong types.

    Attributes:
        problem: what is wrong, without what it is wrong with.
    """

    def __init__(self, group_version: str, kind: str, problem: str, expected: str = "") -> None:
        super().__init__(cannot_be_handled(group_version, kind, problem, expected))
        self.problem = problem


class UnreadableTypeError(ValueError):
    """A document whose kind and version cannot be read; the message says why."""


def check_field_validation(value: str, options: str = "CreateOptions") -> None:
    """Raises: InvalidError for a fieldValidation that upstream does not know.

    Args:
        options: the kind of the request's options.
    """
    if value not in FIELD_VALIDATION:
        supported = ", ".join(f'"{name}"' for name in FIELD_VALIDATION)
        why = f'Unsupported value: "{value}": supported values: {supported}'
        raise invalid("meta.k8s.io", options, "", [Cause("FieldValueNotSupported", why, "fieldValidation")])


def decode_document(body: bytes, content_type: str) -> Any:
    """The plain document in a JSON, YAML or protobuf body; of names that are there twice the last one.

    Raises: BadRequestError for what cannot be parsed; UnsupportedMediaTypeError.
    """
    try:
        if content_type in JSON_TYPES:
            tree = _json_tree(body)
            return plain(tree) if isinstance(tree, Members) else tree
        if content_type == PROTOBUF_TYPE:
            return decode_unknown(body)
        if content_type == YAML_TYPE:
            return read_yaml(body).value
    except JsonSyntaxError as error:
        raise BadRequestError(f"couldn't get version/kind; json parse error: {error}") from error
    except (ProtobufError, YamlError) as error:
        raise BadRequestError(str(error)) from error
    raise unsupported()


def decode_custom(group_version: str, kind: str, body: bytes, content_type: str, field_validation: str) -> tuple[Any, list[str]]:
    """The plain document of a custom resource in a JSON or YAML body, and strict decoding's errors about names that are there twice.

    Args:
        group_version, kind: what the body must be, for messages.
    Raises: BadRequestError for what cannot be parsed and what says no kind.
    """
    errors: list[str] = []
    try:
        if content_type == YAML_TYPE:
            read = read_yaml(body)
            tree, errors = read.value, [read.problem] if read.problem else []
        else:
            tree = _json_tree(body)
        said_kind, version = type_in(tree)
    except JsonSyntaxError as error:
        raise unrecognized(kind, body, f"couldn't get version/kind; json parse error: {error}") from error
    except (YamlError, UnreadableTypeError) as error:
        raise unrecognized(kind, body, str(error)) from error
    if not said_kind:
        # Strict decoding finds out later, when kind and version that the body lacks are no longer filled in.
        if field_validation != "Ignore":
            raise unrecognized(kind, body, missing_kind(body))
        read_text = encode_sorted(tree) if content_type == YAML_TYPE else body.strip()
        raise UndecodableError(version or group_version, kind, missing_kind(read_text))
    if content_type != YAML_TYPE and field_validation != "Ignore" and has_duplicates(body):
        errors = StrictErrors()
        duplicates(parse(body), errors)
    try:
        return plain(tree) if isinstance(tree, Members) else tree, errors
    except JsonSyntaxError as error:
        raise UndecodableError(version or group_version, said_kind, str(error), kind) from error


def _json_tree(body: bytes) -> Any:
    """The plain document in a JSON body; if that is not read at once, as `parse` gives it.

    Raises: JsonSyntaxError.
    """
    try:
        if not too_deep(body):
            return decode_untyped(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    return parse(body)


def missing_kind(body: bytes) -> str:
    return f"Object 'Kind' is missing in '{body.decode('utf-8', 'replace-each')}'"


def strict_error(errors: Iterable[str]) -> str:
    """The message of an error about unknown and duplicate fields."""
    return f"strict decoding error: {', '.join(errors)}"


def strict_warnings(errors: Iterable[str]) -> list[str]:
    """The warnings that stand for such errors: one for each line of a YAML error."""
    warnings = []
    for error in errors:
        prefix = next((prefix for prefix in YAML_PREFIXES if error.startswith(prefix)), None)
        warnings += [error] if prefix is None else [line.strip() for line in error.removeprefix(prefix).split("\n")]
    return warnings


def unsupported(accepted: Iterable[str] = MEDIA_TYPES) -> UnsupportedMediaTypeError:
    return UnsupportedMediaTypeError(
        f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
    )


def decode_object(
    struct: type[Object], group_version: str, kind: str, body: bytes, content_type: str, field_validation: str = "",
) -> tuple[Any, list[str]]:
    """The object in a request body, and warnings about its unknown and duplicate fields.

    Args:
        group_version, kind: what the body must be; a body that names none is taken for it.
    Raises: BadRequestError, UnsupportedMediaTypeError, InvalidError.
    """
    if field_validation not in FIELD_VALIDATION:
        check_field_validation(field_validation)
    if content_type in JSON_TYPES:
        try:
            obj: Any = _decode(struct, body)
            if obj.api_version in ("", group_version) and obj.kind in ("", kind) and not has_duplicates(body):
                return obj, []
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    elif content_type == PROTOBUF_TYPE:
        return _Body(struct, group_version, kind, body).decode_protobuf(), []
    return _Body(struct, group_version, kind, body).decode(content_type, field_validation)


def _decode(struct: type[Object], body: bytes) -> Any:
    """The object in a body that is right, but for nulls, which Go's clients send for what they leave unset.

    Raises: msgspec.MsgspecError, UnicodeDecodeError, RecursionError.
    """
    try:
        return decoder(struct).decode(body)
    except msgspec.ValidationError:
        if b"null" not in body:
            raise
        document = msgspec.json.decode(body)
        if prune(struct, document):
            raise
        return decoder(struct).decode(encode(document))


class _Body:
    """A body on the slow path."""

    def __init__(self, struct: type[Object], group_version: str, kind: str, body: bytes) -> None:
        self._struct = struct
        self._group_version = group_version
        self._kind = kind
        self._body = body

    def decode(self, content_type: str, field_validation: str) -> tuple[Any, list[str]]:
        """Raises: BadRequestError, UnsupportedMediaTypeError."""
        errors: list[str] = []
        try:
            if content_type in JSON_TYPES:
                tree = parse(self._body)
            elif content_type == YAML_TYPE:
                document = read_yaml(self._body)
                errors = [document.problem] if document.problem else []
                tree = parse(encode(document.value))
            else:
                raise unsupported()
            kind, version = type_in(tree)
        except JsonSyntaxError as error:
            raise unrecognized(self._kind, self._body, f"couldn't get version/kind; json parse error: {error}") from error
        except (YamlError, UnreadableTypeError) as error:
            raise unrecognized(self._kind, self._body, str(error)) from error
        check_type(version, kind, self._group_version, self._kind)
        obj, found = object_from_tree(self._struct, self._group_version, self._kind, tree)
        errors += found
        if errors and field_validation == "Strict":
            raise BadRequestError(cannot_be_handled(self._group_version, self._kind, strict_error(errors)))
        return obj, strict_warnings(errors) if field_validation != "Ignore" else []

    def decode_protobuf(self) -> Any:
        """The object in a protobuf body, which knows neither unknown nor duplicate fields.

        Raises: BadRequestError.
        """
        try:
            envelope = read_envelope(self._body)
        except ProtobufError as error:
            raise unrecognized(self._kind, self._body, str(error)) from error
        check_type(envelope.api_version, envelope.kind, self._group_version, self._kind)
        message = message_of(self._group_version, self._kind)
        try:
            return decoder(self._struct).decode(decode_message(message, envelope))
        except (KeyError, ProtobufError, msgspec.ValidationError) as error:
            raise UndecodableError(self._group_version, self._kind, str(error)) from error


def type_in(tree: Any) -> tuple[str, str]:
    """Kind and version in a document, plain or parsed.

    Raises: UnreadableTypeError.
    """
    names = {bool: "bool", str: "string", Number: "number", int: "number", float: "number", list: "array"}
    head = "couldn't get version/kind; json parse error: json: cannot unmarshal"
    if tree is None:
        return "", ""
    if not isinstance(tree, Members | dict):
        raise UnreadableTypeError(f"{head} {names[type(tree)]} into Go value of type {TYPE_META}")
    found = {"kind": "", "apiVersion": ""}
    for name, value in tree.items() if isinstance(tree, dict) else tree:
        if name in found and value is not None:
            if type(value) is not str:
                raise UnreadableTypeError(f"{head} {names.get(type(value), 'object')} into Go struct field .{name} of type string")
            found[name] = value
    if found["apiVersion"].count("/") > 1:
        raise UnreadableTypeError(f"unexpected GroupVersion string: {found['apiVersion']}")
    return found["kind"], found["apiVersion"]


def unrecognized(kind: str, body: bytes, problem: str) -> BadRequestError:
    """The error about a body of which not even kind and version are known."""
    return BadRequestError(f"the object provided is unrecognized (must be of type {kind}): {problem} ({summary(body)})")


def summary(body: bytes) -> str:
    """The beginning of a body as upstream shows it: JSON as text, others in hexadecimal."""
    if not body:
        return "<empty>"
    start, rest = body[:SUMMARY_BYTES], " ..." if len(body) > SUMMARY_BYTES else ""
    return (start.decode("utf-8", "replace-each") if body.startswith(b"{") else start.hex()) + rest


def cannot_be_handled(group_version: str, kind: str, problem: str, expected: str = "") -> str:
    """The message about an object that does not decode."""
    return f'{kind} in version "{group_version.rpartition("/")[2]}" cannot be handled as a {expected or kind}: {problem}'


def check_kind(obj: Any, group_version: str, kind: str) -> None:
    """Raises: BadRequestError if the object says that it is of another kind."""
    check_type(obj.api_version, obj.kind, group_version, kind)


def check_type(version: str, kind: str, group_version: str, expected: str) -> None:
    """Refuse an object that says that it is of another kind; one that says nothing is taken for what is expected.

    Raises: BadRequestError.
    """
    version, kind = _said_version(version, group_version) or group_version, kind or expected
    if kind == expected and version in (group_version, ALSO_READ.get((group_version, kind))):
        return
    group, _, number = version.rpartition("/")
    known = (group, number, kind) in exchanged_kinds()
    if kind == expected and (version in UNSERVED or known):
        raise BadRequestError(f"the API version in the data ({version}) does not match the expected API version ({group_version})")
    if known:
        problem = f"converting ({number}.{kind}) to ({_internal(group_version)}.{expected}): unknown conversion"
    else:
        problem = f'no kind "{kind}" is registered for version "{version}" in scheme "{SCHEME}"'
    raise BadRequestError(cannot_be_handled(version, kind, problem, expected))


def _said_version(version: str, group_version: str) -> str:
    """An apiVersion in the form that is expected: the core group may have a slash, too, and a group that is expected needs no version.

    Source: k8s.io/apimachinery/pkg/runtime/schema/group_version.go (ParseGroupVersion), runtime/serializer/json/json.go (gvkWithDefaults)
    """
    group, slash, number = version.rpartition("/")
    if slash and not group:
        return number
    return group_version if slash and not number and group == group_version.rpartition("/")[0] else version


def _internal(group_version: str) -> str:
    """The package of upstream's internal types of a group."""
    return group_version.rpartition("/")[0].split(".")[0] or "core"


def object_from_tree(
    struct: type[Object], group_version: str, kind: str, tree: Any, slow: TypedDecoder | None = None
) -> tuple[Any, list[str]]:
    """The object that a parsed JSON text describes, and strict decoding's errors.

    Raises: UndecodableError.
    """
    slow = slow or TypedDecoder()
    try:
        document = slow.decode(struct, tree)
        return decoder(struct).decode(encode(document)), slow.errors
    except (DecodeError, msgspec.ValidationError) as error:
        raise UndecodableError(group_version, kind, str(error)) from error


def encode_document(document: Any, group_version: str, kind: str) -> bytes:
    """The JSON of a document that a patch made, which may be deeper than any body.

    Raises: BadRequestError.
    """
    try:
        data = encode(document)
    except RecursionError as error:
        raise BadRequestError(cannot_be_handled(group_version, kind, TOO_DEEP)) from error
    if too_deep(data):
        raise BadRequestError(cannot_be_handled(group_version, kind, TOO_DEEP))
    return data


def object_from_document(
    struct: type[Object], group_version: str, kind: str, document: Any, field_validation: str = "", *, strategic: bool = False
) -> tuple[Any, list[str]]:
    """The object that a plain document describes, and warnings about its unknown fields.

    Args:
        strategic: whether a strategic merge patch made the document.
    Raises: UndecodableError; with Strict, BadRequestError for unknown fields.
    """
    try:
        return decoder(struct).decode(encode_document(document, group_version, kind)), []
    except msgspec.ValidationError:
        tree = parse(encode_sorted(document))
        obj, errors = object_from_tree(struct, group_version, kind, tree, Converter() if strategic else None)
    if errors and field_validation == "Strict":
        raise BadRequestError(cannot_be_handled(group_version, kind, strict_error(errors)))
    return obj, strict_warnings(errors) if field_validation != "Ignore" else []
