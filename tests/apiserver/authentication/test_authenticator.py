from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from minikube_py.apiserver.authentication import ANONYMOUS, Authenticator, StaticTokens, TokenIdentity, Tokens, UserInfo
from minikube_py.apiserver.authentication import tokens as tokens_module
from minikube_py.apiserver.authentication.token_file import TokenFileError
from minikube_py.core.errors import UnauthorizedError


class FakeRequest:
    def __init__(self, headers: Mapping[str, str], path: str = "/api") -> None:
        self.headers = headers
        self.path = path
        self.transport: Any = None
        self.remarks: Sequence[tuple[str, str]] = ()
        self.warnings: Sequence[str] = ()


class CountingTokens:
    """A kind of token that knows one token and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.revoked = False

    async def authenticate_token(self, token: str, audiences: Sequence[str] = ()) -> TokenIdentity | None:
        self.asked += 1
        if self.revoked:
            raise UnauthorizedError("revoked")
        return TokenIdentity(UserInfo("jane")) if token == "good" else None


def bearer(token: str) -> FakeRequest:
    return FakeRequest({"Authorization": f"Bearer {token}"})


def token_file(tmp_path: Path, text: str) -> StaticTokens:
    path = tmp_path / "tokens.csv"
    path.write_text(text)
    return StaticTokens(path)


async def test_rows_of_the_token_file_are_users(tmp_path: Path) -> None:
    rows = 'secret-1,jane,42,"dev,ops"\nsecret-2,joe,43\n\n'
    authenticator = Authenticator(Tokens([token_file(tmp_path, rows)]))
    assert await authenticator.authenticate(bearer("secret-1")) == UserInfo("jane", "42", ("dev", "ops", "system:authenticated"))
    assert await authenticator.authenticate(bearer("secret-2")) == UserInfo("joe", "43", ("system:authenticated",))


def test_a_malformed_token_file_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(TokenFileError, match=r"tokens\.csv, line 2"):
        token_file(tmp_path, "a,b,c\nd,e\n")
    with pytest.raises(TokenFileError, match=r"absent\.csv"):
        StaticTokens(tmp_path / "absent.csv")


async def test_whoever_shows_nothing_is_anonymous(tmp_path: Path) -> None:
    authenticator = Authenticator(Tokens([]))
    assert await authenticator.authenticate(FakeRequest({})) is ANONYMOUS
    assert await authenticator.authenticate(FakeRequest({"Authorization": "Basic YTpi"})) is ANONYMOUS
    with pytest.raises(UnauthorizedError, match="Unauthorized"):
        await Authenticator(Tokens([]), anonymous=False).authenticate(FakeRequest({}))


async def test_a_wrong_token_is_not_anonymous(tmp_path: Path) -> None:
    with pytest.raises(UnauthorizedError) as caught:
        await Authenticator(Tokens([token_file(tmp_path, "secret-1,jane,42\n")])).authenticate(bearer("secret-2"))
    assert caught.value.message == "Unauthorized"


async def test_browsers_send_the_token_as_a_subprotocol() -> None:
    encoded = base64.urlsafe_b64encode(b"good").rstrip(b"=").decode()
    headers = {"Sec-WebSocket-Protocol": f"v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.{encoded}"}
    authenticator = Authenticator(Tokens([CountingTokens()]))
    assert await authenticator.authenticate(FakeRequest(headers)) == ANONYMOUS, "it is no WebSocket"
    headers |= WEB_SOCKET
    assert (await authenticator.authenticate(FakeRequest(headers))).name == "jane"
    headers["Sec-WebSocket-Protocol"] += f", base64url.bearer.authorization.k8s.io.{encoded}"
    with pytest.raises(UnauthorizedError):
        await authenticator.authenticate(FakeRequest(headers))


@pytest.mark.parametrize(("header", "name", "warned"), [
    ("Bearer good", "jane", False), ("bearer good more", "jane", False), (" BEARER good ", "jane", False),
    ("Bearer  good", "system:anonymous", True), ("Bearer ", "system:anonymous", False), ("Bearergood", "system:anonymous", False),
    ("Basic good", "system:anonymous", False),
])
async def test_a_token_stands_right_behind_the_word_bearer(header: str, name: str, warned: bool) -> None:
    request = FakeRequest({"Authorization": header})
    assert (await Authenticator(Tokens([CountingTokens()])).authenticate(request)).name == name
    text = "the provided Authorization header contains extra space before the bearer token, and is ignored"
    assert [*request.warnings] == ([text] if warned else [])


async def test_good_tokens_are_remembered_for_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(tokens_module.time, "time", lambda: now)
    kind = CountingTokens()
    tokens = Tokens([kind])
    await tokens.authenticate_token("good")
    kind.revoked = True
    now += 9
    assert (await tokens.authenticate_token("good")).user.name == "jane"
    assert kind.asked == 1
    now += 2
    with pytest.raises(UnauthorizedError, match="revoked"):
        await tokens.authenticate_token("good")


async def test_bad_tokens_are_not_remembered() -> None:
    kind = CountingTokens()
    tokens = Tokens([kind])
    for _ in range(3):
        with pytest.raises(UnauthorizedError, match="invalid bearer token"):
            await tokens.authenticate_token("bad")
    assert kind.asked == 3


async def test_the_memory_of_tokens_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    class AnyToken:
        async def authenticate_token(self, token: str, audiences: Sequence[str] = ()) -> TokenIdentity:
            return TokenIdentity(UserInfo(token))

    monkeypatch.setattr(tokens_module, "CACHE_ENTRIES_MAX", 10)
    tokens = Tokens([AnyToken()])
    for number in range(100):
        assert (await tokens.authenticate_token(str(number))).user.name == str(number)
    assert len(tokens._cache) == 10


async def test_tokens_without_audiences_are_meant_for_the_api_server() -> None:
    tokens = Tokens([CountingTokens()], audiences=["https://api"])
    assert (await tokens.authenticate_token("good", ["https://api", "vault"])).audiences == ("https://api",)
    assert (await tokens.authenticate_token("good")).audiences == ("https://api",)
    with pytest.raises(UnauthorizedError, match="invalid bearer token"):
        await tokens.authenticate_token("good", ["vault"])


async def test_reasons_of_all_kinds_are_told_once_each() -> None:
    kinds = [CountingTokens(), CountingTokens(), CountingTokens()]
    kinds[0].revoked = kinds[1].revoked = True
    with pytest.raises(UnauthorizedError) as caught:
        await Tokens(kinds).authenticate_token("bad")
    assert caught.value.message == "[invalid bearer token, revoked]"


WEB_SOCKET = {"Connection": "Upgrade", "Upgrade": "websocket"}


@pytest.mark.parametrize("headers", [
    {"Authorization": "Bearer t\udcffken"}, {"Authorization": "Bearer \u00fc"},
    {"Sec-WebSocket-Protocol": "base64url.bearer.authorization.k8s.io.\udcff", **WEB_SOCKET},
    {"Sec-WebSocket-Protocol": "base64url.bearer.authorization.k8s.io._w", **WEB_SOCKET},
])
async def test_tokens_of_strange_characters_are_refused(headers: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(UnauthorizedError):
        await Authenticator(Tokens([token_file(tmp_path, "secret-1,jane,42\n")])).authenticate(FakeRequest(headers))
