"""Regular expressions of schemas: RE2's syntax and matching, Go's words for what is wrong with one.

Source: pkg.go.dev/regexp/syntax
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import re2

Search = Callable[[str], Any]

# Of one compiled expression; Go has no such bound but those on repetitions, which hold expressions below it.
_MEMORY_BYTES_MAX = 64 << 20
# RE2's own words -> Go's.
_GO_WORDS = {
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "trailing \\": "trailing backslash at end of expression",
    "no argument for repetition operator": "missing argument to repetition operator",
    "invalid repetition size": "invalid repeat count",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
}


class PatternError(ValueError):
    """A pattern that does not parse; the text is that of Go's regexp.Compile."""


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY_BYTES_MAX
    return options


@lru_cache(4096)
def compile_pattern(pattern: str) -> Search:
    """A function that is true for texts in which the pattern occurs. Matching takes time linear in the text.

    Raises: PatternError.
    """
    options = _options()
    try:
        expression = re2.compile(pattern, options)
    except re2.error as error:
        raise PatternError(_go_message(error)) from error
    # A set of one answers without making match objects, several times faster. It gives up where its automaton outgrows its memory,
    # which looks like no match: then the expression itself decides.
    # Large expressions make none.
    quick = re2.Set.SearchSet(options)
    quick.Add(pattern)
    try:
        quick.Compile()
    except re2.error:
        return expression.search  # type: ignore[no-any-return]
    match_quick, search = quick.Match, expression.search

    def found(text: str) -> Any:
        return match_quick(text) or search(text)

    return found


def _go_message(error: Exception) -> str:
    raw = error.args[0]
    text = raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)
    what, colon, where = text.partition(": ")
    what = _GO_WORDS.get(what, what)
    return f"error parsing regexp: {what}: `{where}`" if colon else f"error parsing regexp: {what}"
