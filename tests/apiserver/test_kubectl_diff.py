"""kubectl finds no difference right after it has applied, however odd the manifest is."""

from __future__ import annotations

from pathlib import Path

import pytest

from .lab import Lab
from .test_kubectl import WANTED, Kubectl
from .zoo import FILES, FOLDER, manifests

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("extra", [(), ("--server-side",)], ids=["client", "server"])
@pytest.mark.parametrize("name", FILES)
async def test_what_was_applied_does_not_differ(lab: Lab, tmp_path: Path, name: str, extra: tuple[str, ...]) -> None:
    kubectl = Kubectl(lab, tmp_path, WANTED[-1])
    first, *others = [manifest.text for manifest in manifests() if manifest.file == name]
    if name != "custom":
        first, others = "\n---\n".join([first, *others]), []
    for text in [first, *others]:
        status, out, error = await kubectl.run("apply", *extra, "-f", "-", stdin=text)
        assert status == 0, error
        if "customresourcedefinition" in out:
            await kubectl("wait", "--for=condition=Established", "--timeout=20s", "crd", "--all")
    status, difference, _ = await kubectl.run("diff", *extra, "-f", str(FOLDER / f"{name}.yaml"))
    assert (status, difference) == (0, "")
    versions = ("get", "-f", str(FOLDER / f"{name}.yaml"), "-o", "jsonpath={.items[*].metadata.resourceVersion}")
    _, before, _ = await kubectl.run(*versions)
    await kubectl.run("apply", *extra, "-f", str(FOLDER / f"{name}.yaml"))
    assert before and (await kubectl.run(*versions))[1] == before, "applying again writes nothing"
