"""One history of objects, and what readers of it must see: the oracle of the tests of histories.

A change is what one write did to one object. From the changes follows what a list shows at a revision, and which events a watch gets that
begins at one: exactly these, once each, in this order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from minikube_py.apis.fields import parse_field_selector
from minikube_py.apis.labels import parse_selector

State = dict[str, Any]


class Change(NamedTuple):
    """What a write did: the new state, None for a deletion."""

    revision: int
    key: str
    state: State | None


class Event(NamedTuple):
    """What a watcher is told. `state` is what the object was, of an object that goes."""

    type: str
    revision: int
    key: str
    state: State


def key_of(obj: State) -> str:
    return f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"


def event_of(line: dict[str, Any]) -> Event:
    """An event as it came."""
    obj = line["object"]
    return Event(line["type"], int(obj["metadata"]["resourceVersion"]), key_of(obj), obj)


@dataclass(frozen=True)
class View:
    """What of the objects a reader sees."""

    namespace: str = ""
    labels: str = ""
    fields: str = ""

    def shows(self, state: State | None) -> bool:
        if state is None:
            return False
        meta = state["metadata"]
        fields = {"metadata.name": meta["name"], "metadata.namespace": meta["namespace"]}
        rules = parse_field_selector(self.fields).requirements
        return (
            self.namespace in ("", meta["namespace"]) and parse_selector(self.labels).matches(meta.get("labels") or {})
            and all((fields[rule.field] == rule.value) == (rule.operator != "!=") for rule in rules)
        )


class History:
    """All changes, in the order of their revisions."""

    def __init__(self, changes: list[Change]) -> None:
        self.changes = changes
        assert [change.revision for change in changes] == sorted({change.revision for change in changes})

    def at(self, revision: int, view: View) -> dict[str, State]:
        """What a list shows at a revision."""
        states: dict[str, State | None] = {}
        for change in self.changes:
            if change.revision > revision:
                break
            states[change.key] = change.state
        return {key: state for key, state in states.items() if state is not None and view.shows(state)}

    def events(self, after: int, view: View) -> list[Event]:
        """What a watch is told that begins at a revision."""
        states: dict[str, State | None] = {}
        events = []
        for revision, key, state in self.changes:
            before, states[key] = states.get(key), state
            if revision <= after:
                continue
            seen, sees = view.shows(before), view.shows(state)
            if sees and state is not None:
                events.append(Event("MODIFIED" if seen else "ADDED", revision, key, state))
            elif seen and before is not None:
                # It carries the revision at which it went.
                meta = {**before["metadata"], "resourceVersion": str(revision)}
                events.append(Event("DELETED", revision, key, {**before, "metadata": meta}))
        return events


def check_events(seen: list[Event], expected: list[Event]) -> None:
    """Fail with the first event that was lost, that came twice or out of turn, or that is not true."""
    for place, (one, other) in enumerate(zip(seen, expected, strict=False)):
        assert one[:3] == other[:3], f"event {place}: {one[:3]} instead of {other[:3]}"
        assert one.state == other.state, f"event {place}: {one.state} instead of {other.state}"
    assert len(seen) == len(expected), f"{len(seen)} events instead of {len(expected)}: {[event[:3] for event in seen[-3:]]}"


def history_of(events: list[Event], acknowledged: list[Change]) -> History:
    """The history that a watch of everything was told, if it is what the writers were told.

    Args:
        acknowledged: in the order of each writer; of deletions without their revision, which no answer says.
    """
    told = {change.revision: change for change in acknowledged if change.state is not None}
    assert {event.revision for event in events if event.type != "DELETED"} == set(told)
    present: set[str] = set()
    for event in events:
        assert (event.type == "ADDED") == (event.key not in present), event
        if event.type == "DELETED":
            present.discard(event.key)
        else:
            present.add(event.key)
            assert event.state == told[event.revision].state
    deleted = sorted(change.key for change in acknowledged if change.state is None)
    assert sorted(event.key for event in events if event.type == "DELETED") == deleted
    return History([Change(event.revision, event.key, None if event.type == "DELETED" else event.state) for event in events])
