"""Stock kubectl, quotas and limit ranges: what administrators make and read, and what users are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from .lab import Lab
from .quotas import quota_controller
from .test_kubectl import WANTED, Kubectl

pytestmark = pytest.mark.e2e

LIMITS = """\
apiVersion: v1
kind: LimitRange
metadata: {name: limits}
spec:
  limits:
  - {type: Container, default: {cpu: 500m}, defaultRequest: {cpu: 100m}, max: {cpu: "1"}}
"""


@pytest.mark.parametrize("version", WANTED)
async def test_quota_is_made_described_and_felt(lab: Lab, tmp_path: Path, version: str) -> None:
    kubectl = Kubectl(lab, tmp_path, version)
    async with quota_controller(lab):
        await kubectl("create", "quota", "q", "--hard=pods=1,requests.cpu=500m,count/deployments.apps=2")
        await kubectl("create", "quota", "best", "--hard=pods=0", "--scopes=BestEffort")
        await kubectl("create", "-f", "-", stdin=LIMITS)
        await kubectl("wait", "quota/q", "--for=jsonpath={.status.hard.pods}=1")
        await kubectl("wait", "quota/best", "--for=jsonpath={.status.hard.pods}=0")
        await kubectl("run", "a", "--image=x")
        assert (await kubectl("describe", "quota", "q")).splitlines() == [
            "Name:                   q", "Namespace:              default", "Resource                Used  Hard",
            "--------                ----  ----", "count/deployments.apps  0     2", "pods                    1     1",
            "requests.cpu            100m  500m",
        ]
        scoped = await kubectl("describe", "quota", "best")
        assert " * Matches all pods that do not have resource requirements set" in scoped and "pods      0     0" in scoped
        assert await kubectl.refused("run", "b", "--image=x") == (
            'Error from server (Forbidden): pods "b" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1'
        )
        assert await kubectl("get", "pod", "a", "-o", r"jsonpath={.metadata.annotations.kubernetes\.io/limit-ranger}") == (
            "LimitRanger plugin set: cpu request for container a; cpu limit for container a"
        )
        described = await kubectl("describe", "limits", "limits")
        assert described.splitlines()[-1].split() == ["Container", "cpu", "-", "1", "100m", "500m", "-"]
        namespace = await kubectl("describe", "namespace", "default")
        assert "Resource Quotas" in namespace and "Resource Limits" in namespace
        table = (await kubectl("get", "quota", "q")).splitlines()
        assert table[0].split()[0] == "NAME" and "count/deployments.apps: 0/2, pods: 1/1, requests.cpu: 100m/500m" in table[1]
        await kubectl("delete", "pod", "a", "--now", "--wait=false")
        assert await kubectl("get", "quota", "q", "-o", "jsonpath={.status.used.pods}") == "0"
