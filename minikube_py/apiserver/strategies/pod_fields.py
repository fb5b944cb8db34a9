"""Fields of a new pod that are made from its labels and annotations.

Source: pkg/registry/core/pod/strategy.go (mutatePodAffinity, mutateTopologySpreadConstraints, applyAppArmorVersionSkew)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from minikube_py.apis.core_v1 import (
    Affinity,
    AppArmorProfile,
    Container,
    EphemeralContainer,
    Pod,
    PodAffinityTerm,
    SecurityContext,
)
from minikube_py.apis.meta_v1 import LabelSelector, LabelSelectorRequirement
from minikube_py.apis.validation.pod_annotations import APP_ARMOR
from minikube_py.apis.validation.security import app_armor
from minikube_py.apis.validation.windows import every_container
from minikube_py.apis.warnings.containers import APP_ARMOR_DEPRECATED
from minikube_py.core.errors import Cause

from ..context import Context

_LOCAL = "localhost/"


def merge_label_keys(pod: Pod) -> None:
    """Make requirements of the keys by which a pod selects pods with its own labels; a selector that is none selects none."""
    labels, spec = pod.metadata.labels, pod.spec
    if spec.affinity is not None:
        for term in _terms(spec.affinity):
            if term.label_selector is not None:
                _require(term.label_selector, "In", term.match_label_keys, labels)
                _require(term.label_selector, "NotIn", term.mismatch_label_keys, labels)
    for constraint in spec.topology_spread_constraints:
        if constraint.label_selector is not None:
            _require(constraint.label_selector, "In", constraint.match_label_keys, labels)


def _terms(affinity: Affinity) -> Iterator[PodAffinityTerm]:
    for own in (affinity.pod_affinity, affinity.pod_anti_affinity):
        if own is not None:
            yield from (wish.pod_affinity_term for wish in own.preferred_during_scheduling_ignored_during_execution
                        if wish.pod_affinity_term is not None)
            yield from own.required_during_scheduling_ignored_during_execution


def _require(selector: LabelSelector, operator: str, keys: Iterable[str], labels: dict[str, str]) -> None:
    more = [LabelSelectorRequirement(key=key, operator=operator, values=[labels[key]]) for key in keys if key in labels]
    if more:
        selector.match_expressions = [*selector.match_expressions, *more]


def take_app_armor_from_annotations(pod: Pod, context: Context) -> None:
    """Give containers the profiles that annotations name, as before there was a field; the author is told of it."""
    annotations, spec = pod.metadata.annotations, pod.spec
    if not any(key.startswith(APP_ARMOR) for key in annotations) or (spec.os is not None and spec.os.name == "windows"):
        return
    of_pod = spec.security_context.app_armor_profile if spec.security_context is not None else None
    for _, container in every_container("spec", spec):
        key = APP_ARMOR + container.name
        if key in annotations and (container.security_context is None or container.security_context.app_armor_profile is None):
            profile = _profile(annotations[key])
            if profile is None or profile != of_pod:
                context.warn(f"metadata.annotations[{key}]: {APP_ARMOR_DEPRECATED}")
            if profile is not None and profile != of_pod:
                _confine(container, profile)


def _confine(container: Container | EphemeralContainer, profile: AppArmorProfile) -> None:
    if container.security_context is None:
        container.security_context = SecurityContext()
    container.security_context.app_armor_profile = profile


def _profile(annotation: str) -> AppArmorProfile | None:
    """The profile that an annotation names; None if there can be none of that name."""
    if annotation == "unconfined":
        return AppArmorProfile(type="Unconfined")
    if annotation == "runtime/default":
        return AppArmorProfile(type="RuntimeDefault")
    name = annotation.removeprefix(_LOCAL)
    if not annotation.startswith(_LOCAL) or not name:
        return None
    profile = AppArmorProfile(type="Localhost", localhost_profile=name)
    causes: list[Cause] = []
    app_armor(causes, "", profile)
    return None if causes else profile
