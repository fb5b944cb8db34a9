"""How a deletion begins: preconditions, grace, and the finalizers that a propagation policy asks for.

Source: k8s.io/apiserver/pkg/registry/rest/delete.go (BeforeDelete), registry/store.go (deletionFinalizersForGarbageCollection)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from minikube_py.apis import meta_v1
from minikube_py.apis.resources import ResourceType
from minikube_py.core.clock import parse_rfc3339, rfc3339
from minikube_py.core.errors import Cause, conflict, invalid

from .strategy import Strategy

ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """metav1.DeleteOptions as the Registry needs them. `grace_period_seconds` None is the kind's default."""

    grace_period_seconds: int | None = None
    propagation_policy: str | None = None
    uid: str | None = None
    resource_version: str | None = None


def options_from(body: meta_v1.DeleteOptions) -> DeleteOptions:
    """Read the options that a client sent.

    Raises: InvalidError for a wrong policy or both forms of it.
    """
    policy = body.propagation_policy
    causes = []
    if body.orphan_dependents is not None:
        if policy is not None:
            causes.append(Cause("FieldValueInvalid",
                                f'Invalid value: "{policy}": orphanDependents and deletionPropagation cannot be both set',
                                "propagationPolicy"))
        policy = "Orphan" if body.orphan_dependents else "Background"
    elif policy not in (None, "Orphan", "Background", "Foreground"):
        causes.append(Cause("FieldValueNotSupported",
                            f'Unsupported value: "{policy}": supported values: "Foreground", "Background", "Orphan"', "propagationPolicy"))
    if causes:
        raise invalid("meta.k8s.io", "DeleteOptions", "", causes)
    preconditions = body.preconditions
    return DeleteOptions(
        body.grace_period_seconds, policy, preconditions.uid if preconditions else None,
        preconditions.resource_version if preconditions else None,
    )


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
