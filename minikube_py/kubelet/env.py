"""The environment of a container.

Owns the order of sources (service links, envFrom, env) and the messages for what is missing. Reads ConfigMaps and Secrets from whatever
`References` it is given. Errors are for the container's waiting state.

Source: kubernetes pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables), pkg/kubelet/envvars/envvars.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from minikube_py.apis import core_v1
from minikube_py.apis.object import Quantity

from .container_status import AnyContainer
from .downward import FieldError, field_value, resource_value
from .expansion import expand


class EnvError(Exception):
    """A variable that cannot be made; the message is what the pod's status shows."""


class References(Protocol):
    """ConfigMaps and Secrets that pods of this node name."""

    async def config_map(self, namespace: str, name: str) -> core_v1.ConfigMap | None:
        """One ConfigMap as last known; None if there is none."""

    async def secret(self, namespace: str, name: str) -> core_v1.Secret | None:
        """One Secret as last known; None if there is none."""


async def environment(
    pod: core_v1.Pod, container: AnyContainer, *, references: References, services: Iterable[core_v1.Service],
    allocatable: Mapping[str, Quantity],
) -> dict[str, str]:
    """All variables of a container, in no order.

    Args:
        pod: with the addresses that it has now in its status.
        services: those of the pod's namespace and the API server's own.
        allocatable: of the node; stands for limits that are not set.
    Raises: EnvError.
    """
    links = service_variables(services, pod.metadata.namespace, links=pod.spec.enable_service_links is not False)
    result: dict[str, str] = {}
    for source in container.env_from:
        result.update(await _from_source(pod, source, references))
    for variable in container.env:
        if variable.value_from is None:
            result[variable.name] = expand(variable.value, {**links, **result})
            continue
        value = await _from_reference(pod, container, variable.value_from, references, allocatable)
        if value is not None:
            result[variable.name] = value
    return {**links, **result}


async def _from_source(pod: core_v1.Pod, source: core_v1.EnvFromSource, references: References) -> dict[str, str]:
    namespace = pod.metadata.namespace
    if source.config_map_ref is not None:
        wanted = source.config_map_ref
        config = await references.config_map(namespace, wanted.name)
        if config is None:
            if wanted.optional:
                return {}
            raise EnvError(f'configmap "{wanted.name}" not found')
        return {source.prefix + key: value for key, value in config.data.items()}
    if source.secret_ref is not None:
        asked = source.secret_ref
        secret = await references.secret(namespace, asked.name)
        if secret is None:
            if asked.optional:
                return {}
            raise EnvError(f'secret "{asked.name}" not found')
        return {source.prefix + key: value.decode("utf-8", "surrogateescape") for key, value in secret.data.items()}
    return {}


async def _from_reference(
    pod: core_v1.Pod, container: AnyContainer, source: core_v1.EnvVarSource, references: References, allocatable: Mapping[str, Quantity]
) -> str | None:
    """The value that a variable refers to; None if it is optional and not there."""
    try:
        if source.field_ref is not None:
            return field_value(pod, source.field_ref.field_path)
        if source.resource_field_ref is not None:
            return resource_value(pod, source.resource_field_ref, container.name, allocatable)
    except FieldError as error:
        raise EnvError(str(error)) from error
    namespace = pod.metadata.namespace
    if source.config_map_key_ref is not None:
        wanted = source.config_map_key_ref
        config = await references.config_map(namespace, wanted.name)
        if config is not None and wanted.key in config.data:
            return config.data[wanted.key]
        if wanted.optional:
            return None
        if config is None:
            raise EnvError(f'configmap "{wanted.name}" not found')
        raise EnvError(f"couldn't find key {wanted.key} in ConfigMap {namespace}/{wanted.name}")
    if source.secret_key_ref is not None:
        asked = source.secret_key_ref
        secret = await references.secret(namespace, asked.name)
        if secret is not None and asked.key in secret.data:
            return secret.data[asked.key].decode("utf-8", "surrogateescape")
        if asked.optional:
            return None
        if secret is None:
            raise EnvError(f'secret "{asked.name}" not found')
        raise EnvError(f"couldn't find key {asked.key} in Secret {namespace}/{asked.name}")
    return None


def service_variables(services: Iterable[core_v1.Service], namespace: str, *, links: bool) -> dict[str, str]:
    """Variables that name services with a cluster address: those of the pod's namespace if `links`, and always the API server's.

    Source: kubernetes.io/docs/concepts/services-networking/service/#environment-variables
    """
    chosen: dict[str, core_v1.Service] = {}
    for service in sorted(services, key=lambda item: item.metadata.name):
        meta = service.metadata
        if service.spec.cluster_ip in ("", "None"):
            continue
        is_master = meta.namespace == "default" and meta.name == "kubernetes"
        if (meta.namespace == namespace and links) or (is_master and meta.name not in chosen):
            chosen[meta.name] = service
    result: dict[str, str] = {}
    for name, service in chosen.items():
        result.update(_variables_of(name, service))
    return result


def _variables_of(name: str, service: core_v1.Service) -> dict[str, str]:
    prefix = _variable_name(name)
    ip = service.spec.cluster_ip
    host = f"[{ip}]" if ":" in ip else ip
    ports = service.spec.ports
    if not ports:
        return {}
    result = {f"{prefix}_SERVICE_HOST": ip, f"{prefix}_SERVICE_PORT": str(ports[0].port)}
    for number, port in enumerate(ports):
        if port.name:
            result[f"{prefix}_SERVICE_PORT_{_variable_name(port.name)}"] = str(port.port)
        protocol = port.protocol or "TCP"
        url = f"{protocol.lower()}://{host}:{port.port}"
        if number == 0:
            result[f"{prefix}_PORT"] = url
        stem = f"{prefix}_PORT_{port.port}_{protocol.upper()}"
        result |= {stem: url, f"{stem}_PROTO": protocol.lower(), f"{stem}_PORT": str(port.port), f"{stem}_ADDR": ip}
    return result


def _variable_name(name: str) -> str:
    return name.upper().replace("-", "_")
