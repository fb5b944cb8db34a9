"""Containers and volumes, of pods and of pod templates.

Source: kubectl pkg/describe/describe.go (describeContainers, describeVolumes)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..api import Document
from .writer import Writer, long_time

_PROBES = (("livenessProbe", "Liveness"), ("readinessProbe", "Readiness"), ("startupProbe", "Startup"))


def template_lines(template: Document) -> list[str]:
    """A pod template for the history of a rollout, its cells parted by tabs as kubectl leaves them there."""
    writer = Writer()
    write_template(writer, template)
    return writer.raw()


def write_template(writer: Writer, template: Document) -> None:
    metadata, spec = template.get("metadata") or {}, template.get("spec") or {}
    writer.pairs(1, "Labels", metadata.get("labels"))
    if metadata.get("annotations"):
        writer.pairs(1, "Annotations", metadata["annotations"], separator=": ")
    if spec.get("serviceAccountName"):
        writer.line(1, "Service Account:", spec["serviceAccountName"])
    if spec.get("initContainers"):
        write_containers(writer, 1, "Init Containers", spec["initContainers"])
    write_containers(writer, 1, "Containers", spec.get("containers") or ())
    write_volumes(writer, 1, spec.get("volumes") or ())
    if spec.get("topologySpreadConstraints"):
        write_spread(writer, 1, spec["topologySpreadConstraints"])
    if spec.get("priorityClassName"):
        writer.line(1, "Priority Class Name:", spec["priorityClassName"])
    writer.pairs(1, "Node-Selectors", spec.get("nodeSelector"))
    writer.items(1, "Tolerations", map(toleration_text, spec.get("tolerations") or ()))


def write_spread(writer: Writer, level: int, constraints: Iterable[Document]) -> None:
    from ..selectors import selector_text

    texts = []
    for one in constraints:
        text = f"{one.get('topologyKey')}:{one.get('whenUnsatisfiable')} when max skew {one.get('maxSkew')} is exceeded"
        selector = selector_text(one.get("labelSelector"))
        texts.append(f"{text} for selector {selector}" if selector else text)
    writer.items(level, "Topology Spread Constraints", texts)


def write_containers(writer: Writer, level: int, title: str, containers: Sequence[Document], statuses: Iterable[Document] = (), *,
                     of_pod: Document | None = None) -> None:
    """Args: of_pod: the pod, for values that its environment takes from it."""
    if not containers:
        writer.line(level, f"{title}:", "<none>")
        return
    writer.line(level, f"{title}:")
    by_name = {status["name"]: status for status in statuses}
    for container in containers:
        status = by_name.get(container["name"])
        writer.line(level, f" {container['name']}:" if level > 0 else f"  {container['name']}:")
        _container(writer, level + (1 if level > 0 else 2), container, status, of_pod)


def _container(writer: Writer, level: int, container: Document, status: Document | None, of_pod: Document | None) -> None:
    shift = level
    if status is not None:
        writer.line(shift, "Container ID:", status.get("containerID", ""))
    writer.line(shift, "Image:", container.get("image", ""))
    if status is not None:
        writer.line(shift, "Image ID:", status.get("imageID", ""))
    ports = container.get("ports") or []
    plural = "Ports:" if len(ports) > 1 else "Port:"
    host_plural = "Host Ports:" if len(ports) > 1 else "Host Port:"
    writer.line(shift, plural, ", ".join(_port(port) for port in ports) or "<none>")
    writer.line(shift, host_plural, ", ".join(f"{port.get('hostPort', 0)}/{port.get('protocol', 'TCP')}" for port in ports) or "<none>")
    seccomp = ((container.get("securityContext") or {}).get("seccompProfile") or {}).get("type")
    if seccomp:
        writer.line(shift, "SeccompProfile:", seccomp)
    for key, title in (("command", "Command:"), ("args", "Args:")):
        if container.get(key):
            writer.line(shift, title)
            for part in container[key]:
                for text in str(part).split("\n"):
                    writer.line(shift + 1, text)
    if status is not None:
        _state(writer, shift, "State:", status.get("state") or {})
        if status.get("lastState"):
            _state(writer, shift, "Last State:", status["lastState"])
        writer.line(shift, "Ready:", "True" if status.get("ready") else "False")
        writer.line(shift, "Restart Count:", status.get("restartCount", 0))
    resources = container.get("resources") or {}
    for key, title in (("limits", "Limits:"), ("requests", "Requests:")):
        if resources.get(key):
            writer.line(shift, title)
            for name, quantity in sorted(resources[key].items()):
                writer.line(shift + 1, f"{name}:", quantity)
    for key, title in _PROBES:
        if container.get(key):
            writer.line(shift, f"{title}:", probe_text(container[key]))
    _environment(writer, shift, container, of_pod)
    mounts = sorted(container.get("volumeMounts") or (), key=lambda mount: str(mount["mountPath"]))
    writer.line(shift, *(("Mounts:",) if mounts else ("Mounts:", "<none>")))
    for mount in mounts:
        flags = ["ro" if mount.get("readOnly") else "rw"]
        if mount.get("subPath"):
            flags.append(f'path="{mount["subPath"]}"')
        writer.line(shift + 1, f"{mount['mountPath']} from {mount['name']} ({','.join(flags)})")


def _port(port: Document) -> str:
    return f"{port.get('containerPort', 0)}/{port.get('protocol', 'TCP')}"


def _state(writer: Writer, level: int, title: str, state: Document) -> None:
    if state.get("running") is not None:
        writer.line(level, title, "Running")
        writer.line(level + 1, "Started:", long_time(state["running"].get("startedAt")))
    elif state.get("terminated") is not None:
        ended = state["terminated"]
        writer.line(level, title, "Terminated")
        for key, text in (("reason", "Reason:"), ("message", "Message:")):
            if ended.get(key):
                writer.line(level + 1, text, ended[key].rstrip("\n"))
        writer.line(level + 1, "Exit Code:", ended.get("exitCode", 0))
        if ended.get("signal"):
            writer.line(level + 1, "Signal:", ended["signal"])
        writer.line(level + 1, "Started:", long_time(ended.get("startedAt")))
        writer.line(level + 1, "Finished:", long_time(ended.get("finishedAt")))
    else:
        writer.line(level, title, "Waiting")
        waiting = state.get("waiting") or {}
        if waiting.get("reason"):
            writer.line(level + 1, "Reason:", waiting["reason"])


def probe_text(probe: Document) -> str:
    """ "http-get http://:80/ delay=0s timeout=1s period=10s #success=1 #failure=3"."""
    times = (
        f"delay={probe.get('initialDelaySeconds', 0)}s timeout={probe.get('timeoutSeconds', 0)}s period={probe.get('periodSeconds', 0)}s "
        f"#success={probe.get('successThreshold', 0)} #failure={probe.get('failureThreshold', 0)}"
    )
    if "exec" in probe:
        return f"exec [{' '.join(probe['exec'].get('command') or ())}] {times}"
    if "httpGet" in probe:
        get = probe["httpGet"]
        return f"http-get {get.get('scheme', 'HTTP').lower()}://{get.get('host', '')}:{get.get('port', '')}{get.get('path', '')} {times}"
    if "tcpSocket" in probe:
        return f"tcp-socket {probe['tcpSocket'].get('host', '')}:{probe['tcpSocket'].get('port', '')} {times}"
    if "grpc" in probe:
        return f"grpc <pod>:{probe['grpc'].get('port', 0)} {probe['grpc'].get('service') or ''} {times}"
    return f"unknown {times}"


def _environment(writer: Writer, level: int, container: Document, of_pod: Document | None) -> None:
    sources = container.get("envFrom") or ()
    if sources:
        writer.line(level, "Environment Variables from:")
        for source in sources:
            kind = "ConfigMap" if "configMapRef" in source else "Secret"
            reference = source.get("configMapRef") or source.get("secretRef") or {}
            prefix = f" with prefix '{source['prefix']}'" if source.get("prefix") else ""
            writer.line(level + 1, reference.get("name", ""), f"{kind}{prefix}", f"Optional: {_bool(reference.get('optional', False))}")
    variables = container.get("env") or ()
    if not variables:
        writer.line(level, "Environment:", "<none>")
        return
    writer.line(level, "Environment:")
    for variable in variables:
        source = variable.get("valueFrom")
        if not source:
            lines = str(variable.get("value", "")).split("\n")
            writer.line(level + 1, f"{variable['name']}:", lines[0])
            for more in lines[1:]:
                writer.line(level + 1, "", more)
            continue
        writer.line(level + 1, f"{variable['name']}:", *_from(source, of_pod))


def _from(source: Document, of_pod: Document | None) -> tuple[str, ...]:
    if "fieldRef" in source:
        path = source["fieldRef"].get("fieldPath", "")
        value = _field(of_pod, path) if of_pod is not None else ""
        return (f"{value} ({source['fieldRef'].get('apiVersion', 'v1')}:{path})",)
    if "resourceFieldRef" in source:
        return (f"({source['resourceFieldRef'].get('resource', '')})",)
    for key, kind in (("secretKeyRef", "secret"), ("configMapKeyRef", "config map")):
        if key in source:
            reference = source[key]
            text = f"<set to the key '{reference.get('key')}' {'in' if kind == 'secret' else 'of'} {kind} '{reference.get('name')}'>"
            return text, f"Optional: {_bool(reference.get('optional', False))}"
    return ("",)


def _field(pod: Document, path: str) -> str:
    found: Any = pod
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return str(found) if found is not None else ""


def _bool(value: Any) -> str:
    return "true" if value else "false"


def toleration_text(toleration: Document) -> str:
    """ "key=value:NoSchedule op=Exists for 300s"."""
    text: str = toleration.get("key", "")
    if toleration.get("value"):
        text += f"={toleration['value']}"
    if toleration.get("effect"):
        text += f":{toleration['effect']}"
    if toleration.get("operator") == "Exists" and not toleration.get("value"):
        text += "op=Exists" if not toleration.get("key") and not toleration.get("effect") else " op=Exists"
    if toleration.get("tolerationSeconds") is not None:
        text += f" for {toleration['tolerationSeconds']}s"
    return text


# -- volumes ---------------------------------------------------------------------------------------------------------------------------


def write_volumes(writer: Writer, level: int, volumes: Sequence[Document]) -> None:
    if not volumes:
        writer.line(level, "Volumes:", "<none>")
        return
    writer.line(level, "Volumes:")
    for volume in volumes:
        writer.line(level, f" {volume['name']}:" if level > 0 else f"  {volume['name']}:")
        _volume(writer, level + (1 if level > 0 else 2), volume)


def _volume(writer: Writer, level: int, volume: Document) -> None:
    kind = next((key for key in volume if key != "name"), "emptyDir")
    source = volume.get(kind) or {}
    described = _VOLUMES.get(kind)
    if described is None:
        writer.line(level, "Type:", kind[:1].upper() + kind[1:])
        return
    title, fields = described
    writer.line(level, "Type:", title)
    if kind == "projected":
        _projected(writer, level, source)
        return
    for label, key, default in fields:
        value = source.get(key, default)
        writer.line(level, f"{label}:", _bool(value) if isinstance(value, bool) else value)


_VOLUMES: dict[str, tuple[str, tuple[tuple[str, str, Any], ...]]] = {
    "emptyDir": (
        "EmptyDir (a temporary directory that shares a pod's lifetime)", (("Medium", "medium", ""), ("SizeLimit", "sizeLimit", "<unset>")),
    ),
    "hostPath": ("HostPath (bare host directory volume)", (("Path", "path", ""), ("HostPathType", "type", ""))),
    "secret": ("Secret (a volume populated by a Secret)", (("SecretName", "secretName", ""), ("Optional", "optional", False))),
    "configMap": ("ConfigMap (a volume populated by a ConfigMap)", (("Name", "name", ""), ("Optional", "optional", False))),
    "persistentVolumeClaim": (
        "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)",
        (("ClaimName", "claimName", ""), ("ReadOnly", "readOnly", False)),
    ),
    "nfs": (
        "NFS (an NFS mount that lasts the lifetime of a pod)",
        (("Server", "server", ""), ("Path", "path", ""), ("ReadOnly", "readOnly", False)),
    ),
    "projected": ("Projected (a volume that contains injected data from multiple sources)", ()),
    "downwardAPI": ("DownwardAPI (a volume populated by information about the pod)", ()),
    "csi": (
        "CSI (a Container Storage Interface (CSI) volume source)",
        (("Driver", "driver", ""), ("FSType", "fsType", ""), ("ReadOnly", "readOnly", False)),
    ),
    "image": ("Image (a container image or OCI artifact)", (("Reference", "reference", ""), ("PullPolicy", "pullPolicy", ""))),
}


def _projected(writer: Writer, level: int, source: Document) -> None:
    for part in source.get("sources") or ():
        if "secret" in part:
            writer.line(level, "SecretName:", part["secret"].get("name", ""))
            writer.line(level, "Optional:", _bool(part["secret"].get("optional", False)))
        elif "downwardAPI" in part:
            writer.line(level, "DownwardAPI:", "true")
        elif "configMap" in part:
            writer.line(level, "ConfigMapName:", part["configMap"].get("name", ""))
            writer.line(level, "Optional:", _bool(part["configMap"].get("optional", False)))
        elif "serviceAccountToken" in part:
            writer.line(level, "TokenExpirationSeconds:", part["serviceAccountToken"].get("expirationSeconds", 3600))
