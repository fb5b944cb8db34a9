"""Random parts of names.

Source: k8s.io/apimachinery/pkg/util/rand (no vowels and no digits that look like letters, so that no words come out)
"""

from __future__ import annotations

import os

SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
SUFFIX_LENGTH = 5


def random_suffix(length: int = SUFFIX_LENGTH) -> str:
    """Random characters for a generated name, from one read of the system's source; at most 12."""
    number = int.from_bytes(os.urandom(8))
    characters = []
    for _ in range(length):
        number, digit = divmod(number, len(SUFFIX_ALPHABET))
        characters.append(SUFFIX_ALPHABET[digit])
    return "".join(characters)
