"""Defaults: what an author's minimal object becomes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from minikube_py.apis import (
    apiextensions_v1,
    apps_v1,
    autoscaling_v2,
    batch_v1,
    core_v1,
    networking_v1,
    rbac_v1,
    scheme,
    storage_v1,
)
from minikube_py.apis.defaults import set_defaults
from minikube_py.apis.defaults.images import image_pull_policy
from minikube_py.apis.object import Object
from minikube_py.apis.quantity import QuantityError

CONTAINER = {"name": "c", "image": "busybox:1.36"}
CONTAINER_DEFAULTS = {
    "name": "c",
    "image": "busybox:1.36",
    "imagePullPolicy": "IfNotPresent",
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
POD_DEFAULTS = {
    "containers": [CONTAINER_DEFAULTS],
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "securityContext": {},
    "terminationGracePeriodSeconds": 30,
}


def defaulted(struct: type[Object], document: dict[str, Any]) -> Any:
    obj = scheme.from_document(struct, document)
    set_defaults(obj)
    once = scheme.encode(obj)
    set_defaults(obj)
    assert scheme.encode(obj) == once, "defaults are set once and for all"
    return scheme.to_document(obj)


def test_a_pod_of_one_container() -> None:
    assert defaulted(core_v1.Pod, {"spec": {"containers": [CONTAINER]}})["spec"] == {**POD_DEFAULTS, "enableServiceLinks": True}


def test_a_template_has_no_service_links_and_no_requests_from_limits() -> None:
    container = {**CONTAINER, "resources": {"limits": {"cpu": "1"}}}
    spec = defaulted(apps_v1.Deployment, {"spec": {"template": {"spec": {"containers": [container]}}}})["spec"]
    assert spec["template"]["spec"] == {**POD_DEFAULTS, "containers": [{**CONTAINER_DEFAULTS, "resources": {"limits": {"cpu": "1"}}}]}


def test_requests_of_a_pod_follow_its_limits_in_canonical_form() -> None:
    container = {**CONTAINER, "resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}, "requests": {"cpu": "0.25"}}}
    spec = defaulted(core_v1.Pod, {"spec": {"containers": [container]}})["spec"]
    assert spec["containers"][0]["resources"] == {"limits": {"cpu": "500m", "memory": "1Gi"}, "requests": {"cpu": "250m", "memory": "1Gi"}}


def test_an_amount_that_is_no_quantity_is_an_error() -> None:
    pod = scheme.from_document(core_v1.Pod, {"spec": {"containers": [{**CONTAINER, "resources": {"limits": {"cpu": "much"}}}]}})
    with pytest.raises(QuantityError):
        set_defaults(pod)


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("a", "Always"),
        ("a:latest", "Always"),
        ("a:1", "IfNotPresent"),
        ("host:5000/a", "Always"),
        ("host:5000/a:1", "IfNotPresent"),
        ("a@sha256:0", "IfNotPresent"),
        ("a:latest@sha256:0", "Always"),
    ],
)
def test_the_tag_decides_the_pull_policy(image: str, policy: str) -> None:
    assert image_pull_policy(image) == policy


def test_probes_ports_and_host_network() -> None:
    container = {
        **CONTAINER,
        "ports": [{"containerPort": 80}],
        "readinessProbe": {"httpGet": {"port": 80}},
        "livenessProbe": {"grpc": {"port": 1}},
    }
    spec = defaulted(core_v1.Pod, {"spec": {"hostNetwork": True, "containers": [container]}})["spec"]["containers"][0]
    assert spec["ports"] == [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]
    assert spec["readinessProbe"] == {
        "failureThreshold": 3,
        "periodSeconds": 10,
        "successThreshold": 1,
        "timeoutSeconds": 1,
        "httpGet": {"path": "/", "port": 80, "scheme": "HTTP"},
    }
    assert spec["livenessProbe"]["grpc"] == {"port": 1, "service": ""}


def test_volumes() -> None:
    volumes = [
        {"name": "a"},
        {"name": "b", "secret": {"secretName": "s"}},
        {"name": "c", "hostPath": {"path": "/x"}},
        {"name": "d", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
        {"name": "e", "emptyDir": {"sizeLimit": "1024Ki"}},
    ]
    spec = defaulted(core_v1.Pod, {"spec": {"containers": [CONTAINER], "volumes": volumes}})["spec"]
    assert spec["volumes"] == [
        {"name": "a", "emptyDir": {}},
        {"name": "b", "secret": {"secretName": "s", "defaultMode": 420}},
        {"name": "c", "hostPath": {"path": "/x", "type": ""}},
        {"name": "d", "projected": {"defaultMode": 420, "sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}]}},
        {"name": "e", "emptyDir": {"sizeLimit": "1Mi"}},
    ]


def test_the_two_names_of_the_service_account_agree() -> None:
    spec = defaulted(core_v1.Pod, {"spec": {"containers": [CONTAINER], "serviceAccount": "a"}})["spec"]
    assert (spec["serviceAccount"], spec["serviceAccountName"]) == ("a", "a")


def test_resources_of_the_pod_as_a_whole_follow_its_containers() -> None:
    containers = [
        {**CONTAINER, "resources": {"requests": {"cpu": "100m"}}},
        {"name": "d", "image": "a", "resources": {"requests": {"cpu": "200m"}}},
    ]
    spec = defaulted(core_v1.Pod, {"spec": {"containers": containers, "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}})["spec"]
    assert spec["resources"] == {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "300m", "memory": "1Gi"}}


def test_a_deployment_rolls_by_quarters() -> None:
    spec = defaulted(apps_v1.Deployment, {"spec": {"template": {"spec": {"containers": [CONTAINER]}}}})["spec"]
    del spec["template"]
    assert spec == {
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
    }
    recreate = defaulted(apps_v1.Deployment, {"spec": {"strategy": {"type": "Recreate"}}})["spec"]["strategy"]
    assert recreate == {"type": "Recreate"}


def test_other_workloads() -> None:
    sts = defaulted(apps_v1.StatefulSet, {"spec": {"volumeClaimTemplates": [{"metadata": {"name": "d"}}]}})["spec"]
    assert sts["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    assert sts["podManagementPolicy"] == "OrderedReady"
    assert sts["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    assert (
        sts["volumeClaimTemplates"][0]["status"] == {"phase": "Pending"}
        and sts["volumeClaimTemplates"][0]["spec"]["volumeMode"] == "Filesystem"
    )
    ds = defaulted(apps_v1.DaemonSet, {})
    assert ds["spec"]["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
    assert ds["status"] == {"currentNumberScheduled": 0, "desiredNumberScheduled": 0, "numberMisscheduled": 0, "numberReady": 0}


def test_jobs() -> None:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}
    job = defaulted(batch_v1.Job, {"spec": {"template": template}})
    assert job["metadata"]["labels"] == {"a": "b"}
    assert {key: value for key, value in job["spec"].items() if key != "template"} == {
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "completions": 1,
        "parallelism": 1,
        "suspend": False,
        "manualSelector": False,
        "podReplacementPolicy": "TerminatingOrFailed",
    }
    assert "completions" not in defaulted(batch_v1.Job, {"spec": {"parallelism": 2}})["spec"]
    cron = defaulted(batch_v1.CronJob, {"spec": {"schedule": "* * * * *"}})["spec"]
    assert (cron["concurrencyPolicy"], cron["successfulJobsHistoryLimit"], cron["failedJobsHistoryLimit"]) == ("Allow", 3, 1)
    assert "backoffLimit" not in cron["jobTemplate"]["spec"]


def test_services() -> None:
    service = defaulted(core_v1.Service, {"spec": {"ports": [{"port": 80}]}})
    assert service["spec"] == {
        "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
        "sessionAffinity": "None",
        "type": "ClusterIP",
        "internalTrafficPolicy": "Cluster",
    }
    assert service["status"] == {"loadBalancer": {}}
    spec = defaulted(core_v1.Service, {"spec": {"type": "LoadBalancer", "sessionAffinity": "ClientIP"}})["spec"]
    assert spec["externalTrafficPolicy"] == "Cluster" and spec["allocateLoadBalancerNodePorts"] is True
    assert spec["sessionAffinityConfig"] == {"clientIP": {"timeoutSeconds": 10800}}


def test_secrets_take_their_clear_text_in() -> None:
    secret = defaulted(core_v1.Secret, {"stringData": {"a": "b"}, "data": {"a": "eA==", "c": "eQ=="}})
    assert secret["data"] == {"a": "Yg==", "c": "eQ=="} and "stringData" not in secret and secret["type"] == "Opaque"


def test_other_kinds() -> None:
    assert defaulted(core_v1.Namespace, {"metadata": {"name": "n"}})["metadata"]["labels"] == {"kubernetes.io/metadata.name": "n"}
    assert defaulted(storage_v1.StorageClass, {"provisioner": "p"})["volumeBindingMode"] == "Immediate"
    policy = defaulted(networking_v1.NetworkPolicy, {"spec": {"egress": [{"ports": [{"port": 1}]}]}})["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"] and policy["egress"][0]["ports"][0]["protocol"] == "TCP"
    binding = defaulted(rbac_v1.RoleBinding, {"roleRef": {"kind": "Role", "name": "r"}, "subjects": [{"kind": "User", "name": "u"}]})
    assert binding["roleRef"]["apiGroup"] == binding["subjects"][0]["apiGroup"] == "rbac.authorization.k8s.io"
    hpa = defaulted(autoscaling_v2.HorizontalPodAutoscaler, {"spec": {"behavior": {"scaleUp": {"selectPolicy": "Min"}}}})["spec"]
    assert hpa["metrics"][0]["resource"] == {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
    assert hpa["behavior"]["scaleUp"]["selectPolicy"] == "Min" and len(hpa["behavior"]["scaleUp"]["policies"]) == 2
    crd = defaulted(apiextensions_v1.CustomResourceDefinition, {"spec": {"names": {"kind": "Foo", "plural": "foos"}}})["spec"]
    assert crd["names"] == {"kind": "Foo", "plural": "foos", "singular": "foo", "listKind": "FooList"} and crd["conversion"] == {
        "strategy": "None"
    }


def test_a_kind_without_defaults_is_left_alone() -> None:
    config_map = core_v1.ConfigMap(data={"a": "b"})
    set_defaults(config_map)
    assert msgspec.structs.asdict(config_map) == msgspec.structs.asdict(core_v1.ConfigMap(data={"a": "b"}))


def test_annotations_from_before_init_containers_are_dropped() -> None:
    annotations = {"pod.beta.kubernetes.io/init-containers": "[]", "pod.alpha.kubernetes.io/init-container-statuses": "[]", "a": "b"}
    template = {"metadata": {"annotations": annotations}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    assert defaulted(core_v1.Pod, template)["metadata"]["annotations"] == {"a": "b"}
    assert defaulted(apps_v1.Deployment, {"spec": {"template": template}})["spec"]["template"]["metadata"]["annotations"] == {"a": "b"}
