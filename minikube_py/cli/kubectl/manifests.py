"""Reading objects from files, directories and standard input, YAML or JSON, and writing them.

Source: cli-runtime pkg/resource/visitor.go (suffixes, order of a directory), sigs.k8s.io/yaml (style of output)
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from .api import Document
from .errors import KubectlError

SUFFIXES = (".json", ".yaml", ".yml")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
# Words that YAML 1.1 readers take for something other than a string.
_AMBIGUOUS = re.compile(
    r"(?i:y|n|yes|no|on|off|true|false|null|~)?"
    r"|[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?0(?:x[0-9a-fA-F_]+|o?[0-7_]+|b[01_]+)|[-+]?\.(?i:inf|nan)"
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?"
)


class _Loader(_LOADER):  # type: ignore[misc]
    """Timestamps stay strings, as JSON has none."""


class _Dumper(_DUMPER):  # type: ignore[misc]
    """Keys sorted, no aliases, text of several lines as a block."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")]
    for first, resolvers in _LOADER.yaml_implicit_resolvers.items()
}


def _represent_text(dumper: Any, text: str) -> Any:
    style = None
    if "\n" in text:
        style = "|"
    elif _AMBIGUOUS.fullmatch(text):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def to_yaml(document: Any) -> str:
    return str(yaml.dump(document, Dumper=_Dumper, default_flow_style=False, sort_keys=True, allow_unicode=True))


def to_json(document: Any) -> str:
    return json.dumps(document, indent=4, sort_keys=True, ensure_ascii=False) + "\n"


def read(filenames: tuple[str, ...], *, recursive: bool = False) -> list[tuple[str, Document]]:
    """The objects in files, with where each comes from; lists are taken apart.

    Raises: KubectlError for a file that is not there or does not read.
    """
    found: list[tuple[str, Document]] = []
    for name in filenames:
        for source, text in _texts(name, recursive):
            for document in _documents(source, text):
                found += [(source, item) for item in _items(source, document)]
    return found


def _texts(name: str, recursive: bool) -> Iterator[tuple[str, str]]:
    if name == "-":
        yield "STDIN", sys.stdin.read()
        return
    if name.startswith(("http://", "https://")):
        raise KubectlError(f"reading manifests from a URL is not supported: {name}")
    path = Path(name)
    if path.is_dir():
        files = sorted(p for p in (path.rglob("*") if recursive else path.iterdir()) if p.suffix in SUFFIXES and p.is_file())
        if not files:
            raise KubectlError(f"error reading [{name}]: recognized file extensions are [.json .yaml .yml]")
    else:
        files = [path]
    for file in files:
        try:
            yield str(file), file.read_text()
        except FileNotFoundError:
            raise KubectlError(f'the path "{name}" does not exist') from None
        except (OSError, UnicodeDecodeError) as error:
            raise KubectlError(f'the path "{name}" cannot be accessed: {error}') from error


def _documents(source: str, text: str) -> Iterator[Any]:
    try:
        for document in yaml.load_all(text, Loader=_Loader):
            if document is not None:
                yield _with_text_keys(document)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f"line {where.line + 1}: " if where is not None else ""
        problem = f"yaml: {line}{getattr(error, 'problem', error)}"
        raise KubectlError(f"error parsing {source}: error converting YAML to JSON: {problem}") from error


def _with_text_keys(value: Any) -> Any:
    """As JSON has it: the keys "yes" and 1 of YAML become "true" and "1"."""
    if isinstance(value, dict):
        return {key if isinstance(key, str) else json.dumps(key): _with_text_keys(item) for key, item in value.items()}
    return [_with_text_keys(item) for item in value] if isinstance(value, list) else value


def _items(source: str, document: Any) -> Iterator[Document]:
    if not isinstance(document, dict):
        raise KubectlError(f'error validating "{source}": error validating data: invalid object to validate')
    missing = [f"{field} not set" for field in ("apiVersion", "kind") if not document.get(field)]
    if missing:
        listed = missing[0] if len(missing) == 1 else "[" + ", ".join(missing) + "]"
        raise KubectlError(
            f'error validating "{source}": error validating data: {listed}; if you choose to ignore these errors, turn validation off with '
            "--validate=false"
        )
    if str(document["kind"]).endswith("List") and isinstance(document.get("items"), list):
        kind = str(document["kind"])[:-4]
        for item in document["items"]:
            if kind and isinstance(item, dict):
                item = {"apiVersion": document["apiVersion"], "kind": kind, **item}
            yield from _items(source, item)
    else:
        yield document
