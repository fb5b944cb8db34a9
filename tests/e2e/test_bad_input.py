"""What goes wrong on a first day, and what the user is told: upstream's answer each, and nothing changed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.cluster import IMAGE, PROGRAM, Cluster

pytestmark = pytest.mark.e2e


def pod(name: str, image: str = IMAGE, *command: str) -> str:
    container = {"name": "main", "image": image, "command": [*command] or ["sleep", "1000"]}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
                       "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]}})


def refused(cluster: Cluster, manifest: str, *flags: str) -> str:
    """What kubectl prints when a manifest is not taken."""
    with pytest.raises(RuntimeError) as error:
        cluster.kubectl("apply", *flags, "-f", "-", input=manifest)
    return str(error.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"metadata": {"name": "Bad_Name"}}, "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters"),
        ({"spec": {"containers": []}}, "spec.containers: Required value"),
        ({"spec": {"containers": [{"name": "a", "image": "i"}, {"name": "a", "image": "i"}]}}, 'Duplicate value: "a"'),
        ({"spec": {"restartPolicy": "Sometimes"}}, 'Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"'),
        ({"spec": {"containers": "none"}}, "json: cannot unmarshal string into Go struct field PodSpec.spec.containers"),
    ],
)
def test_a_wrong_pod_is_refused_in_upstreams_words(cluster: Cluster, change: dict[str, Any], sentence: str) -> None:
    document = json.loads(pod("wrong"))
    for section, fields in change.items():
        document[section] |= fields
    assert sentence in refused(cluster, json.dumps(document), "--validate=false")
    assert cluster.try_kubectl("get", "pod", "wrong") == ""


def test_malformed_and_unknown_things_are_refused(cluster: Cluster) -> None:
    assert "error parsing" in refused(cluster, "apiVersion: v1\nkind: [")
    assert 'no matches for kind "Teapot" in version "v1"' in refused(cluster, '{"apiVersion":"v1","kind":"Teapot","metadata":{"name":"t"}}')
    unknown = json.loads(pod("unknown"))
    unknown["spec"]["wrongField"] = 1
    assert 'unknown field "spec.wrongField"' in refused(cluster, json.dumps(unknown))
    raw = cluster.server.host.run(
        "curl", "-sk", "-H", "Authorization: Bearer secret-token", "-H", "Content-Type:", "-d", "{not json", "https://127.0.0.1:6443/api/v1/namespaces/default/pods"
    ).stdout
    answer = json.loads(raw)
    assert (answer["kind"], answer["reason"], answer["code"]) == ("Status", "BadRequest", 400)


def test_a_stale_update_conflicts(cluster: Cluster) -> None:
    cluster.kubectl("create", "configmap", "stale", "--from-literal=a=1")
    old = cluster.get("configmap", "stale")
    cluster.kubectl("label", "configmap", "stale", "newer=yes")
    with pytest.raises(RuntimeError, match="the object has been modified; please apply your changes to the latest version and try again"):
        cluster.kubectl("replace", "-f", "-", input=json.dumps(old))
    assert cluster.get("configmap", "stale")["metadata"]["labels"] == {"newer": "yes"}


def test_an_object_over_the_limit_is_refused(cluster: Cluster) -> None:
    big = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "big"}, "data": {"x": "y" * (2 << 20)}}
    with pytest.raises(RuntimeError, match="Too long: may not be more than 1048576 bytes"):
        cluster.kubectl("create", "-f", "-", input=json.dumps(big))
    assert cluster.try_kubectl("get", "configmap", "big") == ""


def test_an_image_that_is_nowhere_leaves_the_pod_pending(cluster: Cluster) -> None:
    cluster.kubectl("apply", "-f", "-", input=pod("noimage", "registry.invalid/nothing:1"))

    def waiting() -> str:
        statuses = cluster.get("pod", "noimage")["status"].get("containerStatuses", [])
        return str(statuses[0]["state"].get("waiting", {}).get("reason", "")) if statuses else ""

    cluster.wait(lambda: waiting() == "ImagePullBackOff", "the pull to back off")
    assert cluster.get("pod", "noimage")["status"]["phase"] == "Pending"
    events = cluster.kubectl("events", "--for", "pod/noimage")
    assert 'Failed to pull image "registry.invalid/nothing:1"' in events
    assert 'Back-off pulling image "registry.invalid/nothing:1"' in events
    cluster.kubectl("delete", "pod", "noimage")


def test_a_command_that_fails_is_started_again_with_back_off(cluster: Cluster) -> None:
    cluster.kubectl("apply", "-f", "-", input=pod("failing", IMAGE, "sh", "-c", "echo going down; exit 3"))

    def state() -> dict[str, Any]:
        statuses = cluster.get("pod", "failing")["status"].get("containerStatuses", [{}])
        return dict(statuses[0])

    cluster.wait(lambda: state().get("state", {}).get("waiting", {}).get("reason") == "CrashLoopBackOff", "the back-off")
    last = state()["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (3, "Error")
    assert cluster.kubectl("logs", "failing", "--previous") == "going down\n"
    assert "Back-off restarting failed container main in pod failing_default" in cluster.kubectl("events", "--for", "pod/failing")
    cluster.kubectl("delete", "pod", "failing")


def test_a_pod_that_fits_nowhere_says_why(cluster: Cluster) -> None:
    document = json.loads(pod("huge"))
    document["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1000"}}
    cluster.kubectl("apply", "-f", "-", input=json.dumps(document))
    cluster.wait(lambda: "0/1 nodes are available: 1 Insufficient cpu." in cluster.kubectl("events", "--for", "pod/huge"), "the event")
    cluster.kubectl("delete", "pod", "huge")


def test_the_server_says_what_is_wrong_with_its_store_at_once(cluster: Cluster) -> None:
    done = cluster.server.host.run(
        str(PROGRAM), "server", "--data-dir", str(cluster.server.data),
        "--https-listen-port", "16443", "--write-kubeconfig", str(cluster.home / "second.yaml"), "--disable-agent", check=False,
    )
    assert done.returncode == 1
    assert "is in use by another process" in done.stderr
    assert "Traceback" not in done.stderr
