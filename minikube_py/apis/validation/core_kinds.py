"""Which rules apply to the kinds of the core, apps, batch and discovery groups.

Source: pkg/registry/{core,apps,batch,discovery}/*/strategy.go (Validate, ValidateUpdate)
"""

from __future__ import annotations

from .. import apps_v1, batch_v1, core_v1, discovery_v1, syntax
from . import (
    apps,
    batch,
    claims,
    core,
    cron_jobs,
    endpoints,
    nodes,
    persistent_volumes,
    pod_statuses,
    pod_updates,
    pods,
    quotas,
    services,
    workload_statuses,
)
from .rules import KindRules, Rules, SubresourceRules, cluster

RULES: Rules = {
    core_v1.Pod: KindRules(pods.create, pod_updates.update, order="ucs"),
    core_v1.PodTemplate: KindRules(pods.create_template),
    core_v1.Service: KindRules(services.service, services.update_service, name=syntax.dns_label),
    core_v1.Endpoints: KindRules(endpoints.endpoints, endpoints.update_endpoints, order="ucs"),
    core_v1.ConfigMap: KindRules(core.config_map, core.update_config_map, order="ucs"),
    core_v1.Secret: KindRules(core.secret, core.update_secret, order="ucs"),
    core_v1.ServiceAccount: KindRules(order="uc"),
    core_v1.Namespace: cluster(core.namespace, name=syntax.dns_label, order="cu"),
    core_v1.Node: cluster(nodes.node, nodes.update_node, order="csus"),
    core_v1.LimitRange: KindRules(quotas.limit_range, order="cs"),
    core_v1.ResourceQuota: KindRules(quotas.resource_quota, quotas.update_resource_quota),
    core_v1.ReplicationController: KindRules(core.replication_controller, core.update_replication_controller, order="csus"),
    core_v1.Event: KindRules(core.event, name=syntax.path_segment, order="s", standard_finalizers=False),
    core_v1.PersistentVolume: cluster(persistent_volumes.volume, persistent_volumes.update_volume, order="cscs"),
    core_v1.PersistentVolumeClaim: KindRules(claims.claim, claims.update_claim, order="csucs"),
    apps_v1.Deployment: KindRules(apps.deployment, apps.update_deployment),
    apps_v1.ReplicaSet: KindRules(apps.replica_set, apps.update_replica_set),
    apps_v1.DaemonSet: KindRules(apps.daemon_set, apps.update_daemon_set, order="csus"),
    apps_v1.StatefulSet: KindRules(apps.stateful_set, apps.update_stateful_set, name=syntax.dns_label),
    apps_v1.ControllerRevision: KindRules(apps.controller_revision, apps.update_controller_revision, order="ucs"),
    batch_v1.Job: KindRules(batch.job, batch.update_job, order="csus"),
    batch_v1.CronJob: KindRules(cron_jobs.cron_job, cron_jobs.update_cron_job),
    discovery_v1.EndpointSlice: KindRules(endpoints.endpoint_slice, endpoints.update_endpoint_slice, order="cs"),
}

SUBRESOURCES: SubresourceRules = {
    (core_v1.Pod, "status"): pod_statuses.update,
    (core_v1.Pod, "ephemeralcontainers"): pod_updates.ephemeral,
    (core_v1.Pod, "resize"): pod_updates.resize,
    (core_v1.Service, "status"): services.update_service_status,
    (core_v1.Node, "status"): nodes.update_node,
    (core_v1.Namespace, "status"): core.update_namespace_status,
    (core_v1.Namespace, "finalize"): core.finalize_namespace,
    (core_v1.ResourceQuota, "status"): quotas.update_resource_quota_status,
    (core_v1.ReplicationController, "status"): workload_statuses.replicas,
    (core_v1.PersistentVolumeClaim, "status"): claims.update_claim_status,
    (apps_v1.Deployment, "status"): workload_statuses.deployment,
    (apps_v1.ReplicaSet, "status"): workload_statuses.replicas,
    (apps_v1.DaemonSet, "status"): workload_statuses.daemon_set,
    (apps_v1.StatefulSet, "status"): workload_statuses.stateful_set,
    (batch_v1.Job, "status"): workload_statuses.job,
}
