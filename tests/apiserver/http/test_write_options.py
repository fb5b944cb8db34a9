"""The options of writes: what is accepted, and what clients are told of the rest."""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apis import meta_v1
from minikube_py.apiserver.deletion import DeleteOptions, options_from
from minikube_py.apiserver.http.query import Query
from minikube_py.apiserver.http.write_options import read_delete_options
from minikube_py.core.errors import InvalidError, StatusError

from ..lab import Lab

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
MERGE = {"Content-Type": "application/merge-patch+json"}
SUPPORTED = 'supported values: "All"'
DEPLOYMENT = {
    "metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {
        "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}}
SCALE = {"metadata": {"name": "d"}, "spec": {"replicas": 2}}
POD = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
NAMESPACE = "/api/v1/namespaces/default"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


WRITES: list[tuple[str, str, str, Any, dict[str, str] | None]] = [
    ("POST", CONFIG_MAPS, "CreateOptions", {"metadata": {"name": "b"}}, None),
    ("PUT", CONFIG_MAPS + "/a", "UpdateOptions", {"metadata": {"name": "a"}}, None),
    ("PATCH", CONFIG_MAPS + "/a", "PatchOptions", {}, MERGE),
    ("DELETE", CONFIG_MAPS + "/a", "DeleteOptions", None, None),
    ("DELETE", CONFIG_MAPS, "DeleteOptions", None, None),
    ("PUT", DEPLOYMENTS + "/d/scale", "UpdateOptions", SCALE, None),
    ("PATCH", DEPLOYMENTS + "/d/scale", "PatchOptions", {}, MERGE),
    ("PUT", DEPLOYMENTS + "/d/status", "UpdateOptions", DEPLOYMENT, None),
    ("POST", NAMESPACE + "/pods/p/binding", "CreateOptions", {"target": {"name": "n"}}, None),
    ("POST", NAMESPACE + "/pods/p/eviction", "CreateOptions", {"metadata": {"name": "p"}}, None),
    ("POST", NAMESPACE + "/serviceaccounts/default/token", "CreateOptions", {"spec": {"audiences": []}}, None),
    ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "CreateOptions", {"spec": {}}, None),
]


async def test_dry_runs_end_at_one_stage_alone(lab: Lab) -> None:
    await lab.send("POST", CONFIG_MAPS, {"metadata": {"name": "a"}})
    await lab.send("POST", DEPLOYMENTS, DEPLOYMENT)
    await lab.send("POST", NAMESPACE + "/pods", POD)
    before = lab.store.revision
    for method, path, options, document, headers in WRITES:
        for value in ("Some", "", "all"):
            answer = await lab.send(method, f"{path}?dryRun={value}", document, headers=headers)
            why = f'dryRun: Unsupported value: ["{value}"]: {SUPPORTED}'
            assert (answer.status, answer.json["message"]) == (422, f'{options}.meta.k8s.io "" is invalid: {why}'), (method, path)
            assert answer.json["details"]["causes"][0]["field"] == "dryRun"
    assert lab.store.revision == before


async def test_reading_knows_no_dry_runs(lab: Lab) -> None:
    assert (await lab.get(CONFIG_MAPS + "?dryRun=Some")).status == 200


async def test_all_that_is_wrong_with_options_is_told_at_once(lab: Lab) -> None:
    answer = await lab.send("POST", CONFIG_MAPS + "?dryRun=All&dryRun=No&fieldValidation=Perhaps&fieldManager=%01", {"metadata": {}})
    assert answer.json["message"] == (
        'CreateOptions.meta.k8s.io "" is invalid: [fieldManager: Invalid value: "\\x01": invalid character U+0001 (at position 0), '
        f'dryRun: Unsupported value: ["All","No"]: {SUPPORTED}, '
        'fieldValidation: Unsupported value: "Perhaps": supported values: "", "Ignore", "Strict", "Warn"]'
    )


@pytest.mark.parametrize(("query", "wanted"), [
    ("", DeleteOptions()),
    ("gracePeriodSeconds=-3&propagationPolicy=Orphan", DeleteOptions(-3, "Orphan")),
    ("uid=u&orphanDependents=1", DeleteOptions(None, "Orphan", "u", None, True)),
    ("orphanDependents=false", DeleteOptions(None, "Background", None, None, False)),
    ("orphanDependents", DeleteOptions(None, "Orphan", None, None, True)),
    ("ignoreStoreReadErrorWithClusterBreakingPotential=true&unknown=1", DeleteOptions()),
])
def test_deletions_say_how_in_the_query(query: str, wanted: DeleteOptions) -> None:
    assert options_from(read_delete_options(Query(query), b"", "")) == wanted


@pytest.mark.parametrize("body", [
    b'{"gracePeriodSeconds":5,"unknown":1,"ignoreStoreReadErrorWithClusterBreakingPotential":true}',
    b'{"kind":"DeleteOptions","apiVersion":"apps/v1","gracePeriodSeconds":5}',
    b'{"kind":"DeleteOptions","apiVersion":"meta.k8s.io/v1","gracePeriodSeconds":5,"preconditions":{}}',
])
def test_body_of_a_deletion_counts_alone(body: bytes) -> None:
    query = Query("gracePeriodSeconds=x&dryRun=All&propagationPolicy=Orphan")
    assert options_from(read_delete_options(query, body, "application/json")) == DeleteOptions(5)


@pytest.mark.parametrize(("query", "message"), [
    ("gracePeriodSeconds=x", 'strconv.ParseInt: parsing "x": invalid syntax'),
    ("gracePeriodSeconds=", 'strconv.ParseInt: parsing "": invalid syntax'),
    ("gracePeriodSeconds=9223372036854775808", 'strconv.ParseInt: parsing "9223372036854775808": value out of range'),
    ("propagationPolicy=Sometimes", 'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Sometimes": '
                                    'supported values: "Foreground", "Background", "Orphan", "nil"'),
    ("propagationPolicy=Orphan&orphanDependents=0", 'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Invalid value: "Orphan": '
                                                    "orphanDependents and deletionPropagation cannot be both set"),
])
def test_options_of_deletions_that_are_none_are_refused(query: str, message: str) -> None:
    with pytest.raises(StatusError) as refused:
        options_from(read_delete_options(Query(query), b"", ""))
    assert refused.value.message == message


def test_dry_run_of_a_deletion_is_checked_in_the_body_too() -> None:
    with pytest.raises(InvalidError, match=r'dryRun: Unsupported value: \["x"\]: supported values: "All"'):
        options_from(meta_v1.DeleteOptions(dry_run=["x"]))
