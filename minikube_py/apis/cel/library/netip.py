"""Why a text is no IP address or prefix, in the words of Go.

Source: pkg.go.dev/net/netip (ParseAddr, ParsePrefix)
"""

from __future__ import annotations

import re

from ...syntax import quote

_DIGITS = "0123456789"
_GROUP = re.compile(r"[0-9a-fA-F]*")
_GROUPS = 8
_LENGTH = re.compile(r"[1-9][0-9]*|0", re.ASCII)
_LENGTH_DIGITS_MAX = 18  # longer ones are no number to Go


class NetipError(Exception):
    """str() is the text of Go's error."""


class _AddrError(Exception):
    """A text that is no address: what is wrong, and the rest of the text where it is."""

    def __init__(self, problem: str, at: str = "") -> None:
        super().__init__(problem + (f" (at {quote(at)})" if at else ""))


def check_address(text: str) -> None:
    """Raises: NetipError for a text that Go does not take for an address."""
    try:
        _check(text)
    except _AddrError as error:
        raise NetipError(f"ParseAddr({quote(text)}): {error}") from error


def check_prefix(text: str) -> None:
    """Raises: NetipError for a text that Go does not take for an address with the length of a prefix."""
    address, slash, length = text.rpartition("/")
    try:
        if not slash:
            raise NetipError("no '/'")
        check_address(address)
        if "%" in address:
            raise NetipError("IPv6 zones cannot be present in a prefix")
        if _LENGTH.fullmatch(length) is None or len(length) > _LENGTH_DIGITS_MAX:
            raise NetipError(f"bad bits after slash: {quote(length)}")
        if int(length) > (128 if ":" in address else 32):
            raise NetipError("prefix length out of range")
    except NetipError as error:
        raise NetipError(f"netip.ParsePrefix({quote(text)}): {error}") from error


def _check(text: str) -> None:
    first = next((character for character in text if character in ".:%"), "")
    if first == ".":
        _check_four(text)
    elif first == ":":
        _check_six(text)
    else:
        raise _AddrError("missing IPv6 address" if first else "unable to parse IP")


def _check_four(text: str) -> None:
    octet, dots = "", 0
    for at, character in enumerate(text):
        if character in _DIGITS:
            if octet == "0":
                raise _AddrError("IPv4 field has octet with leading zero")
            octet += character
            if int(octet) > 255:
                raise _AddrError("IPv4 field has value >255")
        elif character == ".":
            if at in (0, len(text) - 1) or text[at - 1] == ".":
                raise _AddrError("IPv4 field must have at least one digit", text[at:])
            if dots == 3:
                raise _AddrError("IPv4 address too long")
            octet, dots = "", dots + 1
        else:
            raise _AddrError("unexpected character", text[at:])
    if dots < 3:
        raise _AddrError("IPv4 address too short")


def _check_six(text: str) -> None:
    rest, percent, zone = text.partition("%")
    if percent and not zone:
        raise _AddrError("zone must be a non-empty string")
    groups, has_gap = 0, rest.startswith("::")
    if has_gap:
        rest = rest[2:]
    while rest and groups < _GROUPS:
        digits = _GROUP.match(rest)
        length = digits.end() if digits is not None else 0
        if length > 4:
            raise _AddrError("each group must have 4 or less digits", rest)
        if not length:
            raise _AddrError("each colon-separated field must have at least one digit", rest)
        if rest[length : length + 1] == ".":
            _check_embedded(rest, groups, has_gap)
            groups, rest = groups + 2, ""
            break
        groups, rest = groups + 1, rest[length:]
        if not rest:
            break
        rest, gap = _after_group(rest, has_gap)
        has_gap = has_gap or gap
    if rest:
        raise _AddrError("trailing garbage after address", rest)
    if groups < _GROUPS and not has_gap:
        raise _AddrError("address string too short")
    if groups >= _GROUPS and has_gap:
        raise _AddrError("the :: must expand to at least one field of zeros")


def _check_embedded(rest: str, groups: int, has_gap: bool) -> None:
    """An IPv4 address takes the place of the last two groups."""
    if not has_gap and groups != _GROUPS - 2:
        raise _AddrError("embedded IPv4 address must replace the final 2 fields of the address", rest)
    if groups + 2 > _GROUPS:
        raise _AddrError("too many hex fields to fit an embedded IPv4 at the end of the address", rest)
    _check_four(rest)


def _after_group(rest: str, has_gap: bool) -> tuple[str, bool]:
    """What follows the colon or the two colons behind a group, and whether those were two."""
    if rest[0] != ":":
        raise _AddrError("unexpected character, want colon", rest)
    if len(rest) == 1:
        raise _AddrError("colon must be followed by more characters", rest)
    rest = rest[1:]
    if rest[0] != ":":
        return rest, False
    if has_gap:
        raise _AddrError("multiple :: in address", rest)
    return rest[1:], True
