"""Three-way patches bring an object to the file, take away what was in the last file, and leave what others have set."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minikube_py.apis import core_v1
from minikube_py.apiserver.patch.merge import merge_patch
from minikube_py.apiserver.patch.strategic import strategic_merge_patch
from minikube_py.cli.kubectl.merge import three_way_merge, three_way_strategic

POD = core_v1.Pod


def applied(original: Any, modified: Any, current: Any) -> Any:
    return strategic_merge_patch(current, three_way_strategic(original, modified, current, POD), POD)


def pod(**spec: Any) -> dict[str, Any]:
    return {"spec": spec}


def container(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, **more}


@pytest.mark.parametrize(("original", "modified", "current", "result"), [
    # A field that the file sets, and one that somebody else has set.
    (pod(), pod(hostname="a"), pod(nodeName="n"), pod(hostname="a", nodeName="n")),
    # A field that the last file had and this one has not.
    (pod(hostname="a"), pod(), pod(hostname="a", nodeName="n"), pod(nodeName="n")),
    # Lists of containers merge by name: the sidecar that others have put in stays.
    (pod(containers=[container("c", image="1")]), pod(containers=[container("c", image="2")]),
     pod(containers=[container("c", image="1", tty=True), container("injected")]),
     pod(containers=[container("c", image="2", tty=True), container("injected")])),
    # A container that is gone from the file goes.
    (pod(containers=[container("a"), container("b")]), pod(containers=[container("b")]),
     pod(containers=[container("a"), container("b")]), pod(containers=[container("b")])),
    # Plain lists are replaced.
    (pod(containers=[container("c", args=["1", "2"])]), pod(containers=[container("c", args=["2"])]),
     pod(containers=[container("c", args=["1", "2"])]), pod(containers=[container("c", args=["2"])])),
    # Labels are maps.
    ({"metadata": {"labels": {"a": "1", "b": "1"}}}, {"metadata": {"labels": {"b": "2"}}},
     {"metadata": {"labels": {"a": "1", "b": "1", "other": "x"}}}, {"metadata": {"labels": {"b": "2", "other": "x"}}}),
    # Finalizers are a set.
    ({"metadata": {"finalizers": ["a", "b"]}}, {"metadata": {"finalizers": ["b"]}},
     {"metadata": {"finalizers": ["a", "b", "c"]}}, {"metadata": {"finalizers": ["b", "c"]}}),
    # A volume changes its kind: the old kind's fields go with it.
    (pod(volumes=[{"name": "v", "emptyDir": {}}]), pod(volumes=[{"name": "v", "hostPath": {"path": "/x"}}]),
     pod(volumes=[{"name": "v", "emptyDir": {}}]), pod(volumes=[{"name": "v", "hostPath": {"path": "/x"}}])),
])
def test_strategic_patch(original: Any, modified: Any, current: Any, result: Any) -> None:
    assert applied(original, modified, current) == result


def test_nothing_to_do_is_an_empty_patch() -> None:
    modified = pod(containers=[container("a", image="1")], hostname="x")
    current = pod(containers=[container("a", image="1", tty=True), container("b")], hostname="x", nodeName="n")
    assert three_way_strategic(modified, modified, current, POD) == {}


def test_custom_resources_get_a_merge_patch() -> None:
    original, modified, current = {"spec": {"a": 1, "b": 2}}, {"spec": {"b": 3, "l": [1]}}, {"spec": {"a": 1, "b": 2, "c": 4}}
    patch = three_way_merge(original, modified, current)
    assert patch == {"spec": {"a": None, "b": 3, "l": [1]}}
    assert merge_patch(current, patch) == {"spec": {"b": 3, "c": 4, "l": [1]}}


names = st.sampled_from(["a", "b", "c"])
labels = st.dictionaries(names, names, max_size=3)
containers = st.lists(
    st.fixed_dictionaries({"name": names}, optional={"image": names, "args": st.lists(names, max_size=2), "tty": st.booleans()}),
    unique_by=lambda c: c["name"], max_size=3,
)
documents = st.fixed_dictionaries({"spec": st.fixed_dictionaries({}, optional={
    "containers": containers, "nodeSelector": labels, "hostname": names})}, optional={
    "metadata": st.fixed_dictionaries({}, optional={"labels": labels, "finalizers": st.lists(names, unique=True, max_size=3)})})


def holds(wanted: Any, found: Any) -> bool:
    """Whether everything in `wanted` is in `found`; lists of named things by name, finalizers as a set."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(key in found and holds(value, found[key]) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list) and all(isinstance(item, dict) for item in (*wanted, *found)):
        by_name = {item["name"]: item for item in found}
        return all(item["name"] in by_name and holds(item, by_name[item["name"]]) for item in wanted)
    return bool(wanted == found)


@settings(max_examples=300, deadline=None)
@given(documents, documents, documents)
def test_any_three_documents_merge_to_what_the_file_says(original: Any, modified: Any, current: Any) -> None:
    result = applied(original, modified, current)
    finalizers = modified.get("metadata", {}).pop("finalizers", [])
    assert set(finalizers) <= set(result.get("metadata", {}).get("finalizers", []))
    assert holds(modified, result)
    again = three_way_strategic(modified, modified, result, POD)
    assert holds(modified, strategic_merge_patch(result, again, POD))
