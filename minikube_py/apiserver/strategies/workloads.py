"""Strategies of deployments and daemon sets: each counts its generation in its own way.

Source: pkg/registry/apps/{deployment,daemonset}/strategy.go, pkg/apis/apps/v1/conversion.go (DeprecatedTemplateGeneration)
"""

from __future__ import annotations

from typing import Any

from minikube_py.apis.apps_v1 import DaemonSet, Deployment
from minikube_py.apis.defaults.apps import TEMPLATE_GENERATION
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.core.errors import BadRequestError

from ..context import Context
from ..strategy import Strategy


class DeploymentStrategy(Strategy):
    """Annotations are wanted of the replica sets, too; and the status does not touch the labels."""

    generation = True

    def prepare_status_update(self, new: Deployment, old: Deployment, context: Context) -> None:
        super().prepare_status_update(new, old, context)
        new.metadata.labels = old.metadata.labels

    def desired(self, obj: Deployment) -> tuple[Any, ...]:
        return obj.spec, obj.metadata.annotations


class DaemonSetStrategy(Strategy):
    """An annotation counts the changes of the template; it is not for clients, except when they create a set."""

    generation = True

    def prepare_create(self, obj: DaemonSet, context: Context) -> None:
        super().prepare_create(obj, context)
        _set_template_generation(obj.metadata, max(template_generation(obj), 1))

    def prepare_update(self, new: DaemonSet, old: DaemonSet, context: Context) -> None:
        super().prepare_update(new, old, context)
        _set_template_generation(new.metadata, template_generation(old) + (new.spec.template != old.spec.template))

    def prepare_status_update(self, new: DaemonSet, old: DaemonSet, context: Context) -> None:
        super().prepare_status_update(new, old, context)
        _set_template_generation(new.metadata, template_generation(old))


def template_generation(obj: DaemonSet) -> int:
    """How often the template has changed, from 1 on; 0 for a set that does not say it.

    Raises: BadRequestError for an annotation that is no number.
    """
    text = obj.metadata.annotations.get(TEMPLATE_GENERATION, "0")
    try:
        return int(text)
    except ValueError as error:
        raise BadRequestError(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error


def _set_template_generation(meta: ObjectMeta, generation: int) -> None:
    meta.annotations = {**meta.annotations, TEMPLATE_GENERATION: str(generation)}
