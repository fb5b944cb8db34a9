"""Links in answers that come through a proxy, made to lead through it again.

A service believes that it is at the root of its host; behind a proxy it is at a path of the API server.
Source: k8s.io/apimachinery/pkg/util/proxy/transport.go
"""

from __future__ import annotations

import gzip
import html
import logging
import zlib
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from posixpath import normpath
from urllib.parse import urlsplit, urlunsplit

log = logging.getLogger(__name__)

# Attributes that hold links, by element. Source: html.spec.whatwg.org/multipage/indices.html#attributes-3
LINKS: dict[str, frozenset[str]] = {
    element: frozenset(attributes.split()) for element, attributes in {
        "a": "href", "applet": "codebase", "area": "href", "audio": "src", "base": "href", "blockquote": "cite", "body": "background",
        "button": "formaction", "command": "icon", "del": "cite", "embed": "src", "form": "action", "frame": "longdesc src",
        "head": "profile", "html": "manifest", "iframe": "longdesc src", "img": "longdesc src usemap", "input": "src usemap formaction",
        "ins": "cite", "link": "href", "object": "classid codebase data usemap", "q": "cite", "script": "src", "source": "src",
        "video": "poster src",
    }.items()
}


class Rewriting:
    """How one proxied request's links are changed.

    Args:
        prefix: the path at which the client sees the root of the backend.
        backend: host and port of the backend.
        host: the Host that the client asked.
        path: what is asked of the backend.
    """

    def __init__(self, prefix: str, backend: str, host: str, path: str) -> None:
        self._prefix = prefix
        self._backend = backend
        self._host = host
        self.forwarded_uri = _joined(prefix, path)

    def url(self, target: str) -> str:
        """A link of the backend, as the client must follow it; links to other hosts and relative ones stay as they are."""
        try:
            parts = urlsplit(target)
        except ValueError:
            return target
        if parts.netloc not in ("", self._backend, self._host) or not parts.path.startswith("/"):
            return target
        scheme, netloc = (parts.scheme, parts.netloc) if parts.netloc == self._host else ("", "")
        path = parts.path if parts.path.startswith(self._prefix) else _joined(self._prefix, parts.path)
        return urlunsplit((scheme, netloc, path, parts.query, parts.fragment))

    def applies(self, headers: Mapping[str, str]) -> bool:
        """Whether an answer is a document with links that can be read."""
        if headers.get("Content-Type", "").partition(";")[0].strip() != "text/html":
            return False
        if headers.get("Content-Encoding", "") in ("", "gzip", "deflate"):
            return True
        log.info("links are not rewritten: unknown encoding encoding=%s", headers["Content-Encoding"])
        return False

    def document(self, body: bytes, encoding: str) -> bytes:
        """An HTML document with its links changed, in the same encoding.

        Raises: zlib.error, OSError if the body is not in that encoding.
        """
        if encoding == "gzip":
            return gzip.compress(self._html(gzip.decompress(body)))
        if encoding == "deflate":
            compressor = zlib.compressobj(zlib.Z_BEST_COMPRESSION, wbits=-zlib.MAX_WBITS)
            return compressor.compress(self._html(zlib.decompress(body, -zlib.MAX_WBITS))) + compressor.flush()
        return self._html(body)

    def _html(self, body: bytes) -> bytes:
        # Latin-1 holds any bytes; what is not ASCII is passed through.
        scanner = _Scanner(body.decode("latin-1"), self.url)
        return scanner.result().encode("latin-1", "xmlcharrefreplace")


class _Scanner(HTMLParser):
    """Finds the start tags with links, and leaves everything else as it is."""

    def __init__(self, text: str, rewrite: Callable[[str], str]) -> None:
        super().__init__(convert_charrefs=False)
        self._text = text
        self._rewrite = rewrite
        # Where each line begins; the parser counts line feeds alone.
        self._lines = [0, *(number + 1 for number, character in enumerate(text) if character == "\n")]
        self._parts: list[str] = []
        self._done = 0

    def result(self) -> str:
        self.feed(self._text)
        self.close()
        return "".join(self._parts) + self._text[self._done :]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        links = LINKS.get(tag)
        old = self.get_starttag_text()
        if links is None or old is None or not any(name in links for name, _ in attrs):
            return
        new = [(name, self._rewrite(value) if name in links and value is not None else value) for name, value in attrs]
        if new == attrs:
            return
        line, column = self.getpos()
        start = self._lines[line - 1] + column
        end = " /" if old.endswith("/>") else ""
        texts = [name if value is None else f'{name}="{html.escape(value)}"' for name, value in new]
        self._parts += [self._text[self._done : start], f"<{tag} {' '.join(texts)}{end}>"]
        self._done = start + len(old)


def _joined(prefix: str, path: str) -> str:
    """Two paths in one, cleaned, with the slash at the end that the second has."""
    joined = normpath(f"{prefix}/{path.lstrip('/')}")
    return joined + "/" if path.endswith("/") and not joined.endswith("/") else joined
