"""What an object counts for, in general: one, whatever it is. Subclasses know of more.

Source: staging/src/k8s.io/apiserver/pkg/quota/v1/interfaces.go, generic/evaluator.go
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ..core_v1 import ResourceQuotaSpec, ScopedResourceSelectorRequirement
from ..object import Quantity

ResourceList = dict[str, Quantity]
Scope = ScopedResourceSelectorRequirement

COUNT_PREFIX = "count/"


class Evaluator:
    """How the objects of one resource count.

    Attributes:
        resource: "pods", "deployments.apps".
    """

    def __init__(self, resource: str, alias: str = "") -> None:
        """`alias`: what the number of objects is called beside count/<resource>; "" for most."""
        self.resource = resource
        self._names = (COUNT_PREFIX + resource, alias) if alias else (COUNT_PREFIX + resource,)
        self._usage: ResourceList = dict.fromkeys(self._names, "1")

    def matching(self, names: Iterable[str]) -> list[str]:
        """Those of the names that objects of the resource may count for."""
        return [name for name in names if name in self._names]

    def usage(self, obj: Any, now: datetime) -> ResourceList:
        """What an object counts for; not to be changed."""
        return self._usage

    def usage_ends(self, obj: Any) -> datetime | None:
        """When an object begins to count for less without being changed; None for never."""
        return None

    def is_in_scope(self, scope: Scope, obj: Any) -> bool:
        """Whether an object is what a scope is about."""
        return False

    def is_in_scopes(self, spec: ResourceQuotaSpec, obj: Any) -> bool:
        """Whether an object is what all scopes of a quota are about."""
        return all(self.is_in_scope(scope, obj) for scope in scope_requirements(spec))

    def missing(self, names: Iterable[str], obj: Any) -> str:
        """What an object has to say and does not, as it would count for these names; "" if nothing is wrong."""
        return ""

    def handles(self, verb: str, subresource: str, new: Any, old: Any) -> bool:
        """Whether a request may make an object count for more."""
        return verb == "CREATE" and not subresource


def scope_requirements(spec: ResourceQuotaSpec) -> list[Scope]:
    """The scopes of a quota, in either form."""
    scopes = [Scope(scope_name=name, operator="Exists") for name in spec.scopes]
    return scopes + spec.scope_selector.match_expressions if spec.scope_selector is not None else scopes


def selects(scope: Scope, values: Iterable[str]) -> bool:
    """Whether a scope with values selects an object that has these; several are as good as the best of them."""
    present = [value for value in values if value]
    match scope.operator:
        case "Exists":
            return bool(present)
        case "DoesNotExist":
            return not present
        case "In":
            return any(value in scope.values for value in present)
        case "NotIn":
            return not present or any(value not in scope.values for value in present)
        case _:
            return False
