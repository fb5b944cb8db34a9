"""Rules that many kinds share. Each appends what is wrong to `causes` and returns nothing.

Source: pkg/apis/core/validation/validation.go, staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/validation/validation.go
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from .. import meta_v1, syntax
from ..object import IntOrString
from .causes import IMMUTABLE, Causes, forbidden, invalid, not_supported, required

Syntax = Callable[[str], syntax.Complaints]
PROTOCOLS = ("SCTP", "TCP", "UDP")
ID_MAX = 2**32 - 1


def matches(causes: Causes, path: str, text: str, rule: Syntax) -> None:
    """`text` has the syntax that `rule` describes."""
    for complaint in rule(text):
        causes.append(invalid(path, text, complaint))


def present(causes: Causes, path: str, text: str, rule: Syntax) -> None:
    """`text` is there and has the syntax that `rule` describes."""
    if not text:
        causes.append(required(path))
    else:
        matches(causes, path, text, rule)


def one_of(causes: Causes, path: str, value: str, supported: Collection[str]) -> None:
    """`value` is there and one of `supported`, which is in the order of the message."""
    if value not in supported:
        causes.append(not_supported(path, value, supported) if value else required(path))


def non_negative(causes: Causes, path: str, value: int | None) -> None:
    if value is not None and value < 0:
        causes.append(invalid(path, value, "must be greater than or equal to 0"))


def positive(causes: Causes, path: str, value: int | None) -> None:
    if value is not None and value <= 0:
        causes.append(invalid(path, value, "must be greater than zero"))


def immutable(causes: Causes, path: str, new: Any, old: Any) -> None:
    if new != old:
        causes.append(invalid(path, new, IMMUTABLE))


def user_id(causes: Causes, path: str, value: int | None) -> None:
    if value is not None and not 0 <= value <= ID_MAX:
        causes.append(invalid(path, value, syntax.in_range(0, ID_MAX)))


def port(causes: Causes, path: str, value: int | None) -> None:
    for complaint in syntax.port_number(value or 0):
        causes.append(invalid(path, value or 0, complaint))


def port_or_name(causes: Causes, path: str, value: IntOrString | None) -> None:
    if isinstance(value, str):
        matches(causes, path, value, syntax.port_name)
    else:
        port(causes, path, value)


def int_or_percent(causes: Causes, path: str, value: IntOrString) -> None:
    """A count of at least 0, or a percentage."""
    if isinstance(value, int):
        non_negative(causes, path, value)
    else:
        matches(causes, path, value, syntax.percent)


def at_most_whole(causes: Causes, path: str, value: IntOrString) -> None:
    if isinstance(value, str) and value.endswith("%") and value[:-1].isdigit() and int(value[:-1]) > 100:
        causes.append(invalid(path, value, "must not be greater than 100%"))


def labels(causes: Causes, path: str, values: Mapping[str, str]) -> None:
    for key, value in values.items():
        for complaint in syntax.label_key(key):
            causes.append(invalid(path, key, complaint))
        for complaint in syntax.label_value(value):
            causes.append(invalid(path, value, complaint))


def label_selector(causes: Causes, path: str, selector: meta_v1.LabelSelector | None) -> None:
    if selector is None:
        return
    labels(causes, f"{path}.matchLabels", selector.match_labels)
    for index, expression in enumerate(selector.match_expressions):
        where = f"{path}.matchExpressions[{index}]"
        if expression.operator in ("In", "NotIn"):
            if not expression.values:
                causes.append(required(f"{where}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
        elif expression.operator in ("Exists", "DoesNotExist"):
            if expression.values:
                causes.append(forbidden(f"{where}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
        else:
            causes.append(invalid(f"{where}.operator", expression.operator, "not a valid selector operator"))
        matches(causes, f"{where}.key", expression.key, syntax.label_key)
        for number, value in enumerate(expression.values):
            matches(causes, f"{where}.values[{number}]", value, syntax.label_value)


def ip_address(causes: Causes, path: str, text: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        causes.append(invalid(path, text, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"))


def cidr(causes: Causes, path: str, text: str) -> None:
    try:
        if "/" not in text:
            raise ValueError(text)
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        causes.append(invalid(path, text, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"))


def special_ip(causes: Causes, path: str, text: str) -> None:
    """Refuse addresses that no endpoint can have; text that is no address is not this rule's business."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return
    if address.is_unspecified:
        causes.append(invalid(path, text, "may not be unspecified (0.0.0.0 or ::)"))
    if address.is_loopback:
        causes.append(invalid(path, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)"))
    if address.is_link_local:
        causes.append(invalid(path, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"))
    if address.is_multicast and text.startswith(("224.0.0.", "ff02:")):
        causes.append(invalid(path, text, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"))


def descending_path(causes: Causes, path: str, text: str) -> None:
    """A path that stays below where it starts."""
    if text.startswith("/"):
        causes.append(invalid(path, text, "must be a relative path"))
    no_backsteps(causes, path, text)


def no_backsteps(causes: Causes, path: str, text: str) -> None:
    if ".." in text.split("/"):
        causes.append(invalid(path, text, "must not contain '..'"))


def https_url(causes: Causes, path: str, text: str) -> None:
    """The address of a webhook."""
    form = "desired format: https://host[/path]"
    parts = urlsplit(text)
    if parts.scheme != "https":
        causes.append(invalid(path, parts.scheme, f"'https' is the only allowed URL scheme; {form}"))
    if not parts.hostname:
        causes.append(invalid(path, parts.netloc, f"host must be specified; {form}"))
    if parts.username is not None:
        causes.append(invalid(path, parts.username, "user information is not permitted in the URL"))
    if parts.fragment:
        causes.append(invalid(path, parts.fragment, "fragments are not permitted in the URL"))
    if parts.query:
        causes.append(invalid(path, parts.query, "query parameters are not permitted in the URL"))
