"""Stock kubectl and the Pod Security Standards: what users and administrators read, over HTTP, with the configuration in files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from minikube_py.apiserver.options import ApiServerArgs
from minikube_py.apiserver.pki import Pki
from minikube_py.store.memory import MemoryStore

from .lab import Lab, api_server
from .test_kubectl import WANTED, Kubectl

pytestmark = pytest.mark.e2e

P = "pod-security.kubernetes.io/"
RESTRICTED = (
    'PodSecurity "restricted:latest": '
    'allowPrivilegeEscalation != false (container "{0}" must set securityContext.allowPrivilegeEscalation=false), '
    'unrestricted capabilities (container "{0}" must set securityContext.capabilities.drop=["ALL"]), '
    'runAsNonRoot != true (pod or container "{0}" must set securityContext.runAsNonRoot=true), '
    'seccompProfile (pod or container "{0}" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'
)
CONFIGURATION = """\
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: PodSecurity
  path: pod-security.yaml
"""
POD_SECURITY = """\
apiVersion: pod-security.admission.config.k8s.io/v1
kind: PodSecurityConfiguration
defaults: {warn: restricted}
exemptions: {namespaces: [kube-system]}
"""


@pytest.fixture
async def configured(pki: Pki, tmp_path: Path) -> AsyncIterator[Lab]:
    """A server whose plugin has a configuration in a file beside the one of all plugins."""
    (tmp_path / "admission.yaml").write_text(CONFIGURATION)
    (tmp_path / "pod-security.yaml").write_text(POD_SECURITY)
    store = MemoryStore()
    await store.open()
    args = ApiServerArgs.parse([f"admission-control-config-file={tmp_path / 'admission.yaml'}"])
    async with api_server(tmp_path, pki, store, args) as running:
        yield running
    await store.close()


async def said(kubectl: Kubectl, *arguments: str) -> tuple[str, list[str]]:
    """The output of a command that must succeed, and the lines of its error output."""
    status, out, err = await kubectl.run(*arguments)
    assert status == 0, err
    return out.rstrip("\n"), err.splitlines()


@pytest.mark.parametrize("version", WANTED)
async def test_labels_of_a_namespace_reach_who_labels_and_who_makes_pods(lab: Lab, tmp_path: Path, version: str) -> None:
    kubectl = Kubectl(lab, tmp_path, version)
    await kubectl("run", "first", "--image=i")
    for name in ("second", "third"):
        await kubectl("run", name, "--image=i")
    warnings = [
        'Warning: existing pods in namespace "default" violate the new PodSecurity enforce level "restricted:latest"',
        "Warning: first (and 2 other pods): allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, "
        "seccompProfile",
    ]
    label = ("label", "namespace", "default", f"{P}enforce=restricted")
    assert await said(kubectl, *label, "--dry-run=server") == ("namespace/default labeled (server dry run)", warnings)
    await kubectl("run", "fourth", "--image=i")
    assert "(and 3 other pods)" in (await said(kubectl, *label))[1][1]
    assert await kubectl.refused("run", "fifth", "--image=i") == (
        f'Error from server (Forbidden): pods "fifth" is forbidden: violates {RESTRICTED.format("fifth")}')
    assert await said(kubectl, "create", "deployment", "d", "--image=example.com/web") == (
        "deployment.apps/d created", [f"Warning: would violate {RESTRICTED.format('web')}"])
    assert await kubectl("scale", "deployment", "d", "--replicas=2") == "deployment.apps/d scaled"


async def test_wrong_label_is_refused_in_words(lab: Lab, tmp_path: Path) -> None:
    refused = await Kubectl(lab, tmp_path, WANTED[-1]).refused("label", "namespace", "default", f"{P}warn-version=1.20")
    assert 'Invalid value: "1.20": must be "latest" or "v1.x"' in refused


async def test_configuration_gives_defaults_and_exemptions(configured: Lab, tmp_path: Path) -> None:
    kubectl = Kubectl(configured, tmp_path, WANTED[-1])
    assert await said(kubectl, "create", "deployment", "d", "--image=web") == (
        "deployment.apps/d created", [f"Warning: would violate {RESTRICTED.format('web')}"])
    assert await said(kubectl, "create", "deployment", "d", "--image=web", "-n", "kube-system") == ("deployment.apps/d created", [])
    assert await said(kubectl, "label", "namespace", "kube-system", f"{P}enforce=baseline") == ("namespace/kube-system labeled", [
        'Warning: namespace "kube-system" is exempt from Pod Security, and the policy (enforce=baseline:latest) will be ignored'])
