"""How a deletion begins: preconditions, grace, and the finalizers that a propagation policy asks for.

Source: k8s.io/apiserver/pkg/registry/rest/delete.go (BeforeDelete), registry/store.go (deletionFinalizersForGarbageCollection)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from minikube_py.apis import meta_v1
from minikube_py.apis.resources import ResourceType
from minikube_py.apis.validation.causes import invalid, not_supported
from minikube_py.core.clock import duration, parse_rfc3339, rfc3339
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


def check_preconditions(resource: ResourceType, strategy: Strategy, obj: Any, options: DeleteOptions) -> None:
    """Raises: ConflictError if the object is not the one meant."""
    meta = obj.metadata
    for what, asked, known, happened in (
        ("UID", options.uid, meta.uid, "deleted and then recreated"),
        ("ResourceVersion", options.resource_version, meta.resource_version, "modified"),
    ):
        if asked is None or asked == known:
            continue
        if strategy.marks_deletion:
            why = f"Precondition failed: {what} in precondition: {asked}, {what} in object meta: {known}"
            raise conflict(resource.group, resource.plural, meta.name, why)
        why = f"the {what} in the precondition ({asked}) does not match the {what} in record ({known})"
        raise conflict(resource.group, resource.kind, meta.name, f"{why}. The object might have been {happened}")


def begin_deletion(strategy: Strategy, obj: Any, options: DeleteOptions, now: datetime) -> bool:
    """Mark `obj` (a copy, changed here) as being deleted; return whether it can go at once."""
    meta = obj.metadata
    if strategy.marks_deletion and not meta.deletion_timestamp:
        strategy.begin_deletion(obj, options.propagation_policy)
        meta.deletion_timestamp = rfc3339(now)
        return False
    if strategy.is_held(obj):
        return False
    grace = _grace(strategy, obj, options.grace_period_seconds, now) if strategy.graceful else 0
    if grace is None:
        return False
    set_propagation_finalizers(meta, options.propagation_policy, strategy.default_propagation)
    if meta.finalizers and grace == 0:
        _mark(meta, 0, now)
    return not meta.finalizers and grace == 0


def _grace(strategy: Strategy, obj: Any, asked: int | None, now: datetime) -> int | None:
    """Let the grace period of an object begin, or make it shorter; None if a longer one than that has begun already."""
    meta = obj.metadata
    if asked is not None and asked < 0:
        asked = 1
    if not meta.deletion_timestamp:
        grace = strategy.grace_period(obj, asked)
        _mark(meta, grace, now)
        return grace
    known: int = meta.deletion_grace_period_seconds or 0
    if not known:
        return 0
    if asked is None or asked >= known:
        return None
    # The time since the first request counts.
    meta.deletion_timestamp = rfc3339(parse_rfc3339(meta.deletion_timestamp) - duration(known - asked))
    meta.deletion_grace_period_seconds = asked
    return asked


def _mark(meta: meta_v1.ObjectMeta, grace: int, now: datetime) -> None:
    """Say until when the object stays; a time that was said before is kept, unless it is later."""
    until = now + duration(grace)
    if not meta.deletion_timestamp and meta.generation:
        meta.generation += 1
    if not meta.deletion_timestamp or parse_rfc3339(meta.deletion_timestamp) > until:
        meta.deletion_timestamp = rfc3339(until)
    meta.deletion_grace_period_seconds = grace


def set_propagation_finalizers(meta: meta_v1.ObjectMeta, policy: str | None, default: str) -> None:
    """Orphan and foreground deletion are finalizers that the garbage collector takes away.

    What the request says counts, then a finalizer that is there, then the kind's default; "Unsupported" is the default of kinds that have
    no dependents.
    """
    if default == "Unsupported":
        policy = default
    if policy is None:
        if ORPHAN in meta.finalizers or FOREGROUND in meta.finalizers:
            return
        policy = default
    wanted = {"Orphan": ORPHAN, "Foreground": FOREGROUND}.get(policy)
    finalizers = [name for name in meta.finalizers if name not in (ORPHAN, FOREGROUND)]
    if wanted:
        finalizers.append(wanted)
    if set(finalizers) != set(meta.finalizers):
        meta.finalizers = finalizers
