"""Which options of lists and watches go together, and what each combination shows."""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apiserver.http.list_options import list_options, selected_name
from minikube_py.apiserver.http.query import Query
from minikube_py.core import limits
from minikube_py.core.errors import StatusError, UnreasonedError

from ..lab import Answer, Lab

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
LIST_REFUSALS = [
    ("resourceVersionMatch=Exact", "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"),
    ("resourceVersionMatch=Exact&resourceVersion=0",
     'resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'),
    ("resourceVersionMatch=NotOlderThan&resourceVersion=1&continue=x",
     "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided"),
    ("resourceVersionMatch=Soon&resourceVersion=1",
     'resourceVersionMatch: Unsupported value: "Soon": supported values: "Exact", "NotOlderThan", ""'),
    ("sendInitialEvents=true", "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"),
]
WATCH_REFUSALS = [
    ("sendInitialEvents=true",
     "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
    ("resourceVersionMatch=NotOlderThan",
     "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"),
    ("sendInitialEvents=1&resourceVersionMatch=Exact",
     "[resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan, "
     'resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan"]'),
]


@pytest.mark.parametrize(("watch", "query", "why"), [
    *((False, *row) for row in LIST_REFUSALS), *((True, *row) for row in WATCH_REFUSALS),
])
def test_options_that_do_not_go_together_are_invalid(watch: bool, query: str, why: str) -> None:
    with pytest.raises(StatusError) as caught:
        list_options(Query(query), watch=watch)
    assert (caught.value.code, caught.value.message) == (422, f'ListOptions.meta.k8s.io "" is invalid: {why}')


@pytest.mark.parametrize(("query", "watch", "message"), [
    ("limit=x", False, 'strconv.ParseInt: parsing "x": invalid syntax'),
    ("limit=", False, 'strconv.ParseInt: parsing "": invalid syntax'),
    ("timeoutSeconds=1.5", True, 'strconv.ParseInt: parsing "1.5": invalid syntax'),
    ("timeoutSeconds=-9223372036854775809", True, 'strconv.ParseInt: parsing "-9223372036854775809": value out of range'),
    ("resourceVersion=x", False,
     'invalid resource version: resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax'),
    ("resourceVersion=99999999999999999999", False, "invalid resource version: resourceVersion: Invalid value: "
     '"99999999999999999999": strconv.ParseUint: parsing "99999999999999999999": value out of range'),
    ("continue=x&resourceVersion=5", False, "invalid continue token: continue key is not valid: illegal base64 data at input byte 0"),
])
def test_values_that_are_none_are_bad_requests(query: str, watch: bool, message: str) -> None:
    with pytest.raises(StatusError) as caught:
        list_options(Query(query), watch=watch)
    assert (caught.value.code, caught.value.message) == (400, message)


def test_watch_from_what_is_no_version_fails_without_a_reason() -> None:
    with pytest.raises(UnreasonedError) as caught:
        list_options(Query("resourceVersion=-1"), watch=True)
    assert caught.value.message == 'resourceVersion: Invalid value: "-1": strconv.ParseUint: parsing "-1": invalid syntax'


@pytest.mark.parametrize(("query", "wanted"), [
    ("", True), ("resourceVersion=", True), ("resourceVersion=0&allowWatchBookmarks=true", True), ("resourceVersion=7", None),
    ("sendInitialEvents=false&resourceVersionMatch=NotOlderThan", False), ("sendInitialEvents&resourceVersionMatch=NotOlderThan", True),
])
def test_watch_without_a_version_begins_with_what_there_is(query: str, wanted: bool | None) -> None:
    assert list_options(Query(query), watch=True).send_initial is wanted


@pytest.mark.parametrize(("query", "limit"), [
    ("limit=5", 5), ("limit=-5", 0), ("limit=5&resourceVersion=0", 0), ("limit=5&resourceVersion=7", 5), ("limit=%2B5&limit=9", 5),
])
def test_any_version_comes_on_one_page(query: str, limit: int) -> None:
    assert list_options(Query(query), watch=False).limit == limit


@pytest.mark.parametrize(("query", "name"), [
    ("fieldSelector=metadata.name%3Da", "a"), ("fieldSelector=metadata.namespace%3Dn%2Cmetadata.name%3D%3Da&labelSelector=x%3Dy", "a"),
    ("fieldSelector=metadata.name!%3Da", ""), ("fieldSelector=metadata.name%3Da%2Fb", ""), ("fieldSelector=metadata.name%3D..", ""),
    ("fieldSelector=metadata.name%3Da&limit=x", ""), ("fieldSelector=metadata.name%3Da&labelSelector=!!", ""), ("fieldSelector=a", ""),
    ("", ""),
])
def test_list_of_one_name_may_be_read_by_who_may_read_it(query: str, name: str) -> None:
    assert selected_name(Query(query)) == name


async def put(lab: Lab, name: str, value: int) -> str:
    """Write a config map; return its revision."""
    document = {"metadata": {"name": name}, "data": {"value": str(value)}}
    answer = await lab.send("PUT", f"{CONFIG_MAPS}/{name}", document)
    if answer.status == 404:
        answer = await lab.send("POST", CONFIG_MAPS, document)
    version: str = answer.json["metadata"]["resourceVersion"]
    return version


def values(answer: Answer) -> dict[str, Any]:
    return {item["metadata"]["name"]: item["data"]["value"] for item in answer.json["items"]}


async def test_exact_list_shows_what_was_there_at_that_revision(lab: Lab) -> None:
    await put(lab, "kept", 1)
    await put(lab, "changed", 1)
    then = await put(lab, "gone", 1)
    await put(lab, "changed", 2)
    await lab.send("DELETE", f"{CONFIG_MAPS}/gone")
    await put(lab, "new", 1)
    exact = await lab.get(f"{CONFIG_MAPS}?resourceVersion={then}&resourceVersionMatch=Exact")
    assert values(exact) == {"changed": "1", "gone": "1", "kept": "1"}
    assert exact.json["metadata"] == {"resourceVersion": then}
    assert values(await lab.get(f"{CONFIG_MAPS}?resourceVersion={then}&resourceVersionMatch=NotOlderThan")) == {
        "changed": "2", "kept": "1", "new": "1"}


async def test_page_of_a_revision_is_exact_and_goes_on_at_it(lab: Lab) -> None:
    for name in "abc":
        then = await put(lab, name, 1)
    await put(lab, "a", 2)
    await put(lab, "d", 1)
    first = await lab.get(f"{CONFIG_MAPS}?resourceVersion={then}&limit=2")
    assert values(first) == {"a": "1", "b": "1"}
    assert (first.json["metadata"]["resourceVersion"], first.json["metadata"]["remainingItemCount"]) == (then, 1)
    token = first.json["metadata"]["continue"]
    rest = await lab.get(f"{CONFIG_MAPS}?limit=2&continue={token}")
    assert (values(rest), rest.json["metadata"]) == ({"c": "1"}, {"resourceVersion": then})
    both = await lab.get(f"{CONFIG_MAPS}?limit=2&continue={token}&resourceVersion={then}")
    assert (both.status, both.json["message"]) == (400, "specifying resource version is not allowed when using continue")


async def test_forgotten_revision_is_expired(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WATCH_RING_EVENTS", 4)
    then = await put(lab, "a", 0)
    for number in range(1, 9):
        await put(lab, "a", number)
    answer = await lab.get(f"{CONFIG_MAPS}?resourceVersion={then}&resourceVersionMatch=Exact")
    assert (answer.status, answer.json["reason"], answer.json["message"]) == (
        410, "Expired", "The resourceVersion for the provided list is too old.")
