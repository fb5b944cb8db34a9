"""OpenAPI v2 ("swagger") made from OpenAPI v3 documents: schemas, operations and the shared table of parameters.

Owns the translation from v3 to v2 only, in the subset of OpenAPI that the documents of this server use.

Source: swagger.io/specification/v2, kubernetes/kubernetes api/openapi-spec/swagger.json (shape)
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Final

from minikube_py.apiserver.openapi_document import BEARER_TOKEN, SCHEMA_PREFIX, Document

DEFINITION_PREFIX: Final = "#/definitions/"
# In the order in which v2 names them; v3 sorts them by name.
_MEDIA_TYPES: Final = (
    "*/*",
    "text/plain",
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
    "application/json;stream=watch",
    "application/vnd.kubernetes.protobuf;stream=watch",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
)
_GENERIC: Final = f"{DEFINITION_PREFIX}io.k8s.apimachinery"
# The order of a parameter's fields in the text that is hashed.
_ORDER: Final = ("uniqueItems", "type", "description", "name", "in", "required", "schema")


def swagger(version: str, documents: Iterable[Document]) -> Document:
    """One v2 document with the paths and schemas of all v3 `documents`; where two name the same, the later one counts."""
    merged: Document = {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": version},
        "paths": {},
        "definitions": {},
        "parameters": {},
        "securityDefinitions": {"BearerToken": BEARER_TOKEN},
        "security": [{"BearerToken": []}],
    }
    for document in documents:
        merge(merged, document)
    for key in ("paths", "definitions", "parameters"):
        merged[key] = dict(sorted(merged[key].items()))
    return merged


def merge(target: Document, document: Document, schemas: Mapping[str, Document] | None = None) -> None:
    """Add the paths and schemas of a v3 document to the v2 document `target`.

    Args:
        schemas: schemas that take the place of the document's, by name; they refer as those of v3 do.
    """
    for name, schema in {**document["components"]["schemas"], **(schemas or {})}.items():
        target["definitions"][name] = definition(schema)
    for path, item in document["paths"].items():
        target["paths"][path] = {
            key: _parameters(value, target["parameters"]) if key == "parameters" else _operation(value, target["parameters"])
            for key, value in item.items()
        }


def definition(schema: Document) -> Document:
    """A v3 schema as v2 has it: without defaults, references to definitions, and a choice of plain types as a string."""
    result: Document = {}
    for key, value in schema.items():
        if key == "allOf" and len(value) == 1 and "$ref" in value[0]:
            result["$ref"] = _reference(value[0]["$ref"])
        elif key == "oneOf" and "type" not in schema and all(set(choice) == {"type"} for choice in value):
            result["type"] = "string"  # a quantity, or a number or name
        elif key == "$ref" and isinstance(value, str):
            result["$ref"] = _reference(value)
        elif key == "properties":
            result[key] = {name: definition(child) for name, child in value.items()}
        elif key in ("additionalProperties", "items") and isinstance(value, dict):
            result[key] = definition(value)
        elif key != "default":
            result[key] = value
    return result


def _reference(reference: str) -> str:
    return DEFINITION_PREFIX + reference.removeprefix(SCHEMA_PREFIX)


def _operation(operation: Document, shared: Document) -> Document:
    result = {key: value for key, value in operation.items() if key not in ("parameters", "requestBody", "responses")}
    parameters = _parameters(operation.get("parameters", []), shared)
    body = operation.get("requestBody")
    result["schemes"] = ["https"]
    if body is not None:
        result["consumes"] = sorted(body["content"], key=_MEDIA_TYPES.index)
        schema = next(iter(body["content"].values()))["schema"]
        parameter: Document = {"name": "body", "in": "body", "schema": definition(schema)}
        parameters.insert(0, _shared({**parameter, "required": True} if body.get("required") else parameter, shared))
    result["responses"] = {}
    for code, response in operation["responses"].items():
        content = response.get("content", {})
        answer: Document = {"description": response["description"]}
        for media_type in content:
            answer["schema"] = definition(content[media_type]["schema"])
        result["responses"][code] = answer
        if content:
            result["produces"] = sorted(content, key=_MEDIA_TYPES.index)
    if parameters:
        result["parameters"] = parameters
    return result


def _parameters(parameters: list[Document], shared: Document) -> list[Document]:
    result = []
    for parameter in parameters:
        flat = {key: value for key, value in parameter.items() if key != "schema"}
        result.append(_shared({**flat, **parameter["schema"]}, shared))
    return result


def _shared(parameter: Document, shared: Document) -> Document:
    """Put a parameter that many operations may have into the document's table and return a reference to it.

    Others stay where they are: those that tell of their kind, and two by whose presence clients find out what a server can do.
    Source: k8s.io/kube-openapi pkg/builder/parameters.go
    """
    name, place = parameter["name"], parameter["in"]
    if name == "name" or (place == "query" and name in ("dryRun", "fieldValidation")):
        return parameter
    if place == "body" and not parameter["schema"].get("$ref", "").startswith(_GENERIC):
        return parameter
    text = json.dumps({key: parameter[key] for key in _ORDER if key in parameter}, separators=(",", ":"), ensure_ascii=False)
    for character in "&<>":
        text = text.replace(character, f"\\u{ord(character):04x}")
    key = f"{name}-{base64.urlsafe_b64encode(_fnv64(text.encode()).to_bytes(8)[:6]).decode()}"
    shared[key] = parameter
    return {"$ref": f"#/parameters/{key}"}


def _fnv64(data: bytes) -> int:
    """The FNV-1 hash. Source: datatracker.ietf.org/doc/html/rfc9923"""
    result = 0xCBF29CE484222325
    for byte in data:
        result = (result * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF) ^ byte
    return result
