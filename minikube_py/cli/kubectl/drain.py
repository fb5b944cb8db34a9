"""kubectl cordon, uncordon and drain.

Source: kubectl pkg/cmd/drain, pkg/drain
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from minikube_py.core.errors import NotFoundError, StatusError, TooManyRequestsError

from .api import MERGE_PATCH, Document
from .delete import wait_gone
from .errors import Exit, KubectlError
from .progress import waiting
from .session import Session
from .targets import Target, document_of, expand, parse

# Source: pkg/drain/drain.go (EvictErrorRetryDelay)
EVICTION_RETRY_S = 5.0
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"


@dataclass(slots=True)
class DrainOptions:
    force: bool = False
    ignore_daemonsets: bool = False
    delete_emptydir_data: bool = False
    grace_period: int = -1
    timeout_s: float = 0.0
    disable_eviction: bool = False
    selector: str = ""
    pod_selector: str = ""
    dry_run: str = "none"


async def nodes_of(session: Session, names: tuple[str, ...], selector: str) -> list[Target]:
    if not names and not selector:
        raise KubectlError("USAGE: drain NODE [flags]\nSee 'kubectl drain -h' for help and examples")
    collections, targets = await parse(session, ("nodes", *names))
    return targets or await expand(session, collections, labels=selector)


async def cordon(session: Session, nodes: list[Target], *, on: bool, dry_run: str = "none") -> None:
    verb = "cordoned" if on else "uncordoned"
    suffix = {"client": " (dry run)", "server": " (server dry run)"}.get(dry_run, "")
    for node in nodes:
        document = await document_of(session, node)
        if bool(document["spec"].get("unschedulable")) == on:
            session.print(f"node/{node.name} already {verb}{suffix}")
            continue
        if dry_run == "none":
            await session.api.patch(node.resource, "", node.name, {"spec": {"unschedulable": True if on else None}}, MERGE_PATCH)
        session.print(f"node/{node.name} {verb}{suffix}")
    session.flush()


async def drain(session: Session, nodes: list[Target], options: DrainOptions) -> None:
    await cordon(session, nodes, on=True, dry_run=options.dry_run)
    pending = []
    for node in nodes:
        try:
            async with asyncio.timeout(options.timeout_s or None):
                await _drain_one(session, node, options)
        except (KubectlError, TimeoutError) as error:
            why = error.message if isinstance(error, KubectlError) else f"drain did not complete within {options.timeout_s:g}s"
            session.complain(f'error: unable to drain node "{node.name}" due to error: {why}, continuing command...')
            pending.append(node.name)
            continue
        suffix = {"client": " (dry run)", "server": " (server dry run)"}.get(options.dry_run, "")
        session.print(f"node/{node.name} drained{suffix}")
    if pending:
        session.complain("There are pending nodes to be drained:\n " + "\n ".join(pending))
        raise Exit(1)


async def _drain_one(session: Session, node: Target, options: DrainOptions) -> None:
    resource = await session.api.resource("pods")
    listed = await session.api.list_all(resource, fields=f"spec.nodeName={node.name}", labels=options.pod_selector)
    pods: list[Document] = []
    errors: dict[str, list[str]] = {}
    warnings: dict[str, list[str]] = {}
    for pod in listed.get("items") or ():
        verdict, reason = await _judge(session, pod, options)
        name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        if verdict == "error":
            errors.setdefault(reason, []).append(name)
        elif reason:
            warnings.setdefault(reason, []).append(name)
        if verdict == "evict":
            pods.append(pod)
    if errors:
        texts = [f"cannot delete {reason}: {', '.join(names)}" for reason, names in errors.items()]
        raise KubectlError(texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]")
    if warnings:
        session.complain("Warning: " + "; ".join(f"{reason}: {', '.join(names)}" for reason, names in warnings.items()))
    if options.dry_run != "none":
        for pod in pods:
            session.print(f"evicting pod {pod['metadata']['namespace']}/{pod['metadata']['name']} (dry run)")
        return
    with waiting(session, f"draining node {node.name}"):
        targets = [Target(resource, pod["metadata"]["namespace"], pod["metadata"]["name"], pod) for pod in pods]
        results = await asyncio.gather(*(_evict(session, one, options) for one in targets), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _judge(session: Session, pod: Document, options: DrainOptions) -> tuple[str, str]:
    """ "evict", "skip" or "error", and why that is worth a word."""
    metadata = pod["metadata"]
    if MIRROR_ANNOTATION in (metadata.get("annotations") or {}):
        return "skip", ""
    finished = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    controller = next((o for o in metadata.get("ownerReferences") or () if o.get("controller")), None)
    if controller is not None and controller["kind"] == "DaemonSet" and not finished:
        try:
            await session.api.get(await session.api.resource("daemonsets.apps"), metadata["namespace"], controller["name"])
        except NotFoundError:
            if not options.force:
                return "error", "DaemonSet-managed Pods without their DaemonSet (use --force to override)"
            return "evict", ""
        if not options.ignore_daemonsets:
            return "error", "DaemonSet-managed Pods (use --ignore-daemonsets to ignore)"
        return "skip", "ignoring DaemonSet-managed Pods"
    if any("emptyDir" in volume for volume in pod["spec"].get("volumes") or ()) and not finished and not options.delete_emptydir_data:
        return "error", "Pods with local storage (use --delete-emptydir-data to override)"
    if controller is None and not finished:
        if not options.force:
            return "error", "Pods that declare no controller (use --force to override)"
        return "evict", "deleting Pods that declare no controller"
    return "evict", ""


async def _evict(session: Session, pod: Target, options: DrainOptions) -> None:
    metadata = (pod.document or {})["metadata"]
    delete_options = {"gracePeriodSeconds": options.grace_period} if options.grace_period >= 0 else {}
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod.name, "namespace": pod.namespace},
            "deleteOptions": delete_options}
    session.print(f"evicting pod {pod.namespace}/{pod.name}")
    session.flush()
    while True:
        try:
            if options.disable_eviction:
                await session.api.request("DELETE", pod.path, body={"kind": "DeleteOptions", "apiVersion": "v1", **delete_options})
            else:
                await session.api.request("POST", pod.resource.path(pod.namespace, pod.name, "eviction"), body=body)
            break
        except NotFoundError:
            break
        except TooManyRequestsError as error:
            session.complain(f'error when evicting pods/"{pod.name}" -n "{pod.namespace}" (will retry after 5s): {error.message}')
            await asyncio.sleep(EVICTION_RETRY_S)
        except StatusError as error:
            raise KubectlError(f'error when evicting pods/"{pod.name}" -n "{pod.namespace}": {error.message}') from error
    await wait_gone(session, pod, metadata.get("uid", ""))
    session.print(f"pod/{pod.name} {'deleted' if options.disable_eviction else 'evicted'}")
    session.flush()
