"""Regular expressions of schemas: RE2's syntax and matching, Go's words for what is wrong with one.

Source: pkg.go.dev/regexp/syntax
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import re2

from ..go_regexp import go_message

Search = Callable[[str], Any]

# Of one compiled expression; Go has no such bound but those on repetitions, which hold expressions below it.
_MEMORY_BYTES_MAX = 64 << 20

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
        raise PatternError(go_message(error)) from error
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
