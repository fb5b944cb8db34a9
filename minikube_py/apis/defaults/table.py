"""The form of the tables that join kinds with their defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..object import Object

Default = Callable[[Any], None]
Defaults = dict[type[Object], Default]
