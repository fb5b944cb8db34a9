"""Manifests with everything that people write, spelled otherwise than the API writes it: explicit zeros, empty parts, odd quantities."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from minikube_py.apis.resources import BY_GVK

FOLDER = Path(__file__).parent
# The kinds that manifests of the zoo define: plural and whether it is namespaced.
CUSTOM = {("example.com/v1", "Animal"): "animals"}


# Each behind what it needs.
FILES = ("configuration", "access", "storage", "network", "pods", "workloads", "custom")


class Manifest(NamedTuple):
    """One object: its file, where it lives, and its text."""

    file: str
    collection: str
    kind: str
    name: str
    text: str

    @property
    def path(self) -> str:
        return f"{self.collection}/{self.name}"


@cache
def manifests() -> tuple[Manifest, ...]:
    """All of them, in the order of files."""
    return tuple(_manifest(file, text) for file in FILES for text in (FOLDER / f"{file}.yaml").read_text().split("\n---\n"))


def _manifest(file: str, text: str) -> Manifest:
    document: Any = yaml.safe_load(text)
    version, kind, name = document["apiVersion"], document["kind"], document["metadata"]["name"]
    group, _, number = version.rpartition("/")
    prefix = f"/apis/{version}" if group else f"/api/{version}"
    resource = BY_GVK.get((group, number, kind))
    plural = resource.plural if resource is not None else CUSTOM[version, kind]
    if resource is None or resource.namespaced:
        prefix += "/namespaces/default"
    return Manifest(file, f"{prefix}/{plural}", kind, name, text)
