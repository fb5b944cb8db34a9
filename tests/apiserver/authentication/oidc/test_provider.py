from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from minikube_py.apiserver.authentication.jws import SigningKey
from minikube_py.apiserver.authentication.oidc import provider as module
from minikube_py.apiserver.authentication.oidc.provider import Provider, ProviderError

from .issuer import Issuer

WELL_KNOWN = "/.well-known/openid-configuration"


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    monkeypatch.setattr(module, "time", made)
    return made


@pytest.fixture
async def provider(issuer: Issuer) -> AsyncIterator[Provider]:
    made = Provider(issuer.url, authorities=issuer.ca)
    yield made
    await made.close()


async def test_keys_are_found_by_discovery_once_for_all_who_ask_first(issuer: Issuer, provider: Provider) -> None:
    assert issuer.asked == []
    found = await asyncio.gather(*(provider.keys(issuer.key.key_id) for _ in range(5)))
    assert all(len(keys) == 1 for keys in found)
    assert issuer.asked == [WELL_KNOWN, "/keys"]
    assert await provider.keys("other") == []
    assert len(await provider.keys("")) == 1
    assert len(issuer.asked) == 2


async def test_another_look_is_taken_at_most_every_ten_seconds(issuer: Issuer, provider: Provider, time: Time) -> None:
    await provider.keys("")
    issuer.rotate()
    issuer.published.append(issuer.key.jwk())
    for _ in range(20):
        assert await provider.newer_keys(issuer.key.key_id) == []
    assert len(issuer.asked) == 2
    time.now += 11
    assert len(await provider.newer_keys(issuer.key.key_id)) == 1
    assert len(issuer.asked) == 4


async def test_a_provider_that_fails_is_asked_again_later_and_keeps_its_keys(
    issuer: Issuer, provider: Provider, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.down = True
    for _ in range(5):
        with pytest.raises(ProviderError, match="authenticator not initialized"):
            await provider.keys("")
    assert len(issuer.asked) == 1
    assert "503" in caplog.text
    issuer.down = False
    time.now += 11
    assert len(await provider.keys("")) == 1
    issuer.down = True
    time.now += 11
    assert len(await provider.newer_keys("")) == 1


async def test_old_keys_serve_while_they_are_renewed(issuer: Issuer, provider: Provider, time: Time) -> None:
    await provider.keys("")
    issuer.rotate()
    issuer.published = [issuer.key.jwk()]
    time.now += module.KEYS_LIFE_S + 1
    assert await provider.keys(issuer.key.key_id) == []
    assert provider._fetching is not None
    await provider._fetching
    assert len(await provider.keys(issuer.key.key_id)) == 1


@pytest.mark.parametrize(("configuration", "why"), [
    ({"issuer": "https://other.example"}, "issuer did not match the issuer returned by provider"), ({"jwks_uri": 7}, "Expected `str`"),
    ({"jwks_uri": "no address"}, "reason=no"), ({"jwks_uri": ""}, ""),
])
async def test_a_configuration_that_is_wrong_gives_no_keys(
    issuer: Issuer, provider: Provider, configuration: dict[str, Any], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.configuration = configuration
    with pytest.raises(ProviderError):
        await provider.keys("")
    assert why in caplog.text


async def test_a_provider_of_another_authority_is_not_believed(issuer: Issuer) -> None:
    provider = Provider(issuer.url)
    with pytest.raises(ProviderError):
        await provider.keys("")
    assert issuer.asked == []
    await provider.close()


async def test_answers_have_a_bound(issuer: Issuer, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_BYTES_MAX", 100)
    issuer.configuration = {"more": "x" * 200}
    with pytest.raises(ProviderError):
        await provider.keys("")


async def test_configuration_may_lie_elsewhere(issuer: Issuer) -> None:
    provider = Provider(issuer.url, authorities=issuer.ca, discovery_url=f"{issuer.url}/else/openid-configuration")
    assert len(await provider.keys("")) == 1
    assert issuer.asked == ["/else/openid-configuration", "/keys"]
    await provider.close()


async def test_keys_that_cannot_be_used_are_passed_over(issuer: Issuer, provider: Provider) -> None:
    curve = SigningKey(ec.generate_private_key(ec.SECP384R1())).jwk()
    issuer.published += [
        {"kty": "OKP", "kid": "a"}, {"kty": "RSA", "kid": "b"}, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "RSA", "n": 1, "e": 2}, {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}, curve,
    ]
    assert len(await provider.keys("")) == 2
    assert len(await provider.keys(curve["kid"])) == 1
