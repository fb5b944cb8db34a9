"""kubectl rollout: status, history, undo, restart, pause, resume.

Source: kubectl pkg/polymorphichelpers/{rollout_status,history,rollback,objectrestarter}.go
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from minikube_py.core.errors import ExpiredError

from .api import JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, Document
from .describe.pod_template import template_lines
from .errors import KubectlError
from .manifests import to_yaml
from .progress import waiting
from .selectors import selector_text
from .session import Session
from .tabular import columns
from .targets import Target, document_of, resolve

REVISION = "deployment.kubernetes.io/revision"
CHANGE_CAUSE = "kubernetes.io/change-cause"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
HASH_LABEL = "pod-template-hash"
Progress = tuple[str, bool]


async def status(session: Session, arguments: tuple[str, ...], *, watch: bool = True, timeout_s: float = 0.0, revision: int = 0) -> None:
    """Say how far a rollout is, until it is done."""
    for one in await resolve(session, arguments):
        progress = PROGRESS.get(one.resource.kind)
        if progress is None:
            raise KubectlError(f"no status viewer has been implemented for {_kind(one)}")
        try:
            async with asyncio.timeout(timeout_s or None):
                await _follow(session, one, progress, watch, revision)
        except TimeoutError:
            raise KubectlError("timed out waiting for the condition") from None


async def _follow(session: Session, one: Target, progress: Callable[[Document, int], Progress], watch: bool, revision: int) -> None:
    said = ""
    while True:
        document = await document_of(session, one)
        text, done = progress(document, revision)
        if text != said:
            session.print(text)
            session.flush()
        said = text
        if done or not watch:
            return
        fields, version = f"metadata.name={one.name}", document["metadata"]["resourceVersion"]
        try:
            with waiting(session, text) as show:
                async for event in session.api.watch(one.resource, one.namespace, fields=fields, resource_version=version):
                    if event["type"] == "DELETED":
                        raise KubectlError("object has been deleted")
                    text, done = progress(event["object"], revision)
                    show(text)
                    if text != said:
                        session.print(text)
                        session.flush()
                    said = text
                    if done:
                        return
        except ExpiredError:
            continue


def deployment_progress(document: Document, revision: int = 0) -> Progress:
    """Where a Deployment's rollout is, and whether it is done."""
    name, spec, now = document["metadata"]["name"], document["spec"], document.get("status") or {}
    if revision and int((document["metadata"].get("annotations") or {}).get(REVISION, 0)) != revision:
        raise KubectlError(f"desired revision ({revision}) is different from the running revision "
                           f"({(document['metadata'].get('annotations') or {}).get(REVISION, 0)})")
    if document["metadata"].get("generation", 0) > now.get("observedGeneration", 0):
        return "Waiting for deployment spec update to be observed...", False
    progressing: Document = next((c for c in now.get("conditions") or () if c["type"] == "Progressing"), {})
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        raise KubectlError(f'deployment "{name}" exceeded its progress deadline')
    replicas, updated = spec.get("replicas", 1), now.get("updatedReplicas", 0)
    waiting_text = f'Waiting for deployment "{name}" rollout to finish:'
    if updated < replicas:
        return f"{waiting_text} {updated} out of {replicas} new replicas have been updated...", False
    if now.get("replicas", 0) > updated:
        return f"{waiting_text} {now.get('replicas', 0) - updated} old replicas are pending termination...", False
    if now.get("availableReplicas", 0) < updated:
        return f"{waiting_text} {now.get('availableReplicas', 0)} of {updated} updated replicas are available...", False
    return f'deployment "{name}" successfully rolled out', True


def daemon_set_progress(document: Document, revision: int = 0) -> Progress:
    name, now = document["metadata"]["name"], document.get("status") or {}
    if (document["spec"].get("updateStrategy") or {}).get("type") != "RollingUpdate":
        raise KubectlError("rollout status is only available for RollingUpdate strategy type")
    if document["metadata"].get("generation", 0) > now.get("observedGeneration", 0):
        return "Waiting for daemon set spec update to be observed...", False
    desired, updated, available = (now.get(key, 0) for key in ("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable"))
    waiting_text = f'Waiting for daemon set "{name}" rollout to finish:'
    if updated < desired:
        return f"{waiting_text} {updated} out of {desired} new pods have been updated...", False
    if available < desired:
        return f"{waiting_text} {available} of {desired} updated pods are available...", False
    return f'daemon set "{name}" successfully rolled out', True


def stateful_set_progress(document: Document, revision: int = 0) -> Progress:
    spec, now = document["spec"], document.get("status") or {}
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type") != "RollingUpdate":
        raise KubectlError("rollout status is only available for RollingUpdate strategy type")
    observed = now.get("observedGeneration", 0)
    if not observed or document["metadata"].get("generation", 0) > observed:
        return "Waiting for statefulset spec update to be observed...", False
    replicas, ready, updated = spec.get("replicas", 1), now.get("readyReplicas", 0), now.get("updatedReplicas", 0)
    if ready < replicas:
        return f"Waiting for {replicas - ready} pods to be ready...", False
    partition = (strategy.get("rollingUpdate") or {}).get("partition") or 0
    if partition:
        wanted = replicas - partition
        if updated < wanted:
            return f"Waiting for partitioned roll out to finish: {updated} out of {wanted} new pods have been updated...", False
        return f"partitioned roll out complete: {updated} new pods have been updated...", True
    if now.get("updateRevision") != now.get("currentRevision"):
        text = f"waiting for statefulset rolling update to complete {updated} pods at revision {now.get('updateRevision', '')}..."
        return text, False
    current = now.get("currentReplicas", 0)
    return f"statefulset rolling update complete {current} pods at revision {now.get('currentRevision', '')}...", True


PROGRESS: dict[str, Callable[[Document, int], Progress]] = {
    "Deployment": deployment_progress, "DaemonSet": daemon_set_progress, "StatefulSet": stateful_set_progress,
}


# -- history and undo ------------------------------------------------------------------------------------------------------------------


async def _revisions(session: Session, one: Target) -> dict[int, Document]:
    """Revision -> the ReplicaSet or ControllerRevision that holds it."""
    document = await document_of(session, one)
    kind = "replicasets" if one.resource.kind == "Deployment" else "controllerrevisions"
    resource = await session.api.resource(kind)
    listed = await session.api.list_all(resource, one.namespace, labels=selector_text(document["spec"].get("selector")))
    found = {}
    for item in listed.get("items") or ():
        owners = item["metadata"].get("ownerReferences") or ()
        if not any(owner.get("uid") == document["metadata"]["uid"] for owner in owners):
            continue
        number = (item["metadata"].get("annotations") or {}).get(REVISION, 0) if kind == "replicasets" else item.get("revision", 0)
        if int(number):
            found[int(number)] = item
    return dict(sorted(found.items()))


def _template(item: Document) -> Document:
    if "data" in item:
        found: Document = ((item["data"].get("spec") or {}).get("template")) or {}
        return found
    template: Document = item["spec"]["template"]
    return template


async def history(session: Session, arguments: tuple[str, ...], *, revision: int = 0, output: str = "") -> None:
    for one in await resolve(session, arguments):
        if one.resource.kind not in PROGRESS:
            raise KubectlError(f"no history viewer has been implemented for {_kind(one)}")
        revisions = await _revisions(session, one)
        if revision:
            if revision not in revisions:
                raise KubectlError("unable to find the specified revision")
            if output == "yaml":
                session.print(to_yaml(revisions[revision]), end="")
                continue
            session.print(f"{one.label} with revision #{revision}")
            session.print("\n".join(["Pod Template:", *template_lines(_template(revisions[revision]))]) + "\n")
            continue
        if not revisions:
            session.print(f"{one.label} \nNo rollout history found.")
            continue
        rows = [["REVISION", "CHANGE-CAUSE"]]
        for number, item in revisions.items():
            rows.append([str(number), (item["metadata"].get("annotations") or {}).get(CHANGE_CAUSE) or "<none>"])
        session.print(f"{one.label} ")
        session.print("\n".join(columns(rows, padding=2, cell_min=0)) + "\n")


async def undo(session: Session, arguments: tuple[str, ...], *, to_revision: int = 0, dry_run: str = "none") -> None:
    for one in await resolve(session, arguments):
        document = await document_of(session, one)
        if document["spec"].get("paused"):
            raise KubectlError('you cannot rollback a paused deployment; resume it first with "kubectl rollout resume" and try again')
        revisions = await _revisions(session, one)
        if to_revision and to_revision not in revisions:
            raise KubectlError(f"unable to find specified revision {to_revision} in history")
        numbers = list(revisions)
        if not to_revision and len(numbers) < 2:
            raise KubectlError(f'no {"last revision to roll back to" if numbers else "rollout history found"} for {one.label}')
        wanted = revisions[to_revision or numbers[-2]]
        template = _template(wanted)
        if one.resource.kind == "Deployment":
            template = {**template, "metadata": {**template.get("metadata", {})}}
            labels = dict(template["metadata"].get("labels") or {})
            labels.pop(HASH_LABEL, None)
            template["metadata"]["labels"] = labels
            if _same_template(template, document["spec"]["template"]):
                session.print(f"{one.label} skipped rollback (current template already matches revision {to_revision or numbers[-2]})")
                continue
            patch = [{"op": "replace", "path": "/spec/template", "value": template}]
            await session.api.patch(one.resource, one.namespace, one.name, patch, JSON_PATCH, params=_dry(dry_run))
        else:
            data = wanted.get("data") or {}
            await session.api.patch(one.resource, one.namespace, one.name, data, STRATEGIC_PATCH, params=_dry(dry_run))
        session.print(f"{one.label} rolled back" + _dry_suffix(dry_run))


def _same_template(left: Document, right: Document) -> bool:
    def bare(template: Document) -> Document:
        metadata = {key: value for key, value in (template.get("metadata") or {}).items() if value and key != "creationTimestamp"}
        return {"metadata": metadata, "spec": template.get("spec")}

    return bare(left) == bare(right)


async def restart(session: Session, arguments: tuple[str, ...], *, labels: str = "", dry_run: str = "none") -> None:
    for one in await resolve(session, arguments, labels=labels):
        if one.resource.kind not in PROGRESS:
            raise KubectlError(f"{one.resource.plural} {one.name!r} restarting is not supported")
        if one.resource.kind == "Deployment" and (await document_of(session, one))["spec"].get("paused"):
            raise KubectlError("can't restart paused deployment (run rollout resume first)")
        stamp = datetime.now().astimezone().isoformat(timespec="seconds").replace("+00:00", "Z")
        patch = {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: stamp}}}}}
        await session.api.patch(one.resource, one.namespace, one.name, patch, MERGE_PATCH, params=_dry(dry_run))
        session.print(f"{one.label} restarted" + _dry_suffix(dry_run))


async def pause(session: Session, arguments: tuple[str, ...], *, paused: bool) -> None:
    for one in await resolve(session, arguments):
        if one.resource.kind != "Deployment":
            raise KubectlError(f"{one.resource.plural} {one.name!r} {'pausing' if paused else 'resuming'} is not supported")
        document = await document_of(session, one)
        verb = "paused" if paused else "resumed"
        if bool(document["spec"].get("paused")) == paused:
            raise KubectlError(f'{one.resource.group_resource} "{one.name}" is {"already paused" if paused else "not paused"}')
        patch = {"spec": {"paused": True if paused else None}}
        await session.api.patch(one.resource, one.namespace, one.name, patch, MERGE_PATCH)
        session.print(f"{one.label} {verb}")


def _kind(one: Target) -> str:
    return f"{one.resource.kind}.{one.resource.group}" if one.resource.group else one.resource.kind


def _dry(dry_run: str) -> dict[str, str | int] | None:
    return {"dryRun": "All"} if dry_run != "none" else None


def _dry_suffix(dry_run: str) -> str:
    return {"client": " (dry run)", "server": " (server dry run)"}.get(dry_run, "")
