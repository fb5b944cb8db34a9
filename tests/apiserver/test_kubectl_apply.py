"""Stock kubectl applies on the server, shows differences, prunes, and takes over what it applied by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .lab import Lab
from .test_kubectl import MANIFEST, WANTED, Kubectl

pytestmark = pytest.mark.e2e

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {k: %s}\n"


@pytest.fixture(params=WANTED)
async def kubectl(request: pytest.FixtureRequest, lab: Lab, tmp_path: Path) -> Kubectl:
    """Each version in turn."""
    return Kubectl(lab, tmp_path, request.param)


async def owners(kubectl: Kubectl, *name: str) -> list[tuple[str, str, str]]:
    entries: Any = json.loads(await kubectl("get", *name, "-o", "json", "--show-managed-fields"))["metadata"].get("managedFields", [])
    return [(entry["manager"], entry["operation"], entry.get("subresource", "")) for entry in entries]


async def test_apply_on_the_server(kubectl: Kubectl) -> None:
    apply = ("apply", "--server-side", "-f", "-")
    for _ in range(2):
        assert (await kubectl(*apply, stdin=MANIFEST)).splitlines() == [
            f"{name} serverside-applied" for name in ("deployment.apps/web", "service/web", "configmap/settings")]
    assert await kubectl("diff", "--server-side", "-f", "-", stdin=MANIFEST) == ""
    status, difference, _ = await kubectl.run("diff", "--server-side", "-f", "-", stdin=MANIFEST.replace("red", "blue"))
    assert status == 1 and "-  color: red\n+  color: blue\n" in difference
    assert await owners(kubectl, "deployment", "web") == [("kubectl", "Apply", "")]
    await kubectl("scale", "deployment", "web", "--replicas=5")
    conflict = await kubectl.refused(*apply, stdin=MANIFEST)
    assert 'Apply failed with 1 conflict: conflict with "kubectl' in conflict
    assert ".spec.replicas\nPlease review the fields above" in conflict
    assert await kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}") == "5"
    await kubectl(*apply, stdin=MANIFEST.replace("  replicas: 2\n", ""))
    assert await kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}") == "5"
    await kubectl(*apply, "--force-conflicts", stdin=MANIFEST)
    assert await kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}") == "2"
    assert await kubectl.refused(*apply, stdin=CONFIG_MAP % ("x", "v") + "foo: 1\n") == (
        "Error from server: failed to create typed patch object (default/x; /v1, Kind=ConfigMap): .foo: field not declared in schema")


async def test_what_kubectl_applied_by_itself_it_takes_over(kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", "-", stdin=MANIFEST)
    assert await owners(kubectl, "configmap", "settings") == [("kubectl-client-side-apply", "Update", "")]
    await kubectl("apply", "--server-side", "-f", "-", stdin=MANIFEST.replace("red", "blue").replace(', size: "3"', ""))
    settings = await kubectl.json("get", "configmap", "settings")
    assert settings["data"] == {"color": "blue"}
    kept = json.loads(settings["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"])
    assert kept["data"] == {"color": "blue"}
    await kubectl("apply", "-f", "-", stdin=MANIFEST)
    assert (await kubectl.json("get", "configmap", "settings"))["data"] == {"color": "red", "size": "3"}


@pytest.mark.parametrize("extra", [(), ("--server-side",)], ids=["client", "server"])
async def test_sets_are_pruned(kubectl: Kubectl, extra: tuple[str, ...]) -> None:
    apply = ("apply", *extra, "-n", "default", "--prune", "--applyset=configmaps/set", "-f", "-")
    alpha = {"KUBECTL_APPLYSET": "true"}
    await kubectl(*apply, stdin=f"{CONFIG_MAP % ('a', 'v')}---\n{CONFIG_MAP % ('b', 'v')}", **alpha)
    assert (await kubectl(*apply, stdin=CONFIG_MAP % ("a", "w"), **alpha)).splitlines()[-1] == "configmap/b pruned"
    assert await kubectl("get", "configmaps", "-o", "name") == "configmap/a\nconfigmap/set"
    assert await owners(kubectl, "configmap", "set") == [("kubectl-applyset", "Apply", "")]


async def test_kubectls_verbs_are_told_apart(lab: Lab, tmp_path: Path) -> None:
    kubectl = Kubectl(lab, tmp_path, WANTED[-1])
    await kubectl("create", "-f", "-", stdin=CONFIG_MAP % ("a", "v"))
    await kubectl("label", "configmap", "a", "x=y")
    await kubectl("annotate", "configmap", "a", "x=y")
    await kubectl("patch", "configmap", "a", "-p", '{"data":{"p":"1"}}')
    await kubectl("edit", "configmap", "a", KUBE_EDITOR="sed -i 's/p: \"1\"/p: \"2\"/'")
    await kubectl("apply", "--server-side", "--field-manager=me", "--force-conflicts", "-f", "-", stdin=CONFIG_MAP % ("a", "w"))
    # What was created still has its data, as a whole; what was patched in was edited since.
    assert sorted(name for name, _, _ in await owners(kubectl, "configmap", "a")) == [
        "kubectl-annotate", "kubectl-create", "kubectl-edit", "kubectl-label", "me"]
    assert await kubectl("patch", "configmap", "a", "--type=merge", "-p", '{"metadata":{"managedFields":[{}]}}') == "configmap/a patched"
    assert await owners(kubectl, "configmap", "a") == []
