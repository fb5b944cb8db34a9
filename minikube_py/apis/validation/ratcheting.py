"""Rules that became stricter than they were: what an object has had already may stay in it.

Source: pkg/apis/core/validation/validation.go (IsValidIPForLegacyField, IsValidCIDRForLegacyField), apimachinery's
pkg/apis/meta/v1/validation/validation.go (AllowInvalidLabelValueInSelector)
"""

from __future__ import annotations

from collections.abc import Collection

from .. import addresses, meta_v1
from .causes import Causes, invalid
from .common import cidr, ip_address, label_selector


def legacy_ip(causes: Causes, path: str, text: str, known: Collection[str]) -> None:
    """An address in a field that is older than the strict rules; one that is `known` need only be an address."""
    if text not in known or addresses.sloppy(text) is None:
        ip_address(causes, path, text)


def legacy_cidr(causes: Causes, path: str, text: str, known: Collection[str]) -> None:
    """A network in a field that is older than the strict rules; one that is `known` need only be a network."""
    if text not in known or addresses.sloppy_interface(text) is None:
        cidr(causes, path, text)


def canonical_cidr(causes: Causes, path: str, text: str) -> None:
    """A network in its shortest form."""
    before = len(causes)
    cidr(causes, path, text)
    interface = addresses.sloppy_interface(text)
    if len(causes) == before and interface is not None and str(interface.network) != text:
        causes.append(invalid(path, text, f'must be in canonical form ("{interface.network}")'))


def selector_after(causes: Causes, path: str, new: meta_v1.LabelSelector | None, old: meta_v1.LabelSelector | None) -> None:
    """The selector of an updated object: values that are no label values are let through if the old selector was wrong."""
    was_wrong: Causes = []
    label_selector(was_wrong, path, old)
    label_selector(causes, path, new, strict_values=not was_wrong)
