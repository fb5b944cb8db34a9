"""Fixtures of the network tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .lab import Lab


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A node in a namespace of its own; the test runs inside that namespace."""
    made = Lab()
    try:
        with made.node.entered():
            yield made
    finally:
        made.close()
