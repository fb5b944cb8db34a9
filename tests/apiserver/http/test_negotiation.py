"""Accept headers choose the form of an answer, as upstream reads them."""

from __future__ import annotations

import time

import pytest

from minikube_py.apiserver.accept import accepts_gzip, names_gzip
from minikube_py.apiserver.http.negotiation import JSON, Coding, Form, Negotiated, negotiate, negotiate_status, wants_pretty
from minikube_py.apiserver.http.query import Query, parse_query
from minikube_py.core.errors import NotAcceptableError

KUBECTL = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
PROTOBUF = "application/vnd.kubernetes.protobuf"
YAML = Negotiated(Form.OBJECT, Coding.YAML)


@pytest.mark.parametrize(("accept", "wanted"), [
    ("", JSON), (" ", JSON), ("*/*", JSON), ("*", JSON), ("application/*", JSON), ("application/json", JSON),
    ("application/vnd.kubernetes.protobuf, application/json", JSON),
    ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON),
    (KUBECTL, Negotiated(Form.TABLE, Coding.JSON)),
    ("application/json;as=Table;v=v1beta1;g=meta.k8s.io", Negotiated(Form.TABLE, Coding.JSON, "v1beta1")),
    ("application/json;as=Table;v=v9;g=meta.k8s.io,application/json", JSON),
    ("application/json;as=Sculpture;v=v1;g=meta.k8s.io,application/json", JSON),
    ("application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", Negotiated(Form.PARTIAL, Coding.JSON)),
    ("application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,"
     "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", Negotiated(Form.PARTIAL_LIST, Coding.JSON)),
    ("application/yaml;as=Table;v=v1;g=meta.k8s.io", Negotiated(Form.TABLE, Coding.YAML)),
    ("application/yaml", YAML),
    ("application/yaml;q=0.5, application/json;q=0.9", JSON),
    ("application/json;stream=watch", JSON),
    ("application/yaml;stream=watch, application/json", JSON),
    ("application/json;stream=trout, application/yaml", YAML),
    ("application/json;sv=v1", JSON),
    ("application/json;sv=v9, application/yaml", YAML),
    ("application/json;pretty=1", Negotiated(Form.OBJECT, Coding.JSON, pretty=True)),
    ("application/json;charset=utf-8;foo", JSON),
    # A range with stars comes behind one without, whatever its quality.
    ("*/*, application/yaml;q=0.1", YAML),
    # What is refused is taken when there is nothing else.
    ("application/json;q=0", JSON),
    ("application/yaml;q=nonsense, application/json;q=0.1", JSON),
])
def test_first_clause_that_can_be_served_wins(accept: str, wanted: Negotiated) -> None:
    assert negotiate(accept) == wanted


@pytest.mark.parametrize("accept", [
    "image/png", "json", "application/json/v1", "application/json;as=Table;v=v9;g=meta.k8s.io", "application/json;as=Table",
    "application/vnd.kubernetes.protobuf", "application/JSON", "application/x-yaml",
])
def test_what_cannot_be_served_is_not_acceptable(accept: str) -> None:
    for watch in (False, True):
        with pytest.raises(NotAcceptableError) as refused:
            negotiate(accept, watch=watch)
        assert str(refused.value) == f"only the following media types are accepted: application/json, application/yaml, {PROTOBUF}"


@pytest.mark.parametrize(("accept", "wanted"), [
    (PROTOBUF, Negotiated(Form.OBJECT, Coding.PROTOBUF)), (f"{PROTOBUF},application/yaml", YAML), (f"{PROTOBUF},*/*;q=0.1", JSON),
    (f"{PROTOBUF};as=PartialObjectMetadata;v=v1;g=meta.k8s.io", Negotiated(Form.PARTIAL, Coding.PROTOBUF)),
    (f"{PROTOBUF};as=Table;v=v1;g=meta.k8s.io,{PROTOBUF}", Negotiated(Form.OBJECT, Coding.PROTOBUF)),
])
def test_protobuf_is_for_who_takes_nothing_else(accept: str, wanted: Negotiated) -> None:
    assert negotiate(accept, protobuf=True) == wanted


@pytest.mark.parametrize("accept", [
    "application/yaml", "application/yaml;as=Table;g=meta.k8s.io;v=v1", "application/yaml, application/json",
])
def test_watches_are_streams(accept: str) -> None:
    with pytest.raises(NotAcceptableError) as refused:
        negotiate(accept, watch=True)
    assert str(refused.value) == f"only the following media types are accepted: application/json;stream=watch, {PROTOBUF};stream=watch"
    assert negotiate(KUBECTL, watch=True).form is Form.TABLE


def test_errors_are_no_tables() -> None:
    assert negotiate_status(KUBECTL) == negotiate_status("") == JSON
    assert negotiate_status("application/json;as=Table;v=v1;g=meta.k8s.io, application/yaml") == YAML
    assert negotiate_status("application/json;as=Table;v=v1;g=meta.k8s.io") is None


@pytest.mark.parametrize(("query", "agent", "pretty"), [
    ("", "kubectl/v1.36.0", False), ("", "curl/8.0", True), ("", "Wget/1.2", True), ("", "Mozilla/5.0 (X11)", True),
    ("", "Mozilla/4", False),
    ("pretty=true", "", True), ("pretty=1", "", True), ("pretty=false", "curl/8.0", False), ("pretty=yes", "curl/8.0", False),
    ("pretty=", "curl/8.0", True), ("pretty", "", False),
])
def test_who_gets_indented_json(query: str, agent: str, pretty: bool) -> None:
    assert wants_pretty(Query(query), agent) is pretty


@pytest.mark.parametrize(("header", "named"), [
    ("gzip", True), ("deflate, gzip ,br", True), ("", False), ("*", False), ("gzip;q=0.5", False), ("x-gzip", False),
])
def test_gzip_must_be_named(header: str, named: bool) -> None:
    assert names_gzip(header) is named


@pytest.mark.parametrize("header", [
    ",".join(f"a/b;q=0.{number:05}" for number in range(80_000)), "," * 1_000_000, "a/b," * 250_000,
], ids=["ascending", "empty", "equal"])
def test_a_header_without_end_holds_nobody_up(header: str) -> None:
    begin = time.process_time()
    assert negotiate_status(header) is None and not names_gzip(header) and not accepts_gzip(header)
    with pytest.raises(NotAcceptableError):
        negotiate(header)
    assert time.process_time() - begin < 0.2


def test_a_query_of_too_many_parameters_has_none() -> None:
    assert parse_query("&".join(["watch=1"] * 10_000)).flag("watch")
    assert parse_query("&".join(["watch=1"] * 10_001)).all == []
