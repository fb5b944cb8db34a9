"""Every stock kubectl that is there finds what is served and explains it, custom resources too."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from minikube_py.apis.resources import GROUP_VERSIONS, RESOURCES

from .apiextensions.definitions import definition, version
from .lab import Lab, until
from .test_kubectl import WANTED, Kubectl, binary

pytestmark = pytest.mark.e2e

SCHEMA = {
    "type": "object",
    "description": "Widget turns things.",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["teeth"],
            "properties": {
                "teeth": {"type": "integer", "description": "How many teeth it has."},
                "colour": {"type": "string", "enum": ["red", "blue"]},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            },
        }
    },
}
VERSIONS = sorted({path.name.removeprefix("kubectl.") for path in binary(WANTED[0]).parent.glob("kubectl.*")}) or list(WANTED)


@pytest.fixture(params=VERSIONS)
async def kubectl(request: pytest.FixtureRequest, lab: Lab, tmp_path: Path) -> Kubectl:
    """Each version in turn, in a cluster with widgets."""
    versions = [version("v1beta1", storage=False, schema={"type": "object"}), version("v1", schema=SCHEMA, subresources={"status": {}})]
    await lab.client.create(definition(shortNames=["wd"], categories=["all"], versions=versions))
    await until(lambda: lab.api.discovery.legacy("/apis/example.com") is not None)
    return Kubectl(lab, tmp_path, request.param)


async def test_kubectl_finds_and_explains_everything(kubectl: Kubectl) -> None:
    names = (await kubectl("api-resources", "--no-headers", "-o", "name")).split()
    assert sorted(names) == sorted({*(resource.group_resource for resource in RESOURCES), "widgets.example.com"})
    calls = [
        ("api-versions",),
        ("api-resources", "--api-group=example.com", "--no-headers"),
        ("api-resources", "--categories=all", "-o", "name"),
        ("explain", "pod.spec.restartPolicy"),
        ("explain", "deployment.spec.strategy", "--recursive"),
        ("explain", "wd.spec"),
        ("explain", "widgets", "--recursive", "--api-version=example.com/v1"),
        ("explain", "cronjobs.spec.schedule", "--output=plaintext-openapiv2"),
        ("explain", "widgets.spec.teeth", "--output=plaintext-openapiv2"),
    ]
    versions, custom, all_, policy, strategy, spec, recursive, old, old_custom = await asyncio.gather(*(kubectl(*call) for call in calls))
    served = [f"{group}/{name}" if group else name for group, name in GROUP_VERSIONS]
    assert versions.split() == sorted([*served, "example.com/v1", "example.com/v1beta1"])
    assert custom.split() == ["widgets", "wd", "example.com/v1", "true", "Widget"]
    assert "widgets.example.com" in all_.split() and "pods" in all_.split()
    assert "FIELD: restartPolicy <string>" in policy and "Restart policy for all containers within the pod." in policy
    if kubectl.minor >= 30:
        assert "ENUM:\n    Always\n    Never\n    OnFailure\n" in policy
    assert "rollingUpdate\t<RollingUpdateDeployment>\n    maxSurge\t<IntOrString>\n    maxUnavailable\t<IntOrString>" in strategy
    assert "KIND:       Widget\nVERSION:    v1" in spec and "How many teeth it has." in spec and "-required-" in spec
    assert "metadata\t<ObjectMeta>" in recursive and "colour\t<string>" in recursive and "Widget turns things." in recursive
    assert "FIELD:    schedule <string>" in old and "KIND:     CronJob\nVERSION:  batch/v1" in old
    assert "FIELD:    teeth <integer>" in old_custom and "How many teeth it has." in old_custom


async def test_kubectl_is_told_what_is_not_there(kubectl: Kubectl) -> None:
    assert await kubectl.refused("explain", "unicorns") == 'the server doesn\'t have a resource type "unicorns"'
    assert await kubectl.refused("explain", "pods.spec.nope") == 'error: field "nope" does not exist'
