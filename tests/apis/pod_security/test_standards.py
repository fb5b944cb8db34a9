"""Which pods the levels let in, by version, and what is said of the others: the table in `standards.yaml`.

Source: staging/src/k8s.io/pod-security-admission/policy (the tests of each check), test/fixtures_*.go
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from minikube_py.apis.core_v1 import Pod
from minikube_py.apis.pod_security import Evaluation, LevelVersion, evaluate
from minikube_py.apis.pod_security.evaluation import CHECKS
from minikube_py.apis.pod_security.policy import Level
from minikube_py.apis.scheme import from_document

ROWS = yaml.safe_load((Path(__file__).parent / "standards.yaml").read_text())
RIGHT = [(row, change) for row in ROWS for change in row["right"]]
WRONG = [(row, case) for row in ROWS for case in row["wrong"]]
# Versions of the policy: those of the standard, and some that are yet to come.
MINORS = range(40)


def container(name: str, level: Level) -> dict[str, Any]:
    context = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}} if level == "restricted" else {}
    return {"name": name, "image": "i", "securityContext": context}


def pod(level: Level, change: Mapping[str, Any] | None = None) -> Pod:
    """A pod that is right by a level, and then changed."""
    context = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}} if level == "restricted" else {}
    spec: dict[str, Any] = {
        "initContainers": [container("i", level)], "containers": [container("c", level)], "ephemeralContainers": [container("e", level)],
        "securityContext": context,
    }
    document = {"metadata": {"name": "p"}, "spec": spec}
    for pointer, value in (change or {}).items():
        *parents, last = (f"spec{pointer}" if pointer.startswith("/") else pointer).split("/")
        at: Any = document
        for step in parents:
            at = at[int(step)] if isinstance(at, list) else at.setdefault(step, {})
        at[last] = value
        if value is None:
            del at[last]
    return from_document(Pod, document)


def judge(subject: Pod, level: Level, version: str) -> Evaluation:
    return evaluate(LevelVersion(level, version), subject.metadata, subject.spec)


def label(value: Any) -> str:
    return str(value.get("check", ""))


def test_every_control_has_its_row() -> None:
    assert {row["check"]: (row["level"], row.get("since", 0)) for row in ROWS} == {
        check.id: (check.level, check.versions[0][0]) for check in CHECKS}


@pytest.mark.parametrize("level", ["baseline", "restricted"])
def test_pod_without_a_fault_is_right_in_all_versions(level: Level) -> None:
    assert all(judge(pod(level), level, version).allowed for version in ["latest", *(f"v1.{minor}" for minor in MINORS)])


@pytest.mark.parametrize(("row", "change"), RIGHT, ids=label)
def test_right_pods_are_let_in(row: dict[str, Any], change: dict[str, Any]) -> None:
    subject = pod(row["level"], change)
    for version in ["latest", *(f"v1.{minor}" for minor in MINORS)]:
        assert judge(subject, row["level"], version).detail == "", version


@pytest.mark.parametrize(("row", "case"), WRONG, ids=label)
def test_wrong_pods_are_told_what_is_wrong(row: dict[str, Any], case: dict[str, Any]) -> None:
    subject = pod(row["level"], case["set"])
    first, last = case.get("from", row.get("since", 0)), case.get("until", MINORS[-1])
    for minor in MINORS:
        expected = case["says"] if first <= minor <= last else ""
        assert judge(subject, row["level"], f"v1.{minor}").detail == expected, minor
    assert judge(subject, row["level"], "latest").detail == ("" if "until" in case else case["says"])


@pytest.mark.parametrize(("row", "case"), [(row, case) for row, case in WRONG if row["level"] == "baseline"], ids=label)
def test_restricted_level_asks_for_all_of_the_baseline(row: dict[str, Any], case: dict[str, Any]) -> None:
    subject = pod("restricted", case["set"])
    first, last = case.get("from", row.get("since", 0)), case.get("until", MINORS[-1])
    says: dict[int, str] = case.get("restricted", {})
    for minor in MINORS:
        expected = case["says"] if first <= minor <= last else ""
        if says:
            expected = next((text for since, text in reversed(says.items()) if since <= minor), "")
        assert judge(subject, "restricted", f"v1.{minor}").detail == expected, minor


def test_privileged_level_lets_all_in() -> None:
    assert judge(pod("baseline", {"/hostNetwork": True}), "privileged", "latest").allowed


def test_faults_are_told_in_the_order_of_the_controls_the_baseline_first() -> None:
    subject = pod("baseline", {
        "/hostPID": True, "/containers/0/securityContext/privileged": True, "/containers/0/securityContext/runAsUser": 0,
        "/volumes": [{"name": "v", "hostPath": {"path": "/"}}], "/initContainers": [], "/ephemeralContainers": [],
    })
    evaluation = judge(subject, "restricted", "latest")
    assert evaluation.reason == (
        "host namespaces, privileged, allowPrivilegeEscalation != false, unrestricted capabilities, restricted volume types, "
        "runAsNonRoot != true, runAsUser=0, seccompProfile")
    assert evaluation.detail == (
        'host namespaces (hostPID=true), privileged (container "c" must not set securityContext.privileged=true), '
        'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), '
        'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), '
        'restricted volume types (volume "v" uses restricted volume type "hostPath"), '
        'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), '
        'runAsUser=0 (container "c" must not set runAsUser=0), '
        'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")')
