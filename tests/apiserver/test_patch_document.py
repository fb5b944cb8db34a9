"""What strict decoding says of patches and of what they make, in upstream's words for each type."""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apiserver.patch_document import JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, go_map, read_patch
from minikube_py.core.errors import BadRequestError

from .lab import Answer, Lab

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
DEPLOYMENT = {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE}}


@pytest.mark.parametrize(("patch_type", "body", "problem"), [
    (JSON_PATCH, b"{", "error decoding patch: unexpected end of JSON input"),
    (JSON_PATCH, b"{}", "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"),
    (JSON_PATCH, b"[1]", "error decoding patch: json: cannot unmarshal number into Go value of type handlers.jsonPatchOp"),
    (JSON_PATCH, b'[{"op":1}]', "error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string"),
    (MERGE_PATCH, b"[]", "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"),
    (MERGE_PATCH, b"", "error decoding patch: unexpected end of JSON input"),
    (STRATEGIC_MERGE_PATCH, b"7", "json: cannot unmarshal number into Go value of type map[string]interface {}"),
    (STRATEGIC_MERGE_PATCH, b"{]", "invalid character ']' looking for beginning of object key string"),
])
def test_what_is_no_patch_is_refused(patch_type: str, body: bytes, problem: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        read_patch(patch_type, body)
    assert str(refused.value) == problem


@pytest.mark.parametrize(("patch_type", "body", "errors"), [
    (JSON_PATCH, b'[{"op":"add","op":"add","path":"/a","foo":1,"value":{"b":1,"b":2}}]',
     ['json patch duplicate field "[0].op"', 'json patch unknown field "[0].foo"', 'json patch duplicate field "[0].value.b"']),
    (MERGE_PATCH, b'{"spec":{"a":1,"a":2}}', ['duplicate field "spec.a"']),
    (STRATEGIC_MERGE_PATCH, b'{"spec":{"l":[{"a":1,"a":2}]}}', ['duplicate field "spec.l[0].a"']),
    (MERGE_PATCH, b"null", []), (JSON_PATCH, b"null", []),
])
def test_patches_are_decoded_strictly(patch_type: str, body: bytes, errors: list[str]) -> None:
    assert read_patch(patch_type, body)[1] == errors
    assert read_patch(patch_type, body, "Ignore")[1] == []


def test_documents_are_shown_as_go_prints_them() -> None:
    assert go_map({"b": [1, {"c": None}], "a": True, "s": "x y"}) == "map[a:true b:[1 map[c:<nil>]] s:x y]"


async def patch(lab: Lab, patch_type: str, body: str, validation: str = "") -> Answer:
    path = f"{DEPLOYMENTS}/d?fieldValidation={validation}"
    return await lab.send("PATCH", path, body=body.encode(), headers={"Content-Type": patch_type})


@pytest.mark.parametrize(("patch_type", "body", "errors"), [
    (MERGE_PATCH, '{"spec":{"foo":1,"paused":true,"paused":true},"bar":{}}',
     ['duplicate field "spec.paused"', 'unknown field "bar"', 'unknown field "spec.foo"']),
    (JSON_PATCH, '[{"op":"add","path":"/spec/foo","value":1,"x":1},{"op":"add","path":"/spec/template/spec/containers/0/zap","value":1}]',
     ['json patch unknown field "[0].x"', 'unknown field "spec.foo"', 'unknown field "spec.template.spec.containers[0].zap"']),
    (STRATEGIC_MERGE_PATCH, '{"spec":{"template":{"spec":{"containers":[{"name":"c","zap":1,"image":"j","image":"j"}]}},"foo":1}}',
     ['duplicate field "spec.template.spec.containers[0].image"', 'unknown field "spec.foo"',
      'unknown field "spec.template.spec.containers[0].zap"']),
])
async def test_patched_objects_are_decoded_strictly(lab: Lab, patch_type: str, body: str, errors: list[str]) -> None:
    assert (await lab.send("POST", DEPLOYMENTS, DEPLOYMENT)).status == 201
    refused = await patch(lab, patch_type, body, "Strict")
    message = refused.json["message"]
    assert (refused.status, refused.json["reason"]) == (422, "Invalid")
    assert message.startswith(' "" is invalid: patch: Invalid value: "') and message.endswith(f'strict decoding error: {", ".join(errors)}')
    assert ('"{\\"apiVersion\\":\\"apps/v1\\"' in message) == (patch_type != STRATEGIC_MERGE_PATCH)
    assert [cause["field"] for cause in refused.json["details"]["causes"]] == ["patch"]
    warned = await patch(lab, patch_type, body)
    quoted = ['299 - "' + error.replace('"', '\\"') + '"' for error in errors]
    assert warned.status == 200 and warned.headers.getall("Warning") == quoted  # type: ignore[attr-defined]
    ignored = await patch(lab, patch_type, body, "Ignore")
    assert ignored.status == 200 and "Warning" not in ignored.headers


@pytest.mark.parametrize(("patch_type", "spec", "problem"), [
    (MERGE_PATCH, '{"replicas":"3"}', "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"),
    (STRATEGIC_MERGE_PATCH, '{"replicas":"3"}', "unrecognized type: int32"),
    (STRATEGIC_MERGE_PATCH, '{"replicas":1.5}', "cannot convert float64 to int32"),
    (STRATEGIC_MERGE_PATCH, '{"template":"x"}', "cannot restore struct from: string"),
    (STRATEGIC_MERGE_PATCH, '{"template":{"spec":{"nodeSelector":[1]}}}', "cannot restore map from slice"),
    (STRATEGIC_MERGE_PATCH, '{"template":{"spec":{"hostname":1}}}', "cannot convert int64 to string"),
])
async def test_wrong_types_in_patches_are_invalid(lab: Lab, patch_type: str, spec: str, problem: str) -> None:
    await lab.send("POST", DEPLOYMENTS, DEPLOYMENT)
    refused = await patch(lab, patch_type, f'{{"spec":{spec}}}')
    assert refused.status == 422 and refused.json["message"].endswith(f': {problem}')


async def test_whole_floats_are_integers_in_strategic_patches(lab: Lab) -> None:
    await lab.send("POST", DEPLOYMENTS, DEPLOYMENT)
    assert (await patch(lab, STRATEGIC_MERGE_PATCH, '{"spec":{"replicas":3.0}}')).json["spec"]["replicas"] == 3


async def test_options_and_types_are_checked(lab: Lab) -> None:
    await lab.send("POST", DEPLOYMENTS, DEPLOYMENT)
    wrong: Any = (await patch(lab, MERGE_PATCH, "{}", "Maybe")).json
    assert (wrong["code"], wrong["message"]) == (
        422, 'PatchOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "Maybe": '
        'supported values: "", "Ignore", "Strict", "Warn"')
    other = (await patch(lab, "application/json", "{}")).json
    assert other["code"] == 415 and other["message"].startswith(
        "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, "
        "application/merge-patch+json, application/strategic-merge-patch+json")
