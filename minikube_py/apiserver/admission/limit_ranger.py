"""LimitRanger: what containers may use by default, at least and at most, as the LimitRanges of a namespace say.

Containers get the defaults of each LimitRange before anything is checked, and the pod is told so in an annotation. What is checked is a
container, a pod as a whole or the storage that a claim asks for. A pod is looked at when it is made and when it is resized, as nothing else
can change what it uses.

Source: plugin/pkg/admission/limitranger/admission.go
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from minikube_py.apis.core_v1 import Container, LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod
from minikube_py.apis.object import Quantity
from minikube_py.apis.pod_resources import aggregate
from minikube_py.apis.quantity import canonical, milli_value
from minikube_py.apis.scheme import decoder
from minikube_py.core.errors import aggregate_texts
from minikube_py.store.interface import Store

from . import Operation, Plugin, forbidden

ANNOTATION = "kubernetes.io/limit-ranger"
PODS, CLAIMS = "pods", "persistentvolumeclaims"
# What a pod as a whole may ask for in place of the sum of its containers.
POD_LEVEL = ("cpu", "memory")

Amounts = Mapping[str, Quantity]


class LimitRanger(Plugin):
    """Fills in and checks what pods and claims ask for."""

    name = "LimitRanger"
    resources = frozenset({PODS, CLAIMS})

    def __init__(self, store: Store) -> None:
        self._store = store

    def mutate(self, operation: Operation) -> None:
        if operation.storage.resource.plural == PODS:
            for limit_range in self._limit_ranges(operation):
                _set_defaults(operation.obj, limit_range)

    def validate(self, operation: Operation) -> None:
        complaints = _of_pod if operation.storage.resource.plural == PODS else _of_claim
        for limit_range in self._limit_ranges(operation):
            texts = [text for item in limit_range.spec.limits or () for text in complaints(item, operation.obj)]
            if texts:
                raise forbidden(operation, aggregate_texts(texts))

    def _limit_ranges(self, operation: Operation) -> Iterator[LimitRange]:
        """Those that count for an operation."""
        if not self._store.count("limitranges") or not _is_limited(operation):
            return
        for entry in self._store.list("limitranges", operation.namespace).entries:
            if entry.obj is None:
                entry.obj = decoder(LimitRange).decode(entry.data)
            yield entry.obj


def _is_limited(operation: Operation) -> bool:
    if operation.old is not None and operation.old.metadata.deletion_timestamp:
        return False
    if operation.storage.resource.plural == PODS:
        return (operation.verb, operation.subresource) in (("CREATE", ""), ("UPDATE", "resize"))
    return operation.verb in ("CREATE", "UPDATE") and not operation.subresource


def _set_defaults(pod: Pod, limit_range: LimitRange) -> None:
    """Give containers what they do not say, and say so in the annotation."""
    requests: dict[str, Quantity] = {}
    limits: dict[str, Quantity] = {}
    for item in limit_range.spec.limits or ():
        if item.type == "Container":
            requests |= item.default_request
            limits |= item.default
    told: list[str] = []
    for prefix, containers in (("container", pod.spec.containers), ("init container", pod.spec.init_containers)):
        for container in containers:
            own = container.resources
            for side, given, usual in (("request", own.requests, requests), ("limit", own.limits, limits)):
                missing = sorted(usual.keys() - given.keys())
                if missing:
                    given.update((name, usual[name]) for name in missing)
                    told.append(f"{', '.join(missing)} {side} for {prefix} {container.name}")
    if told:
        pod.metadata.annotations[ANNOTATION] = "LimitRanger plugin set: " + "; ".join(told)


def _of_pod(item: LimitRangeItem, pod: Pod) -> Iterator[str]:
    """What a limit says of a pod."""
    if item.type == "Container":
        containers: list[Container] = [*pod.spec.containers, *pod.spec.init_containers]
        for container in containers:
            yield from _complaints(item, container.resources.requests, container.resources.limits)
    elif item.type == "Pod":
        requests, limits = aggregate(pod.spec, "requests"), aggregate(pod.spec, "limits")
        whole = pod.spec.resources
        if whole is not None:
            requests |= {name: amount for name, amount in whole.requests.items() if name in POD_LEVEL}
            limits |= {name: amount for name, amount in whole.limits.items() if name in POD_LEVEL}
        yield from _complaints(item, requests, limits)


def _of_claim(item: LimitRangeItem, claim: PersistentVolumeClaim) -> Iterator[str]:
    """What a limit says of a claim; what it has as limits of its own counts for nothing."""
    if item.type == "PersistentVolumeClaim":
        requests = claim.spec.resources.requests
        for name, least in item.min.items():
            yield from _below(f"minimum {name} usage per {item.type} is {canonical(least)}", least, requests.get(name), None)
        for name, most in item.max.items():
            told, request = f"maximum {name} usage per {item.type} is {canonical(most)}", requests.get(name)
            if request is None:
                yield f"{told}.  No request is specified"
            elif milli_value(request) > milli_value(most):
                yield f"{told}, but request is {canonical(request)}"


def _complaints(item: LimitRangeItem, requests: Amounts, limits: Amounts) -> Iterator[str]:
    for name, least in item.min.items():
        told = f"minimum {name} usage per {item.type} is {canonical(least)}"
        yield from _below(told, least, requests.get(name), limits.get(name))
    for name, most in item.max.items():
        told = f"maximum {name} usage per {item.type} is {canonical(most)}"
        yield from _above(told, most, requests.get(name), limits.get(name))
    for name, ratio in item.max_limit_request_ratio.items():
        told = f"{name} max limit to request ratio per {item.type} is {canonical(ratio)}"
        yield from _beyond_ratio(told, ratio, requests.get(name), limits.get(name))


def _below(told: str, least: Quantity, request: Quantity | None, limit: Quantity | None) -> Iterator[str]:
    if request is None:
        yield f"{told}.  No request is specified"
    elif milli_value(request) < milli_value(least):
        yield f"{told}, but request is {canonical(request)}"
    elif limit is not None and milli_value(limit) < milli_value(least):
        yield f"{told}, but limit is {canonical(limit)}"


def _above(told: str, most: Quantity, request: Quantity | None, limit: Quantity | None) -> Iterator[str]:
    if limit is None:
        yield f"{told}.  No limit is specified"
    elif milli_value(limit) > milli_value(most):
        yield f"{told}, but limit is {canonical(limit)}"
    elif request is not None and milli_value(request) > milli_value(most):
        yield f"{told}, but request is {canonical(request)}"


def _beyond_ratio(told: str, most: Quantity, request: Quantity | None, limit: Quantity | None) -> Iterator[str]:
    if request is None or not milli_value(request):
        yield f"{told}, but no request is specified or request is 0"
    elif limit is None or not milli_value(limit):
        yield f"{told}, but no limit is specified or limit is 0"
    else:
        ratio = milli_value(limit) / milli_value(request)
        if ratio * 1000 > milli_value(most):
            yield f"{told}, but provided ratio is {ratio:f}"
