"""The plugin's configuration: defaults, and what is wrong with one."""

from __future__ import annotations

from typing import Any

from minikube_py.apis.pod_security import PRIVILEGED, LevelVersion, Policy
from minikube_py.apis.pod_security.configuration import PodSecurityConfiguration, default_policy, validate
from minikube_py.apis.scheme import from_document

LONG = "test" * 16


def configuration(**parts: Any) -> PodSecurityConfiguration:
    return from_document(PodSecurityConfiguration, parts)


def complaints(**parts: Any) -> list[str]:
    return [f"{cause.field}: {cause.message}" for cause in validate(configuration(**parts))]


def test_what_is_not_said_is_privileged_and_latest() -> None:
    assert default_policy(configuration()) == PRIVILEGED and complaints() == []
    assert default_policy(configuration(defaults={"enforce": "", "warn-version": ""})) == PRIVILEGED


def test_defaults_are_as_written() -> None:
    made = configuration(defaults={"enforce": "baseline", "enforce-version": "v1.7", "audit": "restricted", "warn-version": "v1.2"})
    assert default_policy(made) == Policy(
        LevelVersion("baseline", "v1.7"), LevelVersion("restricted", "latest"), LevelVersion("privileged", "v1.2"))


def test_wrong_defaults_are_told() -> None:
    assert complaints(defaults={"enforce": "baslein", "enforce-version": "v.122", "audit": "lorum", "audit-version": "ipsum"}) == [
        'defaults.enforce: Invalid value: "baslein": must be one of privileged, baseline, restricted',
        'defaults.enforce-version: Invalid value: "v.122": must be "latest" or "v1.x"',
        'defaults.audit: Invalid value: "lorum": must be one of privileged, baseline, restricted',
        'defaults.audit-version: Invalid value: "ipsum": must be "latest" or "v1.x"',
    ]


def test_exempt_names_have_their_syntax_and_come_once() -> None:
    found = complaints(exemptions={
        "namespaces": ["", "_&$", "TEST", LONG, "testing", "testing"], "runtimeClasses": ["a.b", "TEST", "a.b"],
        "usernames": ["", "system:serviceaccount:a:b", "system:serviceaccount:a:b"],
    })
    assert [text.split(": ")[:2] for text in found] == [
        *([f"exemptions.namespaces[{index}]", "Invalid value"] for index in range(4)), ["exemptions.namespaces[5]", "Duplicate value"],
        ["exemptions.runtimeClasses[1]", "Invalid value"], ["exemptions.runtimeClasses[2]", "Duplicate value"],
        ["exemptions.usernames[0]", "Invalid value"], ["exemptions.usernames[2]", "Duplicate value"],
    ]
    assert 'exemptions.usernames[0]: Invalid value: "": username must not be empty' in found
