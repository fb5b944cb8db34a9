"""Quotas as many clients meet them at once: over HTTP, on SQLite, with the controller."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from .apiextensions.definitions import definition
from .lab import Lab, until
from .quotas import quota_controller

QUOTAS, PODS = "/api/v1/namespaces/default/resourcequotas", "/api/v1/namespaces/default/pods"
WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"
POD = {"spec": {"containers": [{"name": "c", "image": "x", "resources": {"requests": {"cpu": "10m"}}}]}}


async def create_quota(lab: Lab, **hard: str) -> None:
    """Create the quota q and wait until it has its first status."""
    answer = await lab.send("POST", QUOTAS, {"metadata": {"name": "q"}, "spec": {"hard": hard}})
    assert answer.status == 201
    await status(lab, lambda found: found.get("hard") == hard)


async def status(lab: Lab, condition: Any = bool) -> dict[str, Any]:
    """The status of q, once it is as wanted."""
    async with asyncio.timeout(20):
        while True:
            found: dict[str, Any] = (await lab.get(f"{QUOTAS}/q")).json["status"]
            if condition(found):
                return found
            await asyncio.sleep(0.005)


async def test_of_200_creates_at_once_exactly_as_many_pass_as_the_quota_has_room_for(lab: Lab) -> None:
    async with quota_controller(lab):
        await create_quota(lab, **{"pods": "50", "requests.cpu": "900m"})
        answers = await asyncio.gather(*(lab.send("POST", PODS, {"metadata": {"name": f"p{n}"}, **POD}) for n in range(200)))
        assert Counter(answer.status for answer in answers) == {201: 50, 403: 150}
        refused = next(answer for answer in answers if answer.status == 403).json
        assert refused["reason"] == "Forbidden"
        assert "exceeded quota: q, requested: pods=1, used: pods=50, limited: pods=50" in refused["message"]
        assert (await status(lab))["used"] == {"pods": "50", "requests.cpu": "500m"}
        names = [item["metadata"]["name"] for item in (await lab.get(PODS)).json["items"]]
        assert len(names) == 50
        deleted = await asyncio.gather(*(lab.send("DELETE", f"{PODS}/{name}") for name in names[:20]))
        assert {answer.status for answer in deleted} == {200}
        assert (await status(lab))["used"] == {"pods": "30", "requests.cpu": "300m"}
        again = await asyncio.gather(*(lab.send("POST", PODS, {"metadata": {"generateName": "g-"}, **POD}) for n in range(60)))
        assert Counter(answer.status for answer in again) == {201: 20, 403: 40}


async def test_each_answer_comes_with_a_status_that_counts_its_object(lab: Lab) -> None:
    async with quota_controller(lab):
        await create_quota(lab, **{"count/configmaps": "40"})

        async def one(number: int) -> tuple[int, int]:
            made = await lab.send("POST", "/api/v1/namespaces/default/configmaps", {"metadata": {"name": f"c{number}"}})
            quota = (await lab.get(f"{QUOTAS}/q")).json
            return int(made.json["metadata"]["resourceVersion"]), int(quota["metadata"]["resourceVersion"])

        versions = await asyncio.gather(*(one(number) for number in range(30)))
        assert all(made < quota for made, quota in versions)


async def test_custom_resources_are_counted_as_their_definition_comes_and_goes(lab: Lab) -> None:
    async with quota_controller(lab):
        name = "count/widgets.example.com"
        await create_quota(lab, **{name: "1", "pods": "1"})
        assert (await status(lab))["used"] == {"pods": "0"}
        crd = definition()
        await lab.client.create(crd)
        await status(lab, lambda found: found["used"] == {"pods": "0", name: "0"})
        body = {"apiVersion": "example.com/v1", "kind": "Widget"}
        assert (await lab.send("POST", WIDGETS, body | {"metadata": {"name": "a"}})).status == 201
        assert (await status(lab))["used"][name] == "1"
        answer = await lab.send("POST", WIDGETS, body | {"metadata": {"name": "b"}})
        assert answer.json["message"] == (
            f'widgets.example.com "b" is forbidden: exceeded quota: q, requested: {name}=1, used: {name}=1, limited: {name}=1'
        )
        await lab.send("DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{crd.metadata.name}")
        await until(lambda: lab.store.count("widgets.example.com") == 0)
        await status(lab, lambda found: found["used"].get(name, "0") == "0")
