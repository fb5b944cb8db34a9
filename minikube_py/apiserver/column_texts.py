"""What columns of tables are said to mean where no field of a served version says it.

Facts only. Upstream has words of its own for most of these; the others it takes from fields of versions that are served no more, where
the text is another.
Source: pkg/printers/internalversion/printers.go (AddHandlers), k8s.io/kube-aggregator/pkg/registry/apiservice/etcd/etcd.go;
types_swagger_doc_generated.go of k8s.io/api's extensions/v1beta1, autoscaling/v2beta1, rbac/v1beta1, certificates/v1beta1 and
discovery/v1beta1
"""

from __future__ import annotations

_TEMPLATE = {
    "Containers": "Names of each container in the template.", "Images": "Images referenced by each container in the template.",
}
_READY = "Number of the pod with ready state"
_REFERENCED = "If the RoleRef cannot be resolved, the Authorizer must return an error."
_LABELS = "More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors"
_WEBHOOKS = {"Webhooks": "Webhooks indicates the number of webhooks registered in this configuration"}
_PARAM_KIND = "ParamKind specifies the kind of resources used to parameterize this policy"
_POLICY_BINDING = {
    "PolicyName": "PolicyName indicates the policy definition which the policy binding binded to",
    "ParamRef": "ParamRef indicates the param resource which sets the configration param",
}
# Resource -> column -> text
TEXTS: dict[str, dict[str, str]] = {
    "pods": {
        "Ready": "The aggregate readiness state of this pod for accepting traffic.",
        "Status": "The aggregate status of the containers in this pod.",
        "Restarts": "The number of times the containers in this pod have been restarted and when the last container in this pod has "
        "restarted.",
    },
    "podtemplates": {**_TEMPLATE, "Pod Labels": "The labels for the pod template."},
    "replicationcontrollers": _TEMPLATE,
    "replicasets.apps": {
        **_TEMPLATE,
        "Selector": "Selector is a label query over pods that should match the replica count. If the selector is empty, it is defaulted to "
        "the labels present on the pod template. Label keys and values that must match in order to be controlled by this replica set. "
        f"{_LABELS}",
    },
    "deployments.apps": {
        **_TEMPLATE, "Ready": _READY,
        "Selector": "Label selector for pods. Existing ReplicaSets whose pods are selected by this will be the ones affected by this "
        "deployment.",
    },
    "daemonsets.apps": {
        **_TEMPLATE,
        "Ready": "The number of nodes that should be running the daemon pod and have one or more of the daemon pod running and ready.",
        "Selector": "A label query over pods that are managed by the daemon set. Must match in order to be controlled. If empty, defaulted "
        f"to labels on Pod template. {_LABELS}",
    },
    "statefulsets.apps": {**_TEMPLATE, "Ready": _READY},
    "controllerrevisions.apps": {"Controller": "Controller of the object"},
    "jobs.batch": {**_TEMPLATE, "Status": "Status of the job.", "Duration": "Time required to complete the job."},
    "cronjobs.batch": _TEMPLATE,
    "nodes": {"Status": "The status of the node", "Roles": "The roles of the node"},
    "namespaces": {"Status": "The status of the namespace"},
    "resourcequotas": {
        "Request": "Request represents a minimum amount of cpu/memory that a container may consume.",
        "Limit": "Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.",
    },
    "componentstatuses": {
        "Status": "Status of the component conditions", "Message": "Message of the component conditions",
        "Error": "Error of the component conditions",
    },
    "endpointslices.discovery.k8s.io": {
        "AddressType": "addressType specifies the type of address carried by this EndpointSlice. All addresses in this slice must be the "
        "same type. This field is immutable after creation. The following address types are currently supported: * IPv4: Represents an "
        "IPv4 Address. * IPv6: Represents an IPv6 Address. * FQDN: Represents a Fully Qualified Domain Name.",
        "Ports": "ports specifies the list of network ports exposed by each endpoint in this slice. Each port must have a unique name. "
        'When ports is empty, it indicates that there are no defined ports. When a port is defined with a nil port value, it indicates '
        '"all ports". Each slice may include a maximum of 100 ports.',
    },
    "ingresses.networking.k8s.io": {
        "Class": "The name of the IngressClass resource that should be used for additional configuration",
        "Hosts": "Hosts that incoming requests are matched against before the ingress rule",
        "Address": "Address is a list containing ingress points for the load-balancer", "Ports": "Ports of TLS configurations that open",
    },
    "ingressclasses.networking.k8s.io": {
        "Controller": "Controller that is responsible for handling this class",
        "Parameters": "A reference to a resource with additional parameters",
    },
    "networkpolicies.networking.k8s.io": {
        "Pod-Selector": "Selects the pods to which this NetworkPolicy object applies.  The array of ingress rules is applied to any pods "
        "selected by this field. Multiple network policies can select the same set of pods.  In this case, the ingress rules for each are "
        "combined additively. This field is NOT optional and follows standard label selector semantics. An empty podSelector matches all "
        "pods in this namespace.",
    },
    "persistentvolumes": {"StorageClass": "StorageClass of the pv", "VolumeAttributesClass": "VolumeAttributesClass of the pv"},
    "persistentvolumeclaims": {"StorageClass": "StorageClass of the pvc", "VolumeAttributesClass": "VolumeAttributesClass of the pvc"},
    "csinodes.storage.k8s.io": {"Drivers": "Drivers indicates the number of CSI drivers registered on the node"},
    "rolebindings.rbac.authorization.k8s.io": {
        "Role": f"RoleRef can reference a Role in the current namespace or a ClusterRole in the global namespace. {_REFERENCED}",
        "Users": "Users in the roleBinding", "Groups": "Groups in the roleBinding",
        "ServiceAccounts": "ServiceAccounts in the roleBinding",
    },
    "clusterrolebindings.rbac.authorization.k8s.io": {
        "Role": f"RoleRef can only reference a ClusterRole in the global namespace. {_REFERENCED}",
        "Users": "Users in the clusterRoleBinding", "Groups": "Groups in the clusterRoleBinding",
        "ServiceAccounts": "ServiceAccounts in the clusterRoleBinding",
    },
    "horizontalpodautoscalers.autoscaling": {
        "Targets": "metrics contains the specifications for which to use to calculate the desired replica count (the maximum replica count "
        "across all metrics will be used).  The desired replica count is calculated multiplying the ratio between the target value and the "
        "current value by the current number of pods.  Ergo, metrics used must decrease as the pod count is increased, and vice-versa.  "
        "See the individual metric source types for more information about how each type of metric must respond.",
    },
    "poddisruptionbudgets.policy": {
        "Min Available": "The minimum number of pods that must be available.",
        "Max Unavailable": "The maximum number of pods that may be unavailable.",
        "Allowed Disruptions": "Calculated number of pods that may be disrupted at this time.",
    },
    "certificatesigningrequests.certificates.k8s.io": {
        "SignerName": "Requested signer for the request. It is a qualified name in the form: `scope-hostname.io/name`. If empty, it will "
        "be defaulted:\n 1. If it's a kubelet client certificate, it is assigned\n    \"kubernetes.io/kube-apiserver-client-kubelet\".\n "
        "2. If it's a kubelet serving certificate, it is assigned\n    \"kubernetes.io/kubelet-serving\".\n 3. Otherwise, it is assigned "
        '"kubernetes.io/legacy-unknown".\nDistribution of trust for signers happens out of band. You can select on this field using '
        "`spec.signerName`.",
        "Requestor": "Base64-encoded PKCS#10 CSR data",
        "Condition": "Conditions applied to the request, such as approval or denial.",
    },
    "flowschemas.flowcontrol.apiserver.k8s.io": {"MissingPL": "references a broken or non-existent PriorityLevelConfiguration"},
    "validatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOKS,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOKS,
    "validatingadmissionpolicies.admissionregistration.k8s.io": {
        "Validations": "Validations indicates the number of validation rules defined in this configuration", "ParamKind": _PARAM_KIND,
    },
    "mutatingadmissionpolicies.admissionregistration.k8s.io": {
        "Mutations": "Mutation indicates the number of mutations rules defined in this configuration", "ParamKind": _PARAM_KIND,
    },
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": _POLICY_BINDING,
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io": _POLICY_BINDING,
    "apiservices.apiregistration.k8s.io": {
        "Service": "The reference to the service that hosts this API endpoint.", "Available": "Whether this service is available.",
    },
    "resourceclaims.resource.k8s.io": {"State": "A summary of the current state (allocated, pending, reserved, etc.)."},
}
