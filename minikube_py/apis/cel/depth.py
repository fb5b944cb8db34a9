"""How deep expressions nest, and the room that walks over their trees need.

Source: k8s.io/apiserver/pkg/cel/environment (cel-go's default of ParserRecursionLimit)
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from .errors import Issue

DEPTH_MAX = 250
# Each level takes some of Python's frames, which need next to nothing of C's stack.
_FRAMES = DEPTH_MAX * 20
TOO_DEEP = Issue(-1, 0, "max recursion depth exceeded")
TOO_DEEP_IN_BRACKETS = Issue(-1, 0, f"expression recursion limit exceeded: {DEPTH_MAX}")


@contextlib.contextmanager
def room() -> Iterator[None]:
    """Let functions call each other as deep as expressions nest."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
