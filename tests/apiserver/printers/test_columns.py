"""Every kind's columns, and the cells whose rules are easy to get wrong, as upstream's printers have them.

A column reads `Name`, `Name:type` unless string, `Name/format`, and ends in `*` if only wide output shows it.
Source: pkg/printers/internalversion/printers.go, apimachinery's default table converter, kube-aggregator's API services
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from minikube_py.apis import autoscaling_v2, flowcontrol_v1, meta_v1, scheme
from minikube_py.apis.resources import RESOURCES
from minikube_py.apiserver.hpa_conversion import hpa_v2_to_v1
from minikube_py.apiserver.printers import cells, columns, table

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
CREATED = "2026-01-01T11:59:00Z"
BY_NAME = {resource.group_resource: resource for resource in reversed(RESOURCES)}
TEMPLATE = "Containers*, Images*, Selector*"
EVENT = "Last Seen, Type, Reason, Object, Subobject*, Source*, Message, First Seen*, Count*, Name/name*"
DEFAULT = "Name/name, Created At:date"

COLUMNS = {
    "pods": "Name/name, Ready, Status, Restarts, Age, IP*, Node*, Nominated Node*, Readiness Gates*",
    "podtemplates": "Name/name, Containers, Images, Pod Labels",
    "poddisruptionbudgets.policy": "Name/name, Min Available, Max Unavailable, Allowed Disruptions:integer, Age",
    "replicationcontrollers": f"Name/name, Desired:integer, Current:integer, Ready:integer, Age, {TEMPLATE}",
    "replicasets.apps": f"Name/name, Desired:integer, Current:integer, Ready:integer, Age, {TEMPLATE}",
    "daemonsets.apps": "Name/name, Desired:integer, Current:integer, Ready:integer, Up-to-date:integer, Available:integer, "
    f"Node Selector, Age, {TEMPLATE}",
    "jobs.batch": f"Name/name, Status, Completions, Duration, Age, {TEMPLATE}",
    "cronjobs.batch": f"Name/name, Schedule, Timezone, Suspend:boolean, Active:integer, Last Schedule, Age, {TEMPLATE}",
    "services": "Name/name, Type, Cluster-IP, External-IP, Port(s), Age, Selector*",
    "ingresses.networking.k8s.io": "Name/name, Class, Hosts, Address, Ports, Age",
    "ingressclasses.networking.k8s.io": "Name/name, Controller, Parameters, Age",
    "statefulsets.apps": "Name/name, Ready, Age, Containers*, Images*",
    "endpoints": "Name/name, Endpoints, Age",
    "nodes": "Name/name, Status, Roles, Age, Version, Internal-IP*, External-IP*, OS-Image*, Kernel-Version*, Container-Runtime*",
    "events": EVENT,
    "events.events.k8s.io": EVENT,
    "namespaces": "Name/name, Status, Age",
    "secrets": "Name/name, Type, Data, Age",
    "serviceaccounts": "Name/name, Age",
    "persistentvolumes": "Name/name, Capacity, Access Modes, Reclaim Policy, Status, Claim, StorageClass, VolumeAttributesClass, Reason, "
    "Age, VolumeMode*",
    "persistentvolumeclaims": "Name/name, Status, Volume, Capacity, Access Modes, StorageClass, VolumeAttributesClass, Age, VolumeMode*",
    "componentstatuses": "Name/name, Status, Message, Error",
    "deployments.apps": f"Name/name, Ready, Up-to-date, Available, Age, {TEMPLATE}",
    "horizontalpodautoscalers.autoscaling": "Name/name, Reference, Targets, MinPods, MaxPods, Replicas, Age",
    "configmaps": "Name/name, Data, Age",
    "networkpolicies.networking.k8s.io": "Name/name, Pod-Selector, Age",
    "rolebindings.rbac.authorization.k8s.io": "Name/name, Role, Age, Users*, Groups*, ServiceAccounts*",
    "clusterrolebindings.rbac.authorization.k8s.io": "Name/name, Role, Age, Users*, Groups*, ServiceAccounts*",
    "certificatesigningrequests.certificates.k8s.io": "Name/name, Age, SignerName, Requestor, RequestedDuration, Condition",
    "leases.coordination.k8s.io": "Name/name, Holder, Age",
    "storageclasses.storage.k8s.io": "Name/name, Provisioner, ReclaimPolicy, VolumeBindingMode, AllowVolumeExpansion, Age",
    "volumeattributesclasses.storage.k8s.io": "Name/name, DriverName, Age",
    "controllerrevisions.apps": "Name/name, Controller, Revision, Age",
    "resourcequotas": "Name/name, Request, Limit, Age",
    "priorityclasses.scheduling.k8s.io": "Name/name, Value:integer, Global-Default:boolean, Age, PreemptionPolicy",
    "runtimeclasses.node.k8s.io": "Name/name, Handler, Age",
    "volumeattachments.storage.k8s.io": "Name/name, Attacher/name, PV, Node, Attached:boolean, Age",
    "endpointslices.discovery.k8s.io": "Name/name, AddressType, Ports, Endpoints, Age",
    "csinodes.storage.k8s.io": "Name/name, Drivers:integer, Age",
    "csidrivers.storage.k8s.io": "Name/name, AttachRequired:boolean, PodInfoOnMount:boolean, StorageCapacity:boolean, TokenRequests, "
    "RequiresRepublish:boolean, Modes, Age",
    "csistoragecapacities.storage.k8s.io": "Name/name, StorageClassName, Capacity",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": "Name/name, Webhooks:integer, Age",
    "validatingwebhookconfigurations.admissionregistration.k8s.io": "Name/name, Webhooks:integer, Age",
    "validatingadmissionpolicies.admissionregistration.k8s.io": "Name/name, Validations:integer, ParamKind, Age",
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": "Name/name, PolicyName, ParamRef, Age",
    "mutatingadmissionpolicies.admissionregistration.k8s.io": "Name/name, Mutations:integer, ParamKind, Age",
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io": "Name/name, PolicyName, ParamRef, Age",
    "flowschemas.flowcontrol.apiserver.k8s.io": "Name/name, PriorityLevel, MatchingPrecedence, DistinguisherMethod, Age, MissingPL",
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": "Name/name, Type, NominalConcurrencyShares, Queues, HandSize, "
    "QueueLengthLimit, Age",
    "deviceclasses.resource.k8s.io": "Name/name, Age",
    "resourceclaims.resource.k8s.io": "Name/name, State, Age",
    "resourceclaimtemplates.resource.k8s.io": "Name/name, Age",
    "resourceslices.resource.k8s.io": "Name/name, Node, Driver, Pool, Age",
    "servicecidrs.networking.k8s.io": "Name/name, CIDRs, Age",
    "ipaddresses.networking.k8s.io": "Name/name, ParentRef",
    "apiservices.apiregistration.k8s.io": "Name/name, Service, Available, Age",
    **dict.fromkeys(
        (
            "limitranges", "roles.rbac.authorization.k8s.io", "clusterroles.rbac.authorization.k8s.io",
            "customresourcedefinitions.apiextensions.k8s.io",
        ),
        DEFAULT,
    ),
}


def written(column: dict[str, Any]) -> str:
    name: str = column["name"]
    kind = "" if column["type"] == "string" else f":{column['type']}"
    form = f"/{column['format']}" if column["format"] else ""
    return name + kind + form + "*" * int(column["priority"])


@pytest.mark.parametrize("name", sorted({resource.group_resource for resource in RESOURCES if "list" in resource.verbs}))
def test_columns(name: str) -> None:
    assert ", ".join(map(written, columns(BY_NAME[name]))) == COLUMNS[name]


def balancer(*ingress: dict[str, str]) -> dict[str, Any]:
    return {"loadBalancer": {"ingress": list(ingress)}}


def slices(*ports: dict[str, Any]) -> dict[str, Any]:
    return {"addressType": "IPv4", "endpoints": [], "ports": list(ports)}


def binding(reference: dict[str, Any] | None) -> dict[str, Any]:
    return {"spec": {"policyName": "p"} | ({} if reference is None else {"paramRef": reference})}


BINDING = "validatingadmissionpolicybindings.admissionregistration.k8s.io"
SELECTOR = {"matchLabels": {"b": "1", "a": "2"}, "matchExpressions": [{"key": "k", "operator": "In", "values": ["v", "w"]}]}


@pytest.mark.parametrize(
    ("name", "column", "document", "cell"),
    [
        # Workloads
        ("deployments.apps", "Selector", {"spec": {"selector": {}}}, ""),
        ("deployments.apps", "Selector", {"spec": {"selector": {"matchLabels": {"b": "1", "a": "2"}}}}, "a=2,b=1"),
        ("replicasets.apps", "Selector", {"spec": {"selector": {}}}, "<none>"),
        ("daemonsets.apps", "Node Selector", {"spec": {"template": {"spec": {"nodeSelector": {"b": "1", "a": "2"}}}}}, "a=2,b=1"),
        ("jobs.batch", "Status", {"status": {"conditions": [{"type": "SuccessCriteriaMet", "status": "True"}]}}, "SuccessCriteriaMet"),
        ("jobs.batch", "Status", {"status": {"conditions": [{"type": "SuccessCriteriaMet", "status": "False"}]}}, "Running"),
        ("jobs.batch", "Status", {"status": {"conditions": [{"type": "FailureTarget", "status": "True"}]}}, "FailureTarget"),
        ("controllerrevisions.apps", "Controller", {"metadata": {"name": "x", "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d", "uid": "1", "controller": True}]}}, "daemonset.apps/d"),
        ("controllerrevisions.apps", "Controller", {}, "<none>"),
        ("jobs.batch", "Status", {"metadata": {"name": "x", "deletionTimestamp": CREATED}}, "Terminating"),
        ("jobs.batch", "Duration", {}, ""),
        ("cronjobs.batch", "Timezone", {"spec": {"timeZone": ""}}, ""),
        ("cronjobs.batch", "Timezone", {"spec": {}}, "<none>"),
        ("cronjobs.batch", "Suspend", {"spec": {"suspend": False}}, "False"),
        ("cronjobs.batch", "Suspend", {"spec": {}}, "<unset>"),
        ("cronjobs.batch", "Last Schedule", {"spec": {}}, "<none>"),
        ("poddisruptionbudgets.policy", "Min Available", {"spec": {"minAvailable": "50%"}}, "50%"),
        ("poddisruptionbudgets.policy", "Max Unavailable", {"spec": {"minAvailable": "50%"}}, "N/A"),
        ("priorityclasses.scheduling.k8s.io", "PreemptionPolicy", {"value": 3}, ""),
        # Networks
        ("services", "External-IP", {"spec": {"type": "Odd"}}, "<unknown>"),
        (
            "services", "External-IP",
            {"spec": {"type": "LoadBalancer", "externalIPs": ["192.0.2.1"]}, "status": balancer({"hostname": "z"}, {"ip": "10.0.0.1"}, {})},
            "10.0.0.1,z,192.0.2.1",
        ),
        ("endpoints", "Endpoints", {"subsets": [{}]}, ""),
        ("endpoints", "Endpoints", {"subsets": [{"addresses": [{"ip": "fd00::1"}], "ports": [{"port": 80}]}]}, "[fd00::1]:80"),
        ("endpointslices.discovery.k8s.io", "Ports", slices({"name": "http"}, {"port": 80}, {}), "http,80,*"),
        ("ingresses.networking.k8s.io", "Class", {"spec": {"ingressClassName": ""}}, ""),
        ("ingresses.networking.k8s.io", "Class", {"spec": {}}, "<none>"),
        ("ingresses.networking.k8s.io", "Hosts", {"spec": {"rules": [{}]}}, "*"),
        ("ingresses.networking.k8s.io", "Hosts", {"spec": {"rules": [{"host": h} for h in "abcde"]}}, "a,b,c + 2 more..."),
        ("ingresses.networking.k8s.io", "Hosts", {"spec": {"rules": [{}, {"host": "a"}, {"host": "b"}, {"host": "c"}]}}, "a,b,c"),
        ("ingresses.networking.k8s.io", "Address", {"status": balancer({"ip": "10.0.0.2"}, {"ip": "10.0.0.1"}, {"ip": "10.0.0.2"})},
         "10.0.0.1,10.0.0.2"),
        ("ingresses.networking.k8s.io", "Ports", {"spec": {"tls": [{}]}}, "80, 443"),
        ("ingressclasses.networking.k8s.io", "Parameters", {"spec": {"parameters": {"kind": "K", "name": "n", "apiGroup": "g"}}}, "K.g/n"),
        ("ingressclasses.networking.k8s.io", "Parameters", {"spec": {"parameters": {"kind": "K", "name": "n"}}}, "K/n"),
        ("ipaddresses.networking.k8s.io", "ParentRef",
         {"spec": {"parentRef": {"resource": "services", "namespace": "ns", "name": "s"}}}, "services/ns/s"),
        ("ipaddresses.networking.k8s.io", "ParentRef",
         {"spec": {"parentRef": {"resource": "Gs", "group": "X.io", "name": "s"}}}, "gs.x.io/s"),
        ("servicecidrs.networking.k8s.io", "CIDRs", {"spec": {"cidrs": ["10.0.0.0/8", "fd00::/64"]}}, "10.0.0.0/8,fd00::/64"),
        # Storage
        ("persistentvolumes", "Capacity", {"spec": {}}, "0"),
        ("persistentvolumes", "StorageClass",
         {"metadata": {"annotations": {"volume.beta.kubernetes.io/storage-class": "old"}}, "spec": {"storageClassName": "new"}}, "old"),
        ("persistentvolumeclaims", "Capacity", {"spec": {"volumeName": "v"}}, "0"),
        ("persistentvolumeclaims", "Capacity", {"spec": {}, "status": {"capacity": {"storage": "1Gi"}}}, ""),
        ("persistentvolumeclaims", "Status", {"metadata": {"name": "x", "deletionTimestamp": CREATED}}, "Terminating"),
        ("volumeattributesclasses.storage.k8s.io", "Name",
         {"metadata": {"name": "x", "annotations": {"volumeattributesclass.alpha.kubernetes.io/is-default-class": "true"}}}, "x"),
        ("csidrivers.storage.k8s.io", "TokenRequests", {"spec": {}}, "<unset>"),
        ("csidrivers.storage.k8s.io", "TokenRequests", {"spec": {"tokenRequests": [{"audience": ""}]}}, ""),
        ("csidrivers.storage.k8s.io", "TokenRequests", {"spec": {"tokenRequests": [{"audience": "a"}, {"audience": "b"}]}}, "a,b"),
        # Policies
        (BINDING, "ParamRef", binding(None), "<unset>"),
        (BINDING, "ParamRef", binding({"name": "n"}), "*/n"),
        (BINDING, "ParamRef", binding({"name": "n", "namespace": "ns"}), "ns/n"),
        (BINDING, "ParamRef", binding({"selector": SELECTOR}),
         "&LabelSelector{MatchLabels:map[string]string{a: 2,b: 1,},MatchExpressions:[]LabelSelectorRequirement{"
         "LabelSelectorRequirement{Key:k,Operator:In,Values:[v w],},},}"),
        ("prioritylevelconfigurations.flowcontrol.apiserver.k8s.io", "NominalConcurrencyShares",
         {"spec": {"type": "Exempt", "exempt": {"nominalConcurrencyShares": 3}}}, "<none>"),
        ("prioritylevelconfigurations.flowcontrol.apiserver.k8s.io", "NominalConcurrencyShares",
         {"spec": {"type": "Limited", "limited": {"nominalConcurrencyShares": 3}}}, 3),
        ("flowschemas.flowcontrol.apiserver.k8s.io", "MissingPL", {"spec": {}}, "?"),
        ("certificatesigningrequests.certificates.k8s.io", "SignerName", {"spec": {"signerName": ""}}, "<none>"),
        ("certificatesigningrequests.certificates.k8s.io", "RequestedDuration", {"spec": {"expirationSeconds": 3600}}, "60m"),
        ("certificatesigningrequests.certificates.k8s.io", "Condition",
         {"spec": {}, "status": {"conditions": [{"type": "Denied"}, {"type": "Failed"}]}}, "Denied,Failed"),
        ("horizontalpodautoscalers.autoscaling", "Targets", {"spec": {"metrics": [{"type": "Odd"}]}}, "<unknown type>"),
        ("horizontalpodautoscalers.autoscaling", "MinPods", {"spec": {}}, "<unset>"),
        ("resourcequotas", "Request", {"spec": {"hard": {"pods": "3"}}}, ""),
        ("resourcequotas", "Request", {"status": {"hard": {"pods": "3", "cpu": "1"}, "used": {"pods": "2"}}}, "cpu: 0/1, pods: 2/3"),
        ("resourcequotas", "Limit", {"status": {"hard": {"limits.cpu": "3"}, "used": {"limits.cpu": "1"}}}, "limits.cpu: 1/3"),
        ("resourceclaims.resource.k8s.io", "State", {"metadata": {"name": "x", "deletionTimestamp": CREATED}}, "deleted"),
        ("resourceclaims.resource.k8s.io", "State", {"status": {"allocation": {}, "reservedFor": [{"name": "p"}]}}, "allocated,reserved"),
        ("resourceslices.resource.k8s.io", "Node", {"spec": {"driver": "d"}}, ""),
        ("apiservices.apiregistration.k8s.io", "Available",
         {"status": {"conditions": [{"type": "Available", "status": "False", "reason": "Gone"}]}}, "False (Gone)"),
        ("apiservices.apiregistration.k8s.io", "Available",
         {"status": {"conditions": [{"type": "Available", "status": "False"}]}}, "False"),
        ("apiservices.apiregistration.k8s.io", "Available", {}, "Unknown"),
        ("limitranges", "Created At", {"metadata": {"name": "x", "creationTimestamp": CREATED}}, CREATED),
        # Events
        ("events", "First Seen", {"eventTime": "2026-01-01T11:00:00.000000Z"}, "60m"),
        ("events", "Last Seen", {"eventTime": "2026-01-01T11:00:00.000000Z"}, "60m"),
        ("events", "Last Seen", {"series": {"count": 7, "lastObservedTime": "2026-01-01T11:59:00.000000Z"}}, "60s"),
        ("events", "Count", {"series": {"count": 7, "lastObservedTime": "2026-01-01T11:59:00.000000Z"}}, 7),
        ("events", "Count", {}, 1),
        ("events", "Source", {"reportingComponent": "c", "reportingInstance": "i"}, "c, i"),
        ("events", "Object", {"involvedObject": {"kind": "Node"}}, "node"),
        ("events.events.k8s.io", "Source", {"deprecatedSource": {"component": "c", "host": "h"}, "reportingController": "r"}, "c, h"),
    ],
)
def test_cells(name: str, column: str, document: dict[str, Any], cell: Any) -> None:
    resource = BY_NAME[name]
    obj = scheme.from_document(scheme.type_of(*resource.gvk), {"metadata": {"name": "x"}, **document})
    names = [definition["name"] for definition in columns(resource)]
    assert cells(resource, obj, NOW)[names.index(column)] == cell


def test_autoscalers_look_the_same_in_both_versions() -> None:
    hpa = autoscaling_v2.HorizontalPodAutoscaler(metadata=meta_v1.ObjectMeta(name="h"))
    hpa.spec = scheme.from_document(autoscaling_v2.HorizontalPodAutoscalerSpec, {
        "scaleTargetRef": {"kind": "Deployment", "name": "d"}, "maxReplicas": 9,
        "metrics": [
            {"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "1k"}}},
            {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}},
        ],
    })
    resource = BY_NAME["horizontalpodautoscalers.autoscaling"]
    assert cells(resource, hpa_v2_to_v1(hpa), NOW) == cells(resource, hpa, NOW)


AVERAGE, WHOLE = {"type": "AverageValue", "averageValue": "1k"}, {"type": "Value", "value": "5"}


@pytest.mark.parametrize(
    ("kind", "target", "current", "cell"),
    [
        ("external", AVERAGE, None, "<unknown>/1k (avg)"), ("external", AVERAGE, {}, "<unknown>/1k (avg)"),
        ("external", AVERAGE, {"averageValue": "7"}, "7/1k (avg)"), ("external", WHOLE, None, "<unknown>/5"),
        ("external", WHOLE, {}, "<nil>/5"), ("external", WHOLE, {"value": "3"}, "3/5"),
        ("object", AVERAGE, {"averageValue": "7"}, "7/1k (avg)"),
        ("object", WHOLE, {"averageValue": "7"}, "<nil>/5"), ("pods", AVERAGE, None, "<unknown>/1k"), ("pods", AVERAGE, {}, "<nil>/1k"),
        ("resource", AVERAGE, {}, "cpu: <nil>/1k"), ("resource", AVERAGE, {"averageValue": "7"}, "cpu: 7/1k"),
        ("containerResource", {"type": "Utilization", "averageUtilization": 8}, {"averageUtilization": 7}, "cpu: 7%/8%"),
        ("containerResource", {"type": "Utilization"}, {}, "cpu: <unknown>/<auto>"),
    ],
)
def test_targets_of_autoscalers(kind: str, target: dict[str, Any], current: dict[str, Any] | None, cell: str) -> None:
    name, type_ = ({"name": "cpu"} if "esource" in kind else {}), kind[0].upper() + kind[1:]
    metric = {"type": type_, kind: {**name, "target": target}}
    seen = [] if current is None else [{"type": type_, kind: {**name, "current": current}}]
    hpa = scheme.from_document(autoscaling_v2.HorizontalPodAutoscaler, {
        "metadata": {"name": "h"}, "spec": {"metrics": [metric]}, "status": {"currentMetrics": seen}})
    assert cells(BY_NAME["horizontalpodautoscalers.autoscaling"], hpa, NOW)[2] == cell


def test_flow_schemas_stand_in_the_order_in_which_they_match() -> None:
    flows = [
        flowcontrol_v1.FlowSchema(
            metadata=meta_v1.ObjectMeta(name=name), spec=flowcontrol_v1.FlowSchemaSpec(matching_precedence=precedence)
        )
        for name, precedence in (("a", 900), ("c", 100), ("b", 100))
    ]
    body = msgspec.json.decode(table(BY_NAME["flowschemas.flowcontrol.apiserver.k8s.io"], flows, {}, now=NOW))
    assert [row["cells"][0] for row in body["rows"]] == ["b", "c", "a"]


def test_later_events_of_a_watch_have_no_columns() -> None:
    obj = scheme.type_of(*BY_NAME["configmaps"].gvk)()
    obj.metadata = meta_v1.ObjectMeta(name="x")  # type: ignore[attr-defined]
    body = table(BY_NAME["configmaps"], [obj], {"resourceVersion": "7"}, include_object="None", now=NOW, with_columns=False)
    assert body == (
        b'{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"7"},"columnDefinitions":null,'
        b'"rows":[{"cells":["x",0,"<unknown>"],"object":null}]}\n'
    )
