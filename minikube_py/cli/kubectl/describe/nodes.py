"""Descriptions of nodes, with what their pods ask for.

Source: kubectl pkg/describe/describe.go (describeNode)
"""

from __future__ import annotations

from minikube_py.apis.quantity import add, canonical, milli_value, total, value

from ..api import Document
from ..session import Session
from .events import events_of, write_events
from .pods import pod_age
from .writer import Writer, long_time

_INFO = (
    ("Machine ID", "machineID"), ("System UUID", "systemUUID"), ("Boot ID", "bootID"), ("Kernel Version", "kernelVersion"),
    ("OS Image", "osImage"), ("Operating System", "operatingSystem"), ("Architecture", "architecture"),
    ("Container Runtime Version", "containerRuntimeVersion"), ("Kubelet Version", "kubeletVersion"),
    ("Kube-Proxy Version", "kubeProxyVersion"),
)
_ALWAYS = ("cpu", "memory", "ephemeral-storage")
ZERO_TIME = "Mon, 01 Jan 0001 00:00:00 +0000"
ROLE_PREFIX = "node-role.kubernetes.io/"


async def describe_node(session: Session, node: Document) -> str:
    writer = Writer()
    metadata, spec, status = node["metadata"], node.get("spec") or {}, node.get("status") or {}
    labels = metadata.get("labels") or {}
    roles = sorted(label.removeprefix(ROLE_PREFIX) for label in labels if label.startswith(ROLE_PREFIX))
    writer.line(0, "Name:", metadata["name"])
    writer.line(0, "Roles:", ",".join(roles) or "<none>")
    writer.pairs(0, "Labels", labels)
    writer.annotations(metadata.get("annotations"))
    writer.line(0, "CreationTimestamp:", long_time(metadata.get("creationTimestamp")))
    writer.items(0, "Taints", [_taint(t) for t in spec.get("taints") or ()])
    writer.line(0, "Unschedulable:", "true" if spec.get("unschedulable") else "false")
    await _lease(session, writer, metadata["name"])
    _conditions(writer, status)
    writer.line(0, "Addresses:")
    for address in status.get("addresses") or ():
        writer.line(1, f"{address['type']}:", address["address"])
    for key, title in (("capacity", "Capacity:"), ("allocatable", "Allocatable:")):
        if status.get(key):
            writer.line(0, title)
            for name, quantity in sorted(status[key].items()):
                writer.line(1, f"{name}:", quantity)
    writer.line(0, "System Info:")
    info = status.get("nodeInfo") or {}
    for title, key in _INFO:
        writer.line(1, f"{title}:", info.get(key, ""))
    if spec.get("podCIDR"):
        writer.line(0, "PodCIDR:", spec["podCIDR"])
        writer.line(0, "PodCIDRs:", ",".join(spec.get("podCIDRs") or [spec["podCIDR"]]))
    if spec.get("providerID"):
        writer.line(0, "ProviderID:", spec["providerID"])
    await _pods(session, writer, node)
    write_events(writer, await events_of(session, node))
    return writer.text()


def _taint(taint: Document) -> str:
    valued = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint['key']}{valued}:{taint['effect']}"


async def _lease(session: Session, writer: Writer, name: str) -> None:
    resource = await session.api.resource("leases")
    listed = await session.api.list_all(resource, "kube-node-lease", fields=f"metadata.name={name}")
    leases = listed.get("items") or ()
    if not leases:
        writer.line(0, "Lease:", f'Failed to get lease: leases.coordination.k8s.io "{name}" not found')
        return
    writer.line(0, "Lease:")
    spec = leases[0]["spec"]
    writer.line(1, "HolderIdentity:", spec.get("holderIdentity", "<unset>"))
    writer.line(1, "AcquireTime:", long_time(spec.get("acquireTime")))
    writer.line(1, "RenewTime:", long_time(spec.get("renewTime")))


def _conditions(writer: Writer, status: Document) -> None:
    conditions = status.get("conditions") or ()
    if not conditions:
        return
    writer.line(0, "Conditions:")
    writer.line(1, "Type", "Status", "LastHeartbeatTime", "LastTransitionTime", "Reason", "Message")
    writer.line(1, "----", "------", "-----------------", "------------------", "------", "-------")
    for one in conditions:
        times = (long_time(one[key]) if one.get(key) else ZERO_TIME for key in ("lastHeartbeatTime", "lastTransitionTime"))
        cells = [f"{cell} " for cell in (one["type"], one["status"], *times, one.get("reason", ""))]
        writer.line(1, *cells, one.get("message", ""))


async def _pods(session: Session, writer: Writer, node: Document) -> None:
    name, status = node["metadata"]["name"], node.get("status") or {}
    resource = await session.api.resource("pods")
    listed = await session.api.list_all(resource, fields=f"spec.nodeName={name},status.phase!=Succeeded,status.phase!=Failed")
    pods = sorted(listed.get("items") or (), key=lambda p: (p["metadata"]["namespace"], p["metadata"]["name"]))
    allocatable = status.get("allocatable") or status.get("capacity") or {}
    writer.line(0, "Non-terminated Pods:", f"({len(pods)} in total)")
    writer.line(1, "Namespace", "Name", "", "CPU Requests", "CPU Limits", "Memory Requests", "Memory Limits", "Age")
    writer.line(1, "---------", "----", "", "------------", "----------", "---------------", "-------------", "---")
    sums: dict[str, dict[str, str]] = {"requests": {}, "limits": {}}
    for pod in pods:
        asked = {kind: pod_amounts(pod, kind) for kind in ("requests", "limits")}
        for kind, found in asked.items():
            for key, quantity in found.items():
                sums[kind][key] = add(sums[kind].get(key, "0"), quantity)
        wanted = [(key, kind) for key in ("cpu", "memory") for kind in ("requests", "limits")]
        cells = [_share(asked[kind].get(key, "0"), allocatable.get(key, "0"), key) for key, kind in wanted]
        writer.line(1, pod["metadata"]["namespace"], pod["metadata"]["name"], "", *cells, pod_age(pod))
    writer.line(0, "Allocated resources:")
    writer.line(1, "(Total limits may be over 100 percent, i.e., overcommitted.)")
    writer.line(1, "Resource", "Requests", "Limits")
    writer.line(1, "--------", "--------", "------")
    extended = sorted(key for key in allocatable if key not in _ALWAYS and key != "pods")
    for key in (*_ALWAYS, *extended):
        pair = [sums[kind].get(key, "0") for kind in ("requests", "limits")]
        cells = [_share(q, allocatable.get(key, "0"), key) for q in pair] if key in _ALWAYS or key.startswith("hugepages-") else pair
        writer.line(1, key, *cells)


def _share(quantity: str, whole: str, key: str) -> str:
    """ "100m (2%)"."""
    have = milli_value(whole) if key == "cpu" else value(whole)
    asked = milli_value(quantity) if key == "cpu" else value(quantity)
    return f"{quantity} ({asked * 100 // have if have else 0}%)"


def pod_amounts(pod: Document, kind: str) -> dict[str, str]:
    """The "requests" or "limits" of a whole pod."""
    spec = pod["spec"]
    sums: dict[str, list[str]] = {}
    peak: dict[str, str] = {}
    sidecars: dict[str, str] = {}
    for container in spec["containers"]:
        for key, quantity in ((container.get("resources") or {}).get(kind) or {}).items():
            sums.setdefault(key, []).append(quantity)
    for container in spec.get("initContainers") or ():
        for key, quantity in ((container.get("resources") or {}).get(kind) or {}).items():
            asked = add(sidecars.get(key, "0"), quantity)
            peak[key] = max(peak.get(key, "0"), asked, key=milli_value)
            if container.get("restartPolicy") == "Always":
                sidecars[key] = asked
                sums.setdefault(key, []).append(quantity)
    found = {key: canonical(total(quantities)) for key, quantities in sums.items()}
    for key, quantity in peak.items():
        found[key] = max(found.get(key, "0"), quantity, key=milli_value)
    for key, quantity in ((spec.get("overhead") or {}) if kind == "requests" or found else {}).items():
        found[key] = add(found.get(key, "0"), quantity)
    return found
