"""The form of the tables that join kinds with their warnings."""

from __future__ import annotations

from collections.abc import Callable

from ..object import Object

OnCreate = dict[type[Object], Callable[..., list[str]]]
"""Kind to what is said of a new object."""
OnUpdate = dict[tuple[type[Object], str], Callable[..., list[str]]]
"""Kind and subresource ("" for the main resource) to what is said of an object and the one that it replaces."""
