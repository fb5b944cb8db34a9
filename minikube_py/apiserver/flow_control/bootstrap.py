"""The objects that every cluster has: mandatory ones, which stay as they are, and suggested ones, which may be changed.

Source: k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap/default.go
"""

from __future__ import annotations

from typing import NamedTuple

from minikube_py.apis.flowcontrol_v1 import (
    ExemptPriorityLevelConfiguration,
    FlowDistinguisherMethod,
    FlowSchema,
    FlowSchemaSpec,
    GroupSubject,
    LimitedPriorityLevelConfiguration,
    LimitResponse,
    NonResourcePolicyRule,
    PolicyRulesWithSubjects,
    PriorityLevelConfiguration,
    PriorityLevelConfigurationReference,
    PriorityLevelConfigurationSpec,
    QueuingConfiguration,
    ResourcePolicyRule,
    ServiceAccountSubject,
    Subject,
    UserSubject,
)
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apiserver.authentication.user import AUTHENTICATED, MASTERS, NODES, SERVICE_ACCOUNTS, UNAUTHENTICATED

AUTO_UPDATE = "apf.kubernetes.io/autoupdate-spec"
EXEMPT, CATCH_ALL = "exempt", "catch-all"
CONTROLLER_MANAGER, SCHEDULER = "system:kube-controller-manager", "system:kube-scheduler"


class Bootstrap(NamedTuple):
    """Objects of both kinds, by whether they are mandatory."""

    levels: tuple[PriorityLevelConfiguration, ...]
    schemas: tuple[FlowSchema, ...]


def mandatory() -> Bootstrap:
    """What is always in force, whether the objects are there or not."""
    return Bootstrap(
        (
            _level(EXEMPT, PriorityLevelConfigurationSpec(
                type="Exempt", exempt=ExemptPriorityLevelConfiguration(nominal_concurrency_shares=0, lendable_percent=0))),
            _level(CATCH_ALL, PriorityLevelConfigurationSpec(type="Limited", limited=LimitedPriorityLevelConfiguration(
                nominal_concurrency_shares=5, lendable_percent=0, limit_response=LimitResponse(type="Reject")))),
        ),
        (
            _schema(EXEMPT, EXEMPT, 1, "", _everything(_groups(MASTERS))),
            _schema(CATCH_ALL, CATCH_ALL, 10000, "ByUser", _everything(_groups(UNAUTHENTICATED, AUTHENTICATED))),
        ),
    )


def suggested() -> Bootstrap:
    return Bootstrap(
        (
            _queued("system", shares=30, lendable=33, queues=64),
            _queued("node-high", shares=40, lendable=25, queues=64),
            _queued("leader-election", shares=10, lendable=0, queues=16, hand=4),
            _queued("workload-high", shares=40, lendable=50, queues=128),
            _queued("workload-low", shares=100, lendable=90, queues=128),
            _queued("global-default", shares=20, lendable=50, queues=128),
        ),
        (
            _schema("system-nodes", "system", 500, "ByUser", _everything(_groups(NODES))),
            _schema("system-node-high", "node-high", 400, "ByUser", PolicyRulesWithSubjects(subjects=_groups(NODES), resource_rules=[
                _resources(["*"], "", ["nodes", "nodes/status"], cluster_scope=True),
                _resources(["*"], "coordination.k8s.io", ["leases"])])),
            _schema("probes", EXEMPT, 2, "", PolicyRulesWithSubjects(
                subjects=_groups(UNAUTHENTICATED, AUTHENTICATED),
                non_resource_rules=[NonResourcePolicyRule(verbs=["get"], non_resource_urls=["/healthz", "/readyz", "/livez"])])),
            _schema("system-leader-election", "leader-election", 100, "ByUser", _elections(
                [*_users(CONTROLLER_MANAGER, SCHEDULER), *_kube_system("*")], "kube-system")),
            _schema("endpoint-controller", "workload-high", 150, "ByUser", PolicyRulesWithSubjects(
                subjects=[*_users(CONTROLLER_MANAGER), *_kube_system("endpoint-controller", "endpointslicemirroring-controller")],
                resource_rules=[_resources(["get", "create", "update"], "", ["endpoints"])])),
            _schema("workload-leader-election", "leader-election", 200, "ByUser", _elections(_kube_system("*"), "*")),
            _schema("kube-controller-manager", "workload-high", 800, "ByNamespace", _everything(_users(CONTROLLER_MANAGER))),
            _schema("kube-scheduler", "workload-high", 800, "ByNamespace", _everything(_users(SCHEDULER))),
            _schema("kube-system-service-accounts", "workload-high", 900, "ByNamespace", _everything(_kube_system("*"))),
            _schema("service-accounts", "workload-low", 9000, "ByUser", _everything(_groups(SERVICE_ACCOUNTS))),
            _schema("global-default", "global-default", 9900, "ByUser", _everything(_groups(UNAUTHENTICATED, AUTHENTICATED))),
        ),
    )


def _meta(name: str) -> ObjectMeta:
    return ObjectMeta(name=name, annotations={AUTO_UPDATE: "true"})


def _level(name: str, spec: PriorityLevelConfigurationSpec) -> PriorityLevelConfiguration:
    return PriorityLevelConfiguration(metadata=_meta(name), spec=spec)


def _queued(name: str, *, shares: int, lendable: int, queues: int, hand: int = 6) -> PriorityLevelConfiguration:
    queuing = QueuingConfiguration(queues=queues, hand_size=hand, queue_length_limit=50)
    return _level(name, PriorityLevelConfigurationSpec(type="Limited", limited=LimitedPriorityLevelConfiguration(
        nominal_concurrency_shares=shares, lendable_percent=lendable, limit_response=LimitResponse(type="Queue", queuing=queuing))))


def _schema(name: str, level: str, precedence: int, distinguisher: str, rules: PolicyRulesWithSubjects) -> FlowSchema:
    method = FlowDistinguisherMethod(type=distinguisher) if distinguisher else None
    return FlowSchema(metadata=_meta(name), spec=FlowSchemaSpec(
        priority_level_configuration=PriorityLevelConfigurationReference(name=level), matching_precedence=precedence,
        distinguisher_method=method, rules=[rules]))


def _everything(subjects: list[Subject]) -> PolicyRulesWithSubjects:
    return PolicyRulesWithSubjects(
        subjects=subjects, resource_rules=[_resources(["*"], "*", ["*"], cluster_scope=True)],
        non_resource_rules=[NonResourcePolicyRule(verbs=["*"], non_resource_urls=["*"])])


def _elections(subjects: list[Subject], objects_in: str) -> PolicyRulesWithSubjects:
    """What leaders are elected with: Leases anywhere, and in `objects_in` the older ways."""
    verbs = ["get", "create", "update"]
    return PolicyRulesWithSubjects(subjects=subjects, resource_rules=[
        _resources(verbs, "", ["endpoints", "configmaps"], namespace=objects_in), _resources(verbs, "coordination.k8s.io", ["leases"])])


def _resources(
    verbs: list[str], group: str, resources: list[str], *, namespace: str = "*", cluster_scope: bool = False
) -> ResourcePolicyRule:
    return ResourcePolicyRule(verbs=verbs, api_groups=[group], resources=resources, namespaces=[namespace], cluster_scope=cluster_scope)


def _groups(*names: str) -> list[Subject]:
    return [Subject(kind="Group", group=GroupSubject(name=name)) for name in names]


def _users(*names: str) -> list[Subject]:
    return [Subject(kind="User", user=UserSubject(name=name)) for name in names]


def _kube_system(*names: str) -> list[Subject]:
    return [Subject(kind="ServiceAccount", service_account=ServiceAccountSubject(namespace="kube-system", name=name)) for name in names]
