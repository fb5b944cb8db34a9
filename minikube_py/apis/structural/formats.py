"""String and number formats of schemas: which are recognized, and which texts have one.

A format is known under its name without dashes. Formats that are not recognized for the type of a value are ignored.

Source: k8s.io/apiextensions-apiserver/pkg/apiserver/validation/formats.go, k8s.io/kube-openapi/pkg/validation/strfmt
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import date
from email.policy import default as email_policy
from typing import Any

from ..quantity import QuantityError
from ..quantity import parse as parse_quantity
from ..uri import is_request_uri
from .patterns import compile_pattern

Check = Callable[[str], Any]

INTEGER_FORMATS = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}
NUMBER_FORMATS = ("float", "double")
FLOAT32_MAX = 3.4028235677973366e38
"""The least magnitude that overflows when it is rounded to 32 bits."""

_HOSTNAME = (
    r"^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|([a-zA-Z0-9\p{S}\p{L}](([a-zA-Z0-9-\p{S}\p{L}]{0,61}"
    r"[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z\p{L}]){2,63})$"
)
_TIME = re.compile(r"(\d{2}):(\d{2}):(\d{2})(.\d+)?(z|[+-]\d{2}:\d{2})", re.ASCII)
_GO_DURATION = re.compile(r"[-+]?(0|((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)", re.ASCII)
_DURATION = re.compile(r"\s*(?:\d+\s*[A-Za-zµ]+\s*)+", re.ASCII)
_DURATION_UNIT = re.compile(r"\d+\s*([A-Za-zµ]+)", re.ASCII)
_UNITS = frozenset({"ns", "us", "µs", "ms", "s", "m", "h", "hr", "d", "w", "wk"})
_UNIT_STEMS = ("nano", "micro", "milli", "sec", "min", "hour", "day", "week")
_PLAIN_EMAIL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_CARD = re.compile(
    r"4\d{12}(\d{3})?|5[1-5]\d{14}|6(011|5\d\d)\d{12}|3[47]\d{13}|3(0[0-5]|[68]\d)\d{11}|(2131|1800|35\d{3})\d{11}", re.ASCII
)
_OCTET = r"(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])"


def normalized(name: str) -> str:
    return name.replace("-", "")


def recognized(type_: str, name: str) -> bool:
    """Whether values of a type are checked for a format. No type is that of strings."""
    if type_ in ("", "string"):
        return normalized(name) in STRING_FORMATS
    if type_ == "integer":
        return name in INTEGER_FORMATS
    return type_ == "number" and name in NUMBER_FORMATS


def _matches(pattern: str) -> Check:
    return re.compile(pattern, re.ASCII).fullmatch


def _uuid(third: str, fourth: str) -> Check:
    return _matches(rf"(?i:[0-9a-f]{{8}}-?[0-9a-f]{{4}}-?{third}-?{fourth}-?[0-9a-f]{{12}})")


def _is_email(text: str) -> bool:
    if _PLAIN_EMAIL.fullmatch(text):
        return True
    if not text or "\n" in text or "\r" in text:
        return False
    header: Any = email_policy.header_factory("to", text)
    addresses = header.addresses
    return len(addresses) == 1 and not header.defects and bool(addresses[0].username and addresses[0].domain)


def _is_hostname(text: str) -> bool:
    # Compiled by the first: its repetitions take a third of a second and 40 MB.
    known = compile_pattern(_HOSTNAME)
    return bool(known(text)) and len(text.encode()) <= 255 and all(len(part.encode()) <= 63 for part in text.split("."))


def _without_zeros(text: str) -> str:
    """An IPv4 address with the leading zeros of its octets left out, which Go before 1.17 read over."""
    return ".".join(part.lstrip("0") or "0" if part.isascii() and part.isdigit() else part for part in text.split("."))


def _ip(text: str) -> bool:
    if "%" in text:
        return False
    head, colon, tail = text.rpartition(":")
    try:
        ipaddress.ip_address(head + colon + _without_zeros(tail) if "." in tail else text)
    except ValueError:
        return False
    return True


def _is_ipv6(text: str) -> bool:
    if "%" in text or ":" not in text:
        return False
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _is_cidr(text: str) -> bool:
    address, slash, length = text.partition("/")
    if not slash or not (length.isascii() and length.isdigit()) or not _ip(address):
        return False
    return int(length) <= (128 if ":" in address else 32)


def _is_isbn10(text: str) -> bool:
    digits = re.sub(r"[\s-]+", "", text)
    if not re.fullmatch(r"[0-9]{9}[0-9X]", digits):
        return False
    values = [10 if digit == "X" else int(digit) for digit in digits]
    return sum((index + 1) * value for index, value in enumerate(values)) % 11 == 0


def _is_isbn13(text: str) -> bool:
    digits = re.sub(r"[\s-]+", "", text)
    if not re.fullmatch(r"[0-9]{13}", digits):
        return False
    return sum(int(digit) * (3 if index % 2 else 1) for index, digit in enumerate(digits)) % 10 == 0


def _is_credit_card(text: str) -> bool:
    digits = re.sub(r"[^0-9]+", "", text)
    if not _CARD.fullmatch(digits):
        return False
    doubled = [int(digit) * 2 if index % 2 else int(digit) for index, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _is_date(text: str) -> bool:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return False
    year, month, day = (int(part) for part in text.split("-"))
    try:
        date(year or 4, month, day)  # year 0 is a leap year, and there is none in Python
    except ValueError:
        return False
    return True


def _is_date_time(text: str) -> bool:
    parts = text.lower().split("t")
    if len(parts) < 2 or not _is_date(parts[0]):
        return False
    match = _TIME.fullmatch(parts[1])
    return match is not None and match[1] <= "23" and match[2] <= "59" and match[3] <= "59"


def _is_duration(text: str) -> bool:
    if _GO_DURATION.fullmatch(text):
        return True
    if not _DURATION.fullmatch(text):
        return False
    units = [unit.lower() for unit in _DURATION_UNIT.findall(text)]
    return any(unit in _UNITS or unit.startswith(_UNIT_STEMS) for unit in units)


def _is_quantity(text: str) -> bool:
    try:
        parse_quantity(text)
    except QuantityError:
        return False
    return True


_HEX2, _HEX4 = "[0-9a-fA-F]{2}", "[0-9a-fA-F]{4}"
_is_mac = _matches(
    "|".join([f"{_HEX2}({sign}{_HEX2}){{{count}}}" for sign in ":-" for count in (5, 7, 19)]
             + [rf"{_HEX4}(\.{_HEX4}){{{count}}}" for count in (2, 3, 9)])
)

STRING_FORMATS: dict[str, Check] = {
    "bsonobjectid": _matches("[0-9a-fA-F]{24}"),
    "uri": is_request_uri,
    "email": _is_email,
    "hostname": _is_hostname,
    "ipv4": lambda text: "." in text and _ip(text),
    "ipv6": _is_ipv6,
    "cidr": _is_cidr,
    "mac": _is_mac,
    "uuid": _uuid("[0-9a-f]{4}", "[0-9a-f]{4}"),
    "uuid3": _uuid("3[0-9a-f]{3}", "[0-9a-f]{4}"),
    "uuid4": _uuid("4[0-9a-f]{3}", "[89ab][0-9a-f]{3}"),
    "uuid5": _uuid("5[0-9a-f]{3}", "[89ab][0-9a-f]{3}"),
    "isbn": lambda text: _is_isbn10(text) or _is_isbn13(text),
    "isbn10": _is_isbn10,
    "isbn13": _is_isbn13,
    "creditcard": _is_credit_card,
    "ssn": lambda text: len(text) == 11 and re.fullmatch(r"\d{3}[- ]?\d{2}[- ]?\d{4}", text, re.ASCII),
    "hexcolor": _matches("#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})"),
    "rgbcolor": _matches(rf"rgb\(\s*{_OCTET}\s*,\s*{_OCTET}\s*,\s*{_OCTET}\s*\)"),
    "byte": _matches("([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})"),
    "password": lambda text: True,
    "date": _is_date,
    "duration": _is_duration,
    "datetime": _is_date_time,
    "quantity": _is_quantity,
    "k8sshortname": lambda text: len(text) <= 63 and re.fullmatch("[a-z0-9]([-a-z0-9]*[a-z0-9])?", text),
    "k8slongname": lambda text: len(text) <= 253 and re.fullmatch(
        r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", text),
}
