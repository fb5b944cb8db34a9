"""Which rule of a policy a request meets, and what is said of a policy that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from minikube_py.apiserver.audit.policy import LEVEL_NAMES, AuditPolicyError, PolicyEvaluator, read_policy
from minikube_py.apiserver.authentication.user import UserInfo
from minikube_py.apiserver.http.request_info import parse

ADMIN = UserInfo("admin", "", ("system:masters", "system:authenticated"))


def written(directory: Path, *rules: Any, **more: Any) -> Path:
    file = directory / "policy.yaml"
    file.write_text(yaml.safe_dump({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [*rules]} | more))
    return file


def level(directory: Path, rule: dict[str, Any], method: str, path: str, user: UserInfo | None = ADMIN) -> str:
    evaluator = PolicyEvaluator(read_policy(written(directory, {"level": "Request"} | rule)))
    return LEVEL_NAMES[evaluator.evaluate(user, parse(method, path, False)).level]


POD = "/api/v1/namespaces/default/pods/p"


@pytest.mark.parametrize(("rule", "method", "path", "met"), [
    ({}, "GET", POD, True),
    ({}, "GET", "/healthz", True),
    ({"users": ["admin"]}, "GET", POD, True),
    ({"users": ["other"]}, "GET", POD, False),
    ({"userGroups": ["other", "system:masters"]}, "GET", POD, True),
    ({"userGroups": ["other"]}, "GET", POD, False),
    ({"verbs": ["get"]}, "GET", POD, True),
    ({"verbs": ["delete"]}, "GET", POD, False),
    ({"verbs": ["get"]}, "GET", "/healthz", True),
    ({"namespaces": ["default"]}, "GET", POD, True),
    ({"namespaces": ["kube-system"]}, "GET", POD, False),
    ({"namespaces": [""]}, "GET", "/api/v1/nodes/n", True),
    ({"namespaces": [""]}, "GET", "/healthz", False),
    ({"resources": [{"group": ""}]}, "GET", POD, True),
    ({"resources": [{"group": "apps"}]}, "GET", POD, False),
    ({"resources": [{"group": "*"}]}, "GET", POD, True),
    ({"resources": [{"group": "*", "resources": ["*/status"]}]}, "PATCH", "/apis/apps/v1/namespaces/n/deployments/d/status", True),
    ({"resources": [{"group": "*", "resources": ["*/status"]}]}, "GET", POD, False),
    ({"resources": [{"group": "*"}]}, "GET", "/healthz", False),
    ({"resources": [{"group": "", "resources": ["pods"]}]}, "GET", POD, True),
    ({"resources": [{"group": "", "resources": ["pods"]}]}, "GET", POD + "/log", False),
    ({"resources": [{"group": "", "resources": ["pods/log"]}]}, "GET", POD + "/log", True),
    ({"resources": [{"group": "", "resources": ["pods/*"]}]}, "GET", POD + "/log", True),
    ({"resources": [{"group": "", "resources": ["pods/*"]}]}, "GET", POD, True),
    ({"resources": [{"group": "", "resources": ["*/log"]}]}, "GET", POD + "/log", True),
    ({"resources": [{"group": "", "resources": ["*/log"]}]}, "GET", POD, False),
    ({"resources": [{"group": "", "resources": ["*"]}]}, "GET", POD + "/log", True),
    ({"resources": [{"group": "", "resources": ["pods"], "resourceNames": ["p"]}]}, "GET", POD, True),
    ({"resources": [{"group": "", "resources": ["pods"], "resourceNames": ["q"]}]}, "GET", POD, False),
    ({"nonResourceURLs": ["/healthz"]}, "GET", "/healthz", True),
    ({"nonResourceURLs": ["/healthz"]}, "GET", "/healthz/etcd", False),
    ({"nonResourceURLs": ["/healthz*"]}, "GET", "/healthz/etcd", True),
    ({"nonResourceURLs": ["*"]}, "GET", "/version", True),
    ({"nonResourceURLs": ["*"]}, "GET", POD, False),
])
def test_rule_is_met(tmp_path: Path, rule: dict[str, Any], method: str, path: str, met: bool) -> None:
    assert level(tmp_path, rule, method, path) == ("Request" if met else "None")


def test_nobody_meets_rules_about_somebody(tmp_path: Path) -> None:
    assert level(tmp_path, {}, "GET", POD, None) == "Request"
    assert level(tmp_path, {"users": ["admin"]}, "GET", POD, None) == "None"
    assert level(tmp_path, {"userGroups": ["system:masters"]}, "GET", POD, None) == "None"


def test_first_rule_counts_and_stages_of_rule_and_policy_add_up(tmp_path: Path) -> None:
    evaluator = PolicyEvaluator(read_policy(written(
        tmp_path, {"level": "None", "verbs": ["watch"]},
        {"level": "Metadata", "omitStages": ["ResponseStarted"], "omitManagedFields": False},
        {"level": "RequestResponse"}, omitStages=["RequestReceived"], omitManagedFields=True,
    )))
    found = evaluator.evaluate(ADMIN, parse("GET", POD, False))
    assert (LEVEL_NAMES[found.level], sorted(found.omit_stages), found.omit_managed_fields) == (
        "Metadata", ["RequestReceived", "ResponseStarted"], False)
    assert LEVEL_NAMES[evaluator.evaluate(ADMIN, parse("GET", "/api/v1/pods", True)).level] == "None"


@pytest.mark.parametrize(("rule", "message"), [
    ({}, "rules[0].level: Required value"),
    ({"level": "All"}, 'rules[0].level: Unsupported value: "All": supported values: "None", "Metadata", "Request", "RequestResponse"'),
    ({"level": "None", "nonResourceURLs": ["healthz"]},
     'rules[0].nonResourceURLs[0]: Invalid value: "healthz": non-resource URL rules must begin with a \'/\' character'),
    ({"level": "None", "nonResourceURLs": ["/*/x"]},
     'rules[0].nonResourceURLs[0]: Invalid value: "/*/x": non-resource URL wildcards \'*\' must be the final character of the rule'),
    ({"level": "None", "nonResourceURLs": ["/x"], "namespaces": ["a"]},
     'rules[0].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and non-resource URLs'),
    ({"level": "None", "resources": [{"group": "apps/v1"}]}, 'rules[0].resources.group: Invalid value: "apps/v1": a lowercase RFC 1123'),
    ({"level": "None", "resources": [{"resourceNames": ["a"]}]},
     'rules[0].resources.resourceNames: Invalid value: ["a"]: using resourceNames requires at least one resource'),
    ({"level": "None", "omitStages": ["Never"]},
     'rules[0].omitStages[0]: Invalid value: "Never": allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic'),
])
def test_says_what_is_wrong_with_a_rule(tmp_path: Path, rule: dict[str, Any], message: str) -> None:
    with pytest.raises(AuditPolicyError) as refused:
        read_policy(written(tmp_path, rule))
    assert message in str(refused.value)


def test_refuses_what_is_no_policy(tmp_path: Path) -> None:
    with pytest.raises(AuditPolicyError, match="loaded illegal policy with 0 rules"):
        read_policy(written(tmp_path))
    for version in ("v1", "audit.k8s.io/v1beta1"):
        file = written(tmp_path, {"level": "None"}, apiVersion=version)
        with pytest.raises(AuditPolicyError) as refused:
            read_policy(file)
        assert str(refused.value) == (
            f'loading audit policy file: failed decoding: no kind "Policy" is registered for version "{version}": from file {file}')
    with pytest.raises(AuditPolicyError) as refused:
        read_policy(tmp_path / "absent")
    absent = tmp_path / "absent"
    assert str(refused.value) == f'loading audit policy file: failed to read file path "{absent}": open {absent}: no such file or directory'
    (tmp_path / "bad").write_text("rules: [")
    with pytest.raises(AuditPolicyError, match=r"^loading audit policy file: failed decoding: yaml: "):
        read_policy(tmp_path / "bad")
    (tmp_path / "bad").write_text("rules: []")
    with pytest.raises(AuditPolicyError, match=r"unknown group version field audit\.k8s\.io/__internal, Kind=Policy in policy: from file"):
        read_policy(tmp_path / "bad")
    with pytest.raises(AuditPolicyError, match=r"^loading audit policy file: failed decoding: Policy in version .* cannot be handled: "):
        read_policy(written(tmp_path, {"level": ["None"]}))


def test_what_is_not_known_is_told_and_ignored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As upstream, whose policies were once read without a look at what is not known."""
    file = written(tmp_path, {"level": "Metadata", "verb": ["get"], "users": ["admin"]}, omitStage=[])
    file.write_text(file.read_text() + "kind: Policy\n")
    (rule,) = read_policy(file).rules
    assert (rule.level, rule.verbs, rule.users) == ("Metadata", [], ["admin"])
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.message.endswith(
        'reason=strict decoding error: yaml: unmarshal errors:\n  line 10: key "kind" already set in map, '
        'unknown field "omitStage", unknown field "rules[0].verb"')
