"""Which rules apply to which kind: scope, syntax of names, rules of creation, of updates and of subresources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import apiextensions_v1
from ..object import Object
from . import (
    admission_policies,
    apiregistration,
    autoscaling,
    certificates,
    classes,
    core_kinds,
    device_claims,
    device_slices,
    disruption,
    flowcontrol,
    ingress,
    network_policy,
    rbac,
    service_addresses,
    storage_classes,
    webhooks,
)
from .rules import KindRules, SubresourceRules, cluster


def _of_definitions(name: str) -> Callable[..., None]:
    """A rule of `definitions`, which is loaded by the first that is checked: with schemas and CEL it is as large as all the others."""

    def rule(*arguments: Any) -> None:
        from . import definitions

        getattr(definitions, name)(*arguments)

    return rule


KIND_RULES: dict[type[Object], KindRules] = {
    **core_kinds.RULES,
    apiextensions_v1.CustomResourceDefinition: cluster(_of_definitions("definition"), _of_definitions("update_definition")),
    **ingress.RULES, **network_policy.RULES, **service_addresses.RULES, **rbac.RULES, **autoscaling.RULES, **disruption.RULES,
    **classes.RULES, **certificates.RULES, **flowcontrol.RULES, **storage_classes.RULES, **apiregistration.RULES,
    **webhooks.RULES, **admission_policies.RULES, **device_claims.RULES, **device_slices.RULES,
}

SUBRESOURCE_RULES: SubresourceRules = {
    **core_kinds.SUBRESOURCES,
    (apiextensions_v1.CustomResourceDefinition, "status"): _of_definitions("update_definition_status"),
    **ingress.SUBRESOURCES, **autoscaling.SUBRESOURCES, **disruption.SUBRESOURCES, **certificates.SUBRESOURCES,
    **flowcontrol.SUBRESOURCES, **storage_classes.SUBRESOURCES, **apiregistration.SUBRESOURCES, **admission_policies.SUBRESOURCES,
    **device_claims.SUBRESOURCES,
}
