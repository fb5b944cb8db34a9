"""Accept and Accept-Encoding headers, parsed: clauses in the client's order of preference, as upstream reads them.

Owns the header grammar only; which representation to send is the endpoint's decision.

Source: RFC 9110 sections 12.4 and 12.5; github.com/munnerz/goautoneg, whose order, and whose carelessness with q=0, clients live with.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from minikube_py.core.short_texts import remembered

# Alternatives that a header may have; further ones do not count. Upstream has no such bound, but takes them apart faster.
CLAUSES_MAX = 100
# What strconv.ParseFloat reads; anything else counts as 0.
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Clause:
    """One alternative of the header: a media range or coding, its parameters without q, and its quality."""

    value: str
    parameters: dict[str, str]
    quality: float

    def matches(self, media_type: str) -> bool:
        """Tell whether the media range covers `media_type` (`type/subtype`)."""
        return self.value in (media_type, "*/*") or (self.value.endswith("/*") and media_type.startswith(self.value[:-1]))

    def _before(self, other: Clause) -> bool:
        """Whether this clause is tried before one that stands left of it. No order in the mathematical sense."""
        kind, _, subtype = self.value.partition("/")
        other_kind, _, other_subtype = other.value.partition("/")
        return (
            self.quality > other.quality or (kind != "*" and other_kind == "*") or (subtype != "*" and other_subtype == "*")
        )


@remembered(512)
def parse_accept(header: str) -> tuple[Clause, ...]:
    """Return the clauses, most wanted first; what is no media range is left out. An empty header accepts anything."""
    if not header.strip():
        return (Clause("*/*", {}, 1.0),)
    clauses: list[Clause] = []
    for part in _parts(header):
        clause = _parse_clause(part.strip(" "))
        if clause is None:
            continue
        position = len(clauses)
        while position and clause._before(clauses[position - 1]):
            position -= 1
        clauses.insert(position, clause)
    return tuple(clauses)


def accepts_gzip(header: str) -> bool:
    """Tell whether an Accept-Encoding header allows gzip; without a header, only the identity coding is sent."""
    for coding in _parts(header):
        name, _, rest = coding.partition(";")
        if name.strip() in ("gzip", "*") and not re.fullmatch(r"\s*q=0(\.0*)?\s*", rest):
            return True
    return False


def names_gzip(header: str) -> bool:
    """Tell whether an Accept-Encoding header names gzip without conditions, which is what API answers are compressed for.

    Source: k8s.io/apiserver/pkg/endpoints/handlers/responsewriters (responseContentEncodingSupported)
    """
    return any(token.strip() == "gzip" for token in _parts(header))


def _parts(header: str) -> list[str]:
    return header.split(",", CLAUSES_MAX)[:CLAUSES_MAX]


def _parse_clause(text: str) -> Clause | None:
    value, *rest = text.split(";")
    kind, slash, subtype = value.partition("/")
    kind, subtype = kind.strip(" "), subtype.strip(" ")
    if not slash or not subtype:
        if kind != "*":
            return None
        subtype = "*"
    if "/" in subtype:
        return None
    parameters: dict[str, str] = {}
    quality = 1.0
    for piece in rest:
        name, _, content = piece.partition("=")
        if not content or "=" in content:
            continue
        if name.strip(" ") == "q":
            quality = float(content) if _FLOAT.fullmatch(content) else 0.0
        else:
            parameters[name.strip(" ")] = content.strip(" ")
    return Clause(f"{kind}/{subtype}", parameters, quality)
