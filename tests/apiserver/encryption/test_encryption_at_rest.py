"""Secrets on the disk: never in the clear, always to be read again, whatever happens to the keys."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from minikube_py.apiserver.encryption.configuration import (
    EncryptionConfiguration,
    Identity,
    Key,
    Keys,
    Provider,
    ResourceConfiguration,
    encode_configuration,
    encode_key,
    read_configuration,
)
from minikube_py.apiserver.encryption.providers import CIPHERS, UndecipherableError
from minikube_py.apiserver.encryption.secrets_encryption import SecretsEncryption
from minikube_py.apiserver.encryption.transformer import EncryptionTransformer
from minikube_py.core.errors import BadRequestError, ConflictError
from minikube_py.store.interface import DamagedError, FullError
from minikube_py.store.sqlite import SqliteStore

WORD = b"correct horse battery staple"


def encode(obj: Any, revision: int) -> bytes:
    return b'{"value":"%s","revision":%d}' % (obj, revision)


@asynccontextmanager
async def opened(directory: Path, **options: Any) -> AsyncIterator[tuple[SqliteStore, SecretsEncryption]]:
    store, encryption = SqliteStore(directory / "state.db"), SecretsEncryption(directory / "cred" / "encryption-config.json", **options)
    await encryption.attach(store)
    await store.open()
    try:
        await encryption.bring_up_to_date()
        yield store, encryption
    finally:
        await store.close()


def on_disk(directory: Path) -> bytes:
    """All bytes that the store has in files."""
    return b"".join(file.read_bytes() for file in directory.glob("state.db*"))


async def fill(store: SqliteStore, count: int = 5) -> None:
    for number in range(count):
        await store.create("secrets", f"default/s{number}", WORD, encode)
        await store.create("configmaps", f"default/c{number}", b"plain words", encode)


def key_names(encryption: SecretsEncryption) -> list[Any]:
    keys: Any = encryption.status()["keys"]
    return [key["name"] for key in keys]


@pytest.mark.parametrize("provider", CIPHERS)
async def test_nothing_secret_is_in_the_file_or_its_log(tmp_path: Path, provider: str) -> None:
    async with opened(tmp_path, provider=provider) as (store, _):
        await fill(store)
        entry = store.get("secrets", "default/s0")
        assert entry is not None and WORD in entry.data
        await store.update("secrets", "default/s0", WORD + b"!", encode, previous=entry.revision)
        found = on_disk(tmp_path)
        assert b"plain words" in found and f"k8s:enc:{provider}:v1:".encode() in found and WORD not in found
    assert WORD not in on_disk(tmp_path)
    async with opened(tmp_path) as (store, _):
        entry = store.get("secrets", "default/s0")
        assert entry is not None and WORD + b"!" in entry.data
        assert store.count("secrets") == 5


async def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    async with opened(tmp_path):
        file = tmp_path / "cred" / "encryption-config.json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700


async def test_rotation_encrypts_with_a_new_key_and_gives_up_the_old_one_when_nothing_needs_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, encryption):
        await fill(store)
        (first,) = key_names(encryption)
        revision = store.revision
        status = await encryption.act("rotate")
        second, old = key_names(encryption)
        assert old == first != second and status["stage"] == "rotate"
        await store.create("secrets", "default/new", WORD, encode)
        found = on_disk(tmp_path)
        assert second.encode() in found and first.encode() in found
        status = await encryption.act("reencrypt")
        assert key_names(encryption) == [second] and status["stage"] == "start" and store.revision == revision + 1
        assert first.encode() not in on_disk(tmp_path) + (tmp_path / "cred" / "encryption-config.json").read_bytes()
    async with opened(tmp_path) as (store, encryption):
        assert [entry.data.count(WORD) for entry in store.list("secrets").entries] == [1] * 6
        await encryption.act("rotate-keys")
        assert second not in key_names(encryption)


@pytest.mark.parametrize("action", ["rotate", "reencrypt", "rotate-keys", "disable"])
async def test_everything_can_be_read_after_a_crash_at_any_point(tmp_path: Path, action: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process ends as soon as the action first writes its file, or first writes to the store."""

    class Crash(Exception):
        pass

    for point in ("file", "store", "forget"):
        directory = tmp_path / point
        directory.mkdir()
        async with opened(directory) as (store, encryption):
            await fill(store)
            if action == "reencrypt":
                await encryption.act("rotate")
            with monkeypatch.context() as patch:
                patch.setattr(*crash_at(point, store, encryption, Crash))
                try:
                    await encryption.act(action)
                except Crash:
                    pass
        async with opened(directory) as (store, _):
            assert [entry.data.count(WORD) for entry in store.list("secrets").entries] == [1] * 5


def crash_at(point: str, store: SqliteStore, encryption: SecretsEncryption, crash: type[Exception]) -> tuple[Any, str, Any]:
    write = encryption._write

    def write_then_crash(configuration: EncryptionConfiguration) -> None:
        write(configuration)
        raise crash

    async def fail(*_: Any) -> None:
        raise crash

    def forget() -> None:
        raise crash

    match point:
        case "file":
            return encryption, "_write", write_then_crash
        case "store":
            return store, "rewrite", fail
    return store._file, "forget", forget


async def test_store_from_before_there_were_keys_is_encrypted_and_forgets(tmp_path: Path) -> None:
    async with opened(tmp_path, enabled=False) as (store, encryption):
        await fill(store)
        assert encryption.status() == {
            "enabled": False, "stage": "start", "configuration": str(tmp_path / "cred" / "encryption-config.json"), "keys": []}
    assert WORD in on_disk(tmp_path)
    async with opened(tmp_path) as (store, _):
        assert WORD not in on_disk(tmp_path), "also not in pages that are free, and not in the log"
        assert store.count("secrets") == 5


async def test_disabling_without_keys_leaves_a_server_that_starts(tmp_path: Path) -> None:
    async with opened(tmp_path, enabled=False) as (store, encryption):
        await fill(store)
        assert (await encryption.act("disable"))["enabled"] is False
    async with opened(tmp_path, enabled=False) as (store, encryption):
        assert store.count("secrets") == 5 and key_names(encryption) == []


async def test_disabling_decrypts_with_the_next_reencryption_and_enabling_encrypts_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, encryption):
        await fill(store)
        assert (await encryption.act("disable"))["enabled"] is False
        assert WORD not in on_disk(tmp_path)
        await encryption.act("reencrypt")
        assert WORD in on_disk(tmp_path)
        assert (await encryption.act("enable"))["enabled"] is True
        await encryption.act("reencrypt")
        assert WORD not in on_disk(tmp_path)


async def test_writes_go_on_while_everything_is_encrypted_anew(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, encryption):
        await fill(store, 200)
        done = asyncio.ensure_future(encryption.act("rotate-keys"))
        entries = {entry.key: entry for entry in store.list("secrets").entries}
        for key, entry in entries.items():
            if key.endswith("7"):
                await store.delete("secrets", key, WORD, encode, previous=entry.revision)
            elif key.endswith("8"):
                entries[key] = await store.update("secrets", key, b"changed", encode, previous=entry.revision)
        await done
        expected = {key: store.get("secrets", key).data for key in entries if not key.endswith("7")}  # type: ignore[union-attr]
        (name,) = key_names(encryption)
    async with opened(tmp_path) as (store, _):
        assert {entry.key: entry.data for entry in store.list("secrets").entries} == expected
        assert on_disk(tmp_path).count(name.encode()) >= len(expected)


async def test_one_change_of_keys_at_a_time(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, encryption):
        await fill(store)
        first = asyncio.ensure_future(encryption.act("rotate-keys"))
        await asyncio.sleep(0)
        with pytest.raises(ConflictError, match="the keys are being changed"):
            await encryption.act("rotate")
        await first
        await encryption.act("rotate")
        with pytest.raises(BadRequestError, match="reencrypt first"):
            await encryption.act("rotate")
        with pytest.raises(BadRequestError, match="unknown action 'shred'"):
            await encryption.act("shred")


async def test_configuration_of_the_administrator_stands_in_place_of_own_keys(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    one, two = (Key(name, encode_key(name.encode() * 32)) for name in "ab")

    def write(*providers: Provider) -> None:
        file.write_bytes(encode_configuration(EncryptionConfiguration(resources=[
            ResourceConfiguration(["*."], [*providers, Provider(identity=Identity())])])))

    write(Provider(aescbc=Keys([one])))
    async with opened(tmp_path, given=file) as (store, encryption):
        await fill(store)
        assert b"plain words" not in on_disk(tmp_path)
        with pytest.raises(BadRequestError, match="change that file, then reencrypt"):
            await encryption.act("rotate")
        write(Provider(secretbox=Keys([two])), Provider(aescbc=Keys([one])))
        await encryption.act("reencrypt")
        assert b"aescbc" not in on_disk(tmp_path) and b"k8s:enc:secretbox:v1:b:" in on_disk(tmp_path)
        assert not (tmp_path / "cred").exists()


async def test_configuration_that_is_followed_encrypts_everything_anew_when_it_changes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "given.json"

    def give(name: str, *resources: str) -> None:
        key = Provider(aesgcm=Keys([Key(name, encode_key(name.encode() * 32))]))
        rule = ResourceConfiguration([*resources], [key, Provider(identity=Identity())])
        path.write_bytes(encode_configuration(EncryptionConfiguration(resources=[rule])))

    def counted(encryption: SecretsEncryption) -> dict[str, float]:
        return {sample.labels["status"]: sample.value for family in encryption.families() for sample in family.samples
                if sample.name == "apiserver_encryption_config_controller_automatic_reloads_total"}

    async def until_counted(encryption: SecretsEncryption, wanted: dict[str, float]) -> None:
        async with asyncio.timeout(10):
            while counted(encryption) != wanted:
                await asyncio.sleep(0.005)

    give("a", "secrets", "configmaps")
    async with opened(tmp_path, given=path, follow=True) as (store, encryption):
        running = asyncio.create_task(encryption.run())
        await fill(store)
        assert b"aesgcm:v1:a:" in on_disk(tmp_path)
        path.write_text("nonsense")
        await until_counted(encryption, {"failure": 1})
        assert "encryption configuration is not used" in caplog.text and key_names(encryption) == ["a"]
        give("b", "secrets")
        await until_counted(encryption, {"failure": 1, "success": 1})
        found = on_disk(tmp_path)
        assert b"aesgcm:v1:b:" in found and b"aesgcm:v1:a:" not in found and b"plain words" in found
        assert any(sample.labels["hash"].startswith("k8s:enc:unstable:1:") for family in encryption.families() for sample in family.samples
                   if sample.name == "apiserver_encryption_config_controller_last_config_info")
        rewrite, problems = store.rewrite, [FullError("the disk is full")]

        async def failing() -> int:
            if problems:
                raise problems.pop()
            return await rewrite()

        monkeypatch.setattr(store, "rewrite", failing)
        give("c", "secrets")
        await until_counted(encryption, {"failure": 2, "success": 1})
        assert "keys that it lacks are still needed" in caplog.text and b"aesgcm:v1:b:" in on_disk(tmp_path)
        give("d", "configmaps")
        await until_counted(encryption, {"failure": 2, "success": 2})
        assert b"aesgcm:v1:d:" in on_disk(tmp_path) and b"aesgcm:v1:b:" not in on_disk(tmp_path)
        running.cancel()
        await asyncio.wait([running])
    async with opened(tmp_path, given=path) as (store, _):
        assert store.count("secrets") == store.count("configmaps") == 5, "no key of before is needed"


async def test_store_whose_key_is_lost_is_not_opened(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        await fill(store)
    before = (tmp_path / "state.db").read_bytes()
    (tmp_path / "cred" / "encryption-config.json").unlink()
    with pytest.raises(DamagedError, match="secrets/default/s0 cannot be decrypted with the keys of the encryption configuration"):
        async with opened(tmp_path):
            pass
    with pytest.raises(DamagedError, match=r"cannot be decrypted|is encrypted"):
        async with opened(tmp_path, enabled=False):
            pass
    assert (tmp_path / "state.db").read_bytes() == before


@pytest.mark.parametrize("provider", CIPHERS)
def test_ciphertext_is_fresh_and_other_bytes_are_refused(provider: str) -> None:
    cipher = CIPHERS[provider](b"k" * 32)
    sealed = cipher.seal(WORD, b"/a")
    assert cipher.open(sealed, b"/a") == WORD and sealed != cipher.seal(WORD, b"/a")
    with pytest.raises(UndecipherableError):
        cipher.open(sealed[:-1], b"/a")
    if provider != "aescbc":  # It keeps secrets, and does not notice changes.
        with pytest.raises(UndecipherableError):
            cipher.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), b"/a")
    if provider == "aesgcm":
        with pytest.raises(UndecipherableError):
            cipher.open(sealed, b"/b")


def test_first_rule_that_names_a_resource_counts() -> None:
    def rule(name: str, *resources: str) -> ResourceConfiguration:
        return ResourceConfiguration([*resources], [Provider(aesgcm=Keys([Key(name, encode_key(b"k" * 32))]))])

    transformer = EncryptionTransformer(EncryptionConfiguration(resources=[
        ResourceConfiguration(["events"], [Provider(identity=Identity())]), rule("core", "*."),
        rule("apps", "deployments.apps"), rule("rest", "*.*"),
    ]))
    assert transformer.to_disk("events", "a/b", b"{}") == b"{}"
    for resource, key in (("pods", b"core"), ("deployments.apps", b"apps"), ("daemonsets.apps", b"rest")):
        assert transformer.to_disk(resource, "a/b", b"{}").startswith(b"k8s:enc:aesgcm:v1:" + key + b":")


def test_configuration_of_a_server_is_upstreams_form(tmp_path: Path) -> None:
    encryption = SecretsEncryption(tmp_path / "c.json", provider="secretbox")
    assert encryption.load() is not None
    (rule,) = read_configuration(tmp_path / "c.json").resources
    assert rule.resources == ["secrets"] and [provider.identity for provider in rule.providers] == [None, Identity()]
