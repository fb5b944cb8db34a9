"""What subresources answer to bodies of another kind, version, name or state, and where there is nothing: in upstream's words."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from minikube_py.apis.certificates_v1 import CertificateSigningRequest, CertificateSigningRequestSpec
from minikube_py.apis.meta_v1 import ObjectMeta

from ..lab import Answer, Lab

DEFAULT = "/api/v1/namespaces/default"
APPS = "/apis/apps/v1/namespaces/default"
CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
CONTAINERS = [{"name": "c", "image": "i"}]
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": CONTAINERS}}
WORKLOAD = {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE}
SCHEME = 'in scheme "pkg/api/legacyscheme/scheme.go:30"'


class Sub(NamedTuple):
    """One subresource: where, of which object, in which kind and method.

    Attributes:
        parent: group, plural and internal type as messages name them.
    """

    path: str
    parent: str
    kind: str
    version: str
    internal: str
    method: str = "PUT"


SUBRESOURCES = {
    "status": Sub(f"{DEFAULT}/pods/p/status", "pods", "Pod", "v1", "core.Pod"),
    "ephemeralcontainers": Sub(f"{DEFAULT}/pods/p/ephemeralcontainers", "pods", "Pod", "v1", "core.Pod"),
    "resize": Sub(f"{DEFAULT}/pods/p/resize", "pods", "Pod", "v1", "core.Pod"),
    "scale": Sub(f"{APPS}/deployments/p/scale", "deployments.apps", "Scale", "autoscaling/v1", "autoscaling.Scale"),
    "rc-scale": Sub(f"{DEFAULT}/replicationcontrollers/p/scale", "replicationcontrollers", "Scale", "autoscaling/v1", "autoscaling.Scale"),
    "finalize": Sub("/api/v1/namespaces/p/finalize", "namespaces", "Namespace", "v1", "core.Namespace"),
    "approval": Sub(f"{CSRS}/p/approval", "certificatesigningrequests.certificates.k8s.io", "CertificateSigningRequest",
                    "certificates.k8s.io/v1", "certificates.CertificateSigningRequest"),
    "binding": Sub(f"{DEFAULT}/pods/p/binding", "pods", "Binding", "v1", "core.Binding", "POST"),
    "eviction": Sub(f"{DEFAULT}/pods/p/eviction", "pods", "Eviction", "policy/v1", "policy.Eviction", "POST"),
    "token": Sub(f"{DEFAULT}/serviceaccounts/p/token", "serviceaccounts", "TokenRequest", "authentication.k8s.io/v1",
                 "authentication.TokenRequest", "POST"),
}
UPDATED = [name for name, sub in SUBRESOURCES.items() if sub.method == "PUT"]
CREATED = [name for name, sub in SUBRESOURCES.items() if sub.method == "POST"]
# Of a namespaced object, and updated.
NAMESPACED = [name for name in UPDATED if "/namespaces/default/" in SUBRESOURCES[name].path]
PATCHED = [name for name in UPDATED if name != "finalize"]


async def make_objects(lab: Lab) -> None:
    """An object called p of every kind that has one of the subresources."""
    meta = {"name": "p"}
    for path, document in (
        ("/api/v1/namespaces", {}), (f"{DEFAULT}/serviceaccounts", {}), (f"{DEFAULT}/pods", {"spec": {"containers": CONTAINERS}}),
        (f"{APPS}/deployments", {"spec": WORKLOAD}),
        (f"{DEFAULT}/replicationcontrollers", {"spec": {"replicas": 1, "selector": {"a": "b"}, "template": TEMPLATE}}),
    ):
        answer = await lab.send("POST", path, {"metadata": meta, **document})
        assert answer.status == 201, answer.body
    request = CertificateSigningRequest(
        metadata=ObjectMeta(name="p"),
        spec=CertificateSigningRequestSpec(request=csr(), signer_name="kubernetes.io/kube-apiserver-client", usages=["client auth"]),
    )
    await lab.client.create(request)


def csr() -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


async def body_for(lab: Lab, name: str) -> dict[str, Any]:
    """A body that the subresource takes, of the object as it is."""
    sub = SUBRESOURCES[name]
    if sub.method == "POST":
        return {"kind": sub.kind, "apiVersion": sub.version, "metadata": {"name": "p"}, "target": {"name": "n"}} | (
            {} if name == "binding" else {"target": None})
    path = sub.path.removesuffix("/finalize").removesuffix("/approval")
    answer = await lab.get(path)
    assert answer.status == 200, answer.body
    body: dict[str, Any] = answer.json
    return body


def assert_other_uid(answer: Answer, sub: Sub, known: str) -> None:
    code, message = said(answer)
    assert code == 409
    assert message.startswith(f'Operation cannot be fulfilled on {sub.parent} "p": StorageError: invalid object, Code: 4, Key: /registry/')
    assert message.endswith(f"AdditionalErrorMsg: Precondition failed: UID in precondition: u, UID in object meta: {known}")


def said(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json.get("message", "")


@pytest.mark.parametrize("name", SUBRESOURCES)
async def test_another_kind_or_version_is_refused(lab: Lab, name: str) -> None:
    sub = SUBRESOURCES[name]
    other, version_of_other = ("Eviction", "policy/v1") if name != "eviction" else ("Scale", "autoscaling/v1")
    for kind, version, why in (
        ("ConfigMap", "v1", f'ConfigMap in version "v1" cannot be handled as a {sub.kind}: '
                            f"converting (v1.ConfigMap) to ({sub.internal}): unknown conversion"),
        (other, version_of_other, f'{other} in version "v1" cannot be handled as a {sub.kind}: '
                                  f"converting (v1.{other}) to ({sub.internal}): unknown conversion"),
        (sub.kind, "example.com/v7", f'{sub.kind} in version "v7" cannot be handled as a {sub.kind}: '
                                     f'no kind "{sub.kind}" is registered for version "example.com/v7" {SCHEME}'),
        ("Nonsense", "v1", f'Nonsense in version "v1" cannot be handled as a {sub.kind}: no kind "Nonsense" is registered for version "v1" '
                           f"{SCHEME}"),
    ):
        answer = await lab.send(sub.method, sub.path, {"kind": kind, "apiVersion": version, "metadata": {"name": "p"}})
        assert said(answer) == (400, why)


async def test_evictions_may_be_of_the_version_before(lab: Lab) -> None:
    await make_objects(lab)
    old = {"kind": "Eviction", "apiVersion": "policy/v1beta1", "metadata": {"name": "p"}}
    assert (await lab.send("POST", f"{DEFAULT}/pods/p/eviction", old)).status == 201
    scale = {"kind": "Scale", "apiVersion": "apps/v1beta1", "metadata": {"name": "p"}}
    assert said(await lab.send("PUT", f"{APPS}/deployments/p/scale", scale)) == (
        400, "the API version in the data (apps/v1beta1) does not match the expected API version (autoscaling/v1)")


@pytest.mark.parametrize("name", UPDATED)
async def test_an_update_names_its_object(lab: Lab, name: str) -> None:
    sub = SUBRESOURCES[name]
    # Whether there is such an object is not even asked.
    assert said(await lab.send("PUT", sub.path, {})) == (
        400, "the name of the object (p based on URL) was undeterminable: name must be provided")
    assert said(await lab.send("PUT", sub.path, {"metadata": {"name": "q"}})) == (
        400, "the name of the object (q) does not match the name on the URL (p)")


@pytest.mark.parametrize("name", NAMESPACED)
async def test_an_update_may_name_its_namespace_and_no_other(lab: Lab, name: str) -> None:
    answer = await lab.send("PUT", SUBRESOURCES[name].path, {"metadata": {"name": "p", "namespace": "kube-system"}})
    assert said(answer) == (400, "the namespace of the object (kube-system) does not match the namespace on the request (default)")


@pytest.mark.parametrize(("name", "code", "why"), [
    ("binding", 400, "name in URL does not match name in Binding object"),
    ("eviction", 400, "name in URL does not match name in Eviction object"),
    ("token", 422, 'TokenRequest.authentication.k8s.io "p" is invalid: metadata.name: Invalid value: "q": '
                   "must match the service account name if specified"),
])
async def test_what_is_posted_names_its_object(lab: Lab, name: str, code: int, why: str) -> None:
    path = SUBRESOURCES[name].path
    assert said(await lab.send("POST", path, {"metadata": {"name": "q"}})) == (code, why)
    if name != "token":  # which need not say it
        assert said(await lab.send("POST", path, {})) == (code, why)
    other = await lab.send("POST", path, {"metadata": {"name": "p", "namespace": "kube-system"}})
    assert said(other) == (400, "the namespace of the provided object does not match the namespace sent on the request")


@pytest.mark.parametrize("name", SUBRESOURCES)
async def test_there_is_nothing_below_what_is_not_there(lab: Lab, name: str) -> None:
    sub = SUBRESOURCES[name]
    body: dict[str, Any] = {"metadata": {"name": "p"}} | ({"target": {"name": "n"}} if name == "binding" else {})
    assert said(await lab.send(sub.method, sub.path, body)) == (404, f'{sub.parent} "p" not found')
    if name in PATCHED:
        patched = await lab.send("PATCH", sub.path, {"metadata": {"labels": {"a": "b"}}}, headers={"Content-Type": MERGE})
        assert said(patched) == (404, f'{sub.parent} "p" not found')
        read = (await lab.get(sub.path)).json["message"]
        expected = {"scale": "deployments/scale.apps", "rc-scale": "replicationcontrollers/scale.autoscaling"}.get(name, sub.parent)
        assert read == f'{expected} "p" not found'
    # An update that means a certain object does not find that one.
    if sub.method == "PUT":
        body["metadata"]["uid"] = "u"
        assert_other_uid(await lab.send("PUT", sub.path, body), sub, "")


@pytest.mark.parametrize("name", UPDATED)
async def test_an_update_of_another_object_or_version_conflicts(lab: Lab, name: str) -> None:
    await make_objects(lab)
    sub, body = SUBRESOURCES[name], await body_for(lab, name)
    known = body["metadata"]
    body["metadata"] = {**known, "uid": "u"}
    assert_other_uid(await lab.send("PUT", sub.path, body), sub, known["uid"])
    body["metadata"] = {**known, "resourceVersion": "1"}
    assert said(await lab.send("PUT", sub.path, body)) == (
        409, f'Operation cannot be fulfilled on {sub.parent} "p": '
             "the object has been modified; please apply your changes to the latest version and try again")
    body["metadata"] = {**known, "resourceVersion": "x"}
    assert said(await lab.send("PUT", sub.path, body)) == (500, 'strconv.ParseUint: parsing "x": invalid syntax')
    body["metadata"] = known
    assert (await lab.send("PUT", sub.path, body)).status == 200


async def test_a_patched_scale_is_of_its_own_object(lab: Lab) -> None:
    await make_objects(lab)
    path, headers = f"{APPS}/deployments/p/scale", {"Content-Type": MERGE}
    uid = (await lab.get(path)).json["metadata"]["uid"]
    for patch, code, why in (
        ({"uid": "u"}, 409, 'Operation cannot be fulfilled on deployments/scale.apps "p": '
                            f"Precondition failed: UID in precondition: u, UID in object meta: {uid}"),
        ({"name": "q"}, 400, "the name of the object (q) does not match the name on the URL (p)"),
        ({"name": None}, 400, "the name of the object (p based on URL) was undeterminable: name must be provided"),
        ({"namespace": "q"}, 400, "the namespace of the object (q) does not match the namespace on the request (default)"),
        ({"resourceVersion": "1"}, 409, 'Operation cannot be fulfilled on deployments.apps "p": '
                                        "the object has been modified; please apply your changes to the latest version and try again"),
    ):
        assert said(await lab.send("PATCH", path, {"metadata": patch}, headers=headers)) == (code, why)


@pytest.mark.parametrize("name", PATCHED)
async def test_patches_name_their_object_too(lab: Lab, name: str) -> None:
    await make_objects(lab)
    path, headers = SUBRESOURCES[name].path, {"Content-Type": MERGE}
    assert said(await lab.send("PATCH", path, {"metadata": {"name": "q"}}, headers=headers)) == (
        400, "the name of the object (q) does not match the name on the URL (p)")
    assert said(await lab.send("PATCH", path, {"metadata": {"name": None}}, headers=headers)) == (
        400, "the name of the object (p based on URL) was undeterminable: name must be provided")
    for media_type in ("application/json", "text/plain", ""):
        answer = await lab.send("PATCH", path, {}, headers={"Content-Type": media_type})
        assert answer.status == 415 and MERGE in answer.json["message"]


@pytest.mark.parametrize("name", [*UPDATED, "binding", "eviction"])
async def test_a_dry_run_changes_nothing(lab: Lab, name: str) -> None:
    await make_objects(lab)
    sub, body = SUBRESOURCES[name], await body_for(lab, name)
    before = lab.store.revision
    if sub.kind == "Scale":
        body["spec"]["replicas"] = 7
    answer = await lab.send(sub.method, f"{sub.path}?dryRun=All", body)
    assert answer.status == (200 if sub.method == "PUT" else 201), answer.body
    if sub.kind == "Scale":
        assert answer.json["spec"]["replicas"] == 7
    assert lab.store.revision == before
    assert (await lab.send(sub.method, f"{sub.path}?dryRun=Some", body)).status == 422


@pytest.mark.parametrize(("method", "path", "code"), [
    ("POST", f"{DEFAULT}/pods/p/status", 405), ("DELETE", f"{APPS}/deployments/p/scale", 405), ("GET", f"{DEFAULT}/pods/p/binding", 405),
    ("GET", f"{DEFAULT}/pods/p/eviction", 405), ("PATCH", f"{DEFAULT}/serviceaccounts/p/token", 405),
    ("PATCH", "/api/v1/namespaces/p/finalize", 405), ("GET", f"{DEFAULT}/pods/p/scale", 404), ("POST", f"{APPS}/deployments/p/token", 404),
    ("POST", "/api/v1/bindings", 405), ("POST", f"{DEFAULT}/bindings/p", 405), ("GET", f"{DEFAULT}/bindings", 405),
])
async def test_other_methods_and_subresources_are_not_there(lab: Lab, method: str, path: str, code: int) -> None:
    assert (await lab.send(method, path, {})).status == code


async def test_nothing_is_posted_below_objects_of_a_namespace_that_is_not_there(lab: Lab) -> None:
    body = {"metadata": {"name": "p"}, "target": {"name": "n"}}
    for path in ("pods/p/binding", "bindings", "pods/p/eviction", "serviceaccounts/p/token"):
        sent = body if "binding" in path else {"metadata": {"name": "p"}}
        assert said(await lab.send("POST", f"/api/v1/namespaces/gone/{path}", sent)) == (404, 'namespaces "gone" not found')


async def test_a_token_is_of_the_account_that_is_meant(lab: Lab) -> None:
    await make_objects(lab)
    path = f"{DEFAULT}/serviceaccounts/p"
    uid = (await lab.get(path)).json["metadata"]["uid"]
    assert said(await lab.send("POST", path + "/token", {"metadata": {"uid": "u"}})) == (
        409, 'Operation cannot be fulfilled on TokenRequest.authentication.k8s.io "p": '
             f"the UID in the token request (u) does not match the UID of the service account ({uid})")
    made = await lab.send("POST", path + "/token", {"metadata": {"uid": uid}})
    assert made.status == 201 and made.json["metadata"].items() >= {"name": "p", "namespace": "default", "uid": uid}.items()
