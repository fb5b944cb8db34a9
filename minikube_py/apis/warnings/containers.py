"""Warnings about the containers of a pod: profiles in annotations, variables and ports that hide each other.

Source: pkg/api/pod/warnings.go (warningsForPodSpecAndMeta)
"""

from __future__ import annotations

from collections.abc import Mapping

from ..core_v1 import Container, ContainerPort, EnvVar, EphemeralContainer, PodSpec
from ..syntax import quote
from ..validation.pod_annotations import APP_ARMOR, SECCOMP_CONTAINER, SECCOMP_POD
from ..validation.windows import every_container
from .quantities import BYTES, fractional

_SECCOMP = 'non-functional in v1.27+; use the "seccompProfile" field instead'
APP_ARMOR_DEPRECATED = 'deprecated since v1.30; use the "appArmorProfile" field instead'


def of_spec(path: str, spec: PodSpec, notes: str, annotations: Mapping[str, str], *, template: bool) -> list[str]:
    """What is said of the containers of a spec.

    Args:
        path: of the spec.
        notes: the path of the annotations.
        template: whether the annotations are a template's. A pod is told of AppArmor when its fields are made of its annotations.
    """
    context = spec.security_context
    texts: list[str] = []
    if (context is None or context.seccomp_profile is None) and SECCOMP_POD in annotations:
        texts.append(f"{notes}[{SECCOMP_POD}]: {_SECCOMP}")
    app_armor = template and (context is None or context.app_armor_profile is None)
    found = [*every_container(path, spec)]
    for where, item in found:
        if annotations:
            texts += _profiles(item, notes, annotations, app_armor=app_armor)
        if item.resources is not None:
            for name in BYTES:
                texts += fractional(f"{where}.resources.limits", item.resources.limits, (name,))
                texts += fractional(f"{where}.resources.requests", item.resources.requests, (name,))
        if len(item.env) > 1:
            texts += _variables(f"{where}.env", item.env)
    ports = [(f"{where}.ports[{index}]", port) for where, item in found for index, port in enumerate(item.ports)]
    return texts + _ports(ports) + _port_names(ports)


def _profiles(item: Container | EphemeralContainer, notes: str, annotations: Mapping[str, str], *, app_armor: bool) -> list[str]:
    own, texts = item.security_context, []
    key = SECCOMP_CONTAINER + item.name
    if (own is None or own.seccomp_profile is None) and key in annotations:
        texts.append(f"{notes}[{key}]: {_SECCOMP}")
    key = APP_ARMOR + item.name
    if app_armor and (own is None or own.app_armor_profile is None) and key in annotations:
        texts.append(f"{notes}[{key}]: {APP_ARMOR_DEPRECATED}")
    return texts


def _variables(path: str, variables: list[EnvVar]) -> list[str]:
    """Variables that are defined again without building on what they were."""
    texts, seen = [], set()
    for index, item in enumerate(variables):
        if item.name not in seen:
            seen.add(item.name)
            continue
        reference = f"$({item.name})"
        if item.value_from is not None or item.value == reference or reference not in item.value:
            texts.append(f"{path}[{index}]: hides previous definition of {quote(item.name)}, which may be dropped when using apply")
    return texts


def _ports(ports: list[tuple[str, ContainerPort]]) -> list[str]:
    texts: list[str] = []
    seen: dict[tuple[int, str], list[tuple[str, ContainerPort]]] = {}
    for where, port in ports:
        host_port = port.host_port or 0
        if port.host_ip and not host_port:
            shown = f"{{Name:{port.name} HostPort:{host_port} ContainerPort:{port.container_port} Protocol:{port.protocol} "
            texts.append(f"{where}: hostIP set without hostPort: {shown}HostIP:{port.host_ip}}}")
        others = seen.setdefault((port.container_port, port.protocol), [])
        for other_where, other in others:
            how = _overlap(port, other)
            if how:
                texts.append(f"{where}: {how} port definition with {other_where}")
        others.append((where, port))
    return texts


def _overlap(port: ContainerPort, other: ContainerPort) -> str:
    """How two ports with the same number and protocol get in each other's way; "" if they do not."""
    one, two = port.host_port or 0, other.host_port or 0
    if one == two and port.host_ip == other.host_ip:
        return "duplicate"
    if not one or not two:
        return "overlapping"
    return "dangerously ambiguous" if one == two and bool(port.host_ip) != bool(other.host_ip) else ""


def _port_names(ports: list[tuple[str, ContainerPort]]) -> list[str]:
    texts: list[str] = []
    seen: dict[str, str] = {}
    for where, port in ports:
        if port.name:
            first = seen.setdefault(port.name, where)
            if first != where:
                texts.append(f"{where}: duplicate port name {quote(port.name)} with {first}, services and probes that select ports by "
                             f"name will use {first}")
    return texts
