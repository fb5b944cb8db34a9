"""Which rules apply to which kind: scope, syntax of names, rules of creation, of updates and of subresources."""

from __future__ import annotations

from .. import apiextensions_v1
from ..object import Object
from . import (
    admission_policies,
    apiregistration,
    autoscaling,
    certificates,
    classes,
    core_kinds,
    definitions,
    device_claims,
    device_slices,
    disruption,
    events,
    flowcontrol,
    ingress,
    network_policy,
    rbac,
    service_addresses,
    storage_classes,
    webhooks,
)
from .rules import KindRules, SubresourceRules, cluster

KIND_RULES: dict[type[Object], KindRules] = {
    **core_kinds.RULES,
    apiextensions_v1.CustomResourceDefinition: cluster(definitions.definition, definitions.update_definition),
    **ingress.RULES, **network_policy.RULES, **service_addresses.RULES, **rbac.RULES, **autoscaling.RULES, **disruption.RULES,
    **classes.RULES, **certificates.RULES, **flowcontrol.RULES, **events.RULES, **storage_classes.RULES, **apiregistration.RULES,
    **webhooks.RULES, **admission_policies.RULES, **device_claims.RULES, **device_slices.RULES,
}

SUBRESOURCE_RULES: SubresourceRules = {
    **core_kinds.SUBRESOURCES,
    (apiextensions_v1.CustomResourceDefinition, "status"): definitions.update_definition_status,
    **ingress.SUBRESOURCES, **autoscaling.SUBRESOURCES, **disruption.SUBRESOURCES, **certificates.SUBRESOURCES,
    **flowcontrol.SUBRESOURCES, **storage_classes.SUBRESOURCES, **apiregistration.SUBRESOURCES, **admission_policies.SUBRESOURCES,
    **device_claims.SUBRESOURCES,
}
