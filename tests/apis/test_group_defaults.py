"""What the server sets in objects of the smaller groups, and that it sets it once: the table `group_defaults.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from minikube_py.apis import resource_v1, scheme
from minikube_py.apis.defaults import set_defaults
from minikube_py.core.clock import parse_rfc3339

ROWS = yaml.safe_load((Path(__file__).parent / "group_defaults.yaml").read_text())


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Each leaf of a document by its JSON pointer; an empty list or object is a leaf."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = {pointer: leaf for key, item in inner for pointer, leaf in flat(item, f"{path}/{str(key).replace('/', '~1')}").items()}
    return found or {path: value}


def document_of(obj: Any) -> dict[str, Any]:
    """The document without what every object has."""
    return {key: part for key, part in flat(scheme.to_document(obj)).items() if not key.startswith("/metadata")}


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['kind'].rpartition('/')[2]}-{number}" for number, row in enumerate(ROWS)])
def test_defaults(row: dict[str, Any]) -> None:
    group_version, _, kind = row["kind"].rpartition("/")
    group, _, version = group_version.rpartition("/")
    obj = scheme.from_document(scheme.type_of(group, version, kind), row["given"])
    before = document_of(obj)
    set_defaults(obj)
    after = document_of(obj)
    changed = {key: part for key, part in after.items() if key not in before or before[key] != part}
    assert changed == {pointer: leaf for key, part in row["set"].items() for pointer, leaf in flat(part, key).items()}
    set_defaults(obj)
    assert document_of(obj) == after


def test_taints_of_devices_say_when_they_came() -> None:
    old = "2026-01-01T00:00:00Z"
    given = {"spec": {"devices": [{"name": "a", "taints": [{"key": "k", "effect": "NoSchedule"}, {"key": "l", "timeAdded": old}]}]}}
    obj = scheme.from_document(resource_v1.ResourceSlice, given)
    set_defaults(obj)
    new, kept = obj.spec.devices[0].taints
    assert parse_rfc3339(new.time_added) > parse_rfc3339(old) and kept.time_added == old
