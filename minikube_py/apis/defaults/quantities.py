"""Canonical quantities in resource lists and in single fields."""

from __future__ import annotations

from ..core_v1 import ResourceRequirements, VolumeResourceRequirements
from ..object import Quantity
from ..quantity import canonical, canonical_milli


def resource_list(resources: dict[str, Quantity]) -> None:
    """Put the amounts into canonical form, in place; finer than milli-units is rounded up."""
    for name, amount in resources.items():
        text = canonical_milli(amount)
        if text != amount:
            resources[name] = text


def requirements(resources: ResourceRequirements | VolumeResourceRequirements) -> None:
    """`resource_list` for limits and requests."""
    if resources.limits:
        resource_list(resources.limits)
    if resources.requests:
        resource_list(resources.requests)


def single(amount: Quantity | None) -> Quantity | None:
    """The canonical form of a field that may be unset."""
    return None if amount is None else canonical(amount)
