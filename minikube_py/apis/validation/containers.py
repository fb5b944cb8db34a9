"""Rules of containers: ports, environment, mounts, probes, handlers.

Source: pkg/apis/core/validation/validation.go (validateContainerCommon and below)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from .. import core_v1, syntax
from ..core_v1 import Container, EphemeralContainer, PodSpec, Volume
from ..quantity import canonical
from . import resources, security
from .causes import Causes, duplicate, forbidden, invalid, not_found, not_supported, required
from .common import PROTOCOLS, descending_path, matches, non_negative, one_of, port, port_or_name, present

PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_MESSAGE_POLICIES = ("FallbackToLogsOnError", "File")
_ENV_FIELDS = ("metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP",
               "status.hostIPs", "status.podIP", "status.podIPs")
_ENV_FIELDS_SET = frozenset(_ENV_FIELDS)
_RESOURCE_FIELDS = ("limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage",
                    "requests.memory")
_BYTE_DIVISORS = frozenset(("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"))
_PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")
_EPHEMERAL_FORBIDDEN = ("ports", "liveness_probe", "readiness_probe", "startup_probe", "lifecycle", "resize_policy")


class PodScope:
    """What the rules of a container need to know of its pod."""

    __slots__ = ("claims", "grace_s", "host_users", "restart_policy", "volumes")

    def __init__(self, spec: PodSpec, volumes: Mapping[str, Volume]) -> None:
        self.volumes = volumes
        self.claims = {claim.name for claim in spec.resource_claims} if spec.resource_claims else frozenset[str]()
        self.grace_s = spec.termination_grace_period_seconds
        self.restart_policy = spec.restart_policy
        self.host_users = spec.host_users is not False


def container(causes: Causes, path: str, item: Container | EphemeralContainer, scope: PodScope) -> None:
    """What init, main and ephemeral containers share."""
    present(causes, f"{path}.name", item.name, syntax.dns_label)
    if not item.image:
        causes.append(required(f"{path}.image"))
    if item.termination_message_policy not in _MESSAGE_POLICIES:
        one_of(causes, f"{path}.terminationMessagePolicy", item.termination_message_policy, _MESSAGE_POLICIES)
    if item.ports:
        _ports(causes, f"{path}.ports", item.ports)
    if item.env:
        environment(causes, f"{path}.env", item.env)
    if item.env_from:
        _environment_from(causes, f"{path}.envFrom", item.env_from)
    if item.volume_mounts:
        _mounts(causes, f"{path}.volumeMounts", item, scope)
    if item.volume_devices:
        _devices(causes, f"{path}.volumeDevices", item, scope)
    if item.image_pull_policy not in PULL_POLICIES:
        one_of(causes, f"{path}.imagePullPolicy", item.image_pull_policy, PULL_POLICIES)
    if item.resources is not None:
        resources.requirements(causes, f"{path}.resources", item.resources, scope.claims)
    if item.resize_policy:
        _resize_policy(causes, f"{path}.resizePolicy", item.resize_policy, scope)
    if item.security_context is not None:
        security.container(causes, f"{path}.securityContext", item.security_context, host_users=scope.host_users)


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
        _lifecycle(causes, where, item, scope)
        if item.restart_policy is not None and item.restart_policy not in ("Always", "OnFailure", "Never"):
            causes.append(not_supported(f"{where}.restartPolicy", item.restart_policy, ("Always", "Never", "OnFailure")))
    _host_ports(causes, path, spec.containers)


def init_containers(causes: Causes, path: str, spec: PodSpec, scope: PodScope) -> None:
    names = {item.name for item in spec.containers}
    for index, item in enumerate(spec.init_containers):
        where = f"{path}[{index}]"
        container(causes, where, item, scope)
        if item.name in names:
            causes.append(duplicate(f"{where}.name", item.name))
        elif item.name:
            names.add(item.name)
        if item.restart_policy is not None and item.restart_policy not in ("Always", "OnFailure", "Never"):
            causes.append(not_supported(f"{where}.restartPolicy", item.restart_policy, ("Always", "Never", "OnFailure")))
        _host_ports(causes, path, [item])
        if item.restart_policy == "Always":
            _lifecycle(causes, where, item, scope)
            continue
        for name, wire in (("lifecycle", "lifecycle"), ("liveness_probe", "livenessProbe"), ("readiness_probe", "readinessProbe"),
                           ("startup_probe", "startupProbe")):
            if getattr(item, name) is not None:
                causes.append(forbidden(f"{where}.{wire}", "may not be set for init containers without restartPolicy=Always"))


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
        for name in _EPHEMERAL_FORBIDDEN:
            if getattr(item, name):
                head, *rest = name.split("_")
                wire = head + "".join(part.capitalize() for part in rest)
                causes.append(forbidden(f"{where}.{wire}", "cannot be set for an Ephemeral Container"))
        if item.resources is not None and (item.resources.limits or item.resources.requests or item.resources.claims):
            causes.append(forbidden(f"{where}.resources", "cannot be set for an Ephemeral Container"))
        for number, mount in enumerate(item.volume_mounts):
            for value, wire in ((mount.sub_path, "subPath"), (mount.sub_path_expr, "subPathExpr")):
                if value:
                    causes.append(forbidden(f"{where}.volumeMounts[{number}].{wire}", "cannot be set for an Ephemeral Container"))


def pod_only(causes: Causes, path: str, item: Container | EphemeralContainer) -> None:
    """What is refused in a pod but was let into templates."""
    if item.image != item.image.strip():
        causes.append(invalid(f"{path}.image", item.image, "must not have leading or trailing whitespace"))


def _ports(causes: Causes, path: str, ports: list[core_v1.ContainerPort]) -> None:
    names: set[str] = set()
    for index, item in enumerate(ports):
        where = f"{path}[{index}]"
        if item.name:
            if complaints := syntax.port_name(item.name):
                causes += [invalid(f"{where}.name", item.name, complaint) for complaint in complaints]
            elif item.name in names:
                causes.append(duplicate(f"{where}.name", item.name))
            names.add(item.name)
        if not item.container_port:
            causes.append(required(f"{where}.containerPort"))
        else:
            port(causes, f"{where}.containerPort", item.container_port)
        if item.host_port:
            port(causes, f"{where}.hostPort", item.host_port)
        if item.protocol not in PROTOCOLS:
            one_of(causes, f"{where}.protocol", item.protocol, PROTOCOLS)


def _host_ports(causes: Causes, path: str, items: Iterable[Container]) -> None:
    seen: set[str] = set()
    for index, item in enumerate(items):
        for number, item_port in enumerate(item.ports):
            if item_port.host_port:
                key = f"{item_port.protocol}/{item_port.host_ip}/{item_port.host_port}"
                if key in seen:
                    causes.append(duplicate(f"{path}[{index}].ports[{number}].hostPort", key))
                seen.add(key)


def environment(causes: Causes, path: str, variables: list[core_v1.EnvVar]) -> None:
    for index, variable in enumerate(variables):
        if not variable.name:
            causes.append(required(f"{path}[{index}].name"))
        elif complaints := syntax.env_name(variable.name):
            causes += [invalid(f"{path}[{index}].name", variable.name, complaint) for complaint in complaints]
        if variable.value_from is not None:
            _value_from(causes, f"{path}[{index}].valueFrom", variable, variable.value_from)


def _value_from(causes: Causes, path: str, variable: core_v1.EnvVar, source: core_v1.EnvVarSource) -> None:
    if source.field_ref is not None:
        field_reference(causes, f"{path}.fieldRef", source.field_ref, _ENV_FIELDS_SET)
    if source.resource_field_ref is not None:
        resource_reference(causes, f"{path}.resourceFieldRef", source.resource_field_ref, volume=False)
    for key_ref, wire in ((source.config_map_key_ref, "configMapKeyRef"), (source.secret_key_ref, "secretKeyRef")):
        if key_ref is not None:
            matches(causes, f"{path}.{wire}.name", key_ref.name, syntax.dns_subdomain)
            present(causes, f"{path}.{wire}.key", key_ref.key, syntax.config_map_key)
    file_ref = source.file_key_ref
    if file_ref is not None:
        present(causes, f"{path}.fileKeyRef.key", file_ref.key, syntax.env_name)
        present(causes, f"{path}.fileKeyRef.volumeName", file_ref.volume_name, syntax.dns_label)
        if not file_ref.path:
            causes.append(required(f"{path}.fileKeyRef.path"))
        else:
            descending_path(causes, f"{path}.fileKeyRef.path", file_ref.path)
    count = 5 - (source.field_ref, source.resource_field_ref, source.config_map_key_ref, source.secret_key_ref, file_ref).count(None)
    if not count:
        causes.append(invalid(path, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"))
    elif variable.value:
        causes.append(invalid(path, "", "may not be specified when `value` is not empty"))
    elif count > 1:
        causes.append(invalid(path, "", "may not have more than one field specified at a time"))


def field_reference(causes: Causes, path: str, reference: core_v1.ObjectFieldSelector, supported: Collection[str]) -> None:
    """A reference to a field of the pod, by the downward API."""
    field = reference.field_path
    if not reference.api_version:
        causes.append(required(f"{path}.apiVersion"))
    elif not field:
        causes.append(required(f"{path}.fieldPath"))
    elif field in supported:
        return
    elif field.endswith("']") and "['" in field:
        name, _, key = field[:-2].partition("['")
        if name == "metadata.annotations":
            matches(causes, path, key.lower(), syntax.label_key)
        elif name == "metadata.labels":
            matches(causes, path, key, syntax.label_key)
        else:
            causes.append(invalid(path, name, "does not support subscript"))
    elif field in _ENV_FIELDS_SET or field in ("metadata.labels", "metadata.annotations"):
        causes.append(not_supported(f"{path}.fieldPath", field, sorted(supported)))
    else:
        causes.append(invalid(f"{path}.fieldPath", field, f"error converting fieldPath: field label not supported: {field}"))


def resource_reference(causes: Causes, path: str, reference: core_v1.ResourceFieldSelector, *, volume: bool) -> None:
    """A reference to a resource of a container, by the downward API."""
    name = reference.resource
    if volume and not reference.container_name:
        causes.append(required(f"{path}.containerName"))
    elif not name:
        causes.append(required(f"{path}.resource"))
    elif name not in _RESOURCE_FIELDS and not name.startswith(("requests.hugepages-", "limits.hugepages-")):
        causes.append(not_supported(f"{path}.resource", name, _RESOURCE_FIELDS))
    divisor = canonical(reference.divisor or "0")
    if divisor == "0":
        return
    if name.endswith(".cpu"):
        if divisor not in ("1m", "1"):
            causes.append(invalid(f"{path}.divisor", name, "only divisor's values 1m and 1 are supported with the cpu resource"))
    elif divisor not in _BYTE_DIVISORS:
        kind = "local ephemeral storage" if name.endswith("storage") else "hugepages" if "hugepages" in name else "memory"
        causes.append(invalid(f"{path}.divisor", name, "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are "
                                                       f"supported with the {kind} resource"))


def _environment_from(causes: Causes, path: str, sources: list[core_v1.EnvFromSource]) -> None:
    for index, source in enumerate(sources):
        where = f"{path}[{index}]"
        if source.prefix:
            matches(causes, f"{where}.prefix", source.prefix, syntax.env_name)
        if source.config_map_ref is not None:
            present(causes, f"{where}.configMapRef.name", source.config_map_ref.name, syntax.dns_subdomain)
        if source.secret_ref is not None:
            present(causes, f"{where}.secretRef.name", source.secret_ref.name, syntax.dns_subdomain)
            if source.config_map_ref is not None:
                causes.append(invalid(path, "", "may not have more than one field specified at a time"))
        elif source.config_map_ref is None:
            causes.append(invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"))


def _mounts(causes: Causes, path: str, item: Container | EphemeralContainer, scope: PodScope) -> None:
    seen: set[str] = set()
    device_names = {device.name for device in item.volume_devices}
    device_paths = {device.device_path for device in item.volume_devices}
    for index, mount in enumerate(item.volume_mounts):
        where = f"{path}[{index}]"
        if not mount.name:
            causes.append(required(f"{where}.name"))
        if mount.name not in scope.volumes:
            causes.append(not_found(f"{where}.name", mount.name))
        if not mount.mount_path:
            causes.append(required(f"{where}.mountPath"))
        if mount.mount_path in seen:
            causes.append(invalid(f"{where}.mountPath", mount.mount_path, "must be unique"))
        seen.add(mount.mount_path)
        if mount.name in device_names:
            causes.append(invalid(f"{where}.name", mount.name, "must not already exist in volumeDevices"))
        if mount.mount_path in device_paths:
            causes.append(invalid(f"{where}.mountPath", mount.mount_path, "must not already exist as a path in volumeDevices"))
        if mount.sub_path:
            descending_path(causes, f"{path}.subPath", mount.sub_path)
        if mount.sub_path_expr:
            if mount.sub_path:
                causes.append(invalid(f"{where}.subPathExpr", mount.sub_path_expr, "subPathExpr and subPath are mutually exclusive"))
            descending_path(causes, f"{path}.subPathExpr", mount.sub_path_expr)
        if mount.mount_propagation is not None:
            _propagation(causes, f"{path}.mountPropagation", mount.mount_propagation, item)
        if mount.recursive_read_only is not None:
            _recursive_read_only(causes, f"{path}.recursiveReadOnly", mount)


def _propagation(causes: Causes, path: str, value: str, item: Container | EphemeralContainer) -> None:
    if value not in _PROPAGATIONS:
        causes.append(not_supported(path, value, _PROPAGATIONS))
    privileged = item.security_context is not None and item.security_context.privileged
    if value == "Bidirectional" and not privileged:
        causes.append(forbidden(path, "Bidirectional mount propagation is available only to privileged containers"))


def _recursive_read_only(causes: Causes, path: str, mount: core_v1.VolumeMount) -> None:
    value = mount.recursive_read_only or ""
    if value in ("Enabled", "IfPossible"):
        if not mount.read_only:
            causes.append(forbidden(path, "may only be specified when readOnly is true"))
        if mount.mount_propagation not in (None, "None"):
            causes.append(forbidden(path, "may only be specified when mountPropagation is None or not specified"))
    elif value != "Disabled":
        causes.append(not_supported(path, value, ("Disabled", "Enabled", "IfPossible")))


def _devices(causes: Causes, path: str, item: Container | EphemeralContainer, scope: PodScope) -> None:
    names: set[str] = set()
    paths: set[str] = set()
    for index, device in enumerate(item.volume_devices):
        where = f"{path}[{index}]"
        volume = scope.volumes.get(device.name)
        if not device.name:
            causes.append(required(f"{where}.name"))
        if device.name in names:
            causes.append(invalid(f"{where}.name", device.name, "must be unique"))
        if volume is None:
            causes.append(not_found(f"{where}.name", device.name))
        elif volume.persistent_volume_claim is None and volume.ephemeral is None:
            causes.append(invalid(f"{where}.name", device.name,
                                  "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"))
        if not device.device_path:
            causes.append(required(f"{where}.devicePath"))
        if device.device_path in paths:
            causes.append(invalid(f"{where}.devicePath", device.device_path, "must be unique"))
        if ".." in device.device_path.split("/"):
            causes.append(invalid(f"{where}.devicePath", device.device_path, "can not contain backsteps ('..')"))
        names.add(device.name)
        paths.add(device.device_path)


def _resize_policy(causes: Causes, path: str, policies: list[core_v1.ContainerResizePolicy], scope: PodScope) -> None:
    seen: set[str] = set()
    for index, policy in enumerate(policies):
        if policy.resource_name in seen:
            causes.append(duplicate(f"{path}[{index}]", policy.resource_name))
        seen.add(policy.resource_name)
        one_of(causes, path, policy.resource_name, ("cpu", "memory"))
        one_of(causes, path, policy.restart_policy, ("NotRequired", "RestartContainer"))
        if scope.restart_policy == "Never" and policy.restart_policy != "NotRequired":
            causes.append(invalid(path, policy.restart_policy, "must be 'NotRequired' when `restartPolicy` is 'Never'"))


def _lifecycle(causes: Causes, path: str, item: Container, scope: PodScope) -> None:
    if item.lifecycle is not None:
        for handler, wire in ((item.lifecycle.post_start, "postStart"), (item.lifecycle.pre_stop, "preStop")):
            if handler is not None:
                actions = (
                    ("exec", handler.exec), ("httpGet", handler.http_get), ("tcpSocket", handler.tcp_socket), ("sleep", handler.sleep),
                )
                _handler(causes, f"{path}.lifecycle.{wire}", actions, scope)
    if item.liveness_probe is not None:
        _probe(causes, f"{path}.livenessProbe", item.liveness_probe, scope)
    if item.readiness_probe is not None:
        _probe(causes, f"{path}.readinessProbe", item.readiness_probe, scope)
        if item.readiness_probe.termination_grace_period_seconds is not None:
            causes.append(invalid(f"{path}.readinessProbe.terminationGracePeriodSeconds",
                                  item.readiness_probe.termination_grace_period_seconds, "must not be set for readinessProbes"))
    if item.startup_probe is not None:
        _probe(causes, f"{path}.startupProbe", item.startup_probe, scope)
    for probe, wire in ((item.liveness_probe, "livenessProbe"), (item.startup_probe, "startupProbe")):
        if probe is not None and probe.success_threshold != 1:
            causes.append(invalid(f"{path}.{wire}.successThreshold", probe.success_threshold or 0, "must be 1"))


def _probe(causes: Causes, path: str, probe: core_v1.Probe, scope: PodScope) -> None:
    actions = (("exec", probe.exec), ("httpGet", probe.http_get), ("tcpSocket", probe.tcp_socket), ("grpc", probe.grpc))
    _handler(causes, path, actions, scope)
    non_negative(causes, f"{path}.initialDelaySeconds", probe.initial_delay_seconds)
    non_negative(causes, f"{path}.timeoutSeconds", probe.timeout_seconds)
    non_negative(causes, f"{path}.periodSeconds", probe.period_seconds)
    non_negative(causes, f"{path}.successThreshold", probe.success_threshold)
    non_negative(causes, f"{path}.failureThreshold", probe.failure_threshold)
    grace_s = probe.termination_grace_period_seconds
    if grace_s is not None and grace_s <= 0:
        causes.append(invalid(f"{path}.terminationGracePeriodSeconds", grace_s, "must be greater than 0"))


def _handler(causes: Causes, path: str, actions: Iterable[tuple[str, object]], scope: PodScope) -> None:
    """Exactly one action is set."""
    found = False
    for wire, action in actions:
        if action is None:
            continue
        if found:
            causes.append(forbidden(f"{path}.{wire}", "may not specify more than 1 handler type"))
            continue
        found = True
        where = f"{path}.{wire}"
        if isinstance(action, core_v1.HTTPGetAction):
            _http_get(causes, where, action)
        elif isinstance(action, core_v1.ExecAction):
            if not action.command:
                causes.append(required(f"{where}.command"))
        elif isinstance(action, core_v1.TCPSocketAction):
            port_or_name(causes, f"{where}.port", action.port)
        elif isinstance(action, core_v1.GRPCAction):
            port(causes, f"{where}.port", action.port)
        elif isinstance(action, core_v1.SleepAction):
            seconds = action.seconds or 0
            if scope.grace_s is not None and not 0 <= seconds <= scope.grace_s:
                bound = f"terminationGracePeriodSeconds ({scope.grace_s})"
                causes.append(invalid(where, seconds, f"must be non-negative and less than {bound}"))
    if not found:
        causes.append(required(path, "must specify a handler type"))


def _http_get(causes: Causes, path: str, action: core_v1.HTTPGetAction) -> None:
    if not action.path:
        causes.append(required(f"{path}.path"))
    port_or_name(causes, f"{path}.port", action.port)
    if action.scheme not in ("HTTP", "HTTPS"):
        causes.append(not_supported(f"{path}.scheme", action.scheme, ("HTTP", "HTTPS")))
    for header in action.http_headers:
        matches(causes, f"{path}.httpHeaders", header.name, syntax.http_header_name)
