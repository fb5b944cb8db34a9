from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from minikube_py.apis.core_v1 import Secret, ServiceAccount
from minikube_py.apis.legacy_tokens import LAST_USED
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apiserver.authentication.keys import ServiceAccountKeys
from minikube_py.apiserver.authentication.token_request import TokenIssuer
from minikube_py.apiserver.legacy_token_tracking import LegacyTokenTracking
from minikube_py.apiserver.pki import Pki
from tests.conftest import ControlPlane

from .lab import Lab


class Days:
    def __init__(self) -> None:
        self.moment = datetime(2026, 6, 1, 23, 59, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


async def test_the_day_of_the_last_use_is_a_label(control_plane: ControlPlane) -> None:
    client, days = control_plane.client, Days()
    tracking = LegacyTokenTracking(client, days)
    secret = await client.create(Secret(metadata=ObjectMeta(name="token", namespace="default", labels={"a": "b"})))
    await tracking.used(secret)
    noted = await client.get(Secret, "token", "default")
    assert noted.metadata.labels == {"a": "b", LAST_USED: "2026-06-01"}
    for change, version in ((timedelta(0), noted.metadata.resource_version), (timedelta(days=-1), noted.metadata.resource_version)):
        days.moment += change
        await tracking.used(noted)
        assert (await client.get(Secret, "token", "default")).metadata.resource_version == version
    days.moment += timedelta(days=2)
    await tracking.used(noted)
    assert (await client.get(Secret, "token", "default")).metadata.labels[LAST_USED] == "2026-06-02"


async def test_a_secret_that_is_gone_is_no_matter(control_plane: ControlPlane, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        await LegacyTokenTracking(control_plane.client, Days()).used(Secret(metadata=ObjectMeta(name="gone", namespace="default", uid="x")))
    assert "cannot be noted" in caplog.text


def test_since_when_uses_are_noted_stays_once_it_is_a_day(control_plane: ControlPlane) -> None:
    tracking = LegacyTokenTracking(control_plane.client, Days())
    assert tracking.data({}) == {"since": "2026-06-01"}
    assert tracking.data({"since": "yesterday", "more": "x"}) == {"since": "2026-06-01", "more": "x"}
    assert tracking.data({"since": "2025-01-31"}) == {"since": "2025-01-31"}


async def test_a_server_notes_uses_and_refuses_what_is_marked_invalid(lab: Lab, pki: Pki) -> None:
    account = (await lab.get("/api/v1/namespaces/default/serviceaccounts/default")).json
    secret = Secret(metadata=ObjectMeta(name="token", namespace="default", annotations={
        "kubernetes.io/service-account.name": "default", "kubernetes.io/service-account.uid": account["metadata"]["uid"]}))
    issuer = TokenIssuer(ServiceAccountKeys(pki.service_account_key.read_bytes()), lambda *where: None)
    token = issuer.issue_legacy(await lab.client.get(ServiceAccount, "default", "default"), secret)
    secret.data["token"] = token.encode()
    await lab.client.create(secret)
    review = {"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "spec": {"token": token, "audiences": []}}

    async def status(*audiences: str) -> dict[str, object]:
        review["spec"] = {"token": token, "audiences": list(audiences)}
        return dict((await lab.send("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review)).json["status"])

    assert (await status())["authenticated"] is True
    labels = (await lab.client.get(Secret, "token", "default")).metadata.labels
    assert labels == {LAST_USED: datetime.now(UTC).date().isoformat()}
    mark = {"metadata": {"labels": {"kubernetes.io/legacy-token-invalid-since": "2026-01-01"}}}
    await lab.client.patch(Secret, "token", "default", mark)
    error = (await status("https://kubernetes.default.svc.cluster.local"))["error"]
    assert "the token in secret default/token for service account default/default has been marked invalid. Use tokens from" in str(error)
