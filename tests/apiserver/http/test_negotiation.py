"""Accept headers choose the form of an answer."""

from __future__ import annotations

import pytest

from minikube_py.apiserver.http.negotiation import JSON, Form, Negotiated, negotiate
from minikube_py.core.errors import NotAcceptableError

KUBECTL = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"


@pytest.mark.parametrize(("accept", "wanted"), [
    ("", JSON), ("*/*", JSON), ("application/*", JSON), ("application/json", JSON),
    ("application/vnd.kubernetes.protobuf, application/json", JSON),
    ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON),
    (KUBECTL, Negotiated(Form.TABLE, False)),
    ("application/json;as=Table;v=v9;g=meta.k8s.io,application/json", JSON),
    ("application/json;as=Sculpture;v=v1;g=meta.k8s.io,application/json", JSON),
    ("application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", Negotiated(Form.PARTIAL, False)),
    ("application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,"
     "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", Negotiated(Form.PARTIAL_LIST, False)),
    ("application/yaml", Negotiated(Form.OBJECT, True)),
    ("application/yaml;q=0.5, application/json;q=0.9", JSON),
])
def test_first_clause_that_can_be_served_wins(accept: str, wanted: Negotiated) -> None:
    assert negotiate(accept) == wanted


@pytest.mark.parametrize("accept", ["image/png", "application/json;q=0", "application/json;as=Table;v=v9;g=meta.k8s.io"])
def test_what_cannot_be_served_is_not_acceptable(accept: str) -> None:
    with pytest.raises(NotAcceptableError, match="only the following media types are accepted: application/json, application/yaml"):
        negotiate(accept)
