"""Descriptions of pods.

Source: kubectl pkg/describe/describe.go (describePod)
"""

from __future__ import annotations

from ..api import Document
from ..session import Session
from ..tabular import age, human_duration, parse_time
from .events import events_of, write_events
from .pod_template import toleration_text, write_containers, write_spread, write_volumes
from .writer import Writer, long_time, now


def controlled_by(document: Document) -> str:
    owner = next((o for o in document["metadata"].get("ownerReferences") or () if o.get("controller")), None)
    return f"{owner['kind']}/{owner['name']}" if owner is not None else ""


async def describe_pod(session: Session, pod: Document) -> str:
    writer = Writer()
    metadata, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
    writer.line(0, "Name:", metadata["name"])
    writer.line(0, "Namespace:", metadata["namespace"])
    if spec.get("priority") is not None:
        writer.line(0, "Priority:", spec["priority"])
    if spec.get("priorityClassName"):
        writer.line(0, "Priority Class Name:", spec["priorityClassName"])
    if spec.get("runtimeClassName"):
        writer.line(0, "Runtime Class Name:", spec["runtimeClassName"])
    writer.line(0, "Service Account:", spec.get("serviceAccountName", ""))
    node = spec.get("nodeName")
    writer.line(0, "Node:", f"{node}/{status.get('hostIP', '')}" if node else "<none>")
    if status.get("startTime"):
        writer.line(0, "Start Time:", long_time(status["startTime"]))
    writer.pairs(0, "Labels", metadata.get("labels"))
    writer.annotations(metadata.get("annotations"))
    _status(writer, pod)
    seccomp = ((spec.get("securityContext") or {}).get("seccompProfile") or {}).get("type")
    if seccomp:
        writer.line(0, "SeccompProfile:", seccomp)
    writer.line(0, "IP:", status.get("podIP", ""))
    addresses = [address["ip"] for address in status.get("podIPs") or ()]
    writer.line(0, *(("IPs:",) if addresses else ("IPs:", "<none>")))
    for address in addresses:
        writer.line(1, "IP:", address)
    if controlled_by(pod):
        writer.line(0, "Controlled By:", controlled_by(pod))
    if status.get("nominatedNodeName"):
        writer.line(0, "NominatedNodeName:", status["nominatedNodeName"])
    if spec.get("initContainers"):
        write_containers(writer, 0, "Init Containers", spec["initContainers"], status.get("initContainerStatuses") or (), of_pod=pod)
    write_containers(writer, 0, "Containers", spec["containers"], status.get("containerStatuses") or (), of_pod=pod)
    if spec.get("ephemeralContainers"):
        ephemeral = status.get("ephemeralContainerStatuses") or ()
        write_containers(writer, 0, "Ephemeral Containers", spec["ephemeralContainers"], ephemeral, of_pod=pod)
    _rest(writer, pod)
    write_events(writer, await events_of(session, pod))
    return writer.text()


def _status(writer: Writer, pod: Document) -> None:
    metadata, status = pod["metadata"], pod.get("status") or {}
    if metadata.get("deletionTimestamp"):
        lasts = human_duration((now() - parse_time(metadata["deletionTimestamp"])).total_seconds())
        writer.line(0, "Status:", f"Terminating (lasts {lasts})")
        writer.line(0, "Termination Grace Period:", f"{metadata.get('deletionGracePeriodSeconds', 0)}s")
    else:
        writer.line(0, "Status:", status.get("phase", ""))
    for key, title in (("reason", "Reason:"), ("message", "Message:")):
        if status.get(key):
            writer.line(0, title, status[key])


def _rest(writer: Writer, pod: Document) -> None:
    spec, status = pod["spec"], pod.get("status") or {}
    gates = spec.get("readinessGates") or ()
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    if gates:
        writer.line(0, "Readiness Gates:")
        writer.line(1, "Type", "Status")
        for gate in gates:
            writer.line(1, f"{gate['conditionType']} ", f"{conditions.get(gate['conditionType'], {}).get('status', '<none>')} ")
    if conditions:
        writer.line(0, "Conditions:")
        writer.line(1, "Type", "Status")
        for condition in status["conditions"]:
            writer.line(1, f"{condition['type']} ", f"{condition['status']} ")
    write_volumes(writer, 0, spec.get("volumes") or ())
    writer.line(0, "QoS Class:", status.get("qosClass", ""))
    writer.pairs(0, "Node-Selectors", spec.get("nodeSelector"))
    tolerations = sorted(spec.get("tolerations") or (), key=lambda t: str(t.get("key", "")))
    writer.items(0, "Tolerations", map(toleration_text, tolerations))
    if spec.get("topologySpreadConstraints"):
        write_spread(writer, 0, spec["topologySpreadConstraints"])


def pod_age(pod: Document) -> str:
    return age(pod["metadata"].get("creationTimestamp", ""))
