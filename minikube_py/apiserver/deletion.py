"""How a deletion begins: preconditions, grace, and the finalizers that a propagation policy asks for.

Source: k8s.io/apiserver/pkg/registry/rest/delete.go (BeforeDelete), registry/store.go (deletionFinalizersForGarbageCollection)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from minikube_py.apis import meta_v1
from minikube_py.apis.resources import ResourceType
from minikube_py.apis.validation.causes import invalid, not_supported
from minikube_py.core.clock import parse_rfc3339, rfc3339
from minikube_py.core.errors import Cause, conflict
from minikube_py.core.errors import invalid as invalid_error

from .strategy import Strategy

ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"
POLICIES = ("Foreground", "Background", "Orphan")


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """metav1.DeleteOptions as the Registry needs them.

    Attributes:
        grace_period_seconds: None is the kind's default.
        orphan_dependents: what clients from before propagation policies said; the policy says the same.
    """

    grace_period_seconds: int | None = None
    propagation_policy: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    orphan_dependents: bool | None = None


def options_from(body: meta_v1.DeleteOptions) -> DeleteOptions:
    """Read the options that a client sent.

    Raises: InvalidError for values that there are not, or two that say the same.
    """
    policy, orphan = body.propagation_policy, body.orphan_dependents
    causes = []
    if orphan is not None and policy is not None:
        causes.append(invalid("propagationPolicy", policy, "orphanDependents and deletionPropagation cannot be both set"))
    if policy not in (None, *POLICIES):
        causes.append(not_supported("propagationPolicy", policy, (*POLICIES, "nil")))
    causes += dry_run_causes(body.dry_run)
    if causes:
        raise invalid_error("meta.k8s.io", "DeleteOptions", "", causes)
    if orphan is not None:
        policy = "Orphan" if orphan else "Background"
    grace = body.grace_period_seconds
    preconditions = body.preconditions or meta_v1.Preconditions()
    return DeleteOptions(grace, policy, preconditions.uid, preconditions.resource_version, orphan)


def dry_run_causes(values: list[str]) -> list[Cause]:
    """What is wrong with the stages at which a dry run is to end; there is one."""
    return [not_supported("dryRun", values, ("All",))] if any(value != "All" for value in values) else []


def check_preconditions(resource: ResourceType, obj: Any, options: DeleteOptions) -> None:
    """Raises: ConflictError if the object is not the one meant."""
    meta = obj.metadata
    if options.uid is not None and options.uid != meta.uid:
        raise conflict(resource.group, resource.plural, meta.name,
                       f"Precondition failed: UID in precondition: {options.uid}, UID in object meta: {meta.uid}")
    if options.resource_version is not None and options.resource_version != meta.resource_version:
        raise conflict(resource.group, resource.plural, meta.name,
                       f"Precondition failed: ResourceVersion in precondition: {options.resource_version}, "
                       f"ResourceVersion in object meta: {meta.resource_version}")


def begin_deletion(strategy: Strategy, obj: Any, options: DeleteOptions, now: datetime) -> bool:
    """Mark `obj` (a copy, changed here) as being deleted; return whether it can go at once."""
    meta = obj.metadata
    _set_propagation_finalizers(meta, options.propagation_policy, strategy.default_propagation)
    grace = strategy.grace_period(obj, options.grace_period_seconds)
    if meta.deletion_timestamp:
        known = meta.deletion_grace_period_seconds or 0
        if options.grace_period_seconds is not None and grace < known:
            # The time since the first request counts.
            meta.deletion_grace_period_seconds = grace
            meta.deletion_timestamp = rfc3339(parse_rfc3339(meta.deletion_timestamp) - timedelta(seconds=known - grace))
        return strategy.may_vanish(obj) and not meta.deletion_grace_period_seconds
    strategy.begin_deletion(obj)
    if grace == 0 and strategy.may_vanish(obj):
        return True
    meta.deletion_timestamp = rfc3339(now + timedelta(seconds=grace))
    meta.deletion_grace_period_seconds = grace
    if meta.generation:
        meta.generation += 1
    return False


def _set_propagation_finalizers(meta: meta_v1.ObjectMeta, policy: str | None, default: str) -> None:
    """Orphan and foreground deletion are finalizers that the garbage collector takes away.

    What the request says counts, then a finalizer that is there, then the kind's default.
    """
    if policy is None:
        if ORPHAN in meta.finalizers or FOREGROUND in meta.finalizers:
            return
        policy = default
    wanted = {"Orphan": ORPHAN, "Foreground": FOREGROUND}.get(policy)
    meta.finalizers = [name for name in meta.finalizers if name not in (ORPHAN, FOREGROUND)]
    if wanted:
        meta.finalizers.append(wanted)
