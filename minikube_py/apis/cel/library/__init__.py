"""What functions do: a callable for every overload of `declarations`, by its id.

An implementation gets values of the types that its declaration names (whoever calls it has seen to that) and returns a value or
raises CelError. Time and memory of each are bounded by the sizes of its arguments and by the cost that `runtime_cost` charges.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

Implementation = Callable[..., Any]


@cache
def implementations() -> dict[str, Implementation]:
    from . import conversions, formats, lists, network, optionals, quantities, semver, strings, times, urls

    found: dict[str, Implementation] = {}
    for module in (conversions, formats, lists, network, optionals, quantities, semver, strings, times, urls):
        found |= module.IMPLEMENTATIONS
    return found
