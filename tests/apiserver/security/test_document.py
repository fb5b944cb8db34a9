"""docs/security.md names what shows its claims; all of that is there."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[2]
NAMED = re.compile(r"`([a-z0-9_/]+/(?:test_[a-z0-9_]+\.py)?)`")


def test_every_test_that_the_document_names_is_there() -> None:
    text = (TESTS.parent / "docs" / "security.md").read_text()
    named = {name for name in NAMED.findall(text) if name.startswith(("apiserver/", "e2e/", "kubelet/", "store/"))}
    assert len(named) > 20
    assert [name for name in sorted(named) if not (TESTS / name).exists()] == []
