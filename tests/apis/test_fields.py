"""Field selectors."""

from __future__ import annotations

import pytest

from minikube_py.apis import apps_v1, batch_v1, core_v1, events_v1, fields, meta_v1, resource_v1
from minikube_py.apis.object import Object
from minikube_py.apis.resources import RESOURCES, ResourceType
from minikube_py.apis.scheme import type_of
from minikube_py.core.errors import BadRequestError


def pod() -> core_v1.Pod:
    return core_v1.Pod(
        metadata=meta_v1.ObjectMeta(name="p", namespace="d"),
        spec=core_v1.PodSpec(node_name="n1", restart_policy="Always"),
        status=core_v1.PodStatus(phase="Running", pod_ip="10.0.0.1"),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("spec.nodeName=n1", True),
        ("spec.nodeName==n1", True),
        ("spec.nodeName!=n1", False),
        ("metadata.name=p,status.phase=Running", True),
        ("metadata.name=p,status.phase!=Running", False),
        ("spec.nodeName=", False),
        ("spec.hostNetwork=false", True),
        ("status.podIP=10.0.0.1", True),
        ("status.podIPs=10.0.0.1", False),
    ],
)
def test_a_pod_is_selected_by_its_fields(text: str, expected: bool) -> None:
    assert fields.parse_field_selector(text).matches(pod()) is expected


def test_values_may_hold_escaped_signs() -> None:
    selector = fields.parse_field_selector(r"metadata.name=a\,b\=c")
    assert [(r.field, r.operator, r.value) for r in selector.requirements] == [("metadata.name", "=", "a,b=c")]
    assert fields.parse_field_selector(str(selector)) == selector


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("spec", "invalid selector: 'spec'; can't understand 'spec'"),
        ("a=b=c", "invalid field selector: unescaped character in value: b=c"),
        (r"a=\b", r"invalid field selector: invalid escape sequence: \b"),
    ],
)
def test_a_selector_that_does_not_read_is_a_bad_request(text: str, message: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        fields.parse_field_selector(text)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("struct", "message"),
    [
        (core_v1.Pod, "field label not supported: x"),
        (batch_v1.Job, 'field label "x" not supported for Job'),
        (batch_v1.CronJob, '"x" is not a known field selector: only "metadata.name", "metadata.namespace"'),
        (resource_v1.ResourceSlice, "field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: x"),
        (apps_v1.Deployment, '"x" is not a known field selector: only "metadata.name", "metadata.namespace"'),
    ],
)
def test_a_field_that_the_kind_does_not_offer_is_a_bad_request(struct: type, message: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        fields.check(fields.parse_field_selector("x=y"), struct)
    assert caught.value.message == message


_META = "metadata.name metadata.namespace"
_REFERENCE = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
# What kinds can be selected by that can be by more, or less, than name and namespace.
SELECTABLE = {
    "Pod": f"{_META} spec.host spec.hostNetwork spec.nodeName spec.restartPolicy spec.schedulerName spec.serviceAccountName "
           "status.nominatedNodeName status.phase status.podIP status.podIPs",
    "Node": "metadata.name spec.unschedulable",
    "Namespace": "metadata.name status.phase",
    "ReplicationController": f"{_META} status.replicas",
    "Secret": f"{_META} type",
    "Service": f"{_META} spec.clusterIP spec.type",
    "Event": " ".join([_META, *(f"involvedObject.{name}" for name in _REFERENCE), "reason reportingComponent source type"]),
    "Event.events.k8s.io": " ".join([_META, *(f"regarding.{name}" for name in _REFERENCE), "reason reportingController source type"]),
    "Job.batch": f"{_META} status.successful",
    "CertificateSigningRequest.certificates.k8s.io": "metadata.name spec.signerName",
    "ResourceSlice.resource.k8s.io": "metadata.name spec.driver spec.nodeName",
}
FIELDS = sorted({field for names in SELECTABLE.values() for field in names.split()} | {"status.conditions", "spec.pool.name", "name"})


def kind_of(resource: ResourceType) -> str:
    return f"{resource.kind}.{resource.group}" if resource.group else resource.kind


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: f"{kind_of(resource)}-{resource.version}")
def test_every_kind_offers_the_fields_that_upstream_does(resource: ResourceType) -> None:
    struct = type_of(*resource.gvk)

    def is_offered(field: str) -> bool:
        try:
            fields.check(fields.parse_field_selector(f"{field}=x"), struct).matches(struct())
        except BadRequestError:
            return False
        return True

    assert [field for field in FIELDS if is_offered(field)] == sorted(SELECTABLE.get(kind_of(resource), _META).split())


@pytest.mark.parametrize(("obj", "text"), [
    (core_v1.Pod(), "status.phase=,spec.nodeName=,spec.hostNetwork=false,status.podIP=,status.podIPs="),
    (core_v1.Pod(spec=core_v1.PodSpec(host_network=True)), "spec.hostNetwork=true"),
    (core_v1.Node(), "spec.unschedulable=false"), (core_v1.Node(spec=core_v1.NodeSpec(unschedulable=True)), "spec.unschedulable=true"),
    (core_v1.ReplicationController(), "status.replicas=0"), (batch_v1.Job(), "status.successful=0"),
    (core_v1.Secret(type="Opaque"), "type=Opaque"), (core_v1.Event(reporting_component="c"), "source=c,reportingComponent=c"),
    (events_v1.Event(regarding=core_v1.ObjectReference(kind="Pod"), reporting_controller="c"), "regarding.kind=Pod,source=c"),
    (resource_v1.ResourceSlice(), "spec.nodeName="),
])
def test_what_is_unset_is_selected_by_its_zero(obj: Object, text: str) -> None:
    assert fields.check(fields.parse_field_selector(text), type(obj)).matches(obj)


def test_the_old_name_of_a_field_still_selects() -> None:
    assert fields.check(fields.parse_field_selector("spec.host=n1"), core_v1.Pod).matches(pod())


def test_events_are_selected_by_what_they_are_about() -> None:
    event = core_v1.Event(
        involved_object=core_v1.ObjectReference(kind="Pod", name="p"), source=core_v1.EventSource(component="kubelet"), type="Normal"
    )
    assert fields.parse_field_selector("source=kubelet,type=Normal").matches(event)
    assert fields.parse_field_selector("involvedObject.name=p,involvedObject.kind=Pod").matches(event)
    assert not fields.parse_field_selector("involvedObject.uid=1").matches(event)


def test_custom_resources_are_selected_by_their_paths() -> None:
    widget = {"metadata": {"name": "w", "namespace": "d"}, "spec": {"color": "red", "size": 3, "on": False}}
    assert fields.parse_field_selector("spec.color=red,spec.size=3,spec.on=false,metadata.name=w").matches(widget)
    assert not fields.parse_field_selector("spec.color!=red").matches(widget)
    fields.check_names(fields.parse_field_selector("spec.color=red"), {"spec.color"})
    with pytest.raises(BadRequestError, match=r'"spec.size" is not a known field selector'):
        fields.check_names(fields.parse_field_selector("spec.size=3"), {"spec.color"})
