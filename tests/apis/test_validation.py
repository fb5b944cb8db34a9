"""Validation: right objects pass, and each mistake is named by field, reason and sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from minikube_py.apis import apps_v1, core_v1, scheme
from minikube_py.apis.defaults import set_defaults
from minikube_py.apis.object import Object
from minikube_py.apis.validation import validate_create, validate_update

ZOO = list(yaml.safe_load_all((Path(__file__).parent / "zoo.yaml").read_text()))
DEFAULT_META = {"name": "x", "namespace": "default"}
CONTAINER = {"name": "c", "image": "busybox:1"}


def build(document: dict[str, Any]) -> Any:
    group, _, version = document["apiVersion"].rpartition("/")
    obj = scheme.from_document(scheme.type_of(group, version, document["kind"]), document)
    set_defaults(obj)
    return obj


def of_zoo(kind: str, name: str = "") -> Any:
    return build(next(d for d in ZOO if d["kind"] == kind and name in ("", d["metadata"]["name"])))


def told(obj: Object) -> list[str]:
    return [f"{cause.field}: {cause.message}" for cause in validate_create(obj)]


def told_of_update(new: Object, old: Object, subresource: str = "") -> list[str]:
    return [f"{cause.field}: {cause.message}" for cause in validate_update(new, old, subresource)]


def pod(**spec: Any) -> Any:
    return build({"apiVersion": "v1", "kind": "Pod", "metadata": DEFAULT_META, "spec": {"containers": [CONTAINER], **spec}})


def with_container(**fields: Any) -> Any:
    return pod(containers=[{**CONTAINER, **fields}])


@pytest.mark.parametrize("document", ZOO, ids=lambda d: f"{d['kind']}/{d['metadata']['name']}")
def test_right_objects_pass_and_may_be_updated_to_themselves(document: dict[str, Any]) -> None:
    obj = build(document)
    before = scheme.encode(obj)
    assert told(obj) == []
    assert told_of_update(scheme.deep_copy(obj), obj) == []
    assert scheme.encode(obj) == before, "validation changes nothing"


SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"name": "A_b", "namespace": "default"}, [f'metadata.name: Invalid value: "A_b": {SUBDOMAIN}']),
        ({"namespace": "default"}, ["metadata.name: Required value: name or generateName is required"]),
        ({"name": "x"}, ["metadata.namespace: Required value"]),
        ({**DEFAULT_META, "labels": {"a": "-"}}, [f'metadata.labels: Invalid value: "-": {LABEL_VALUE}']),
        ({**DEFAULT_META, "labels": {"/a": ""}}, ['metadata.labels: Invalid value: "/a": prefix part must be non-empty']),
        ({**DEFAULT_META, "annotations": {"a": "x" * 300_000}}, ["metadata.annotations: Too long: may not be more than 262144 bytes"]),
        (
            {**DEFAULT_META, "finalizers": ["orphan", "foregroundDeletion"]},
            [
                'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and '
                "foregroundDeletion cannot be both set"
            ],
        ),
        (
            {**DEFAULT_META, "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p"}]},
            ['metadata.ownerReferences.uid: Invalid value: "": must not be empty'],
        ),
    ],
)
def test_metadata(metadata: dict[str, Any], expected: list[str]) -> None:
    assert told(build({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})) == expected


def test_a_cluster_wide_object_has_no_namespace() -> None:
    node = build({"apiVersion": "v1", "kind": "Node", "metadata": DEFAULT_META})
    assert told(node) == ["metadata.namespace: Forbidden: not allowed on this type"]


@pytest.mark.parametrize(
    ("kind", "version", "name", "right"),
    [
        ("ClusterRole", "rbac.authorization.k8s.io/v1", "system:A:b", True),
        ("ClusterRole", "rbac.authorization.k8s.io/v1", "a/b", False),
        ("Namespace", "v1", "a.b", False),
        ("Namespace", "v1", "a-b", True),
        ("PriorityClass", "scheduling.k8s.io/v1", "a.b", True),
    ],
)
def test_names_have_the_syntax_of_their_kind(kind: str, version: str, name: str, right: bool) -> None:
    assert (told(build({"apiVersion": version, "kind": kind, "metadata": {"name": name}})) == []) is right


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        (pod(containers=[]), ["spec.containers: Required value"]),
        (pod(containers=[{"name": "c"}]), ["spec.containers[0].image: Required value"]),
        (pod(containers=[CONTAINER, CONTAINER]), ['spec.containers[1].name: Duplicate value: "c"']),
        (
            with_container(imagePullPolicy="x"),
            ['spec.containers[0].imagePullPolicy: Unsupported value: "x": supported values: "Always", "IfNotPresent", "Never"'],
        ),
        (
            with_container(ports=[{"containerPort": 99999}]),
            ["spec.containers[0].ports[0].containerPort: Invalid value: 99999: must be between 1 and 65535, inclusive"],
        ),
        (
            with_container(ports=[{"name": "a", "containerPort": 1}, {"name": "a", "containerPort": 2}]),
            ['spec.containers[0].ports[1].name: Duplicate value: "a"'],
        ),
        (with_container(volumeMounts=[{"name": "v", "mountPath": "/v"}]), ['spec.containers[0].volumeMounts[0].name: Not found: "v"']),
        (
            with_container(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
            ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
        ),
        (
            with_container(resources={"limits": {"disk": "1"}}),
            [
                'spec.containers[0].resources.limits[disk]: Invalid value: "disk": must be a standard resource type or fully qualified',
                'spec.containers[0].resources.limits[disk]: Invalid value: "disk": must be a standard resource for containers',
                'spec.containers[0].resources.requests[disk]: Invalid value: "disk": must be a standard resource type or fully qualified',
                'spec.containers[0].resources.requests[disk]: Invalid value: "disk": must be a standard resource for containers',
            ],
        ),
        (
            with_container(livenessProbe={"httpGet": {"port": 80}, "exec": {"command": ["a"]}}),
            ["spec.containers[0].livenessProbe.httpGet: Forbidden: may not specify more than 1 handler type"],
        ),
        (with_container(livenessProbe={}), ["spec.containers[0].livenessProbe: Required value: must specify a handler type"]),
        (
            with_container(livenessProbe={"exec": {"command": ["a"]}, "successThreshold": 2}),
            ["spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1"],
        ),
        (
            with_container(env=[{"name": "A", "value": "b", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
            ['spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty'],
        ),
        (
            with_container(env=[{"name": "A=", "value": "b"}]),
            [
                'spec.containers[0].env[0].name: Invalid value: "A=": a valid environment variable name must consist only of printable '
                "ASCII "
                "characters other than '='"
            ],
        ),
        (
            pod(restartPolicy="Sometimes"),
            ['spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"'],
        ),
        (pod(dnsPolicy="None"), ["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"]),
        (
            pod(volumes=[{"name": "v", "emptyDir": {}, "hostPath": {"path": "/x"}}]),
            ["spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"],
        ),
        (
            pod(volumes=[{"name": "v", "hostPath": {"path": "/a/../b"}}]),
            ["spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'"],
        ),
        (
            pod(initContainers=[{"name": "i", "image": "a", "livenessProbe": {"exec": {"command": ["a"]}}}]),
            ["spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always"],
        ),
        (
            pod(tolerations=[{"key": "a", "operator": "Exists", "value": "b"}]),
            ["spec.tolerations[0].operator: Invalid value: \"b\": value must be empty when `operator` is 'Exists'"],
        ),
        (pod(ephemeralContainers=[CONTAINER | {"name": "e"}]), ["spec.ephemeralContainers: Forbidden: cannot be set on create"]),
        (pod(hostUsers=False, hostPID=True), ["spec.HostPID: Forbidden: when `hostUsers` is false"]),
        (
            pod(securityContext={"runAsUser": -1}),
            ["spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 4294967295, inclusive"],
        ),
    ],
)
def test_mistakes_in_pods_are_named(example: core_v1.Pod, expected: list[str]) -> None:
    assert told(example) == expected


def test_every_mistake_is_told_at_once() -> None:
    assert len(told(pod(containers=[{}], restartPolicy="x", hostname="A"))) == 4


def changed(kind: str, **spec: Any) -> list[str]:
    """What is told of an object of the zoo with some fields of its spec replaced."""
    document = next(d for d in ZOO if d["kind"] == kind)
    return told(build({**document, "spec": {**document["spec"], **spec}}))


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        (
            "Deployment",
            {"selector": {"matchLabels": {"app": "other"}}},
            ['spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`'],
        ),
        ("Deployment", {"selector": {}}, ["spec.selector: Invalid value: {}: empty selector is invalid for deployment"]),
        ("Deployment", {"replicas": -1}, ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]),
        (
            "Deployment",
            {"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}},
            ["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"],
        ),
        (
            "Deployment",
            {"strategy": {"type": "Recreate", "rollingUpdate": {}}},
            ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
        ),
        ("Service", {"ports": []}, ["spec.ports: Required value"]),
        ("Service", {"ports": [{"port": 1}, {"port": 2}]}, ["spec.ports[0].name: Required value", "spec.ports[1].name: Required value"]),
        ("Service", {"type": "x"}, None),
        ("CronJob", {"schedule": "* * *"}, ['spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]']),
        ("CronJob", {"timeZone": "Mars/North"}, ['spec.timeZone: Invalid value: "Mars/North": unknown time zone Mars/North']),
        ("NetworkPolicy", {"ingress": [{"from": [{}]}]}, ["spec.ingress[0].from[0]: Required value: must specify a peer"]),
        (
            "NetworkPolicy",
            {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}}]}]},
            ['spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`'],
        ),
        ("PersistentVolumeClaim", {"accessModes": []}, ["spec.accessModes: Required value: at least 1 access mode is required"]),
        ("PersistentVolumeClaim", {"resources": {}}, ["spec.resources[storage]: Required value"]),
        ("PodDisruptionBudget", {"maxUnavailable": 1}, None),
        (
            "HorizontalPodAutoscaler",
            {"minReplicas": 5, "maxReplicas": 2},
            ["spec.maxReplicas: Invalid value: 2: must be greater than or equal to `minReplicas`"],
        ),
        ("CustomResourceDefinition", {"scope": "x"}, ['spec.scope: Unsupported value: "x": supported values: "Cluster", "Namespaced"']),
        (
            "ResourceQuota",
            {"hard": {"pods": "1"}, "scopes": ["BestEffort", "NotBestEffort"]},
            ['spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes'],
        ),
        ("LimitRange", {"limits": [{"type": "Container", "max": {"cpu": "1"}, "min": {"cpu": "2"}}]}, None),
        ("Lease", {"leaseDurationSeconds": 0}, ["spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"]),
    ],
)
def test_mistakes_in_other_kinds_are_named(kind: str, spec: dict[str, Any], expected: list[str] | None) -> None:
    found = changed(kind, **spec)
    assert found, "the mistake is seen"
    if expected is not None:
        assert found == expected


def test_jobs_end() -> None:
    job = of_zoo("Job")
    job.spec.template.spec.restart_policy = "Always"
    assert 'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"' in told(job)


def test_identity_of_an_object_does_not_change() -> None:
    old = of_zoo("ConfigMap")
    old.metadata.deletion_timestamp = "2026-01-01T00:00:00Z"
    new = scheme.deep_copy(old)
    new.metadata.name = "y"
    new.metadata.finalizers = ["example.com/a"]
    assert list(dict.fromkeys(told_of_update(new, old))) == [
        "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers "
        '[]string{"example.com/a"}',
        'metadata.name: Invalid value: "y": field is immutable',
    ]


def test_of_a_pod_only_little_may_change() -> None:
    old = pod()
    new = scheme.deep_copy(old)
    new.spec.containers[0].image = "busybox:2"
    new.spec.tolerations = [core_v1.Toleration(key="a", operator="Exists")]
    new.spec.active_deadline_seconds = 10
    assert told_of_update(new, old) == []
    new.spec.hostname = "other"
    assert told_of_update(new, old)[0].startswith(
        "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
        "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n"
    )
    assert old.spec.hostname == "" and old.spec.containers[0].image == "busybox:1"


def test_containers_of_a_pod_may_not_come_or_go() -> None:
    old = pod()
    new = scheme.deep_copy(old)
    new.spec.containers = [*new.spec.containers, core_v1.Container(name="d", image="a")]
    set_defaults(new)
    assert told_of_update(new, old) == ["spec.containers: Forbidden: pod updates may not add or remove containers"]


def test_tolerations_may_only_be_added() -> None:
    old = pod(tolerations=[{"key": "a", "operator": "Exists"}])
    new = scheme.deep_copy(old)
    new.spec.tolerations = []
    assert "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds" in told_of_update(new, old)


def test_a_gated_pod_may_be_narrowed_down() -> None:
    old = pod(schedulingGates=[{"name": "example.com/a"}])
    new = scheme.deep_copy(old)
    new.spec.scheduling_gates = []
    new.spec.node_selector = {"a": "b"}
    assert told_of_update(new, old) == []
    back = scheme.deep_copy(new)
    back.spec.scheduling_gates = old.spec.scheduling_gates
    assert told_of_update(back, new)[0] == (
        "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'example.com/a'"
    )


def test_what_has_ended_stays_ended() -> None:
    old = pod(restartPolicy="Never")
    old.status.container_statuses = [
        core_v1.ContainerStatus(name="c", state=core_v1.ContainerState(terminated=core_v1.ContainerStateTerminated(exit_code=1)))
    ]
    new = scheme.deep_copy(old)
    new.status.container_statuses[0].state = core_v1.ContainerState(running=core_v1.ContainerStateRunning())
    assert told_of_update(new, old, "status") == [
        "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"
    ]


def test_ephemeral_containers_may_be_added_and_stay() -> None:
    old = pod()
    new = scheme.deep_copy(old)
    new.spec.ephemeral_containers = [core_v1.EphemeralContainer(name="debug", image="busybox", target_container_name="c")]
    set_defaults(new)
    assert told_of_update(new, old, "ephemeralcontainers") == []
    assert told_of_update(old, new, "ephemeralcontainers") == [
        'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be removed\n'
    ]


def test_a_resize_changes_cpu_and_memory_only() -> None:
    old = with_container(resources={"requests": {"cpu": "1"}})
    new = scheme.deep_copy(old)
    new.spec.containers[0].resources.requests = {"cpu": "2"}
    assert told_of_update(new, old, "resize") == []
    new.spec.containers[0].image = "other"
    assert told_of_update(new, old, "resize") == ["spec: Forbidden: only cpu and memory resources are mutable"]


@pytest.mark.parametrize(
    ("kind", "change", "expected"),
    [
        ("Deployment", lambda o: setattr(o.spec.selector, "match_labels", {"app": "web", "x": "y"}), "spec.selector: Invalid value: "),
        (
            "StatefulSet",
            lambda o: setattr(o.spec, "service_name", "other"),
            "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', ",
        ),
        ("Job", lambda o: setattr(o.spec.template.spec.containers[0], "image", "other"), "spec.template: Invalid value: "),
        (
            "PersistentVolume",
            lambda o: setattr(o.spec.local, "path", "/other"),
            "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation",
        ),
        ("PersistentVolumeClaim", lambda o: setattr(o.spec, "access_modes", ["ReadWriteOnce"]), "spec: Forbidden: spec is immutable after"),
        (
            "StorageClass",
            lambda o: setattr(o, "provisioner", "example.com/other"),
            "provisioner: Forbidden: updates to provisioner are forbidden.",
        ),
        ("Secret", lambda o: setattr(o, "type", "Opaque"), 'type: Invalid value: "Opaque": field is immutable'),
        ("PriorityClass", lambda o: setattr(o, "value", 5), "value: Forbidden: may not be changed in an update."),
        ("CustomResourceDefinition", lambda o: setattr(o.spec, "group", "example.org"), "spec.group: Invalid value: "),
        ("EndpointSlice", lambda o: setattr(o, "address_type", "IPv6"), 'addressType: Invalid value: "IPv6": field is immutable'),
    ],
)
def test_what_may_not_change_is_named(kind: str, change: Any, expected: str) -> None:
    old = of_zoo(kind)
    new = scheme.deep_copy(old)
    change(new)
    assert told_of_update(new, old)[0].startswith(expected) or any(t.startswith(expected) for t in told_of_update(new, old))


def test_immutable_config_maps_and_secrets_stay() -> None:
    for kind in ("ConfigMap", "Secret"):
        old = of_zoo(kind)
        old.immutable = True
        new = scheme.deep_copy(old)
        new.data = {}
        new.immutable = None
        assert "data: Forbidden: field is immutable when `immutable` is set" in told_of_update(new, old)
        assert "immutable: Forbidden: field is immutable when `immutable` is set" in told_of_update(new, old)


@pytest.mark.parametrize(("text", "why"), [
    (b"", "unexpected end of JSON input"),
    (b"x", "invalid character 'x' looking for beginning of value"),
    (b'{"auths":{}', "unexpected end of JSON input"),
    (b'{"auths":{}} x', "invalid character 'x' after top-level value"),
    (b" []", "json: cannot unmarshal array into Go value of type map[string]interface {}"),
    (b'"x"', "json: cannot unmarshal string into Go value of type map[string]interface {}"),
    (b"-1", "json: cannot unmarshal number into Go value of type map[string]interface {}"),
    (b"true", "json: cannot unmarshal bool into Go value of type map[string]interface {}"),
    (b"null", ""),
    (b'{"auths":{}}', ""),
])
def test_registry_credentials_are_a_map(text: bytes, why: str) -> None:
    secret = of_zoo("Secret")
    for type_, key in (("kubernetes.io/dockercfg", ".dockercfg"), ("kubernetes.io/dockerconfigjson", ".dockerconfigjson")):
        secret.type, secret.data = type_, {key: text}
        causes = [cause for cause in validate_create(secret) if cause.field == f"data[{key}]"]
        assert [cause.message for cause in causes] == ([f'Invalid value: "<secret contents redacted>": {why}'] if why else [])


def test_the_address_of_a_service_stays() -> None:
    old = of_zoo("Service", "web")
    old.spec.cluster_ip, old.spec.cluster_ips = "10.43.0.5", ["10.43.0.5"]
    new = scheme.deep_copy(old)
    new.spec.cluster_ip, new.spec.cluster_ips = "10.43.0.6", ["10.43.0.6"]
    assert told_of_update(new, old) == ['spec.clusterIPs[0]: Invalid value: ["10.43.0.6"]: may not change once set']


def test_a_claim_may_be_bound_and_grow() -> None:
    old = of_zoo("PersistentVolumeClaim")
    bound = scheme.deep_copy(old)
    bound.spec.volume_name = "disk"
    assert told_of_update(bound, old) == []
    bound.status.phase = "Bound"
    bound.status.capacity = {"storage": "2Gi"}
    grown = scheme.deep_copy(bound)
    grown.spec.resources.requests = {"storage": "3Gi"}
    assert told_of_update(grown, bound) == []
    grown.spec.resources.requests = {"storage": "1Gi"}
    assert told_of_update(grown, bound) == ["spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"]


def test_a_suspended_job_may_still_choose_its_nodes() -> None:
    old = of_zoo("Job")
    old.spec.suspend = True
    new = scheme.deep_copy(old)
    new.spec.template.spec.node_selector = {"a": "b"}
    assert told_of_update(new, old) == []
    old.spec.suspend = new.spec.suspend = False
    assert told_of_update(new, old)[0].startswith("spec.template: Invalid value: ")


def test_templates_may_mount_what_claim_templates_promise() -> None:
    stateful = of_zoo("StatefulSet")
    assert told(stateful) == []
    stateful.spec.volume_claim_templates = []
    assert told(stateful) == ['spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"']


def test_a_kind_without_rules_has_those_of_its_metadata() -> None:
    revision = apps_v1.ControllerRevision(data={"a": 1})
    assert [t.partition(":")[0] for t in told(revision)] == ["metadata.name", "metadata.namespace"]
