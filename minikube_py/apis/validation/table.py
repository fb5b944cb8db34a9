"""Which rules apply to which kind: scope, syntax of names, rules of creation, of updates and of subresources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import apiextensions_v1, apps_v1, batch_v1, core_v1, discovery_v1, syntax
from ..object import Object
from . import (
    admission_policies,
    apiregistration,
    apps,
    autoscaling,
    batch,
    certificates,
    claims,
    classes,
    core,
    device_claims,
    device_slices,
    disruption,
    events,
    flowcontrol,
    ingress,
    network_policy,
    persistent_volumes,
    pod_statuses,
    pod_updates,
    pods,
    rbac,
    service_addresses,
    services,
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
    core_v1.Pod: KindRules(pods.create, pod_updates.update),
    core_v1.PodTemplate: KindRules(pods.create_template),
    core_v1.Service: KindRules(services.service, services.update_service, name=syntax.dns_1035_label),
    core_v1.Endpoints: KindRules(services.endpoints),
    core_v1.ConfigMap: KindRules(core.config_map, core.update_config_map),
    core_v1.Secret: KindRules(core.secret, core.update_secret),
    core_v1.ServiceAccount: KindRules(),
    core_v1.Namespace: cluster(core.namespace, name=syntax.dns_label),
    core_v1.Node: cluster(core.node, core.update_node),
    core_v1.LimitRange: KindRules(core.limit_range),
    core_v1.ResourceQuota: KindRules(core.resource_quota, core.update_resource_quota),
    core_v1.ReplicationController: KindRules(core.replication_controller),
    core_v1.Event: KindRules(core.event),
    core_v1.PersistentVolume: cluster(persistent_volumes.volume, persistent_volumes.update_volume),
    core_v1.PersistentVolumeClaim: KindRules(claims.claim, claims.update_claim),
    apps_v1.Deployment: KindRules(apps.deployment, apps.update_deployment),
    apps_v1.ReplicaSet: KindRules(apps.replica_set, apps.update_replica_set),
    apps_v1.DaemonSet: KindRules(apps.daemon_set, apps.update_daemon_set),
    apps_v1.StatefulSet: KindRules(apps.stateful_set, apps.update_stateful_set),
    apps_v1.ControllerRevision: KindRules(apps.controller_revision, apps.update_controller_revision),
    batch_v1.Job: KindRules(batch.job, batch.update_job),
    batch_v1.CronJob: KindRules(batch.cron_job),
    discovery_v1.EndpointSlice: KindRules(services.endpoint_slice, services.update_endpoint_slice),
    apiextensions_v1.CustomResourceDefinition: cluster(_of_definitions("definition"), _of_definitions("update_definition")),
    **ingress.RULES, **network_policy.RULES, **service_addresses.RULES, **rbac.RULES, **autoscaling.RULES, **disruption.RULES,
    **classes.RULES, **certificates.RULES, **flowcontrol.RULES, **events.RULES, **storage_classes.RULES, **apiregistration.RULES,
    **webhooks.RULES, **admission_policies.RULES, **device_claims.RULES, **device_slices.RULES,
}

SUBRESOURCE_RULES: SubresourceRules = {
    (core_v1.Pod, "status"): pod_statuses.update,
    (core_v1.Pod, "ephemeralcontainers"): pod_updates.ephemeral,
    (core_v1.Pod, "resize"): pod_updates.resize,
    (core_v1.Service, "status"): services.update_service_status,
    (core_v1.Node, "status"): core.update_node_status,
    (apiextensions_v1.CustomResourceDefinition, "status"): _of_definitions("update_definition_status"),
    **ingress.SUBRESOURCES, **autoscaling.SUBRESOURCES, **disruption.SUBRESOURCES, **certificates.SUBRESOURCES,
    **flowcontrol.SUBRESOURCES, **storage_classes.SUBRESOURCES, **apiregistration.SUBRESOURCES, **admission_policies.SUBRESOURCES,
    **device_claims.SUBRESOURCES,
}
