"""kubectl top and events: what nodes and pods use now, and what has happened.

Source: kubectl pkg/cmd/top, pkg/cmd/events
"""

from __future__ import annotations

from minikube_py.apis.quantity import milli_value, total, value
from minikube_py.core.errors import NotFoundError, ServiceUnavailableError

from .api import Document, Resource
from .describe.events import last_seen, seen_text
from .errors import KubectlError
from .session import Session
from .tabular import columns

MEBIBYTE = 1024 * 1024
METRICS_GROUP = "metrics.k8s.io"


async def _metrics(session: Session, plural: str) -> Resource:
    for resource in await session.api.resources():
        if resource.group == METRICS_GROUP and resource.plural == plural:
            return resource
    raise KubectlError("Metrics API not available")


async def _list(session: Session, resource: Resource, namespace: str, labels: str) -> list[Document]:
    try:
        listed = await session.api.list_all(resource, namespace, labels=labels, chunk=0)
    except (NotFoundError, ServiceUnavailableError) as error:
        raise KubectlError("Metrics API not available") from error
    return list(listed.get("items") or ())


async def nodes(session: Session, name: str, *, labels: str, sort_by: str, headers: bool) -> None:
    found = await _list(session, await _metrics(session, "nodes"), "", labels)
    known = {node["metadata"]["name"]: node for node in (await session.api.list_all(await session.api.resource("nodes")))["items"]}
    rows = [["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"]] if headers else []
    for item in _sorted([item for item in found if not name or item["metadata"]["name"] == name], sort_by, lambda item: item["usage"]):
        allocatable = (known.get(item["metadata"]["name"], {}).get("status") or {}).get("allocatable") or {}
        cpu, memory = milli_value(item["usage"].get("cpu", "0")), value(item["usage"].get("memory", "0"))
        have_cpu, have_memory = milli_value(allocatable.get("cpu", "0")), value(allocatable.get("memory", "0"))
        shares = [f"{100 * used // have}%" if have else "<unknown>" for used, have in ((cpu, have_cpu), (memory, have_memory))]
        rows.append([item["metadata"]["name"], f"{cpu}m", shares[0], f"{memory // MEBIBYTE}Mi", shares[1]])
    session.print("\n".join(columns(rows)))


async def pods(session: Session, name: str, *, labels: str, all_namespaces: bool, containers: bool, sort_by: str, headers: bool) -> None:
    resource = await _metrics(session, "pods")
    found = await _list(session, resource, "" if all_namespaces else session.namespace, labels)
    found = [item for item in found if not name or item["metadata"]["name"] == name]
    if not found:
        if name:
            text = f'podmetrics.metrics.k8s.io "{session.namespace}/{name}" not found'
            raise KubectlError(f"Error from server (NotFound): {text}", plain=True)
        session.complain("No resources found" + ("" if all_namespaces else f" in {session.namespace} namespace."))
        return
    header = [*(["NAMESPACE"] if all_namespaces else []), *(["POD"] if containers else []), "NAME", "CPU(cores)", "MEMORY(bytes)"]
    rows = [header] if headers else []
    for item in _sorted(found, sort_by, _pod_usage):
        place = [item["metadata"]["namespace"]] if all_namespaces else []
        if containers:
            rows += [[*place, item["metadata"]["name"], one["name"], *_usage(one["usage"])] for one in item["containers"]]
        else:
            rows.append([*place, item["metadata"]["name"], *_usage(_pod_usage(item))])
    session.print("\n".join(columns(rows)))


def _pod_usage(item: Document) -> Document:
    return {key: total(one["usage"].get(key, "0") for one in item["containers"]) for key in ("cpu", "memory")}


def _usage(usage: Document) -> list[str]:
    return [f"{milli_value(usage.get('cpu', '0'))}m", f"{value(usage.get('memory', '0')) // MEBIBYTE}Mi"]


def _sorted(items: list[Document], sort_by: str, usage: object) -> list[Document]:
    if sort_by not in ("", "cpu", "memory"):
        raise KubectlError("--sort-by accepts only cpu or memory")
    if not sort_by:
        return sorted(items, key=lambda item: (item["metadata"].get("namespace", ""), item["metadata"]["name"]))
    return sorted(items, key=lambda item: -milli_value(usage(item).get(sort_by, "0")))  # type: ignore[operator]


async def events(session: Session, *, for_object: str, all_namespaces: bool, types: str, headers: bool, watch: bool) -> None:
    resource = next(r for r in await session.api.resources() if r.plural == "events" and not r.group)
    namespace, fields = "" if all_namespaces else session.namespace, ""
    if for_object:
        kind, _, name = for_object.partition("/")
        fields = f"involvedObject.kind={(await session.api.resource(kind)).kind},involvedObject.name={name}"
    listed = await session.api.list_all(resource, namespace, fields=fields)
    wanted = [one.lower() for one in types.split(",") if one]
    found = [item for item in listed.get("items") or () if not wanted or item.get("type", "").lower() in wanted]
    if not found and not watch:
        session.complain("No events found" + (" in all namespaces." if all_namespaces else f" in {session.namespace} namespace."))
        return
    header = [*(["NAMESPACE"] if all_namespaces else []), "LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    rows = [header] if headers else []
    rows += [_event_row(item, all_namespaces) for item in sorted(found, key=last_seen)]
    session.print("\n".join(columns(rows)))
    if watch:
        session.flush()
        version = listed["metadata"]["resourceVersion"]
        async for event in session.api.watch(resource, namespace, fields=fields, resource_version=version):
            item = event["object"]
            if event["type"] != "DELETED" and (not wanted or item.get("type", "").lower() in wanted):
                session.print("\n".join(columns([_event_row(item, all_namespaces)])))
                session.flush()


def _event_row(item: Document, all_namespaces: bool) -> list[str]:
    about = item.get("involvedObject") or {}
    cells = [seen_text(item), item.get("type", ""), item.get("reason", ""), f"{about.get('kind', '')}/{about.get('name', '')}",
             item.get("message", "").strip()]
    return [item["metadata"]["namespace"], *cells] if all_namespaces else cells
