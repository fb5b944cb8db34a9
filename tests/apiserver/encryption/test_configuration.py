"""What an EncryptionConfiguration may say, and what is said of one that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from minikube_py.apiserver.encryption.configuration import EncryptionConfigurationError, encode_key, read_configuration
from minikube_py.apiserver.options import ApiServerArgs

KEY = encode_key(b"k" * 32)


def written(directory: Path, resources: Any, **more: Any) -> Path:
    file = directory / "encryption.yaml"
    document = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration", "resources": resources} | more
    file.write_text(yaml.safe_dump(document))
    return file


def rule(*providers: Any, resources: Any = ("secrets",)) -> dict[str, Any]:
    return {"resources": [*resources], "providers": [*providers]}


def keys(secret: str = KEY, name: str = "one") -> dict[str, Any]:
    return {"keys": [{"name": name, "secret": secret}]}


def test_reads_what_upstream_documents(tmp_path: Path) -> None:
    file = written(tmp_path, [
        rule({"aescbc": keys()}, {"identity": {}}, resources=["secrets", "configmaps", "pandas.awesome.bears.example"]),
        rule({"identity": {}}, resources=["events"]), rule({"aesgcm": keys(encode_key(b"k" * 16))}, resources=["*.apps"]),
        rule({"secretbox": keys()}, resources=["*.*"]),
    ])
    found = read_configuration(file)
    assert [rule.resources[0] for rule in found.resources] == ["secrets", "events", "*.apps", "*.*"]


@pytest.mark.parametrize(("resources", "message"), [
    ([], "resources: Required value: at least one resources is required"),
    ([rule({"identity": {}}, resources=())], "resources[0].resources: Required value: at least one resources[0].resources is required"),
    ([rule()], "resources[0].providers: Required value: at least one resources[0].providers is required"),
    ([rule({})], "resources[0].providers[0]: Invalid value: provider does not contain any of the expected providers"),
    ([rule({"identity": {}, "aescbc": keys()})],
     "resources[0].providers[0]: Invalid value: more than one provider specified in a single element"),
    ([rule({"aescbc": {"keys": []}})], "resources[0].providers[0].aescbc.keys: Required value: at least one keys is required"),
    ([rule({"aesgcm": keys(name="")})], "providers[0].aesgcm.keys[0].name: Required value: name is a mandatory field for a key"),
    ([rule({"aesgcm": keys("")})], "providers[0].aesgcm.keys[0].secret: Required value: secret is a mandatory field for a key"),
    ([rule({"aesgcm": keys("!!!")})], 'keys[0].secret: Invalid value: "REDACTED": secrets must be base64 encoded'),
    ([rule({"secretbox": keys(encode_key(b"k" * 16))})],
     'keys[0].secret: Invalid value: "REDACTED": secret is not of the expected length, got 16, expected one of [32]'),
    ([rule({"aescbc": keys(encode_key(b"k" * 17))})], "got 17, expected one of [16 24 32]"),
    ([rule({"identity": {}}, resources=["Secrets"])],
     'resources[0].resources[0]: Invalid value: "Secrets": resource name should not contain capital letters'),
    ([rule({"identity": {}}, resources=["*"])], "use '*.' to encrypt all the resources from core API group"),
    ([rule({"identity": {}}, resources=["secrets.*"])], "encrypting the same resource across groups is not supported"),
    ([rule({"identity": {}}, resources=["events.events.k8s.io"])], "Use 'events' instead in the config file"),
    ([rule({"identity": {}}, resources=["secrets", "secrets"])], "the same resource cannot be specified multiple times"),
    ([rule({"identity": {}}, resources=["secrets", "*."])], "using overlapping resources such as 'secrets' and '*.'"),
    ([rule({"identity": {}}, resources=["secrets", "*.*"])], "using overlapping resources"),
    ([rule({"kms": {"name": "x"}})], "resources[0].providers[0].kms: Forbidden: this server knows aesgcm"),
])
def test_says_what_is_wrong(tmp_path: Path, resources: Any, message: str) -> None:
    with pytest.raises(EncryptionConfigurationError) as refused:
        read_configuration(written(tmp_path, resources))
    assert message in str(refused.value)


@pytest.mark.parametrize(("more", "message"), [
    ({"kind": "EncryptionConfigurations"},
     'no kind "EncryptionConfigurations" is registered for version "apiserver.config.k8s.io/v1"'),
    ({"apiVersion": "v1"}, 'no kind "EncryptionConfiguration" is registered for version "v1"'),
    ({"kind": ""}, "Object 'Kind' is missing"), ({"apiVersion": ""}, "Object 'apiVersion' is missing"),
    ({"resource": []}, 'strict decoding error: unknown field "resource"'),
    ({"resources": [rule({"identity": {"keys": []}}, {"kms": {"name": "x", "pandas": "are the best"}}) | {"more": 1}]},
     'strict decoding error: unknown field "resources[0].more", unknown field "resources[0].providers[0].identity.keys", '
     'unknown field "resources[0].providers[1].kms.pandas"'),
])
def test_refuses_other_documents(tmp_path: Path, more: Any, message: str) -> None:
    file = written(tmp_path, **{"resources": [rule({"identity": {}})]} | more)
    with pytest.raises(EncryptionConfigurationError) as refused:
        read_configuration(file)
    assert str(refused.value) == (
        f'error while parsing file: error decoding encryption provider configuration file "{file}": {message}')


def test_refuses_names_that_occur_twice(tmp_path: Path) -> None:
    file = written(tmp_path, [rule({"identity": {}})])
    file.write_text(file.read_text() + "resources: []\n")
    with pytest.raises(EncryptionConfigurationError) as refused:
        read_configuration(file)
    assert str(refused.value).endswith(
        ': strict decoding error: yaml: unmarshal errors:\n  line 8: key "resources" already set in map')


def test_reads_what_upstream_once_documented_by_mistake(tmp_path: Path) -> None:
    file = written(tmp_path, [rule({"identity": {}})], apiVersion="v1", kind="EncryptionConfig")
    assert read_configuration(file).resources[0].resources == ["secrets"]


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(EncryptionConfigurationError) as refused:
        read_configuration(written(tmp_path, [rule(resources=["*.", "*."])]))
    assert str(refused.value) == (
        'error while parsing file: [resources[0].resources: Invalid value: ["*.","*."]: the same resource cannot be specified multiple '
        'times, resources[0].resources: Invalid value: ["*.","*."]: using overlapping resources such as \'secrets\' and \'*.\' in the same '
        "resource list is not allowed as they will be masked, resources[0].providers: Required value: at least one "
        "resources[0].providers is required]")


def test_errors_never_quote_the_file(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(f"resources:\n- secret: {KEY}\n  : [\n")
    with pytest.raises(EncryptionConfigurationError, match="line ") as refused:
        read_configuration(file)
    assert KEY not in str(refused.value)
    file.write_text(f"kind: EncryptionConfiguration\nresources:\n- secret: {KEY}\n")
    with pytest.raises(EncryptionConfigurationError, match=r"Object 'apiVersion' is missing$"):
        read_configuration(file)
    for line in (f"resources: {KEY}", f"secret: !!int {KEY}", f"{{secret: {KEY}}}: 1", f"? {{secret: {KEY}}}\n: 1"):
        file.write_text(f"apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\n{line}\n")
        with pytest.raises(EncryptionConfigurationError) as refused:
            read_configuration(file)
        assert KEY not in str(refused.value)


def test_a_file_that_cannot_be_read_or_is_empty_is_told(tmp_path: Path) -> None:
    file = tmp_path / "absent"
    with pytest.raises(EncryptionConfigurationError) as refused:
        read_configuration(file)
    assert str(refused.value) == (
        f'error while parsing file: error while loading file: error reading encryption provider configuration file "{file}": '
        f"open {file}: no such file or directory")
    file.touch()
    with pytest.raises(EncryptionConfigurationError) as refused:
        read_configuration(file)
    assert str(refused.value).endswith(f': encryption provider configuration file "{file}" is empty')


def test_only_a_given_configuration_can_be_followed() -> None:
    with pytest.raises(ValueError, match=r"^--encryption-provider-config-automatic-reload must be set with --encryption-provider-config$"):
        ApiServerArgs.parse(["encryption-provider-config-automatic-reload=true"])
    args = ApiServerArgs.parse(["encryption-provider-config=/c", "encryption-provider-config-automatic-reload"])
    assert args.encryption_provider_config_automatic_reload
