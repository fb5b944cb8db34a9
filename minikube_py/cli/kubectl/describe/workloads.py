"""Descriptions of Deployments, ReplicaSets, DaemonSets, StatefulSets, Jobs and CronJobs.

Source: kubectl pkg/describe/describe.go
"""

from __future__ import annotations

from collections import Counter

from ..api import Document
from ..selectors import selector_text
from ..session import Session
from ..tabular import human_duration, parse_time
from .events import events_of, write_events
from .pod_template import write_template
from .pods import controlled_by
from .writer import Writer, long_time

_PHASES = ("Running", "Waiting", "Succeeded", "Failed")


def _head(writer: Writer, document: Document, *, created: bool = True) -> None:
    metadata = document["metadata"]
    writer.line(0, "Name:", metadata["name"])
    writer.line(0, "Namespace:", metadata["namespace"])
    if created:
        writer.line(0, "CreationTimestamp:", long_time(metadata.get("creationTimestamp")))


def _labels(writer: Writer, document: Document) -> None:
    writer.pairs(0, "Labels", document["metadata"].get("labels"))
    writer.annotations(document["metadata"].get("annotations"))


def _selector(document: Document) -> str:
    return selector_text(document["spec"].get("selector")) or "<unset>"


async def _phases(session: Session, document: Document) -> str:
    """ "1 Running / 0 Waiting / 0 Succeeded / 0 Failed" of the pods that the object owns."""
    resource = await session.api.resource("pods")
    selector = selector_text(document["spec"].get("selector"))
    listed = await session.api.list_all(resource, document["metadata"]["namespace"], labels=selector)
    counts: Counter[str] = Counter()
    for pod in listed.get("items") or ():
        owners = pod["metadata"].get("ownerReferences") or ()
        if any(owner.get("uid") == document["metadata"]["uid"] for owner in owners):
            phase = (pod.get("status") or {}).get("phase", "")
            counts["Waiting" if phase == "Pending" else phase] += 1
    return " / ".join(f"{counts[phase]} {phase}" for phase in _PHASES)


async def _end(session: Session, writer: Writer, document: Document) -> str:
    write_events(writer, await events_of(session, document))
    return writer.text()


def _conditions(writer: Writer, document: Document) -> None:
    conditions = (document.get("status") or {}).get("conditions") or ()
    if conditions:
        writer.line(0, "Conditions:")
        writer.line(1, "Type", "Status", "Reason")
        writer.line(1, "----", "------", "------")
        for one in conditions:
            writer.line(1, f"{one['type']} ", one["status"], one.get("reason", ""))


async def describe_deployment(session: Session, document: Document) -> str:
    writer = Writer()
    spec, status = document["spec"], document.get("status") or {}
    _head(writer, document)
    _labels(writer, document)
    writer.line(0, "Selector:", _selector(document))
    writer.line(0, "Replicas:", (
        f"{spec.get('replicas', 1)} desired | {status.get('updatedReplicas', 0)} updated | {status.get('replicas', 0)} total | "
        f"{status.get('availableReplicas', 0)} available | {status.get('unavailableReplicas', 0)} unavailable"))
    strategy = spec.get("strategy") or {}
    writer.line(0, "StrategyType:", strategy.get("type", ""))
    writer.line(0, "MinReadySeconds:", spec.get("minReadySeconds", 0))
    if strategy.get("rollingUpdate"):
        rolling = strategy["rollingUpdate"]
        text = f"{rolling.get('maxUnavailable')} max unavailable, {rolling.get('maxSurge')} max surge"
        writer.line(0, "RollingUpdateStrategy:", text)
    writer.line(0, "Pod Template:")
    write_template(writer, spec["template"])
    _conditions(writer, document)
    old, new = await _replica_sets(session, document)
    if old or new:
        writer.line(0, "OldReplicaSets:", ", ".join(old) or "<none>")
        writer.line(0, "NewReplicaSet:", ", ".join(new) or "<none>")
    return await _end(session, writer, document)


async def _replica_sets(session: Session, deployment: Document) -> tuple[list[str], list[str]]:
    """The old ReplicaSets that still have pods, and the new one."""
    resource = await session.api.resource("replicasets")
    selector = selector_text(deployment["spec"].get("selector"))
    listed = await session.api.list_all(resource, deployment["metadata"]["namespace"], labels=selector)
    revision = (deployment["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/revision")
    old, new = [], []
    for one in sorted(listed.get("items") or (), key=lambda item: str(item["metadata"].get("creationTimestamp"))):
        owners = one["metadata"].get("ownerReferences") or ()
        if not any(owner.get("uid") == deployment["metadata"]["uid"] for owner in owners):
            continue
        count, wanted = (one.get("status") or {}).get("replicas", 0), one["spec"].get("replicas", 0)
        text = f"{one['metadata']['name']} ({count}/{wanted} replicas created)"
        if (one["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/revision") == revision:
            new.append(text)
        else:
            old.append(text)
    return old, new


async def describe_replica_set(session: Session, document: Document) -> str:
    writer = Writer()
    _head(writer, document, created=False)
    writer.line(0, "Selector:", _selector(document))
    _labels(writer, document)
    if controlled_by(document):
        writer.line(0, "Controlled By:", controlled_by(document))
    status = document.get("status") or {}
    writer.line(0, "Replicas:", f"{status.get('replicas', 0)} current / {document['spec'].get('replicas', 0)} desired")
    writer.line(0, "Pods Status:", await _phases(session, document))
    writer.line(0, "Pod Template:")
    write_template(writer, document["spec"]["template"])
    _conditions(writer, document)
    return await _end(session, writer, document)


async def describe_daemon_set(session: Session, document: Document) -> str:
    writer = Writer()
    status, spec = document.get("status") or {}, document["spec"]
    _head(writer, document, created=False)
    writer.line(0, "Selector:", _selector(document))
    writer.pairs(0, "Node-Selector", (spec["template"].get("spec") or {}).get("nodeSelector"))
    _labels(writer, document)
    for title, key in (
        ("Desired Number of Nodes Scheduled", "desiredNumberScheduled"), ("Current Number of Nodes Scheduled", "currentNumberScheduled"),
        ("Number of Nodes Scheduled with Up-to-date Pods", "updatedNumberScheduled"),
        ("Number of Nodes Scheduled with Available Pods", "numberAvailable"), ("Number of Nodes Misscheduled", "numberMisscheduled"),
    ):
        writer.line(0, f"{title}: {status.get(key, 0)}")
    writer.line(0, "Pods Status:", await _phases(session, document))
    writer.line(0, "Pod Template:")
    write_template(writer, spec["template"])
    return await _end(session, writer, document)


async def describe_stateful_set(session: Session, document: Document) -> str:
    writer = Writer()
    spec, status = document["spec"], document.get("status") or {}
    _head(writer, document)
    writer.line(0, "Selector:", _selector(document))
    _labels(writer, document)
    writer.line(0, "Replicas:", f"{spec.get('replicas', 1)} desired | {status.get('replicas', 0)} total")
    strategy = spec.get("updateStrategy") or {}
    writer.line(0, "Update Strategy:", strategy.get("type", ""))
    for title, key in (("Partition:", "partition"), ("MaxUnavailable:", "maxUnavailable")):
        if (strategy.get("rollingUpdate") or {}).get(key) is not None:
            writer.line(1, title, strategy["rollingUpdate"][key])
    writer.line(0, "Pods Status:", await _phases(session, document))
    writer.line(0, "Pod Template:")
    write_template(writer, spec["template"])
    claims = spec.get("volumeClaimTemplates") or ()
    writer.line(0, *(("Volume Claims:",) if claims else ("Volume Claims:", "<none>")))
    for claim in claims:
        writer.line(1, "Name:", claim["metadata"]["name"])
        writer.line(1, "StorageClass:", claim["spec"].get("storageClassName", ""))
        writer.pairs(1, "Labels", claim["metadata"].get("labels"))
        writer.pairs(1, "Annotations", claim["metadata"].get("annotations"), separator=": ")
        writer.line(1, "Capacity:", ((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage", "<default>"))
        writer.line(1, "Access Modes:", f"[{' '.join(claim['spec'].get('accessModes') or ())}]")
    return await _end(session, writer, document)


async def describe_job(session: Session, document: Document) -> str:
    writer = Writer()
    spec, status = document["spec"], document.get("status") or {}
    _head(writer, document, created=False)
    writer.line(0, "Selector:", _selector(document))
    _labels(writer, document)
    if controlled_by(document):
        writer.line(0, "Controlled By:", controlled_by(document))
    writer.line(0, "Parallelism:", spec.get("parallelism", "<unset>"))
    writer.line(0, "Completions:", spec.get("completions", "<unset>"))
    if spec.get("completionMode"):
        writer.line(0, "Completion Mode:", spec["completionMode"])
    writer.line(0, "Suspend:", "true" if spec.get("suspend") else "false")
    writer.line(0, "Backoff Limit:", spec.get("backoffLimit", 6))
    if spec.get("ttlSecondsAfterFinished") is not None:
        writer.line(0, "TTL Seconds After Finished:", spec["ttlSecondsAfterFinished"])
    if status.get("startTime"):
        writer.line(0, "Start Time:", long_time(status["startTime"]))
    if status.get("completionTime"):
        writer.line(0, "Completed At:", long_time(status["completionTime"]))
        took = parse_time(status["completionTime"]) - parse_time(status["startTime"])
        writer.line(0, "Duration:", human_duration(took.total_seconds()))
    if spec.get("activeDeadlineSeconds") is not None:
        writer.line(0, "Active Deadline Seconds:", f"{spec['activeDeadlineSeconds']}s")
    ready = f" ({status['ready']} Ready)" if status.get("ready") is not None else ""
    writer.line(0, "Pods Statuses:", (
        f"{status.get('active', 0)} Active{ready} / {status.get('succeeded', 0)} Succeeded / {status.get('failed', 0)} Failed"))
    if spec.get("completionMode") == "Indexed":
        writer.line(0, "Completed Indexes:", status.get("completedIndexes") or "<none>")
    writer.line(0, "Pod Template:")
    write_template(writer, spec["template"])
    return await _end(session, writer, document)


async def describe_cron_job(session: Session, document: Document) -> str:
    writer = Writer()
    spec, status = document["spec"], document.get("status") or {}
    _head(writer, document, created=False)
    _labels(writer, document)
    writer.line(0, "Schedule:", spec["schedule"])
    writer.line(0, "Concurrency Policy:", spec.get("concurrencyPolicy", ""))
    writer.line(0, "Suspend:", "True" if spec.get("suspend") else "False")
    writer.line(0, "Successful Job History Limit:", spec.get("successfulJobsHistoryLimit", "<unset>"))
    writer.line(0, "Failed Job History Limit:", spec.get("failedJobsHistoryLimit", "<unset>"))
    deadline = spec.get("startingDeadlineSeconds")
    writer.line(0, "Starting Deadline Seconds:", f"{deadline}s" if deadline is not None else "<unset>")
    job = spec["jobTemplate"].get("spec") or {}
    writer.line(0, "Selector:", selector_text(job.get("selector")) or "<unset>")
    writer.line(0, "Parallelism:", job.get("parallelism", "<unset>"))
    writer.line(0, "Completions:", job.get("completions", "<unset>"))
    writer.line(0, "Pod Template:")
    write_template(writer, job["template"])
    writer.line(0, "Last Schedule Time:", long_time(status.get("lastScheduleTime")))
    writer.line(0, "Active Jobs:", ", ".join(one["name"] for one in status.get("active") or ()) or "<none>")
    return await _end(session, writer, document)
