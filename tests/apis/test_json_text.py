"""How deep a body is, is known before it is read, and soon."""

from __future__ import annotations

import time

import pytest

from minikube_py.apis.json_text import too_deep
from minikube_py.core import limits

LEVELS = limits.DOCUMENT_LEVELS_MAX


@pytest.mark.parametrize(("text", "deep"), [
    (b"[" * LEVELS + b"]" * LEVELS, False),
    (b"[" * (LEVELS + 1) + b"]" * (LEVELS + 1), True),
    (b'["' + b"[" * (LEVELS + 1) + b'"]', False),
    (b'["\\"' + b"[" * (LEVELS + 1) + b'"]', False),
    (b'["\\\\",' + b"[" * LEVELS + b"]" * (LEVELS + 1), True),
    (b"[]," * (LEVELS + 1), False),
])
def test_brackets_outside_of_strings_count(text: bytes, deep: bool) -> None:
    assert too_deep(text) is deep


def test_a_string_that_does_not_end_holds_nobody_up() -> None:
    text = b'"' + b'\\"' * 15_000 + b"[" * (LEVELS + 1)
    begin = time.process_time()
    assert not too_deep(text)
    assert time.process_time() - begin < 0.5
