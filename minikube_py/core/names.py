"""Random parts of names, and uids.

Randomness is read from the system a page at a time: a read lets go of the interpreter lock, which another thread may then hold for a while.

Source: k8s.io/apimachinery/pkg/util/rand (no vowels and no digits that look like letters, so that no words come out), RFC 9562 section 5.4
"""

from __future__ import annotations

import os

SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
SUFFIX_LENGTH = 5
PAGE_BYTES = 4096


class _Pages:
    """Random bytes, none of them given out twice."""

    def __init__(self) -> None:
        self._page = b""
        self._used = 0

    def take(self, count: int) -> bytes:
        start = self._used
        end = self._used = start + count
        if end > len(self._page):
            self._page = os.urandom(PAGE_BYTES)
            start, self._used = 0, count
            end = count
        return self._page[start:end]


_random = _Pages()


def random_suffix(length: int = SUFFIX_LENGTH) -> str:
    """Random characters for a generated name; at most 12."""
    number = int.from_bytes(_random.take(8))
    characters = []
    for _ in range(length):
        number, digit = divmod(number, len(SUFFIX_ALPHABET))
        characters.append(SUFFIX_ALPHABET[digit])
    return "".join(characters)


def random_uid() -> str:
    """A random UUID (version 4) as objects have it."""
    digits = _random.take(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{'89ab'[int(digits[16], 16) & 3]}{digits[17:20]}-{digits[20:]}"
