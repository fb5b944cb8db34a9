"""Functions of what clients send, with remembered results - of short texts alone: anybody may send long ones, and many of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
# Characters. What clients send again and again is shorter.
LENGTH_MAX = 2048


def remembered(results_max: int) -> Callable[[Callable[Concatenate[str, P], R]], Callable[Concatenate[str, P], R]]:
    """Let a function remember its latest results; it must depend on its arguments alone, and nobody may change what it returns."""

    def decorate(function: Callable[Concatenate[str, P], R]) -> Callable[Concatenate[str, P], R]:
        known = lru_cache(results_max)(function)

        @wraps(function)
        def call(text: str, /, *args: P.args, **kwargs: P.kwargs) -> R:
            return known(text, *args, **kwargs) if len(text) <= LENGTH_MAX else function(text, *args, **kwargs)  # type: ignore[arg-type]

        return call

    return decorate
