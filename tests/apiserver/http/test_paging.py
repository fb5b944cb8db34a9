"""Lists in pages."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minikube_py.apiserver.http.paging import Pager, Token
from minikube_py.core import limits
from minikube_py.core.errors import BadRequestError, ExpiredError
from minikube_py.store.interface import CompactedError, Entry, Listing

SCOPE = ("pods", "", "", "")


def forgotten(revision: int) -> Listing:
    raise CompactedError(f"nothing is known of {revision}")


def listing(count: int, revision: int = 9) -> Listing:
    return Listing([Entry(f"n/p{number:03}", number + 1, b"{}", None, number) for number in range(count)], revision)


@given(count=st.integers(0, 40), limit=st.integers(1, 12))
def test_pages_make_the_whole_list(count: int, limit: int) -> None:
    pager, whole = Pager(), listing(count)
    page = pager.first(SCOPE, whole, limit, selected=False)
    seen = [*page.entries]
    while "continue" in page.metadata:
        assert page.metadata["remainingItemCount"] == count - len(seen)
        page = pager.next(SCOPE, page.metadata["continue"], listing(0, 50), limit, selected=False, past=forgotten)
        seen += page.entries
    assert seen == whole.entries and page.metadata["resourceVersion"] == "9"


def test_token_is_good_for_its_own_list_only() -> None:
    pager = Pager()
    token = pager.first(SCOPE, listing(5), 2, selected=False).metadata["continue"]
    with pytest.raises(ExpiredError):
        pager.next(("secrets", "", "", ""), token, listing(5), 2, selected=False, past=forgotten)


def test_expired_token_goes_on_with_the_present(monkeypatch: pytest.MonkeyPatch) -> None:
    pager = Pager()
    token = pager.first(SCOPE, listing(5), 2, selected=False).metadata["continue"]
    with monkeypatch.context() as later:
        later.setattr("minikube_py.apiserver.http.paging.time.monotonic", lambda: 1e12)
        with pytest.raises(ExpiredError) as expired:
            pager.next(SCOPE, token, listing(5), 2, selected=False, past=forgotten)
    page = pager.next(SCOPE, expired.value.list_continue, listing(6, 20), 0, selected=False, past=forgotten)
    assert [entry.key for entry in page.entries] == ["n/p002", "n/p003", "n/p004", "n/p005"]
    assert page.metadata["resourceVersion"] == "20"
    assert expired.value.status()["metadata"]["continue"] == expired.value.list_continue


def test_the_pages_after_an_expired_token_are_of_one_revision() -> None:
    pager = Pager()
    after = Token(-1, "n/p001").encode()
    page = pager.next(SCOPE, after, listing(9, 20), 3, selected=False, past=forgotten)
    seen = [*page.entries]
    assert (page.metadata["resourceVersion"], page.metadata["remainingItemCount"]) == ("20", 4)
    while "continue" in page.metadata:
        page = pager.next(SCOPE, page.metadata["continue"], listing(0, 50), 3, selected=False, past=forgotten)
        assert page.metadata["resourceVersion"] == "20"
        seen += page.entries
    assert [entry.key for entry in seen] == [f"n/p{number:03}" for number in range(2, 9)]


def test_token_expires_although_the_past_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [1000.0]
    monkeypatch.setattr("minikube_py.apiserver.http.paging.time.monotonic", lambda: moment[0])
    pager = Pager()
    old = pager.first(SCOPE, listing(5, 9), 2, selected=False).metadata["continue"]
    moment[0] += limits.CONTINUE_TOKEN_S / 2
    young = pager.first(SCOPE, listing(5, 12), 2, selected=False).metadata["continue"]
    moment[0] += limits.CONTINUE_TOKEN_S / 2 + 1

    def go_on(scope: tuple[str, ...], token: str) -> str:
        page = pager.next(scope, token, listing(5, 30), 2, selected=False, past=lambda revision: listing(5, revision))
        return str(page.metadata["resourceVersion"])

    for scope in (SCOPE, ("pods", "", "a=b", "")):
        with pytest.raises(ExpiredError):
            go_on(scope, old)
        assert go_on(scope, young) == "12"


def test_snapshots_are_bounded_and_the_oldest_goes() -> None:
    pager = Pager()
    tokens = [pager.first(SCOPE, listing(3, revision), 1, selected=False).metadata["continue"]
              for revision in range(1, limits.CONTINUE_SNAPSHOTS_MAX + 20)]
    assert len(pager._snapshots) <= limits.CONTINUE_SNAPSHOTS_MAX
    with pytest.raises(ExpiredError):
        pager.next(SCOPE, tokens[0], listing(0), 1, selected=False, past=forgotten)
    assert pager.next(SCOPE, tokens[-1], listing(0), 1, selected=False, past=forgotten).entries[0].key == "n/p001"


def test_short_list_pins_nothing() -> None:
    pager = Pager()
    pager.first(SCOPE, listing(2), 2, selected=False)
    assert not pager._snapshots


def test_remaining_items_are_not_told_under_a_selector() -> None:
    assert "remainingItemCount" not in Pager().first(SCOPE, listing(5), 2, selected=True).metadata


def test_token_of_other_selectors_goes_on_as_long_as_the_past_is_known() -> None:
    pager = Pager()
    token = pager.first(SCOPE, listing(9), 2, selected=False).metadata["continue"]
    page = pager.next((*SCOPE[:2], "a=b", ""), token, listing(0), 3, selected=True, past=lambda revision: listing(9, revision))
    assert [entry.key for entry in page.entries] == ["n/p002", "n/p003", "n/p004"] and page.metadata["resourceVersion"] == "9"


def packed(document: str) -> str:
    return base64.urlsafe_b64encode(document.encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(("text", "why"), [
    ("x", "illegal base64 data at input byte 0"),
    ("abcde", "illegal base64 data at input byte 4"),
    ("ab=", "illegal base64 data at input byte 2"),
    ("é", "illegal base64 data at input byte 0"),
    (packed("nope"), "invalid character 'o' in literal null (expecting 'u')"),
    (packed('{"v":'), "unexpected end of JSON input"),
    (packed("[]"), "json: cannot unmarshal array into Go value of type storage.continueToken"),
    (packed('{"v":"meta.k8s.io/v1","rv":"1","start":"a"}'),
     "json: cannot unmarshal string into Go struct field continueToken.rv of type int64"),
    (packed('{"v":"v9","rv":1,"start":"a"}'), "server does not recognize this encoded version v9"),
    (packed('{"v":"meta.k8s.io/v1","start":"a"}'), "incorrect encoded start resourceVersion (version meta.k8s.io/v1)"),
    (packed('{"v":"meta.k8s.io/v1","rv":1}'), "encoded start key empty (version meta.k8s.io/v1)"),
    (packed('{"v":"meta.k8s.io/v1","rv":1,"start":"a/../../secrets"}'), "a/../../secrets"),
])
def test_messages_about_tokens_are_gos(text: str, why: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        Token.decode(text)
    assert refused.value.message == f"invalid continue token: continue key is not valid: {why}"


@given(st.text(max_size=60))
def test_what_is_no_token_is_a_bad_request(text: str) -> None:
    try:
        token = Token.decode(text)
    except BadRequestError:
        return
    assert isinstance(token.revision, int)
