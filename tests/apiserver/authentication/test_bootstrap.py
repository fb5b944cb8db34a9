from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from minikube_py.apis import core_v1
from minikube_py.apiserver.authentication.bootstrap import BootstrapTokens, new_token, token_secret
from minikube_py.core.errors import UnauthorizedError

TOKEN = "abcdef.0123456789abcdef"


class FixedClock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 6, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


class World:
    def __init__(self, secret: core_v1.Secret | None, clock: FixedClock) -> None:
        self.secret = secret
        self.tokens = BootstrapTokens(self.get, clock)

    def get(self, kind: str, namespace: str, name: str) -> core_v1.Secret | None:
        secret = self.secret
        if secret is None or (kind, namespace, name) != ("Secret", secret.metadata.namespace, secret.metadata.name):
            return None
        return secret


def world(**options: object) -> tuple[World, FixedClock]:
    clock = FixedClock()
    return World(token_secret(TOKEN, ttl=timedelta(hours=1), clock=clock, **options), clock), clock  # type: ignore[arg-type]


async def test_a_token_stands_for_a_bootstrapper() -> None:
    here, clock = world(groups=("system:bootstrappers:b", "system:bootstrappers:a"))
    identity = await here.tokens.authenticate_token(TOKEN)
    assert identity is not None
    assert identity.user.name == "system:bootstrap:abcdef"
    assert identity.user.groups == ("system:bootstrappers", "system:bootstrappers:a", "system:bootstrappers:b")
    assert identity.expires_at == (clock.now() + timedelta(hours=1)).timestamp()


async def test_a_token_ends_at_its_time() -> None:
    here, clock = world()
    clock.moment += timedelta(hours=1)
    with pytest.raises(UnauthorizedError, match="expired"):
        here.tokens.identify(TOKEN)


async def test_wrong_unknown_and_unusable_tokens_are_refused() -> None:
    here, _ = world(usages=("signing",))
    with pytest.raises(UnauthorizedError, match="not meant for authentication"):
        here.tokens.identify(TOKEN)
    with pytest.raises(UnauthorizedError, match="invalid bearer token"):
        here.tokens.identify("abcdef.0123456789abcdee")
    with pytest.raises(UnauthorizedError, match="invalid bearer token"):
        here.tokens.identify("zzzzzz.0123456789abcdef")
    assert here.secret is not None
    here.secret.type = "Opaque"
    with pytest.raises(UnauthorizedError, match="invalid bearer token"):
        here.tokens.identify(TOKEN)


async def test_an_unreadable_end_ends_the_token() -> None:
    here, _ = world()
    assert here.secret is not None
    here.secret.data["expiration"] = b"tomorrow"
    with pytest.raises(UnauthorizedError, match="malformed expiration"):
        here.tokens.identify(TOKEN)


async def test_clients_of_the_api_are_not_told_what_is_wrong_with_a_token() -> None:
    here, clock = world(usages=("signing",))
    assert await here.tokens.authenticate_token(TOKEN) is None
    assert await here.tokens.authenticate_token("abcdef.0123456789abcdee") is None
    clock.moment += timedelta(hours=1)
    assert await here.tokens.authenticate_token(TOKEN) is None


async def test_other_kinds_of_tokens_are_left_to_others() -> None:
    here, _ = world()
    assert await here.tokens.authenticate_token("ABCDEF.0123456789abcdef") is None
    assert await here.tokens.authenticate_token("secret") is None


def test_malformed_tokens_and_groups_make_no_secret() -> None:
    with pytest.raises(ValueError, match="not of the form"):
        token_secret("short", ttl=None)
    with pytest.raises(ValueError, match="bootstrap group"):
        token_secret(TOKEN, ttl=None, groups=("system:masters",))


def test_fresh_tokens_are_well_formed_and_differ() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    for text in tokens:
        token_secret(text, ttl=None)
