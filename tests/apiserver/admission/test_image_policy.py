"""ImagePolicyWebhook: what is asked, what the answer does, and what happens without one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from minikube_py.apis import core_v1
from minikube_py.apiserver.admission.image_policy import ImagePolicyWebhook
from minikube_py.apiserver.configuration import ConfigurationError
from minikube_py.client.connection import Connection
from minikube_py.client.kubeconfig import Kubeconfig
from minikube_py.core.errors import ForbiddenError

from .conftest import Make, meta


class Policy:
    """A webhook that lets good images in."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self.asked: list[Any] = []
        self.status = 200

    async def answer(self, http: web.BaseRequest) -> web.Response:
        review = json.loads(await http.read())
        self.asked.append(review)
        bad = [each["image"] for each in review["spec"]["containers"] if "bad" in each["image"]]
        status = {"allowed": not bad, "reason": f"{bad[0]} is bad" if bad else "", "auditAnnotations": {"seen": "yes"}}
        return web.json_response({**review, "status": status}, status=self.status)

    def configuration(self, **fields: Any) -> dict[str, Any]:
        return {"imagePolicy": {"kubeConfigFile": str(self.kubeconfig), **fields}}


@pytest.fixture
async def policy(tmp_path: Path) -> AsyncIterator[Policy]:
    made = Policy(tmp_path / "policy.kubeconfig")
    server = web.Server(made.answer, handler_cancellation=True)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    config = Kubeconfig()
    config.add("default", Connection(server=f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/review"))
    config.write(made.kubeconfig)
    yield made
    listener.close()
    await server.shutdown(0)


def pod(name: str, *images: str, **annotations: str) -> core_v1.Pod:
    containers = [core_v1.Container(name=f"c{number}", image=image) for number, image in enumerate(images)]
    given = {key.replace("_", "."): value for key, value in annotations.items()}
    return core_v1.Pod(metadata=meta(name, annotations=given), spec=core_v1.PodSpec(containers=containers))


async def test_images_are_asked_about_and_the_answer_is_remembered(admitting: Make, policy: Policy) -> None:
    async with admitting(ImagePolicyWebhook=policy.configuration()) as client:
        one = pod("a", "good:1", "good:2")
        one.metadata.annotations = {"x.image-policy.k8s.io/ticket": "1", "other": "2"}
        await client.create(one)
        (asked,) = policy.asked
        assert (asked["kind"], asked["apiVersion"]) == ("ImageReview", "imagepolicy.k8s.io/v1alpha1")
        assert asked["spec"] == {"containers": [{"image": "good:1"}, {"image": "good:2"}], "namespace": "default",
                                 "annotations": {"x.image-policy.k8s.io/ticket": "1"}}
        for name in ("b", "c"):
            with pytest.raises(ForbiddenError) as refused:
                await client.create(pod(name, "bad:1"))
            assert refused.value.message == (
                f'pods "{name}" is forbidden: image policy webhook backend denied one or more images: bad:1 is bad')
        assert len(policy.asked) == 2
        await client.patch(core_v1.Pod, "a", "default", {"metadata": {"labels": {"l": "1"}}})
        assert len(policy.asked) == 2, "nobody is asked when no image changes"
        with pytest.raises(ForbiddenError, match="bad:2 is bad"):
            change = {"spec": {"containers": [{"name": "c0", "image": "bad:2"}]}}
            await client.patch(core_v1.Pod, "a", "default", change, patch_type="application/strategic-merge-patch+json")


@pytest.mark.parametrize("default_allow", [True, False])
async def test_without_an_answer_the_configuration_decides(admitting: Make, policy: Policy, default_allow: bool) -> None:
    policy.status = 400
    async with admitting(ImagePolicyWebhook=policy.configuration(defaultAllow=default_allow)) as client:
        if default_allow:
            await client.create(pod("a", "good:1"))
        else:
            with pytest.raises(ForbiddenError, match='pods "a" is forbidden: the webhook image policy gave no answer'):
                await client.create(pod("a", "good:1"))


@pytest.mark.parametrize(("document", "message"), [
    (None, "no config specified"),
    ({"imagePolicy": {"kubeConfigFile": "/none"}}, "image policy"),
    ({"imagePolicy": {"allowTTL": 4000}}, "valid value for allow TTL is between 1 and 1800 seconds, got 4000"),
    ({"imagePolicy": {"denyTTL": -2}}, "valid value for deny TTL is between 1 and 1800 seconds, got -2"),
    ({"imagePolicy": {"retryBackoff": 400000}}, "valid value for retry backoff is between 1 and 300000 milliseconds, got 400000"),
])
def test_configuration_is_checked(document: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        ImagePolicyWebhook(document)
    assert message in str(refused.value)
