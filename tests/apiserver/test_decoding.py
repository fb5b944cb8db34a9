"""Request bodies become objects, or upstream's words for what is wrong with them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minikube_py.apis.apps_v1 import Deployment
from minikube_py.apis.core_v1 import ConfigMap, Pod
from minikube_py.apiserver.decoding import decode_document, decode_object
from minikube_py.core.errors import BadRequestError, UnsupportedMediaTypeError

JSON, YAML = "application/json", "application/yaml"
UNRECOGNIZED = "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: "


def config_map(body: bytes, content_type: str = JSON, validation: str = "") -> tuple[Any, list[str]]:
    return decode_object(ConfigMap, "v1", "ConfigMap", body, content_type, validation)


def pod(document: dict[str, Any], validation: str = "") -> tuple[Any, list[str]]:
    return decode_object(Pod, "v1", "Pod", msgspec.json.encode(document), JSON, validation)


def refusal(body: bytes, content_type: str = JSON) -> str:
    with pytest.raises(BadRequestError) as refused:
        config_map(body, content_type)
    return str(refused.value)


def test_malformed_json_is_said_to_be() -> None:
    assert refusal(b"") == UNRECOGNIZED + "unexpected end of JSON input"
    assert refusal(b'{"data":') == UNRECOGNIZED + "unexpected end of JSON input"
    assert refusal(b"{]").startswith(UNRECOGNIZED)
    assert refusal(b'{"data": {"k": "\xff"}}').startswith(UNRECOGNIZED)


def test_malformed_yaml_is_said_to_be() -> None:
    for body in (b"a: [", b"\t\x00", b"a: b: c", b"{1: 2}: 3", b"? [1]\n: 2\n", b"&a [*a]"):
        assert refusal(body, YAML).startswith(("error converting YAML to JSON: ", "couldn't get version/kind")), body


def test_documents_that_are_no_objects_are_refused() -> None:
    for body, kind in ((b"[]", "array"), (b'"text"', "string"), (b"7", "number"), (b"true", "bool")):
        assert f"cannot unmarshal {kind} into Go value" in refusal(body)
    assert "cannot unmarshal" in refusal(b"- a\n", YAML)


def test_json_and_yaml_say_the_same() -> None:
    from_json, _ = config_map(b'{"metadata":{"name":"a","labels":{"n":"1"}},"data":{"k":"v"},"binaryData":{"b":"AAH/"}}')
    from_yaml, _ = config_map(b"metadata:\n  name: a\n  labels: {n: '1'}\ndata:\n  k: v\nbinaryData: {b: AAH/}\n", YAML)
    assert from_json == from_yaml and from_json.binary_data == {"b": b"\x00\x01\xff"}


def test_kind_and_version_may_be_left_out_but_not_be_others() -> None:
    config_map(b'{"metadata":{"name":"a"}}')
    config_map(b'{"kind":"ConfigMap","apiVersion":"v1"}')
    assert refusal(b'{"apiVersion":"v2"}') == "the API version in the data (v2) does not match the expected API version (v1)"
    assert "the kind in the data (Secret) does not match the expected kind (ConfigMap)" in refusal(b'{"kind":"Secret"}')


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
    with pytest.raises(BadRequestError, match='Unsupported value: "Maybe"'):
        pod(document, "Maybe")


@pytest.mark.parametrize(("document", "message"), [
    ({"spec": {"containers": 1}}, "json: cannot unmarshal number into Go struct field PodSpec.spec.containers of type []"),
    ({"metadata": {"name": 5}}, "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.name of type string"),
    ({"metadata": {"labels": "x"}},
     "json: cannot unmarshal string into Go struct field ObjectMeta.metadata.labels of type map[string]string"),
    ({"spec": {"containers": [{"name": "c", "tty": "yes"}]}},
     "json: cannot unmarshal string into Go struct field Container.spec.containers.tty of type bool"),
])
def test_wrong_types_are_told_in_gos_words(document: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        pod(document)
    assert str(refused.value).startswith(f'Pod in version "v1" cannot be handled as a Pod: {message.split(" of type ")[0]}')


def test_numbers_that_do_not_fit_are_refused() -> None:
    for replicas in (2**31, 1.5, "3", 10**30):
        with pytest.raises(BadRequestError):
            decode_object(Deployment, "apps/v1", "Deployment", msgspec.json.encode({"spec": {"replicas": replicas}})
                          if replicas != 10**30 else b'{"spec":{"replicas":1' + b"0" * 30 + b"}}", JSON)


def test_unknown_content_types_are_refused() -> None:
    with pytest.raises(UnsupportedMediaTypeError, match="the body of the request was in an unknown format"):
        config_map(b"{}", "text/xml")


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
