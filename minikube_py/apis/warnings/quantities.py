"""Amounts of bytes that are no whole number, which nothing can be given.

Source: pkg/api/pod/warnings.go, pkg/api/persistentvolumeclaim/util.go
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..object import Quantity
from ..quantity import canonical, milli_value
from ..syntax import quote

BYTES = ("memory", "ephemeral-storage")


def fractional(path: str, amounts: Mapping[str, Quantity], names: Iterable[str] = BYTES) -> list[str]:
    """What is said of the amounts by the given names."""
    return [
        f"{path}[{name}]: fractional byte value {quote(canonical(amounts[name]))} is invalid, must be an integer"
        for name in names if name in amounts and milli_value(amounts[name]) % 1000
    ] if amounts else []
