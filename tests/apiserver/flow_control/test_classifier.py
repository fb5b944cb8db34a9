"""Which schema a request meets, among those that every cluster has."""

from __future__ import annotations

import pytest

from minikube_py.apis.flowcontrol_v1 import (
    FlowSchema,
    FlowSchemaSpec,
    GroupSubject,
    NonResourcePolicyRule,
    PolicyRulesWithSubjects,
    PriorityLevelConfigurationReference,
    ResourcePolicyRule,
    Subject,
)
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apis.validation import validate_create
from minikube_py.apiserver.authentication.user import ANONYMOUS, UserInfo
from minikube_py.apiserver.flow_control.bootstrap import mandatory, suggested
from minikube_py.apiserver.flow_control.classifier import Classifier, Schema
from minikube_py.apiserver.http.request_info import parse

ADMIN = UserInfo("admin", "", ("system:masters", "system:authenticated"))
NODE = UserInfo("system:node:n", "", ("system:nodes", "system:authenticated"))
USER = UserInfo("jane", "", ("system:authenticated",))
ACCOUNT = UserInfo("system:serviceaccount:default:a", "", ("system:serviceaccounts", "system:authenticated"))
SYSTEM_ACCOUNT = UserInfo("system:serviceaccount:kube-system:a", "", ("system:serviceaccounts", "system:authenticated"))
ENDPOINTS = UserInfo("system:serviceaccount:kube-system:endpoint-controller", "", ("system:serviceaccounts",))
SCHEDULER = UserInfo("system:kube-scheduler", "", ("system:authenticated",))
MANAGER = UserInfo("system:kube-controller-manager", "", ("system:authenticated",))
LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n"


@pytest.mark.parametrize(("user", "method", "path", "schema", "level"), [
    (ADMIN, "GET", "/api/v1/pods", "exempt", "exempt"),
    (USER, "GET", "/healthz", "probes", "exempt"),
    (ANONYMOUS, "GET", "/readyz", "probes", "exempt"),
    (USER, "GET", "/readyz/etcd", "global-default", "global-default"),
    (USER, "GET", "/api/v1/pods", "global-default", "global-default"),
    (ANONYMOUS, "GET", "/version", "global-default", "global-default"),
    (NODE, "PUT", LEASE, "system-node-high", "node-high"),
    (NODE, "PATCH", "/api/v1/nodes/n/status", "system-node-high", "node-high"),
    (NODE, "GET", "/api/v1/nodes", "system-node-high", "node-high"),
    (NODE, "GET", "/api/v1/nodes/n/proxy", "system-nodes", "system"),
    (NODE, "GET", "/api/v1/pods", "system-nodes", "system"),
    (SCHEDULER, "PUT", LEASE, "system-leader-election", "leader-election"),
    (SCHEDULER, "POST", "/api/v1/namespaces/d/pods/p/binding", "kube-scheduler", "workload-high"),
    (MANAGER, "PUT", "/api/v1/namespaces/kube-system/configmaps/c", "system-leader-election", "leader-election"),
    (MANAGER, "PUT", "/api/v1/namespaces/default/endpoints/c", "endpoint-controller", "workload-high"),
    (MANAGER, "DELETE", "/api/v1/namespaces/default/pods/c", "kube-controller-manager", "workload-high"),
    (ENDPOINTS, "PUT", "/api/v1/namespaces/default/endpoints/c", "endpoint-controller", "workload-high"),
    (SYSTEM_ACCOUNT, "PUT", "/api/v1/namespaces/default/configmaps/c", "workload-leader-election", "leader-election"),
    (SYSTEM_ACCOUNT, "GET", "/api/v1/pods", "kube-system-service-accounts", "workload-high"),
    (ACCOUNT, "GET", "/api/v1/pods", "service-accounts", "workload-low"),
    (UserInfo("nobody"), "GET", "/api/v1/pods", "catch-all", "catch-all"),
])
def test_request_meets_the_schema_that_upstream_has_for_it(user: UserInfo, method: str, path: str, schema: str, level: str) -> None:
    classifier = Classifier([Schema(each) for each in (*mandatory().schemas, *suggested().schemas)])
    for _ in range(2):
        found = classifier.classify(user, parse(method, path, False))
        assert (found.name, found.level) == (schema, level)


def schema(name: str, precedence: int, *rules: ResourcePolicyRule, paths: tuple[str, ...] = ()) -> Schema:
    subject = Subject(kind="Group", group=GroupSubject(name="*"))
    other = [NonResourcePolicyRule(verbs=["get"], non_resource_urls=[*paths])] if paths else []
    policy = PolicyRulesWithSubjects(subjects=[subject], resource_rules=[*rules], non_resource_rules=other)
    return Schema(FlowSchema(metadata=ObjectMeta(name=name), spec=FlowSchemaSpec(
        matching_precedence=precedence, priority_level_configuration=PriorityLevelConfigurationReference(name="l"), rules=[policy])))


def test_lowest_precedence_then_name_wins_and_the_last_takes_the_rest() -> None:
    everything = ResourcePolicyRule(verbs=["*"], api_groups=["*"], resources=["*"], namespaces=["*"], cluster_scope=True)
    classifier = Classifier([schema("c", 10, everything), schema("b", 5, everything), schema("a", 5, everything)])
    assert classifier.classify(USER, parse("GET", "/api/v1/pods", False)).name == "a"
    assert classifier.classify(USER, parse("GET", "/version", False)).name == "c"


@pytest.mark.parametrize(("rule", "path", "met"), [
    ({"namespaces": ["a"]}, "/api/v1/namespaces/a/pods/p", True),
    ({"namespaces": ["a"]}, "/api/v1/namespaces/b/pods/p", False),
    ({"namespaces": ["a"]}, "/api/v1/pods", False),
    ({"namespaces": ["*"]}, "/api/v1/namespaces/b/pods/p", True),
    ({"namespaces": ["*"]}, "/api/v1/pods", False),
    ({"cluster_scope": True}, "/api/v1/pods", True),
    ({"cluster_scope": True}, "/api/v1/namespaces/b/pods/p", False),
    ({"namespaces": ["*"], "resources": ["pods"]}, "/api/v1/namespaces/b/pods/p/log", False),
    ({"namespaces": ["*"], "resources": ["pods/log"]}, "/api/v1/namespaces/b/pods/p/log", True),
    ({"namespaces": ["*"], "api_groups": ["apps"]}, "/api/v1/namespaces/b/pods/p", False),
    ({"namespaces": ["*"], "verbs": ["list"]}, "/api/v1/namespaces/b/pods/p", False),
])
def test_resource_rule_is_met(rule: dict[str, object], path: str, met: bool) -> None:
    fields = {"verbs": ["*"], "api_groups": ["*"], "resources": ["*"]} | rule
    classifier = Classifier([schema("asked", 1, ResourcePolicyRule(**fields)), schema("rest", 2)])
    assert (classifier.classify(USER, parse("GET", path, False)).name == "asked") is met


@pytest.mark.parametrize(("pattern", "path", "met"), [
    ("/a", "/a", True), ("/a", "/a/b", False), ("/a/*", "/a/b/c", True), ("/a/*", "/a", False), ("*", "/x", True), ("/a/*", "/ab", False)])
def test_path_rule_is_met(pattern: str, path: str, met: bool) -> None:
    classifier = Classifier([schema("asked", 1, paths=(pattern,)), schema("rest", 2)])
    assert (classifier.classify(USER, parse("GET", path, False)).name == "asked") is met


def test_objects_of_every_cluster_are_valid() -> None:
    for each in (*mandatory().levels, *mandatory().schemas, *suggested().levels, *suggested().schemas):
        assert validate_create(each) == [], each.metadata.name
