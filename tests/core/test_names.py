"""Names and uids are random, in upstream's form, and no two are made of the same randomness."""

from __future__ import annotations

import uuid

from minikube_py.core import names


def test_uids_are_random_uuids_and_no_two_are_the_same() -> None:
    count = 3 * names.PAGE_BYTES // 16
    uids = [names.random_uid() for _ in range(count)]
    assert len({*uids}) == count
    for uid in uids:
        parsed = uuid.UUID(uid)
        assert str(parsed) == uid and parsed.version == 4 and parsed.variant == uuid.RFC_4122
    assert all(len({uid[place] for uid in uids}) > 1 for place in range(36) if place not in (8, 13, 14, 18, 23))


def test_suffixes_have_the_length_asked_for_and_no_letters_that_make_words() -> None:
    suffixes = [names.random_suffix() for _ in range(1000)] + [names.random_suffix(12) for _ in range(1000)]
    assert {len(suffix) for suffix in suffixes} == {5, 12} and {*"".join(suffixes)} == {*names.SUFFIX_ALPHABET}
    assert len({*suffixes[1000:]}) == 1000


def test_randomness_is_used_once_whatever_is_taken_of_it() -> None:
    pages = names._Pages()
    taken = [pages.take(count) for count in (8, 16, 8) * 500]
    assert [len(part) for part in taken] == [8, 16, 8] * 500 and len({*taken}) == len(taken)
