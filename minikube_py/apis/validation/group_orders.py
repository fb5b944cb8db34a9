"""In which order the API server's internal types of the smaller groups have their fields, for types that messages show.

Source: pkg/apis/{networking,rbac,policy,flowcontrol,storage,admissionregistration,resource,authorization}/types.go
"""

from __future__ import annotations

from .. import admissionregistration_v1, authorization_v1, flowcontrol_v1, networking_v1, policy_v1, rbac_v1, resource_v1, storage_v1
from ..object import Object

ORDER: dict[type[Object], tuple[str, ...]] = {
    networking_v1.ParentReference: ("group", "resource", "namespace", "name"),
    rbac_v1.RoleRef: ("apiGroup", "kind", "name"),
    policy_v1.PodDisruptionBudgetSpec: ("minAvailable", "selector", "maxUnavailable", "unhealthyPodEvictionPolicy"),
    flowcontrol_v1.FlowSchemaSpec: ("priorityLevelConfiguration", "matchingPrecedence", "distinguisherMethod", "rules"),
    flowcontrol_v1.PolicyRulesWithSubjects: ("subjects", "resourceRules", "nonResourceRules"),
    flowcontrol_v1.Subject: ("kind", "user", "group", "serviceAccount"),
    flowcontrol_v1.ServiceAccountSubject: ("namespace", "name"),
    flowcontrol_v1.ResourcePolicyRule: ("verbs", "apiGroups", "resources", "clusterScope", "namespaces"),
    flowcontrol_v1.NonResourcePolicyRule: ("verbs", "nonResourceURLs"),
    flowcontrol_v1.PriorityLevelConfigurationSpec: ("type", "limited", "exempt"),
    flowcontrol_v1.ExemptPriorityLevelConfiguration: ("nominalConcurrencyShares", "lendablePercent"),
    flowcontrol_v1.LimitedPriorityLevelConfiguration: (
        "nominalConcurrencyShares", "limitResponse", "lendablePercent", "borrowingLimitPercent"),
    flowcontrol_v1.LimitResponse: ("type", "queuing"),
    flowcontrol_v1.QueuingConfiguration: ("queues", "handSize", "queueLengthLimit"),
    storage_v1.VolumeAttachmentSpec: ("attacher", "source", "nodeName"),
    storage_v1.VolumeAttachmentSource: ("persistentVolumeName", "inlineVolumeSpec"),
    storage_v1.CSINodeDriver: ("name", "nodeID", "topologyKeys", "allocatable"),
    admissionregistration_v1.AuditAnnotation: ("key", "valueExpression"),
    authorization_v1.NonResourceAttributes: ("path", "verb"),
    resource_v1.DeviceClaim: ("requests", "constraints", "config"),
    resource_v1.DeviceRequest: ("name", "exactly", "firstAvailable"),
    resource_v1.ExactDeviceRequest: ("deviceClassName", "selectors", "allocationMode", "count", "adminAccess", "tolerations", "capacity"),
    resource_v1.DeviceSubRequest: ("name", "deviceClassName", "selectors", "allocationMode", "count", "tolerations", "capacity"),
    resource_v1.DeviceConstraint: ("requests", "matchAttribute", "distinctAttribute"),
    resource_v1.DeviceClaimConfiguration: ("requests", "opaque"),
    resource_v1.OpaqueDeviceConfiguration: ("driver", "parameters"),
    resource_v1.DeviceToleration: ("key", "operator", "value", "effect", "tolerationSeconds"),
    resource_v1.AllocationResult: ("devices", "nodeSelector", "allocationTimestamp"),
    resource_v1.DeviceAllocationResult: ("results", "config"),
}
