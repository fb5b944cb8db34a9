"""Which texts Go reads as the URI of a request: an absolute URI or an absolute path.

Source: pkg.go.dev/net/url#ParseRequestURI
"""

from __future__ import annotations

import re

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
_USER = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
# What may stand in a host as it is; other ASCII may not, other characters may.
_HOST = re.compile(r"([A-Za-z0-9\-._~!$&'()*+,;=:\[\]<>\"]|[^\x00-\x7f]|%(?:25|[89a-fA-F][0-9a-fA-F]))*")
_PORT = re.compile(r"(:[0-9]*)?")


def is_request_uri(text: str) -> bool:
    if not text or any(character < " " or character == "\x7f" for character in text):
        return False
    if text == "*":
        return True
    scheme = _SCHEME.match(text)
    if scheme is None and text.startswith(":"):
        return False
    rest = (text[scheme.end():] if scheme else text).partition("?")[0]
    if not rest.startswith("/"):
        return scheme is not None
    if scheme is not None and rest.startswith("//"):
        authority, _, tail = rest[2:].partition("/")
        if not _is_authority(authority):
            return False
        rest = tail
    return not _BAD_ESCAPE.search(rest)


def _is_authority(text: str) -> bool:
    user, at, host = text.rpartition("@")
    if at and (not _USER.fullmatch(user) or _BAD_ESCAPE.search(user)):
        return False
    if host.startswith("["):
        inner, bracket, port = host[1:].rpartition("]")
        return bool(bracket) and _PORT.fullmatch(port) is not None and not _BAD_ESCAPE.search(inner)
    colon = host.rfind(":")
    if colon >= 0 and not _PORT.fullmatch(host[colon:]):
        return False
    return _HOST.fullmatch(host) is not None
