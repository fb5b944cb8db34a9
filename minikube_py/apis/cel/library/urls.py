"""URLs.

Source: staging/src/k8s.io/apiserver/pkg/cel/library/urls.go; Go net/url (what parses, how it is escaped, messages)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote as percent_encode
from urllib.parse import unquote_plus

from ...syntax import quote
from .. import types as t
from ..errors import CelError
from ..values import Opaque, Value

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):", re.ASCII)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL)
_HOST = re.compile(r"""[A-Za-z0-9._~!$&'()*+,;=:\[\]<>"%-]|[^\x00-\x7f]""")
_USER = re.compile(r"[A-Za-z0-9._:~!$&'()*+,;=%@-]*", re.ASCII)
_SAFE_IN_PATH = "/:@!$&'()*+,;=~-._"


@dataclass(frozen=True, slots=True)
class Parsed:
    scheme: str = ""
    host: str = ""
    path: str = ""
    query: str = ""


class Url(Opaque):
    __slots__ = ("parsed", "text")
    type = t.URL

    def __init__(self, text: str, parsed: Parsed) -> None:
        self.text = text
        self.parsed = parsed

    def equals(self, other: Value) -> bool:
        return isinstance(other, Url) and self.text == other.text


def parse(text: str, request: bool) -> Parsed:
    """A URL; with `request` one that a request may be for: absolute, or an absolute path.

    Raises: CelError, with the reason as Go gives it.
    """
    try:
        return _parse(text, request)
    except CelError as error:
        raise CelError(f"parse {quote(text)}: {error}") from error


def _parse(text: str, request: bool) -> Parsed:
    if any(character < " " or character == "\x7f" for character in text):
        raise CelError("net/url: invalid control character in URL")
    if not text and request:
        raise CelError("empty url")
    if text == "*":
        return Parsed(path="*")
    if not request:
        text = text.partition("#")[0]
    if text.startswith(":"):
        raise CelError("missing protocol scheme")
    match = _SCHEME.match(text)
    scheme, rest = (match[1].lower(), text[match.end() :]) if match else ("", text)
    rest, _, query = rest.partition("?")
    if not rest.startswith("/"):
        if scheme:
            return Parsed(scheme, query=query)
        if request:
            raise CelError("invalid URI for request")
        if ":" in rest.partition("/")[0]:
            raise CelError("first path segment in URL cannot contain colon")
    host = ""
    if rest.startswith("//") and (scheme or not request) and not rest.startswith("///"):
        authority, slash, path = rest[2:].partition("/")
        host, rest = _host(authority), slash + path
    elif rest.startswith("///") and scheme:
        rest = rest[2:]
    bad = _BAD_ESCAPE.search(rest)
    if bad is not None:
        raise CelError(f"invalid URL escape {quote(bad[0])}")
    return Parsed(scheme, host, rest, query)


def _host(authority: str) -> str:
    user, at, host = authority.rpartition("@")
    if at and _USER.fullmatch(user) is None:
        raise CelError("net/url: invalid userinfo")
    port = host.rpartition("]")[2] if host.startswith("[") else host[host.rfind(":") :] if ":" in host else ""
    if host.startswith("[") and "]" not in host:
        raise CelError("missing ']' in host")
    if port and (not port.startswith(":") or not all(digit in "0123456789" for digit in port[1:])):
        raise CelError(f"invalid port {quote(port)} after host")
    for character in host:
        if _HOST.match(character) is None:
            raise CelError(f"invalid character {quote(character)} in host name")
    bad = _BAD_ESCAPE.search(host)
    if bad is not None:
        raise CelError(f"invalid URL escape {quote(bad[0])}")
    return host


def _to_url(text: str) -> Url:
    try:
        parse(text, request=True)
        return Url(text, parse(text, request=False))
    except CelError as error:
        raise CelError(f"URL parse error during conversion from string: {error}") from error


def is_url(text: str) -> bool:
    try:
        parse(text, request=True)
    except CelError:
        return False
    return True


def _hostname(url: Url) -> str:
    host = url.parsed.host
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host


def _port(url: Url) -> str:
    host = url.parsed.host
    if host.startswith("["):
        return host.rpartition("]")[2].removeprefix(":")
    return host.rpartition(":")[2] if ":" in host else ""


def _escaped_path(url: Url) -> str:
    return percent_encode(url.parsed.path, safe=_SAFE_IN_PATH + "%")


def _query(url: Url) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for pair in url.parsed.query.split("&"):
        if not pair or ";" in pair or _BAD_ESCAPE.search(pair):
            continue
        key, _, value = pair.partition("=")
        found.setdefault(unquote_plus(key), []).append(unquote_plus(value))
    return found


IMPLEMENTATIONS: dict[str, Callable[..., Any]] = {
    "string_to_url": _to_url,
    "is_url_string": is_url,
    "url_get_scheme": lambda url: url.parsed.scheme,
    "url_get_host": lambda url: url.parsed.host,
    "url_get_hostname": _hostname,
    "url_get_port": _port,
    "url_get_escaped_path": _escaped_path,
    "url_get_query": _query,
}
