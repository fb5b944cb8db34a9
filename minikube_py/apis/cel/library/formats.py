"""Named formats: format.dns1123Label().validate(text).

Source: staging/src/k8s.io/apiserver/pkg/cel/library/format.go
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import Any

from ... import syntax
from .. import types as t
from ..errors import CelError
from ..times import parse_date, parse_timestamp
from ..values import NONE, Opaque, Optional, Value
from .urls import parse

_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
Complain = Callable[[str], Sequence[str]]


class Format(Opaque):
    """`regex_size` is the length of the expression that a check costs as much as."""

    __slots__ = ("complain", "name", "regex_size")
    type = t.FORMAT

    def __init__(self, name: str, complain: Complain, regex_size: int) -> None:
        self.name = name
        self.complain = complain
        self.regex_size = regex_size

    def equals(self, other: Value) -> bool:
        return isinstance(other, Format) and self.name == other.name


def _prefix(complain: Complain) -> Complain:
    """A name that is going to be continued may end in a dash."""

    def check(text: str) -> Sequence[str]:
        return complain(text[:-1] + "a" if text.endswith("-") else text)

    return check


def _uri(text: str) -> Sequence[str]:
    try:
        parse(text, request=True)
    except CelError as error:
        return (str(error),)
    return ()


def _uuid(text: str) -> Sequence[str]:
    return () if _UUID.fullmatch(text) else ("does not match the UUID format",)


def _byte(text: str) -> Sequence[str]:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return ("invalid base64",)
    return () if text else ("invalid base64",)


def _date(text: str) -> Sequence[str]:
    try:
        parse_date(text)
    except CelError:
        return ("invalid date",)
    return ()


def _datetime(text: str) -> Sequence[str]:
    try:
        parse_timestamp(text)
    except CelError:
        return ("invalid datetime",)
    return ()


_FORMATS = {
    "dns1123Label": Format("DNS1123Label", syntax.dns_label, 30),
    "dns1123Subdomain": Format("DNS1123Subdomain", syntax.dns_subdomain, 60),
    "dns1035Label": Format("DNS1035Label", syntax.dns_1035_label, 30),
    "qualifiedName": Format("QualifiedName", syntax.label_key, 60),
    "portName": Format("PortName", syntax.port_name, 20),
    "dns1123LabelPrefix": Format("DNS1123LabelPrefix", _prefix(syntax.dns_label), 30),
    "dns1123SubdomainPrefix": Format("DNS1123SubdomainPrefix", _prefix(syntax.dns_subdomain), 60),
    "dns1035LabelPrefix": Format("DNS1035LabelPrefix", _prefix(syntax.dns_1035_label), 30),
    "labelValue": Format("LabelValue", syntax.label_value, 40),
    "uri": Format("URI", _uri, 1200),
    "uuid": Format("uuid", _uuid, 75),
    "byte": Format("byte", _byte, 92),
    "date": Format("date", _date, 70),
    "datetime": Format("datetime", _datetime, 70),
}


def _named(name: str) -> Optional:
    found = _FORMATS.get(name)
    return Optional(True, found) if found is not None else NONE


def _validate(format: Format, text: str) -> Optional:
    complaints = list(format.complain(text))
    return Optional(True, complaints) if complaints else NONE


def _constant(format: Format) -> Callable[[], Format]:
    return lambda: format


IMPLEMENTATIONS: dict[str, Callable[..., Any]] = {
    "format-validate": _validate,
    "format-named": _named,
    **{f"format.{name}": _constant(format) for name, format in _FORMATS.items()},
}
