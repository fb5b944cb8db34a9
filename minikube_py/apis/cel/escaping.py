"""Names of properties as identifiers of expressions.

Source: staging/src/k8s.io/apiserver/pkg/cel/escaping.go
"""

from __future__ import annotations

import re
from functools import lru_cache

RESERVED = frozenset({
    "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop",
    "package", "namespace", "return", "var", "void", "while",
})

_SPECIAL = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_ESCAPED = {"underscores": "__", "dot": ".", "dash": "-", "slash": "/"}
_ALLOWED = re.compile(r"[A-Za-z_./-][A-Za-z0-9_./-]*")
_TO_ESCAPE = re.compile(r"__|[./-]")
_TO_UNESCAPE = re.compile(r"__([^_]+)__")


@lru_cache(4096)
def escape(name: str) -> str | None:
    """The identifier of a property; None if it has none and rules cannot reach it."""
    if name in RESERVED:
        return f"__{name}__"
    if _ALLOWED.fullmatch(name) is None:
        return None
    return _TO_ESCAPE.sub(lambda match: _SPECIAL[match[0]], name)


@lru_cache(4096)
def unescape(identifier: str) -> str | None:
    """The property of an identifier; None if nothing escapes to it."""
    wrong = False

    def replace(match: re.Match[str]) -> str:
        nonlocal wrong
        inner = match[1]
        if inner in _ESCAPED:
            return _ESCAPED[inner]
        wrong = wrong or inner not in RESERVED or match[0] != identifier
        return inner

    name = _TO_UNESCAPE.sub(replace, identifier)
    return None if wrong else name
