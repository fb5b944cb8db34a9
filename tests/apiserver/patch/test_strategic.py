"""Strategic merge patch: directives, keys of lists, and the way from any pod to any other by the patch that kubectl would send."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minikube_py.apis import apps_v1, core_v1
from minikube_py.apiserver.patch import strategic_merge_patch
from minikube_py.core.errors import BadRequestError


def pod(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p", "finalizers": ["a"]}, "spec": spec}


def patched(document: dict[str, Any], patch: dict[str, Any], struct: type = core_v1.Pod) -> dict[str, Any]:
    before, sent = copy.deepcopy(document), copy.deepcopy(patch)
    result: dict[str, Any] = strategic_merge_patch(document, patch, struct)
    assert (document, patch) == (before, sent), "inputs stay as they are"
    return result


def test_elements_of_a_list_are_found_by_their_key() -> None:
    document = pod(containers=[{"name": "a", "image": "1"}, {"name": "b", "image": "1"}])
    result = patched(document, {"spec": {"containers": [{"name": "b", "image": "2"}, {"name": "c", "image": "3"}]}})
    assert result["spec"]["containers"] == [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}, {"name": "c", "image": "3"}]


def test_an_element_is_deleted_by_a_directive() -> None:
    document = pod(containers=[{"name": "a"}, {"name": "b"}])
    assert patched(document, {"spec": {"containers": [{"name": "a", "$patch": "delete"}]}})["spec"]["containers"] == [{"name": "b"}]


def test_a_list_is_replaced_by_a_directive() -> None:
    document = pod(containers=[{"name": "a"}, {"name": "b"}])
    result = patched(document, {"spec": {"containers": [{"name": "c"}, {"$patch": "replace"}]}})
    assert result["spec"]["containers"] == [{"name": "c"}]


def test_a_map_is_replaced_or_emptied_by_a_directive() -> None:
    document = pod(securityContext={"runAsUser": 1}, nodeSelector={"a": "b"})
    result = patched(document, {"spec": {"securityContext": {"$patch": "replace", "fsGroup": 2}, "nodeSelector": {"$patch": "delete"}}})
    assert result["spec"] == {"securityContext": {"fsGroup": 2}, "nodeSelector": {}}


def test_lists_without_a_key_are_replaced() -> None:
    document = pod(tolerations=[{"key": "a"}])
    assert patched(document, {"spec": {"tolerations": [{"key": "b"}]}})["spec"]["tolerations"] == [{"key": "b"}]


def test_sets_of_plain_values_grow_and_shrink() -> None:
    node = {"spec": {"podCIDRs": ["a", "b"]}}
    assert patched(node, {"spec": {"podCIDRs": ["b", "c"]}}, core_v1.Node)["spec"]["podCIDRs"] == ["a", "b", "c"]
    assert patched(node, {"spec": {"$deleteFromPrimitiveList/podCIDRs": ["a"]}}, core_v1.Node)["spec"]["podCIDRs"] == ["b"]


def test_only_retained_keys_stay() -> None:
    deployment = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert patched(deployment, patch, apps_v1.Deployment)["spec"]["strategy"] == {"type": "Recreate"}


def test_volumes_change_their_kind_by_retained_keys() -> None:
    document = pod(volumes=[{"name": "v", "emptyDir": {}}])
    patch = {"spec": {"volumes": [{"name": "v", "$retainKeys": ["name", "secret"], "secret": {"secretName": "s"}}]}}
    assert patched(document, patch)["spec"]["volumes"] == [{"name": "v", "secret": {"secretName": "s"}}]


def test_the_order_of_a_list_is_the_patchs_where_it_knows_better() -> None:
    document = pod(containers=[{"name": "a"}, {"name": "server"}, {"name": "b"}])
    patch = {"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}, {"name": "c"}], "containers": [{"name": "c"}]}}
    assert [c["name"] for c in patched(document, patch)["spec"]["containers"]] == ["server", "b", "a", "c"]


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({"spec": {"$patch": "jump"}}, "unknown patch type: jump"),
        ({"spec": {"containers": [{"image": "a"}]}}, "does not contain declared merge key: name"),
        ({"spec": {"$retainKeys": ["a"], "hostname": "b"}}, "invalid patch format of retainKeys"),
        ({"spec": {"$retainKeys": "a"}}, "invalid patch format of retainKeys"),
        ({"spec": {"$deleteFromPrimitiveList/x": "a"}}, "invalid patch format of primitive list"),
        ({"spec": {"$setElementOrder/containers": {}}}, "invalid patch format of setElementOrder list"),
        (
            {"spec": {"$setElementOrder/containers": [{"name": "b"}], "containers": [{"name": "a"}]}},
            "doesn't match \\$setElementOrder list",
        ),
    ],
)
def test_a_patch_of_another_shape_is_refused(patch: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRequestError, match=message):
        strategic_merge_patch(pod(), patch, core_v1.Pod)


# The two-way patch that kubectl computes, for the fields that the strategy below makes.

KEYS = {"containers": "name", "env": "name", "volumes": "name", "ports": "containerPort"}


def difference(source: dict[str, Any], target: dict[str, Any]) -> dict[str, Any]:
    patch: dict[str, Any] = {key: None for key in source if key not in target}
    for key, value in target.items():
        if key not in source:
            patch[key] = value
        elif source[key] == value:
            continue
        elif key in KEYS:
            patch |= list_difference(key, source[key], value)
        elif isinstance(value, dict) and isinstance(source[key], dict):
            patch[key] = difference(source[key], value)
        else:
            patch[key] = value
    return patch


def list_difference(key: str, source: list[dict[str, Any]], target: list[dict[str, Any]]) -> dict[str, Any]:
    name = KEYS[key]
    known = {item[name]: item for item in source}
    wanted = {item[name] for item in target}
    items: list[dict[str, Any]] = []
    for item in target:
        if item[name] not in known:
            items.append(item)
        elif item != known[item[name]]:
            change = {name: item[name], **difference(known[item[name]], item)}
            if key == "volumes":
                change["$retainKeys"] = sorted(item)
            items.append(change)
    items += [{name: gone, "$patch": "delete"} for gone in known if gone not in wanted]
    order = [{name: item[name]} for item in target]
    return {f"$setElementOrder/{key}": order, **({key: items} if items else {})}


names = st.text("abcd", min_size=1, max_size=1)


def named(name: str, key: st.SearchStrategy[Any], rest: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(st.fixed_dictionaries({name: key}, optional=rest), max_size=4, unique_by=lambda item: item[name])


maps = st.dictionaries(names, names, max_size=3)
containers = named(
    "name",
    names,
    {
        "image": names,
        "args": st.lists(names, max_size=2),
        "resources": st.fixed_dictionaries({}, optional={"limits": maps, "requests": maps}),
        "env": named("name", names, {"value": names}),
        "ports": named("containerPort", st.integers(1, 4), {"name": names}),
    },
)
volumes = named("name", names, {"emptyDir": maps, "hostPath": st.fixed_dictionaries({"path": names})})
pods = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries({}, optional={"labels": maps, "annotations": maps}),
        "spec": st.fixed_dictionaries(
            {"containers": containers},
            optional={
                "volumes": volumes,
                "nodeSelector": maps,
                "hostname": names,
                "tolerations": st.lists(st.fixed_dictionaries({"key": names}), max_size=2),
            },
        ),
    }
)


@given(pods, pods)
def test_kubectls_patch_leads_from_any_pod_to_any_other(source: dict[str, Any], target: dict[str, Any]) -> None:
    assert patched(source, difference(source, target)) == target


@given(pods, pods)
def test_a_patch_applied_twice_is_as_good_as_once(source: dict[str, Any], target: dict[str, Any]) -> None:
    patch = difference(source, target)
    once = patched(source, patch)
    assert patched(once, patch) == once


@given(pods, pods, pods)
def test_what_only_the_server_knows_stays(source: dict[str, Any], target: dict[str, Any], server: dict[str, Any]) -> None:
    foreign = [{**item, "name": f"server-{item['name']}"} for item in server["spec"]["containers"]]
    live = copy.deepcopy(source)
    live["spec"]["containers"] = [*live["spec"]["containers"], *foreign]
    result = patched(live, difference(source, target))["spec"]["containers"]
    assert [item for item in result if item["name"].startswith("server-")] == foreign
    assert [item for item in result if not item["name"].startswith("server-")] == target["spec"]["containers"]
