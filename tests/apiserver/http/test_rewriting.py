"""Links through a proxy: what is rewritten, what is left, and nothing else changes."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minikube_py.apiserver.http.rewriting import Rewriting

PREFIX = "/api/v1/namespaces/ns/services/s/proxy"
REWRITING = Rewriting(PREFIX, "10.0.0.1:80", "kube:6443", "/a")


@pytest.mark.parametrize(("link", "wanted"), [
    ("/x", f"{PREFIX}/x"), ("/", f"{PREFIX}/"), ("/x/?q=/y#z", f"{PREFIX}/x/?q=/y#z"), ("x", "x"), ("?q", "?q"), ("#z", "#z"),
    ("http://10.0.0.1:80/x", f"{PREFIX}/x"), ("http://kube:6443/x", f"http://kube:6443{PREFIX}/x"), ("http://other/x", "http://other/x"),
    (f"{PREFIX}/x", f"{PREFIX}/x"), ("http://[bad/x", "http://[bad/x"), ("/a//b/../c", f"{PREFIX}/a/c"),
])
def test_links(link: str, wanted: str) -> None:
    assert REWRITING.url(link) == wanted


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate"])
def test_document_keeps_its_encoding(encoding: str) -> None:
    page = '<p class="/no">\r\n/x</p>\n<script src="/s.js"></script>é'.encode()
    compressor = zlib.compressobj(wbits=-15)
    body = {"": page, "gzip": gzip.compress(page), "deflate": compressor.compress(page) + compressor.flush()}[encoding]
    found = REWRITING.document(body, encoding)
    plain = {"": lambda: found, "gzip": lambda: gzip.decompress(found), "deflate": lambda: zlib.decompress(found, -15)}[encoding]()
    assert plain == page.replace(b'"/s.js"', f'"{PREFIX}/s.js"'.encode())


@given(st.lists(st.sampled_from(
    ["<a href='rel'>", "</a>", "<!--", "-->", "&amp", "\n", "\r", "<", ">", "\x85", "é", "<![CDATA[", "]]>", "<?x", "<a", '"', "text"])))
def test_documents_without_own_links_do_not_change(parts: list[str]) -> None:
    body = "".join(parts).encode()
    assert REWRITING.document(body, "") == body
