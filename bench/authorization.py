"""CPU time of a decision with 1,000 roles, 1,000 bindings and 10,000 pods on 100 nodes, through the modes that a server asks by default.

`python -m bench.authorization` prints one line per case: users who are allowed and refused, a node that asks for a Secret, users whom no
decision is remembered for, and what following a pod costs.
"""

from __future__ import annotations

import asyncio
import time

from minikube_py.apis.core_v1 import Pod, PodSpec, SecretVolumeSource, Volume
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apis.rbac_v1 import ClusterRole, ClusterRoleBinding, PolicyRule, RoleRef, Subject
from minikube_py.apiserver.authentication import UserInfo
from minikube_py.apiserver.authorization import (
    Attributes,
    Authorizer,
    AuthorizerChain,
    NodeAuthorizer,
    PrivilegedGroup,
    RbacAuthorizer,
)
from minikube_py.apiserver.authorization.node_graph import NodeGraph

ROLES = 1_000
PODS, NODES = 10_000, 100
DECISIONS = 200_000


def pods() -> list[Pod]:
    """Pods with a Secret of their own and one that all have."""
    return [
        Pod(metadata=ObjectMeta(name=f"pod-{number}", namespace="default"), spec=PodSpec(
            node_name=f"node-{number % NODES}", service_account_name="default",
            volumes=[Volume(name=name, secret=SecretVolumeSource(secret_name=name)) for name in (f"secret-{number}", "shared")],
        ))
        for number in range(PODS)
    ]


def authorizer(graph: NodeGraph) -> tuple[RbacAuthorizer, Authorizer]:
    """RBAC with as many roles as bindings: each role is bound to a user of its own and to one that has them all."""
    rbac = RbacAuthorizer()
    for number in range(ROLES):
        name = f"role-{number}"
        rule = PolicyRule(verbs=["get", "list"], api_groups=[""], resources=[f"things{number}", "pods"], resource_names=[name])
        rbac.cluster_role_changed(None, ClusterRole(metadata=ObjectMeta(name=name), rules=[rule]))
        subjects = [Subject(kind="User", name=f"user-{number}"), Subject(kind="User", name="all")]
        binding = ClusterRoleBinding(
            metadata=ObjectMeta(name=name), role_ref=RoleRef(kind="ClusterRole", name=name), subjects=subjects
        )
        rbac.cluster_role_binding_changed(None, binding)
    return rbac, AuthorizerChain(PrivilegedGroup(), NodeAuthorizer(graph), rbac)


async def measure(decider: Authorizer, attributes: Attributes, decisions: int = DECISIONS) -> float:
    """Microseconds of CPU that one decision takes."""
    begun = time.process_time()
    for _ in range(decisions):
        await decider.authorize(attributes)
    return (time.process_time() - begun) / decisions * 1e6


async def main() -> None:
    graph = NodeGraph()
    made = pods()
    begun = time.process_time()
    for pod in made:
        graph.pod_changed(None, pod)
    print(f"following_a_pod_us={(time.process_time() - begun) / PODS * 1e6:.2f}")
    rbac, chain = authorizer(graph)
    node = UserInfo("system:node:node-7", groups=("system:nodes", "system:authenticated"))
    everything, one = UserInfo("all", groups=("system:authenticated",)), UserInfo("user-7", groups=("system:authenticated",))
    cases = {
        "allowed_by_one_of_1000_roles_us": Attributes(everything, "get", "", "v1", "pods", "", "default", "role-999"),
        "allowed_by_the_only_role_us": Attributes(one, "get", "", "v1", "pods", "", "default", "role-7"),
        "node_allowed_us": Attributes(node, "get", "", "v1", "secrets", "", "default", "secret-107"),
        "node_refused_us": Attributes(node, "get", "", "v1", "secrets", "", "default", "secret-108"),
        "refused_us": Attributes(everything, "delete", "", "v1", "pods", "", "default", "x"),
    }
    for name, attributes in cases.items():
        print(f"{name}={await measure(chain, attributes):.2f}")
    begun = time.process_time()
    for number in range(ROLES):
        rbac.decide(Attributes(UserInfo(f"user-{number}"), "get", "", "v1", "pods", "", "default", "x"))
    print(f"first_decision_of_a_user_us={(time.process_time() - begun) / ROLES * 1e6:.2f}")


if __name__ == "__main__":
    asyncio.run(main())
