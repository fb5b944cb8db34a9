"""The numbers of replicas of custom resources are checked where the definition says that they are."""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apis.apiextensions_v1 import CustomResourceSubresourceScale
from minikube_py.apiserver.apiextensions.scale import CustomScale

SCALE = CustomScale(CustomResourceSubresourceScale(spec_replicas_path=".spec.size.replicas", status_replicas_path=".status.replicas"))


@pytest.mark.parametrize(("document", "complaints"), [
    ({}, []),
    ({"spec": {"size": {"replicas": 3}}, "status": {"replicas": 2}}, []),
    ({"spec": {"size": {"replicas": -1}}}, [".spec.size.replicas: Invalid value: -1: should be a non-negative integer"]),
    ({"status": {"replicas": 2**31}}, [".status.replicas: Invalid value: 2147483648: should be less than or equal to 2147483647"]),
    ({"spec": {"size": {"replicas": "many"}}}, [
        ".spec.size.replicas: Invalid value: 0: .spec.size.replicas accessor error: many is of the type string, expected int64"]),
    ({"spec": {"size": {"replicas": {"b": [1, True], "a": 2.5}}}}, [
        ".spec.size.replicas: Invalid value: 0: .spec.size.replicas accessor error: map[a:2.5 b:[1 true]] is of the type "
        "map[string]interface {}, expected int64"]),
    ({"spec": {"size": 3}}, [
        ".spec.size.replicas: Invalid value: 0: .spec.size.replicas accessor error: 3 is of the type int64, expected "
        "map[string]interface{}"]),
    ({"status": {"replicas": None}}, [
        ".status.replicas: Invalid value: 0: .status.replicas accessor error: <nil> is of the type <nil>, expected int64"]),
])
def test_what_is_wrong_with_replicas(document: dict[str, Any], complaints: list[str]) -> None:
    assert [f"{cause.field}: {cause.message}" for cause in SCALE.validate(document)] == complaints
    assert len(SCALE.validate(document, status=True)) == sum(text.startswith(".status") for text in complaints)
