"""The syntax of names, label keys, label values and the like, and the sentence that says what is wrong with one.

Each function returns the complaints about a text: an empty tuple if it is right, which costs one match of a compiled pattern.

Source: staging/src/k8s.io/apimachinery/pkg/util/validation/validation.go, pkg/api/validate/content
"""

from __future__ import annotations

import re

Complaints = tuple[str, ...]
RIGHT: Complaints = ()

DNS_LABEL_MAX = 63
DNS_SUBDOMAIN_MAX = 253
LABEL_MAX = 63

_DNS_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS_SUBDOMAIN = rf"{_DNS_LABEL}(\.{_DNS_LABEL})*"
_DNS_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
_WILDCARD = rf"\*\.{_DNS_SUBDOMAIN}"
_KEY = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = f"({_KEY})?"
_CONFIG_KEY = "[-._a-zA-Z0-9]+"
_HEADER = "[-A-Za-z0-9]+"
_PERCENT = "[0-9]+%"
_C_IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]*"

_match_dns_label = re.compile(_DNS_LABEL).fullmatch
_match_dns_subdomain = re.compile(_DNS_SUBDOMAIN).fullmatch
_match_dns_1035 = re.compile(_DNS_1035).fullmatch
_match_wildcard = re.compile(_WILDCARD).fullmatch
_match_key = re.compile(_KEY).fullmatch
_match_value = re.compile(_VALUE).fullmatch
_match_config_key = re.compile(_CONFIG_KEY).fullmatch
_match_header = re.compile(_HEADER).fullmatch
_match_percent = re.compile(_PERCENT).fullmatch
_match_c_identifier = re.compile(_C_IDENTIFIER).fullmatch
_UNDERSCORED = r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SEARCH = rf"{_UNDERSCORED}(\.{_UNDERSCORED})*"
_match_search = re.compile(_SEARCH).fullmatch
_HTTP_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"
_match_http_path = re.compile(_HTTP_PATH).fullmatch
_match_env_name = re.compile(r"[\x20-<>-~]+").fullmatch
_match_port_charset = re.compile("[-a-z0-9]+").fullmatch
_match_port_right = re.compile("(?!.*--)(?=.*[a-z])[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?").fullmatch


def pattern_complaint(message: str, pattern: str, *examples: str) -> str:
    """The sentence about a pattern that a text does not match, with examples that do."""
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{message} (e.g. {shown}regex used for validation is '{pattern}')" if examples else \
        f"{message} (regex used for validation is '{pattern}')"


_BAD_DNS_LABEL = pattern_complaint(
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an "
    "alphanumeric character", _DNS_LABEL, "my-name", "123-abc")
_BAD_DNS_SUBDOMAIN = pattern_complaint(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
    "alphanumeric character", _DNS_SUBDOMAIN, "example.com")
_BAD_DNS_1035 = pattern_complaint(
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an "
    "alphanumeric character", _DNS_1035, "my-name", "abc-123")
_BAD_WILDCARD = pattern_complaint(
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case "
    "alphanumeric characters, '-' or '.' and end with an alphanumeric character", _WILDCARD, "*.example.com")
_BAD_KEY = pattern_complaint(
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    _KEY, "MyName", "my.name", "123-abc")
_BAD_VALUE = pattern_complaint(
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character", _VALUE, "MyValue", "my_value", "12345")
_BAD_CONFIG_KEY = pattern_complaint(
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'", _CONFIG_KEY, "key.name", "KEY_NAME", "key-name")
_BAD_HEADER = pattern_complaint("a valid HTTP header must consist of alphanumeric characters or '-'", _HEADER, "X-Header-Name")
_BAD_PERCENT = pattern_complaint("a valid percent string must be a numeric string followed by an ending '%'", _PERCENT, "1%", "93%")
_BAD_C_IDENTIFIER = pattern_complaint(
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
    _C_IDENTIFIER, "my_name", "MY_NAME", "MyName")
EMPTY = "must be non-empty"


def too_long(length: int) -> str:
    return f"must be no more than {length} bytes"


def in_range(low: int, high: int) -> str:
    return f"must be between {low} and {high}, inclusive"


def dns_label(text: str) -> Complaints:
    """RFC 1123 label: at most 63 of a-z, 0-9 and "-"."""
    if len(text) <= DNS_LABEL_MAX and _match_dns_label(text):
        return RIGHT
    complaints = [too_long(DNS_LABEL_MAX)] if len(text) > DNS_LABEL_MAX else []
    if not _match_dns_label(text):
        complaints.append("must not contain dots" if _match_dns_subdomain(text) else _BAD_DNS_LABEL)
    return tuple(complaints)


def dns_1035_label(text: str) -> Complaints:
    """RFC 1035 label: as `dns_label`, and starts with a letter."""
    if len(text) <= DNS_LABEL_MAX and _match_dns_1035(text):
        return RIGHT
    complaints = [too_long(DNS_LABEL_MAX)] if len(text) > DNS_LABEL_MAX else []
    if not _match_dns_1035(text):
        complaints.append(_BAD_DNS_1035)
    return tuple(complaints)


def dns_subdomain(text: str) -> Complaints:
    """RFC 1123 subdomain: labels joined by dots, at most 253 bytes."""
    if len(text) <= DNS_SUBDOMAIN_MAX and _match_dns_subdomain(text):
        return RIGHT
    complaints = [too_long(DNS_SUBDOMAIN_MAX)] if len(text) > DNS_SUBDOMAIN_MAX else []
    if not _match_dns_subdomain(text):
        complaints.append(_BAD_DNS_SUBDOMAIN)
    return tuple(complaints)


def search_subdomain(text: str) -> Complaints:
    """As `dns_subdomain`, for DNS search paths: underscores are let in."""
    if len(text) <= DNS_SUBDOMAIN_MAX and _match_search(text):
        return RIGHT
    complaints = [f"must be no more than {DNS_SUBDOMAIN_MAX} characters"] if len(text) > DNS_SUBDOMAIN_MAX else []
    if not _match_search(text):
        complaints.append(pattern_complaint(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end "
            "with an alphanumeric character", _SEARCH, "example.com"))
    return tuple(complaints)


def http_path(text: str) -> Complaints:
    return RIGHT if _match_http_path(text) else (pattern_complaint("Invalid path", _HTTP_PATH),)


def wildcard_subdomain(text: str) -> Complaints:
    """A subdomain after "*."."""
    if len(text) <= DNS_SUBDOMAIN_MAX and _match_wildcard(text):
        return RIGHT
    complaints = [too_long(DNS_SUBDOMAIN_MAX)] if len(text) > DNS_SUBDOMAIN_MAX else []
    if not _match_wildcard(text):
        complaints.append(_BAD_WILDCARD)
    return tuple(complaints)


def label_key(text: str) -> Complaints:
    """A qualified name: a name of at most 63 bytes, with an optional subdomain and "/" before it."""
    prefix, slash, name = text.rpartition("/")
    if len(name) <= LABEL_MAX and _match_key(name) and (not slash or (len(prefix) <= DNS_SUBDOMAIN_MAX and _match_dns_subdomain(prefix))):
        return RIGHT
    if text.count("/") > 1:
        return (f"a valid label key {_BAD_KEY} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",)
    complaints: list[str] = []
    if slash and not prefix:
        complaints.append(f"prefix part {EMPTY}")
    elif slash:
        complaints += [f"prefix part {complaint}" for complaint in dns_subdomain(prefix)]
    if not name:
        complaints.append(f"name part {EMPTY}")
    elif len(name) > LABEL_MAX:
        complaints.append(f"name part {too_long(LABEL_MAX)}")
    if not _match_key(name):
        complaints.append(f"name part {_BAD_KEY}")
    return tuple(complaints)


def label_value(text: str) -> Complaints:
    """Empty, or at most 63 bytes that start and end with a letter or digit."""
    if len(text) <= LABEL_MAX and _match_value(text):
        return RIGHT
    complaints = [too_long(LABEL_MAX)] if len(text) > LABEL_MAX else []
    if not _match_value(text):
        complaints.append(_BAD_VALUE)
    return tuple(complaints)


def config_map_key(text: str) -> Complaints:
    """A key of a ConfigMap or Secret: a file name that does not lead out of its directory."""
    if len(text) <= DNS_SUBDOMAIN_MAX and _match_config_key(text) and text[:2] != ".." and text != ".":
        return RIGHT
    complaints = [f"must be no more than {DNS_SUBDOMAIN_MAX} characters"] if len(text) > DNS_SUBDOMAIN_MAX else []
    if not _match_config_key(text):
        complaints.append(_BAD_CONFIG_KEY)
    if text in (".", ".."):
        complaints.append(f"must not be '{text}'")
    elif text.startswith(".."):
        complaints.append("must not start with '..'")
    return tuple(complaints)


def env_name(text: str) -> Complaints:
    """The name of an environment variable: printable ASCII other than "="."""
    if _match_env_name(text):
        return RIGHT
    if not text:
        return (f"environment variable name {EMPTY}",)
    return ("a valid environment variable name must consist only of printable ASCII characters other than '='",)


def c_identifier(text: str) -> Complaints:
    return RIGHT if _match_c_identifier(text) else (_BAD_C_IDENTIFIER,)


def http_header_name(text: str) -> Complaints:
    return RIGHT if _match_header(text) else (_BAD_HEADER,)


def percent(text: str) -> Complaints:
    return RIGHT if _match_percent(text) else (_BAD_PERCENT,)


def port_number(port: int) -> Complaints:
    return RIGHT if 1 <= port <= 65535 else (in_range(1, 65535),)


def port_name(text: str) -> Complaints:
    """At most 15 of a-z, 0-9 and single inner hyphens, with a letter."""
    if _match_port_right(text):
        return RIGHT
    complaints = ["must be no more than 15 characters"] if len(text) > 15 else []
    if not _match_port_charset(text):
        complaints.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not any("a" <= character <= "z" for character in text):
        complaints.append("must contain at least one letter (a-z)")
    if "--" in text:
        complaints.append("must not contain consecutive hyphens")
    if text and "-" in (text[0], text[-1]):
        complaints.append("must not begin or end with a hyphen")
    return tuple(complaints)


def path_segment(text: str) -> Complaints:
    """A name that may stand in a URL path, as those of RBAC objects: anything but ".", "..", "/" and "%"."""
    if text in (".", ".."):
        return (f"may not be '{text}'",)
    return tuple(f"may not contain '{character}'" for character in "/%" if character in text)


def quote(text: str) -> str:
    """The text in double quotes, escaped as Go's %q does."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(_escaped(character) for character in text) + '"'


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\v": "\\v"}


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
