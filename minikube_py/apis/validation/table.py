"""Which rules apply to which kind: scope, syntax of names, rules of creation and of updates.

A kind whose updates follow the rules of its creation has no rules of updates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .. import (
    admissionregistration_v1,
    apiextensions_v1,
    apiregistration_v1,
    apps_v1,
    autoscaling_v1,
    autoscaling_v2,
    batch_v1,
    certificates_v1,
    coordination_v1,
    core_v1,
    discovery_v1,
    events_v1,
    flowcontrol_v1,
    networking_v1,
    node_v1,
    policy_v1,
    rbac_v1,
    resource_v1,
    scheduling_v1,
    storage_v1,
    syntax,
)
from ..object import Object
from . import (
    apps,
    batch,
    claims,
    core,
    definitions,
    extensions,
    networking,
    persistent_volumes,
    pod_updates,
    pods,
    policy,
    services,
    storage,
)
from .causes import Causes
from .common import Syntax

Create = Callable[[Causes, Any], None]
Update = Callable[[Causes, Any, Any], None]


@dataclass(frozen=True, slots=True)
class KindRules:
    """The rules of one kind."""

    create: Create | None = None
    update: Update | None = None
    namespaced: bool = True
    name: Syntax = syntax.dns_subdomain


def _cluster(create: Create | None = None, update: Update | None = None, name: Syntax = syntax.dns_subdomain) -> KindRules:
    return KindRules(create, update, namespaced=False, name=name)


_PATH = syntax.path_segment

KIND_RULES: dict[type[Object], KindRules] = {
    core_v1.Pod: KindRules(pods.create, pod_updates.update),
    core_v1.PodTemplate: KindRules(pods.create_template),
    core_v1.Service: KindRules(services.service, services.update_service, name=syntax.dns_1035_label),
    core_v1.Endpoints: KindRules(services.endpoints),
    core_v1.ConfigMap: KindRules(core.config_map, core.update_config_map),
    core_v1.Secret: KindRules(core.secret, core.update_secret),
    core_v1.ServiceAccount: KindRules(),
    core_v1.Namespace: _cluster(core.namespace, name=syntax.dns_label),
    core_v1.Node: _cluster(core.node, core.update_node),
    core_v1.LimitRange: KindRules(core.limit_range),
    core_v1.ResourceQuota: KindRules(core.resource_quota, core.update_resource_quota),
    core_v1.ReplicationController: KindRules(core.replication_controller),
    core_v1.Event: KindRules(core.event),
    core_v1.PersistentVolume: _cluster(persistent_volumes.volume, persistent_volumes.update_volume),
    core_v1.PersistentVolumeClaim: KindRules(claims.claim, claims.update_claim),
    apps_v1.Deployment: KindRules(apps.deployment, apps.update_deployment),
    apps_v1.ReplicaSet: KindRules(apps.replica_set, apps.update_replica_set),
    apps_v1.DaemonSet: KindRules(apps.daemon_set, apps.update_daemon_set),
    apps_v1.StatefulSet: KindRules(apps.stateful_set, apps.update_stateful_set),
    apps_v1.ControllerRevision: KindRules(apps.controller_revision, apps.update_controller_revision),
    batch_v1.Job: KindRules(batch.job, batch.update_job),
    batch_v1.CronJob: KindRules(batch.cron_job),
    networking_v1.Ingress: KindRules(networking.ingress),
    networking_v1.IngressClass: _cluster(networking.ingress_class, networking.update_ingress_class),
    networking_v1.NetworkPolicy: KindRules(networking.network_policy),
    networking_v1.IPAddress: _cluster(networking.ip_address_object, networking.update_ip_address, name=_PATH),
    networking_v1.ServiceCIDR: _cluster(networking.service_cidr, networking.update_service_cidr),
    discovery_v1.EndpointSlice: KindRules(services.endpoint_slice, services.update_endpoint_slice),
    rbac_v1.Role: KindRules(policy.role, name=_PATH),
    rbac_v1.ClusterRole: _cluster(policy.cluster_role, name=_PATH),
    rbac_v1.RoleBinding: KindRules(policy.role_binding, policy.update_role_binding, name=_PATH),
    rbac_v1.ClusterRoleBinding: _cluster(policy.cluster_role_binding, policy.update_cluster_role_binding, name=_PATH),
    autoscaling_v2.HorizontalPodAutoscaler: KindRules(policy.autoscaler),
    autoscaling_v1.HorizontalPodAutoscaler: KindRules(policy.autoscaler_v1),
    policy_v1.PodDisruptionBudget: KindRules(policy.disruption_budget),
    scheduling_v1.PriorityClass: _cluster(policy.priority_class, policy.update_priority_class),
    coordination_v1.Lease: KindRules(policy.lease),
    certificates_v1.CertificateSigningRequest: _cluster(policy.signing_request, policy.update_signing_request),
    node_v1.RuntimeClass: _cluster(policy.runtime_class, policy.update_runtime_class),
    flowcontrol_v1.FlowSchema: _cluster(policy.flow_schema),
    flowcontrol_v1.PriorityLevelConfiguration: _cluster(policy.priority_level),
    events_v1.Event: KindRules(policy.event),
    storage_v1.StorageClass: _cluster(storage.storage_class, storage.update_storage_class),
    storage_v1.CSIDriver: _cluster(storage.csi_driver, storage.update_csi_driver),
    storage_v1.CSINode: _cluster(storage.csi_node),
    storage_v1.CSIStorageCapacity: KindRules(storage.csi_capacity, storage.update_csi_capacity),
    storage_v1.VolumeAttachment: _cluster(storage.attachment, storage.update_attachment),
    storage_v1.VolumeAttributesClass: _cluster(storage.attributes_class, storage.update_attributes_class),
    apiextensions_v1.CustomResourceDefinition: _cluster(definitions.definition, definitions.update_definition),
    apiregistration_v1.APIService: _cluster(extensions.api_service, name=_PATH),
    admissionregistration_v1.ValidatingWebhookConfiguration: _cluster(extensions.webhooks),
    admissionregistration_v1.MutatingWebhookConfiguration: _cluster(extensions.webhooks),
    admissionregistration_v1.ValidatingAdmissionPolicy: _cluster(extensions.admission_policy),
    admissionregistration_v1.MutatingAdmissionPolicy: _cluster(extensions.admission_policy),
    admissionregistration_v1.ValidatingAdmissionPolicyBinding: _cluster(extensions.policy_binding),
    admissionregistration_v1.MutatingAdmissionPolicyBinding: _cluster(),
    resource_v1.DeviceClass: _cluster(),
    resource_v1.ResourceClaim: KindRules(extensions.resource_claim, extensions.update_resource_claim),
    resource_v1.ResourceClaimTemplate: KindRules(extensions.resource_claim_template, extensions.update_resource_claim_template),
    resource_v1.ResourceSlice: _cluster(extensions.resource_slice, extensions.update_resource_slice),
}
