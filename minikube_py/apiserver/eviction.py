"""Eviction of pods: a deletion that disruption budgets may refuse.

A budget counts down here, when its pod is as good as gone; the disruption controller counts anew as pods come and go. A pod that disrupts
nothing any more is deleted whatever its budget says.

Source: pkg/registry/core/pod/storage/eviction.go
"""

from __future__ import annotations

from dataclasses import replace

from minikube_py.apis import meta_v1
from minikube_py.apis.core_v1 import Pod, PodCondition
from minikube_py.apis.labels import from_label_selector
from minikube_py.apis.policy_v1 import Eviction, PodDisruptionBudget
from minikube_py.core.clock import rfc3339
from minikube_py.core.errors import (
    BadRequestError,
    Cause,
    ConflictError,
    ForbiddenError,
    TooManyRequestsError,
    UnreasonedError,
    conflict,
    resource_details,
)

from .context import INTERNAL, Context
from .deletion import DeleteOptions, options_from
from .patching import change_transform
from .registry import Registry

SUCCESS = meta_v1.Status(kind="Status", api_version="v1", status="Success", code=201)
SEVERAL_BUDGETS = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
_ANNOUNCED_MAX = 2000
# How often an eviction begins anew because its pod changes. Source: eviction.go (EvictionsRetry)
TRIES = 20
# How long a write that is under way may take.
WAIT_S = 5.0
_ALLOWED = "DisruptionAllowed"


class Evictions:
    """Evicts pods of a registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._pods = registry.storage_of(Pod)
        self._budgets = registry.storage_of(PodDisruptionBudget)

    async def evict(self, namespace: str, name: str, eviction: Eviction, context: Context) -> meta_v1.Status:
        """Delete a pod if its budget allows it.

        Raises: BadRequestError, NotFoundError; ConflictError if a precondition does not hold; TooManyRequestsError if the budget refuses.
        """
        if eviction.metadata.name != name:
            raise BadRequestError("name in URL does not match name in Eviction object")
        context = _with_dry_run(eviction, context)
        options = options_from(eviction.delete_options) if eviction.delete_options is not None else DeleteOptions()
        tries = 0
        while _disrupts_nothing(pod := self._pod(namespace, name)):
            pending = pod.status.phase == "Pending" and not pod.metadata.deletion_timestamp
            try:
                await self._delete(pod, _as_seen(pod, options) if pending else options, context)
            except ConflictError:
                # The pod has changed: it may be counted by now.
                tries += 1
                if options.resource_version or tries == TRIES:
                    raise
                await self._wait_for_newest(pod)
            else:
                return SUCCESS
        budgets = self._budgets_of(pod)
        if len(budgets) > 1:
            return meta_v1.Status(kind="Status", api_version="v1", status="Failure", message=SEVERAL_BUDGETS, code=500)
        if not budgets:
            await self._delete(pod, options, context)
        elif _may_go_unhealthy(pod, budgets[0]):
            await self._delete_as_seen(pod, _as_seen(pod, options), budgets[0], context, own_version=not options.resource_version)
        else:
            await self._count_down(budgets[0], name, context)
            await self._delete(pod, options, context)
        return SUCCESS

    def _pod(self, namespace: str, name: str) -> Pod:
        found: Pod = self._pods.object(self._registry.get(self._pods, namespace, name))
        return found

    async def _wait_for_newest(self, pod: Pod) -> None:
        """Wait until what has changed a pod is acknowledged."""
        store, meta = self._registry.store, pod.metadata
        head = store.head(self._pods.collection, self._pods.key(meta.namespace, meta.name))
        if head is not None:
            await store.wait_revision(head.revision, WAIT_S)

    def _budgets_of(self, pod: Pod) -> list[PodDisruptionBudget]:
        if not pod.metadata.labels:
            return []
        budgets = [self._budgets.object(entry) for entry in self._registry.list(self._budgets, pod.metadata.namespace).entries]
        return [budget for budget in budgets if from_label_selector(budget.spec.selector).matches(pod.metadata.labels)]

    async def _count_down(self, budget: PodDisruptionBudget, pod_name: str, context: Context) -> None:
        now = rfc3339(self._registry.clock.now())

        def count(present: PodDisruptionBudget) -> None:
            status = present.status
            check(present)
            status.disruptions_allowed = status.disruptions_allowed - 1
            if not status.disruptions_allowed:
                status.conditions = _refusing(status.conditions, status.observed_generation, now)
            status.disrupted_pods[pod_name] = now

        if context.dry_run:
            return check(budget)
        meta = budget.metadata
        await self._registry.update(self._budgets, meta.namespace, meta.name, change_transform(count), INTERNAL, subresource="status")

    async def _delete_as_seen(
        self, pod: Pod, options: DeleteOptions, budget: PodDisruptionBudget, context: Context, *, own_version: bool
    ) -> None:
        """Delete a pod that its budget does not count, unless it has changed and may be counted by now."""
        try:
            await self._delete(pod, options, context)
        except ConflictError as error:
            if own_version:
                raise _being_processed(budget.metadata.name) from error
            raise

    async def _delete(self, pod: Pod, options: DeleteOptions, context: Context) -> None:
        """Say in the pod's status why it goes, and let it go."""
        meta = pod.metadata
        if not context.dry_run:
            now = rfc3339(self._registry.clock.now())

            def explain(present: Pod) -> None:
                _check_preconditions(present, options)
                present.status.conditions = _with_target(present, now)

            entry, _ = await self._registry.update(
                self._pods, meta.namespace, meta.name, change_transform(explain), context, subresource="status", tracked=True)
            if options.resource_version:
                options = replace(options, resource_version=self._pods.object(entry).metadata.resource_version)
        await self._registry.delete(self._pods, meta.namespace, meta.name, options, context)


def _as_seen(pod: Pod, options: DeleteOptions) -> DeleteOptions:
    """Options by which a pod goes as it has been seen, and no other version of it."""
    return replace(options, resource_version=options.resource_version or pod.metadata.resource_version)


def check(budget: PodDisruptionBudget) -> None:
    """Raises: TooManyRequestsError or ForbiddenError if a budget allows no disruption now."""
    status, name = budget.status, budget.metadata.name
    allowed = status.disruptions_allowed
    if status.observed_generation < budget.metadata.generation:
        raise _being_processed(name)
    if allowed < 0:
        raise _forbidden(name, "pdb disruptions allowed is negative")
    if len(status.disrupted_pods) > _ANNOUNCED_MAX:
        raise _forbidden(name, "DisruptedPods map too big - too many evictions not confirmed by PDB controller")
    if allowed:
        return
    for condition in status.conditions:
        if condition.type == _ALLOWED and condition.reason == "SyncFailed":
            raise _refused(f"The disruption budget {name} does not allow evicting pods currently because it failed sync: "
                           f"{condition.message}")
    raise _refused(f"The disruption budget {name} needs {status.desired_healthy} healthy pods and has "
                   f"{status.current_healthy} currently")


def _refused(why: str, retry_s: int = 0) -> TooManyRequestsError:
    return TooManyRequestsError(
        "Cannot evict pod as it would violate the pod's disruption budget.", details={"retryAfterSeconds": retry_s} if retry_s else {},
        causes=[Cause("DisruptionBudget", why)])


def _being_processed(name: str) -> TooManyRequestsError:
    return _refused(f"The disruption budget {name} is still being processed by the server.", retry_s=10)


def _forbidden(name: str, why: str) -> ForbiddenError:
    details = resource_details("policy", "poddisruptionbudget", name)
    return ForbiddenError(f'poddisruptionbudget.policy "{name}" is forbidden: {why}', details=details)


def _with_dry_run(eviction: Eviction, context: Context) -> Context:
    """What the request says of dry runs, or the options in its body; both must say the same. Raises: UnreasonedError."""
    asked, inside = ["All"] if context.dry_run else [], eviction.delete_options.dry_run if eviction.delete_options is not None else []
    if asked and inside and asked != inside:
        raise UnreasonedError(f"Non-matching dry-run options in request and content: [{' '.join(asked)}] and [{' '.join(inside)}]")
    return replace(context, dry_run=True) if inside and not asked else context


def _disrupts_nothing(pod: Pod) -> bool:
    return pod.status.phase in ("Succeeded", "Failed", "Pending") or bool(pod.metadata.deletion_timestamp)


def _may_go_unhealthy(pod: Pod, budget: PodDisruptionBudget) -> bool:
    """Whether a pod that is not ready may go though its budget allows no disruption."""
    if any(condition.type == "Ready" and condition.status == "True" for condition in pod.status.conditions):
        return False
    current, desired = budget.status.current_healthy, budget.status.desired_healthy
    return budget.spec.unhealthy_pod_eviction_policy == "AlwaysAllow" or current >= desired > 0


def _check_preconditions(pod: Pod, options: DeleteOptions) -> None:
    meta = pod.metadata
    if options.uid and options.uid != meta.uid:
        raise conflict("", "Pod", meta.name, f"the UID in the precondition ({options.uid}) does not match the UID in record ({meta.uid}). "
                                             "The object might have been deleted and then recreated")
    if options.resource_version and options.resource_version != meta.resource_version:
        raise conflict("", "Pod", meta.name, f"the ResourceVersion in the precondition ({options.resource_version}) does not match the "
                                             f"ResourceVersion in record ({meta.resource_version}). The object might have been modified")


def _with_target(pod: Pod, now: str) -> list[PodCondition]:
    """The pod's conditions with the one that says that it is disrupted on purpose."""
    known = next((condition for condition in pod.status.conditions if condition.type == "DisruptionTarget"), None)
    since = known.last_transition_time if known is not None and known.status == "True" else now
    target = PodCondition(
        type="DisruptionTarget", status="True", reason="EvictionByEvictionAPI", message="Eviction API: evicting",
        observed_generation=pod.metadata.generation, last_transition_time=since)
    if known is None:
        return [*pod.status.conditions, target]
    return [target if condition is known else condition for condition in pod.status.conditions]


def _refusing(conditions: list[meta_v1.Condition], generation: int, now: str) -> list[meta_v1.Condition]:
    """The conditions of a budget that allows no more disruptions."""
    known = next((condition for condition in conditions if condition.type == _ALLOWED), None)
    row = meta_v1.Condition(
        type=_ALLOWED, status="False", reason="InsufficientPods", observed_generation=generation,
        last_transition_time=known.last_transition_time if known is not None and known.status == "False" else now)
    return [row if condition is known else condition for condition in conditions] + ([row] if known is None else [])
