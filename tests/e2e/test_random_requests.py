"""Random requests for every operation of the server's own OpenAPI documents find no internal error and no untrue document.

RANDOM_REQUESTS is the number of requests for each operation; RANDOM_REQUESTS_SEED draws others than usual.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, Phase
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import FailureGroup

from bench.program import TOKEN, Running, server
from minikube_py.apis import scheme
from minikube_py.apis.resources import RESOURCES
from tests.apis.nulls import nullable_lists
from tests.fuzz.documents import NAMESPACE, right_objects

from .random_requests import STREAMS, Sent, requests_of

pytestmark = [
    pytest.mark.e2e, pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
    pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning"),
]

EXAMPLES = int(os.environ.get("RANDOM_REQUESTS", "3"))
SEED = os.environ.get("RANDOM_REQUESTS_SEED")
CUSTOM = "/apis/fuzz.example.com/v1"
# The custom one goes first: requests of apiextensions.k8s.io delete its definition.
PREFIXES = [CUSTOM, *dict.fromkeys(resource.api_prefix for resource in RESOURCES)]
SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    derandomize=SEED is None,
)
PATIENCE_S = 30.0
DOCUMENTED = ("status_code_conformance", "content_type_conformance", "response_schema_conformance")
# How answers begin that have status 500 upstream, too. They have no reason.
UPSTREAMS = (
    "resourceVersion should not be set on objects to be created", "failed to create typed patch object",
    "failed to create typed live object", "strconv.ParseUint: parsing", "resourceVersion: Invalid value: ", "target.", "[target.",
    "Non-matching dry-run options", "Component not found: ",
)
# Upstream's answers do not agree with its documents here, nor do ours. An event made by way of the core group has no eventTime.
UPSTREAMS_TOO = ('"eventTime" is a required property',)
# Go writes null for times and lists that are unset and not left out; the documents, as upstream's, tell of texts and arrays.
NULL = "null is not of type"
NULLABLE = {fact for resource in RESOURCES for fact in nullable_lists(scheme.type_of(*resource.gvk), set())}
NULLS = (
    "apis.meta.v1.MicroTime:", "apis.meta.v1.Time:",
    *(f".{struct}/properties/{field}:" for _, struct, field in (fact.split(".") for fact in sorted(NULLABLE))),
)
# What random requests make of these may keep right objects out.
LIMITING = ("resourcequotas", "limitranges")
# Right bodies of subresources that are of a kind of their own.
PARTS: dict[str, dict[str, Any]] = {
    "Scale": {"apiVersion": "autoscaling/v1", "spec": {"replicas": 2}},
    "Eviction": {"apiVersion": "policy/v1", "deleteOptions": {"gracePeriodSeconds": 0}},
    "Binding": {"apiVersion": "v1", "target": {"kind": "Node", "name": "node-1"}},
    "TokenRequest": {"apiVersion": "authentication.k8s.io/v1", "spec": {"audiences": ["a"], "expirationSeconds": 600}},
}


def signing_request() -> dict[str, Any]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "jane")])
    pem = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return {
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": "jane"},
        "spec": {"request": base64.b64encode(pem).decode(), "signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"]},
    }


@dataclass
class World:
    """The server, right objects by the path of their collection, and what has been wrong with answers."""

    running: Running
    session: requests.Session
    right: dict[str, dict[str, Any]] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)

    def get(self, path: str) -> Any:
        answer = self.session.get(self.running.url + path)
        answer.raise_for_status()
        return answer.json()

    def know(self, document: dict[str, Any]) -> None:
        """Create a right object; the first of a kind is the one that others are drawn from."""
        of_kind = (r for r in RESOURCES if (r.group_version, r.kind) == (document["apiVersion"], document["kind"]))
        resource = next(of_kind, None)
        collection = resource.collection_path(NAMESPACE) if resource is not None else f"{CUSTOM}/namespaces/{NAMESPACE}/gadgets"
        self.right.setdefault(collection, document)
        self._create(collection, document)

    def make(self, collection: str) -> None:
        """Create the right object of a collection unless it is there."""
        if collection in self.right:
            self._create(collection, self.right[collection])

    def _create(self, collection: str, document: dict[str, Any]) -> None:
        answer = self.session.post(self.running.url + collection, json=document)
        if answer.status_code == 403:
            for plural in LIMITING:
                self.session.delete(f"{self.running.url}/api/v1/namespaces/{NAMESPACE}/{plural}").raise_for_status()
            answer = self.session.post(self.running.url + collection, json=document)
        assert answer.status_code in (201, 409), answer.text

    def right_of(self, operation: Any) -> tuple[str, dict[str, Any] | None]:
        """The collection that an operation is about, and a right body, whose name is that of an object that exists."""
        collection = operation.path.partition("/{name}")[0].replace("{namespace}", NAMESPACE)
        main = self.right.get(collection)
        kind = operation.definition.raw.get("x-kubernetes-group-version-kind", {}).get("kind", "")
        if main is not None and kind != main["kind"] and kind in PARTS:
            return collection, {**PARTS[kind], "kind": kind, "metadata": {"name": main["metadata"]["name"]}}
        return collection, main

    def send(self, sent: Sent) -> requests.Response:
        """The answer; of a watch, its head."""
        stream = sent.query.get("watch") in ("true", "1")
        answer = self.session.request(
            sent.method, self.running.url + sent.path, params=sent.query, headers=sent.headers, data=sent.body, stream=stream,
            timeout=PATIENCE_S,
        )
        if stream:
            answer.close()
        return answer

    def try_out(self, sent: Sent) -> None:
        answer = self.send(sent)
        problem = self.problem(sent, answer)
        if problem:
            self.wrong.setdefault(f"{sent.method} {sent.case.operation.path} {answer.status_code} {problem[:150]}", f"{sent}\n{problem}")

    def problem(self, sent: Sent, answer: requests.Response) -> str:
        """What is wrong with an answer, or "". """
        if answer.status_code < 300:
            return undocumented(sent, answer)
        if answer.headers["Content-Type"] != "application/json":
            return "" if answer.status_code < 500 else answer.text
        status = answer.json()
        if status.get("kind") != "Status" or status.get("code") != answer.status_code or not status.get("message"):
            return f"no Status: {answer.text}"
        upstreams = status["message"].startswith(UPSTREAMS) and "reason" not in status
        if answer.status_code >= 500 and answer.status_code != 504 and not upstreams:
            return str(status["message"])
        return ""


def undocumented(sent: Sent, answer: requests.Response) -> str:
    """What of a good answer is not as the document says."""
    if sent.query.get("watch") in ("true", "1") or "as=" in sent.headers["Accept"] or "json" not in answer.headers["Content-Type"]:
        return ""
    if (answer.json()["kind"] == "Status") != (sent.method == "DELETE"):
        # The documents, as upstream's, tell of a Status where an object that is not gone yet is shown, and of a Binding where a Status is.
        return ""
    try:
        sent.case.validate_response(answer, checks=[CHECKS.get_one(name) for name in DOCUMENTED])
    except FailureGroup as group:
        found = [f"{failure.title}: {failure.message}" for failure in group.exceptions]
        return "\n".join(problem for problem in found if not is_upstreams(problem))
    return ""


def is_upstreams(problem: str) -> bool:
    return any(known in problem for known in UPSTREAMS_TOO) or (NULL in problem and any(place in problem for place in NULLS))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    urllib3.disable_warnings()
    load_all_checks()
    with server() as running, requests.Session() as session:
        session.trust_env, session.verify = False, False
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        world = World(running, session)
        for document in [*right_objects(), signing_request()]:
            if document["kind"] == "Gadget":
                wait_served(world)
            world.know(document)
        yield world


def wait_served(world: World) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while CUSTOM.removeprefix("/") not in world.get("/openapi/v3")["paths"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def try_out(world: World, operation: Any) -> None:
    """Send random requests of an operation."""
    collection, right = world.right_of(operation)
    world.make(collection)

    def one(sent: Sent) -> None:
        world.try_out(sent)
        if sent.method == "DELETE":
            world.make(collection)

    run = SETTINGS(hypothesis.given(requests_of(operation, right))(one))
    (hypothesis.seed(int(SEED))(run) if SEED is not None else run)()


@pytest.mark.parametrize("prefix", PREFIXES)
def test_random_requests(world: World, prefix: str) -> None:
    schema = schemathesis.openapi.from_dict(world.get(f"/openapi/v3{prefix}"))
    for found in schema.get_all_operations():
        operation = found.ok()
        if not any(part in operation.path for part in STREAMS):
            try_out(world, operation)
    wrong, world.wrong = world.wrong, {}
    assert not wrong, "\n\n".join([f"{len(wrong)} wrong", *wrong.values()])
    log = world.running.log.read_text()
    assert "Traceback" not in log, log[-10000:]
    assert world.session.get(world.running.url + "/readyz").text == "ok"
