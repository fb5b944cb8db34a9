"""What OpenAPI documents say of fields and the shipped definitions do not: enumerations, defaults, and which structs are always there.

Facts of the Go types: a `+enum` or `+default` mark, and whether a field holds a struct or a pointer to one.

Source: k8s.io/api/*/types.go, k8s.io/kube-openapi/pkg/generators
"""

from __future__ import annotations

from typing import Any

_PROTOCOLS = "SCTP TCP UDP"
_PULL = "Always IfNotPresent Never"
_PREEMPTION = "Never PreemptLowerPriority"
_EFFECTS = "NoExecute NoSchedule PreferNoSchedule"
_HONOR = "Honor Ignore"
_TRAFFIC = "Cluster Local"
_RECLAIM = "Delete Recycle Retain"
_MODES = "Block Filesystem"
_ACCESS = "ReadOnlyMany ReadWriteMany ReadWriteOnce ReadWriteOncePod"
_PROFILES = "Localhost RuntimeDefault Unconfined"
_SCOPES = "BestEffort CrossNamespacePodAffinity NotBestEffort NotTerminating PriorityClass Terminating VolumeAttributesClass"
_ON_DELETE = "OnDelete RollingUpdate"
_METRICS = "ContainerResource External Object Pods Resource"
_FAILURE = "Fail Ignore"
_MATCH = "Equivalent Exact"
_WEBHOOK_SCOPES = "* Cluster Namespaced"
_OPERATIONS = "* CONNECT CREATE DELETE UPDATE"
_SIDE_EFFECTS = "None NoneOnDryRun Some Unknown"
_FAMILIES = ["", "IPv4", "IPv6"]

# Kind.field -> its values, sorted; of a list, those of its items.
_ENUMERATIONS: dict[str, str | list[str]] = {
    "AppArmorProfile.type": _PROFILES,
    "AzureDiskVolumeSource.cachingMode": "None ReadOnly ReadWrite",
    "AzureDiskVolumeSource.kind": "Dedicated Managed Shared",
    "CSIDriverSpec.fsGroupPolicy": "File None ReadWriteOnceWithFSType",
    "CSIDriverSpec.volumeLifecycleModes": "Ephemeral Persistent",
    "CertificateSigningRequestSpec.usages": [
        "any", "cert sign", "client auth", "code signing", "content commitment", "crl sign", "data encipherment", "decipher only",
        "digital signature", "email protection", "encipher only", "ipsec end system", "ipsec tunnel", "ipsec user", "key agreement",
        "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime", "server auth", "signing", "timestamping",
    ],
    "Container.imagePullPolicy": _PULL,
    "Container.terminationMessagePolicy": "FallbackToLogsOnError File",
    "ContainerPort.protocol": _PROTOCOLS,
    "CronJobSpec.concurrencyPolicy": "Allow Forbid Replace",
    "DaemonSetUpdateStrategy.type": _ON_DELETE,
    "DeploymentStrategy.type": "Recreate RollingUpdate",
    "EndpointPort.protocol": _PROTOCOLS,
    "EndpointSlice.addressType": "FQDN IPv4 IPv6",
    "EphemeralContainer.imagePullPolicy": _PULL,
    "EphemeralContainer.terminationMessagePolicy": "FallbackToLogsOnError File",
    "HPAScalingPolicy.type": "Percent Pods",
    "HPAScalingRules.selectPolicy": "Disabled Max Min",
    "HTTPGetAction.scheme": "HTTP HTTPS",
    "HTTPIngressPath.pathType": "Exact ImplementationSpecific Prefix",
    "HostPathVolumeSource.type": ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"],
    "ImageVolumeSource.pullPolicy": _PULL,
    "JobSpec.completionMode": "Indexed NonIndexed",
    "JobSpec.podReplacementPolicy": "Failed TerminatingOrFailed",
    "MatchResources.matchPolicy": _MATCH,
    "MetricSpec.type": _METRICS,
    "MetricStatus.type": _METRICS,
    "MetricTarget.type": "AverageValue Utilization Value",
    "MutatingAdmissionPolicySpec.failurePolicy": _FAILURE,
    "MutatingWebhook.failurePolicy": _FAILURE,
    "MutatingWebhook.matchPolicy": _MATCH,
    "MutatingWebhook.reinvocationPolicy": "IfNeeded Never",
    "MutatingWebhook.sideEffects": _SIDE_EFFECTS,
    "NamedRuleWithOperations.operations": _OPERATIONS,
    "NamedRuleWithOperations.scope": _WEBHOOK_SCOPES,
    "NamespaceStatus.phase": "Active Terminating",
    "NetworkPolicyPort.protocol": _PROTOCOLS,
    "NetworkPolicySpec.policyTypes": "Egress Ingress",
    "NodeSelectorRequirement.operator": "DoesNotExist Exists Gt In Lt NotIn",
    "NodeStatus.phase": "Pending Running Terminated",
    "PersistentVolumeClaimSpec.accessModes": _ACCESS,
    "PersistentVolumeClaimSpec.volumeMode": _MODES,
    "PersistentVolumeClaimStatus.accessModes": _ACCESS,
    "PersistentVolumeClaimStatus.phase": "Bound Lost Pending",
    "PersistentVolumeSpec.accessModes": _ACCESS,
    "PersistentVolumeSpec.persistentVolumeReclaimPolicy": _RECLAIM,
    "PersistentVolumeSpec.volumeMode": _MODES,
    "PersistentVolumeStatus.phase": "Available Bound Failed Pending Released",
    "PodDisruptionBudgetSpec.unhealthyPodEvictionPolicy": "AlwaysAllow IfHealthyBudget",
    "PodFailurePolicyOnExitCodesRequirement.operator": "In NotIn",
    "PodFailurePolicyRule.action": "Count FailIndex FailJob Ignore",
    "PodSecurityContext.fsGroupChangePolicy": "Always OnRootMismatch",
    "PodSecurityContext.supplementalGroupsPolicy": "Merge Strict",
    "PodSpec.dnsPolicy": "ClusterFirst ClusterFirstWithHostNet Default None",
    "PodSpec.preemptionPolicy": _PREEMPTION,
    "PodSpec.restartPolicy": "Always Never OnFailure",
    "PodStatus.phase": "Failed Pending Running Succeeded Unknown",
    "PodStatus.qosClass": "BestEffort Burstable Guaranteed",
    "PortStatus.protocol": _PROTOCOLS,
    "PriorityClass.preemptionPolicy": _PREEMPTION,
    "ResourceQuotaSpec.scopes": _SCOPES,
    "RuleWithOperations.operations": _OPERATIONS,
    "RuleWithOperations.scope": _WEBHOOK_SCOPES,
    "ScopedResourceSelectorRequirement.operator": "DoesNotExist Exists In NotIn",
    "ScopedResourceSelectorRequirement.scopeName": _SCOPES,
    "SeccompProfile.type": _PROFILES,
    "SecurityContext.procMount": "Default Unmasked",
    "ServicePort.protocol": _PROTOCOLS,
    "ServiceSpec.externalTrafficPolicy": _TRAFFIC,
    "ServiceSpec.internalTrafficPolicy": _TRAFFIC,
    "ServiceSpec.ipFamilies": _FAMILIES,
    "ServiceSpec.ipFamilyPolicy": "PreferDualStack RequireDualStack SingleStack",
    "ServiceSpec.sessionAffinity": "ClientIP None",
    "ServiceSpec.type": "ClusterIP ExternalName LoadBalancer NodePort",
    "StatefulSetSpec.podManagementPolicy": "OrderedReady Parallel",
    "StatefulSetUpdateStrategy.type": _ON_DELETE,
    "StorageClass.reclaimPolicy": _RECLAIM,
    "StorageClass.volumeBindingMode": "Immediate WaitForFirstConsumer",
    "Taint.effect": _EFFECTS,
    "Toleration.effect": _EFFECTS,
    "Toleration.operator": "Equal Exists Gt Lt",
    "TopologySpreadConstraint.nodeAffinityPolicy": _HONOR,
    "TopologySpreadConstraint.nodeTaintsPolicy": _HONOR,
    "TopologySpreadConstraint.whenUnsatisfiable": "DoNotSchedule ScheduleAnyway",
    "ValidatingAdmissionPolicySpec.failurePolicy": _FAILURE,
    "ValidatingWebhook.failurePolicy": _FAILURE,
    "ValidatingWebhook.matchPolicy": _MATCH,
    "ValidatingWebhook.sideEffects": _SIDE_EFFECTS,
    "VolumeMount.mountPropagation": "Bidirectional HostToContainer None",
}
ENUMERATIONS = {field: values.split() if isinstance(values, str) else values for field, values in _ENUMERATIONS.items()}

# Kind.field -> the default that the type states, beyond the zero of fields that are always there.
DEFAULTS: dict[str, Any] = {
    "AzureDiskVolumeSource.cachingMode": "ReadWrite",
    "AzureDiskVolumeSource.fsType": "ext4",
    "AzureDiskVolumeSource.kind": "Shared",
    "AzureDiskVolumeSource.readOnly": False,
    "ContainerPort.protocol": "TCP",
    "GRPCAction.service": "",
    "ServicePort.protocol": "TCP",
    **{f"{kind}.iscsiInterface": "default" for kind in ("ISCSIPersistentVolumeSource", "ISCSIVolumeSource")},
    **{
        f"RBD{kind}VolumeSource.{name}": value
        for kind in ("", "Persistent")
        for name, value in (("keyring", "/etc/ceph/keyring"), ("pool", "rbd"), ("user", "admin"))
    },
    **{
        f"ScaleIO{kind}VolumeSource.{name}": value
        for kind in ("", "Persistent")
        for name, value in (("fsType", "xfs"), ("storageMode", "ThinProvisioned"))
    },
    **{
        f"{kind}.name": ""
        for kind in (
            "ConfigMapEnvSource", "ConfigMapKeySelector", "ConfigMapProjection", "ConfigMapVolumeSource", "LocalObjectReference",
            "SecretEnvSource", "SecretKeySelector", "SecretProjection",
        )
    },
}

# Fields that hold a struct although they are not required, and fields that hold a pointer although they are or have such a name.
STRUCTS = frozenset({
    "daemonEndpoints", "involvedObject", "jobTemplate", "kubeletEndpoint", "lastState", "loadBalancer", "metadata", "nodeInfo",
    "resources", "source", "spec", "state", "status", "strategy", "template", "updateStrategy",
})  # fmt: skip
POINTERS = frozenset({
    "ContainerStatus.resources", "CustomResourceSubresources.status", "DaemonSetSpec.selector", "DeploymentSpec.selector",
    "HPAScalingRules.status", "PodSpec.resources", "PodStatus.resources", "ReplicaSetSpec.selector", "ReplicationControllerSpec.template",
    "ScaleIOPersistentVolumeSource.secretRef", "ScaleIOVolumeSource.secretRef", "StatefulSetSpec.selector",
})  # fmt: skip
