"""Group-versions and resources that are turned off are gone for clients, and for nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from minikube_py.apis.batch_v1 import Job
from minikube_py.apiserver.api_services import ApiServiceRegistration
from minikube_py.apiserver.enablement import ALL, Enablement, read_pairs
from minikube_py.apiserver.options import ApiServerArgs
from minikube_py.apiserver.pki import Pki
from minikube_py.store.memory import MemoryStore

from .lab import PATIENCE_S, Lab, api_server


@pytest.fixture
async def less(tmp_path: Path, pki: Pki) -> AsyncIterator[Lab]:
    """A server without the group policy, autoscaling/v1, CronJobs and ComponentStatuses."""
    store = MemoryStore()
    await store.open()
    args = ApiServerArgs.parse([
        "runtime-config=policy/v1=false,autoscaling/v1=false", "runtime-config=batch/v1/cronjobs=false,/v1/componentstatuses=false"])
    async with api_server(tmp_path, pki, store, args) as lab:
        yield lab
    await store.close()


UNKNOWN = "the server could not find the requested resource"


@pytest.mark.parametrize(("path", "is_routed"), [
    ("/apis/policy", False), ("/apis/policy/v1", False), ("/apis/policy/v1/poddisruptionbudgets", False),
    ("/apis/autoscaling/v1", True), ("/apis/autoscaling/v1/horizontalpodautoscalers", True),
    ("/apis/batch/v1/cronjobs", True), ("/apis/batch/v1/namespaces/default/cronjobs/a/status", True), ("/api/v1/componentstatuses", True),
])
async def test_what_is_off_is_not_found(less: Lab, path: str, is_routed: bool) -> None:
    answer = await less.get(path)
    assert answer.status == 404
    if is_routed:
        assert answer.json["message"] == UNKNOWN
    else:
        assert answer.body == b"404 page not found\n"


async def test_what_is_on_is_served(less: Lab) -> None:
    for path in ("/apis/autoscaling/v2/horizontalpodautoscalers", "/apis/batch/v1/jobs", "/apis/autoscaling", "/api/v1/pods"):
        assert (await less.get(path)).status == 200


async def test_discovery_shows_what_is_on(less: Lab) -> None:
    groups = {group["name"]: [version["version"] for version in group["versions"]] for group in (await less.get("/apis")).json["groups"]}
    assert "policy" not in groups and groups["autoscaling"] == ["v2"]
    assert {resource["name"] for resource in (await less.get("/apis/batch/v1")).json["resources"]} == {"jobs", "jobs/status"}
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    aggregated = (await less.get("/apis", Accept=accept)).json["items"]
    assert "policy" not in {item["metadata"]["name"] for item in aggregated}
    paths = (await less.get("/")).json["paths"]
    assert "/apis/policy" not in paths and "/apis/policy/v1" not in paths and "/apis/autoscaling/v1" not in paths


async def test_openapi_tells_of_what_is_on(less: Lab, lab: Lab) -> None:
    v2, whole = (await less.get("/openapi/v2")).json, (await lab.get("/openapi/v2")).json
    gone = set(whole["paths"]) - set(v2["paths"])
    assert gone and all(
        path.startswith(("/apis/policy/", "/apis/autoscaling/v1/", "/api/v1/componentstatuses")) or "/cronjobs" in path for path in gone)
    definitions = set(whole["definitions"]) - set(v2["definitions"])
    assert "io.k8s.api.batch.v1.CronJob" in definitions and "io.k8s.api.batch.v1.Job" not in definitions
    assert "io.k8s.api.autoscaling.v1.Scale" not in definitions, "deployments have one"
    index = (await less.get("/openapi/v3")).json["paths"]
    assert not {"apis/policy", "apis/policy/v1", "apis/autoscaling/v1"} & set(index) and "apis/autoscaling/v2" in index
    batch = (await less.get(index["apis/batch/v1"]["serverRelativeURL"])).json
    assert not [path for path in batch["paths"] if "cronjobs" in path] and "/apis/batch/v1/jobs" in batch["paths"]
    assert "io.k8s.api.batch.v1.CronJob" not in batch["components"]["schemas"]
    assert (await less.get("/openapi/v3/apis/policy/v1")).status == 404
    assert index["apis/apps/v1"] == (await lab.get("/openapi/v3")).json["paths"]["apis/apps/v1"]


async def test_api_services_are_those_of_what_is_on(less: Lab) -> None:
    async def names() -> set[str]:
        listed = (await less.get("/apis/apiregistration.k8s.io/v1/apiservices")).json["items"]
        return {service["metadata"]["name"] for service in listed}

    for enablement, wanted in ((ALL, True), (less.api.enablement, False)):
        registration = ApiServiceRegistration(less.client, enablement)
        running = asyncio.create_task(registration.run())
        try:
            async with asyncio.timeout(PATIENCE_S):
                await registration.ready.wait()
                while ("v1.policy" in await names()) is not wanted:
                    await asyncio.sleep(0.005)
        finally:
            running.cancel()
            await asyncio.wait([running])


async def test_components_of_the_server_go_on_with_all(less: Lab) -> None:
    assert less.registry.storage_of(Job) is not None and less.registry.storage("policy", "v1", "poddisruptionbudgets") is not None


def served(*texts: str) -> set[tuple[str, str]]:
    return set(Enablement(tuple(pair for text in texts for pair in read_pairs(text))).group_versions)


def test_single_versions_count_before_classes_and_resources_before_versions() -> None:
    assert served("api/all=false,apps/v1=true") == {("apps", "v1")}
    assert served("api/all=false, api/ga=true") == served("")
    assert served("api/ga=false,api/all=true,batch/v1") == {("batch", "v1")}
    assert served("batch/v1=false,batch/v1/jobs=true,api/all=false") == {("batch", "v1")}
    assert served("api/beta=false", "api/alpha=false") == served("api/all=true") == served("")
    assert ("batch", "v1") not in served("batch/v1/jobs=false,batch/v1/cronjobs=0")
    assert served("batch/v1beta1=false,storagemigration.k8s.io/v1beta1=false") == served("")


@pytest.mark.parametrize(("text", "message"), [
    ("api/all=false", "invalid key with only api/all=false"),
    ("v1=false", "runtime-config invalid key v1"),
    ("api/v1=false", "unknown api groups api"),
    ("example.com/v1=true,other/v1=true", "unknown api groups example.com,other"),
    ("api/ga=yes", "invalid value api/ga=yes"),
    ("apps/v1=yes", 'invalid value of apps/v1: yes, err: strconv.ParseBool: parsing "yes": invalid syntax'),
    ("apps/v2=false", "group version apps/v2 that has not been registered"),
    ("resource.k8s.io/v1beta1=true", "group version resource.k8s.io/v1beta1 that has not been registered"),
    ("apps/v1/Deployments=false", 'invalid key apps/v1/Deployments: group/version/resource and resource is always lowercase plural, not '
                                  '"Deployments"'),
])
def test_what_cannot_be_is_refused_in_upstreams_words(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        ApiServerArgs.parse([f"runtime-config={text}"])
    assert str(caught.value) == message


def test_nothing_is_off_unless_asked_for() -> None:
    assert not ALL.disabled and not Enablement(read_pairs("api/all=true")).disabled
    shown: dict[str, Any] = ApiServerArgs.parse(["runtime-config=batch/v1=false"]).flags()
    assert shown["runtime-config"] == "batch/v1=false"
