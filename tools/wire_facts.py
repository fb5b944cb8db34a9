"""Fields and messages of Kubernetes 1.36 that no binary's descriptors have: message -> rows of the wire table.

Alpha fields whose numbers are not known are left out: they are skipped, as a server does that has their feature turned off.

Source: staging/src/k8s.io/api/*/v1/generated.proto, kube-aggregator/pkg/apis/apiregistration/v1/generated.proto,
apiextensions-apiserver/pkg/apis/apiextensions/v1/generated.proto
"""

from __future__ import annotations

Row = tuple[int, str, str, str]
RESTART_RULES: tuple[Row, ...] = ((25, "restartPolicyRules", "list", "core_v1.ContainerRestartRule"),)

ADDED: dict[str, tuple[Row, ...]] = {
    "apiextensions_v1.CustomResourceDefinitionVersion": ((9, "selectableFields", "list", "apiextensions_v1.SelectableField"),),
    "apiextensions_v1.JSONSchemaProps": ((44, "x-kubernetes-validations", "list", "apiextensions_v1.ValidationRule"),),
    "apiextensions_v1.SelectableField": ((1, "jsonPath", "one", "string"),),
    "apiextensions_v1.ValidationRule": (
        (1, "rule", "one", "string"), (2, "message", "one", "string"), (3, "messageExpression", "one", "string"),
        (4, "reason", "optional", "string"), (5, "fieldPath", "one", "string"), (6, "optionalOldSelf", "optional", "bool"),
    ),
    "apiregistration_v1.APIService": (
        (1, "metadata", "one", "meta_v1.ObjectMeta"), (2, "spec", "one", "apiregistration_v1.APIServiceSpec"),
        (3, "status", "one", "apiregistration_v1.APIServiceStatus"),
    ),
    "apiregistration_v1.APIServiceCondition": (
        (1, "type", "one", "string"), (2, "status", "one", "string"), (3, "lastTransitionTime", "one", "time"),
        (4, "reason", "one", "string"), (5, "message", "one", "string"),
    ),
    "apiregistration_v1.APIServiceSpec": (
        (1, "service", "optional", "apiregistration_v1.ServiceReference"), (2, "group", "one", "string"), (3, "version", "one", "string"),
        (4, "insecureSkipTLSVerify", "one", "bool"), (5, "caBundle", "one", "bytes"), (7, "groupPriorityMinimum", "one", "int32"),
        (8, "versionPriority", "one", "int32"),
    ),
    "apiregistration_v1.APIServiceStatus": ((1, "conditions", "list", "apiregistration_v1.APIServiceCondition"),),
    "apiregistration_v1.ServiceReference": (
        (1, "namespace", "one", "string"), (2, "name", "one", "string"), (3, "port", "optional", "int32"),
    ),
    "core_v1.Container": RESTART_RULES,
    "core_v1.ContainerExtendedResourceRequest": (
        (1, "containerName", "one", "string"), (2, "resourceName", "one", "string"), (3, "requestName", "one", "string"),
    ),
    "core_v1.ContainerRestartRule": (
        (1, "action", "one", "string"), (2, "exitCodes", "optional", "core_v1.ContainerRestartRuleOnExitCodes"),
    ),
    "core_v1.ContainerRestartRuleOnExitCodes": ((1, "operator", "one", "string"), (2, "values", "list", "int32")),
    "core_v1.EnvVarSource": ((5, "fileKeyRef", "optional", "core_v1.FileKeySelector"),),
    "core_v1.EphemeralContainerCommon": RESTART_RULES,
    "core_v1.FileKeySelector": (
        (1, "volumeName", "one", "string"), (2, "path", "one", "string"), (3, "key", "one", "string"), (4, "optional", "optional", "bool"),
    ),
    "core_v1.ImageVolumeStatus": ((1, "imageRef", "one", "string"),),
    "core_v1.NodeStatus": ((14, "declaredFeatures", "list", "string"),),
    "core_v1.PodCertificateProjection": (
        (1, "signerName", "one", "string"), (2, "keyType", "one", "string"), (3, "maxExpirationSeconds", "optional", "int32"),
        (4, "credentialBundlePath", "one", "string"), (5, "keyPath", "one", "string"), (6, "certificateChainPath", "one", "string"),
        (7, "userAnnotations", "map", "string"),
    ),
    "core_v1.PodExtendedResourceClaimStatus": (
        (1, "requestMappings", "list", "core_v1.ContainerExtendedResourceRequest"), (2, "resourceClaimName", "one", "string"),
    ),
    "core_v1.PodSpec": ((41, "hostnameOverride", "optional", "string"),),
    "core_v1.PodStatus": (
        (18, "extendedResourceClaimStatus", "optional", "core_v1.PodExtendedResourceClaimStatus"),
        (19, "allocatedResources", "map", "quantity"), (20, "resources", "optional", "core_v1.ResourceRequirements"),
    ),
    "core_v1.ResourceHealth": ((3, "message", "optional", "string"),),
    "core_v1.VolumeMountStatus": ((5, "volumeStatus", "optional", "core_v1.VolumeStatus"),),
    "core_v1.VolumeProjection": ((6, "podCertificate", "optional", "core_v1.PodCertificateProjection"),),
    "core_v1.VolumeStatus": ((1, "image", "optional", "core_v1.ImageVolumeStatus"),),
    "resource_v1.AllocatedDeviceStatus": ((7, "shareID", "optional", "string"),),
    "resource_v1.AllocationResult": ((5, "allocationTimestamp", "optional", "time"),),
    "resource_v1.CapacityRequestPolicy": (
        (1, "default", "optional", "quantity"), (3, "validValues", "list", "quantity"),
        (4, "validRange", "optional", "resource_v1.CapacityRequestPolicyRange"),
    ),
    "resource_v1.CapacityRequestPolicyRange": (
        (1, "min", "optional", "quantity"), (2, "max", "optional", "quantity"), (3, "step", "optional", "quantity"),
    ),
    "resource_v1.CapacityRequirements": ((1, "requests", "map", "quantity"),),
    "resource_v1.Device": (
        (9, "bindsToNode", "optional", "bool"), (10, "bindingConditions", "list", "string"),
        (11, "bindingFailureConditions", "list", "string"), (12, "allowMultipleAllocations", "optional", "bool"),
    ),
    "resource_v1.DeviceCapacity": ((2, "requestPolicy", "optional", "resource_v1.CapacityRequestPolicy"),),
    "resource_v1.DeviceClassSpec": ((4, "extendedResourceName", "optional", "string"),),
    "resource_v1.DeviceConstraint": ((3, "distinctAttribute", "optional", "string"),),
    "resource_v1.DeviceRequestAllocationResult": (
        (7, "bindingConditions", "list", "string"), (8, "bindingFailureConditions", "list", "string"), (9, "shareID", "optional", "string"),
        (10, "consumedCapacity", "map", "quantity"),
    ),
    "resource_v1.DeviceSubRequest": ((7, "capacity", "optional", "resource_v1.CapacityRequirements"),),
    "resource_v1.ExactDeviceRequest": ((7, "capacity", "optional", "resource_v1.CapacityRequirements"),),
    "storage_v1.CSIDriverSpec": (
        (10, "serviceAccountTokenInSecrets", "optional", "bool"), (11, "preventPodSchedulingIfMissing", "optional", "bool"),
    ),
}
