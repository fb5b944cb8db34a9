"""The output formats of `-o`: table, wide, name, yaml, json, jsonpath, custom-columns.

Source: kubernetes.io/docs/reference/kubectl/#output-options, cli-runtime pkg/printers
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from minikube_py.apis.jsonpath import JsonPathError, Template, relaxed, text_of

from .api import Document, Resource
from .errors import KubectlError
from .manifests import to_json, to_yaml
from .tabular import Columns, columns

PrintObject = Callable[[Document], str]


class Table:
    """Rows of the server's Tables of one kind, printed with remembered column widths, so that a watch stays aligned."""

    def __init__(self, *, wide: bool = False, headers: bool = True, with_namespace: bool = False, prefix: str = "",
                 show_labels: bool = False, label_columns: tuple[str, ...] = ()) -> None:
        """
        Args:
            prefix: "pod/" where names are shown with their type.
        """
        self._wide = wide
        self._headers = headers
        self._with_namespace = with_namespace
        self._prefix = prefix
        self._show_labels = show_labels
        self._label_columns = label_columns
        self._definitions: list[Document] = []
        self._columns = Columns()

    def render(self, table: Document, rows: Sequence[Document] | None = None) -> list[str]:
        """The lines of a table; the header comes the first time, or when the columns change."""
        definitions = table.get("columnDefinitions") or self._definitions
        shown = [index for index, one in enumerate(definitions) if self._wide or not one.get("priority")]
        lines: list[list[str]] = []
        if definitions != self._definitions:
            self._definitions = definitions
            if self._headers:
                lines.append(self._header([definitions[index]["name"] for index in shown]))
        lines += [self._row(row, shown) for row in (table.get("rows") or () if rows is None else rows)]
        return self._columns.lines(lines)

    def _header(self, names: list[str]) -> list[str]:
        cells = ["NAMESPACE"] if self._with_namespace else []
        cells += [name.upper() for name in names]
        cells += [label.rsplit("/", 1)[-1].upper() for label in self._label_columns]
        return [*cells, "LABELS"] if self._show_labels else cells

    def _row(self, row: Document, shown: list[int]) -> list[str]:
        metadata = (row.get("object") or {}).get("metadata") or {}
        labels = metadata.get("labels") or {}
        cells = [cell_text(row["cells"][index]) for index in shown]
        if self._prefix and cells:
            cells[0] = self._prefix + cells[0]
        if self._with_namespace:
            cells.insert(0, metadata.get("namespace", ""))
        cells += [labels.get(label, "") for label in self._label_columns]
        if self._show_labels:
            cells.append(",".join(f"{key}={value}" for key, value in sorted(labels.items())) or "<none>")
        return cells


def cell_text(value: Any) -> str:
    """One cell; of several lines only the first is shown."""
    text = "<none>" if value is None else text_of(value)
    first, newline, _ = text.partition("\n")
    return f"{first}..." if newline else first


def object_printer(output: str, *, show_managed_fields: bool = False, headers: bool = True, template: str = "") -> PrintObject | None:
    """How `-o` shows documents; None for the forms that are tables ("", "wide").

    Raises: KubectlError for an unknown format or a template that does not read.
    """
    form, _, argument = output.partition("=")
    argument = argument or template
    if form in ("", "wide"):
        return None
    clean: Callable[[Document], Document] = (lambda document: document) if show_managed_fields else without_managed_fields
    if form == "yaml":
        return lambda document: to_yaml(clean(document))
    if form == "json":
        return lambda document: to_json(clean(document))
    if form in ("jsonpath", "jsonpath-file", "jsonpath-as-json"):
        text = Path(argument).read_text() if form == "jsonpath-file" else argument
        if not text:
            raise KubectlError("template format specified but no template given")
        return _jsonpath(text, as_json=form == "jsonpath-as-json")
    if form in ("custom-columns", "custom-columns-file"):
        text = ",".join(_columns_of_file(argument)) if form.endswith("file") else argument
        return _custom_columns(text, headers)
    if form == "name":
        raise ValueError("names are printed by print_names")
    raise KubectlError(
        f'unable to match a printer suitable for the output format "{output}", allowed formats are: '
        "custom-columns,custom-columns-file,json,jsonpath,jsonpath-as-json,jsonpath-file,name,wide,yaml"
    )


def object_name(resource: Resource, name: str) -> str:
    """ "pod/x", "deployment.apps/web"."""
    return f"{resource.print_name}/{name}"


def without_managed_fields(document: Document) -> Document:
    if isinstance(document.get("items"), list):
        return {**document, "items": [without_managed_fields(item) for item in document["items"]]}
    metadata = document.get("metadata")
    if isinstance(metadata, dict) and "managedFields" in metadata:
        document = copy.copy(document)
        document["metadata"] = {key: value for key, value in metadata.items() if key != "managedFields"}
    return document


def _jsonpath(text: str, *, as_json: bool) -> PrintObject:
    try:
        template = Template(text)
    except JsonPathError as error:
        raise KubectlError(f"error parsing jsonpath {text}, {error}") from error

    def show(document: Document) -> str:
        try:
            return to_json(template.find(document)) if as_json else template.render(document)
        except JsonPathError as error:
            raise KubectlError(f'error executing jsonpath "{text}": {error}') from error

    return show


def _custom_columns(spec: str, headers: bool) -> PrintObject:
    if not spec:
        raise KubectlError("custom-columns format specified but no custom columns given")
    parts = []
    for column in spec.split(","):
        header, colon, path = column.partition(":")
        if not colon:
            raise KubectlError(f"unexpected custom-columns spec: {column}, expected <header>:<json-path-expr>")
        try:
            parts.append((header, relaxed(path)))
        except JsonPathError as error:
            raise KubectlError(str(error)) from error

    def show(document: Document) -> str:
        rows = [[header for header, _ in parts]] if headers else []
        items = document["items"] if isinstance(document.get("items"), list) else [document]
        rows += [[_column(template, item) for _, template in parts] for item in items]
        return "\n".join(columns(rows)) + "\n"

    return show


def _column(template: Template, item: Document) -> str:
    try:
        values = template.find(item)
    except JsonPathError as error:
        raise KubectlError(str(error)) from error
    return ",".join(_go_text(value) for value in values) if values else "<none>"


def _go_text(value: Any) -> str:
    """Maps and lists as Go prints them."""
    if value is None:
        return "<none>"
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{_go_text(item)}" for key, item in sorted(value.items())) + "]"
    if isinstance(value, list):
        return "[" + " ".join(_go_text(item) for item in value) + "]"
    return text_of(value)


def _columns_of_file(path: str) -> list[str]:
    lines = [line.split() for line in Path(path).read_text().splitlines() if line.strip()]
    if len(lines) < 2:
        raise KubectlError("invalid template: it needs a line of headers and a line of paths")
    return [f"{header}:{spec}" for header, spec in zip(lines[0], lines[1], strict=False)]
