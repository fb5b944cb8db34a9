"""Values of flags, as Go reads them."""

from __future__ import annotations

TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


def parse_bool(text: str) -> bool:
    """Raises: ValueError.

    Source: pkg.go.dev/strconv#ParseBool
    """
    if text not in TRUE | FALSE:
        raise ValueError("neither true nor false")
    return text in TRUE
