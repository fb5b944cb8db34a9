"""What is stored is what Go would write: nobody who writes the same again, in whatever way, changes anything."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from minikube_py.apiserver.yaml_document import read_yaml

from .lab import Lab
from .zoo import Manifest, manifests

YAML = {"Content-Type": "application/yaml"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}
MERGE = {"Content-Type": "application/merge-patch+json"}
STRATEGIC = {"Content-Type": "application/strategic-merge-patch+json"}


async def made(lab: Lab, manifest: Manifest) -> Any:
    """The object of a manifest, and of those that it needs, as it is once nobody works at it."""
    if manifest.kind == "Animal":
        await made(lab, next(other for other in manifests() if other.kind == "CustomResourceDefinition"))
    answer = await lab.send("POST", f"{manifest.collection}?fieldValidation=Strict", body=manifest.text.encode(), headers=YAML)
    assert answer.status == 201, answer.body
    while manifest.kind == "CustomResourceDefinition" and not is_established((await lab.get(manifest.path)).json):
        await asyncio.sleep(0.005)
    return (await lab.get(manifest.path)).json


def is_established(definition: Any) -> bool:
    return any((row["type"], row["status"]) == ("Established", "True") for row in definition["status"]["conditions"] or ())


def version(answer: Any) -> str:
    assert answer.status == 200, answer.body
    return str(answer.json["metadata"]["resourceVersion"])


@pytest.mark.parametrize("manifest", manifests(), ids=lambda manifest: f"{manifest.kind}-{manifest.name}")
async def test_the_same_again_changes_nothing(lab: Lab, manifest: Manifest) -> None:
    stored = await made(lab, manifest)
    was = stored["metadata"]["resourceVersion"]
    assert version(await lab.send("PUT", manifest.path, stored)) == was, "what was read is put back"
    wanted = read_yaml(manifest.text.encode()).value
    patch = STRATEGIC if manifest.kind != "Animal" else MERGE
    assert version(await lab.send("PATCH", manifest.path, body=json.dumps(wanted).encode(), headers=patch)) == was, (
        "what was written is patched in")
    apply = f"{manifest.path}?fieldManager=zoo&force=true"
    applied = version(await lab.send("PATCH", apply, body=manifest.text.encode(), headers=APPLY))
    assert version(await lab.send("PATCH", apply, body=manifest.text.encode(), headers=APPLY)) == applied
    now = (await lab.get(manifest.path)).json
    for document in (stored, now):
        for name in ("managedFields", "resourceVersion"):
            document["metadata"].pop(name, None)
    assert now == stored, "what was written is applied"


@pytest.mark.parametrize(("kind", "name", "path"), [
    ("ClusterRole", "nothing", "rules"), ("EndpointSlice", "empty", "endpoints"), ("EndpointSlice", "empty", "ports"),
    ("CSINode", "nothing", "spec.drivers"), ("HorizontalPodAutoscaler", "hpa", "status.currentMetrics"),
    ("PersistentVolumeClaim", "copy", "spec.dataSource.apiGroup"), ("Event", "event", "eventTime"),
])
async def test_what_go_cannot_leave_out_is_null(lab: Lab, kind: str, name: str, path: str) -> None:
    value = await made(lab, next(manifest for manifest in manifests() if (manifest.kind, manifest.name) == (kind, name)))
    for field in path.split("."):
        value = value[field]
    assert value is None
