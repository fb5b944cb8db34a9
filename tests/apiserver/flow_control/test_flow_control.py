"""A server under flow control: its objects, its turns, and what clients are told."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from minikube_py.apis.flowcontrol_v1 import FlowSchema, PriorityLevelConfiguration
from minikube_py.apiserver.flow_control.flow_control import FlowControl
from minikube_py.apiserver.flow_control.priority_levels import adjust
from minikube_py.apiserver.flow_control.queue_set import Turn
from minikube_py.apiserver.flow_control.work_estimate import WorkEstimator
from minikube_py.apiserver.http.query import Query
from minikube_py.apiserver.http.request_info import parse
from minikube_py.apiserver.options import ApiServerArgs
from minikube_py.apiserver.pki import Pki
from minikube_py.store.memory import MemoryStore
from tests.apiserver.lab import Answer, Lab, api_server, until

GROUP = "/apis/flowcontrol.apiserver.k8s.io/v1"
PODS = "/api/v1/namespaces/default/pods"
JANE = {"Impersonate-User": "jane"}
RIGHTS: dict[str, Any] = {
    "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "jane"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "jane"}],
}


class Controlled:
    """A server and what is in force there."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        assert lab.api.flow_control is not None
        self.control: FlowControl = lab.api.flow_control.control

    async def as_jane(self, path: str = PODS, method: str = "GET", document: Any = None) -> Answer:
        return await self.lab.send(method, path, document, headers=JANE)

    def fill(self, level: str = "global-default") -> list[Turn]:
        """Take all seats of a level."""
        found = self.control.levels[level].queue_set
        assert found is not None
        ticket = self.control.begin(user("somebody"), parse("GET", PODS, False), Query(""))
        assert ticket.turn is not None
        turns = [ticket.turn]
        while found.seats_in_use < found.limit:
            turns.append(found.begin(ticket.turn.flow, 1))
        return turns

    def free(self, turns: list[Turn], level: str = "global-default") -> None:
        found = self.control.levels[level].queue_set
        assert found is not None
        for turn in turns:
            found.finish(turn)


def user(name: str) -> Any:
    from minikube_py.apiserver.authentication.user import UserInfo

    return UserInfo(name, "", ("system:authenticated",))


@asynccontextmanager
async def serving(pki: Pki, directory: Path, **args: Any) -> AsyncIterator[Controlled]:
    store = MemoryStore()
    await store.open()
    async with api_server(directory, pki, store, ApiServerArgs(**args)) as lab:
        await lab.send("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", RIGHTS)
        controlled = Controlled(lab)
        objects = lab.api.flow_control
        assert objects is not None
        running = asyncio.create_task(objects.run())
        await objects.ready.wait()
        yield controlled
        running.cancel()
        await asyncio.wait([running])
    await store.close()


@pytest.fixture
async def server(pki: Pki, tmp_path: Path) -> AsyncIterator[Controlled]:
    async with serving(pki, tmp_path) as controlled:
        yield controlled


async def test_every_cluster_has_the_objects_and_their_schemas_find_their_levels(server: Controlled) -> None:
    client = server.lab.client
    levels = {level.metadata.name: level for level in await client.list(PriorityLevelConfiguration)}
    assert {*levels} == {"exempt", "catch-all", "system", "node-high", "leader-election", "workload-high", "workload-low", "global-default"}
    assert levels["system"].metadata.annotations == {"apf.kubernetes.io/autoupdate-spec": "true"}

    async def settled() -> bool:
        schemas = await client.list(FlowSchema)
        return len(schemas) == 13 and all(schema.status.conditions for schema in schemas)

    while not await settled():
        await asyncio.sleep(0.005)
    for schema in await client.list(FlowSchema):
        (condition,) = schema.status.conditions
        assert (condition.type, condition.status, condition.reason) == ("Dangling", "False", "Found")
        named = r'This FlowSchema references the PriorityLevelConfiguration object named "\S+" and it exists'
        assert re.fullmatch(named, condition.message)


async def test_mandatory_objects_come_back_and_changed_suggestions_stay(server: Controlled) -> None:
    lab = server.lab

    async def level(name: str) -> dict[str, Any]:
        document: dict[str, Any] = (await lab.get(f"{GROUP}/prioritylevelconfigurations/{name}")).json
        return document

    await lab.send("DELETE", f"{GROUP}/flowschemas/catch-all")
    await lab.send("DELETE", f"{GROUP}/flowschemas/probes")
    await lab.send("DELETE", f"{GROUP}/prioritylevelconfigurations/system")
    patch = {"Content-Type": "application/merge-patch+json"}
    annotations = {"apf.kubernetes.io/autoupdate-spec": None}
    changed = {"metadata": {"annotations": annotations}, "spec": {"limited": {"nominalConcurrencyShares": 77}}}
    await lab.send("PATCH", f"{GROUP}/prioritylevelconfigurations/workload-low", body=json.dumps(changed).encode(), headers=patch)
    refreshed = {"spec": {"limited": {"nominalConcurrencyShares": 78}}}
    await lab.send("PATCH", f"{GROUP}/prioritylevelconfigurations/workload-high", body=json.dumps(refreshed).encode(), headers=patch)
    async with asyncio.timeout(20):
        while (await level("workload-low"))["metadata"]["annotations"] != {"apf.kubernetes.io/autoupdate-spec": "false"}:
            await asyncio.sleep(0.005)
        for path in ("flowschemas/catch-all", "flowschemas/probes", "prioritylevelconfigurations/system"):
            while (await lab.get(f"{GROUP}/{path}")).status != 200:
                await asyncio.sleep(0.005)
        while (await level("workload-high"))["spec"]["limited"]["nominalConcurrencyShares"] != 40:
            await asyncio.sleep(0.005)
    assert (await level("workload-low"))["spec"]["limited"]["nominalConcurrencyShares"] == 77


async def test_schema_without_its_level_says_so_and_is_not_asked(server: Controlled) -> None:
    schema = (await server.lab.get(f"{GROUP}/flowschemas/global-default")).json
    name = {"name": "mine"}
    spec = schema["spec"] | {"priorityLevelConfiguration": {"name": "none"}, "matchingPrecedence": 3}
    await server.lab.send("POST", f"{GROUP}/flowschemas", {**schema, "metadata": name, "spec": spec, "status": {}})

    async def condition() -> Any:
        conditions = (await server.lab.get(f"{GROUP}/flowschemas/mine")).json.get("status", {}).get("conditions", [])
        return conditions[0] if conditions else {}

    async with asyncio.timeout(20):
        while (await condition()).get("status") != "True":
            await asyncio.sleep(0.005)
    assert (await condition())["message"].endswith('named "none" but there is no such object')
    uid = (await server.as_jane()).headers["X-Kubernetes-PF-FlowSchema-UID"]
    assert uid == schema["metadata"]["uid"]
    level = (await server.lab.get(f"{GROUP}/prioritylevelconfigurations/global-default")).json
    await server.lab.send("POST", f"{GROUP}/prioritylevelconfigurations", {**level, "metadata": {"name": "none"}, "status": {}})
    async with asyncio.timeout(20):
        while (await condition()).get("status") != "False":
            await asyncio.sleep(0.005)
    assert (await server.as_jane()).headers["X-Kubernetes-PF-FlowSchema-UID"] != uid


async def test_answers_name_schema_and_level(server: Controlled) -> None:
    for headers, names in ((None, ("exempt", "exempt")), (JANE, ("global-default", "global-default"))):
        for path in (PODS, PODS + "/none", "/version"):
            answer = await server.lab.send("GET", path, headers=headers)
            for kind, header, name in (("flowschemas", "FlowSchema", names[0]), ("prioritylevelconfigurations", "PriorityLevel", names[1])):
                uid = (await server.lab.get(f"{GROUP}/{kind}/{name}")).json["metadata"]["uid"]
                assert answer.headers[f"X-Kubernetes-PF-{header}-UID"] == uid


async def test_request_waits_for_its_turn_and_administrators_do_not(server: Controlled) -> None:
    turns = server.fill()
    waiting = asyncio.ensure_future(server.as_jane())
    await until(lambda: server.control.queued)
    assert (await server.lab.get(PODS)).status == 200
    text = (await server.lab.get("/debug/api_priority_and_fairness/dump_requests?includeRequestDetails=1")).body.decode()
    (row,) = [line for line in text.splitlines() if "jane" in line]
    assert row.split(",")[0].strip() == "global-default" and PODS in row
    assert not waiting.done()
    server.free(turns)
    assert (await waiting).status == 200 and not server.control.queued


async def test_request_that_finds_no_place_is_told_when_to_come_again(server: Controlled) -> None:
    answers = []
    rejecting = {"metadata": {"annotations": {"apf.kubernetes.io/autoupdate-spec": "false"}},
                 "spec": {"limited": {"limitResponse": {"type": "Reject", "queuing": None}}}}
    changed = await server.lab.send("PATCH", f"{GROUP}/prioritylevelconfigurations/global-default", body=json.dumps(rejecting).encode(),
                                    headers={"Content-Type": "application/merge-patch+json"})
    assert changed.status == 200
    level = server.control.levels["global-default"].queue_set
    assert level is not None
    await until(lambda: not level.queuing.queues)
    turns = server.fill("global-default")
    for method, document in (("GET", None), ("POST", {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "c"}})):
        answers.append(await server.as_jane("/api/v1/namespaces/default/configmaps", method, document))
    for answer in answers:
        assert (answer.status, answer.body) == (429, b"Too many requests, please try again later.\n")
        assert answer.headers["Retry-After"] == "1" and answer.headers["X-Kubernetes-PF-FlowSchema-UID"]
    server.free(turns)
    assert (await server.lab.get("/api/v1/namespaces/default/configmaps/c")).status == 404
    metrics = (await server.lab.get("/metrics")).body.decode()
    assert 'apiserver_flowcontrol_rejected_requests_total{flow_schema="global-default",priority_level="global-default",' in metrics
    assert 'reason="concurrency-limit"} 2.0' in metrics


async def test_watch_takes_a_seat_only_until_it_has_begun(server: Controlled) -> None:
    level = server.control.levels["global-default"].queue_set
    assert level is not None
    async with server.lab.watch(PODS, JANE):
        await until(lambda: not level.seats_in_use)
        assert (await server.as_jane()).status == 200


async def test_seats_are_divided_by_shares(server: Controlled) -> None:
    nominal = {name: level.nominal for name, level in server.control.levels.items()}
    # 600 seats, 245 shares.
    assert nominal == {"exempt": 0, "catch-all": 13, "system": 74, "node-high": 98, "leader-election": 25, "workload-high": 98,
                       "workload-low": 245, "global-default": 49}
    assert server.control.levels["workload-low"].lower == 25 and server.control.levels["workload-low"].upper == 600
    assert [server.control.levels[name].seats_max for name in ("catch-all", "workload-low", "global-default")] == [2, 10, 8]


async def test_busy_level_borrows_what_others_lend_and_gives_it_back(server: Controlled) -> None:
    control = server.control
    turns = server.fill()
    busy = control.levels["global-default"].queue_set
    assert busy is not None
    waiting = [busy.begin(turns[0].flow, 1) for _ in range(200)]
    now = time.monotonic()
    assert adjust([*control.levels.values()], now + 10)
    # Lent are at most: 24 of system, 24 of node-high, 49 of workload-high and 220 of workload-low.
    assert 49 < busy.limit <= 49 + 318 and busy.seats_in_use == min(busy.limit, 249)
    assert control.levels["leader-election"].queue_set is not None
    assert control.levels["leader-election"].queue_set.limit >= 25, "who lends nothing keeps all"
    left = [*turns, *waiting]
    while left:
        turn = next(turn for turn in left if turn.admitted is None or turn.admitted.done())
        left.remove(turn)
        busy.finish(turn)
    later = now + 20
    while adjust([*control.levels.values()], later):
        later += 10
        assert later < now + 40_000
    assert busy.limit == 49


async def test_level_that_goes_serves_those_that_wait(server: Controlled) -> None:
    turns = server.fill()
    waiting = asyncio.ensure_future(server.as_jane())
    await until(lambda: server.control.queued)
    level = server.control.levels["global-default"]
    server.control._configurations.pop("global-default")
    server.control.digest()
    assert level.quiescing and server.control.levels["global-default"] is level
    assert (await server.as_jane("/version")).status == 200, "others go to the level of the rest"
    server.free(turns)
    assert (await waiting).status == 200
    await until(lambda: "global-default" not in server.control.levels)


def test_lists_take_seats_by_what_they_send() -> None:
    estimator = WorkEstimator(lambda group, version, plural: {"pods": 950}.get(plural))
    for method, path, query, seats in (
        ("GET", PODS, "", 8), ("GET", PODS, "limit=250", 3), ("GET", PODS, "limit=0", 8), ("GET", PODS, "limit=x", 8),
        ("GET", PODS + "/p", "", 1), ("POST", PODS, "", 1), ("GET", "/api/v1/teapots", "", 1), ("GET", "/version", "", 1),
    ):
        assert estimator.seats(parse(method, path, False), Query(query), 8) == seats, (path, query)
    watch = parse("GET", PODS, True)
    assert estimator.seats(watch, Query("watch=1"), 8) == 1 and estimator.seats(watch, Query("watch=1&sendInitialEvents=true"), 8) == 8


async def test_dumps_show_levels_queues_and_requests(server: Controlled) -> None:
    text = (await server.lab.get("/debug/api_priority_and_fairness/dump_priority_levels")).body.decode()
    lines = text.splitlines()
    assert re.sub(" +", " ", lines[0]) == ("PriorityLevelName, ActiveQueues, IsIdle, IsQuiescing, WaitingRequests, ExecutingRequests, "
                                           "DispatchedRequests, RejectedRequests, TimedoutRequests, CancelledRequests")
    rows = {line.split(",")[0]: [cell.strip() for cell in line.split(",")] for line in lines}
    assert rows["exempt"][1:] == ["<none>"] * 9 and rows["system"][1:6] == ["0", "true", "false", "0", "0"]
    assert len({line.index("<none>") for line in lines if "<none>" in line} | {lines[0].index("ActiveQueues")}) == 1, "columns are aligned"
    queues = (await server.lab.get("/debug/api_priority_and_fairness/dump_queues")).body.decode().splitlines()
    assert len(queues) == 1 + 2 - 1 + 64 + 64 + 16 + 128 * 3
    requests = (await server.lab.get("/debug/api_priority_and_fairness/dump_requests")).body.decode().splitlines()
    assert [cell.strip() for cell in requests[1].split(",")][:5] == ["exempt", "exempt", "-1", "-1", ""], "the request itself"
    assert (await server.lab.get("/debug/api_priority_and_fairness/none")).status == 404
    assert (await server.as_jane("/debug/api_priority_and_fairness/dump_queues")).status == 200
    nobody = await server.lab.send("GET", "/debug/api_priority_and_fairness/dump_queues", headers={"Impersonate-User": "nobody"})
    assert nobody.status == 403


async def test_options_set_the_seats_and_switch_it_off(pki: Pki, tmp_path: Path) -> None:
    args = ApiServerArgs.parse(["max-requests-inflight=40", "max-mutating-requests-inflight=9"])
    async with serving(pki, tmp_path, max_requests_inflight=args.max_requests_inflight,
                       max_mutating_requests_inflight=args.max_mutating_requests_inflight) as small:
        assert small.control.levels["workload-low"].nominal == 20
    store = MemoryStore()
    await store.open()
    async with api_server(tmp_path, pki, store, ApiServerArgs.parse(["enable-priority-and-fairness=false"])) as lab:
        answer = await lab.get(PODS)
        assert lab.api.flow_control is None and answer.status == 200 and "X-Kubernetes-PF-FlowSchema-UID" not in answer.headers
    await store.close()
