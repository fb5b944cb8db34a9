"""Semantic versions.

Source: staging/src/k8s.io/apiserver/pkg/cel/library/semverlib.go; semver.org 2.0.0; github.com/blang/semver (messages)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ...syntax import quote
from .. import types as t
from ..errors import CelError
from ..values import INT_MAX, UINT_MAX, Opaque, Value

_TEXT_MAX = 4096
_IDENTIFIER = re.compile(r"[0-9A-Za-z-]+", re.ASCII)
_NUMBER = re.compile(r"[0-9]+", re.ASCII)


class Semver(Opaque):
    """A version; build metadata does not count when versions are compared."""

    __slots__ = ("numbers", "prerelease")
    type = t.SEMVER

    def __init__(self, numbers: tuple[int, int, int], prerelease: tuple[int | str, ...]) -> None:
        self.numbers = numbers
        self.prerelease = prerelease

    def equals(self, other: Value) -> bool:
        return isinstance(other, Semver) and compare(self, other) == 0


def compare(left: Semver, right: Semver) -> int:
    if left.numbers != right.numbers:
        return 1 if left.numbers > right.numbers else -1
    if not left.prerelease or not right.prerelease:
        return bool(right.prerelease) - bool(left.prerelease)
    for mine, theirs in zip(left.prerelease, right.prerelease, strict=False):
        if mine == theirs:
            continue
        if isinstance(mine, str) != isinstance(theirs, str):
            return 1 if isinstance(mine, str) else -1
        return 1 if mine > theirs else -1  # type: ignore[operator]
    return (len(left.prerelease) > len(right.prerelease)) - (len(left.prerelease) < len(right.prerelease))


def _number(text: str, name: str) -> int:
    if _NUMBER.fullmatch(text) is None:
        raise CelError(f"Invalid character(s) found in {name} number {quote(text)}")
    if len(text) > 1 and text[0] == "0":
        raise CelError(f"{name.capitalize()} number must not contain leading zeroes {quote(text)}")
    number = int(text)
    if number > UINT_MAX:
        raise CelError(f"strconv.ParseUint: parsing {quote(text)}: value out of range")
    return number


def _prerelease(text: str) -> int | str:
    if not text:
        raise CelError("Prerelease is empty")
    if _IDENTIFIER.fullmatch(text) is None:
        raise CelError(f"Invalid character(s) found in prerelease {quote(text)}")
    if _NUMBER.fullmatch(text) is None:
        return text
    if len(text) > 1 and text[0] == "0":
        raise CelError(f"Numeric PreRelease version must not contain leading zeroes {quote(text)}")
    return int(text)


def _normalized(text: str) -> str:
    parts = text.removeprefix("v").split(".", 2)
    for at, part in enumerate(parts):
        if len(part) > 1:
            part = part.lstrip("0")
            parts[at] = part if part[:1].isdigit() and part.isascii() else "0" + part
    if len(parts) < 3:
        if "+" in parts[-1] or "-" in parts[-1]:
            raise CelError("short version cannot contain PreRelease/Build meta data")
        parts += ["0"] * (3 - len(parts))
    return ".".join(parts)


def parse(text: str, normalize: bool = False) -> Semver:
    """Raises: CelError."""
    if len(text) > _TEXT_MAX:
        raise CelError("Version string too long")
    if normalize:
        text = _normalized(text)
    if not text:
        raise CelError("Version string empty")
    parts = text.split(".", 2)
    if len(parts) != 3:
        raise CelError("No Major.Minor.Patch elements found")
    major, minor = _number(parts[0], "major"), _number(parts[1], "minor")
    rest, plus, build = parts[2].partition("+")
    patch, dash, prerelease = rest.partition("-")
    if plus:
        for identifier in build.split("."):
            if not identifier:
                raise CelError("Build meta data is empty")
            if _IDENTIFIER.fullmatch(identifier) is None:
                raise CelError(f"Invalid character(s) found in build meta data {quote(identifier)}")
    parsed = tuple(_prerelease(part) for part in prerelease.split(".")) if dash else ()
    return Semver((major, minor, _number(patch, "patch")), parsed)


def _is_semver(text: str, normalize: bool = False) -> bool:
    try:
        parse(text, normalize)
    except CelError:
        return False
    return True


def _part(index: int) -> Callable[[Semver], int]:
    def get(version: Semver) -> int:
        number = version.numbers[index]
        return number if number <= INT_MAX else number - 2**64

    return get


IMPLEMENTATIONS: dict[str, Callable[..., Any]] = {
    "string_to_semver": parse,
    "string_bool_to_semver": parse,
    "is_semver_string": _is_semver,
    "is_semver_string_bool": _is_semver,
    "semver_is_greater_than": lambda left, right: compare(left, right) > 0,
    "semver_is_less_than": lambda left, right: compare(left, right) < 0,
    "semver_compare_to": compare,
    "semver_major": _part(0),
    "semver_minor": _part(1),
    "semver_patch": _part(2),
}
