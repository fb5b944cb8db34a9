"""Tables: their form, ages, and the cells of the kinds that are more than a field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from minikube_py.apis import core_v1, meta_v1, scheme
from minikube_py.apis.apiextensions_v1 import CustomResourceColumnDefinition
from minikube_py.apis.resources import RESOURCES, ResourceType
from minikube_py.apis.scheme import encode
from minikube_py.apiserver.printers import KINDS, cells, columns, custom_printer, table
from minikube_py.apiserver.printers.form import duration

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
BY_NAME = {resource.group_resource: resource for resource in reversed(RESOURCES)}
CREATED = "2026-01-01T11:59:00Z"


def row(name: str, document: dict[str, Any]) -> list[Any]:
    resource = BY_NAME[name]
    document = {"metadata": {"name": "x", "creationTimestamp": CREATED}, **document}
    return cells(resource, scheme.from_document(scheme.type_of(*resource.gvk), document), NOW)


@pytest.mark.parametrize(
    ("delta", "text"),
    [
        ({"seconds": 0}, "0s"),
        ({"seconds": 119}, "119s"),
        ({"seconds": 120}, "2m"),
        ({"seconds": 150}, "2m30s"),
        ({"minutes": 10}, "10m"),
        ({"minutes": 179}, "179m"),
        ({"hours": 3}, "3h"),
        ({"hours": 3, "minutes": 5}, "3h5m"),
        ({"hours": 47}, "47h"),
        ({"hours": 49}, "2d1h"),
        ({"days": 8}, "8d"),
        ({"days": 729}, "729d"),
        ({"days": 800}, "2y70d"),
        ({"days": 365 * 8}, "8y"),
        ({"seconds": -5}, "<invalid>"),
    ],
)
def test_ages_have_two_units_at_most(delta: dict[str, int], text: str) -> None:
    assert duration(timedelta(**delta).total_seconds()) == text


@pytest.mark.parametrize("resource", [r for r in RESOURCES if "list" in r.verbs], ids=lambda r: r.group_resource)
def test_an_empty_object_of_every_kind_has_a_cell_for_every_column(resource: ResourceType) -> None:
    obj = scheme.type_of(*resource.gvk)()
    obj.metadata = meta_v1.ObjectMeta(name="x", creation_timestamp=CREATED)  # type: ignore[attr-defined]
    # The age of an IPAddress has no column, upstream neither.
    assert len(cells(resource, obj, NOW)) == len(columns(resource)) + (resource.kind == "IPAddress")


def test_every_printer_belongs_to_a_resource() -> None:
    assert set(KINDS) <= set(BY_NAME)


@pytest.mark.parametrize(
    ("include", "expected"),
    [
        (
            "Metadata",
            {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "n", "creationTimestamp": CREATED}},
        ),
        (
            "Object",
            {"kind": "Namespace", "metadata": {"name": "n", "creationTimestamp": CREATED}, "spec": {}, "status": {"phase": "Active"}},
        ),
        ("None", None),
    ],
)
def test_rows_carry_what_was_asked_for(include: str, expected: Any) -> None:
    namespace = core_v1.Namespace(
        kind="Namespace", metadata=meta_v1.ObjectMeta(name="n", creation_timestamp=CREATED), status=core_v1.NamespaceStatus(phase="Active")
    )
    body = msgspec.json.decode(table(BY_NAME["namespaces"], [namespace], {"resourceVersion": "7"}, include_object=include, now=NOW))
    assert (body["kind"], body["apiVersion"], body["metadata"]) == ("Table", "meta.k8s.io/v1", {"resourceVersion": "7"})
    assert [c["name"] for c in body["columnDefinitions"]] == ["Name", "Status", "Age"]
    assert body["rows"][0]["cells"] == ["n", "Active", "60s"]
    assert body["rows"][0].get("object") == expected


def test_services() -> None:
    assert row(
        "services",
        {
            "spec": {
                "type": "NodePort",
                "clusterIP": "10.43.0.2",
                "clusterIPs": ["10.43.0.2"],
                "selector": {"b": "1", "a": "2"},
                "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}],
            }
        },
    ) == ["x", "NodePort", "10.43.0.2", "<none>", "80:30080/TCP,53/UDP", "60s", "a=2,b=1"]
    assert row("services", {"spec": {"type": "LoadBalancer"}})[3] == "<pending>"
    assert (
        row("services", {"spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}})[3]
        == "192.0.2.1"
    )
    assert row("services", {"spec": {"type": "ExternalName", "externalName": "a.b"}})[2:5] == ["<none>", "a.b", "<none>"]


def test_nodes() -> None:
    labels = {"node-role.kubernetes.io/control-plane": "", "node-role.kubernetes.io/worker": ""}
    node = {
        "metadata": {"name": "n", "creationTimestamp": CREATED, "labels": labels},
        "spec": {"unschedulable": True},
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "nodeInfo": {"kubeletVersion": "v1.36.0"},
            "addresses": [{"type": "InternalIP", "address": "192.0.2.9"}],
        },
    }
    assert row("nodes", node)[:7] == ["n", "Ready,SchedulingDisabled", "control-plane,worker", "60s", "v1.36.0", "192.0.2.9", "<none>"]
    assert row("nodes", {})[1:3] == ["Unknown", "<none>"]
    assert row("nodes", {"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}})[1] == "NotReady"


def test_jobs() -> None:
    start, end = "2026-01-01T11:00:00Z", "2026-01-01T11:00:09Z"
    done = {
        "spec": {"completions": 2},
        "status": {"succeeded": 2, "startTime": start, "completionTime": end, "conditions": [{"type": "Complete", "status": "True"}]},
    }
    assert row("jobs.batch", done)[1:4] == ["Complete", "2/2", "9s"]
    assert row("jobs.batch", {"spec": {"parallelism": 3}, "status": {"startTime": start}})[1:4] == ["Running", "0/1 of 3", "60m"]
    assert row("jobs.batch", {"status": {"conditions": [{"type": "Suspended", "status": "True"}]}})[1] == "Suspended"


def test_endpoints_are_shown_up_to_three() -> None:
    addresses = [{"ip": f"10.0.0.{i}"} for i in range(5)]
    assert (
        row("endpoints", {"subsets": [{"addresses": addresses, "ports": [{"port": 80}]}]})[1]
        == "10.0.0.0:80,10.0.0.1:80,10.0.0.2:80 + 2 more..."
    )
    assert row("endpoints", {})[1] == "<none>"
    assert row("endpointslices.discovery.k8s.io", {})[2:4] == ["<unset>", "<unset>"]


def test_events_tell_when_and_about_what() -> None:
    event = {
        "involvedObject": {"kind": "Pod", "name": "p"},
        "type": "Warning",
        "reason": "Failed",
        "message": " text\n",
        "count": 3,
        "firstTimestamp": "2026-01-01T11:00:00Z",
        "lastTimestamp": CREATED,
        "source": {"component": "kubelet", "host": "n"},
    }
    assert row("events", event) == ["60s", "Warning", "Failed", "pod/p", "", "kubelet, n", "text", "60m", 3, "x"]


def test_autoscalers_compare_what_is_with_what_should_be() -> None:
    hpa = {
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "d"},
            "minReplicas": 1,
            "maxReplicas": 9,
            "metrics": [
                {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}},
                {"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "1k"}}},
                {"type": "Object", "object": {"target": {"type": "Value", "value": "5"}}},
            ],
        },
        "status": {
            "currentReplicas": 2,
            "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 7}}}],
        },
    }
    assert row("horizontalpodautoscalers.autoscaling", hpa)[1:6] == ["Deployment/d", "cpu: 7%/80%, <unknown>/1k + 1 more...", "1", 9, 2]


def test_storage() -> None:
    claim = {
        "spec": {"volumeName": "v", "storageClassName": "fast", "volumeMode": "Filesystem"},
        "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany", "ReadWriteOnce"]},
    }
    assert row("persistentvolumeclaims", claim)[1:7] == ["Bound", "v", "1Gi", "RWO,RWX", "fast", "<unset>"]
    default = {"metadata": {"name": "c", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}, "provisioner": "p"}
    assert row("storageclasses.storage.k8s.io", default)[:2] == ["c (default)", "p"]


def test_certificate_requests() -> None:
    request = {"status": {"conditions": [{"type": "Approved", "status": "True"}], "certificate": "eA=="}}
    assert row("certificatesigningrequests.certificates.k8s.io", request)[-1] == "Approved,Issued"
    assert row("certificatesigningrequests.certificates.k8s.io", {})[-1] == "Pending"


def test_custom_resources_show_the_columns_of_their_definition() -> None:
    printer = custom_printer(
        [
            CustomResourceColumnDefinition(name="Size", type="integer", json_path=".spec.size"),
            CustomResourceColumnDefinition(name="Ready", type="string", json_path='.status.conditions[?(@.type=="Ready")].status'),
            CustomResourceColumnDefinition(name="Since", type="date", json_path=".metadata.creationTimestamp", priority=1),
        ]
    )
    document = {
        "metadata": {"name": "w", "creationTimestamp": CREATED},
        "spec": {"size": 3},
        "status": {"conditions": [{"type": "Synced", "status": "False"}, {"type": "Ready", "status": "True"}]},
    }
    assert [c.name for c in printer.columns] == ["Name", "Size", "Ready", "Since"]
    assert printer.cells(document, NOW) == ["w", 3, "True", "60s"]
    assert printer.cells({"metadata": {"name": "w"}}, NOW) == ["w", None, None, None]
    assert [(c.name, c.type) for c in custom_printer([]).columns] == [("Name", "string"), ("Age", "date")]
    assert custom_printer([]).cells(document, NOW) == ["w", "60s"]


DOCUMENT = {
    "metadata": {"name": "w", "creationTimestamp": CREATED},
    "spec": {"n": 3, "f": 2.5, "whole": 2.0, "t": True, "s": "text", "null": None, "list": ["x", "y"], "map": {"b": 1, "a": "<"},
             "large": 1.2345678901234567e20, "numbers": [1.5e30, 1.5e-7, 1.5e-6, 2.0, 1.2345678901234567e20], "empty": "", "unset": "null",
             "zone": "2026-01-01T13:59:00.5+02:00", "old": "0123-01-01T00:00:00Z", "zero": "0001-01-01T00:00:00Z",
             "spaced": "2026-01-01 11:59:00Z", "k.y": "dotted", "items": [{"n": "one", "v": 1}, {"n": "two", "v": 2}]},
}


@pytest.mark.parametrize(
    ("path", "kind", "cell"),
    [
        (".spec.s", "string", "text"), (".spec.n", "string", "3"), (".spec.whole", "string", "2"), (".spec.t", "string", "true"),
        (".spec.null", "string", "<no value>"), (".spec.list", "string", '["x","y"]'), (".spec.list[*]", "string", "x"),
        (".spec.list[-1]", "string", "y"), (".spec.list[5]", "string", None), (".spec.map", "string", '{"a":"\\u003c","b":1}'),
        (".spec.k\\.y", "string", "dotted"), (".spec['k.y']", "string", "dotted"), (".spec.items[?(@.n=='two')].v", "integer", 2),
        (".spec.missing.deep", "string", None), (".spec.n", "integer", 3), (".spec.f", "integer", 2), (".spec.s", "integer", None),
        (".spec.t", "integer", None), (".spec.n", "number", 3.0), (".spec.f", "number", 2.5), (".spec.t", "boolean", True),
        (".spec.n", "boolean", None), (".metadata.creationTimestamp", "date", "60s"), (".spec.s", "date", "<invalid>"),
        (".spec.large", "string", "123456789012345670000"), (".spec.empty", "string", ""), (".spec.empty", "date", "<unknown>"),
        (".spec.numbers", "string", "[1.5e+30,1.5e-7,0.0000015,2,123456789012345670000]"),
        (".spec.unset", "date", "<unknown>"), (".spec.zero", "date", "<unknown>"), (".spec.zone", "date", "60s"),
        (".spec.old", "date", "292y"), (".spec.spaced", "date", "<invalid>"), (".spec.n", "date", None), (".spec.s", "odd", None),
    ],
)
def test_cells_of_custom_resources(path: str, kind: str, cell: Any) -> None:
    printer = custom_printer([CustomResourceColumnDefinition(name="C", type=kind, json_path=path)])
    assert printer.cells(DOCUMENT, NOW)[1] == cell
    assert printer.columns[1].description == f"Custom resource definition column (in JSONPath format): {path}"


def test_numbers_of_custom_resources_are_written_as_go_writes_them() -> None:
    columns = [CustomResourceColumnDefinition(name=name, type="number", json_path=f".spec.{name}") for name in ("n", "whole", "f", "large")]
    assert encode(custom_printer(columns).cells(DOCUMENT, NOW)) == b'["w",3,2,2.5,123456789012345670000]'


def test_a_path_that_does_not_read_ends_the_table() -> None:
    paths = {"A": ".spec.n", "B": ".spec[", "C": ".spec.s"}
    printer = custom_printer([CustomResourceColumnDefinition(name=name, type="string", json_path=path) for name, path in paths.items()])
    assert [column.name for column in printer.columns] == ["Name", "A"]
    assert printer.cells(DOCUMENT, NOW) == ["w", "3"]
