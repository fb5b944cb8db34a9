"""Selections, and what a change means to a watcher of one."""

from __future__ import annotations

import pytest

from minikube_py.apis import core_v1, meta_v1
from minikube_py.apis.scheme import decoder, encode, resource_of
from minikube_py.apiserver.selection import Selection
from minikube_py.apiserver.storage import Storage
from minikube_py.apiserver.strategy import Strategy
from minikube_py.apiserver.watching import frame, transition
from minikube_py.core.errors import BadRequestError
from minikube_py.store.interface import Entry, EventType, WatchEvent

PODS = Storage(resource_of(core_v1.Pod), core_v1.Pod, Strategy(), "pods")


def entry(revision: int, color: str, namespace: str = "n", phase: str = "Pending") -> Entry:
    pod = core_v1.Pod(
        kind="Pod", api_version="v1", status=core_v1.PodStatus(phase=phase),
        metadata=meta_v1.ObjectMeta(name="p", namespace=namespace, labels={"color": color}, resource_version=str(revision)))
    return Entry(f"{namespace}/p", revision, encode(pod), None, 1)


def seen(selection: Selection, type_: EventType, new: Entry, old: Entry | None) -> tuple[str, int, str] | None:
    """Type, revision and colour of what a watcher gets."""
    change = transition(selection, WatchEvent(type_, new, old))
    if change is None:
        return None
    pod = decoder(core_v1.Pod).decode(change[1].data)
    assert pod.metadata.resource_version == str(change[1].revision)
    return change[0], change[1].revision, pod.metadata.labels["color"]


def test_watcher_of_everything_sees_every_change_as_it_is() -> None:
    every = Selection(PODS)
    assert seen(every, "ADDED", entry(1, "red"), None) == ("ADDED", 1, "red")
    assert seen(every, "MODIFIED", entry(2, "blue"), entry(1, "red")) == ("MODIFIED", 2, "blue")
    assert seen(every, "DELETED", entry(3, "blue"), entry(2, "blue")) == ("DELETED", 3, "blue")


def test_watcher_of_a_namespace_sees_no_other() -> None:
    of_n = Selection(PODS, "n")
    assert seen(of_n, "ADDED", entry(1, "red"), None) == ("ADDED", 1, "red")
    assert seen(of_n, "ADDED", entry(1, "red", "nn"), None) is None
    assert seen(of_n, "DELETED", entry(2, "red", "m"), entry(1, "red", "m")) is None


@pytest.mark.parametrize(("before", "after", "wanted"), [
    (None, "red", ("ADDED", 2, "red")), (None, "blue", None), ("red", "red", ("MODIFIED", 2, "red")), ("blue", "red", ("ADDED", 2, "red")),
    ("red", "blue", ("DELETED", 2, "red")), ("blue", "green", None),
])
def test_coming_to_match_is_adding_and_ceasing_to_is_deleting(before: str | None, after: str, wanted: tuple[str, int, str] | None) -> None:
    red = Selection(PODS, "n", "color=red")
    old = entry(1, before) if before else None
    assert seen(red, "MODIFIED" if before else "ADDED", entry(2, after), old) == wanted


@pytest.mark.parametrize(("before", "wanted"), [("red", ("DELETED", 2, "red")), ("blue", None)])
def test_deletion_is_seen_by_those_who_knew_the_object(before: str, wanted: tuple[str, int, str] | None) -> None:
    assert seen(Selection(PODS, "", "color=red"), "DELETED", entry(2, before), entry(1, before)) == wanted


def test_fields_select_as_labels_do() -> None:
    running = Selection(PODS, "", "", "status.phase=Running")
    assert seen(running, "MODIFIED", entry(2, "red", phase="Running"), entry(1, "red")) == ("ADDED", 2, "red")
    assert seen(running, "MODIFIED", entry(3, "red", phase="Failed"), entry(2, "red", phase="Running")) == ("DELETED", 3, "red")
    both = Selection(PODS, "", "color=blue", "status.phase=Running")
    assert seen(both, "ADDED", entry(1, "red", phase="Running"), None) is None


def test_what_stays_in_the_store_is_not_touched_by_a_watcher() -> None:
    old = entry(1, "red")
    seen(Selection(PODS, "", "color=red"), "MODIFIED", entry(2, "blue"), old)
    assert (old.revision, PODS.object(old).metadata.resource_version) == (1, "1")


def test_frame_is_encoded_once_for_all_watchers() -> None:
    event = WatchEvent("ADDED", entry(1, "red"), None)
    first = frame(PODS, event, "ADDED", event.entry)
    assert first == b'{"type":"ADDED","object":' + event.entry.data + b"}\n"
    assert frame(PODS, event, "ADDED", event.entry) is first


@pytest.mark.parametrize("selectors", [("!!", ""), ("a in (", ""), ("", "spec.color=red"), ("", "metadata.name")])
def test_selectors_that_cannot_be_are_refused(selectors: tuple[str, str]) -> None:
    with pytest.raises(BadRequestError):
        Selection(PODS, "", *selectors)
