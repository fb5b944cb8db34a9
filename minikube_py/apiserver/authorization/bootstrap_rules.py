"""The rules of the default ClusterRoles and Roles, as data.

Each row is (verbs, API groups, resources[, names]), blank-separated; "core" is the group with the empty name. A path row is
(verbs, paths). Facts of Kubernetes 1.36 with its default feature gates.

Source: plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go, namespace_policy.go and testdata;
kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings
"""

from __future__ import annotations

Row = tuple[str, ...]
Rows = tuple[Row, ...]

READ = "get list watch"
WRITE = "create delete deletecollection patch update"
READ_WRITE = f"{READ} {WRITE}"
READ_UPDATE = "get list watch update patch"
EVENTS: Row = ("create patch update", "core events.k8s.io", "events")

_HEALTH = "/healthz /livez /readyz"
_REVIEWS: Rows = (
    ("create", "authentication.k8s.io", "tokenreviews"),
    ("create", "authorization.k8s.io", "subjectaccessreviews"),
)
_WORKLOADS = "daemonsets deployments deployments/scale replicasets replicasets/scale"
_WORKLOADS_STATUS = f"{_WORKLOADS} daemonsets/status deployments/status replicasets/status"
_STREAMS = "pods/attach pods/exec pods/portforward pods/proxy"

NODE_RULES: Rows = (
    ("create", "authentication.k8s.io", "tokenreviews"),
    ("create", "authorization.k8s.io", "subjectaccessreviews localsubjectaccessreviews"),
    (READ, "core", "services"),
    ("create get list watch", "core", "nodes"),
    ("patch update", "core", "nodes/status"),
    ("patch update", "core", "nodes"),
    EVENTS,
    (READ, "core", "pods"),
    ("create delete", "core", "pods"),
    ("patch update", "core", "pods/status"),
    ("create", "core", "pods/eviction"),
    (READ, "core", "configmaps secrets"),
    ("get", "core", "persistentvolumeclaims persistentvolumes"),
    ("get", "core", "endpoints"),
    ("create get list watch", "certificates.k8s.io", "certificatesigningrequests"),
    ("create delete get patch update", "coordination.k8s.io", "leases"),
    ("get", "storage.k8s.io", "volumeattachments"),
    ("create", "core", "serviceaccounts/token"),
    ("get patch update", "core", "persistentvolumeclaims/status"),
    (READ, "storage.k8s.io", "csidrivers"),
    ("create delete get patch update", "storage.k8s.io", "csinodes"),
    (READ, "node.k8s.io", "runtimeclasses"),
    ("get", "resource.k8s.io", "resourceclaims"),
    ("deletecollection", "resource.k8s.io", "resourceslices"),
    ("get", "core", "serviceaccounts"),
)

NODE_NETWORK = "minikube-py:node-network"

CLUSTER_ROLES: dict[str, Rows] = {
    "cluster-admin": (("*", "*", "*"), ("*", "*")),
    "system:discovery": (("get", f"{_HEALTH} /version /version/ /openapi /openapi/* /api /api/* /apis /apis/*"),),
    "system:monitoring": (
        ("get", "/flagz /healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/* /statusz"),
        ("get", "core", "nodes/metrics"),
    ),
    "system:basic-user": (
        ("create", "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews"),
        ("create", "authentication.k8s.io", "selfsubjectreviews"),
    ),
    "system:public-info-viewer": (("get", f"{_HEALTH} /version /version/"),),
    "system:service-account-issuer-discovery": ((
        "get",
        "/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/",
    ),),
    "system:aggregate-to-admin": (
        ("create", "authorization.k8s.io", "localsubjectaccessreviews"),
        (READ_WRITE, "rbac.authorization.k8s.io", "roles rolebindings"),
    ),
    "system:aggregate-to-edit": (
        (READ, "core", f"{_STREAMS} secrets services/proxy"),
        ("impersonate", "core", "serviceaccounts"),
        (WRITE, "core", f"pods {_STREAMS}"),
        ("create", "core", "pods/eviction"),
        (
            WRITE, "core",
            "configmaps persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services "
            "services/proxy",
        ),
        ("create", "core", "serviceaccounts/token"),
        (WRITE, "core events.k8s.io", "events"),
        (WRITE, "apps", f"{_WORKLOADS} deployments/rollback statefulsets statefulsets/scale"),
        (WRITE, "autoscaling", "horizontalpodautoscalers"),
        (WRITE, "batch", "cronjobs jobs"),
        (WRITE, "extensions", f"{_WORKLOADS} deployments/rollback ingresses networkpolicies replicationcontrollers/scale"),
        (WRITE, "policy", "poddisruptionbudgets"),
        (WRITE, "networking.k8s.io", "ingresses networkpolicies"),
        (READ_WRITE, "coordination.k8s.io", "leases"),
        (WRITE, "resource.k8s.io", "resourceclaims resourceclaimtemplates"),
    ),
    "system:aggregate-to-view": (
        (
            READ, "core",
            "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers "
            "replicationcontrollers/scale serviceaccounts services services/status",
        ),
        (
            READ, "core",
            "bindings limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas "
            "resourcequotas/status",
        ),
        (READ, "core", "namespaces"),
        (READ, "core events.k8s.io", "events"),
        (READ, "discovery.k8s.io", "endpointslices"),
        (READ, "apps", f"{_WORKLOADS_STATUS} controllerrevisions statefulsets statefulsets/scale statefulsets/status"),
        (READ, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
        (READ, "batch", "cronjobs cronjobs/status jobs jobs/status"),
        (READ, "extensions", f"{_WORKLOADS_STATUS} ingresses ingresses/status networkpolicies replicationcontrollers/scale"),
        (READ, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
        (READ, "networking.k8s.io", "ingresses ingresses/status networkpolicies"),
        (READ, "resource.k8s.io", "resourceclaims resourceclaims/status resourceclaimtemplates"),
    ),
    "system:heapster": (
        (READ, "core", "events namespaces nodes pods"),
        (READ, "extensions", "deployments"),
    ),
    "system:node": NODE_RULES,
    "system:node-problem-detector": (("get", "core", "nodes"), ("patch", "core", "nodes/status"), EVENTS),
    "system:kubelet-api-admin": (
        (READ, "core", "nodes"),
        ("proxy", "core", "nodes"),
        ("*", "core", "nodes/log nodes/metrics nodes/proxy nodes/stats"),
        ("*", "core", "nodes/configz nodes/healthz nodes/pods"),
    ),
    "system:node-bootstrapper": (("create get list watch", "certificates.k8s.io", "certificatesigningrequests"),),
    "system:auth-delegator": _REVIEWS,
    "system:kube-aggregator": ((READ, "core", "endpoints services"),),
    "system:kube-controller-manager": (
        EVENTS,
        ("create", "coordination.k8s.io", "leases"),
        ("get update", "coordination.k8s.io", "leases", "kube-controller-manager"),
        ("create", "core", "secrets serviceaccounts"),
        ("delete", "core", "secrets"),
        ("get", "core", "configmaps namespaces secrets serviceaccounts"),
        ("update", "core", "secrets serviceaccounts"),
        *_REVIEWS,
        ("list watch", "*", "*"),
        ("create", "core", "serviceaccounts/token"),
    ),
    "system:kube-dns": (("list watch", "core", "endpoints services"),),
    "system:persistent-volume-provisioner": (
        ("create delete get list watch", "core", "persistentvolumes"),
        ("get list update watch", "core", "persistentvolumeclaims"),
        (READ, "storage.k8s.io", "storageclasses"),
        ("watch", "core", "events"),
        EVENTS,
    ),
    "system:certificates.k8s.io:certificatesigningrequests:nodeclient": (
        ("create", "certificates.k8s.io", "certificatesigningrequests/nodeclient"),
    ),
    "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient": (
        ("create", "certificates.k8s.io", "certificatesigningrequests/selfnodeclient"),
    ),
    "system:volume-scheduler": (
        (READ_UPDATE, "core", "persistentvolumes"),
        (READ, "storage.k8s.io", "storageclasses"),
        (READ_UPDATE, "core", "persistentvolumeclaims"),
    ),
    **{
        f"system:certificates.k8s.io:{signer}-approver": (("approve", "certificates.k8s.io", "signers", f"kubernetes.io/{signer}"),)
        for signer in ("legacy-unknown", "kubelet-serving", "kube-apiserver-client", "kube-apiserver-client-kubelet")
    },
    "system:node-proxier": (
        ("list watch", "core", "endpoints services"),
        (READ, "core", "nodes"),
        EVENTS,
        ("list watch", "networking.k8s.io", "servicecidrs"),
        ("list watch", "discovery.k8s.io", "endpointslices"),
    ),
    # Ours, not upstream's: an agent is service proxy, pod network and DNS of its node in one, with the node's own identity.
    NODE_NETWORK: (
        ("list watch", "core", "nodes services namespaces"),
        ("list watch", "discovery.k8s.io", "endpointslices"),
        ("list watch", "networking.k8s.io", "servicecidrs"),
    ),
    "system:kube-scheduler": (
        EVENTS,
        ("create", "coordination.k8s.io", "leases"),
        ("get list update watch", "coordination.k8s.io", "leases", "kube-scheduler"),
        (READ_WRITE, "coordination.k8s.io", "leasecandidates"),
        (READ, "core", "nodes"),
        (f"{READ} delete", "core", "pods"),
        ("create", "core", "bindings pods/binding"),
        ("patch update", "core", "pods/status"),
        (READ, "core", "replicationcontrollers services"),
        (READ, "apps extensions", "replicasets"),
        (READ, "apps", "statefulsets"),
        (READ, "policy", "poddisruptionbudgets"),
        (READ, "core", "persistentvolumeclaims persistentvolumes"),
        *_REVIEWS,
        (READ, "storage.k8s.io", "csinodes"),
        (READ, "storage.k8s.io", "volumeattachments"),
        (READ, "core", "namespaces"),
        (READ, "storage.k8s.io", "csidrivers"),
        (READ, "storage.k8s.io", "csistoragecapacities"),
        (READ, "resource.k8s.io", "deviceclasses"),
        (READ_UPDATE, "resource.k8s.io", "resourceclaims"),
        (READ_UPDATE, "resource.k8s.io", "resourceclaims/status"),
        ("update", "core", "pods/finalizers"),
        (READ, "resource.k8s.io", "resourceslices"),
        ("create delete", "resource.k8s.io", "resourceclaims"),
        ("patch update", "resource.k8s.io", "resourceclaims/binding"),
    ),
}

# Aggregated ClusterRoles: their name without prefix -> into which roles they are aggregated themselves.
AGGREGATED_ROLES = {"admin": "", "edit": "admin", "view": "edit"}
# ClusterRoles that are aggregated into others.
AGGREGATED_INTO = {f"system:aggregate-to-{name}": name for name in AGGREGATED_ROLES}

# ClusterRole -> subjects ("User:x", "Group:x", "ServiceAccount:namespace/x") of the binding of the same name.
CLUSTER_ROLE_BINDINGS: dict[str, tuple[str, ...]] = {
    "cluster-admin": ("Group:system:masters",),
    "system:monitoring": ("Group:system:monitoring",),
    "system:discovery": ("Group:system:authenticated",),
    "system:basic-user": ("Group:system:authenticated",),
    "system:public-info-viewer": ("Group:system:authenticated", "Group:system:unauthenticated"),
    "system:node-proxier": ("User:system:kube-proxy",),
    "system:kube-controller-manager": ("User:system:kube-controller-manager",),
    "system:kube-dns": ("ServiceAccount:kube-system/kube-dns",),
    "system:kube-scheduler": ("User:system:kube-scheduler",),
    "system:volume-scheduler": ("User:system:kube-scheduler",),
    "system:node": (),
    NODE_NETWORK: ("Group:system:nodes",),
    "system:service-account-issuer-discovery": ("Group:system:serviceaccounts",),
}

# ClusterRoleBinding -> (ClusterRole, subjects): bootstrap tokens that may join nodes ask for client certificates and get them, and nodes
# renew theirs; names are kubeadm's, whose tokens count too. And what this server is to kubelets.
# Source: kubernetes cmd/kubeadm/app/phases/bootstraptoken/node/tlsbootstrap.go
_JOINING = ("Group:system:bootstrappers:kubeadm:default-node-token", "Group:system:bootstrappers:minikube-py:default-node-token")
_CSRS = "system:certificates.k8s.io:certificatesigningrequests"
BOOTSTRAP_BINDINGS: dict[str, tuple[str, tuple[str, ...]]] = {
    "kubeadm:kubelet-bootstrap": ("system:node-bootstrapper", _JOINING),
    "kubeadm:node-autoapprove-bootstrap": (f"{_CSRS}:nodeclient", _JOINING),
    "kubeadm:node-autoapprove-certificate-rotation": (f"{_CSRS}:selfnodeclient", ("Group:system:nodes",)),
    # What the API server shows kubelets opens kubelets and nothing else, wherever a node says that its kubelet is.
    "minikube-py:kube-apiserver": ("system:kubelet-api-admin", ("User:kube-apiserver",)),
}

_LEADER: Rows = (
    ("create get list update watch", "coordination.k8s.io", "leases"),
    ("create get list update watch", "coordination.k8s.io", "leasecandidates"),
)

# (namespace, name) -> rules.
ROLES: dict[tuple[str, str], Rows] = {
    ("kube-system", "extension-apiserver-authentication-reader"): (
        (READ, "core", "configmaps", "extension-apiserver-authentication"),
    ),
    ("kube-system", "system:controller:bootstrap-signer"): ((READ, "core", "secrets"),),
    ("kube-system", "system:controller:cloud-provider"): (("create get list watch", "core", "configmaps"),),
    ("kube-system", "system:controller:token-cleaner"): (("delete get list watch", "core", "secrets"), EVENTS),
    ("kube-system", "system::leader-locking-kube-controller-manager"): _LEADER,
    ("kube-system", "system::leader-locking-kube-scheduler"): _LEADER,
    ("kube-public", "system:controller:bootstrap-signer"): (
        (READ, "core", "configmaps"),
        ("update", "core", "configmaps", "cluster-info"),
        EVENTS,
    ),
}

# (namespace, name) -> (Role, subjects).
ROLE_BINDINGS: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    ("kube-system", "system::extension-apiserver-authentication-reader"): (
        "extension-apiserver-authentication-reader", ("User:system:kube-controller-manager", "User:system:kube-scheduler"),
    ),
    ("kube-system", "system:controller:bootstrap-signer"): (
        "system:controller:bootstrap-signer", ("ServiceAccount:kube-system/bootstrap-signer",),
    ),
    ("kube-system", "system:controller:cloud-provider"): (
        "system:controller:cloud-provider", ("ServiceAccount:kube-system/cloud-provider",),
    ),
    ("kube-system", "system:controller:token-cleaner"): (
        "system:controller:token-cleaner", ("ServiceAccount:kube-system/token-cleaner",),
    ),
    ("kube-system", "system::leader-locking-kube-controller-manager"): (
        "system::leader-locking-kube-controller-manager",
        (
            "User:system:kube-controller-manager", "ServiceAccount:kube-system/kube-controller-manager",
            "ServiceAccount:kube-system/leader-election-controller",
        ),
    ),
    ("kube-system", "system::leader-locking-kube-scheduler"): (
        "system::leader-locking-kube-scheduler", ("User:system:kube-scheduler", "ServiceAccount:kube-system/kube-scheduler"),
    ),
    ("kube-public", "system:controller:bootstrap-signer"): (
        "system:controller:bootstrap-signer", ("ServiceAccount:kube-system/bootstrap-signer",),
    ),
}
