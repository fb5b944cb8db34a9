"""What the processes of real pods see: users, files, addresses, limits, tokens."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from minikube_py.apis import core_v1, meta_v1
from minikube_py.kubelet.cgroups import CgroupTree, pod_cgroup
from tests.cri.lab import eventually

from .conftest import CGROUP_ROOT, NODE_IP, Node, is_ready, token_answer, waiting_reason

pytestmark = pytest.mark.root


async def outcome(node: Node, name: str, script: str, spec: dict[str, Any] | None = None, **container: Any) -> str:
    """Run a script in a pod of its own and return its termination message; the pod must succeed."""
    app = {"name": "app", "command": ["sh", "-c", f"( {script} ) > /dev/termination-log 2>&1"], **container}
    await node.create({"metadata": {"name": name, "labels": {"app": name}}, "spec": {
        "restartPolicy": "Never", "containers": [app], **(spec or {}),
    }})
    pod = await node.wait_pod(name, lambda pod: pod.status.phase in ("Succeeded", "Failed"))
    ended = pod.status.container_statuses[0].state.terminated
    assert pod.status.phase == "Succeeded", ended
    return str(ended.message)


async def test_users_groups_and_capabilities_are_as_asked(node: Node) -> None:
    async with node.agent():
        said = await outcome(
            node, "user", "id -u; id -g; id -G; grep CapEff /proc/self/status; grep NoNewPrivs /proc/self/status; touch /x || echo ro",
            {"securityContext": {"runAsUser": 1000, "runAsGroup": 2000, "fsGroup": 3000, "supplementalGroups": [4000]}},
            securityContext={"readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        )
        lines = said.splitlines()
        assert lines[:2] == ["1000", "2000"]
        assert set(lines[2].split()) >= {"2000", "3000", "4000"}
        assert lines[3].split()[1] == "0" * 16
        assert lines[4].split()[1] == "1"
        assert lines[-1] == "ro"


async def test_a_root_image_is_refused_where_root_is_forbidden(node: Node) -> None:
    async with node.agent():
        await node.create({"metadata": {"name": "root"}, "spec": {
            "securityContext": {"runAsNonRoot": True}, "containers": [{"name": "app", "command": ["true"]}],
        }})
        pod = await node.wait_pod("root", lambda pod: waiting_reason(pod) == "CreateContainerConfigError")
        assert pod.status.container_statuses[0].state.waiting.message.startswith(
            "container has runAsNonRoot and image will run as root (pod:"
        )


async def test_volumes_hold_what_they_should(node: Node, tmp_path: Path) -> None:
    await node.client.create(core_v1.Secret(metadata=meta_v1.ObjectMeta(name="s", namespace="default"), data={"key": b"open sesame"}))
    await node.client.create(core_v1.ConfigMap(metadata=meta_v1.ObjectMeta(name="c", namespace="default"), data={"a": "1", "b": "2"}))
    async with node.agent():
        said = await outcome(
            node, "files", "cat /secret/key; echo; stat -L -c '%a %g' /secret/key; ls /config; cat /config/deep/a /one/b; echo; "
                           "cat /down/labels; echo; stat -c '%a %g' /empty; mount | grep -c ' /memory '; cat /etc/hostname; "
                           "touch /config/x || echo ro",
            {"securityContext": {"fsGroup": 3000}, "volumes": [
                {"name": "secret", "secret": {"secretName": "s", "defaultMode": 0o400}},
                {"name": "config", "configMap": {"name": "c", "items": [{"key": "a", "path": "deep/a"}]}},
                {"name": "whole", "configMap": {"name": "c"}},
                {"name": "down", "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
                {"name": "empty", "emptyDir": {}}, {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
            ]},
            volumeMounts=[
                {"name": "secret", "mountPath": "/secret"}, {"name": "config", "mountPath": "/config"},
                {"name": "whole", "mountPath": "/one/b", "subPath": "b"}, {"name": "down", "mountPath": "/down"},
                {"name": "empty", "mountPath": "/empty"}, {"name": "memory", "mountPath": "/memory"},
            ],
        )
        assert said.splitlines()[:-2] == [
            "open sesame", "440 3000", "deep", "12", 'app="files"', "2777 3000", "1", "files",
        ]
        assert said.splitlines()[-1] == "ro"


@pytest.mark.parametrize(("expression", "message"), [
    ("$(PATH_)", "error SubPath `/tmp` must not be an absolute path"),
    ("a/$(UP)", "unable to provision SubPath `a/..`: must not contain '..'"),
    ("$(NONE)/$(EMPTY)", "missing value for EMPTY, NONE"),
])
async def test_a_subpath_that_cannot_be_is_told(node: Node, expression: str, message: str) -> None:
    async with node.agent():
        await node.create({"metadata": {"name": "sub"}, "spec": {"volumes": [{"name": "v", "emptyDir": {}}], "containers": [{
            "name": "app", "command": ["true"], "volumeMounts": [{"name": "v", "mountPath": "/v", "subPathExpr": expression}],
            "env": [{"name": "PATH_", "value": "/tmp"}, {"name": "UP", "value": ".."}, {"name": "EMPTY", "value": ""}],
        }]}})
        pod = await node.wait_pod("sub", lambda pod: waiting_reason(pod) == "CreateContainerConfigError")
        assert pod.status.container_statuses[0].state.waiting.message == message


async def test_a_pod_knows_its_names_and_addresses(node: Node) -> None:
    async with node.agent():
        said = await outcome(
            node, "named", "hostname; grep -c named.set.default.svc.cluster.local /etc/hosts; cat /etc/resolv.conf; echo $IP $HOST $CPU",
            {"subdomain": "set"}, env=[
                {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                {"name": "HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}},
                {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "requests.cpu", "divisor": "1m"}}},
            ], resources={"requests": {"cpu": "250m"}},
        )
        lines = said.splitlines()
        assert lines[:2] == ["named", "1"]
        assert "nameserver 10.43.0.10" in lines and "options ndots:5" in lines
        assert lines[-1].startswith("10.42.0.") and lines[-1].endswith(f" {NODE_IP} 250")


async def test_a_pod_on_the_hosts_network_has_its_address(node: Node) -> None:
    async with node.agent():
        said = await outcome(node, "host", "ip -o -4 addr show eth0; echo $IP", {"hostNetwork": True}, env=[
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        ])
        assert NODE_IP in said.splitlines()[0]
        assert said.splitlines()[-1] == NODE_IP


async def test_a_token_is_mounted_and_belongs_to_the_user(node: Node) -> None:
    node.plane.subresources._issue_token = token_answer
    meta = meta_v1.ObjectMeta(name="kube-root-ca.crt", namespace="default")
    await node.client.create(core_v1.ConfigMap(metadata=meta, data={"ca.crt": "CA"}))
    async with node.agent():
        said = await outcome(
            node, "token", "cd /var/run/secrets/kubernetes.io/serviceaccount; cat token; echo; cat ca.crt; echo; cat namespace; echo; "
                           "stat -L -c '%a %u' token",
            {"automountServiceAccountToken": True, "securityContext": {"runAsUser": 1000}},
        )
        assert said.splitlines() == ["token-of-default-default", "CA", "default", "600 1000"]


async def test_a_container_over_its_memory_limit_is_shown_as_such(node: Node) -> None:
    tree = CgroupTree.detect()
    async with node.agent():
        pod = await node.create({"metadata": {"name": "greedy"}, "spec": {"restartPolicy": "Never", "containers": [{
            "name": "app", "command": ["sh", "-c", "until test -e /tmp/go; do sleep 0.1; done; head -c 200m /dev/zero | tail"],
            "resources": {"limits": {"memory": "32Mi", "cpu": "500m"}},
        }]}})
        await node.wait_pod("greedy", is_ready)
        path = pod_cgroup(CGROUP_ROOT, "Guaranteed", pod.metadata.uid)
        if tree.v1:
            assert (tree.v1["memory"] / path.lstrip("/") / "memory.limit_in_bytes").read_text().strip() == str(32 * 1024**2)
            assert (tree.v1["cpu"] / path.lstrip("/") / "cpu.cfs_quota_us").read_text().strip() == "50000"
        info = node.kubelet.cache.get(pod.metadata.uid).containers[0]
        await node.containerd.cri.exec_sync(info.id, ["touch", "/tmp/go"], timeout_s=5)
        ended = await node.wait_pod("greedy", lambda pod: pod.status.phase == "Failed")
        state = ended.status.container_statuses[0].state.terminated
        assert (state.reason, state.exit_code) == ("OOMKilled", 137)
        await eventually(lambda: pod.metadata.uid not in tree.pods(CGROUP_ROOT))


class Unreachable:
    """A client of a server that does not answer."""

    def __getattr__(self, name: str) -> Any:
        async def fail(*_: Any, **__: Any) -> Any:
            raise ConnectionRefusedError(name)

        async def never(*_: Any, **__: Any) -> Any:
            await asyncio.get_running_loop().create_future()

        return never if name == "list_and_watch" else fail


async def test_a_node_without_its_server_starts_its_pods(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minikube_py.kubelet.kubelet.OFFLINE_AFTER_S", 0.1)
    monkeypatch.setattr("minikube_py.kubelet.object_references.FIRST_LIST_TIMEOUT_S", 0.1)
    await node.client.create(core_v1.ConfigMap(metadata=meta_v1.ObjectMeta(name="c", namespace="default"), data={"a": "1"}))
    async with node.agent():
        await node.create({"metadata": {"name": "lonely"}, "spec": {"containers": [
            {"name": "app", "command": ["sh", "-c", "test $a = 1 && sleep 1000"], "envFrom": [{"configMapRef": {"name": "c"}}]},
        ]}})
        pod = await node.wait_pod("lonely", is_ready)
        await node.kubelet.checkpoints.flush()
    # What a power cut does.
    for box in await node.containerd.cri.list_pod_sandboxes():
        await node.containerd.cri.stop_pod_sandbox(box.id)
    node.client = Unreachable()  # type: ignore[assignment]
    async with node.agent():
        await eventually(lambda: len(node.kubelet.cache.get(pod.metadata.uid).running) == 1)
    node.client = node.plane.client
    async with node.agent():
        again = await node.wait_pod("lonely", lambda pod: is_ready(pod) and pod.status.container_statuses[0].restart_count == 1)
        assert again.metadata.uid == pod.metadata.uid
