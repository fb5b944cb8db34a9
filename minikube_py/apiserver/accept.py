"""Accept and Accept-Encoding headers, parsed: clauses in the client's order of preference.

Owns the header grammar only; which representation to send is the endpoint's decision.

Source: RFC 9110 sections 12.4 and 12.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Clause:
    """One alternative of the header: a lower-case media range or coding, its parameters without q, and its quality, 0 to 1."""

    value: str
    parameters: dict[str, str]
    quality: float

    def matches(self, media_type: str) -> bool:
        """Tell whether the media range covers `media_type` (`type/subtype`, lower case)."""
        return self.value in (media_type, "*/*") or (self.value.endswith("/*") and media_type.startswith(self.value[:-1]))


@lru_cache(maxsize=128)
def parse_accept(header: str) -> tuple[Clause, ...]:
    """Return the acceptable clauses, most wanted first; equal ones keep the header's order, those with q=0 are left out.

    An empty header accepts anything.
    """
    clauses = [_parse_clause(part) for part in header.split(",") if part.strip()]
    if not clauses:
        return (Clause("*/*", {}, 1.0),)
    wanted = [clause for clause in clauses if clause.quality > 0]
    wanted.sort(key=lambda clause: -clause.quality)
    return tuple(wanted)


def accepts_gzip(header: str) -> bool:
    """Tell whether an Accept-Encoding header allows gzip; without a header, only the identity coding is sent."""
    return bool(header) and any(clause.value in ("gzip", "*") for clause in parse_accept(header))


def _parse_clause(text: str) -> Clause:
    value, *rest = (piece.strip() for piece in text.split(";"))
    parameters: dict[str, str] = {}
    for piece in rest:
        name, _, content = piece.partition("=")
        parameters[name.strip().lower()] = content.strip().strip('"')
    return Clause(value.lower(), parameters, _quality(parameters.pop("q", "1")))


def _quality(text: str) -> float:
    """Return the weight; one that is not a number counts as 1, as clients that send it mean no preference."""
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 1.0
