"""kubectl explain: what the fields of a kind are, from the server's OpenAPI documents.

Source: kubectl pkg/explain/v2 (plaintext template)
"""

from __future__ import annotations

import textwrap
from typing import Any

from .api import Document, Resource
from .errors import KubectlError
from .session import Session

WIDTH = 76
INDENT = "    "
_PREFIX = "#/components/schemas/"


class Schemas:
    """The schemas of one group-version."""

    def __init__(self, document: Document) -> None:
        self._schemas: Document = (document.get("components") or {}).get("schemas") or {}

    def of(self, resource: Resource) -> Document:
        """The schema of a kind.

        Raises: KubectlError if the server describes none.
        """
        wanted = {"group": resource.group, "version": resource.version, "kind": resource.kind}
        for schema in self._schemas.values():
            if wanted in (schema.get("x-kubernetes-group-version-kind") or ()):
                found: Document = schema
                return found
        raise KubectlError(f"couldn't find resource for {resource.api_version}, Kind={resource.kind}")

    def inside(self, schema: Document) -> Document:
        """The object schema that a field leads to, through references, lists and maps."""
        target, _ = self._target(schema)
        return target

    def type_name(self, schema: Document) -> str:
        """ "string", "[]Container", "map[string]Quantity", "PodSpec"."""
        if schema.get("type") == "array":
            return f"[]{self.type_name(schema.get('items') or {})}"
        if isinstance(schema.get("additionalProperties"), dict):
            return f"map[string]{self.type_name(schema['additionalProperties'])}"
        reference = _reference(schema)
        if reference:
            target = self._schemas.get(reference, {})
            plain = not target.get("properties") and target.get("type") in ("string", "integer", "number", "boolean")
            short = reference.rsplit(".", 1)[-1]
            return short if not plain or short in ("Quantity", "Time", "MicroTime", "IntOrString") else str(target["type"])
        return str(schema.get("type") or "Object").replace("object", "Object")

    def _target(self, schema: Document) -> tuple[Document, str]:
        while True:
            reference = _reference(schema)
            if reference:
                return self._schemas.get(reference, {}), reference
            if schema.get("type") == "array":
                schema = schema.get("items") or {}
            elif isinstance(schema.get("additionalProperties"), dict):
                schema = schema["additionalProperties"]
            else:
                return schema, ""


def _reference(schema: Document) -> str:
    reference = schema.get("$ref") or next((part["$ref"] for part in schema.get("allOf") or () if "$ref" in part), "")
    return str(reference).removeprefix(_PREFIX)


async def explain(session: Session, path: str, *, recursive: bool = False, api_version: str = "") -> None:
    word, *fields = path.split(".")
    resource = await _resource(session, word, api_version)
    index = await session.api.request("GET", "/openapi/v3")
    entry = (index.get("paths") or {}).get(resource.prefix.removeprefix("/"))
    if entry is None:
        raise KubectlError(f"couldn't find resource for {resource.api_version}, Kind={resource.kind}")
    url, _, query = entry["serverRelativeURL"].partition("?")
    params = dict(part.split("=", 1) for part in query.split("&") if "=" in part)
    schemas = Schemas(await session.api.request("GET", url, params=params))
    lines = [f"GROUP:      {resource.group}"] if resource.group else []
    lines += [f"KIND:       {resource.kind}", f"VERSION:    {resource.version}", ""]
    schema = schemas.of(resource)
    descriptions = [schema.get("description", "")]
    for field in fields:
        properties = schemas.inside(schema).get("properties") or {}
        if field not in properties:
            session.print("\n".join(lines))
            session.flush()
            raise KubectlError(f'field "{field}" does not exist')
        schema = properties[field]
        descriptions = [schema.get("description", "")]
    if fields:
        lines += [f"FIELD: {fields[-1]} <{schemas.type_name(schema)}>", "", ""]
        descriptions.append(schemas.inside(schema).get("description", "") if schemas.inside(schema) is not schema else "")
    lines.append("DESCRIPTION:")
    lines += [line for text in descriptions if text for line in _wrapped(text)] or [f"{INDENT}<empty>"]
    lines.append(INDENT)
    properties = schemas.inside(schema).get("properties") or {}
    if properties:
        lines.append("FIELDS:")
        if recursive:
            lines += _recursive(schemas, schemas.inside(schema), 1, ())
        else:
            lines += _fields(schemas, schemas.inside(schema))
    session.print("\n".join(lines))
    session.print()


async def _resource(session: Session, word: str, api_version: str) -> Resource:
    try:
        resource = await session.api.resource(word)
    except KubectlError as error:
        raise KubectlError(error.message, plain=True) from error
    if not api_version or api_version == resource.api_version:
        return resource
    for other in await session.api.resources():
        if other.plural == resource.plural and other.api_version == api_version:
            return other
    raise KubectlError(f"couldn't find resource for {api_version}, Kind={resource.kind}")


def _wrapped(text: str) -> list[str]:
    lines: list[str] = []
    for paragraph in text.split("\n"):
        wrapped = textwrap.wrap(paragraph, WIDTH, break_long_words=False, break_on_hyphens=False) or [""]
        lines += [f"{INDENT}{line}" for line in wrapped]
    return lines


def _fields(schemas: Schemas, schema: Document) -> list[str]:
    lines: list[str] = []
    required = schema.get("required") or ()
    for name, field in sorted(schema["properties"].items()):
        flag = " -required-" if name in required else ""
        lines.append(f"  {name}\t<{schemas.type_name(field)}>{flag}")
        if field.get("enum"):
            lines.append(f"  enum: {', '.join(str(value) for value in field['enum'])}")
        lines += _wrapped(field.get("description") or "<no description>")
        lines.append("")
    return lines


def _recursive(schemas: Schemas, schema: Document, level: int, above: tuple[Any, ...]) -> list[str]:
    lines: list[str] = []
    required = schema.get("required") or ()
    for name, field in sorted((schema.get("properties") or {}).items()):
        lines.append(f"{'  ' * level}{name}\t<{schemas.type_name(field)}>{' -required-' if name in required else ''}")
        inner = schemas.inside(field)
        if inner.get("properties") and not any(inner is outer for outer in above):
            lines += _recursive(schemas, inner, level + 1, (*above, inner))
    return lines
