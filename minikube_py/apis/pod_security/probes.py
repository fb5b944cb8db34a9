"""Hosts in probes and hooks: the kubelet would ask them, from the node's network."""

from __future__ import annotations

from collections.abc import Iterator

from ..core_v1 import Container, EphemeralContainer
from .check import Check, Subject, Violation, containers, plural, quoted


def _hosts(container: Container | EphemeralContainer) -> Iterator[str]:
    hooks = container.lifecycle
    for handler in (
        container.liveness_probe, container.readiness_probe, container.startup_probe,
        *((hooks.post_start, hooks.pre_stop) if hooks is not None else ()),
    ):
        if handler is not None:
            if handler.http_get is not None and handler.http_get.host:
                yield handler.http_get.host
            if handler.tcp_socket is not None and handler.tcp_socket.host:
                yield handler.tcp_socket.host


def hosts(subject: Subject) -> Violation | None:
    found = {container.name: named for container in subject.containers if (named := set(_hosts(container)))}
    if not found:
        return None
    names, asked = sorted(found), sorted(set().union(*found.values()))
    uses = "uses" if len(names) == 1 else "use"
    return Violation("probe or lifecycle host", f"{containers(names)} {uses} {plural('probe or lifecycle host', asked)} {quoted(asked)}")


CHECKS = (Check("hostProbesAndHostLifecycle", "baseline", ((34, hosts),)),)
