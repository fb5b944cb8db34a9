"""Tolerations that pods get: PodTolerationRestriction and ExtendedResourceToleration.

Source: plugin/pkg/admission/{podtolerationrestriction,extendedresourcetoleration}, pkg/util/tolerations/tolerations.go
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from minikube_py.apis.core_v1 import Pod, Toleration
from minikube_py.apis.object import Object
from minikube_py.apis.pod_resources import qos_class
from minikube_py.apis.validation.resources import is_extended
from minikube_py.core.errors import UnreasonedError
from minikube_py.store.interface import Store

from ..configuration import decode_configuration
from . import Operation, Plugin
from .namespace import find_namespace

DEFAULTS, WHITELIST = "scheduler.alpha.kubernetes.io/defaultTolerations", "scheduler.alpha.kubernetes.io/tolerationsWhitelist"
GROUP_VERSION = "podtolerationrestriction.admission.k8s.io/v1alpha1"
CONFLICT = "pod tolerations (possibly merged with namespace default tolerations) conflict with its namespace whitelist"
MEMORY_PRESSURE = Toleration(key="node.kubernetes.io/memory-pressure", operator="Exists", effect="NoSchedule")


class Configuration(Object):
    """What namespaces have that say nothing themselves."""

    kind: str = ""
    api_version: str = ""
    default: list[Toleration] = []
    whitelist: list[Toleration] = []


class PodTolerationRestriction(Plugin):
    """Pods get the tolerations of their namespace, and have no others than that allows."""

    name = "PodTolerationRestriction"
    resources = frozenset({"pods"})

    def __init__(self, store: Store, document: Any = None) -> None:
        """
        Args:
            document: the plugin's configuration.
        Raises: ConfigurationError.
        """
        self._store = store
        self._configuration = Configuration() if document is None else decode_configuration(
            Configuration, document, "Configuration", (GROUP_VERSION,), strict=True)

    def mutate(self, operation: Operation) -> None:
        if operation.verb not in ("CREATE", "UPDATE") or operation.subresource:
            return
        pod: Pod = operation.obj
        found = pod.spec.tolerations
        if operation.verb == "CREATE":
            defaults = self._of_namespace(operation.namespace, DEFAULTS)
            if defaults is None:
                defaults = self._configuration.default
            if defaults:
                found = merged(defaults, found) if found else defaults
        if qos_class(pod.spec) != "BestEffort":
            found = merged(found, [MEMORY_PRESSURE])
        if found != pod.spec.tolerations:
            # What an update leaves alone may be shared with the stored object.
            pod.spec = msgspec.structs.replace(pod.spec, tolerations=[*found])
        self.validate(operation)

    def validate(self, operation: Operation) -> None:
        if operation.verb not in ("CREATE", "UPDATE") or operation.subresource:
            return
        tolerations = operation.obj.spec.tolerations
        allowed = self._of_namespace(operation.namespace, WHITELIST)
        if allowed is None:
            allowed = self._configuration.whitelist
        if allowed and not all(any(_covers(each, one) for each in allowed) for one in tolerations):
            raise UnreasonedError(CONFLICT)

    def _of_namespace(self, name: str, annotation: str) -> list[Toleration] | None:
        """What a namespace says; None if it says nothing."""
        namespace = find_namespace(self._store, name)
        text = namespace.metadata.annotations.get(annotation) if namespace is not None else None
        if text is None:
            return None
        if not text:
            return []
        try:
            return msgspec.json.decode(text, type=list[Toleration])
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise UnreasonedError(f"annotation {annotation} of namespace {name}: {error}") from error


class ExtendedResourceToleration(Plugin):
    """Pods that want an extended resource tolerate the taint of its name."""

    name = "ExtendedResourceToleration"
    resources = frozenset({"pods"})

    def mutate(self, operation: Operation) -> None:
        if operation.verb not in ("CREATE", "UPDATE") or operation.subresource:
            return
        spec = operation.obj.spec
        wanted = {name for container in (*spec.containers, *spec.init_containers) if container.resources is not None
                  for name in container.resources.requests if is_extended(name)}
        tolerations = [Toleration(key=name, operator="Exists", effect="NoSchedule") for name in sorted(wanted)]
        missing = [toleration for toleration in tolerations if toleration not in spec.tolerations]
        if missing:
            # What an update leaves alone may be shared with the stored object.
            operation.obj.spec = msgspec.structs.replace(spec, tolerations=[*spec.tolerations, *missing])


def merged(first: Sequence[Toleration], second: Sequence[Toleration]) -> list[Toleration]:
    """All tolerations, without those that another one covers.

    Source: pkg/util/tolerations/tolerations.go (MergeTolerations)
    """
    every = [*first, *second]
    kept: list[Toleration] = []
    for index, one in enumerate(every):
        if any(_covers(other, one) for other in kept):
            continue
        if any(other != one and _covers(other, one) for other in every[index + 1 :]):
            continue
        kept.append(one)
    return kept


def _covers(wide: Toleration, narrow: Toleration) -> bool:
    """Whether all that one tolerates the other tolerates, too. Source: tolerations.go (isSuperset)"""
    if wide == narrow:
        return True
    if wide.key != narrow.key and not (not wide.key and wide.operator == "Exists"):
        return False
    if wide.effect not in ("", narrow.effect):
        return False
    if wide.effect == "NoExecute" and wide.toleration_seconds is not None and (
        narrow.toleration_seconds is None or narrow.toleration_seconds > wide.toleration_seconds
    ):
        return False
    if wide.operator == "Exists":
        return True
    return narrow.operator == "Equal" and wide.operator in ("Equal", "") and wide.value == narrow.value
