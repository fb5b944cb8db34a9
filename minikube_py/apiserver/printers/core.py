"""Printers of nodes, namespaces, events, configuration and quotas.

Source: pkg/printers/internalversion/printers.go
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from minikube_py.apis import core_v1, events_v1

from .form import AGE, NAME, NONE, UNKNOWN, WIDE, Column, Printer, age, joined, since, strings, wide

_ROLE_PREFIX, _ROLE_LABEL = "node-role.kubernetes.io/", "kubernetes.io/role"


def node_roles(node: core_v1.Node) -> str:
    """The roles that a node's labels give it."""
    roles = set()
    for key, value in node.metadata.labels.items():
        if key.startswith(_ROLE_PREFIX) and len(key) > len(_ROLE_PREFIX):
            roles.add(key.removeprefix(_ROLE_PREFIX))
        elif key == _ROLE_LABEL and value:
            roles.add(value)
    return ",".join(sorted(roles)) or NONE


def node_state(node: core_v1.Node) -> str:
    """Ready, NotReady or Unknown, and whether pods may come."""
    ready = next((c.status for c in node.status.conditions if c.type == "Ready"), None)
    words = ["Unknown" if ready is None else "Ready" if ready == "True" else "NotReady"]
    if node.spec.unschedulable:
        words.append("SchedulingDisabled")
    return ",".join(words)


def _node_address(node: core_v1.Node, kind: str) -> str:
    return next((address.address for address in node.status.addresses if address.type == kind), NONE)


def _node(obj: core_v1.Node, now: datetime) -> list[Any]:
    info = obj.status.node_info
    return [
        obj.metadata.name, node_state(obj), node_roles(obj), age(obj, now), info.kubelet_version, _node_address(obj, "InternalIP"),
        _node_address(obj, "ExternalIP"), info.os_image or UNKNOWN, info.kernel_version or UNKNOWN,
        info.container_runtime_version or UNKNOWN,
    ]


def _namespace(obj: core_v1.Namespace, now: datetime) -> list[Any]:
    return [obj.metadata.name, obj.status.phase, age(obj, now)]


def _config_map(obj: core_v1.ConfigMap, now: datetime) -> list[Any]:
    return [obj.metadata.name, len(obj.data) + len(obj.binary_data), age(obj, now)]


def _secret(obj: core_v1.Secret, now: datetime) -> list[Any]:
    return [obj.metadata.name, obj.type, len(obj.data), age(obj, now)]


def _target(reference: core_v1.ObjectReference) -> str:
    return f"{reference.kind.lower()}/{reference.name}" if reference.name else reference.kind.lower()


def _event(obj: core_v1.Event, now: datetime) -> list[Any]:
    source = obj.source
    return _event_cells(
        obj, now, first=obj.first_timestamp, last=obj.last_timestamp, count=obj.count, about=obj.involved_object, message=obj.message,
        origin=(source.component or obj.reporting_component, source.host or obj.reporting_instance),
    )


def _new_event(obj: events_v1.Event, now: datetime) -> list[Any]:
    source = obj.deprecated_source
    return _event_cells(
        obj, now, first=obj.deprecated_first_timestamp, last=obj.deprecated_last_timestamp, count=obj.deprecated_count,
        about=obj.regarding, message=obj.note,
        origin=(source.component or obj.reporting_controller, source.host or obj.reporting_instance),
    )


def _event_cells(
    obj: core_v1.Event | events_v1.Event, now: datetime, *, first: str | None, last: str | None, count: int,
    about: core_v1.ObjectReference, message: str, origin: tuple[str, str],
) -> list[Any]:
    """The cells of an event of either API. A series knows best when it was last seen and how often."""
    first_seen = since(first or obj.event_time, now)
    last_seen, times = since(last, now, first_seen), count or 1
    if obj.series is not None:
        last_seen, times = since(obj.series.last_observed_time, now), obj.series.count or 0
    component, instance = origin
    return [
        last_seen, obj.type, obj.reason, _target(about), about.field_path,
        f"{component}, {instance}" if instance else component, message.strip(), first_seen, times, obj.metadata.name,
    ]


def _resource_quota(obj: core_v1.ResourceQuota, now: datetime) -> list[Any]:
    requests: list[str] = []
    limits: list[str] = []
    for name, hard in sorted(obj.status.hard.items()):
        text = f"{name}: {obj.status.used.get(name, '0')}/{hard}"
        (limits if name.startswith("limits.") else requests).append(text)
    return [obj.metadata.name, joined(requests), joined(limits), age(obj, now)]


def _created(obj: Any, now: datetime) -> list[Any]:
    return [obj.metadata.name, obj.metadata.creation_timestamp]


def _named(obj: Any, now: datetime) -> list[Any]:
    return [obj.metadata.name, age(obj, now)]


def _component_status(obj: core_v1.ComponentStatus, now: datetime) -> list[Any]:
    healthy = next((c for c in obj.conditions if c.type == "Healthy"), None)
    if healthy is None:
        return [obj.metadata.name, "Unknown", "", ""]
    return [obj.metadata.name, "Healthy" if healthy.status == "True" else "Unhealthy", healthy.message, healthy.error]


_EVENT_COLUMNS = (
    *strings("Last Seen", "Type", "Reason", "Object"), *wide("Subobject", "Source"), Column("Message"), *wide("First Seen", "Count"),
    Column("Name", format="name", priority=WIDE),
)
CREATED = Printer((NAME, Column("Created At", "date")), _created)
NAMED = Printer((NAME, AGE), _named)

KINDS: dict[str, Printer] = {
    "nodes": Printer(
        (NAME, *strings("Status", "Roles"), AGE, Column("Version"),
         *wide("Internal-IP", "External-IP", "OS-Image", "Kernel-Version", "Container-Runtime")), _node
    ),
    "namespaces": Printer((NAME, Column("Status"), AGE), _namespace),
    "configmaps": Printer((NAME, Column("Data"), AGE), _config_map),
    "secrets": Printer((NAME, *strings("Type", "Data"), AGE), _secret),
    "serviceaccounts": NAMED,
    "events": Printer(_EVENT_COLUMNS, _event),
    "events.events.k8s.io": Printer(_EVENT_COLUMNS, _new_event),
    "resourcequotas": Printer((NAME, *strings("Request", "Limit"), AGE), _resource_quota),
    "limitranges": CREATED,
    "componentstatuses": Printer((NAME, *strings("Status", "Message", "Error")), _component_status),
}
