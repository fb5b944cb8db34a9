"""The events at the end of a description, and the text of `kubectl events`.

Source: kubectl pkg/describe/describe.go (DescribeEvents), cli-runtime event sorting
"""

from __future__ import annotations

from ..api import Document
from ..session import Session
from ..tabular import age
from .writer import Writer

LIMIT = 500


async def events_of(session: Session, document: Document) -> list[Document] | None:
    """The events about an object, oldest first; None if they are not wanted."""
    if not session.show_events:
        return None
    metadata = document["metadata"]
    selector = {"involvedObject.name": metadata["name"], "involvedObject.uid": metadata.get("uid", "")}
    if document["kind"] == "Node":
        selector = {"involvedObject.kind": "Node", "involvedObject.name": metadata["name"]}
    else:
        selector["involvedObject.namespace"] = metadata.get("namespace", "")
    fields = ",".join(f"{key}={value}" for key, value in selector.items() if value)
    resource = next(r for r in await session.api.resources() if r.plural == "events" and not r.group)
    listed = await session.api.list_all(resource, metadata.get("namespace", ""), fields=fields, chunk=LIMIT)
    return sorted(listed.get("items") or (), key=last_seen)


def last_seen(event: Document) -> str:
    observed = (event.get("series") or {}).get("lastObservedTime")
    return str(observed or event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or "")


def first_seen(event: Document) -> str:
    return str(event.get("firstTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or "")


def seen_text(event: Document) -> str:
    """ "5s", or "5s (x3 over 1m)"."""
    count = (event.get("series") or {}).get("count") or event.get("count") or 1
    return f"{age(last_seen(event))} (x{count} over {age(first_seen(event))})" if count > 1 else age(last_seen(event))


def write_events(writer: Writer, events: list[Document] | None) -> None:
    if events is None:
        return
    if not events:
        writer.line(0, "Events:", "<none>")
        return
    writer.line(0, "Events:")
    writer.line(1, "Type", "Reason", "Age", "From", "Message")
    writer.line(1, "----", "------", "----", "----", "-------")
    for event in events:
        source = (event.get("source") or {}).get("component") or event.get("reportingComponent") or ""
        writer.line(1, event.get("type", ""), event.get("reason", ""), seen_text(event), source, event.get("message", "").strip())
