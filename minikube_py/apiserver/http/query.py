"""Query parameters, typed as upstream's option structs are.

Source: k8s.io/apimachinery/pkg/apis/meta/v1 (ListOptions, CreateOptions, ...), conversion of booleans and integers in
k8s.io/apimachinery/pkg/conversion/queryparams.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from minikube_py.apis.syntax import quote
from minikube_py.core.errors import BadRequestError
from minikube_py.core.short_texts import remembered

INTEGER = re.compile(r"[+-]?[0-9]+").fullmatch
INTEGER_MAX = 2**63
# A query with more parameters has none. Source: pkg.go.dev/net/url (GODEBUG urlmaxqueryparams)
PARAMETERS_MAX = 10_000


class Query:
    """The parameters of one request; the first of several values counts, as upstream."""

    __slots__ = ("_values", "all")

    def __init__(self, text: str) -> None:
        self.all: list[tuple[str, str]] = (
            parse_qsl(text, keep_blank_values=True) if text and text.count("&") < PARAMETERS_MAX else [])
        self._values: dict[str, str] = {}
        for name, value in self.all:
            self._values.setdefault(name, value)

    def text(self, name: str) -> str:
        return self._values.get(name, "")

    def has(self, name: str) -> bool:
        return name in self._values

    def flag(self, name: str) -> bool:
        """A boolean: absent, "0" and "false" are false."""
        value = self._values.get(name)
        return value is not None and value.lower() not in ("false", "0")

    def number(self, name: str) -> int | None:
        """An integer of 64 bits, or None if the parameter is absent.

        Raises: BadRequestError if it is none.
        """
        value = self._values.get(name)
        if value is None:
            return None
        if not INTEGER(value):
            raise BadRequestError(f"strconv.ParseInt: parsing {quote(value)}: invalid syntax")
        # The digits are bounded before they are read: reading takes its time.
        number = int(value) if len(value) <= 20 else INTEGER_MAX
        if not -INTEGER_MAX <= number < INTEGER_MAX:
            raise BadRequestError(f"strconv.ParseInt: parsing {quote(value)}: value out of range")
        return number

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.all if key == name]


@remembered(1024)
def parse_query(text: str) -> Query:
    """The query string's parameters."""
    return Query(text)
