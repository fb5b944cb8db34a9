"""The form of the tables that join kinds with their rules: scope, syntax of names, rules of creation, of updates and of subresources.

A kind whose updates follow the rules of its creation has no rules of updates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .. import syntax
from ..object import Object
from .causes import Causes
from .common import Syntax

Create = Callable[[Causes, Any], None]
Update = Callable[[Causes, Any, Any], None]


@dataclass(frozen=True, slots=True)
class KindRules:
    """The rules of one kind.

    Attributes:
        order: what an update goes through after the rules of all kinds' metadata, which decides how often and in which order an author is
            told of a mistake. Letters: "c" the metadata as on creation, "u" as on an update, "s" the kind's own rules; of several "s" the
            last are those of updates and the others those of creation.
        standard_finalizers: whether a finalizer without a domain must be one of Kubernetes' own.
    """

    create: Create | None = None
    update: Update | None = None
    namespaced: bool = True
    name: Syntax = syntax.dns_subdomain
    order: str = "us"
    standard_finalizers: bool = True


def cluster(
    create: Create | None = None, update: Update | None = None, name: Syntax = syntax.dns_subdomain, order: str = "us"
) -> KindRules:
    """The rules of a kind that lives outside of namespaces."""
    return KindRules(create, update, namespaced=False, name=name, order=order)


Rules = dict[type[Object], KindRules]
SubresourceRules = dict[tuple[type[Object], str], Update]
"""Rules of updates by a subresource, which are those of the part that it may change."""
