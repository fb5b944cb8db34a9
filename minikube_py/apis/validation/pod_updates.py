"""Rules of what updates of a pod may change: little by its main resource, and a part each by ephemeralcontainers and resize.

Source: pkg/apis/core/validation/validation.go (ValidatePodUpdate, ValidatePodEphemeralContainersUpdate, ValidatePodResize)
"""

from __future__ import annotations

import msgspec

from .. import syntax
from ..core_v1 import (
    Affinity,
    Container,
    EphemeralContainer,
    NodeAffinity,
    NodeSelectorTerm,
    Pod,
    PodSpec,
    ResourceRequirements,
)
from ..object import Quantity
from ..pod_resources import qos_class
from . import scheduling
from .causes import WHOLE, Causes, forbidden, invalid, required
from .differences import difference
from .pod_annotations import MIRROR
from .pod_annotations import updated as annotations_updated
from .pods import DEADLINE_S_MAX, annotations_of, pod_itself

_UPDATABLE = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_TERMS = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
_NO_RESOURCES = ResourceRequirements()
_IN_PLACE = ("cpu", "memory")


def update(causes: Causes, new: Pod, old: Pod) -> None:
    """A pod is made once: little of its spec may change. A spec that stays was judged when it came."""
    own, was = new.spec, old.spec
    if own == was:
        annotations_of(causes, new)
        _annotations(causes, new, old)
        return
    pod_itself(causes, new)
    _annotations(causes, new, old)
    if not (_images(causes, "spec.containers", own.containers, was.containers)
            and _images(causes, "spec.initContainers", own.init_containers, was.init_containers)):
        return
    if not _deadline(causes, own.active_deadline_seconds, was.active_deadline_seconds):
        return
    _tolerations(causes, own, was)
    known = {gate.name for gate in was.scheduling_gates}
    for index, gate in enumerate(own.scheduling_gates):
        if gate.name not in known:
            causes.append(forbidden(f"spec.schedulingGates[{index}].name",
                                    f"only deletion is allowed, but found new scheduling gate '{gate.name}'"))
    munged = _with_updatable_fields_of(causes, own, was)
    if munged != was:
        causes.append(forbidden("spec", f"pod updates may not change fields other than {_UPDATABLE}\n{difference(was, munged)}"))


def _annotations(causes: Causes, new: Pod, old: Pod) -> None:
    own, was = new.metadata.annotations, old.metadata.annotations
    if own or was:
        annotations_updated(causes, "metadata.annotations", own, was, new.spec)


def _images(causes: Causes, path: str, new: list[Container], old: list[Container]) -> bool:
    """Containers stay, with images. Returns: whether it is worth to look further."""
    if len(new) != len(old):
        causes.append(forbidden(path, "pod updates may not add or remove containers"))
        return False
    for index, item in enumerate(new):
        if not item.image:
            causes.append(required(f"{path}[{index}].image"))
        elif item.image != item.image.strip():
            causes.append(invalid(f"{path}[{index}].image", item.image, "must not have leading or trailing whitespace"))
    return True


def _deadline(causes: Causes, new: int | None, old: int | None) -> bool:
    """The deadline may be set, and become sooner. Returns: whether it is worth to look further."""
    path = "spec.activeDeadlineSeconds"
    if new is None:
        if old is not None:
            causes.append(invalid(path, None, "must not update from a positive integer to nil value"))
        return True
    if not 0 <= new <= DEADLINE_S_MAX:
        causes.append(invalid(path, new, syntax.in_range(0, DEADLINE_S_MAX)))
        return False
    if old is not None and old < new:
        causes.append(invalid(path, new, "must be less than or equal to previous value"))
        return False
    return True


def _tolerations(causes: Causes, new: PodSpec, old: PodSpec) -> None:
    have = {(t.key, t.operator, t.value, t.effect) for t in new.tolerations}
    if any((t.key, t.operator, t.value, t.effect) not in have for t in old.tolerations):
        causes.append(forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds"))
    else:
        scheduling.tolerations(causes, "spec.tolerations", new.tolerations)


def _with_updatable_fields_of(causes: Causes, new: PodSpec, old: PodSpec) -> PodSpec:
    """The new spec with the old values in every field that may change. Neither spec is changed."""
    grace_s = new.termination_grace_period_seconds
    if grace_s == 1 and (old.termination_grace_period_seconds or 0) < 0:
        grace_s = old.termination_grace_period_seconds
    munged = msgspec.structs.replace(
        new,
        containers=[msgspec.structs.replace(c, image=was.image) for c, was in zip(new.containers, old.containers, strict=True)],
        init_containers=[
            msgspec.structs.replace(c, image=was.image) for c, was in zip(new.init_containers, old.init_containers, strict=True)
        ],
        active_deadline_seconds=old.active_deadline_seconds, scheduling_gates=old.scheduling_gates, tolerations=old.tolerations,
        termination_grace_period_seconds=grace_s,
    )
    if old.scheduling_gates:  # what guides the scheduler may become stricter until it is asked
        _gated(causes, munged, old)
    return munged


def _gated(causes: Causes, munged: PodSpec, old: PodSpec) -> None:
    own = munged.node_selector
    if any(own.get(key) != value or key not in own for key, value in old.node_selector.items()):
        causes.append(invalid("spec.nodeSelector", own, "only additions to spec.nodeSelector are allowed (no mutations or deletions)"))
    munged.node_selector = old.node_selector
    new_node = munged.affinity.node_affinity if munged.affinity is not None else None
    old_node = old.affinity.node_affinity if old.affinity is not None else None
    if new_node == old_node:
        return
    _node_affinity(causes, new_node, old_node)
    replaced = msgspec.structs.replace(munged.affinity or Affinity(), node_affinity=old_node)
    munged.affinity = None if replaced == Affinity() and old.affinity is None else replaced


def _node_affinity(causes: Causes, new: NodeAffinity | None, old: NodeAffinity | None) -> None:
    """Alternatives of nodes stay as many as they are; each may become stricter."""
    was = old.required_during_scheduling_ignored_during_execution if old is not None else None
    if was is None or not was.node_selector_terms:
        return
    own = new.required_during_scheduling_ignored_during_execution if new is not None else None
    terms = own.node_selector_terms if own is not None else []
    if len(terms) != len(was.node_selector_terms):
        causes.append(invalid(_TERMS, terms, "no additions/deletions to non-empty NodeSelectorTerms list are allowed"))
        return
    for index, (term, before) in enumerate(zip(terms, was.node_selector_terms, strict=True)):
        if not _only_more(term, before):
            causes.append(invalid(f"{_TERMS}[{index}]", term, "only additions are allowed (no mutations or deletions)"))


def _only_more(term: NodeSelectorTerm, before: NodeSelectorTerm) -> bool:
    if not before.match_expressions and not before.match_fields and (term.match_expressions or term.match_fields):
        return False  # no requirements match no node
    return (term.match_expressions[:len(before.match_expressions)] == before.match_expressions
            and term.match_fields[:len(before.match_fields)] == before.match_fields)


def ephemeral(causes: Causes, new: Pod, old: Pod) -> None:
    """The ephemeralcontainers subresource: containers may be added."""
    if MIRROR in old.metadata.annotations:
        causes[:] = [forbidden(WHOLE, "static pods do not support ephemeral containers")]
        return
    pod_itself(causes, new)
    _annotations(causes, new, old)
    path = "spec.ephemeralContainers"
    by_name: dict[str, EphemeralContainer] = {container.name: container for container in new.spec.ephemeral_containers}
    for container in old.spec.ephemeral_containers:
        now = by_name.get(container.name)
        quoted = syntax.quote(container.name)
        if now is None:
            causes.append(forbidden(path, f"existing ephemeral containers {quoted} may not be removed\n"))
        elif now != container:
            causes.append(forbidden(path, f"existing ephemeral containers {quoted} may not be changed\n{difference(container, now)}"))


def resize(causes: Causes, new: Pod, old: Pod) -> None:
    """The resize subresource: cpu and memory of containers, and of the pod as a whole, may change."""
    own, was = new.spec, old.spec
    pod_itself(causes, new)
    if MIRROR in old.metadata.annotations:
        causes[:] = [forbidden(WHOLE, "static pods cannot be resized")]
        return
    if was.os is not None and was.os.name == "windows":
        causes[:] = [forbidden(WHOLE, "windows pods cannot be resized")]
        return
    if (old.status.qos_class or qos_class(was)) != qos_class(own):
        causes.append(invalid("spec", new.status.qos_class, "Pod QOS Class may not change as a result of resizing"))
    running = next((s for s in old.status.container_statuses if s.state.running is not None), None)
    if running is not None and running.resources is None:
        causes.append(forbidden("spec", "Pod running on node without support for resize"))
    masked = msgspec.structs.replace(own)
    if _is_set(own.resources) or _is_set(was.resources):
        masked.resources = _pod_level(causes, own.resources, was.resources)
    if old.status.node_allocatable_resource_claim_statuses:
        causes.append(forbidden("spec", "pods with node allocatable resource claims cannot be resized"))
    if _in_order(causes, own, was):
        _containers(causes, masked, was)
        if not causes and masked != was:
            causes.append(forbidden("spec", "only cpu and memory resources are mutable"))


def _is_set(resources: ResourceRequirements | None) -> bool:
    return resources is not None and bool(resources.requests or resources.limits)


def _in_order(causes: Causes, new: PodSpec, old: PodSpec) -> bool:
    """Containers stay, in order."""
    before = len(causes)
    for wire, own, was in (("containers", new.containers, old.containers), ("initContainers", new.init_containers, old.init_containers)):
        if len(own) != len(was):
            causes.append(forbidden(f"spec.{wire}", f"{wire} may not be added or removed on resize"))
            continue
        causes += [forbidden(f"spec.{wire}[{index}].name", f"{wire} may not be renamed or reordered on resize")
                   for index, (item, prior) in enumerate(zip(own, was, strict=True)) if item.name != prior.name]
    return len(causes) == before


def _pod_level(causes: Causes, new: ResourceRequirements | None, old: ResourceRequirements | None) -> ResourceRequirements | None:
    """Check what the pod as a whole is given. Returns: the new resources, cpu and memory as they were."""
    if new is None:
        causes.append(forbidden("spec.resources", "pod-level resources cannot be removed"))
        return new
    was = old or _NO_RESOURCES
    for side in ("requests", "limits"):
        if not getattr(was, side).keys() <= getattr(new, side).keys():
            causes.append(forbidden(f"spec.resources.{side}", f"pod-level resource {side} cannot be removed"))
    masked: ResourceRequirements | None = _masked(new, was)
    if old is None and masked == _NO_RESOURCES:
        masked = None
    if masked != old:
        causes.append(forbidden("spec", "only cpu and memory resources are mutable at pod-level"))
    return masked


def _masked(new: ResourceRequirements, old: ResourceRequirements) -> ResourceRequirements:
    """The new resources, cpu and memory as they were."""
    def side(own: dict[str, Quantity], was: dict[str, Quantity]) -> dict[str, Quantity]:
        return {**{name: amount for name, amount in own.items() if name not in _IN_PLACE},
                **{name: was[name] for name in _IN_PLACE if name in was}}

    return msgspec.structs.replace(new, requests=side(new.requests, old.requests), limits=side(new.limits, old.limits))


def _containers(causes: Causes, masked: PodSpec, old: PodSpec) -> None:
    """Check what containers are given, and set what may change as it was."""
    for wire, own, was in (
        ("initContainers", masked.init_containers, old.init_containers), ("containers", masked.containers, old.containers),
    ):
        for index, (item, before) in enumerate(zip(own, was, strict=True)):
            given, given_before = item.resources, before.resources
            causes += [forbidden(f"spec.{wire}[{index}].resources.{side}", f"resource {side} cannot be removed")
                       for side in ("requests", "limits") if not getattr(given_before, side).keys() <= getattr(given, side).keys()]
    same = []
    for item, before in zip(masked.containers, old.containers, strict=True):
        same.append(_with_old_resources(item, before))
        if same[-1] != before:
            causes.append(forbidden("spec", "only cpu and memory resources are mutable"))
    masked.containers = same
    same = []
    for index, (item, before) in enumerate(zip(masked.init_containers, old.init_containers, strict=True)):
        same.append(_with_old_resources(item, before))
        where = f"spec.initContainers[{index}]"
        if same[-1] != before:
            causes.append(forbidden(where, "only cpu and memory resources for init or sidecar containers are mutable"))
        if item != before and item.restart_policy != "Always":
            causes += [forbidden(where, "non-sidecar init containers with a resize policy of RestartContainer cannot be resized")
                       for policy in item.resize_policy if policy.restart_policy == "RestartContainer"]
    masked.init_containers = same


def _with_old_resources(item: Container, before: Container) -> Container:
    return msgspec.structs.replace(item, resources=_masked(item.resources, before.resources))

