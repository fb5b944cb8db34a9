"""Rules of containers: main, init and ephemeral ones.

What they run in and with has modules of its own: environment, mounts, probes, resources, security.

Source: pkg/apis/core/validation/validation.go (validateContainerCommon, validateContainers, validateInitContainers,
validateEphemeralContainers)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .. import core_v1, syntax
from ..core_v1 import Container, ContainerRestartRule, EphemeralContainer, PodSpec, Volume
from . import mounts, resources, security
from .causes import Causes, duplicate, forbidden, invalid, not_found, not_supported, required, too_many
from .common import PROTOCOLS, one_of, port
from .environment import environment, environment_from, field_reference, resource_reference
from .probes import lifecycle_and_probes

__all__ = ["PodScope", "containers", "ephemeral_containers", "field_reference", "init_containers", "pod_only", "pull_policy",
           "resource_reference"]

PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_MESSAGE_POLICIES = ("File", "FallbackToLogsOnError")
_RESTART_POLICIES = ("Always", "Never", "OnFailure")
_RESTART_ACTIONS = ("Restart", "RestartAllContainers")
_RESTART_RULES_MAX, _EXIT_CODES_MAX = 20, 255
_NOT_EPHEMERAL = "cannot be set for an Ephemeral Container"
_EPHEMERAL_FORBIDDEN = (
    ("ports", "ports"), ("resources", "resources"), ("resize_policy", "resizePolicy"), ("restart_policy", "restartPolicy"),
    ("restart_policy_rules", "restartPolicyRules"), ("liveness_probe", "livenessProbe"), ("readiness_probe", "readinessProbe"),
    ("startup_probe", "startupProbe"), ("lifecycle", "lifecycle"),
)
_ONLY_SIDECARS = "may not be set for init containers without restartPolicy=Always"
_NO_RESOURCES = core_v1.ResourceRequirements()


class PodScope:
    """What the rules of a container need to know of its pod, and what they find that concerns the pod as a whole.

    Attributes:
        files: whether a container has environment variables from files.
        windows: whether a container has options for Windows.
    """

    __slots__ = ("claims", "files", "grace_s", "host_users", "restart_policy", "volumes", "windows")

    def __init__(self, spec: PodSpec, volumes: Mapping[str, Volume]) -> None:
        self.volumes = volumes
        self.claims = {claim.name for claim in spec.resource_claims if claim.name} if spec.resource_claims else frozenset[str]()
        self.grace_s = spec.termination_grace_period_seconds
        self.restart_policy = spec.restart_policy
        self.host_users = spec.host_users is not False
        self.files = self.windows = False


def container(causes: Causes, path: str, item: Container | EphemeralContainer, scope: PodScope) -> None:
    """What init, main and ephemeral containers share."""
    name = item.name
    if not name:
        causes.append(required(f"{path}.name"))
    elif complaints := syntax.dns_label(name):
        causes += [invalid(f"{path}.name", name, complaint) for complaint in complaints]
    if not item.image:
        causes.append(required(f"{path}.image"))
    if item.termination_message_policy not in _MESSAGE_POLICIES:
        one_of(causes, f"{path}.terminationMessagePolicy", item.termination_message_policy, _MESSAGE_POLICIES)
    if item.ports:
        _ports(causes, f"{path}.ports", item.ports)
    if item.env and environment(causes, f"{path}.env", item.env):
        scope.files = True
    if item.env_from:
        environment_from(causes, f"{path}.envFrom", item.env_from)
    if item.volume_mounts:
        mounts.mounts(causes, f"{path}.volumeMounts", item, scope.volumes)
    if item.volume_devices:
        mounts.devices(causes, f"{path}.volumeDevices", item, scope.volumes)
    if item.image_pull_policy not in PULL_POLICIES:
        pull_policy(causes, f"{path}.imagePullPolicy", item.image_pull_policy)
    own = item.resources
    if own.limits or own.requests or own.claims:
        resources.requirements(causes, f"{path}.resources", own, scope.claims)
    if item.resize_policy:
        _resize_policy(causes, f"{path}.resizePolicy", item.resize_policy, scope)
    if item.security_context is not None:
        security.container(causes, f"{path}.securityContext", item.security_context, host_users=scope.host_users)
        scope.windows = scope.windows or item.security_context.windows_options is not None


def pull_policy(causes: Causes, path: str, policy: str) -> None:
    one_of(causes, path, policy, PULL_POLICIES)


def containers(causes: Causes, path: str, spec: PodSpec, scope: PodScope) -> None:
    """The main containers."""
    if not spec.containers:
        causes.append(required(path))
        return
    names: set[str] = set()
    for index, item in enumerate(spec.containers):
        where = f"{path}[{index}]"
        container(causes, where, item, scope)
        if item.name in names:
            causes.append(duplicate(f"{where}.name", item.name))
        names.add(item.name)
        lifecycle_and_probes(causes, where, item, scope.grace_s)
        if item.restart_policy is not None or item.restart_policy_rules:
            _restart_policy(causes, where, item.restart_policy, item.restart_policy_rules)
    _host_ports(causes, path, spec.containers)


def init_containers(causes: Causes, path: str, spec: PodSpec, scope: PodScope) -> None:
    names = {item.name for item in spec.containers}
    for index, item in enumerate(spec.init_containers):
        where = f"{path}[{index}]"
        container(causes, where, item, scope)
        if item.restart_policy is not None or item.restart_policy_rules:
            _restart_policy(causes, where, item.restart_policy, item.restart_policy_rules)
        if item.name in names:
            causes.append(duplicate(f"{where}.name", item.name))
        elif item.name:
            names.add(item.name)
        _host_ports(causes, path, [item])
        if item.restart_policy == "Always":
            lifecycle_and_probes(causes, where, item, scope.grace_s)
            continue
        for set_field, wire in ((item.lifecycle, "lifecycle"), (item.liveness_probe, "livenessProbe"),
                                (item.readiness_probe, "readinessProbe"), (item.startup_probe, "startupProbe")):
            if set_field is not None:
                causes.append(forbidden(f"{where}.{wire}", _ONLY_SIDECARS))
        for number, policy in enumerate(item.resize_policy):
            if policy.restart_policy == "RestartContainer":
                causes.append(invalid(f"{where}.resizePolicy[{number}].restartPolicy", policy.restart_policy,
                                      "must not be set to 'RestartContainer' for non-sidecar initContainers"))


def ephemeral_containers(causes: Causes, path: str, spec: PodSpec, scope: PodScope) -> None:
    others = {item.name for item in (*spec.containers, *spec.init_containers)}
    names = set(others)
    for index, item in enumerate(spec.ephemeral_containers):
        where = f"{path}[{index}]"
        container(causes, where, item, scope)
        pod_only(causes, where, item)
        if item.name in names:
            causes.append(duplicate(f"{where}.name", item.name))
        names.add(item.name)
        if item.target_container_name and item.target_container_name not in others:
            causes.append(not_found(f"{where}.targetContainerName", item.target_container_name))
        for name, wire in _EPHEMERAL_FORBIDDEN:
            value = getattr(item, name)
            if value and value != _NO_RESOURCES:
                causes.append(forbidden(f"{where}.{wire}", _NOT_EPHEMERAL))
        for number, mount in enumerate(item.volume_mounts):
            for value, wire in ((mount.sub_path, "subPath"), (mount.sub_path_expr, "subPathExpr")):
                if value:
                    causes.append(forbidden(f"{where}.volumeMounts[{number}].{wire}", _NOT_EPHEMERAL))


def pod_only(causes: Causes, path: str, item: Container | EphemeralContainer) -> None:
    """What is refused in a pod but was let into templates."""
    if item.image != item.image.strip():
        causes.append(invalid(f"{path}.image", item.image, "must not have leading or trailing whitespace"))


def _ports(causes: Causes, path: str, ports: list[core_v1.ContainerPort]) -> None:
    names: set[str] = set()
    for index, item in enumerate(ports):
        if item.name:
            if complaints := syntax.port_name(item.name):
                causes += [invalid(f"{path}[{index}].name", item.name, complaint) for complaint in complaints]
            elif item.name in names:
                causes.append(duplicate(f"{path}[{index}].name", item.name))
            else:
                names.add(item.name)
        if not item.container_port:
            causes.append(required(f"{path}[{index}].containerPort"))
        elif not 0 < item.container_port <= 65535:
            port(causes, f"{path}[{index}].containerPort", item.container_port)
        if item.host_port:
            port(causes, f"{path}[{index}].hostPort", item.host_port)
        if item.protocol not in PROTOCOLS:
            one_of(causes, f"{path}[{index}].protocol", item.protocol, PROTOCOLS)


def _host_ports(causes: Causes, path: str, items: Iterable[Container]) -> None:
    seen: set[str] = set()
    for index, item in enumerate(items):
        for number, item_port in enumerate(item.ports):
            if item_port.host_port:
                key = f"{item_port.protocol}/{item_port.host_ip}/{item_port.host_port}"
                if key in seen:
                    causes.append(duplicate(f"{path}[{index}].ports[{number}].hostPort", key))
                seen.add(key)


def _resize_policy(causes: Causes, path: str, policies: list[core_v1.ContainerResizePolicy], scope: PodScope) -> None:
    seen: set[str] = set()
    for index, policy in enumerate(policies):
        if policy.resource_name in seen:
            causes.append(duplicate(f"{path}[{index}]", policy.resource_name))
        seen.add(policy.resource_name)
        one_of(causes, path, policy.resource_name, ("cpu", "memory"))
        one_of(causes, path, policy.restart_policy, ("NotRequired", "RestartContainer"))
        if scope.restart_policy == "Never" and policy.restart_policy != "NotRequired":
            causes.append(invalid(path, policy.restart_policy, "must be 'NotRequired' when pod `restartPolicy` is 'Never'"))


def _restart_policy(causes: Causes, path: str, policy: str | None, rules: list[ContainerRestartRule]) -> None:
    """A container's own policy, and what it does on certain exit codes."""
    if policy is None:
        causes.append(required(f"{path}.restartPolicy", "must specify restartPolicy when restart rules are used"))
    elif policy not in _RESTART_POLICIES:
        causes.append(not_supported(f"{path}.restartPolicy", policy, _RESTART_POLICIES))
    if len(rules) > _RESTART_RULES_MAX:
        causes.append(too_many(f"{path}.restartPolicyRules", len(rules), _RESTART_RULES_MAX))
    for index, rule in enumerate(rules):
        where = f"{path}.restartPolicyRules[{index}]"
        if rule.action not in _RESTART_ACTIONS:
            causes.append(not_supported(f"{where}.action", rule.action, _RESTART_ACTIONS))
        codes = rule.exit_codes
        if codes is None:
            causes.append(required(f"{where}.exitCodes", "must be specified"))
            continue
        if codes.operator not in ("In", "NotIn"):
            causes.append(not_supported(f"{where}.exitCodes.operator", codes.operator, ("In", "NotIn")))
        if len(codes.values) > _EXIT_CODES_MAX:
            causes.append(too_many(f"{where}.exitCodes.values", len(codes.values), _EXIT_CODES_MAX))
