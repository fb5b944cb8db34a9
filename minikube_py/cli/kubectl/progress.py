"""Showing that a long wait is alive: a spinner on a terminal, nothing where output is read by programs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from .session import Session


@contextlib.contextmanager
def waiting(session: Session, text: str) -> Iterator[Callable[[str], None]]:
    """Show `text` while the block runs; the function that it gives changes the text."""
    if not session.terminal:
        yield lambda text: None
        return
    from rich.console import Console

    session.flush()
    with Console(stderr=True).status(text) as status:
        yield status.update
