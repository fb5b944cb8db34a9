"""`/metrics`: upstream's names and labels, true counts, and labels that stay few."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from minikube_py.apiserver.http.metrics import ServerMetrics
from minikube_py.apiserver.http.request_info import RequestInfo
from minikube_py.core.workqueue import WorkQueue

from ..lab import Lab, until

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


class Samples(dict[tuple[str, frozenset[tuple[str, str]]], float]):
    """All series of `/metrics`, by name and labels."""

    def of(self, sample: str, /, **wanted: str) -> list[tuple[dict[str, str], float]]:
        """Labels and values of the series of that name that have the wanted labels."""
        return [(dict(key), value) for (found, key), value in self.items() if found == sample and wanted.items() <= dict(key).items()]

    def one(self, sample: str, /, **wanted: str) -> float:
        found = self.of(sample, **wanted)
        assert len(found) == 1, found
        return found[0][1]


async def samples(lab: Lab) -> Samples:
    answer = await lab.get("/metrics")
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/plain")
    found = Samples()
    for family in text_string_to_metric_families(answer.body.decode()):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, f"{key} is there twice"
            found[key] = sample.value
    return found


async def test_requests_are_counted_by_target_and_code(lab: Lab) -> None:
    await lab.send("POST", CONFIG_MAPS, {"metadata": {"name": "a"}})
    await lab.send("POST", CONFIG_MAPS, {"metadata": {"name": "a"}})
    await lab.send("POST", CONFIG_MAPS + "?dryRun=All", {"metadata": {"name": "b"}})
    for name in ("a", "b", "c"):
        await lab.get(f"{CONFIG_MAPS}/{name}")
    await lab.get(CONFIG_MAPS)
    await lab.get("/api/v1/configmaps")
    found = await samples(lab)
    target = {"group": "", "version": "v1", "resource": "configmaps", "subresource": "", "component": "apiserver"}
    requests = {
        (labels["verb"], labels["scope"], labels["dry_run"], labels["code"]): value
        for labels, value in found.of("apiserver_request_total", **target)
    }
    assert requests == {
        ("POST", "resource", "", "201"): 1, ("POST", "resource", "", "409"): 1, ("POST", "resource", "All", "201"): 1,
        ("GET", "resource", "", "200"): 1, ("GET", "resource", "", "404"): 2, ("LIST", "namespace", "", "200"): 1,
        ("LIST", "cluster", "", "200"): 1,
    }
    assert found.one("apiserver_request_duration_seconds_count", verb="GET", **target) == 3
    assert found.one("apiserver_request_sli_duration_seconds_bucket", verb="GET", le="+Inf", **target) == 3
    assert found.one("apiserver_response_sizes_count", verb="LIST", scope="cluster", **target) == 1
    assert found.one("apiserver_current_inflight_requests", request_kind="readOnly") == 1


async def test_watches_and_their_events_are_counted(lab: Lab) -> None:
    await lab.send("POST", CONFIG_MAPS, {"metadata": {"name": "a", "labels": {"x": "y"}}})
    async with lab.watch(CONFIG_MAPS) as watch:
        await watch.names(1)
        await lab.send("POST", CONFIG_MAPS, {"metadata": {"name": "b"}})
        await watch.names(1)
        found = await samples(lab)
    target = {"group": "", "version": "v1", "resource": "configmaps"}
    assert found.one("apiserver_longrunning_requests", verb="WATCH", scope="namespace", **target) == 1
    assert found.one("apiserver_registered_watchers", group="", version="v1", kind="ConfigMap") == 1
    assert found.one("apiserver_watch_events_total", **target) == 2
    assert found.one("apiserver_watch_events_sizes_bucket", le="1024", **target) == 2
    assert found.one("apiserver_init_events_total", group="", resource="configmaps") == 1
    await until(lambda: not any(series.running for series in lab.api.server.metrics.requests.values() if series.long_running))
    found = await samples(lab)
    assert found.one("apiserver_request_total", verb="WATCH", code="499", **target) == 1
    assert found.one("apiserver_longrunning_requests", verb="WATCH", **target) == 0


async def test_store_tells_its_objects_its_size_and_its_commits(lab: Lab) -> None:
    await asyncio.gather(*(lab.send("POST", CONFIG_MAPS, {"metadata": {"name": f"a{number}"}}) for number in range(5)))
    await lab.send("DELETE", CONFIG_MAPS + "/a0")
    found = await samples(lab)
    assert found.one("apiserver_storage_objects", resource="configmaps") == 4
    assert found.one("apiserver_resource_objects", group="rbac.authorization.k8s.io", resource="clusterroles") > 10
    assert found.one("apiserver_storage_size_bytes", storage_cluster_id="etcd-0") > 4096
    assert found.one("etcd_request_duration_seconds_count", operation="create", group="", resource="configmaps") == 5
    assert found.one("etcd_request_duration_seconds_count", operation="delete", group="", resource="configmaps") == 1
    assert found.one("minikube_store_commit_duration_seconds_count") == found.one("minikube_store_batch_writes_count") > 0
    assert found.one("process_open_fds") > 0


async def test_parts_of_admission_are_timed_by_plugin_and_step(lab: Lab) -> None:
    pods, containers = "/api/v1/namespaces/default/pods", [{"name": "c", "image": "i"}]
    for priority in ("", "none"):
        pod = {"metadata": {"name": "p"}, "spec": {"containers": containers, "priorityClassName": priority}}
        await lab.send("POST", pods, pod)
    found = await samples(lab)
    part, step = (f"apiserver_admission_{name}_admission_duration_seconds_count" for name in ("controller", "step"))
    assert found.one(part, name="Priority", operation="CREATE", type="admit", rejected="true") == 1
    assert found.one(part, name="ServiceAccount", operation="CREATE", type="validate", rejected="false") == 1
    assert found.one(step, operation="CREATE", type="admit", rejected="true") == 1
    accepted = found.one(step, operation="CREATE", type="validate", rejected="false")
    assert accepted >= 1 and found.one(step.replace("count", "bucket"), operation="CREATE", type="validate", rejected="false",
                                       le="2.5") == accepted
    assert not found.of(part, name="ImagePolicyWebhook")


async def test_deprecated_kinds_that_were_asked_for_are_told(lab: Lab) -> None:
    gauge = "apiserver_requested_deprecated_apis"
    await lab.get(CONFIG_MAPS)
    assert not (await samples(lab)).of(gauge)
    for path in ("/api/v1/endpoints", "/api/v1/namespaces/default/endpoints/e", "/api/v1/componentstatuses"):
        await lab.get(path)
    told = (await samples(lab)).of(gauge, group="", version="v1", subresource="", removed_release="")
    assert {(labels["resource"], value) for labels, value in told} == {("endpoints", 1), ("componentstatuses", 1)}


async def test_the_version_is_told(lab: Lab) -> None:
    (labels, value), = (await samples(lab)).of("kubernetes_build_info")
    version = (await lab.get("/version")).json
    assert value == 1 and labels["git_version"] == version["gitVersion"] and (labels["major"], labels["minor"]) == ("1", "36")


async def test_work_queues_are_told_by_name(lab: Lab) -> None:
    one: WorkQueue[str] = WorkQueue("godot")
    other: WorkQueue[str] = WorkQueue("godot")
    for queue in (one, other):
        queue.add("a")
        queue.add("b")
        queue.add("a")
    key = await one.get()
    found = await samples(lab)
    assert found.one("workqueue_adds_total", name="godot") == 4 and found.one("workqueue_depth", name="godot") == 3
    assert found.one("workqueue_queue_duration_seconds_count", name="godot") == 1
    assert 0 < found.one("workqueue_longest_running_processor_seconds", name="godot") == found.one(
        "workqueue_unfinished_work_seconds", name="godot")
    one.done(key)
    one.add_rate_limited(key)
    found = await samples(lab)
    assert found.one("workqueue_work_duration_seconds_count", name="godot") == found.one("workqueue_retries_total", name="godot") == 1
    one.close()


async def test_counters_are_reset_on_demand(lab: Lab) -> None:
    await lab.get(CONFIG_MAPS)
    assert (await samples(lab)).of("apiserver_request_total", resource="configmaps")
    reset = await lab.send("DELETE", "/metrics")
    assert (reset.status, reset.body) == (200, b"metrics reset\n")
    assert not (await samples(lab)).of("apiserver_request_total", resource="configmaps")
    await lab.get(CONFIG_MAPS)
    assert (await samples(lab)).one("apiserver_request_total", resource="configmaps") == 1


async def test_labels_of_nonsense_stay_few(lab: Lab) -> None:
    for number in range(30):
        await lab.get(f"/apis/group{number}/v1/things{number}")
        await lab.get(f"/path{number}")
        await lab.get(f"{CONFIG_MAPS}/a/sub{number}")
        await lab.send(f"METHOD{number}", CONFIG_MAPS)
    series = [key for name, key in await samples(lab) if name == "apiserver_request_total"]
    assert len(series) < 20 and not any("29" in value for key in series for _, value in key)


def test_resource_that_comes_later_is_counted_under_its_name() -> None:
    served: dict[tuple[str, str, str], Any] = {}
    metrics = ServerMetrics(lambda *gvr: served.get(gvr))
    path = "/apis/stable.example.com/v1/crontabs"
    assert metrics.target("GET", path, False).series.labels.resource == ""
    served["stable.example.com", "v1", "crontabs"] = object()
    target = metrics.target("GET", path, False)
    assert (target.series.labels.verb, target.series.labels.resource, target.series.labels.scope) == ("LIST", "crontabs", "cluster")
    assert metrics.target("GET", path, False) is target


@pytest.mark.parametrize(("info", "verb", "scope"), [
    (RequestInfo(True, "", "create", "", "v1", "ns", "pods", "a", "exec"), "CONNECT", "resource"),
    (RequestInfo(True, "", "get", "", "v1", "ns", "pods", "a", "log"), "GET", "resource"),
    (RequestInfo(True, "", "deletecollection", "", "v1", "ns", "pods"), "DELETECOLLECTION", "namespace"),
    (RequestInfo(True, "", "update", "", "v1", "", "nodes", "a", "status"), "PUT", "resource"),
])
def test_verb_and_scope_are_upstreams(info: RequestInfo, verb: str, scope: str) -> None:
    from minikube_py.apis.resources import BY_GVR

    labels = ServerMetrics(lambda *gvr: BY_GVR.get(gvr)).series(info).labels
    assert (labels.verb, labels.scope) == (verb, scope)


def test_long_paths_are_not_remembered() -> None:
    metrics = ServerMetrics(lambda *_: None)
    for path, remembered in (("/healthz", True), ("/" + "a" * 10_000, False)):
        assert (metrics.target("GET", path, False) is metrics.target("GET", path, False)) is remembered
