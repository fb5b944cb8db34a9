"""What the columns of tables are said to mean."""

from __future__ import annotations

import msgspec

from minikube_py.apiserver.column_sources import SCALE_SOURCES, SOURCES, fields
from minikube_py.apiserver.column_texts import TEXTS
from minikube_py.apiserver.printers import KINDS, SCALE
from minikube_py.apiserver.printers.descriptions import definitions, describe
from minikube_py.apiserver.printers.form import AGE, NAME, Column
from tools.build_openapi import descriptions, load_definitions


def test_each_source_is_of_a_column_and_described_by_the_definitions() -> None:
    for resource, sources in SOURCES.items():
        assert sources.keys() <= {column.name for column in KINDS[resource].columns}, resource
    assert SCALE_SOURCES.keys() <= {column.name for column in SCALE.columns}
    described = descriptions(load_definitions())
    assert described.keys() == fields() and all(described.values())
    assert described["core.v1.PodStatus.podIP"].startswith("podIP address allocated to the pod.")


def test_every_column_is_described_but_one() -> None:
    """Upstream looks for the handler of a RuntimeClass in its metadata, where there is none."""
    described = descriptions(load_definitions())
    silent = [
        (resource, column.name) for resource, printer in KINDS.items()
        for column in describe(printer.columns, resource, described) if not column.description
    ]
    assert silent == [("runtimeclasses.node.k8s.io", "Handler")]
    assert all(column.description for column in describe(SCALE.columns, "", described))


def test_each_text_is_of_a_column_and_not_a_fields() -> None:
    for resource, texts in TEXTS.items():
        assert texts.keys() <= {column.name for column in KINDS[resource].columns}, resource
        assert not texts.keys() & SOURCES.get(resource, {}).keys(), resource


def test_columns_show_the_text_of_their_field_or_their_own() -> None:
    texts = {"core.v1.PodSpec.nodeName": "where", "autoscaling.v1.ScaleSpec.replicas": "how many"}
    texts |= {f"apimachinery.pkg.apis.meta.v1.ObjectMeta.{field}": field for field in ("name", "creationTimestamp")}
    columns = (NAME, Column("Node"), Column("Desired"), Column("Own", description="mine"), AGE)
    assert [column.description for column in describe(columns, "pods", texts)] == ["name", "where", "", "mine", "creationTimestamp"]
    assert [column.description for column in describe(columns, "", texts)] == ["name", "", "how many", "mine", "creationTimestamp"]
    (ready,) = describe([Column("Ready")], "namespaces", {"core.v1.PodSpec.nodeName": "where"})
    assert ready.description == ""
    (ready,) = describe([Column("Ready")], "pods", {})
    assert ready.description == "The aggregate readiness state of this pod for accepting traffic."
    assert [column.description for column in describe(columns, "widgets.example.com", {})] == ["", "", "", "mine", ""]


def test_definitions_have_upstreams_members() -> None:
    (name, *_) = msgspec.json.decode(definitions(KINDS["pods"].columns, "pods"))
    assert list(name) == ["name", "type", "format", "description", "priority"]
