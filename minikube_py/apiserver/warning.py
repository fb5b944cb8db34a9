"""Warnings: what a client is told beside its answer, in Warning headers.

Whoever has a Context tells it (`Context.warn`); the door writes the headers.

Source: k8s.io/apiserver/pkg/endpoints/filters/warning.go, k8s.io/apimachinery/pkg/util/net/http.go (NewWarningHeader)
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

CODE = 299
# Characters of all warnings, beyond which each is cut.
TOTAL_MAX = 4 * 1024
ITEM_MAX = 256


def warning_headers(texts: Iterable[str]) -> list[str]:
    """The values of the Warning headers: each text once, in order, cut when there are too many; one with control characters is lost."""
    distinct = list(dict.fromkeys(filter(None, texts)))
    if sum(map(len, distinct)) <= TOTAL_MAX:
        return [header for text in distinct if (header := warning_header(text))]
    headers: list[str] = []
    written = 0
    for text in distinct:
        if written >= TOTAL_MAX:
            break
        header = warning_header(text[:ITEM_MAX])
        if header:
            headers.append(header)
            written += min(len(text), ITEM_MAX)
    return headers


def warning_header(text: str, agent: str = "-") -> str:
    """One header value, "" for a text that cannot be one."""
    if any(unicodedata.category(char) == "Cc" for char in text):
        return ""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'{CODE:03d} {agent} "{quoted}"'
