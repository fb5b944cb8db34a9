"""Query parameters, typed as upstream's option structs are.

Source: k8s.io/apimachinery/pkg/apis/meta/v1 (ListOptions, CreateOptions, ...), conversion of booleans and integers in
k8s.io/apimachinery/pkg/conversion/queryparams.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import parse_qsl

from minikube_py.core.errors import BadRequestError

INTEGER = re.compile(r"[+-]?[0-9]{1,18}").fullmatch
REVISION = re.compile(r"[0-9]{1,19}").fullmatch


def parse_revision(text: str) -> int:
    """The number of a resourceVersion.

    Raises: BadRequestError if it is none. (Upstream has the same words with status 500, which its makers call a bug.)
    """
    if not REVISION(text):
        raise BadRequestError(f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax')
    return int(text)


class Query:
    """The parameters of one request; the first of several values counts, as upstream."""

    __slots__ = ("_values", "all")

    def __init__(self, text: str) -> None:
        self.all: list[tuple[str, str]] = parse_qsl(text, keep_blank_values=True) if text else []
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
        """An integer, or None.

        Raises: BadRequestError if it is none.
        """
        value = self._values.get(name, "")
        if not value:
            return None
        if not INTEGER(value):
            raise BadRequestError(f'strconv.ParseInt: parsing "{value}": invalid syntax')
        return int(value)

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.all if key == name]

    def dry_run(self) -> bool:
        """Whether the request is a dry run.

        Raises: BadRequestError for anything but "All".
        """
        for value in self.values("dryRun"):
            if value != "All":
                raise BadRequestError(f'dryRun: Unsupported value: "{value}": supported values: "All"')
        return "dryRun" in self._values


@lru_cache(maxsize=1024)
def parse_query(text: str) -> Query:
    """The query string's parameters; parsed once per distinct text."""
    return Query(text)
