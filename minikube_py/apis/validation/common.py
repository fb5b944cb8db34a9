"""Rules that many kinds share. Each appends what is wrong to `causes` and returns nothing.

Source: pkg/apis/core/validation/validation.go, staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/validation/validation.go
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from .. import addresses, meta_v1, syntax
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


def label_selector(causes: Causes, path: str, selector: meta_v1.LabelSelector | None, *, strict_values: bool = True) -> None:
    """A selector of labels. Values that are no label values could once be written, so a selector that has some may keep them."""
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
        for number, value in enumerate(expression.values if strict_values else ()):
            matches(causes, f"{where}.values[{number}]", value, syntax.label_value)


def ip_address(causes: Causes, path: str, text: str) -> None:
    """An address in a field that is older than the strict rules: it need not be in its shortest form, but must be clear."""
    address = addresses.sloppy(text)
    if address is None:
        causes.append(invalid(path, text, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"))
    elif addresses.leading_zeros(text):
        causes.append(invalid(path, text, "must not have leading 0s"))
    elif addresses.is_mapped(address):
        causes.append(invalid(path, text, "must not be an IPv4-mapped IPv6 address"))


def cidr(causes: Causes, path: str, text: str) -> None:
    """A network in a field that is older than the strict rules."""
    interface = addresses.sloppy_interface(text)
    if interface is None:
        causes.append(invalid(path, text, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"))
        return
    host, _, prefix = text.partition("/")
    if addresses.leading_zeros(host) or (prefix.startswith("0") and prefix != "0"):
        causes.append(invalid(path, text, "must not have leading 0s in IP or prefix length"))
    elif addresses.is_mapped(interface.ip):
        causes.append(invalid(path, text, "must not have an IPv4-mapped IPv6 address"))
    elif interface.ip != interface.network.network_address:
        causes.append(invalid(path, text, "must not have bits set beyond the prefix length"))


def special_ip(causes: Causes, path: str, text: str) -> None:
    """Refuse addresses that no endpoint can have."""
    address = addresses.sloppy(text)
    if address is None:
        causes.append(invalid(path, text, "must be a valid IP address"))
        return
    plain = addresses.unmapped(address)
    if plain.is_unspecified:
        causes.append(invalid(path, text, f"may not be unspecified ({text})"))
    if plain.is_loopback:
        causes.append(invalid(path, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)"))
    if plain.is_link_local:
        causes.append(invalid(path, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"))
    if addresses.is_link_local_multicast(plain):
        causes.append(invalid(path, text, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"))


def qualified(causes: Causes, path: str, text: str) -> None:
    """`text` is a name with an optional domain before it."""
    if complaints := syntax.label_key(text):
        causes += [invalid(path, text, complaint) for complaint in complaints]


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


def local_path(causes: Causes, path: str, text: str) -> None:
    """A path that stays below where it starts, and does not start with the dots that mark what belongs to the kubelet."""
    if not text.startswith(("/", "..")) and ".." not in text:
        return
    descending_path(causes, path, text)
    if text.startswith("..") and not text.startswith("../"):
        causes.append(invalid(path, text, "must not start with '..'"))


def dns_label(causes: Causes, path: str, text: str) -> None:
    if complaints := syntax.dns_label(text):
        causes += [invalid(path, text, complaint) for complaint in complaints]


def subdomain(causes: Causes, path: str, text: str) -> None:
    if complaints := syntax.dns_subdomain(text):
        causes += [invalid(path, text, complaint) for complaint in complaints]


def positive_field(causes: Causes, path: str, value: int) -> None:
    """Numbers whose complaint is that of ValidatePositiveField."""
    if value <= 0:
        causes.append(invalid(path, value, "must be greater than zero"))


def service_path(causes: Causes, path: str, text: str) -> None:
    """The path of a URL whose segments are subdomains."""
    if text == "//":
        causes.append(invalid(path, text, "segment[0] may not be empty"))
        return
    if not text.startswith("/"):
        causes.append(invalid(path, text, "must start with a '/'"))
    for index, segment in enumerate(text[1:].removesuffix("/").split("/")):
        complaints = syntax.dns_subdomain(segment)
        if not segment:
            causes.append(invalid(path, text, f"segment[{index}] may not be empty"))
        elif complaints:
            causes += [invalid(path, text, f"segment[{index}]: {complaint}") for complaint in complaints]
