from __future__ import annotations

import aiohttp
import pytest

from minikube_py.apiserver.authentication import Authenticator, Tokens
from minikube_py.apiserver.authentication.metrics import AuthenticationMetrics
from minikube_py.core.errors import UnauthorizedError

from ..lab import Lab
from .test_authenticator import FakeRequest, bearer


async def test_requests_are_counted_by_result_and_kind_of_name(lab: Lab) -> None:
    async with aiohttp.ClientSession(lab.url, connector=aiohttp.TCPConnector(ssl=lab.anonymous_tls)) as session:
        for token in ("reader-token", "reader-token", "wrong"):
            await lab.send("GET", "/version", headers={"Authorization": f"Bearer {token}"}, session=session)
    await lab.get("/version")
    lines = (await lab.get("/metrics")).body.decode().splitlines()
    assert 'authentication_attempts{result="success"} 4.0' in lines
    assert 'authentication_attempts{result="error"} 1.0' in lines
    assert 'authenticated_user_requests{username="other"} 4.0' in lines
    assert "apiserver_client_certificate_expiration_seconds_count 2.0" in lines
    assert 'apiserver_client_certificate_expiration_seconds_bucket{le="604800"} 0.0' in lines
    assert not [line for line in lines if line.startswith("authentication_attempts_total")]


def test_names_that_anybody_may_have_are_counted_together() -> None:
    metrics = AuthenticationMetrics()
    for name in ("jane", "joe", "jane@acme.example", "kubelet", "system:serviceaccount:kube-system:default"):
        metrics.succeeded(name)
    (users,) = (family for family in metrics.families() if family.name == "authenticated_user_requests")
    counted = {sample.labels["username"]: sample.value for sample in users.samples}
    assert counted == {"other": 2, "email_id": 1, "kubelet": 1, "system:serviceaccount:kube-system:default": 1}


async def test_who_shows_nothing_where_that_is_needed_fails_and_errs_not() -> None:
    authenticator = Authenticator(Tokens([]), anonymous=False)
    for request in (FakeRequest({}), bearer("x"), bearer("y")):
        with pytest.raises(UnauthorizedError, match=r"^Unauthorized$"):
            await authenticator.authenticate(request)
    assert (authenticator.metrics.success, authenticator.metrics.failures) == (0, {"failure": 1, "error": 2})
