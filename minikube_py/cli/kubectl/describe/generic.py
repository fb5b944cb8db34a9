"""Descriptions of kinds that have none of their own: every field, with its name spelled out.

Source: kubectl pkg/describe/describe.go (genericDescriber, printUnstructuredContent)
"""

from __future__ import annotations

import base64
import re
from typing import Any

from minikube_py.apis.jsonpath import text_of

from ..api import Document
from ..session import Session
from .events import events_of, write_events
from .quotas import limits_of_namespace, quotas_of_namespace
from .writer import Writer, long_time

_SKIPPED = {"metadata": {"managedFields", "name", "namespace", "labels", "annotations"}, "": {"apiVersion", "kind", "metadata"}}


async def describe_generic(session: Session, document: Document) -> str:
    writer = Writer()
    _head(writer, document)
    writer.line(0, "API Version:", document.get("apiVersion", ""))
    writer.line(0, "Kind:", document.get("kind", ""))
    metadata = {key: value for key, value in document["metadata"].items() if key not in _SKIPPED["metadata"]}
    writer.line(0, "Metadata:")
    _content(writer, 1, metadata)
    _content(writer, 0, {key: value for key, value in document.items() if key not in _SKIPPED[""]})
    write_events(writer, await events_of(session, document))
    return writer.text()


async def describe_config_map(session: Session, document: Document) -> str:
    """Keys with their whole text, and the sizes of binary ones."""
    writer = Writer()
    _head(writer, document)
    lines = [writer.text().rstrip("\n"), "", "Data", "===="]
    for key, value in sorted((document.get("data") or {}).items()):
        lines += [f"{key}:", "----", value, ""]
    lines += ["", "BinaryData", "===="]
    for key, value in sorted((document.get("binaryData") or {}).items()):
        lines += [f"{key}: {_bytes(value)} bytes"]
    ending = Writer()
    write_events(ending, await events_of(session, document))
    return "\n".join(lines) + "\n\n" + ending.text()


async def describe_secret(session: Session, document: Document) -> str:
    """Keys and the sizes of their values; the values of tokens are shown."""
    writer = Writer()
    _head(writer, document)
    kind = document.get("type", "")
    data = Writer()
    for key, value in sorted((document.get("data") or {}).items()):
        if kind == "kubernetes.io/service-account-token" and key == "token":
            data.line(0, f"{key}:", base64.b64decode(value).decode(errors="replace"))
        else:
            data.line(0, f"{key}:", f"{_bytes(value)} bytes")
    return writer.text() + f"\nType:  {kind}\n\nData\n====\n" + (data.text() if document.get("data") else "")


async def describe_namespace(session: Session, document: Document) -> str:
    writer = Writer()
    writer.line(0, "Name:", document["metadata"]["name"])
    writer.pairs(0, "Labels", document["metadata"].get("labels"))
    writer.annotations(document["metadata"].get("annotations"))
    writer.line(0, "Status:", (document.get("status") or {}).get("phase", ""))
    quotas = await _in_namespace(session, "resourcequotas", document["metadata"]["name"])
    limits = await _in_namespace(session, "limitranges", document["metadata"]["name"])
    return writer.text() + "\n" + quotas_of_namespace(quotas) + "\n" + limits_of_namespace(limits)


async def _in_namespace(session: Session, plural: str, namespace: str) -> list[Document]:
    listed = await session.api.list_all(await session.api.resource(plural), namespace)
    return list(listed.get("items") or ())


async def describe_service_account(session: Session, document: Document) -> str:
    writer = Writer()
    _head(writer, document)
    writer.items(0, "Image pull secrets", [one["name"] for one in document.get("imagePullSecrets") or ()])
    writer.items(0, "Mountable secrets", [one["name"] for one in document.get("secrets") or ()])
    tokens = [
        one["metadata"]["name"] for one in await _in_namespace(session, "secrets", document["metadata"]["namespace"])
        if one.get("type") == "kubernetes.io/service-account-token"
        and (one["metadata"].get("annotations") or {}).get("kubernetes.io/service-account.name") == document["metadata"]["name"]
    ]
    writer.items(0, "Tokens", tokens)
    write_events(writer, await events_of(session, document))
    return writer.text()


async def describe_role(session: Session, document: Document) -> str:
    """Roles and ClusterRoles: one line per resource."""
    writer = Writer()
    writer.line(0, "Name:", document["metadata"]["name"])
    writer.pairs(0, "Labels", document["metadata"].get("labels"))
    writer.annotations(document["metadata"].get("annotations"))
    writer.line(0, "PolicyRule:")
    writer.line(1, "Resources", "Non-Resource URLs", "Resource Names", "Verbs")
    writer.line(1, "---------", "-----------------", "--------------", "-----")
    rows: dict[tuple[str, str, str, str], list[str]] = {}
    for rule in document.get("rules") or ():
        names, verbs = " ".join(rule.get("resourceNames") or ()), rule.get("verbs") or []
        for group in rule.get("apiGroups") or ("",):
            for resource in rule.get("resources") or ():
                rows.setdefault((group, resource, "", names), []).extend(verbs)
        for url in rule.get("nonResourceURLs") or ():
            rows.setdefault(("", "", url, names), []).extend(verbs)
    for (group, resource, url, names), verbs in sorted(rows.items(), key=lambda row: [part + "]" for part in row[0]]):
        plain, slash, subresource = resource.partition("/")
        named = f"{plain}.{group}" if group else plain
        cells = f"{named}{slash}{subresource}", f"[{url}]", f"[{names}]", f"[{' '.join(dict.fromkeys(verbs))}]"
        writer.line(1, *cells)
    return writer.text()


async def describe_role_binding(session: Session, document: Document) -> str:
    writer = Writer()
    writer.line(0, "Name:", document["metadata"]["name"])
    writer.pairs(0, "Labels", document["metadata"].get("labels"))
    writer.annotations(document["metadata"].get("annotations"))
    writer.line(0, "Role:")
    writer.line(1, "Kind:", document["roleRef"]["kind"])
    writer.line(1, "Name:", document["roleRef"]["name"])
    writer.line(0, "Subjects:")
    writer.line(1, "Kind", "Name", "Namespace")
    writer.line(1, "----", "----", "---------")
    for subject in document.get("subjects") or ():
        writer.line(1, subject["kind"], subject["name"], subject.get("namespace", ""))
    return writer.text()


def _head(writer: Writer, document: Document) -> None:
    metadata = document["metadata"]
    writer.line(0, "Name:", metadata["name"])
    writer.line(0, "Namespace:", metadata.get("namespace", ""))
    writer.pairs(0, "Labels", metadata.get("labels"))
    writer.annotations(metadata.get("annotations"))


def _bytes(encoded: str) -> int:
    padding = len(encoded) - len(encoded.rstrip("="))
    return len(encoded) * 3 // 4 - padding


def _content(writer: Writer, level: int, content: dict[str, Any]) -> None:
    for key, value in sorted(content.items()):
        label = spelled_out(key)
        if isinstance(value, dict):
            writer.line(level, f"{label}:")
            _content(writer, level + 1, value)
        elif isinstance(value, list):
            writer.line(level, f"{label}:")
            for item in value:
                if isinstance(item, dict):
                    _content(writer, level + 1, item)
                else:
                    writer.line(level + 1, text_of(item))
        elif key == "creationTimestamp":
            writer.line(level, f"{label}:", str(value) if value else long_time(None))
        else:
            writer.line(level, f"{label}:", text_of(value))


def spelled_out(field: str) -> str:
    """ "creationTimestamp" -> "Creation Timestamp", "podCIDR" -> "Pod CIDR"."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^A-Z]+", field)
    return " ".join(word[:1].upper() + word[1:] for word in words)
