"""References `$(NAME)` in commands, arguments and environment values.

A reference to an unknown name stays as it is; `$$` is a dollar sign, so `$$(NAME)` is the text `$(NAME)`.
Source: kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$(?:(\$)|\(([^)]*)\))")


def references(text: str) -> set[str]:
    """The names that `text` refers to."""
    return {match[2] for match in _REFERENCE.finditer(text) if not match[1]}


def expand(text: str, values: Mapping[str, str]) -> str:
    """`text` with each reference to a name in `values` replaced by its value."""
    if "$" not in text:
        return text

    def replace(match: re.Match[str]) -> str:
        if match[1]:
            return "$"
        return values.get(match[2], match[0])

    return _REFERENCE.sub(replace, text)
