"""The numbers that clients see as resourceVersions.

What is none is answered as upstream does: in Go's words, and, but for lists, as an error of the server that has no reason.
Source: k8s.io/apiserver/pkg/storage/api_object_versioner.go, storage/storage.go (ValidateListOptions), Go's strconv.ParseUint
"""

from __future__ import annotations

import re

from minikube_py.apis.syntax import quote
from minikube_py.core.errors import BadRequestError, UnreasonedError

_DIGITS = re.compile(r"[0-9]+").fullmatch
_BITS = 64


def parse_version(text: str) -> int:
    """The number of an object's own resourceVersion.

    Raises: UnreasonedError if it is none.
    """
    number, problem = _unsigned(text)
    if problem:
        raise UnreasonedError(problem)
    return number


def parse_requested(text: str, *, listing: bool = False) -> int:
    """The number of a resourceVersion that is asked for.

    Args:
        listing: whether it is asked of a list, rather than of one object or a watch.
    Raises: UnreasonedError or, for a list, BadRequestError if it is none.
    """
    number, problem = _unsigned(text)
    if not problem:
        return number
    message = f"resourceVersion: Invalid value: {quote(text)}: {problem}"
    if listing:
        raise BadRequestError(f"invalid resource version: {message}")
    raise UnreasonedError(message)


def _unsigned(text: str) -> tuple[int, str]:
    """A number of 64 bits without a sign, or what is wrong with a text that is none."""
    if not _DIGITS(text):
        return 0, f"strconv.ParseUint: parsing {quote(text)}: invalid syntax"
    digits = text.lstrip("0")
    # The digits are bounded before they are read: reading takes its time.
    number = int(digits or "0") if len(digits) <= 20 else 1 << _BITS
    return (number, "") if number < 1 << _BITS else (0, f"strconv.ParseUint: parsing {quote(text)}: value out of range")
