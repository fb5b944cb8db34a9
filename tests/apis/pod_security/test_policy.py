"""What the labels of a namespace ask for. Source: staging/src/k8s.io/pod-security-admission/api/helpers_test.go"""

from __future__ import annotations

from typing import cast

import pytest

from minikube_py.apis.pod_security import PRIVILEGED, LevelVersion, Policy, policy_of
from minikube_py.apis.pod_security.policy import Level, version_complaint

P = "pod-security.kubernetes.io/"


def level(text: str) -> LevelVersion:
    """Of "baseline" or "baseline:v1.22"."""
    name, _, version = text.partition(":")
    return LevelVersion(cast(Level, name), version or "latest")


def labels(text: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in text.split())
    return {"kubernetes.io/metadata.name": "n", **{P + name: value for name, _, value in pairs}}


@pytest.mark.parametrize(("text", "enforce", "audit", "warn"), [
    ("", "privileged", "privileged", "privileged"),
    ("enforce=baseline", "baseline", "privileged", "baseline"),
    ("warn=restricted", "privileged", "privileged", "restricted"),
    ("audit=baseline", "privileged", "baseline", "privileged"),
    ("enforce=baseline warn=restricted", "baseline", "privileged", "restricted"),
    ("enforce=baseline enforce-version=v1.22", "baseline:v1.22", "privileged", "baseline:v1.22"),
    ("enforce=baseline enforce-version=v1.22 warn-version=latest", "baseline:v1.22", "privileged", "baseline"),
    ("enforce=baseline warn-version=v1.23", "baseline", "privileged", "baseline:v1.23"),
    ("enforce=baseline enforce-version=v1.20 warn=restricted warn-version=v1.21 audit=restricted audit-version=v1.22",
     "baseline:v1.20", "restricted:v1.22", "restricted:v1.21"),
    ("enforce=baseline warn=privileged", "baseline", "privileged", "privileged"),
    ("enforce-version=v1.3", "privileged:v1.3", "privileged", "privileged"),
])
def test_labels_say_the_policy(text: str, enforce: str, audit: str, warn: str) -> None:
    assert policy_of(labels(text), PRIVILEGED) == (Policy(level(enforce), level(audit), level(warn)), ())


@pytest.mark.parametrize(("text", "enforce", "audit", "warn", "complaint"), [
    ("enforce=foo", "restricted", "privileged", "privileged", 'enforce]: "foo": must be one of privileged, baseline, restricted'),
    ("enforce=Baseline", "restricted", "privileged", "privileged", 'enforce]: "Baseline": must be one of privileged, baseline, restricted'),
    ("audit=", "privileged", "privileged", "privileged", 'audit]: "": must be one of privileged, baseline, restricted'),
    ("enforce=baseline warn=foo", "baseline", "privileged", "privileged", 'warn]: "foo": must be one of privileged, baseline, restricted'),
    ("enforce=baseline enforce-version=v2.0", "baseline", "privileged", "baseline",
     'enforce-version]: "v2.0": must be "latest" or "v1.x"'),
    ("audit=baseline audit-version=1.2", "privileged", "baseline", "privileged", 'audit-version]: "1.2": must be "latest" or "v1.x"'),
])
def test_labels_without_meaning_fail_closed_for_enforcement_alone(text: str, enforce: str, audit: str, warn: str, complaint: str) -> None:
    policy, causes = policy_of(labels(text), PRIVILEGED)
    assert policy == Policy(level(enforce), level(audit), level(warn))
    assert [f"{cause.field}: {cause.message}" for cause in causes] == [f"metadata.labels[{P}" + complaint.replace(
        "]: ", "]: Invalid value: ", 1)]


def test_all_wrong_labels_are_told_in_order() -> None:
    causes = policy_of(labels("warn=x enforce-version=x audit-version=x enforce=x"), PRIVILEGED)[1]
    assert [cause.field for cause in causes] == [
        f"metadata.labels[{P}{name}]" for name in ("enforce", "enforce-version", "audit-version", "warn")]


def test_defaults_hold_where_no_label_says_otherwise() -> None:
    defaults = Policy(level("baseline:v1.20"), level("restricted"), level("restricted:v1.21"))
    assert policy_of({"a": "b"}, defaults) == (defaults, ())
    assert policy_of(labels("enforce=restricted"), defaults)[0] == defaults._replace(enforce=level("restricted:v1.20"))


@pytest.mark.parametrize("text", ["latest", "v1.0", "v1.9", "v1.36", "v1.10000", f"v1.{2**63 - 1}"])
def test_versions_have_a_form(text: str) -> None:
    assert version_complaint(text) == ""


@pytest.mark.parametrize("text", ["", "foo", "v1", "v1.", "v1.01", "v1.-1", "v2.0", "1.1", "v1.2.3", "Latest", "v1.1\n", f"v1.{2**63}"])
def test_other_texts_are_no_versions(text: str) -> None:
    assert version_complaint(text) == 'must be "latest" or "v1.x"'


def test_privileged_levels_are_equivalent_in_all_versions() -> None:
    assert level("privileged:v1.1").equivalent(level("privileged:v1.2")) and not level("baseline:v1.1").equivalent(level("baseline:v1.2"))
    assert PRIVILEGED.equivalent(Policy(level("privileged:v1.1"))) and not PRIVILEGED.equivalent(Policy(level("baseline")))
