"""kubectl get: objects as tables, documents, names, and as they change.

Source: kubectl pkg/cmd/get/get.go
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

from minikube_py.apis.jsonpath import JsonPathError, relaxed
from minikube_py.core.errors import NotFoundError, StatusError

from .api import TABLE, Document
from .errors import Exit, KubectlError, sentence
from .printers import PrintObject, Table, object_name, object_printer
from .session import Session
from .tabular import age
from .targets import Collection, Target, document_of, from_files, parse


@dataclass(slots=True)
class GetOptions:
    """The flags of get."""

    output: str = ""
    all_namespaces: bool = False
    selector: str = ""
    field_selector: str = ""
    watch: bool = False
    watch_only: bool = False
    no_headers: bool = False
    show_labels: bool = False
    label_columns: tuple[str, ...] = ()
    sort_by: str = ""
    show_kind: bool = False
    show_managed_fields: bool = False
    ignore_not_found: bool = False
    filename: tuple[str, ...] = ()
    recursive: bool = False
    chunk_size: int = 500
    template: str = ""
    raw: str = ""
    output_watch_events: bool = False


async def get(session: Session, arguments: tuple[str, ...], options: GetOptions) -> None:
    if options.raw:
        session.print((await session.api.transport.request("GET", options.raw)).decode(), end="")
        return
    by_name = options.output == "name"
    printer = None if by_name else object_printer(
        options.output, show_managed_fields=options.show_managed_fields, headers=not options.no_headers, template=options.template
    )
    if options.filename:
        collections: list[Collection] = []
        targets = await from_files(session, options.filename, recursive=options.recursive)
    else:
        collections, targets = await parse(session, arguments, all_namespaces=options.all_namespaces)
    single = len(targets) == 1 and not collections and not _several(arguments)
    if targets and (options.selector or options.field_selector):
        raise KubectlError("name cannot be provided when a selector is specified")
    if options.watch or options.watch_only:
        await _watch(session, collections, targets, options, printer)
    elif printer is None and not by_name:
        await _tables(session, collections, targets, options)
    else:
        await _documents(session, collections, targets, options, printer, single)


def _several(arguments: tuple[str, ...]) -> bool:
    return bool(arguments) and "," in arguments[0]


async def _documents(
    session: Session, collections: list[Collection], targets: list[Target], options: GetOptions, printer: PrintObject | None, single: bool
) -> None:
    found, failed = [], False
    for one in collections:
        listed = await session.api.list_all(
            one.resource, one.namespace, labels=options.selector, fields=options.field_selector, chunk=options.chunk_size)
        found += [(one.resource, {"apiVersion": one.resource.api_version, "kind": one.resource.kind, **item})
                  for item in listed.get("items") or ()]
    for one_target in targets:
        try:
            found.append((one_target.resource, await document_of(session, one_target)))
        except NotFoundError as error:
            if not options.ignore_not_found:
                failed = True
                session.complain(sentence(error))
    if options.sort_by:
        found.sort(key=lambda pair: _sort_key(options.sort_by, pair[1]))
    if printer is None:
        for resource, document in found:
            session.print(object_name(resource, document["metadata"]["name"]))
    elif single and found:
        session.print(printer(found[0][1]), end="")
    elif found or collections:
        documents = [document for _, document in found]
        session.print(printer({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": documents}), end="")
    if failed:
        raise Exit(1)


async def _tables(session: Session, collections: list[Collection], targets: list[Target], options: GetOptions) -> None:
    tables: list[tuple[Any, Document, bool]] = []
    failures: list[StatusError] = []
    for one in collections:
        table = await session.api.list_all(
            one.resource, one.namespace, labels=options.selector, fields=options.field_selector, chunk=options.chunk_size, accept=TABLE)
        tables.append((one.resource, as_table(table), one.resource.namespaced and options.all_namespaces))
    for one_target in targets:
        try:
            table = as_table(await session.api.request("GET", one_target.path, accept=TABLE))
        except NotFoundError as error:
            if not options.ignore_not_found:
                failures.append(error)
            continue
        if tables and tables[-1][0] == one_target.resource and not collections:
            tables[-1][1]["rows"] += table["rows"]
        else:
            tables.append((one_target.resource, table, False))
    _print_tables(session, [entry for entry in tables if entry[1].get("rows")], options, several=len(tables) > 1)
    if not any(table.get("rows") for _, table, _ in tables) and not failures and not options.ignore_not_found:
        scoped = session.namespace if not options.all_namespaces and any(one.resource.namespaced for one in collections) else ""
        session.complain(f"No resources found in {scoped} namespace." if scoped else "No resources found")
    for failure in failures:
        session.complain(sentence(failure))
    if failures:
        raise Exit(1)


def _print_tables(session: Session, tables: list[tuple[Any, Document, bool]], options: GetOptions, *, several: bool) -> None:
    for index, (resource, table, with_namespace) in enumerate(tables):
        if options.sort_by:
            table["rows"].sort(key=lambda row: _sort_key(options.sort_by, row.get("object") or {}))
        if index and not options.no_headers:
            session.print()
        printer = _table_printer(options, resource.print_name if several or options.show_kind else "", with_namespace)
        for line in printer.render(table):
            session.print(line)


def _table_printer(options: GetOptions, kind: str, with_namespace: bool) -> Table:
    return Table(
        wide=options.output == "wide", headers=not options.no_headers, with_namespace=with_namespace, prefix=f"{kind}/" if kind else "",
        show_labels=options.show_labels, label_columns=options.label_columns,
    )


def as_table(document: Document) -> Document:
    """The Table, or one of name and age for servers that make none of this kind."""
    if document.get("kind") == "Table":
        document["rows"] = document.get("rows") or []
        return document
    items = document["items"] if isinstance(document.get("items"), list) else [document]
    rows = [
        {"cells": [item["metadata"]["name"], age(item["metadata"].get("creationTimestamp", ""))], "object": item} for item in items
    ]
    definitions = [{"name": "Name"}, {"name": "Age"}]
    return {"kind": "Table", "columnDefinitions": definitions, "rows": rows, "metadata": document.get("metadata", {})}


def _sort_key(expression: str, document: Document) -> tuple[int, Any]:
    try:
        found = relaxed(expression).find(document)
    except JsonPathError as error:
        raise KubectlError(str(error)) from error
    if not found or found[0] is None:
        return 0, 0
    value = found[0]
    if isinstance(value, bool | int | float):
        return 1, value
    return 2, str(value)


# -- watching --------------------------------------------------------------------------------------------------------------------------


async def _watch(
    session: Session, collections: list[Collection], targets: list[Target], options: GetOptions, printer: PrintObject | None
) -> None:
    if len(collections) + len(targets) != 1:
        raise KubectlError("you may only specify a single resource type")
    resource = (collections[0].resource if collections else targets[0].resource)
    namespace = collections[0].namespace if collections else targets[0].namespace
    if targets:
        options = replace(options, field_selector=f"metadata.name={targets[0].name}")
        await document_of(session, targets[0])
    table_wanted = printer is None and options.output != "name"
    accept = TABLE if table_wanted else "application/json"
    listed = await session.api.list_all(
        resource, namespace, labels=options.selector, fields=options.field_selector, chunk=options.chunk_size, accept=accept)
    table = _table_printer(options, resource.print_name if options.show_kind else "", resource.namespaced and options.all_namespaces)

    def show(kind: str, document: Document) -> None:
        if table_wanted:
            lines = table.render(as_table(document))
        elif printer is None:
            lines = [object_name(resource, document["metadata"]["name"])]
        else:
            lines = [printer({"type": kind, "object": document} if options.output_watch_events else document).rstrip("\n")]
        for line in lines:
            session.print(line)
        session.flush()

    if not options.watch_only:
        if table_wanted:
            show("ADDED", listed)
        else:
            for item in listed.get("items") or ():
                show("ADDED", {"apiVersion": resource.api_version, "kind": resource.kind, **item})
    async for event in _events(session, resource, namespace, options, listed["metadata"]["resourceVersion"], accept):
        show(event["type"], event["object"])


async def _events(
    session: Session, resource: Any, namespace: str, options: GetOptions, version: str, accept: str
) -> AsyncIterator[Document]:
    """Watch events, through as many watches as it takes."""
    while True:
        async for event in session.api.watch(
            resource, namespace, labels=options.selector, fields=options.field_selector, resource_version=version, accept=accept
        ):
            found = event["object"]
            rows = found.get("rows")
            metadata = (rows[0].get("object") or {}).get("metadata", {}) if rows else found.get("metadata", {})
            version = metadata.get("resourceVersion") or version
            if event["type"] != "BOOKMARK":
                yield event
