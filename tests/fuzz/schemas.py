"""Definitions of custom resources, and documents under their schemas."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import strategies as st

from minikube_py.apis import apiextensions_v1
from minikube_py.apis.defaults import set_defaults
from minikube_py.apis.scheme import encode, from_document
from minikube_py.apis.structural import CoercionError, compile_schema
from minikube_py.apis.validation import validate_create, validate_update
from minikube_py.apiserver.decoding import JSON_TYPE, decode_object
from minikube_py.apiserver.managed_fields.structural_types import custom_field_type
from minikube_py.apiserver.openapi_structural import plain, schema_v2, schema_v3
from minikube_py.apiserver.printers import custom_printer

from .documents import HOSTILE, JSON_VALUES, nearly_right, right_objects
from .target import Target, drawn_target, refusals, same

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GADGETS = next(document for document in right_objects() if document["metadata"]["name"] == "gadgets.fuzz.example.com")
GADGET = next(document for document in right_objects() if document["kind"] == "Gadget")
SCHEMA = GADGETS["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
GADGET_SCHEMA = compile_schema(deepcopy(SCHEMA))
NAMES = st.sampled_from(("a", "b", "spec", "metadata", "x-y", "", "name"))
NUMBERS = st.sampled_from((0, 1, 2, -1, 0.5, 1e300, 2**63, 10**18, -0.0, 3.0))
COUNTS = st.sampled_from((0, 1, 2, -1, 2**62))
PATTERNS = st.sampled_from(("^a*$", "(", "[a-z]+", "(?i)x", "\\d", "(a|b)*c", "\\p{Greek}", "(?=x)", "a{2,1}", "a{1000}", "", "."))
FORMATS = st.sampled_from((
    "int32", "int64", "float", "double", "byte", "date", "date-time", "duration", "ipv4", "ipv6", "cidr", "uri", "email", "uuid", "mac",
    "hostname", "bsonobjectid", "password", "creditcard", "ssn", "hexcolor", "rgbcolor", "isbn", "k8s-short-name", "nothing",
))
KEYWORDS: dict[str, st.SearchStrategy[Any]] = {
    "nullable": st.booleans(), "format": FORMATS, "pattern": PATTERNS, "minimum": NUMBERS, "maximum": NUMBERS, "exclusiveMinimum": st.booleans(),
    "exclusiveMaximum": st.booleans(), "multipleOf": NUMBERS, "minLength": COUNTS, "maxLength": COUNTS, "minItems": COUNTS, "maxItems": COUNTS,
    "minProperties": COUNTS, "maxProperties": COUNTS, "uniqueItems": st.booleans(), "required": st.lists(NAMES, max_size=2),
    "enum": st.lists(JSON_VALUES, max_size=3), "default": st.sampled_from(HOSTILE) | JSON_VALUES, "x-kubernetes-int-or-string": st.booleans(),
    "x-kubernetes-preserve-unknown-fields": st.booleans(), "x-kubernetes-embedded-resource": st.booleans(),
    "x-kubernetes-list-type": st.sampled_from(("atomic", "set", "map", "x")), "x-kubernetes-list-map-keys": st.lists(NAMES, max_size=2),
    "x-kubernetes-map-type": st.sampled_from(("atomic", "granular", "x")), "title": st.text(max_size=3), "example": JSON_VALUES,
    "$ref": st.just("#/x"), "definitions": st.just({"a": {}}),
    "x-kubernetes-validations": st.lists(st.fixed_dictionaries({"rule": st.sampled_from((
        "self == oldSelf", "true", "self.a == 1", "self.size() < 3", "has(self.b)", "self.all(x, x > 1)", "", "1", "self.?a.orValue(1) == 2",
    ))}, optional={
        "message": st.text(max_size=3), "messageExpression": st.sampled_from(("'a'", "self", "string(self)")), "optionalOldSelf": st.booleans(),
        "reason": st.sampled_from(("FieldValueInvalid", "x")), "fieldPath": st.sampled_from((".a", "['a']", ".a.b", "x", "")),
    }), max_size=2),
}
TYPES = st.sampled_from(("object", "object", "array", "string", "integer", "number", "boolean", "", "null", "x"))


@st.composite
def schemas(draw: st.DrawFn, depth: int = 3) -> dict[str, Any]:
    """Schemas that say something, right or wrong."""
    schema: dict[str, Any] = {}
    kind = draw(TYPES) if draw(st.integers(0, 9)) else ""
    if kind:
        schema["type"] = kind
    for name in draw(st.lists(st.sampled_from(sorted(KEYWORDS)), max_size=2, unique=True)):
        schema[name] = draw(KEYWORDS[name])
    if depth:
        if kind in ("object", "") and draw(st.booleans()):
            schema["properties"] = {name: draw(schemas(depth - 1)) for name in draw(st.lists(NAMES, max_size=3, unique=True))}
        elif kind == "object":
            schema["additionalProperties"] = draw(st.booleans() | schemas(depth - 1))
        elif kind == "array":
            schema["items"] = draw(schemas(depth - 1) | st.lists(schemas(0), max_size=1))
        if not draw(st.integers(0, 5)):
            schema[draw(st.sampled_from(("allOf", "anyOf", "oneOf")))] = draw(st.lists(schemas(depth - 1), max_size=2))
        if not draw(st.integers(0, 9)):
            schema["not"] = draw(schemas(depth - 1))
    return schema


@st.composite
def values_of(draw: st.DrawFn, schema: Any, depth: int = 4) -> Any:
    """Values that often have the types that a schema asks for."""
    if not isinstance(schema, dict) or not depth or not draw(st.integers(0, 7)):
        return draw(st.sampled_from(HOSTILE) | JSON_VALUES)
    match schema.get("type"):
        case "object":
            inner = schema.get("additionalProperties")
            known = schema.get("properties") or {}
            return {name: draw(values_of(known.get(name, inner), depth - 1)) for name in draw(st.lists(NAMES, max_size=3, unique=True))}
        case "array":
            return [draw(values_of(schema.get("items"), depth - 1)) for _ in range(draw(st.integers(0, 3)))]
        case "string":
            return draw(st.text("abX9:/.-", max_size=8) | st.sampled_from(("2026-01-01T00:00:00Z", "1h", "10.0.0.1", "a@b.c", "AAE=")))
        case "integer" | "number":
            return draw(NUMBERS)
        case "boolean":
            return draw(st.booleans())
    return draw(JSON_VALUES)


@st.composite
def definitions(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    """A schema, and two documents."""
    schema = draw(schemas())
    if draw(st.integers(0, 3)):
        schema["type"] = "object"
    return schema, draw(values_of(schema)), draw(values_of(schema))


def _definition(schema: Any) -> apiextensions_v1.CustomResourceDefinition | None:
    document = deepcopy(GADGETS)
    document["spec"]["versions"][0] = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    with refusals():
        made, _ = decode_object(
            apiextensions_v1.CustomResourceDefinition, "apiextensions.k8s.io/v1", "CustomResourceDefinition", encode(document), JSON_TYPE
        )
        set_defaults(made)
        return made
    return None


def custom(drawn: tuple[Any, Any, Any]) -> None:
    """A definition is refused, or its schema prunes, defaults and judges any document, each once and for all."""
    schema, one, other = drawn
    made = _definition(schema)
    if made is None or validate_create(made):
        return
    validate_update(made, made)
    validation = made.spec.versions[0].schema
    if validation is None or validation.open_apiv3_schema is None:
        return
    custom_field_type(plain(validation.open_apiv3_schema))
    schema_v2(plain(validation.open_apiv3_schema), {})
    schema_v3(plain(validation.open_apiv3_schema), {})
    under(compile_schema(plain(validation.open_apiv3_schema)), one, other)


def under(compiled: Any, one: Any, other: Any) -> None:
    """Two documents under a schema."""
    documents = []
    for content in (one, other):
        document = {**content} if isinstance(content, dict) else {"spec": content}
        document = msgspec.json.decode(encode({**document, "apiVersion": "fuzz.example.com/v1", "kind": "Gadget", "metadata": {"name": "x"}}))
        with refusals(CoercionError):
            compiled.prune(document)
            pruned = deepcopy(document)
            same(compiled.prune(document), [], "what is pruned has nothing more to prune")
            same(document, pruned, "and stays as it is")
            compiled.default(document)
            complete = deepcopy(document)
            compiled.default(document)
            same(document, complete, "what has its defaults gets no others")
            documents.append(document)
    for document in documents:
        before = deepcopy(document)
        compiled.validate(document)
        compiled.validate(document, documents[0], warnings=[])
        compiled.validate(document, documents[0], status=True)
        same(document, before, "judging changes nothing")


def gadget(drawn: tuple[Any, Any]) -> None:
    under(GADGET_SCHEMA, *drawn)


def columns(drawn: tuple[str, str, Any]) -> None:
    """A column of a custom resource shows any document."""
    path, kind, document = drawn
    made = custom_printer([from_document(apiextensions_v1.CustomResourceColumnDefinition, {"name": "C", "type": kind, "jsonPath": path})])
    if isinstance(document, dict):
        encode(made.cells(document, NOW))


PATHS = st.lists(st.sampled_from((
    ".spec", ".metadata", ".name", "[*]", "[0]", "[-1]", "[0:2]", "..name", "['a']", "[?(@.name=='a')]", ".parts", ".limits", ".*",
)), max_size=4).map("".join)
TARGETS: dict[str, Target] = {
    "custom_schema": drawn_target(definitions(), custom),
    "gadget": drawn_target(st.tuples(nearly_right(GADGET, {}), nearly_right(GADGET, {})), gadget),
    "columns": drawn_target(
        st.tuples(PATHS, st.sampled_from(("string", "integer", "number", "boolean", "date")), nearly_right(GADGET, {})), columns
    ),
}
