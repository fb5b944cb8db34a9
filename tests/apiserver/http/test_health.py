"""`/healthz`, `/livez`, `/readyz`: texts and codes are upstream's, and the checks see what is wrong."""

from __future__ import annotations

import asyncio
import logging

import pytest

from minikube_py.store.interface import FullError
from minikube_py.store.sqlite import SqliteStore
from minikube_py.store.sqlite_file import SqliteFile

from ..lab import PATIENCE_S, Lab

EVERYWHERE = ["ping", "log", "etcd"]
READY_ONLY = ["etcd-readiness", "shutdown"]


@pytest.mark.parametrize(("endpoint", "names"), [
    ("healthz", EVERYWHERE), ("livez", EVERYWHERE), ("readyz", [*EVERYWHERE, *READY_ONLY]),
])
async def test_each_check_is_told_and_has_a_path(lab: Lab, endpoint: str, names: list[str]) -> None:
    plain = await lab.get(f"/{endpoint}")
    assert (plain.status, plain.body, plain.headers["X-Content-Type-Options"]) == (200, b"ok", "nosniff")
    verbose = (await lab.get(f"/{endpoint}?verbose")).body.decode()
    assert [line for line in verbose.splitlines() if "poststarthook" not in line] == [
        *(f"[+]{name} ok" for name in names), f"{endpoint} check passed"]
    for name in names:
        assert (await lab.get(f"/{endpoint}/{name}")).body == b"ok"
    for missing in ("nope", ""):
        answer = await lab.get(f"/{endpoint}/{missing}")
        assert (answer.status, answer.body) == (404, b"404 page not found\n")


async def test_failed_check_is_named_but_not_explained(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    lab.api.health.add("disk", lambda: "on fire")
    for endpoint in ("healthz", "livez", "readyz"):
        failed = await lab.get(f"/{endpoint}")
        assert failed.status == 500 and failed.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert b"[-]disk failed: reason withheld\n" in failed.body and failed.body.endswith(f"{endpoint} check failed\n".encode())
        assert b"fire" not in failed.body and "disk: on fire" in caplog.text
        one = await lab.get(f"/{endpoint}/disk")
        assert (one.status, one.body) == (500, b"internal server error: on fire\n")
        assert (await lab.get(f"/{endpoint}?exclude=disk")).body == b"ok"
    excluded = (await lab.get("/livez?verbose&exclude=disk&exclude=nope&exclude=never")).body.decode()
    assert "[+]disk excluded: ok\n" in excluded
    assert 'warn: some health checks cannot be excluded: no matches for "never","nope"\nlivez check passed\n' in excluded


async def test_server_is_unwell_while_its_disk_is_full(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise FullError("the disk is full")

    monkeypatch.setattr(SqliteFile, "commit", full)
    assert (await lab.get("/livez")).status == 200
    refused = await lab.send("POST", "/api/v1/namespaces/default/configmaps", {"metadata": {"name": "a"}})
    assert refused.status == 500
    sick = await lab.get("/readyz")
    assert b"[-]etcd failed: reason withheld\n[-]etcd-readiness failed: reason withheld\n" in sick.body
    monkeypatch.undo()
    # Nobody writes; the check itself finds out that the disk is well again.
    assert isinstance(lab.store, SqliteStore)
    async with asyncio.timeout(PATIENCE_S):
        while (await lab.get("/readyz")).status != 200:
            await asyncio.sleep(0.01)
    assert (await lab.get("/readyz")).body == b"ok"


async def test_results_are_counted_as_slis(lab: Lab) -> None:
    lab.api.health.add("disk", lambda: "full", ("readyz",))
    await lab.get("/readyz")
    text = (await lab.get("/metrics/slis")).body.decode()
    assert 'kubernetes_healthcheck{name="ping",type="readyz"} 1.0' in text
    assert 'kubernetes_healthcheck{name="disk",type="readyz"} 0.0' in text
    assert 'kubernetes_healthchecks_total{name="disk",status="error",type="readyz"} 1.0' in text


async def test_head_is_answered_without_a_body(lab: Lab) -> None:
    head = await lab.send("HEAD", "/healthz")
    assert (head.status, head.body) == (200, b"")
