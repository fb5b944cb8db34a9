"""Request bodies become objects, or upstream's words for what is wrong with them."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minikube_py.apis.apiextensions_v1 import CustomResourceDefinition
from minikube_py.apis.apps_v1 import Deployment
from minikube_py.apis.core_v1 import ConfigMap, Event, Pod
from minikube_py.apis.json_text import has_duplicates
from minikube_py.apis.scheme import to_document
from minikube_py.apiserver.decoding import decode_custom, decode_document, decode_object
from minikube_py.core.errors import BadRequestError, InvalidError, UnsupportedMediaTypeError

JSON, YAML = "application/json", "application/yaml"
UNRECOGNIZED = "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: "


def config_map(body: bytes, content_type: str = JSON, validation: str = "") -> tuple[Any, list[str]]:
    return decode_object(ConfigMap, "v1", "ConfigMap", body, content_type, validation)


def pod(document: dict[str, Any], validation: str = "") -> tuple[Any, list[str]]:
    return decode_object(Pod, "v1", "Pod", msgspec.json.encode(document), JSON, validation)


def repeated(body: bytes, content_type: str = JSON, validation: str = "") -> list[str]:
    """What strict decoding says of names that are there twice in a custom resource."""
    return decode_custom("example.com/v1", "Widget", body, content_type, validation)[1]


def refusal(body: bytes, content_type: str = JSON) -> str:
    with pytest.raises(BadRequestError) as refused:
        config_map(body, content_type)
    return str(refused.value)


@pytest.mark.parametrize(("body", "problem"), [
    (b"", "unexpected end of JSON input (<empty>)"),
    (b'{"data":', 'unexpected end of JSON input ({"data":)'),
    (b"{]", "invalid character ']' looking for beginning of object key string ({])"),
    (b'{"data":{"a":"b",}}', """invalid character '}' looking for beginning of object key string ({"data":{"a":"b",}})"""),
    (b'{"a":1}{"b":2}', """invalid character '{' after top-level value ({"a":1}{"b":2})"""),
    (b"\xef\xbb\xbf{}", "invalid character '\xef' looking for beginning of value (efbbbf7b7d)"),
    (b'{"metadata":{"name":"a-long-name", x}}', """invalid character 'x' looking for beginning of object key string """
     """({"metadata":{"name":"a-long-na ...)"""),
    (b"[" * 20_000, "invalid character '[' exceeded max depth (" + "5b" * 30 + " ...)"),
])
def test_malformed_json_is_said_to_be(body: bytes, problem: str) -> None:
    assert refusal(body) == UNRECOGNIZED + problem


@pytest.mark.parametrize(("body", "problem"), [
    (b"a: [", "yaml: line 1: did not find expected node content"),
    (b"a: b: c", "yaml: mapping values are not allowed in this context"),
    (b"a: b\nc: d: e", "yaml: line 2: mapping values are not allowed in this context"),
    (b"a: b\n\tc: d", "yaml: line 2: found character that cannot start any token"),
    (b"a: *b", "yaml: unknown anchor 'b' referenced"),
    (b"a: .nan", "json: unsupported value: NaN"),
    (b"&a [*a]", "yaml: document contains excessive aliasing"),
])
def test_malformed_yaml_is_said_to_be(body: bytes, problem: str) -> None:
    assert refusal(body, YAML) == f"the object provided is unrecognized (must be of type ConfigMap): {problem} ({body.hex()})"


@pytest.mark.parametrize("body", [b"a: [", b"\t\x00", b"{1: 2}: 3", b"? [1]\n: 2\n", b"\xff"])
def test_what_is_no_yaml_is_a_bad_request(body: bytes) -> None:
    assert refusal(body, YAML).startswith("the object provided is unrecognized (must be of type ConfigMap): ")


def test_documents_that_are_no_objects_are_refused() -> None:
    for body, kind in ((b"[]", "array"), (b'"text"', "string"), (b"7", "number"), (b"true", "bool")):
        assert refusal(body) == (
            f"{UNRECOGNIZED}json: cannot unmarshal {kind} into Go value of type struct "
            f'{{ APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }} ({body.hex()})')
    assert "cannot unmarshal array into Go value" in refusal(b"- a\n", YAML)
    assert "json: cannot unmarshal number into Go struct field .kind of type string" in refusal(b'{"kind":1}')


def test_json_and_yaml_say_the_same() -> None:
    from_json, _ = config_map(b'{"metadata":{"name":"a","labels":{"l":"1"}},"data":{"k":"v"},"binaryData":{"b":"AAH/"}}')
    from_yaml, _ = config_map(b"metadata:\n  name: a\n  labels: {l: '1'}\ndata:\n  k: v\nbinaryData: {b: AAH/}\n", YAML)
    assert from_json == from_yaml and from_json.binary_data == {"b": b"\x00\x01\xff"}


def test_kind_and_version_may_be_left_out_but_not_be_others() -> None:
    config_map(b'{"metadata":{"name":"a"}}')
    config_map(b'{"kind":"ConfigMap","apiVersion":"v1"}')
    config_map(b"null")
    for version in (b"/v1", b"/"):  # Go clients that join an empty group and a version send this.
        obj, _ = config_map(b'{"kind":"ConfigMap","apiVersion":"' + version + b'","data":{"k":"v"}}')
        assert obj.data == {"k": "v"}
    assert decode_object(Deployment, "apps/v1", "Deployment", b'{"apiVersion":"apps/"}', JSON)
    head = 'in version "v1" cannot be handled as a ConfigMap'
    scheme = 'in scheme "pkg/api/legacyscheme/scheme.go:30"'
    assert refusal(b'{"kind":"Secret"}') == f"Secret {head}: converting (v1.Secret) to (core.ConfigMap): unknown conversion"
    assert refusal(b'{"kind":"Unicorn"}') == f'Unicorn {head}: no kind "Unicorn" is registered for version "v1" {scheme}'
    assert refusal(b'{"apiVersion":"v2"}') == (
        f'ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "v2" {scheme}')
    assert "unexpected GroupVersion string: a/b/c" in refusal(b'{"apiVersion":"a/b/c"}')
    with pytest.raises(BadRequestError) as refused:
        decode_object(Deployment, "apps/v1", "Deployment", b'{"apiVersion":"extensions/v1beta1","kind":"Deployment"}', JSON)
    assert str(refused.value) == (
        "the API version in the data (extensions/v1beta1) does not match the expected API version (apps/v1)")


def test_nulls_are_unset() -> None:
    obj, warnings = pod({"metadata": {"name": "p", "creationTimestamp": None, "labels": None}, "spec": {
        "containers": [{"name": "c", "image": None, "resources": {}, "ports": None}], "volumes": None, "nodeSelector": {"a": None}}})
    assert (obj.metadata.creation_timestamp, obj.metadata.labels, obj.spec.containers[0].image, warnings) == ("", {}, "", [])
    assert obj.spec.node_selector == {"a": ""}


def test_unknown_fields_are_ignored_warned_of_or_refused() -> None:
    document = {"spec": {"containers": [{"name": "c"}, {"name": "d", "imagePullPolic": "x"}], "foo": {"bar": 1}}, "zap": 1}
    names = ["spec.containers[1].imagePullPolic", "spec.foo", "zap"]
    for validation in ("", "Warn"):
        obj, warnings = pod(document, validation)
        assert warnings == [f'unknown field "{name}"' for name in names] and len(obj.spec.containers) == 2
    assert pod(document, "Ignore")[1] == []
    with pytest.raises(BadRequestError) as refused:
        pod(document, "Strict")
    assert str(refused.value) == (
        'Pod in version "v1" cannot be handled as a Pod: strict decoding error: '
        + ", ".join(f'unknown field "{name}"' for name in names))
    with pytest.raises(InvalidError) as invalid:
        pod(document, "Maybe")
    assert str(invalid.value) == (
        'CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Maybe": '
        'supported values: "", "Ignore", "Strict", "Warn"')


@pytest.mark.parametrize(("body", "errors"), [
    (b'{"metadata":{"name":"a","name":"b"}}', ['duplicate field "metadata.name"']),
    (b'{ "metadata" : { "name" : "a" , "name" : "b" } }', ['duplicate field "metadata.name"']),
    (b'{"metadata":{"labels":{"a/b":"1","a/b":"2","c":"3"}},"kind":"Pod","kind":"Pod"}',
     ['duplicate field "metadata.labels.a/b"', 'duplicate field "kind"']),
    (b'{"spec":{"containers":[{"name":"a"},{"name":"b","x":1,"env":[{"name":"e","name":"f"}]}]},"x":{"y":1,"y":2}}',
     ['unknown field "spec.containers[1].x"', 'duplicate field "spec.containers[1].env[0].name"', 'unknown field "x"']),
    (b'{"x":1,"x":2,"Kind":"Pod"}', ['unknown field "x"', 'unknown field "Kind"']),
    (b'{"spec":{"volumes":[{"name":"v","configMap":{"nam":"x","name":"y","name":"z"}}]}}',
     ['unknown field "spec.volumes[0].configMap.nam"', 'duplicate field "spec.volumes[0].configMap.name"']),
    (b'{"metadata":{"annotations":{"\\u0061":"<a> && \\u003cb\\u003e","a":""}}}', ['duplicate field "metadata.annotations.a"']),
    (b'{"spec":{"nodeSelector":{"q\\"":"1","q\\"":"2"}}}', ['duplicate field "spec.nodeSelector.q\\\""']),
    (b'{"metadata":{"managedFields":[{"fieldsV1":{"f:a":{},"f:a":{}}}]}}', []),
    (b"a: 1\nspec:\n  hostNetwork: true\n  foo: 1\n  hostNetwork: false\nspec:\n  hostNetwork: true\n",
     ['yaml: unmarshal errors:\n  line 5: key "hostNetwork" already set in map\n  line 7: key "spec" already set in map',
      'unknown field "a"']),
])
def test_strict_decoding_names_unknown_and_duplicate_fields(body: bytes, errors: list[str]) -> None:
    content_type = JSON if body.startswith(b"{") else YAML

    def decode(validation: str) -> list[str]:
        return decode_object(Pod, "v1", "Pod", body, content_type, validation)[1]

    lines = [line.strip() for error in errors for line in error.split("\n") if not line.startswith("yaml:")]
    assert decode("Ignore") == [] and decode("") == decode("Warn") == lines
    if errors:
        with pytest.raises(BadRequestError) as refused:
            decode("Strict")
        assert str(refused.value) == f'Pod in version "v1" cannot be handled as a Pod: strict decoding error: {", ".join(errors)}'
    else:
        decode("Strict")


def test_at_most_a_hundred_errors_are_told() -> None:
    document = {f"x{number}": 1 for number in range(200)}
    assert len(pod(document)[1]) == 100


def test_what_is_there_twice_is_merged_as_go_does() -> None:
    body = (b'{"metadata":{"name":"a","labels":{"a":"1"}},"metadata":{"labels":{"b":"2"}},"spec":{"hostname":"h","containers":[{"name":"a",'
            b'"image":"i"},{"name":"b"}],"containers":[{"name":"c"}],"hostname":null}}')
    obj, _ = decode_object(Pod, "v1", "Pod", body, JSON, "Ignore")
    assert (obj.metadata.name, obj.metadata.labels, obj.spec.hostname) == ("a", {"a": "1", "b": "2"}, "h")
    assert [(container.name, container.image) for container in obj.spec.containers] == [("c", "i")]


def test_a_body_without_duplicates_is_not_searched() -> None:
    """However it is written: the slow path is for what is wrong."""
    document = {"metadata": {"name": "a", "annotations": {"x": "a b <&> {\"k\": 1}"}}, "spec": {"replicas": 3, "x": [1.5, -2, True]}}
    compact = msgspec.json.encode(document)
    for body in (compact, compact + b"\n", json.dumps(document).encode(), json.dumps(document, indent=4).encode(),
                 compact.replace(b"<", b"\\u003c").replace(b">", b"\\u003e").replace(b"&", b"\\u0026")):
        assert not has_duplicates(body)


@given(st.data())
def test_duplicates_are_found_wherever_they_are(data: st.DataObject) -> None:
    """A random document with one name repeated, in a random layout."""
    document = data.draw(st.dictionaries(st.text(max_size=3), st.lists(st.text(max_size=3), max_size=2), min_size=1, max_size=4))
    pairs = list(document.items())
    pairs.insert(data.draw(st.integers(0, len(pairs))), (data.draw(st.sampled_from(list(document))), data.draw(st.integers(0, 9))))
    separators = data.draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " : ")]))
    ascii_only = data.draw(st.booleans())
    text = [json.dumps(name, ensure_ascii=ascii_only) + separators[1] + json.dumps(value, ensure_ascii=ascii_only) for name, value in pairs]
    body = ("[{" + separators[0].join(text) + "}]").encode("utf-8", "surrogatepass")
    assert has_duplicates(body)
    assert len(repeated(b'{"kind":"Widget","list":' + body + b"}")) == 1


def test_duplicates_in_documents_without_a_type() -> None:
    assert repeated(b'{"kind":"Widget","a":{"b":[{"c":1,"c":2}]},"a":1}') == ['duplicate field "a.b[0].c"', 'duplicate field "a"']
    assert repeated(b"kind: Widget\na: 1\nb: {c: 1,\n c: 2}\n", YAML) == [
        'yaml: unmarshal errors:\n  line 4: key "c" already set in map']
    assert repeated(b'{"kind":"Widget","a":1}') == repeated(b"kind: Widget", YAML) == []
    assert repeated(b'{"kind":"Widget","a":1,"a":2}', validation="Ignore") == []
    assert decode_document(b'{"a":1,"a":2,"b":"\xff"}', JSON) == {"a": 2, "b": "\ufffd"}


def cannot(value: str, field: str, kind: str) -> str:
    return f"json: cannot unmarshal {value} into Go struct field {field} of type {kind}"


QUANTITY = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


@pytest.mark.parametrize(("body", "message"), [
    ('{"spec":{"containers":1}}', cannot("number", "PodSpec.spec.containers", "[]v1.Container")),
    ('{"spec":{"containers":{"name":"a"}}}', cannot("object", "PodSpec.spec.containers", "[]v1.Container")),
    ('{"spec":{"containers":["a"]}}', cannot("string", "PodSpec.spec.containers", "v1.Container")),
    ('{"spec":[]}', cannot("array", "Pod.spec", "v1.PodSpec")),
    ('{"metadata":{"name":5}}', cannot("number", "ObjectMeta.metadata.name", "string")),
    ('{"metadata":{"uid":5}}', cannot("number", "ObjectMeta.metadata.uid", "types.UID")),
    ('{"metadata":{"labels":"x"}}', cannot("string", "ObjectMeta.metadata.labels", "map[string]string")),
    ('{"metadata":{"labels":{"a":1}}}', cannot("number", "ObjectMeta.metadata.labels", "string")),
    ('{"metadata":{"labels":{"a":true},"name":1}}', cannot("bool", "ObjectMeta.metadata.labels", "string")),
    ('{"spec":{"restartPolicy":1}}', cannot("number", "PodSpec.spec.restartPolicy", "v1.RestartPolicy")),
    ('{"spec":{"terminationGracePeriodSeconds":"1"}}', cannot("string", "PodSpec.spec.terminationGracePeriodSeconds", "int64")),
    ('{"spec":{"containers":[{"name":"c","tty":"yes"}]}}', cannot("string", "Container.spec.containers.tty", "bool")),
    ('{"spec":{"containers":[{"ports":[{"containerPort":1.5}]}]}}',
     cannot("number 1.5", "ContainerPort.spec.containers.ports.containerPort", "int32")),
    ('{"spec":{"containers":[{"ports":[{"containerPort":1e3}]}]}}',
     cannot("number 1e3", "ContainerPort.spec.containers.ports.containerPort", "int32")),
    ('{"spec":{"containers":[{"ports":[{"containerPort":2147483648}]}]}}',
     cannot("number 2147483648", "ContainerPort.spec.containers.ports.containerPort", "int32")),
    ('{"spec":{"activeDeadlineSeconds":9223372036854775808}}',
     cannot("number 9223372036854775808", "PodSpec.spec.activeDeadlineSeconds", "int64")),
    ('{"spec":{"volumes":[{"hostPath":{"path":1}}]}}',
     cannot("number", "HostPathVolumeSource.spec.volumes.VolumeSource.hostPath.path", "string")),
    ('{"spec":{"volumes":[{"emptyDir":""}]}}', cannot("string", "Volume.spec.volumes.VolumeSource.emptyDir", "v1.EmptyDirVolumeSource")),
    ('{"spec":{"containers":[{"resources":{"limits":[]}}]}}',
     cannot("array", "ResourceRequirements.spec.containers.resources.limits", "v1.ResourceList")),
    ('{"spec":{"containers":[{"livenessProbe":{"httpGet":{"port":true}}}]}}',
     cannot("bool", "HTTPGetAction.spec.containers.livenessProbe.ProbeHandler.httpGet.port", "int32")),
    ('{"spec":{"containers":[{"livenessProbe":{"httpGet":{"port":1.5}}}]}}',
     cannot("number 1.5", "HTTPGetAction.spec.containers.livenessProbe.ProbeHandler.httpGet.port", "int32")),
    ('{"metadata":{"creationTimestamp":1}}', cannot("number", "ObjectMeta.metadata.creationTimestamp", "string")),
    ('{"metadata":{"creationTimestamp":"today"}}',
     'parsing time "today" as "2006-01-02T15:04:05Z07:00": cannot parse "today" as "2006"'),
    ('{"metadata":{"creationTimestamp":""}}', 'parsing time "" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "2006"'),
    ('{"metadata":{"creationTimestamp":"2026-02-01"}}',
     'parsing time "2026-02-01" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"'),
    ('{"metadata":{"creationTimestamp":"2026-02-01T00:00:00"}}',
     'parsing time "2026-02-01T00:00:00" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00"'),
    ('{"metadata":{"deletionTimestamp":"2026-13-01T00:00:00Z"},"x":1}', 'parsing time "2026-13-01T00:00:00Z": month out of range'),
    ('{"metadata":{"name":1},"spec":{"containers":[{"resources":{"limits":{"cpu":true}}}]}}', QUANTITY),
])
def test_wrong_types_are_told_in_gos_words(body: str, message: str) -> None:
    """The first of several, except that what Kubernetes decodes itself ends it at once."""
    with pytest.raises(BadRequestError) as refused:
        decode_object(Pod, "v1", "Pod", body.encode(), JSON, "Strict")
    assert str(refused.value) == f'Pod in version "v1" cannot be handled as a Pod: {message}'


@pytest.mark.parametrize(("text", "offset"), [
    ("!", 0), ("AAA", 0), ("AAAA!", 4), ("AA=A", 2), ("AA", 0), ("AAAAA", 4), ("AAAA=", 4), ("AA==AA", 4), ("A\nA\n=", 5),
])
def test_bad_base64_is_told_in_gos_words(text: str, offset: int) -> None:
    assert refusal(msgspec.json.encode({"binaryData": {"k": text}})) == (
        f'ConfigMap in version "v1" cannot be handled as a ConfigMap: illegal base64 data at input byte {offset}')


@pytest.mark.parametrize(("text", "time", "micro"), [
    ("2026-02-01T10:00:00Z", "2026-02-01T10:00:00Z", None),
    ("2026-02-01T10:00:00.123456Z", "2026-02-01T10:00:00Z", "2026-02-01T10:00:00.123456Z"),
    ("2026-02-01T10:00:00.9876543Z", "2026-02-01T10:00:00Z", None),
    ("2026-02-01T01:00:00+02:30", "2026-01-31T22:30:00Z", None),
    ("2026-01-31T23:00:00.000001-01:00", "2026-02-01T00:00:00Z", "2026-02-01T00:00:00.000001Z"),
    ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z", None),
    ("2026-02-29T00:00:00Z", None, None), ("2026-02-01t10:00:00Z", None, None), ("2026-02-01T10:00:00z", None, None),
    ("2026-02-01T10:00:00Z\n", None, None), ("2026-02-01T24:00:00Z", None, None), ("2026-02-01T10:60:00Z", None, None),
    ("9999-12-31T23:00:00-02:00", None, None), ("\u0662026-02-01T10:00:00Z", None, None),
])
def test_times_are_kept_as_go_writes_them(text: str, time: str | None, micro: str | None) -> None:
    """None: they are refused."""

    def read(body: Any) -> Any:
        try:
            return decode_object(Event, "v1", "Event", msgspec.json.encode(body), JSON, "Strict")[0]
        except BadRequestError as error:
            assert "parsing time" in str(error) or "Time.MarshalJSON" in str(error)
            return None

    last, event = read({"lastTimestamp": text}), read({"eventTime": text})
    assert (last and last.last_timestamp) == time
    assert (event and event.event_time) == micro


@pytest.mark.parametrize(("time", "micro"), [("null", "null"), ('"0001-01-01T00:00:00Z"', '"0001-01-01T00:00:00.000000Z"')])
def test_the_zero_time_is_null_or_left_out(time: str, micro: str) -> None:
    body = f'{{"lastTimestamp":{time},"series":{{"lastObservedTime":{micro}}},"metadata":{{"deletionTimestamp":{time}}}}}'
    document = to_document(decode_object(Event, "v1", "Event", body.encode(), JSON, "Strict")[0])
    assert document["lastTimestamp"] is document["series"]["lastObservedTime"] is None
    assert "deletionTimestamp" not in document["metadata"]


def test_whole_numbers_are_written_without_a_fraction() -> None:
    text = '{"a":1e3,"b":-100.0,"c":1.50,"d":9007199254740993,"e":1E+2}'
    assert json.dumps(decode_document(text.encode(), JSON)) == '{"a": 1000, "b": -100, "c": 1.5, "d": 9007199254740993, "e": 100}'
    schema = '{"type":"number","maximum":%s,"minimum":0.5}'
    for maximum in ("100", "1e2"):
        body = f'{{"spec":{{"versions":[{{"schema":{{"openAPIV3Schema":{schema % maximum}}}}}]}}}}'
        found, _ = decode_object(CustomResourceDefinition, "apiextensions.k8s.io/v1", "CustomResourceDefinition", body.encode(), JSON)
        read = to_document(found)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        assert (read["maximum"], read["minimum"]) == (100, 0.5)


def test_what_go_reads_is_read() -> None:
    """Numbers of quantities as they are written, nulls, line breaks in base64, halves of surrogate pairs, bytes that are no UTF-8."""
    obj, _ = decode_object(Pod, "v1", "Pod", (
        b'{"metadata":null,"spec":{"containers":[null,{"name":null,"args":[null,"\\ud800","\xff"],"resources":{"limits":{"cpu":1e3,"x":null}},'
        b'"ports":[{"containerPort":null}]}]}}'), JSON, "Strict")
    container = obj.spec.containers[1]
    assert (obj.spec.containers[0].name, container.name, container.args) == ("", "", ["", "\ufffd", "\ufffd"])
    assert container.resources.limits == {"cpu": "1e3", "x": "0"} and container.ports[0].container_port == 0
    assert config_map(b'{"binaryData":{"k":"AA\\nH/"}}')[0].binary_data == {"k": b"\x00\x01\xff"}


@pytest.mark.parametrize(("text", "value"), [
    ("yes", True), ("off", False), ("y", True), ("~", None), ("null", None), ("0777", 511), ("0o17", 15), ("0x1f", 31), ("0b11", 3),
    ("1_000", 1000), ("1e3", 1000), ("1.0", 1), ("1.5", 1.5), ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
    ("2002-12-14", "2002-12-14"), ("1:30", "1:30"), ("'1'", "1"), ("!!str 1", "1"), ("!!int '7'", 7), ("=", "="), ("1.2.3", "1.2.3"),
    ("08", 8), ("-.5", -0.5), ("18446744073709551616", 18446744073709552000), ("!!binary aGk=", "hi"), ("+12", 12),
])
def test_yaml_scalars_are_what_go_takes_them_for(text: str, value: Any) -> None:
    assert decode_document(f"a: {text}\n".encode(), YAML) == {"a": value}


def test_yaml_is_read_as_upstream_does() -> None:
    """The first document, names as strings, in order; merge keys; whole floats fit integers."""
    body = b"---\nz: 1\n1: a\ntrue: b\nbase: &b {x: 1, z: 2}\nc: {<<: *b, z: 3}\n---\nd: [\n"
    assert list(decode_document(body, YAML).items()) == [
        ("1", "a"), ("base", {"x": 1, "z": 2}), ("c", {"x": 1, "z": 3}), ("true", "b"), ("z", 1)]
    obj, _ = decode_object(Deployment, "apps/v1", "Deployment", b"spec: {replicas: 3.0}", YAML, "Strict")
    assert obj.spec.replicas == 3
    assert config_map(b"", YAML)[0].data == {}


def test_unknown_content_types_are_refused() -> None:
    for content_type in ("text/xml", "application/x-yaml", "text/yaml", "*/*"):
        with pytest.raises(UnsupportedMediaTypeError) as refused:
            config_map(b"{}", content_type)
        assert str(refused.value) == (
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json, application/yaml, application/vnd.kubernetes.protobuf")


def test_yaml_bombs_do_not_explode() -> None:
    """Aliases of aliases would be 10^9 strings."""
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [" + ",".join([f"*a{n - 1}"] * 10) + "]" for n in range(1, 9)]
    with pytest.raises(BadRequestError, match="excessive aliasing"):
        config_map("\n".join(lines).encode(), YAML)
    merges = ["a0: &a0 {x: 1}"] + [f"a{n}: &a{n} {{<<: [" + ",".join([f"*a{n - 1}"] * 10) + "]}" for n in range(1, 9)]
    with pytest.raises(BadRequestError, match="excessive aliasing"):
        config_map("\n".join(merges).encode(), YAML)
    few, _ = config_map(b"metadata: {name: a, labels: &l {a: b}, annotations: *l}\n", YAML)
    assert few.metadata.annotations == {"a": "b"}


@pytest.mark.parametrize("content_type", [JSON, YAML])
def test_deep_nesting_is_refused(content_type: str) -> None:
    for body in (b"[" * 100_000 + b"]" * 100_000, b'{"data":' * 50_000 + b"1" + b"}" * 50_000):
        with pytest.raises(BadRequestError):
            config_map(body, content_type)


@given(st.binary(max_size=100), st.sampled_from([JSON, YAML]))
def test_any_bytes_are_a_document_or_a_bad_request(body: bytes, content_type: str) -> None:
    try:
        decode_document(body, content_type)
    except BadRequestError:
        pass


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["metadata", "name", "labels", "spec", "containers", "image", "ports", "env", "x"]), inner, max_size=4),
    max_leaves=12)


@given(JSON_VALUES)
def test_any_json_is_an_object_or_a_bad_request(document: Any) -> None:
    try:
        obj, _ = pod(document)
    except BadRequestError:
        return
    assert isinstance(obj, Pod)


def schema_of(schema: dict[str, Any], validation: str = "") -> tuple[Any, list[str]]:
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    document = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": {"versions": [version]}}
    body = msgspec.json.encode(document)
    obj, errors = decode_object(
        CustomResourceDefinition, "apiextensions.k8s.io/v1", "CustomResourceDefinition", body, JSON, validation)
    return to_document(obj)["spec"]["versions"][0]["schema"]["openAPIV3Schema"], errors


@pytest.mark.parametrize("schema", [
    {"items": {"type": "string"}}, {"items": [{"type": "string"}]}, {"additionalProperties": True}, {"additionalProperties": False},
    {"additionalProperties": {"items": {"additionalProperties": {}}}}, {"dependencies": {"a": ["b"], "c": {"type": "string"}}},
])
def test_parts_of_schemas_that_may_be_several_things(schema: dict[str, Any]) -> None:
    assert schema_of(schema) == (schema, [])


def test_what_is_unknown_inside_of_them_goes_without_a_word() -> None:
    assert schema_of({"items": {"odd": 1, "additionalProperties": {"odd": 1}}, "properties": {"a": {"odd": 1}}}) == (
        {"items": {"additionalProperties": {}}, "properties": {"a": {}}},
        ['unknown field "spec.versions[0].schema.openAPIV3Schema.properties.a.odd"'])


@pytest.mark.parametrize(("schema", "problem"), [
    ({"additionalProperties": "x"}, "boolean or JSON schema expected"),
    ({"items": {"maximum": "x"}}, "json: cannot unmarshal string into Go struct field "
     "JSONSchemaProps.spec.versions.schema.openAPIV3Schema.items of type float64"),
])
def test_wrong_types_inside_of_them(schema: dict[str, Any], problem: str) -> None:
    with pytest.raises(BadRequestError, match=re.escape(problem)):
        schema_of(schema)
