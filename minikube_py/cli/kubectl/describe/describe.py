"""kubectl describe: which describer shows which kind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from minikube_py.core.errors import NotFoundError, StatusError

from ..api import Document
from ..errors import Exit, KubectlError, sentence
from ..session import Session
from ..targets import Target, document_of, expand, from_files, parse
from .generic import (
    describe_config_map,
    describe_generic,
    describe_namespace,
    describe_role,
    describe_role_binding,
    describe_secret,
    describe_service_account,
)
from .nodes import describe_node
from .pods import describe_pod
from .quotas import describe_limit_range, describe_resource_quota
from .services import describe_service
from .workloads import (
    describe_cron_job,
    describe_daemon_set,
    describe_deployment,
    describe_job,
    describe_replica_set,
    describe_stateful_set,
)

Describer = Callable[[Session, Document], Awaitable[str]]
RBAC = "rbac.authorization.k8s.io"
DESCRIBERS: dict[tuple[str, str], Describer] = {
    ("", "Pod"): describe_pod, ("", "Node"): describe_node, ("", "Service"): describe_service, ("", "ConfigMap"): describe_config_map,
    ("", "ServiceAccount"): describe_service_account, (RBAC, "Role"): describe_role, (RBAC, "ClusterRole"): describe_role,
    (RBAC, "RoleBinding"): describe_role_binding, (RBAC, "ClusterRoleBinding"): describe_role_binding,
    ("", "Secret"): describe_secret, ("", "Namespace"): describe_namespace, ("apps", "Deployment"): describe_deployment,
    ("apps", "ReplicaSet"): describe_replica_set, ("apps", "DaemonSet"): describe_daemon_set,
    ("", "ResourceQuota"): describe_resource_quota, ("", "LimitRange"): describe_limit_range,
    ("apps", "StatefulSet"): describe_stateful_set, ("batch", "Job"): describe_job, ("batch", "CronJob"): describe_cron_job,
}


async def describe(
    session: Session, arguments: tuple[str, ...], *, filenames: tuple[str, ...] = (), labels: str = "", all_namespaces: bool = False,
    show_events: bool = True,
) -> None:
    """Describe objects; a name that does not exist is taken for the beginning of names."""
    session.show_events = show_events
    if filenames:
        targets = await from_files(session, filenames)
    else:
        collections, targets = await parse(session, arguments, all_namespaces=all_namespaces)
        targets += await expand(session, collections, labels=labels)
        if not targets:
            session.complain(f"No resources found in {session.namespace} namespace." if collections[0].namespace else "No resources found")
            return
    failed, texts = False, []
    for one in targets:
        try:
            texts += await _texts(session, one)
        except StatusError as error:
            failed = True
            session.complain(sentence(error))
    session.print("\n\n".join(texts), end="")
    if failed:
        raise Exit(1)


async def _texts(session: Session, one: Target) -> list[str]:
    by_prefix = False
    try:
        documents = [one.document if (one.document or {}).get("metadata", {}).get("uid") else await document_of(session, one)]
    except NotFoundError:
        listed = await session.api.list_all(one.resource, one.namespace)
        documents = [
            {"apiVersion": one.resource.api_version, "kind": one.resource.kind, **item}
            for item in listed.get("items") or () if item["metadata"]["name"].startswith(one.name)
        ]
        if not documents:
            raise
        by_prefix = True
    describer = DESCRIBERS.get((one.resource.group, one.resource.kind), describe_generic)
    texts = []
    for document in documents:
        if document is None:
            raise KubectlError(f"nothing to describe for {one.label}")
        texts.append(await describer(session, document))
    return ["".join(text + "\n" for text in texts)] if by_prefix else texts
