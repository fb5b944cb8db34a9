"""Where pods may run: PodNodeSelector and LimitPodHardAntiAffinityTopology.

Source: plugin/pkg/admission/{podnodeselector,antiaffinity}/admission.go
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minikube_py.apis import syntax
from minikube_py.apis.core_v1 import Pod
from minikube_py.core.errors import UnreasonedError
from minikube_py.store.interface import Store

from ..configuration import ConfigurationError
from . import Operation, Plugin, forbidden
from .namespace import find_namespace

SELECTOR = "scheduler.alpha.kubernetes.io/node-selector"
CLUSTER_DEFAULT = "clusterDefaultNodeSelector"
CONFIGURATION = "podNodeSelectorPluginConfig"
HOST_NAME = "kubernetes.io/hostname"


class PodNodeSelector(Plugin):
    """Pods get the node selector of their namespace, and select by no other labels than that may."""

    name = "PodNodeSelector"
    resources = frozenset({"pods"})

    def __init__(self, store: Store, document: Any = None) -> None:
        """
        Args:
            document: the plugin's configuration: selectors by namespace, and of namespaces that have none.
        Raises: ConfigurationError.
        """
        self._store = store
        given = document.get(CONFIGURATION) if isinstance(document, dict) else None
        selectors = given if isinstance(given, dict) else {}
        try:
            self._selectors = {str(name): parse_labels(str(text)) for name, text in selectors.items()}
        except ValueError as error:
            raise ConfigurationError(f"{CONFIGURATION}: {error}") from error

    def mutate(self, operation: Operation) -> None:
        if operation.verb != "CREATE" or operation.subresource:
            return
        pod: Pod = operation.obj
        wanted = self._of_namespace(operation.namespace)
        self._check_conflict(operation, wanted)
        if wanted:
            pod.spec.node_selector = {**wanted, **pod.spec.node_selector}
        self.validate(operation)

    def validate(self, operation: Operation) -> None:
        if operation.verb != "CREATE" or operation.subresource:
            return
        self._check_conflict(operation, self._of_namespace(operation.namespace))
        allowed = self._selectors.get(operation.namespace, {})
        selector = operation.obj.spec.node_selector
        if allowed and not selector.items() <= allowed.items():
            raise forbidden(operation, "pod node label selector labels conflict with its namespace whitelist")

    def _check_conflict(self, operation: Operation, wanted: Mapping[str, str]) -> None:
        selector = operation.obj.spec.node_selector
        if any(selector.get(key, value) != value for key, value in wanted.items()):
            raise forbidden(operation, "pod node label selector conflicts with its namespace node label selector")

    def _of_namespace(self, name: str) -> Mapping[str, str]:
        namespace = find_namespace(self._store, name)
        text = namespace.metadata.annotations.get(SELECTOR) if namespace is not None else None
        if text is None:
            return self._selectors.get(CLUSTER_DEFAULT, {})
        try:
            return parse_labels(text)
        except ValueError as error:
            raise UnreasonedError(str(error)) from error


class LimitPodHardAntiAffinityTopology(Plugin):
    """Pods keep others away from their own node at most."""

    name = "LimitPodHardAntiAffinityTopology"
    resources = frozenset({"pods"})

    def mutate(self, operation: Operation) -> None:
        if operation.verb not in ("CREATE", "UPDATE") or operation.subresource:
            return
        affinity = operation.obj.spec.affinity
        if affinity is None or affinity.pod_anti_affinity is None:
            return
        for term in affinity.pod_anti_affinity.required_during_scheduling_ignored_during_execution:
            if term.topology_key != HOST_NAME:
                raise forbidden(operation, "affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey "
                                           f"{term.topology_key} but only key {HOST_NAME} is allowed")


def parse_labels(text: str) -> dict[str, str]:
    """Labels in the form "a=b,c=d".

    Raises: ValueError. Source: k8s.io/apimachinery/pkg/labels/labels.go (ConvertSelectorToLabelsMap)
    """
    labels: dict[str, str] = {}
    for part in text.split(",") if text else ():
        pieces = part.split("=")
        if len(pieces) != 2:
            raise ValueError(f"invalid selector: {text}")
        key, value = pieces[0].strip(), pieces[1].strip()
        causes = syntax.label_key(key) or syntax.label_value(value)
        if causes:
            raise ValueError(f"invalid selector: {text}: {causes[0]}")
        labels[key] = value
    return labels
