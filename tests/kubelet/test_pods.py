"""Pods on a real runtime: what the API shows of them and what becomes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from minikube_py.apis import core_v1, meta_v1
from minikube_py.apis.scheme import to_document
from minikube_py.kubelet import pod_workers
from minikube_py.kubelet.cgroups import CgroupTree, pod_cgroup
from tests.cri.lab import eventually

from .conftest import CGROUP_ROOT, NODE, Node, is_ready, restarts, waiting_reason

pytestmark = pytest.mark.root


async def test_a_pod_with_an_init_container_runs_and_becomes_ready(node: Node) -> None:
    async with node.agent():
        await node.create({
            "metadata": {"name": "web"},
            "spec": {
                "volumes": [{"name": "shared", "emptyDir": {}}],
                "initContainers": [{"name": "setup", "command": ["sh", "-c", "echo hello > /shared/file"],
                                    "volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}],
                "containers": [{"name": "app", "command": ["sh", "-c", "test -s /shared/file && sleep 1000"],
                                "volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}],
            },
        })
        pod = await node.wait_pod("web", is_ready)
    assert pod.status.phase == "Running"
    assert pod.status.pod_ip.startswith("10.42.0.")
    assert pod.status.init_container_statuses[0].state.terminated.reason == "Completed"
    assert pod.status.container_statuses[0].state.running is not None


async def test_a_pod_that_selects_a_label_given_to_the_node_a_moment_ago_is_not_refused(node: Node) -> None:
    async with node.agent():
        await node.kubelet.node.registered.wait()
        await node.client.patch(core_v1.Node, NODE, "", {"metadata": {"labels": {"disk": "fast"}}})
        await node.create({"metadata": {"name": "fast"}, "spec": {
            "nodeSelector": {"disk": "fast"}, "containers": [{"name": "app", "command": ["sleep", "1000"]}],
        }})
        await node.wait_pod("fast", is_ready)


async def test_a_refused_pod_tells_why_and_nothing_of_containers(node: Node) -> None:
    async with node.agent():
        await node.create({"metadata": {"name": "lost"}, "spec": {"nodeSelector": {"disk": "none"}, "containers": [{"name": "app"}]}})
        pod = await node.wait_pod("lost", lambda pod: pod.status.phase == "Failed")
        assert pod.status.reason == "NodeAffinity"
        assert pod.status.message == "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"
        assert (pod.status.container_statuses, pod.status.conditions, pod.status.host_ip) == ([], [], "")
        version = pod.metadata.resource_version
    async with node.agent():
        await node.create({"metadata": {"name": "next"}, "spec": {"containers": [{"name": "app", "command": ["sleep", "1000"]}]}})
        await node.wait_pod("next", is_ready)
        assert (await node.client.get(core_v1.Pod, "lost", "default")).metadata.resource_version == version
        await node.client.delete(core_v1.Pod, "lost", "default")
        await node.wait_gone("lost")


async def test_a_container_that_keeps_failing_waits_longer_each_time(node: Node) -> None:
    async with node.agent():
        await node.create({"metadata": {"name": "bad"}, "spec": {"containers": [
            {"name": "app", "command": ["sh", "-c", "echo because > /dev/termination-log; exit 3"]},
        ]}})
        pod = await node.wait_pod("bad", lambda pod: waiting_reason(pod) == "CrashLoopBackOff")
        shown = pod.status.container_statuses[0]
        assert shown.state.waiting.message == (
            f"back-off 10s restarting failed container=app pod=bad_default({pod.metadata.uid})"
        )
        assert shown.last_state.terminated.exit_code == 3
        assert shown.last_state.terminated.message == "because\n"
        assert shown.last_state.terminated.reason == "Error"
        assert shown.restart_count == 1
        assert pod.status.phase == "Running"
        assert await node.wait_event("bad", "BackOff") == (
            f"Back-off restarting failed container app in pod bad_default({pod.metadata.uid})"
        )


async def test_a_container_that_fails_its_liveness_probe_is_restarted(node: Node) -> None:
    async with node.agent():
        await node.create({"metadata": {"name": "ill"}, "spec": {"containers": [{
            "name": "app", "command": ["sh", "-c", "trap 'exit 0' TERM; touch /tmp/ok; sleep 1; rm /tmp/ok; while :; do sleep 0.1; done"],
            "livenessProbe": {"exec": {"command": ["cat", "/tmp/ok"]}, "periodSeconds": 1, "failureThreshold": 1},
        }]}})
        pod = await node.wait_pod("ill", lambda pod: restarts(pod) >= 1)
        assert pod.status.container_statuses[0].last_state.terminated is not None
        assert (await node.wait_event("ill", "Unhealthy")).startswith("Liveness probe failed: cat: can't open '/tmp/ok'")
        assert await node.wait_event("ill", "Killing") == "Container app failed liveness probe, will be restarted"


async def test_a_pod_is_not_ready_until_its_readiness_probe_succeeds(node: Node) -> None:
    async with node.agent():
        await node.create({"metadata": {"name": "slow"}, "spec": {"containers": [{
            "name": "app", "command": ["sh", "-c", "sleep 1; httpd -f -p 8080"],
            "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1, "failureThreshold": 1},
            "startupProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1, "failureThreshold": 30},
        }]}})
        early = await node.wait_pod("slow", lambda pod: pod.status.phase == "Running")
        assert not is_ready(early)
        assert early.status.container_statuses[0].started is False
        message = await node.wait_event("slow", "Unhealthy")
        assert message == f"Startup probe failed: dial tcp {early.status.pod_ip}:8080: connect: connection refused"
        # busybox answers 404 for a directory without an index: the server lives, but the probe does not succeed.
        await node.wait_event("slow", "Unhealthy")
        pod = await node.wait_pod("slow", lambda pod: pod.status.container_statuses[0].started)
        assert not is_ready(pod)


async def test_a_deleted_pod_ends_by_its_hook_and_leaves_nothing(node: Node, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    async with node.agent():
        pod = await node.create({"metadata": {"name": "polite"}, "spec": {
            "volumes": [{"name": "host", "hostPath": {"path": str(shared)}}, {"name": "memory", "emptyDir": {"medium": "Memory"}}],
            "containers": [{
                "name": "app", "command": ["sh", "-c", "trap 'echo term >> /host/log; exit 0' TERM; while :; do sleep 0.1; done"],
                "volumeMounts": [{"name": "host", "mountPath": "/host"}, {"name": "memory", "mountPath": "/memory"}],
                "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", "echo hook >> /host/log"]}}},
            }],
        }})
        await node.wait_pod("polite", is_ready)
        await node.client.delete(core_v1.Pod, "polite", "default")
        await node.wait_gone("polite")
        assert (shared / "log").read_text() == "hook\nterm\n"
        uid = pod.metadata.uid
        await eventually(lambda: not node.kubelet.workers.known(uid))
        assert await node.containerd.cri.list_pod_sandboxes() == []
        assert await node.containerd.cri.list_containers() == []
        assert not (node.options.pods_dir / uid).exists()
        assert list(node.options.pod_logs_dir.iterdir()) == []
        assert node.kubelet.cache.uids() == set()


async def test_a_restarted_agent_adopts_what_runs(node: Node) -> None:
    async with node.agent():
        await node.create({"metadata": {"name": "stays"}, "spec": {"containers": [{
            "name": "app", "command": ["sleep", "1000"],
            "readinessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 1},
        }]}})
        await node.create({"metadata": {"name": "goes"}, "spec": {"containers": [{"name": "app", "command": ["sleep", "1000"]}]}})
        before = await node.wait_pod("stays", is_ready)
        await node.wait_pod("goes", is_ready)
    await node.client.delete(core_v1.Pod, "goes", "default", grace_period_seconds=0)
    leftover = node.options.pods_dir / "nobody" / "volumes"
    leftover.mkdir(parents=True)
    async with node.agent(), node.watched("stays") as versions:
        await eventually(lambda: len(node.kubelet.cache.uids()) == 1)
        assert all(is_ready(version) for version in versions)
        assert not leftover.exists()
        after = await node.client.get(core_v1.Pod, "stays", "default")
        assert after.status.container_statuses[0].container_id == before.status.container_statuses[0].container_id
        assert after.status.container_statuses[0].restart_count == 0
        assert after.status.conditions == before.status.conditions


async def test_a_changed_config_map_reaches_a_running_pod(node: Node) -> None:
    config = await node.client.create(core_v1.ConfigMap(
        metadata=meta_v1.ObjectMeta(name="settings", namespace="default"), data={"colour": "red", "old": "x"}
    ))
    async with node.agent():
        await node.create({"metadata": {"name": "reader"}, "spec": {
            "volumes": [{"name": "settings", "configMap": {"name": "settings"}}],
            "containers": [{
                "name": "app", "command": ["sh", "-c", "test $COLOUR = red && until grep -q blue /settings/colour; do sleep 0.1; done"],
                "env": [{"name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "colour"}}}],
                "volumeMounts": [{"name": "settings", "mountPath": "/settings"}],
            }],
            "restartPolicy": "Never",
        }})
        await node.wait_pod("reader", is_ready)
        await node.client.patch(core_v1.ConfigMap, config.metadata.name, "default", {"data": {"colour": "blue", "old": None}})
        pod = await node.wait_pod("reader", lambda pod: pod.status.phase in ("Succeeded", "Failed"))
    assert pod.status.phase == "Succeeded"


async def test_a_missing_config_map_holds_a_container_up_until_it_is_there(node: Node) -> None:
    async with node.agent():
        await node.create({"metadata": {"name": "waits"}, "spec": {"containers": [{
            "name": "app", "command": ["sleep", "1000"], "envFrom": [{"configMapRef": {"name": "late"}}],
        }]}})
        pod = await node.wait_pod("waits", lambda pod: waiting_reason(pod) == "CreateContainerConfigError")
        assert pod.status.container_statuses[0].state.waiting.message == 'configmap "late" not found'
        assert await node.wait_event("waits", "Failed") == 'Error: configmap "late" not found'
        await node.client.create(core_v1.ConfigMap(metadata=meta_v1.ObjectMeta(name="late", namespace="default"), data={"a": "b"}))
        await node.wait_pod("waits", is_ready)


async def test_an_image_that_is_not_there_is_said_so(node: Node) -> None:
    async with node.agent():
        await node.create({"metadata": {"name": "never"}, "spec": {"containers": [
            {"name": "app", "image": "example.invalid/none:1", "imagePullPolicy": "Never"},
        ]}})
        pod = await node.wait_pod("never", lambda pod: waiting_reason(pod) == "ErrImageNeverPull")
        assert pod.status.phase == "Pending"
        assert await node.wait_event("never", "ErrImageNeverPull") == (
            'Container image "example.invalid/none:1" is not present with pull policy of Never'
        )


async def test_a_sidecar_outlives_the_app_and_lets_the_pod_complete(node: Node) -> None:
    async with node.agent():
        await node.create({"metadata": {"name": "job"}, "spec": {
            "restartPolicy": "Never",
            "initContainers": [{"name": "side", "restartPolicy": "Always",
                                "command": ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]}],
            "containers": [{"name": "app", "command": ["sleep", "1"]}],
        }})
        pod = await node.wait_pod("job", lambda pod: pod.status.phase in ("Succeeded", "Failed"))
        assert pod.status.phase == "Succeeded"
        done = await node.wait_pod("job", lambda pod: pod.status.init_container_statuses[0].state.terminated is not None)
        assert done.status.init_container_statuses[0].state.terminated.exit_code == 0


async def test_a_shorter_grace_ends_a_slow_end(node: Node) -> None:
    async with node.agent():
        await node.create({"metadata": {"name": "stubborn"}, "spec": {"terminationGracePeriodSeconds": 600, "containers": [{
            "name": "app", "command": ["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"],
            "lifecycle": {"preStop": {"sleep": {"seconds": 500}}},
        }]}})
        await node.wait_pod("stubborn", is_ready)
        await node.client.delete(core_v1.Pod, "stubborn", "default")
        await node.wait_event("stubborn", "Killing")
        await node.client.delete(core_v1.Pod, "stubborn", "default", grace_period_seconds=1)
        await node.wait_gone("stubborn")


async def test_sidecars_are_stopped_after_the_app_and_in_reverse(node: Node, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    script = "trap 'sleep {delay}; echo {name} >> /host/log; exit 0' TERM; while :; do sleep 0.05; done"

    def container(name: str, delay: str, **more: object) -> dict[str, object]:
        return {"name": name, "command": ["sh", "-c", script.format(name=name, delay=delay)],
                "volumeMounts": [{"name": "host", "mountPath": "/host"}], **more}

    async with node.agent():
        await node.create({"metadata": {"name": "team"}, "spec": {
            "terminationGracePeriodSeconds": 30, "volumes": [{"name": "host", "hostPath": {"path": str(shared)}}],
            "initContainers": [container("first", "0", restartPolicy="Always"), container("second", "0.2", restartPolicy="Always")],
            "containers": [container("app", "0.5")],
        }})
        await node.wait_pod("team", is_ready)
        await node.client.delete(core_v1.Pod, "team", "default")
        await node.wait_gone("team")
    assert (shared / "log").read_text().split() == ["app", "second", "first"]


async def test_a_pod_over_its_deadline_fails(node: Node) -> None:
    async with node.agent():
        await node.create({"metadata": {"name": "late"}, "spec": {"activeDeadlineSeconds": 2, "containers": [
            {"name": "app", "command": ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]},
        ]}})
        pod = await node.wait_pod("late", lambda pod: pod.status.phase == "Failed")
        assert (pod.status.reason, pod.status.message) == (
            "DeadlineExceeded", "Pod was active on the node longer than the specified deadline"
        )
        await eventually(lambda: not node.kubelet.cache.get(pod.metadata.uid).running)


async def test_a_hook_that_fails_is_shown(node: Node) -> None:
    async with node.agent():
        await node.create({"metadata": {"name": "hooked"}, "spec": {"restartPolicy": "Never", "containers": [{
            "name": "app", "command": ["sleep", "1000"], "lifecycle": {"postStart": {"exec": {"command": ["false"]}}},
        }]}})
        await node.wait_pod("hooked", lambda pod: pod.status.phase == "Failed")
        assert await node.wait_event("hooked", "FailedPostStartHook") == "PostStartHook failed"


async def test_a_pod_is_resized_as_it_runs(node: Node) -> None:
    async with node.agent():
        created = await node.create({"metadata": {"name": "sized"}, "spec": {"containers": [
            {"name": "app", "command": ["sleep", "1000"], "resizePolicy": [
                {"resourceName": "cpu", "restartPolicy": "NotRequired"}, {"resourceName": "memory", "restartPolicy": "RestartContainer"},
            ], "resources": {"requests": {"cpu": "20m", "memory": "32Mi"}, "limits": {"cpu": "40m", "memory": "64Mi"}}},
        ], "terminationGracePeriodSeconds": 1}})
        await node.wait_pod("sized", is_ready)

        async def resize(resources: dict[str, dict[str, str]]) -> core_v1.Pod:
            await node.client.patch(core_v1.Pod, "sized", "default", {"spec": {"containers": [{"name": "app", "resources": resources}]}},
                                    patch_type="application/strategic-merge-patch+json", subresource="resize")
            return await node.wait_pod("sized", lambda pod: is_ready(pod) and not any(
                condition.type.startswith("PodResize") for condition in pod.status.conditions
            ) and to_document(pod.status.container_statuses[0].resources) == resources)

        def shares() -> int | None:
            tree, path = CgroupTree.detect(), pod_cgroup(CGROUP_ROOT, "Burstable", created.metadata.uid)
            return int((tree.v1["cpu"] / path.lstrip("/") / "cpu.shares").read_text()) if "cpu" in tree.v1 else None

        resized = await resize({"limits": {"cpu": "40m", "memory": "64Mi"}, "requests": {"cpu": "30m", "memory": "32Mi"}})
        assert resized.status.container_statuses[0].restart_count == 0
        assert shares() in (30, None)
        resized = await resize({"limits": {"cpu": "40m", "memory": "96Mi"}, "requests": {"cpu": "10m", "memory": "32Mi"}})
        assert resized.status.container_statuses[0].restart_count == 1
        assert shares() in (10, None)
        assert [reason for reason, _ in await node.events("sized") if reason.startswith("Resize")].count("ResizeStarted") == 2
    async with node.agent():
        again = await node.wait_pod("sized", is_ready)
        assert again.status.container_statuses[0].restart_count == 1, "a restarted agent knows what it has given"


async def test_a_status_that_others_overwrite_comes_back(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_workers, "RECONCILE_S", 0.2)
    async with node.agent():
        await node.create({"metadata": {"name": "steady"}, "spec": {"containers": [{"name": "app", "command": ["sleep", "1000"]}],
                                                                     "terminationGracePeriodSeconds": 1}})
        await node.wait_pod("steady", is_ready)
        said = {"message": "broken", "conditions": [{"type": "Ready", "status": "False"}, {"type": "example.com/own", "status": "True"}]}
        written = await node.client.patch(core_v1.Pod, "steady", "default", {"status": said},
                                          patch_type="application/strategic-merge-patch+json", subresource="status")
        assert not is_ready(written)
        pod = await node.wait_pod("steady", lambda pod: is_ready(pod) and not pod.status.message)
        assert "example.com/own" in {condition.type for condition in pod.status.conditions}
