"""Which fields the columns of tables show, whose descriptions are the columns'.

Facts only, without imports: the build reads them (tools/build_openapi.py). Columns that upstream describes in other words are in
`column_texts.py`.
Source: pkg/printers/internalversion/printers.go (AddHandlers), k8s.io/apiserver/pkg/registry/rest/table.go
"""

from __future__ import annotations

# The document in the archive: field -> description.
DOCUMENT = "columns"
META = "apimachinery.pkg.apis.meta.v1.ObjectMeta"
# Columns that mean the same in every table.
COMMON = {"Name": f"{META}.name", "Age": f"{META}.creationTimestamp", "Created At": f"{META}.creationTimestamp"}
_EVENTS = {
    "Last Seen": "core.v1.Event.lastTimestamp", "Type": "core.v1.Event.type", "Reason": "core.v1.Event.reason",
    "Object": "core.v1.Event.involvedObject", "Subobject": "core.v1.ObjectReference.fieldPath", "Source": "core.v1.Event.source",
    "Message": "core.v1.Event.message", "First Seen": "core.v1.Event.firstTimestamp", "Count": "core.v1.Event.count",
}
_AUTOSCALER = "autoscaling.v2.HorizontalPodAutoscaler"
_QUEUING = "flowcontrol.v1.QueuingConfiguration"
# Resource -> column -> the field that it shows, as the definitions name it without "io.k8s.".
SOURCES: dict[str, dict[str, str]] = {
    "pods": {
        "IP": "core.v1.PodStatus.podIP", "Node": "core.v1.PodSpec.nodeName", "Nominated Node": "core.v1.PodStatus.nominatedNodeName",
        "Readiness Gates": "core.v1.PodSpec.readinessGates",
    },
    "replicationcontrollers": {
        "Desired": "core.v1.ReplicationControllerSpec.replicas", "Current": "core.v1.ReplicationControllerStatus.replicas",
        "Ready": "core.v1.ReplicationControllerStatus.readyReplicas", "Selector": "core.v1.ReplicationControllerSpec.selector",
    },
    "replicasets.apps": {
        "Desired": "apps.v1.ReplicaSetSpec.replicas", "Current": "apps.v1.ReplicaSetStatus.replicas",
        "Ready": "apps.v1.ReplicaSetStatus.readyReplicas",
    },
    "deployments.apps": {
        "Up-to-date": "apps.v1.DeploymentStatus.updatedReplicas", "Available": "apps.v1.DeploymentStatus.availableReplicas",
    },
    "daemonsets.apps": {
        "Desired": "apps.v1.DaemonSetStatus.desiredNumberScheduled", "Current": "apps.v1.DaemonSetStatus.currentNumberScheduled",
        "Up-to-date": "apps.v1.DaemonSetStatus.updatedNumberScheduled", "Available": "apps.v1.DaemonSetStatus.numberAvailable",
        "Node Selector": "core.v1.PodSpec.nodeSelector",
    },
    "controllerrevisions.apps": {"Revision": "apps.v1.ControllerRevision.revision"},
    "jobs.batch": {"Completions": "batch.v1.JobStatus.succeeded", "Selector": "batch.v1.JobSpec.selector"},
    "cronjobs.batch": {
        "Schedule": "batch.v1.CronJobSpec.schedule", "Timezone": "batch.v1.CronJobSpec.timeZone", "Suspend": "batch.v1.CronJobSpec.suspend",
        "Active": "batch.v1.CronJobStatus.active", "Last Schedule": "batch.v1.CronJobStatus.lastScheduleTime",
        "Selector": "batch.v1.JobSpec.selector",
    },
    "nodes": {
        "Version": "core.v1.NodeSystemInfo.kubeletVersion", "Internal-IP": "core.v1.NodeStatus.addresses",
        "External-IP": "core.v1.NodeStatus.addresses", "OS-Image": "core.v1.NodeSystemInfo.osImage",
        "Kernel-Version": "core.v1.NodeSystemInfo.kernelVersion", "Container-Runtime": "core.v1.NodeSystemInfo.containerRuntimeVersion",
    },
    "configmaps": {"Data": "core.v1.ConfigMap.data"},
    "secrets": {"Type": "core.v1.Secret.type", "Data": "core.v1.Secret.data"},
    "events": _EVENTS,
    "events.events.k8s.io": _EVENTS,
    "services": {
        "Type": "core.v1.ServiceSpec.type", "Cluster-IP": "core.v1.ServiceSpec.clusterIP", "External-IP": "core.v1.ServiceSpec.externalIPs",
        "Port(s)": "core.v1.ServiceSpec.ports", "Selector": "core.v1.ServiceSpec.selector",
    },
    "endpoints": {"Endpoints": "core.v1.Endpoints.subsets"},
    "endpointslices.discovery.k8s.io": {"Endpoints": "discovery.v1.EndpointSlice.endpoints"},
    "ipaddresses.networking.k8s.io": {"ParentRef": "networking.v1.IPAddressSpec.parentRef"},
    "servicecidrs.networking.k8s.io": {"CIDRs": "networking.v1.ServiceCIDRSpec.cidrs"},
    "persistentvolumes": {
        "Capacity": "core.v1.PersistentVolumeSpec.capacity", "Access Modes": "core.v1.PersistentVolumeSpec.accessModes",
        "Reclaim Policy": "core.v1.PersistentVolumeSpec.persistentVolumeReclaimPolicy", "Status": "core.v1.PersistentVolumeStatus.phase",
        "Claim": "core.v1.PersistentVolumeSpec.claimRef", "Reason": "core.v1.PersistentVolumeStatus.reason",
        "VolumeMode": "core.v1.PersistentVolumeSpec.volumeMode",
    },
    "persistentvolumeclaims": {
        "Status": "core.v1.PersistentVolumeClaimStatus.phase", "Volume": "core.v1.PersistentVolumeClaimSpec.volumeName",
        "Capacity": "core.v1.PersistentVolumeClaimStatus.capacity", "Access Modes": "core.v1.PersistentVolumeClaimStatus.accessModes",
        "VolumeMode": "core.v1.PersistentVolumeClaimSpec.volumeMode",
    },
    "storageclasses.storage.k8s.io": {
        "Provisioner": "storage.v1.StorageClass.provisioner", "ReclaimPolicy": "storage.v1.StorageClass.reclaimPolicy",
        "VolumeBindingMode": "storage.v1.StorageClass.volumeBindingMode",
        "AllowVolumeExpansion": "storage.v1.StorageClass.allowVolumeExpansion",
    },
    "csidrivers.storage.k8s.io": {
        "AttachRequired": "storage.v1.CSIDriverSpec.attachRequired", "PodInfoOnMount": "storage.v1.CSIDriverSpec.podInfoOnMount",
        "StorageCapacity": "storage.v1.CSIDriverSpec.storageCapacity", "TokenRequests": "storage.v1.CSIDriverSpec.tokenRequests",
        "RequiresRepublish": "storage.v1.CSIDriverSpec.requiresRepublish", "Modes": "storage.v1.CSIDriverSpec.volumeLifecycleModes",
    },
    "csistoragecapacities.storage.k8s.io": {
        "StorageClassName": "storage.v1.CSIStorageCapacity.storageClassName", "Capacity": "storage.v1.CSIStorageCapacity.capacity",
    },
    "volumeattachments.storage.k8s.io": {
        "Attacher": "storage.v1.VolumeAttachmentSpec.attacher", "PV": "storage.v1.VolumeAttachmentSource.persistentVolumeName",
        "Node": "storage.v1.VolumeAttachmentSpec.nodeName", "Attached": "storage.v1.VolumeAttachmentStatus.attached",
    },
    "volumeattributesclasses.storage.k8s.io": {"DriverName": "storage.v1.VolumeAttributesClass.driverName"},
    "horizontalpodautoscalers.autoscaling": {
        "Reference": f"{_AUTOSCALER}Spec.scaleTargetRef", "MinPods": f"{_AUTOSCALER}Spec.minReplicas",
        "MaxPods": f"{_AUTOSCALER}Spec.maxReplicas", "Replicas": f"{_AUTOSCALER}Status.currentReplicas",
    },
    "priorityclasses.scheduling.k8s.io": {
        "Value": "scheduling.v1.PriorityClass.value", "Global-Default": "scheduling.v1.PriorityClass.globalDefault",
        "PreemptionPolicy": "scheduling.v1.PriorityClass.preemptionPolicy",
    },
    "leases.coordination.k8s.io": {"Holder": "coordination.v1.LeaseSpec.holderIdentity"},
    "certificatesigningrequests.certificates.k8s.io": {
        "RequestedDuration": "certificates.v1.CertificateSigningRequestSpec.expirationSeconds",
    },
    "flowschemas.flowcontrol.apiserver.k8s.io": {
        "PriorityLevel": "flowcontrol.v1.PriorityLevelConfigurationReference.name",
        "MatchingPrecedence": "flowcontrol.v1.FlowSchemaSpec.matchingPrecedence",
        "DistinguisherMethod": "flowcontrol.v1.FlowSchemaSpec.distinguisherMethod",
    },
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": {
        "Type": "flowcontrol.v1.PriorityLevelConfigurationSpec.type",
        "NominalConcurrencyShares": "flowcontrol.v1.LimitedPriorityLevelConfiguration.nominalConcurrencyShares",
        "Queues": f"{_QUEUING}.queues", "HandSize": f"{_QUEUING}.handSize", "QueueLengthLimit": f"{_QUEUING}.queueLengthLimit",
    },
    "resourceslices.resource.k8s.io": {
        "Node": "resource.v1.ResourceSliceSpec.nodeName", "Driver": "resource.v1.ResourceSliceSpec.driver",
        "Pool": "resource.v1.ResourcePool.name",
    },
}
# The table of a Scale, whose resource may be any.
SCALE_SOURCES = {"Desired": "autoscaling.v1.ScaleSpec.replicas", "Available": "autoscaling.v1.ScaleStatus.replicas"}


def fields() -> set[str]:
    """Every field whose description is needed."""
    return {*COMMON.values(), *SCALE_SOURCES.values(), *(field for sources in SOURCES.values() for field in sources.values())}
