"""Warnings about pods and pod templates: names that have changed, things that hide each other, and things that do nothing.

Source: pkg/api/pod/warnings.go (GetWarningsForPod, GetWarningsForPodTemplate), pkg/registry/core/pod/strategy.go
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..addresses import warnings_for_ip
from ..core_v1 import Affinity, NodeAffinity, Pod, PodAffinityTerm, PodSpec, PodTemplateSpec, WeightedPodAffinityTerm
from ..syntax import dns_label, quote
from . import containers, node_labels, volumes
from .quantities import fractional
from .tables import OnCreate, OnUpdate

_ANNOTATIONS = {
    "scheduler.alpha.kubernetes.io/critical-pod": 'non-functional in v1.16+; use the "priorityClassName" field instead',
    "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
    "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
}
_REQUIRED, _PREFERRED = "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"


def pod(obj: Pod) -> list[str]:
    return pod_name(obj.metadata.name) + _spec_and_annotations("", obj.spec, obj.metadata.annotations, template=False)


def pod_name(name: str) -> list[str]:
    """What is said of a pod's name alone."""
    complaints = dns_label(name)
    return [f"metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: "
            f"[{' '.join(complaints)}]"] if complaints else []


def pod_status(new: Pod, old: Pod) -> list[str]:
    """Addresses that are written unusually."""
    status = new.status
    return [
        text for wire, addresses in (("podIPs", [item.ip for item in status.pod_ips]), ("hostIPs", [item.ip for item in status.host_ips]))
        for index, address in enumerate(addresses) for text in warnings_for_ip(f"status.{wire}[{index}].ip", address)
    ]


def pod_template(path: str, template: PodTemplateSpec) -> list[str]:
    """What is said of the pods that somebody makes from a template.

    Args:
        path: of the template.
    """
    return _spec_and_annotations(f"{path}.", template.spec, template.metadata.annotations, template=True)


def _spec_and_annotations(prefix: str, spec: PodSpec, annotations: Mapping[str, str], *, template: bool) -> list[str]:
    path, notes = f"{prefix}spec", f"{prefix}metadata.annotations"
    texts = [f"{path}.nodeSelector[{key}]: {node_labels.DEPRECATED[key]}" for key in sorted(spec.node_selector)
             if key in node_labels.DEPRECATED]
    if spec.affinity is not None and spec.affinity.node_affinity is not None:
        texts += _node_affinity(f"{path}.affinity.nodeAffinity", spec.affinity.node_affinity)
    for index, constraint in enumerate(spec.topology_spread_constraints):
        where, key = f"{path}.topologySpreadConstraints[{index}]", constraint.topology_key
        if key in node_labels.DEPRECATED:
            texts.append(f"{where}.topologyKey: {key} is {node_labels.DEPRECATED[key]}")
        if constraint.label_selector is None:
            texts.append(_matches_nothing(where))
    if annotations:
        texts += [f"{notes}[{key}]: {text}" for key, text in _ANNOTATIONS.items() if key in annotations]
    texts += volumes.of_pod(f"{path}.volumes", spec.volumes)
    texts += _duplicates(f"{path}.hostAliases", "ip", [alias.ip for alias in spec.host_aliases])
    secrets = [reference.name for reference in spec.image_pull_secrets]
    texts += _duplicates(f"{path}.imagePullSecrets", "name", secrets)
    texts += [f'{path}.imagePullSecrets[{index}].name: invalid empty name ""' for index, name in enumerate(secrets) if not name]
    texts += fractional(f"{path}.overhead", spec.overhead)
    texts += containers.of_spec(path, spec, notes, annotations, template=template)
    if (spec.termination_grace_period_seconds or 0) < 0:
        texts.append(f"{path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1")
    if spec.affinity is not None:
        texts += _pod_affinity(f"{path}.affinity", spec.affinity)
    return texts + _addresses(path, spec)


def _node_affinity(path: str, affinity: NodeAffinity) -> list[str]:
    required = affinity.required_during_scheduling_ignored_during_execution
    texts = [text for index, term in enumerate(required.node_selector_terms if required is not None else ())
             for text in node_labels.of_term(f"{path}.{_REQUIRED}.nodeSelectorTerms[{index}]", term)]
    return texts + [
        text for index, wish in enumerate(affinity.preferred_during_scheduling_ignored_during_execution) if wish.preference is not None
        for text in node_labels.of_term(f"{path}.{_PREFERRED}[{index}].preference", wish.preference, check_values=True)
    ]


def _pod_affinity(path: str, affinity: Affinity) -> list[str]:
    texts: list[str] = []
    for wire, own in (("podAffinity", affinity.pod_affinity), ("podAntiAffinity", affinity.pod_anti_affinity)):
        if own is not None:
            texts += _terms(f"{path}.{wire}.{_REQUIRED}", own.required_during_scheduling_ignored_during_execution)
            texts += _wishes(f"{path}.{wire}.{_PREFERRED}", own.preferred_during_scheduling_ignored_during_execution)
    return texts


def _terms(path: str, terms: Iterable[PodAffinityTerm]) -> list[str]:
    return [_matches_nothing(f"{path}[{index}]") for index, term in enumerate(terms) if term.label_selector is None]


def _wishes(path: str, wishes: Iterable[WeightedPodAffinityTerm]) -> list[str]:
    return [_matches_nothing(f"{path}[{index}].podAffinityTerm") for index, wish in enumerate(wishes)
            if wish.pod_affinity_term is None or wish.pod_affinity_term.label_selector is None]


def _matches_nothing(path: str) -> str:
    return f"{path}.labelSelector: a null labelSelector results in matching no pod"


def _duplicates(path: str, wire: str, values: list[str]) -> list[str]:
    if len(values) == len(set(values)):
        return []
    return [f"{path}[{index}].{wire}: duplicate {wire} {quote(value)}" for index, value in enumerate(values) if value in values[:index]]


def _addresses(path: str, spec: PodSpec) -> list[str]:
    servers = spec.dns_config.nameservers if spec.dns_config is not None else []
    texts = [text for index, server in enumerate(servers) for text in warnings_for_ip(f"{path}.dnsConfig.nameservers[{index}]", server)]
    return texts + [text for index, alias in enumerate(spec.host_aliases)
                    for text in warnings_for_ip(f"{path}.hostAliases[{index}].ip", alias.ip)]


CREATE: OnCreate = {Pod: pod}
UPDATE: OnUpdate = {(Pod, "status"): pod_status}
