"""EventRateLimit: how many Events a second are taken from everybody, a namespace, a user, or about one object from one source.

Source: plugin/pkg/admission/eventratelimit
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from minikube_py.apis.core_v1 import Event
from minikube_py.apis.object import Object
from minikube_py.core.errors import TooManyRequestsError, aggregate_texts

from ..configuration import ConfigurationError, decode_configuration
from . import Operation, Plugin

GROUP_VERSION = "eventratelimit.admission.k8s.io/v1alpha1"
CACHE_SIZE = 4096


class Limit(Object):
    """One limit.

    Attributes:
        type: of whom.
        qps: events a second in the long run; burst: at once.
        cache_size: of how many of them it is remembered.
    """

    type: str = ""
    qps: int = 0
    burst: int = 0
    cache_size: int = 0


class Configuration(Object):
    """The plugin's configuration."""

    kind: str = ""
    api_version: str = ""
    limits: list[Limit] = []


def _source_and_object(operation: Operation) -> str:
    event = operation.obj
    if not isinstance(event, Event):
        return ""
    source, about = event.source, event.involved_object
    return "".join((source.component, source.host, about.kind, about.namespace, about.name, about.uid, about.api_version))


KEYS: dict[str, Callable[[Operation], str]] = {
    "Server": lambda operation: "",
    "Namespace": lambda operation: operation.namespace,
    "User": lambda operation: operation.context.user.name,
    "SourceAndObject": _source_and_object,
}


class EventRateLimit(Plugin):
    """Turns Events away that are too many."""

    name = "EventRateLimit"
    resources = frozenset({"events"})

    def __init__(self, document: Any) -> None:
        """
        Args:
            document: the plugin's configuration.
        Raises: ConfigurationError.
        """
        configuration = Configuration() if document is None else decode_configuration(
            Configuration, document, "Configuration", (GROUP_VERSION,), strict=True)
        problems = list(_problems(configuration))
        if problems:
            raise ConfigurationError(aggregate_texts(problems))
        self._enforcers = [_Enforcer(limit) for limit in configuration.limits]

    def validate(self, operation: Operation) -> None:
        if operation.verb not in ("CREATE", "UPDATE") or operation.context.dry_run:
            return
        # All of them count, whichever turns it away.
        refusals = [refusal for enforcer in self._enforcers if (refusal := enforcer.refusal(operation))]
        if refusals:
            raise TooManyRequestsError(refusals[-1])


class _Enforcer:
    """One limit, with a bucket of tokens for each key."""

    def __init__(self, limit: Limit) -> None:
        self._type = limit.type
        self._key = KEYS[limit.type]
        self._qps, self._burst = limit.qps, limit.burst
        self._keys_max = 1 if limit.type == "Server" else limit.cache_size or CACHE_SIZE
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def refusal(self, operation: Operation) -> str:
        """Why the operation is turned away; "" if it is not."""
        key, now = self._key(operation), time.monotonic()
        tokens, filled_at = self._buckets.pop(key, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - filled_at) * self._qps)
        allowed = tokens >= 1
        self._buckets[key] = (tokens - allowed, now)
        if len(self._buckets) > self._keys_max:
            self._buckets.popitem(last=False)
        return "" if allowed else f"limit reached on type {self._type} for key {key}"


def _problems(configuration: Configuration) -> Iterator[str]:
    if not configuration.limits:
        yield "limits: Invalid value: []: must not be empty"
    for index, limit in enumerate(configuration.limits):
        at = f"limits[{index}]"
        if limit.type not in KEYS:
            supported = ", ".join(f'"{name}"' for name in KEYS)
            yield f'{at}.type: Unsupported value: "{limit.type}": supported values: {supported}'
        if limit.burst <= 0:
            yield f"{at}.burst: Invalid value: {limit.burst}: must be positive"
        if limit.qps <= 0:
            yield f"{at}.qps: Invalid value: {limit.qps}: must be positive"
        if limit.type != "Server" and limit.cache_size < 0:
            yield f"{at}.cacheSize: Invalid value: {limit.cache_size}: must not be negative"
