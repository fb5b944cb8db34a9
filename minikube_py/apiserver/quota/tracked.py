"""One ResourceQuota and the objects that count against it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from minikube_py.apis.core_v1 import ResourceQuota
from minikube_py.apis.object import Quantity
from minikube_py.apis.quantity import add, subtract
from minikube_py.apis.quota import Evaluator, Evaluators

Charge = dict[str, Quantity]
_NOTHING: Charge = {}


class TrackedQuota:
    """A quota and what is charged to it.

    Invariant: `used` is the sum of all charges, with a zero for each name that nothing counts for.

    Attributes:
        quota: its newest version.
        evaluators: of the resources whose objects may count, by resource.
    """

    def __init__(self, quota: ResourceQuota, evaluators: Evaluators) -> None:
        self.quota = quota
        names = names_of(quota)
        self.evaluators: dict[str, Evaluator] = {evaluator.resource: evaluator for evaluator in evaluators.matching(names)}
        self.used: Charge = {name: "0" for evaluator in self.evaluators.values() for name in evaluator.matching(names)}
        self._charges: dict[tuple[str, str], Charge] = {}

    @property
    def hard(self) -> Mapping[str, Quantity]:
        """What is enforced: what the status says, and before it says anything, what is wanted."""
        return self.quota.status.hard or self.quota.spec.hard

    def counts_as(self, quota: ResourceQuota) -> bool:
        """Whether another version of the quota is about the same objects."""
        own, other = self.quota.spec, quota.spec
        same_scopes = own.scopes == other.scopes and own.scope_selector == other.scope_selector
        return same_scopes and names_of(self.quota) == names_of(quota)

    def charge(self, resource: str, key: str, obj: Any, now: datetime) -> bool:
        """Charge an object of a resource that may count for what it counts now, instead of before; whether that makes a difference."""
        evaluator = self.evaluators[resource]
        charge = _NOTHING
        if evaluator.is_in_scopes(self.quota.spec, obj):
            charge = {name: amount for name, amount in evaluator.usage(obj, now).items() if name in self.used and amount != "0"}
        return self._replace((resource, key), charge)

    def release(self, resource: str, key: str) -> bool:
        """Charge an object that is gone for nothing any more; whether that makes a difference."""
        return self._replace((resource, key), _NOTHING)

    def _replace(self, key: tuple[str, str], charge: Charge) -> bool:
        before = self._charges.get(key, _NOTHING)
        if before == charge:
            return False
        if charge:
            self._charges[key] = charge
        else:
            del self._charges[key]
        used = self.used
        for name, amount in before.items():
            used[name] = subtract(used[name], amount)
        for name, amount in charge.items():
            used[name] = add(used[name], amount)
        return True


def names_of(quota: ResourceQuota) -> set[str]:
    """The names that a quota limits something by."""
    return {*quota.spec.hard, *quota.status.hard}
