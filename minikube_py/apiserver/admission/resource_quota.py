"""ResourceQuota: what would use more than the quotas of a namespace leave is refused, and what has to be under a quota and is not.

The last of all plugins: what it lets pass counts as soon as the store accepts it, and nothing is awaited until then.

Source: staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from minikube_py.apis.object import Quantity
from minikube_py.apis.quantity import add, canonical, nano_value, subtract
from minikube_py.apis.quota import Evaluator, scope_requirements
from minikube_py.apis.quota.evaluator import Scope
from minikube_py.core.errors import UnreasonedError

from ..quota.tracked import TrackedQuota
from ..quota.usage import QuotaUsage
from . import Operation, Plugin, forbidden
from .resource_quota_configuration import LimitedResource, read_configuration

Amounts = Mapping[str, Quantity]


class ResourceQuotaPlugin(Plugin):
    """Refuses what does not fit into the quotas of its namespace."""

    name = "ResourceQuota"

    def __init__(self, usage: QuotaUsage, document: Any = None) -> None:
        """
        Args:
            document: the plugin's configuration; None is none.
        Raises: ConfigurationError.
        """
        self._usage = usage
        self._limited: Sequence[LimitedResource] = read_configuration(document)

    def validate(self, operation: Operation) -> None:
        if not operation.namespace or operation.obj is None or not operation.storage.resource.namespaced:
            return
        quotas = self._usage.quotas(operation.namespace)
        if not quotas and not self._limited:
            return
        resource = operation.storage.resource.group_resource
        evaluator = self._usage.evaluator(resource)
        if evaluator is not None and evaluator.handles(operation.verb, operation.subresource, operation.obj, operation.old):
            self._check(operation, evaluator, quotas)

    def _check(self, operation: Operation, evaluator: Evaluator, quotas: Iterable[TrackedQuota]) -> None:
        obj, now = operation.obj, self._usage.now()
        scopes: list[Scope] = []
        covered: set[str] = set()
        concerned: list[TrackedQuota] = []
        for tracked in quotas:
            scopes += [scope for scope in scope_requirements(tracked.quota.spec) if evaluator.is_in_scope(scope, obj)]
            names = evaluator.matching(tracked.hard)
            if names and evaluator.is_in_scopes(tracked.quota.spec, obj):
                if missing := evaluator.missing(names, obj):
                    raise forbidden(operation, f"failed quota: {tracked.quota.metadata.name}: {missing}")
                concerned.append(tracked)
                covered.update(names)
        usage = evaluator.usage(obj, now)
        more = usage if operation.old is None else _more(usage, evaluator.usage(operation.old, now))
        added = [(tracked, usage if _is_new_to(evaluator, tracked, operation.old) else more) for tracked in concerned]
        if not any(_is_any(amounts) for _, amounts in added) and (concerned or not _is_any(more)):
            return
        self._check_coverage(operation, evaluator, usage, covered, scopes)
        for tracked, amounts in added:
            _check_quota(operation, tracked, amounts)

    def _check_coverage(
        self, operation: Operation, evaluator: Evaluator, usage: Amounts, covered: set[str], scopes: Sequence[Scope]
    ) -> None:
        """Refuse what may only be used, or done, under a quota."""
        resource = operation.storage.resource
        limited = [rule for rule in self._limited if (rule.api_group, rule.resource) == (resource.group, resource.plural)]
        consumed = [name for name, amount in usage.items() if nano_value(amount) > 0]
        uncovered = {name for name in consumed if any(part in name for rule in limited for part in rule.match_contains)} - covered
        if uncovered:
            raise forbidden(operation, f"insufficient quota to consume: {','.join(sorted(uncovered))}")
        wanted = [scope for rule in self._limited for scope in rule.match_scopes if evaluator.is_in_scope(scope, operation.obj)]
        known = {scope.scope_name for scope in scopes}
        open_scopes = [scope for scope in wanted if scope.scope_name not in known]
        if open_scopes:
            shown = " ".join(f"{{{scope.scope_name} {scope.operator} [{' '.join(scope.values)}]}}" for scope in open_scopes)
            raise UnreasonedError(f"insufficient quota to match these scopes: [{shown}]")


def _check_quota(operation: Operation, tracked: TrackedQuota, added: Amounts) -> None:
    hard, used = tracked.hard, tracked.used
    requested = {name: amount for name, amount in added.items() if name in hard and nano_value(amount)}
    exceeded = [name for name, amount in requested.items() if nano_value(add(used[name], amount)) > nano_value(hard[name])]
    if exceeded:
        raise forbidden(
            operation, f"exceeded quota: {tracked.quota.metadata.name}, requested: {_shown(requested, exceeded)}, "
                       f"used: {_shown(used, exceeded)}, limited: {_shown(hard, exceeded)}"
        )


def _is_new_to(evaluator: Evaluator, tracked: TrackedQuota, old: Any) -> bool:
    """Whether an object did not count against a quota before."""
    return old is None or not evaluator.is_in_scopes(tracked.quota.spec, old)


def _more(new: Amounts, old: Amounts) -> Amounts:
    """By how much an object counts for more than before."""
    found = {name: subtract(amount, old.get(name, 0)) for name, amount in new.items()}
    return {name: amount for name, amount in found.items() if nano_value(amount) > 0}


def _is_any(amounts: Amounts) -> bool:
    return any(nano_value(amount) for amount in amounts.values())


def _shown(amounts: Amounts, names: Iterable[str]) -> str:
    return ",".join(f"{name}={canonical(amounts[name])}" for name in sorted(names))
