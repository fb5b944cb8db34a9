"""Regular expressions in the syntax of RE2, matched by RE2 itself: time is linear in the text and memory is bounded.

Source: github.com/google/re2 wiki/Syntax; staging/src/k8s.io/apiserver/pkg/cel/library/regex.go
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ..go_regexp import go_message
from .errors import CelError

# Memory of one compiled expression; a good thousand states.
_MEMORY_BYTES_MAX = 2 << 20


@lru_cache(256)
def compile_pattern(pattern: str) -> Any:
    """A compiled expression.

    Raises: CelError.
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY_BYTES_MAX
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise CelError(go_message(error)) from error


def matches(text: str, pattern: str) -> bool:
    return compile_pattern(pattern).search(text) is not None


def find(text: str, pattern: str) -> str:
    """The first match, "" if there is none."""
    match = compile_pattern(pattern).search(text)
    return match.group() if match is not None else ""


def find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    """Matches from left to right, at most `limit` unless that is negative. An empty match right behind another is none."""
    expression = compile_pattern(pattern)
    found: list[str] = []
    at, last_end = 0, -1
    while at <= len(text) and (limit < 0 or len(found) < limit):
        match = expression.search(text, at)
        if match is None:
            break
        start, end = match.span()
        if start < end or end != last_end:
            found.append(match.group())
        last_end = end
        at = end if end > start else end + 1
    return found
