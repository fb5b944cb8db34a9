"""Strategies of namespaces, nodes, leases, events, secrets and the other kinds that differ little from the rule."""

from __future__ import annotations

from typing import Any

from minikube_py.apis import apiregistration_v1, core_v1
from minikube_py.apis.validation import events
from minikube_py.core.errors import Cause

from ..context import Context
from ..deletion import set_propagation_finalizers
from ..strategy import Strategy

NAMESPACE_FINALIZER = "kubernetes"


class NamespaceStrategy(Strategy):
    """A namespace goes when its own finalizers (spec.finalizers) and its metadata's are gone.

    Source: pkg/registry/core/namespace/strategy.go and storage/storage.go
    """

    marks_deletion = True

    def prepare_create(self, obj: Any, context: Context) -> None:
        super().prepare_create(obj, context)
        obj.status = core_v1.NamespaceStatus(phase="Active")
        if NAMESPACE_FINALIZER not in obj.spec.finalizers:
            obj.spec.finalizers = [*obj.spec.finalizers, NAMESPACE_FINALIZER]

    def prepare_update(self, new: Any, old: Any, context: Context) -> None:
        super().prepare_update(new, old, context)
        new.spec = old.spec

    def prepare_finalize(self, new: Any, old: Any, context: Context) -> None:
        """Only the finalizers of the spec change."""
        new.status = old.status
        new.metadata.generation = old.metadata.generation

    def begin_deletion(self, obj: Any, policy: str | None) -> None:
        obj.status.phase = "Terminating"
        set_propagation_finalizers(obj.metadata, policy, self.default_propagation)

    def is_held(self, obj: Any) -> bool:
        return bool(obj.spec.finalizers)


class NodeStrategy(Strategy):
    """A new node brings its status, and is tainted until its controller has seen it ready. Configurations from the API are of the past.

    Source: pkg/registry/core/node/strategy.go, plugin/pkg/admission/nodetaint
    """

    NOT_READY = "node.kubernetes.io/not-ready"

    def prepare_create(self, obj: core_v1.Node, context: Context) -> None:
        obj.spec.config_source = obj.status.config = None
        if all(taint.key != self.NOT_READY for taint in obj.spec.taints):
            obj.spec.taints = [*obj.spec.taints, core_v1.Taint(key=self.NOT_READY, effect="NoSchedule")]

    def prepare_update(self, new: core_v1.Node, old: core_v1.Node, context: Context) -> None:
        super().prepare_update(new, old, context)
        if old.spec.config_source is None:
            new.spec.config_source = None

    def prepare_status_update(self, new: core_v1.Node, old: core_v1.Node, context: Context) -> None:
        super().prepare_status_update(new, old, context)
        if old.status.config is None:
            new.status.config = None


class LeaseStrategy(Strategy):
    """Heartbeats: written often, worthless after a power cut. Source: pkg/registry/coordination/lease/strategy.go"""

    durable = False
    status = False
    create_on_update = True


class EventStrategy(Strategy):
    """What happened: many, and of no use after a power cut."""

    durable = False
    status = False
    create_on_update = True


class TimedEventStrategy(EventStrategy):
    """The same events as they come by events.k8s.io, whose rules are strict. Source: pkg/registry/core/event/strategy.go"""

    def causes_of_create(self, obj: core_v1.Event, context: Context) -> list[Cause]:
        return events.create(obj)

    def causes_of_update(self, new: core_v1.Event, old: core_v1.Event, subresource: str, context: Context) -> list[Cause]:
        return events.update(new, old)


class PlainStrategy(Strategy):
    """Kinds without status and generation: config maps, secrets, roles."""

    status = False


class RbacStrategy(PlainStrategy):
    """Roles and bindings."""

    create_on_update = True


class GenerationStrategy(Strategy):
    """Kinds whose metadata.generation counts changes of the spec."""

    generation = True


class GenerationOnlyStrategy(Strategy):
    """Kinds with a generation and no status subresource."""

    generation = True
    status = False


class StatusAloneStrategy(Strategy):
    """Kinds whose status subresource changes nothing of the metadata."""

    status_keeps_metadata = True


class GenerationStatusAloneStrategy(StatusAloneStrategy):
    """The same, with a generation."""

    generation = True


class CreateOnUpdateStrategy(Strategy):
    """Kinds whose PUT creates what is missing."""

    create_on_update = True
    status = False


class ServiceAccountStrategy(PlainStrategy):
    """Secrets are referred to by name alone. Source: pkg/registry/core/serviceaccount/strategy.go"""

    def prepare_create(self, obj: core_v1.ServiceAccount, context: Context) -> None:
        super().prepare_create(obj, context)
        obj.secrets = [core_v1.ObjectReference(name=secret.name) for secret in obj.secrets]

    def prepare_update(self, new: core_v1.ServiceAccount, old: core_v1.ServiceAccount, context: Context) -> None:
        super().prepare_update(new, old, context)
        new.secrets = [core_v1.ObjectReference(name=secret.name) for secret in new.secrets]


class ApiServiceStrategy(Strategy):
    """A group-version that this server answers for itself is available from the start.

    Source: k8s.io/kube-aggregator/pkg/registry/apiservice/strategy.go
    """

    status_keeps_metadata = True

    def prepare_create(self, obj: Any, context: Context) -> None:
        super().prepare_create(obj, context)
        if obj.spec.service is None:
            obj.status.conditions = [
                apiregistration_v1.APIServiceCondition(
                    type="Available", status="True", last_transition_time=obj.metadata.creation_timestamp, reason="Local",
                    message="Local APIServices are always available",
                )
            ]
