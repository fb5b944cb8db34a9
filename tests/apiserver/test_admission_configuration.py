"""Which configuration a plugin finds in the file of all plugins, and what is said of a wrong one.

Source: k8s.io/apiserver/pkg/admission/config_test.go, staging/src/k8s.io/pod-security-admission/admission/api/load/load_test.go
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from minikube_py.apiserver.admission.configuration import PluginConfigurations
from minikube_py.apiserver.admission.pod_security import PodSecurity
from minikube_py.apiserver.configuration import ConfigurationError
from minikube_py.store.memory import MemoryStore

HEAD = "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\n"
KIND = {"apiVersion": "pod-security.admission.config.k8s.io/v1", "kind": "PodSecurityConfiguration"}


def read(folder: Path, text: str) -> PluginConfigurations:
    path = folder / "admission.yaml"
    path.write_text(text)
    return PluginConfigurations.read(path)


def test_no_file_is_no_configuration() -> None:
    assert PluginConfigurations.read(None).of("PodSecurity") is None


def test_configuration_stands_in_the_file_or_in_one_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "quota.yaml").write_text("kind: ResourceQuotaConfiguration")
    found = read(tmp_path, HEAD + f"""
plugins:
- {{name: EventRateLimit, configuration: {{kind: Configuration, limits: [{{type: Server}}]}}, path: /nowhere}}
- {{name: ResourceQuota, path: quota.yaml}}
- {{name: PodNodeSelector, path: {tmp_path}/quota.yaml}}
- {{name: EventRateLimit, configuration: {{kind: Second}}}}
- {{name: PodSecurity}}
""")
    assert found.of("EventRateLimit") == {"kind": "Configuration", "limits": [{"type": "Server"}]}
    assert found.of("ResourceQuota") == found.of("PodNodeSelector") == {"kind": "ResourceQuotaConfiguration"}
    assert found.of("PodSecurity") is found.of("Unknown") is None


def test_json_the_older_version_and_unknown_fields_are_taken(tmp_path: Path) -> None:
    text = '{"apiVersion": "apiserver.k8s.io/v1alpha1", "kind": "AdmissionConfiguration", "later": 1, "plugins": null}'
    assert read(tmp_path, text).of("PodSecurity") is None


def test_files_of_before_are_those_of_two_plugins(tmp_path: Path) -> None:
    found = read(tmp_path, "imagePolicy: {defaultAllow: true}")
    assert found.of("ImagePolicyWebhook") == found.of("PodNodeSelector") == {"imagePolicy": {"defaultAllow": True}}
    assert found.of("PodSecurity") is None


@pytest.mark.parametrize(("text", "problem"), [
    ("", "Object 'Kind' is missing in 'null'"),
    ("kind: AdmissionConfiguration", """Object 'apiVersion' is missing in '{"kind":"AdmissionConfiguration"}'"""),
    ("kind: A\napiVersion: apiserver.config.k8s.io/v1", 'no kind "A" is registered for version "apiserver.config.k8s.io/v1"'),
    ("kind: AdmissionConfiguration\napiVersion: v9", 'no kind "AdmissionConfiguration" is registered for version "v9"'),
    (HEAD + "plugins: [{name: 1}]", 'AdmissionConfiguration in version "apiserver.config.k8s.io/v1" cannot be handled: Expected `str`'),
    (HEAD + "plugins: [", "yaml: "),
])
def test_wrong_file_is_told(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read(tmp_path, text)
    assert problem in str(refused.value)


def test_missing_files_are_told(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    with pytest.raises(ConfigurationError) as refused:
        PluginConfigurations.read(path)
    assert str(refused.value) == (
        f'unable to read admission control configuration from "{path}" [open {path}: no such file or directory]')
    with pytest.raises(ConfigurationError, match="unable to read the configuration of admission plugin A from"):
        read(tmp_path, HEAD + "plugins: [{name: A, path: none.yaml}]")


def test_wrong_file_of_a_plugin_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: 1\na: 2")
    with pytest.raises(ConfigurationError) as refused:
        read(tmp_path, HEAD + "plugins: [{name: A, path: a.yaml}]")
    assert str(refused.value).startswith(f"{tmp_path}/a.yaml: strict decoding error: ") and '"a" already set in map' in str(refused.value)


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha1"])
def test_configuration_of_pod_security_is_taken_in_all_versions(version: str) -> None:
    PodSecurity.configured(MemoryStore(), {**KIND, "apiVersion": f"pod-security.admission.config.k8s.io/{version}"})
    with pytest.raises(ConfigurationError, match="no kind"):
        PodSecurity.configured(MemoryStore(), {**KIND, "apiVersion": f"pod-security.admission.config.k8s.io/{version}x"})


@pytest.mark.parametrize(("document", "problem"), [
    ({"kind": "PodSecurityConfiguration"}, "Object 'apiVersion' is missing"),
    ({**KIND, "kind": "SomeConfiguration"}, 'no kind "SomeConfiguration" is registered'),
    ({**KIND, "deflaults": {}}, 'strict decoding error: unknown field "deflaults"'),
    ({**KIND, "defaults": {"enforced": "baseline"}, "exemptions": {"users": []}},
     'strict decoding error: unknown field "defaults.enforced", unknown field "exemptions.users"'),
    ({**KIND, "defaults": {"enforce": "baslein"}},
     'PodSecurity invalid: defaults.enforce: Invalid value: "baslein": must be one of privileged, baseline, restricted'),
])
def test_wrong_configuration_of_pod_security_is_told(document: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        PodSecurity.configured(MemoryStore(), document)
    assert problem in str(refused.value)
