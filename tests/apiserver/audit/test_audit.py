"""What stands in the audit log of a running server."""

from __future__ import annotations

import asyncio
import errno
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web

from minikube_py.apis import core_v1, meta_v1
from minikube_py.apiserver.audit.log_file import RotatingFile
from minikube_py.apiserver.audit.options import AuditArgs
from minikube_py.apiserver.authentication.keys import ServiceAccountKeys
from minikube_py.apiserver.authentication.service_account import ISSUER
from minikube_py.apiserver.authentication.token_request import TokenIssuer
from minikube_py.apiserver.options import ApiServerArgs
from minikube_py.apiserver.pki import Pki
from minikube_py.client.connection import Connection
from minikube_py.client.kubeconfig import Kubeconfig
from minikube_py.store.memory import MemoryStore
from tests.apiserver.lab import PATIENCE_S, Lab, api_server, until

MAPS = "/api/v1/namespaces/default/configmaps"
CONFIG_MAP = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "c"}, "data": {"a": "1"}}
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z").fullmatch


class Audited:
    """A server whose requests are recorded."""

    def __init__(self, lab: Lab, log: Path) -> None:
        self.lab, self.log = lab, log

    def events(self, **fields: Any) -> list[dict[str, Any]]:
        """What is in the log of requests with these fields."""
        events = [json.loads(line) for line in self.log.read_bytes().splitlines()]
        return [event for event in events if all(event.get(name) == value for name, value in fields.items())]

    def clear(self) -> None:
        self.log.write_bytes(b"")


Make = Callable[..., AbstractAsyncContextManager[Audited]]


@pytest.fixture
def make(pki: Pki, tmp_path: Path) -> Make:
    @asynccontextmanager
    async def made(*rules: Any, policy: dict[str, Any] | None = None, **args: Any) -> AsyncIterator[Audited]:
        file, log = tmp_path / "policy.yaml", tmp_path / "audit.log"
        file.write_text(yaml.safe_dump({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [*rules]} | (policy or {})))
        store = MemoryStore()
        await store.open()
        args = {"policy_file": file, "log_path": str(log)} | args
        async with api_server(tmp_path, pki, store, ApiServerArgs(audit=AuditArgs(**args))) as lab:
            running = asyncio.create_task(lab.api.audit.run())
            if log.exists():
                log.write_bytes(b"")
            yield Audited(lab, log)
            running.cancel()
            await asyncio.wait([running])
        await store.close()

    return made


async def test_two_events_tell_of_a_request(make: Make) -> None:
    async with make({"level": "Metadata"}) as audited:
        answer = await audited.lab.send("POST", MAPS + "?fieldManager=x", CONFIG_MAP, headers={"User-Agent": "me", "Audit-Id": "an-id"})
        received, complete = audited.events()
        stamps = [event.pop(name) for event in (received, complete) for name in ("requestReceivedTimestamp", "stageTimestamp")]
        assert all(map(STAMP, stamps)) and stamps[0] == stamps[1] == stamps[2] <= stamps[3]
        user = received.pop("user")
        assert user.pop("extra")["authentication.kubernetes.io/credential-id"][0].startswith("X509SHA256=")
        assert user == {"username": "system:admin", "groups": ["system:masters", "system:authenticated"]}
        assert received == {
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": "an-id", "stage": "RequestReceived",
            "requestURI": MAPS + "?fieldManager=x", "verb": "create", "sourceIPs": ["127.0.0.1"], "userAgent": "me",
            "objectRef": {"resource": "configmaps", "namespace": "default", "apiVersion": "v1"},
        }
        assert complete["stage"] == "ResponseComplete" and complete["responseStatus"] == {"metadata": {}, "code": 201}
        assert complete["objectRef"] == {"resource": "configmaps", "namespace": "default", "name": "c", "apiVersion": "v1"}
        assert complete["annotations"] == {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""}
        assert answer.headers["Audit-Id"] == "an-id" and not {"requestObject", "responseObject"} & complete.keys()


async def test_level_request_tells_what_was_sent_with_its_defaults(make: Make) -> None:
    async with make({"level": "Request"}, policy={"omitStages": ["RequestReceived"]}) as audited:
        spec = {"containers": [{"name": "c", "image": "i"}]}
        pod = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p"}, "spec": spec}
        await audited.lab.send("POST", "/api/v1/namespaces/default/pods", pod)
        (event,) = audited.events()
        assert event["requestObject"]["kind"] == "Pod" and event["requestObject"]["spec"]["restartPolicy"] == "Always"
        assert "responseObject" not in event and event["requestObject"]["metadata"].get("uid") is None
        audited.clear()
        for content_type, body in (("application/merge-patch+json", b'{"metadata":{"labels":{"a":"b"}}}'),
                                   ("application/apply-patch+yaml", b"kind: Pod\napiVersion: v1\nmetadata: {name: p, labels: {c: d}}\n")):
            path = "/api/v1/namespaces/default/pods/p?fieldManager=x"
            await audited.lab.send("PATCH", path, body=body, headers={"Content-Type": content_type})
        merge, apply = audited.events()
        assert merge["requestObject"] == {"metadata": {"labels": {"a": "b"}}}
        assert apply["requestObject"]["metadata"] == {"name": "p", "labels": {"c": "d"}}
        audited.clear()
        await audited.lab.send("DELETE", "/api/v1/namespaces/default/pods/p", {"gracePeriodSeconds": 0})
        (event,) = audited.events()
        assert event["requestObject"]["gracePeriodSeconds"] == 0 and event["verb"] == "delete"
        audited.clear()
        review = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}
        await audited.lab.send("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
        (event,) = audited.events()
        assert (event["requestObject"]["kind"], event["requestObject"]["apiVersion"]) == (
            "SelfSubjectAccessReview", "authorization.k8s.io/v1")


async def test_level_request_response_tells_what_was_answered(make: Make) -> None:
    async with make({"level": "RequestResponse"}, policy={"omitStages": ["RequestReceived"], "omitManagedFields": True}) as audited:
        lab = audited.lab
        await lab.send("POST", MAPS, CONFIG_MAP)
        for accept in ("application/json", "application/yaml", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"):
            await lab.get(MAPS, Accept=accept)
        await lab.get(MAPS + "/none")
        await lab.get(MAPS + "/c?pretty=1")
        await lab.get("/healthz")
        await lab.send("DELETE", MAPS + "/c")
        created, as_json, as_yaml, as_table, missing, pretty, health, deleted = audited.events()
        uid = created["responseObject"]["metadata"]["uid"]
        assert created["responseObject"]["data"] == {"a": "1"} and "managedFields" not in json.dumps(audited.events())
        assert as_json["responseObject"]["items"][0]["metadata"]["uid"] == uid
        assert as_yaml["responseObject"] == as_json["responseObject"] and as_table["responseObject"]["kind"] == "Table"
        assert missing["responseObject"]["reason"] == "NotFound" and pretty["responseObject"]["metadata"]["uid"] == uid
        assert "responseObject" not in health and "objectRef" not in health
        assert deleted["responseStatus"] == {
            "metadata": {}, "status": "Success", "details": {"name": "c", "kind": "configmaps", "uid": uid}, "code": 200}


async def test_large_list_is_told_too(make: Make) -> None:
    async with make({"level": "RequestResponse"}) as audited:
        for number in range(300):
            await audited.lab.send("POST", MAPS, {**CONFIG_MAP, "metadata": {"name": f"c{number}"}})
        audited.clear()
        await audited.lab.get(MAPS)
        assert len(audited.events(stage="ResponseComplete")[0]["responseObject"]["items"]) == 300


async def test_refusals_are_told_with_their_reasons(make: Make) -> None:
    async with make({"level": "Metadata"}, policy={"omitStages": ["RequestReceived"]}) as audited:
        lab = audited.lab
        await lab.get(MAPS, Impersonate_User="nobody", Impersonate_Group="some")
        await lab.get("/api/v1/namespaces/default/teapots")
        (forbidden, unknown) = audited.events()
        assert forbidden["impersonatedUser"] == {"username": "nobody", "groups": ["some", "system:authenticated"]}
        message = 'configmaps is forbidden: User "nobody" cannot list resource "configmaps" in API group "" in the namespace "default"'
        assert forbidden["responseStatus"] == {
            "metadata": {}, "status": "Failure", "reason": "Forbidden", "code": 403, "details": {"kind": "configmaps"}, "message": message,
        }
        assert forbidden["annotations"]["authorization.k8s.io/decision"] == "forbid"
        assert unknown["responseStatus"]["code"] == 404
        audited.clear()
        async with lab.session.get(MAPS, ssl=lab.anonymous_tls, headers={"Authorization": "Bearer wrong"}) as answer:
            assert answer.status == 401
        (event,) = audited.events()
        assert event["responseStatus"] == {"metadata": {}, "message": "Authentication failed, attempted: bearer", "code": 401}
        assert event["user"] == {} and event["stage"] == "ResponseStarted" and "wrong" not in json.dumps(event)


async def test_watch_is_told_when_it_begins_and_when_it_ends(make: Make) -> None:
    async with make({"level": "RequestResponse"}) as audited:
        async with audited.lab.watch(MAPS) as watcher:
            await audited.lab.send("POST", MAPS, CONFIG_MAP)
            await watcher.next()
            assert [event["stage"] for event in audited.events(verb="watch")] == ["RequestReceived", "ResponseStarted"]
        await until(lambda: len(audited.events(verb="watch")) == 3)
        ended = audited.events(verb="watch")[-1]
        assert (ended["stage"], ended["responseStatus"]["code"]) == ("ResponseComplete", 200) and "responseObject" not in ended


async def test_source_addresses_are_listed_nearest_last(make: Make) -> None:
    async with make({"level": "Metadata"}, policy={"omitStages": ["RequestReceived"]}) as audited:
        headers = {"X-Forwarded-For": "10.0.0.1, junk, 10.0.0.2", "X-Real-Ip": "10.0.0.3", "User-Agent": "a" * 2000}
        await audited.lab.send("GET", "/version", headers=headers)
        (event,) = audited.events()
        assert event["sourceIPs"] == ["10.0.0.1", "10.0.0.2", "10.0.0.3", "127.0.0.1"]
        assert event["userAgent"] == "a" * 1024 + "...TRUNCATED"


async def test_remarks_of_admission_are_kept(make: Make) -> None:
    async with make({"level": "Metadata"}, policy={"omitStages": ["RequestReceived"]}) as audited:
        spec = {"containers": [{"name": "c", "image": "i"}]}
        pod = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p"}, "spec": spec}
        await audited.lab.send("POST", "/api/v1/namespaces/default/pods", pod)
        assert audited.events()[0]["annotations"]["pod-security.kubernetes.io/enforce-policy"] == "privileged:latest"


async def test_requests_for_deprecated_kinds_are_marked(make: Make) -> None:
    async with make({"level": "Metadata"}, policy={"omitStages": ["RequestReceived"]}) as audited:
        for resource in ("endpoints", "componentstatuses", "services"):
            await audited.lab.get(f"/api/v1/{resource}")
        told = {event["objectRef"]["resource"]: event["annotations"].get("k8s.io/deprecated") for event in audited.events()}
        assert told == {"endpoints": "true", "componentstatuses": "true", "services": None}


async def test_remarks_of_authentication_are_kept(make: Make, pki: Pki) -> None:
    keys = ServiceAccountKeys(pki.service_account_key.read_bytes())
    async with make({"level": "Metadata"}, policy={"omitStages": ["RequestReceived"]}) as audited:
        lab = audited.lab

        async def annotations(method: str, path: str, document: Any = None, **headers: str) -> dict[str, str]:
            audited.clear()
            async with aiohttp.ClientSession(lab.url, connector=aiohttp.TCPConnector(ssl=lab.anonymous_tls)) as session:
                await lab.send(method, path, document, headers=headers, session=session if headers else None)
            (event,) = audited.events()
            return dict(event["annotations"])

        request = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": {}}
        made = await annotations("POST", "/api/v1/namespaces/default/serviceaccounts/default/token", request)
        assert made["authentication.kubernetes.io/issued-credential-id"].startswith("JTI=")
        account = await lab.client.get(core_v1.ServiceAccount, "default", "default")
        now, name = int(time.time()), "system:serviceaccount:default:default"
        stale = keys.sign({"iss": ISSUER, "aud": [ISSUER], "sub": name, "exp": now + 600, "kubernetes.io": {
            "namespace": "default", "serviceaccount": {"name": "default", "uid": account.metadata.uid}, "warnafter": now - 100}})
        for _ in range(2):
            told = (await annotations("GET", "/version", Authorization=f"Bearer {stale}"))["authentication.k8s.io/stale-token"]
            assert re.fullmatch(rf"subject: {name}, seconds after warning threshold: 1\d\d", told)
        secret = core_v1.Secret(metadata=meta_v1.ObjectMeta(name="t", namespace="default"))
        legacy = TokenIssuer(keys, lambda *where: None).issue_legacy(account, secret)
        secret.data["token"] = legacy.encode()
        await lab.client.create(secret)
        assert (await annotations("GET", "/version", Authorization=f"Bearer {legacy}"))["authentication.k8s.io/legacy-token"] == name
        secret = core_v1.Secret(metadata=meta_v1.ObjectMeta(
            name="old", namespace="default", labels={"kubernetes.io/legacy-token-invalid-since": "2026-01-01"}))
        legacy = TokenIssuer(keys, lambda *where: None).issue_legacy(account, secret)
        secret.data["token"] = legacy.encode()
        await lab.client.create(secret)
        told = await annotations("GET", "/version", Authorization=f"Bearer {legacy}")
        assert told == {"authentication.k8s.io/legacy-token-invalidated": "old/default"}


async def test_the_verb_that_allowed_to_act_as_somebody_is_told(make: Make) -> None:
    async with make({"level": "Metadata"}, policy={"omitStages": ["RequestReceived"]}) as audited:
        await audited.lab.send("GET", "/version", headers={"Impersonate-User": "jane"})
        await audited.lab.send("GET", "/version", headers={"Impersonate-User": "jane", "Impersonate-Group": "system:masters"})
        constrained, old = audited.events()
        assert constrained["impersonatedUser"] == {"username": "jane", "groups": ["system:authenticated"]}
        assert constrained["authenticationMetadata"] == {"impersonationConstraint": "impersonate:user-info"}
        assert "authenticationMetadata" not in old


async def test_requests_of_nodes_that_join_are_told(make: Make) -> None:
    async with make({"level": "RequestResponse"}) as audited:
        lab = audited.lab

        async def join(http: web.BaseRequest) -> web.StreamResponse:
            return web.Response(body=b"{}", status=401)

        lab.api.server.add_extra("/v1-minikube-py/join", join)
        for headers in ({"Authorization": "Basic c2VydmVyOnNlY3JldA=="}, {"Authorization": "Bearer wrong"}):
            async with lab.session.post("/v1-minikube-py/join", data=b'{"a":"secret"}', ssl=lab.anonymous_tls, headers=headers) as answer:
                assert answer.status == 401
        await lab.get("/v1-minikube-py/connect")
        received, complete, *_ = events = audited.events()
        assert [event["stage"] for event in events] == ["RequestReceived", "ResponseComplete"] * 3
        assert received["requestURI"] == "/v1-minikube-py/join" and received["verb"] == "post"
        assert received["user"] == {"username": "system:anonymous", "groups": ["system:unauthenticated"]}
        assert complete["responseStatus"] == {"metadata": {}, "code": 401}
        assert "secret" not in json.dumps(events) and "c2VydmVy" not in json.dumps(events)
        assert (events[-1]["responseStatus"]["code"], events[-1]["responseStatus"]["message"]) == (403, '"system:admin" is no node')


async def test_nothing_is_recorded_without_policy_or_beside_it(make: Make, tmp_path: Path) -> None:
    async with make({"level": "None"}) as audited:
        await audited.lab.get(MAPS)
        assert audited.events() == []
    async with make({"level": "Metadata"}, policy_file=None) as audited:
        await audited.lab.get(MAPS)
        assert audited.lab.api.audit.auditor is None and audited.events() == []


async def test_request_that_cannot_be_recorded_is_refused_when_that_is_asked_for(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: RotatingFile, data: bytes) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with make({"level": "Metadata"}, log_mode="blocking-strict") as strict:
        with monkeypatch.context() as patch:
            patch.setattr(RotatingFile, "write", fail)
            answer = await strict.lab.send("POST", MAPS, CONFIG_MAP)
            assert (answer.status, answer.json["message"]) == (500, "Internal error occurred: failed to store audit event")
        assert (await strict.lab.get(MAPS + "/c")).status == 404
        metrics = (await strict.lab.get("/metrics")).body
        assert b"apiserver_audit_requests_rejected_total 1.0" in metrics and b'apiserver_audit_error_total{plugin="log"}' in metrics
    async with make({"level": "Metadata"}) as loose:
        monkeypatch.setattr(RotatingFile, "write", fail)
        assert (await loose.lab.send("POST", MAPS, CONFIG_MAP)).status == 201


async def test_answer_that_waits_for_its_line_is_sent_while_the_server_drains(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    async with make({"level": "Metadata"}) as audited:
        write, server = RotatingFile.write, audited.lab.api.server

        def draining(self: RotatingFile, data: bytes) -> bool:
            server._close_idle()
            return write(self, data)

        monkeypatch.setattr(RotatingFile, "write", draining)
        assert (await audited.lab.send("POST", MAPS, CONFIG_MAP)).status == 201


async def test_long_events_lose_their_objects(make: Make) -> None:
    bounds = {"log_truncate_enabled": True, "log_truncate_max_event_size": 2000}
    async with make({"level": "RequestResponse"}, **bounds) as audited:
        await audited.lab.send("POST", MAPS, {**CONFIG_MAP, "data": {"a": "x" * 5000}})
        (event,) = audited.events(stage="ResponseComplete")
        assert event["annotations"]["audit.k8s.io/truncated"] == "true" and not {"requestObject", "responseObject"} & event.keys()


async def test_legacy_lines_and_batches(make: Make) -> None:
    async with make({"level": "Metadata"}, log_format="legacy", log_mode="batch") as audited:
        await audited.lab.get(MAPS)
        await until(lambda: audited.log.read_bytes().count(b"\n") == 2)
        line = audited.log.read_text().splitlines()[-1]
        assert re.search(r' AUDIT: id="\S+" stage="ResponseComplete" ip="127.0.0.1" method="list" user="\S+" groups="\\"system:m', line)
        assert line.endswith(f'namespace="default" uri="{MAPS}" response="200"') and ' as="<self>" asgroups="<lookup>" ' in line


class Receiver:
    """A webhook that collects events, and fails when told to."""

    def __init__(self) -> None:
        self.batches: list[list[dict[str, Any]]] = []
        self.failures = 0

    async def answer(self, http: web.BaseRequest) -> web.Response:
        if self.failures:
            self.failures -= 1
            return web.Response(status=503)
        document = json.loads(await http.read())
        assert (document["kind"], document["apiVersion"], document["metadata"]) == ("EventList", "audit.k8s.io/v1", {})
        self.batches.append(document["items"])
        return web.Response()

    def stages(self) -> list[str]:
        return [event["stage"] for batch in self.batches for event in batch]


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    made = Receiver()
    server = web.Server(made.answer, handler_cancellation=True)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    config = Kubeconfig()
    config.add("default", Connection(server=f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/audit"))
    config.write(tmp_path / "webhook.yaml")
    yield made
    listener.close()
    await server.shutdown(0)


async def test_webhook_gets_events_in_batches(make: Make, receiver: Receiver, tmp_path: Path) -> None:
    args = {"webhook_config_file": tmp_path / "webhook.yaml", "webhook_batch_max_size": 4, "log_path": ""}
    async with make({"level": "Metadata"}, **args) as audited:
        for _ in range(5):
            await audited.lab.get(MAPS)
        await until(lambda: len(receiver.batches) == 2)
        assert [len(batch) for batch in receiver.batches] == [4, 4]
    assert len(receiver.stages()) == 10, "what was left was sent at the end"
    assert receiver.stages()[:2] == ["RequestReceived", "ResponseComplete"]


async def test_webhook_is_tried_again_and_waiting_events_go_after_a_while(make: Make, receiver: Receiver, tmp_path: Path) -> None:
    args = {"webhook_config_file": tmp_path / "webhook.yaml", "webhook_initial_backoff": 0.001, "webhook_batch_max_wait": 0.01}
    receiver.failures = 2
    async with make({"level": "Metadata"}, **args) as audited:
        await audited.lab.get(MAPS)
        async with asyncio.timeout(PATIENCE_S):
            while len(receiver.stages()) < 2:
                await asyncio.sleep(0.005)
        assert len(audited.events()) == 2, "the file has them as well"


async def test_events_are_lost_and_counted_when_the_webhook_is_too_slow(make: Make, receiver: Receiver, tmp_path: Path) -> None:
    args = {"webhook_config_file": tmp_path / "webhook.yaml", "webhook_batch_buffer_size": 3, "webhook_batch_max_wait": 3600.0}
    async with make({"level": "Metadata"}, **args) as audited:
        for _ in range(5):
            assert (await audited.lab.get(MAPS)).status == 200
        metrics = (await audited.lab.get("/metrics")).body
        assert b'apiserver_audit_error_total{plugin="buffered"} 8.0' in metrics
        assert b'apiserver_audit_level_total{level="Metadata"} 6.0' in metrics and b"apiserver_audit_event_total 11.0" in metrics


@pytest.mark.parametrize("mode", ["blocking", "blocking-strict"])
async def test_answers_wait_until_the_webhook_has_their_events(make: Make, receiver: Receiver, tmp_path: Path, mode: str) -> None:
    args = {"webhook_config_file": tmp_path / "webhook.yaml", "webhook_mode": mode, "webhook_initial_backoff": 0.001, "log_path": ""}
    async with make({"level": "Metadata"}, **args) as audited:
        receiver.failures = 2
        assert (await audited.lab.send("POST", MAPS, CONFIG_MAP)).status == 201
        assert receiver.stages() == ["RequestReceived", "ResponseComplete"] and len(receiver.batches) == 2
        async with audited.lab.watch(MAPS) as watch:
            await watch.next()
            assert receiver.stages()[2:] == ["RequestReceived", "ResponseStarted"]
        await until(lambda: receiver.stages()[4:] == ["ResponseComplete"])
        lab = audited.lab
        async with lab.session.get(MAPS, ssl=lab.anonymous_tls, headers={"Authorization": "Bearer wrong"}) as answer:
            assert answer.status == 401
        assert receiver.stages()[5:] == ["ResponseStarted"]


async def test_request_that_the_webhook_does_not_get_to_know_is_refused_when_that_is_asked_for(
    make: Make, receiver: Receiver, tmp_path: Path
) -> None:
    args = {"webhook_config_file": tmp_path / "webhook.yaml", "webhook_initial_backoff": 0.001}
    receiver.failures = 10_000
    async with make({"level": "Metadata"}, webhook_mode="blocking-strict", **args) as strict:
        answer = await strict.lab.send("POST", MAPS, CONFIG_MAP)
        assert (answer.status, answer.json["message"]) == (500, "Internal error occurred: failed to store audit event")
        receiver.failures = 0
        assert (await strict.lab.get(MAPS + "/c")).status == 404
        metrics = (await strict.lab.get("/metrics")).body
        assert b"apiserver_audit_requests_rejected_total 1.0" in metrics and b'apiserver_audit_error_total{plugin="webhook"} 1.0' in metrics
        assert [event["stage"] for event in strict.events(requestURI=MAPS)] == ["RequestReceived"], "the file has what it has"
    receiver.failures = 10_000
    async with make({"level": "Metadata"}, webhook_mode="blocking", **args) as loose:
        assert (await loose.lab.send("POST", MAPS, CONFIG_MAP)).status == 201


async def test_log_in_batches_waits_for_full_ones(make: Make) -> None:
    bounds = {"log_mode": "batch", "log_batch_max_size": 3, "log_batch_max_wait": 3600.0}
    async with make({"level": "Metadata"}, **bounds) as audited:
        await audited.lab.get(MAPS)
        assert audited.events() == []
        await audited.lab.get(MAPS)
        await until(lambda: len(audited.events()) == 3)


async def test_event_that_is_too_large_refuses_no_request(make: Make) -> None:
    bounds = {"log_mode": "blocking-strict", "log_truncate_enabled": True, "log_truncate_max_event_size": 10}
    async with make({"level": "Metadata"}, **bounds) as audited:
        assert (await audited.lab.get(MAPS)).status == 200
        assert audited.events() == []


LOG, WEBHOOK = "audit-log-path=/l", "audit-webhook-config-file=/w"


@pytest.mark.parametrize(("backend", "argument", "message"), [
    (LOG, "audit-log-mode=lazy", 'invalid audit log mode lazy, allowed modes are "batch,blocking,blocking-strict"'),
    (LOG, "audit-log-format=xml", 'invalid audit log format xml, allowed formats are "legacy,json"'),
    (LOG, "audit-log-version=audit.k8s.io/v1beta1", 'invalid group version, allowed versions are ["audit.k8s.io/v1"]'),
    (LOG, "audit-log-maxage=-1", "--audit-log-maxage -1 can't be a negative number"),
    (LOG, "audit-log-truncate-max-event-size=0", "invalid audit truncate log max event size 0, must be a positive number"),
    (WEBHOOK, "audit-webhook-mode=lazy", 'invalid audit webhook mode lazy, allowed modes are "batch,blocking,blocking-strict"'),
    (WEBHOOK, "audit-webhook-truncate-max-batch-size=1",
     "invalid audit truncate webhook max batch size 1, must be greater than max event size (102400)"),
    (WEBHOOK, "audit-webhook-batch-throttle-qps=0", "invalid audit batch webhook throttle QPS 0, must be a positive number"),
    (WEBHOOK, "audit-webhook-batch-max-size=0", "invalid audit batch webhook max batch size 0, must be a positive number"),
])
def test_wrong_options_are_refused_of_a_backend_that_is_asked_for(backend: str, argument: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        ApiServerArgs.parse([backend, argument])
    ApiServerArgs.parse([argument])


def test_options_of_batches_count_in_batches_alone() -> None:
    blocking = ApiServerArgs.parse([WEBHOOK, "audit-webhook-mode=blocking", "audit-webhook-batch-max-size=0"]).audit
    assert blocking.webhook_batch_max_size == 0
    loose = ApiServerArgs.parse([WEBHOOK, "audit-webhook-batch-throttle-enable=false", "audit-webhook-batch-throttle-qps=0"]).audit
    assert loose.webhook_batch_throttle_qps == 0


def test_options_have_upstreams_names() -> None:
    args = ApiServerArgs.parse(["audit-policy-file=/p", "--audit-log-path=/l", "audit-log-maxage=7", "audit-log-maxbackup=3",
                                "audit-webhook-batch-max-wait=5s"]).audit
    assert (args.policy_file, args.log_path, args.log_maxage, args.log_maxbackup, args.webhook_batch_max_wait) == (
        Path("/p"), "/l", 7, 3, 5.0)
