"""The authorizers of a server, in the order that it was told.

Members of system:masters pass before anybody is asked.

Source: pkg/kubeapiserver/authorizer/config.go, reload.go
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from minikube_py.core.duration import parse_duration
from minikube_py.core.inotify import file_contents

from ..reload_metrics import ReloadMetrics, content_hash
from ..webhook_client import TIMEOUT_S, WebhookClient
from .abac import PolicyFile
from .attributes import AlwaysAllow, AlwaysDeny, Authorizer, AuthorizerChain, ListsRules, PrivilegedGroup, RuleLists
from .configuration import AuthorizerConfiguration, WebhookConfiguration, WebhookConnectionInfo, configured, read_configuration
from .counted import CountedMode, families
from .node import NodeAuthorizer
from .node_graph import NodeGraph
from .options import AuthorizationArgs
from .rbac import RbacAuthorizer
from .webhook import Conditions, WebhookAuthorizer

log = logging.getLogger(__name__)

# Authorizers that a changed file cannot bring in.
_FROM_THE_START = ("Node", "RBAC", "ABAC")
# Lets a function know each object of a resource (group, version, plural) that is there or changes.
Follow = Callable[[str, str, str, Callable[[Any, Any], None]], None]


class Mode(Authorizer, ListsRules, Protocol):
    """An authorizer of `--authorization-mode`."""


class Authorization:
    """Whom a server asks.

    Attributes:
        authorizer: decides about requests.
        rules: says what somebody may do at all.
        rbac: knows the roles, whatever the modes: nobody may write one that gives more than he has.
    """

    def __init__(self, args: AuthorizationArgs) -> None:
        """Raises: ValueError for files that do not read."""
        self.rbac = RbacAuthorizer()
        self._args = args
        self._graph = NodeGraph()
        self._modes: list[CountedMode] = []
        self._webhooks: list[WebhookClient] = []
        self._retired: list[WebhookClient] = []
        self._chain, self._lists = AuthorizerChain(), RuleLists()
        self.authorizer: Authorizer = self._chain
        self.rules: ListsRules = self._lists
        file = args.authorization_config
        self._content = read_configuration(file) if file is not None else b""
        self._wanted = configured(file, self._content) if file is not None else _wanted(args)
        # They may neither go nor, for those that need to know more, come later.
        self._types = {one.type for one in self._wanted} - {"Webhook"}
        self._reloads = ReloadMetrics("authorization")
        self._use(self._wanted)

    def families(self) -> Iterator[Any]:
        """Metric families."""
        yield from families(self._modes)
        yield from self._reloads.families()

    async def run(self) -> None:
        """Follow the configuration file until cancelled; one that cannot be used changes nothing."""
        file = self._args.authorization_config
        if file is None:
            return
        self._reloads.use(content_hash(self._content))
        async for content in file_contents(file, self._content):
            self._content = content
            try:
                wanted = configured(file, content, self._types)
                if wanted == self._wanted:
                    continue
                self._wanted = wanted
                await self._change(wanted)
            except ValueError as error:
                self._reloads.failed()
                log.error("authorization configuration is not used file=%s reason=%s", file, error)
            else:
                self._reloads.succeeded(content_hash(content))
                log.info("authorization configuration changed file=%s", file)

    async def close(self) -> None:
        """Ask nobody any more."""
        for webhook in (*self._webhooks, *self._retired):
            await webhook.close()

    async def _change(self, wanted: list[AuthorizerConfiguration]) -> None:
        # Questions that are under way get their answers: webhooks go when they have been out of use for one change.
        retired, self._retired, before = self._retired, self._webhooks, self._webhooks
        self._webhooks = []
        try:
            self._use(wanted)
        except ValueError:
            self._webhooks, self._retired = before, [*retired, *self._webhooks]
            raise
        for webhook in retired:
            await webhook.close()

    def _use(self, wanted: list[AuthorizerConfiguration]) -> None:
        """Raises: ValueError for files that do not read; then whom the server asks has not changed."""
        modes = [CountedMode(one.type, one.name, self._mode(one, self._args.authorization_policy_file)) for one in wanted]
        self._modes = modes
        self._chain.replace(PrivilegedGroup(), *modes)
        self._lists.replace(modes)

    def _mode(self, wanted: AuthorizerConfiguration, policy_file: Path | None) -> Mode:
        if wanted.type in _FROM_THE_START and wanted.type not in self._types:
            raise ValueError(f"authorizer type {wanted.type} is not allowed if it was not enabled at initial server startup")
        match wanted.type:
            case "RBAC":
                return self.rbac
            case "Node":
                return NodeAuthorizer(self._graph)
            case "AlwaysAllow":
                return AlwaysAllow()
            case "AlwaysDeny":
                return AlwaysDeny()
            case "ABAC":
                if policy_file is None:
                    raise ValueError("authorization-mode ABAC's authorization policy file not passed")
                return PolicyFile(policy_file)
            case "Webhook" if wanted.webhook is not None:
                return self._webhook(wanted.name, wanted.webhook)
        raise ValueError(f"unknown authorization mode {wanted.type} specified")

    def _webhook(self, name: str, wanted: WebhookConfiguration) -> WebhookAuthorizer:
        file = wanted.connection_info.kube_config_file
        if file is None:
            # Upstream's server finds itself by the environment of its own pod, which this one has not.
            raise ValueError(f"authorization webhook {name}: connectionInfo.type InClusterConfig needs a server that runs in a pod")
        timeout_s = parse_duration(wanted.timeout) if wanted.timeout else TIMEOUT_S
        client = WebhookClient.from_kubeconfig(name, Path(file), timeout_s=timeout_s)
        self._webhooks.append(client)
        return WebhookAuthorizer(
            client, wanted.subject_access_review_version, authorized_ttl_s=wanted.authorized_ttl_s,
            unauthorized_ttl_s=wanted.unauthorized_ttl_s, denies_failures=wanted.failure_policy == "Deny",
            conditions=_conditions(wanted),
        )

    def follow(self, follow: Follow) -> None:
        """Know roles, bindings and what nodes need from the moment that a write is visible."""
        rbac = self.rbac
        group, version = "rbac.authorization.k8s.io", "v1"
        follow(group, version, "clusterroles", rbac.cluster_role_changed)
        follow(group, version, "roles", rbac.role_changed)
        follow(group, version, "clusterrolebindings", rbac.cluster_role_binding_changed)
        follow(group, version, "rolebindings", rbac.role_binding_changed)
        if "Node" in self._types:
            graph = self._graph
            follow("", "v1", "pods", graph.pod_changed)
            follow("", "v1", "persistentvolumes", graph.volume_changed)
            follow("storage.k8s.io", "v1", "volumeattachments", graph.attachment_changed)
            follow("resource.k8s.io", "v1", "resourceslices", graph.slice_changed)


def _wanted(args: AuthorizationArgs) -> list[AuthorizerConfiguration]:
    """The authorizers that the flags name."""
    found = []
    for mode in args.authorization_mode:
        one = AuthorizerConfiguration(type=mode, name="default" if mode == "Webhook" else mode.lower())
        if mode == "Webhook":
            file = str(args.authorization_webhook_config_file)
            one.webhook = WebhookConfiguration(
                authorized_ttl=f"{args.authorization_webhook_cache_authorized_ttl}s", failure_policy="NoOpinion",
                unauthorized_ttl=f"{args.authorization_webhook_cache_unauthorized_ttl}s",
                subject_access_review_version=args.authorization_webhook_version,
                connection_info=WebhookConnectionInfo(type="KubeConfigFile", kube_config_file=file),
            )
        found.append(one)
    return found


def _conditions(wanted: WebhookConfiguration) -> Conditions | None:
    if not wanted.match_conditions:
        return None
    from .match_conditions import MatchConditions

    return MatchConditions([condition.expression for condition in wanted.match_conditions])
