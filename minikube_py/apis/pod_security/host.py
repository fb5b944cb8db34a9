"""What the host's own is: its namespaces, ports and files are not for pods."""

from __future__ import annotations

from .check import Check, Subject, Violation, containers, plural, quoted


def host_namespaces(subject: Subject) -> Violation | None:
    spec = subject.spec
    shared = [
        text for text, is_set in
        (("hostNetwork=true", spec.host_network), ("hostPID=true", spec.host_pid), ("hostIPC=true", spec.host_ipc)) if is_set
    ]
    return Violation("host namespaces", ", ".join(shared)) if shared else None


def host_ports(subject: Subject) -> Violation | None:
    names = [container.name for container in subject.containers if any(port.host_port for port in container.ports)]
    if not names:
        return None
    # As text: 8080 comes before 90.
    ports = sorted({str(port.host_port) for container in subject.containers for port in container.ports if port.host_port})
    uses = "uses" if len(names) == 1 else "use"
    return Violation("hostPort", f"{containers(names)} {uses} {plural('hostPort', ports)} {', '.join(ports)}")


def host_path_volumes(subject: Subject) -> Violation | None:
    names = [volume.name for volume in subject.spec.volumes if volume.host_path is not None]
    return Violation("hostPath volumes", f"{plural('volume', names)} {quoted(names)}") if names else None


CHECKS = (
    Check("hostNamespaces", "baseline", ((0, host_namespaces),)),
    Check("hostPorts", "baseline", ((0, host_ports),)),
    Check("hostPathVolumes", "baseline", ((0, host_path_volumes),)),
)
