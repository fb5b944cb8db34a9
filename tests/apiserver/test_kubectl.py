"""Stock kubectl against the API server: what users do all day, in the words that they know."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from .lab import PATIENCE_S, Lab

pytestmark = pytest.mark.e2e

ON_PATH = shutil.which("kubectl")
WANTED = ("1.27", "1.32", "1.33")
HELLO = Path(__file__).parents[2] / "examples" / "hello" / "hello.yaml"
MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: c, image: "busybox:1", resources: {limits: {cpu: 500m, memory: 64Mi}}, env: [{name: A, value: "1"}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {color: red, size: "3"}
"""


def binary(version: str) -> Path:
    """The kubectl of a version; any on PATH for "" where there is but one."""
    if ON_PATH is None:
        pytest.fail("these tests need a kubectl on PATH")
    found = Path(ON_PATH).resolve()
    return found.with_name(f"kubectl.{version}") if found.with_name(f"kubectl.{version}").exists() else found


class Kubectl:
    """One kubectl with a home of its own.

    Attributes:
        minor: of its version.
    """

    def __init__(self, lab: Lab, home: Path, version: str) -> None:
        self.minor = int(version.partition(".")[2])
        self._program = binary(version)
        self._home = home
        self._environment = {"HOME": str(home), "PATH": os.environ["PATH"], "KUBECONFIG": str(lab.kubeconfig)}

    async def run(self, *arguments: str, stdin: str = "", **environment: str) -> tuple[int, str, str]:
        """Exit status, output and error output."""
        process = await asyncio.create_subprocess_exec(
            self._program, *arguments, cwd=self._home, env=self._environment | environment, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(stdin.encode()), PATIENCE_S)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode or 0, out.decode(), err.decode()

    async def __call__(self, *arguments: str, stdin: str = "", **environment: str) -> str:
        """The output of a command that must succeed without a word on the error output."""
        status, out, err = await self.run(*arguments, stdin=stdin, **environment)
        assert (status, err) == (0, ""), f"kubectl {' '.join(arguments)}: {status} {err}"
        return out.rstrip("\n")

    async def refused(self, *arguments: str, stdin: str = "", **environment: str) -> str:
        """The error output of a command that must fail."""
        status, _, err = await self.run(*arguments, stdin=stdin, **environment)
        assert status != 0, f"kubectl {' '.join(arguments)} succeeded"
        return err.rstrip("\n")

    async def json(self, *arguments: str) -> Any:
        return json.loads(await self(*arguments, "-o", "json"))


@pytest.fixture(params=WANTED)
async def kubectl(request: pytest.FixtureRequest, lab: Lab, tmp_path: Path) -> Kubectl:
    """Each version in turn."""
    return Kubectl(lab, tmp_path, request.param)


@pytest.fixture
async def newest(lab: Lab, tmp_path: Path) -> Kubectl:
    return Kubectl(lab, tmp_path, WANTED[-1])


async def test_apply_diff_change_and_delete(kubectl: Kubectl) -> None:
    made = await kubectl("apply", "-f", "-", stdin=MANIFEST)
    assert made.splitlines() == ["deployment.apps/web created", "service/web created", "configmap/settings created"]
    again = await kubectl("apply", "-f", "-", stdin=MANIFEST)
    assert again.splitlines() == ["deployment.apps/web unchanged", "service/web unchanged", "configmap/settings unchanged"]
    assert await kubectl("diff", "-f", "-", stdin=MANIFEST) == ""
    changed = MANIFEST.replace("color: red", "color: blue").replace("replicas: 2", "replicas: 3").replace(', size: "3"', "")
    status, difference, _ = await kubectl.run("diff", "-f", "-", stdin=changed)
    assert status == 1 and re.search(r"^-  color: red\n-  size: \"3\"\n\+  color: blue$", difference, re.MULTILINE)
    assert (await kubectl("apply", "-f", "-", stdin=changed)).splitlines() == [
        "deployment.apps/web configured", "service/web unchanged", "configmap/settings configured"]
    assert await kubectl("get", "cm", "settings", "-o", "jsonpath={.data}") == '{"color":"blue"}'
    assert await kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.replicas} {.metadata.generation}") == "3 2"
    gone = await kubectl("delete", "-f", "-", stdin=changed)
    assert 'deployment.apps "web" deleted' in gone and 'service "web" deleted' in gone
    assert "not found" in await kubectl.refused("get", "deploy", "web")


async def test_create_in_protobuf_and_its_shortcuts(kubectl: Kubectl) -> None:
    assert await kubectl("create", "namespace", "n") == "namespace/n created"
    assert await kubectl("create", "configmap", "c", "--from-literal=k=v") == "configmap/c created"
    assert await kubectl("create", "secret", "generic", "s", "--from-literal=k=v") == "secret/s created"
    assert await kubectl("create", "serviceaccount", "a") == "serviceaccount/a created"
    assert await kubectl("create", "deployment", "d", "--image=i", "--replicas=0") == "deployment.apps/d created"
    assert await kubectl("create", "job", "j", "--image=i", "--", "true") == "job.batch/j created"
    assert await kubectl("create", "role", "r", "--verb=get", "--resource=pods") == "role.rbac.authorization.k8s.io/r created"
    assert await kubectl("create", "rolebinding", "b", "--role=r", "--user=bob") == "rolebinding.rbac.authorization.k8s.io/b created"
    assert await kubectl("get", "deploy", "d", "-o", "jsonpath={.spec.replicas}") == "0"
    assert await kubectl("get", "secret", "s", "-o", "jsonpath={.data.k}") == "dg=="
    assert (await kubectl("create", "token", "a")).count(".") == 2
    assert await kubectl("auth", "can-i", "get", "pods", "--as=bob") == "yes"
    assert await kubectl.run("auth", "can-i", "delete", "pods", "--as=bob") == (1, "no\n", "")


async def test_outputs_of_get(kubectl: Kubectl) -> None:
    assert await kubectl("run", "p", "--image=i", "--labels=a=b") == "pod/p created"
    rows = [line.split() for line in (await kubectl("get", "pods")).splitlines()]
    assert [row[:4] for row in rows] == [["NAME", "READY", "STATUS", "RESTARTS"], ["p", "0/1", "Pending", "0"]]
    wide = (await kubectl("get", "pods", "-o", "wide")).splitlines()
    assert wide[0].split()[-6:] == ["IP", "NODE", "NOMINATED", "NODE", "READINESS", "GATES"]
    assert "kind: Pod\n" in await kubectl("get", "pod", "p", "-o", "yaml")
    assert (await kubectl.json("get", "pods"))["kind"] == "List"
    assert await kubectl("get", "pod", "p", "-o", "name") == "pod/p"
    columns = "custom-columns=N:.metadata.name,I:.spec.containers[0].image"
    assert (await kubectl("get", "pods", "-o", columns)).split() == ["N", "I", "p", "i"]
    assert (await kubectl("get", "pods", "--show-labels")).endswith("a=b")
    assert (await kubectl("get", "all")).startswith("NAME")
    chosen = await kubectl("get", "pods", "-A", "-l", "a in (b,c)", "--field-selector=status.phase=Pending")
    assert chosen.splitlines()[1].split()[:2] == ["default", "p"]
    _, out, err = await kubectl.run("get", "pods", "-n", "empty")
    assert (out, err) == ("", "No resources found in empty namespace.\n")


async def test_errors_are_upstreams(kubectl: Kubectl) -> None:
    refused = kubectl.refused
    assert await refused("get", "pod", "nope") == 'Error from server (NotFound): pods "nope" not found'
    assert await refused("get", "unicorns") == 'error: the server doesn\'t have a resource type "unicorns"'
    assert await refused("get", "pods", "--as=bob") == (
        'Error from server (Forbidden): pods is forbidden: User "bob" cannot list resource "pods" in API group "" '
        'in the namespace "default"')
    await kubectl("create", "configmap", "c")
    assert await refused("create", "configmap", "c") == 'error: failed to create configmap: configmaps "c" already exists'
    assert await refused("delete", "ns", "default") == (
        'Error from server (Forbidden): namespaces "default" is forbidden: this namespace may not be deleted')
    assert await refused("patch", "cm", "c", "--type=json", "-p", '[{"op":"remove","path":"/data/x"}]') == (
        "The request is invalid: the server rejected our request due to an error in our request")
    unknown = await refused("apply", "-f", "-", stdin="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndtaa: {}\n")
    assert unknown.endswith(
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "dtaa"')
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: %s}\n"
    wrong = await refused("create", "--validate=false", "-f", "-", stdin=pod % "1")
    assert "json: cannot unmarshal number into Go struct field PodSpec.spec.containers of type []" in wrong
    invalid = await refused("create", "-f", "-", stdin=pod % "[]")
    assert invalid == 'The Pod "x" is invalid: spec.containers: Required value'
    assert await refused("get", "--raw", "/nope") == "Error from server (NotFound): the server could not find the requested resource"
    assert await refused("create", "-n", "none", "configmap", "c") == (
        'error: failed to create configmap: namespaces "none" not found')


async def test_labels_annotations_and_patches(newest: Kubectl) -> None:
    kubectl = newest
    await kubectl("create", "configmap", "c", "--from-literal=k=v")
    assert await kubectl("label", "cm", "c", "a=b") == "configmap/c labeled"
    assert await kubectl.refused("label", "cm", "c", "a=c") == "error: 'a' already has a value (b), and --overwrite is false"
    assert await kubectl("label", "cm", "c", "a=c", "--overwrite") == "configmap/c labeled"
    assert await kubectl("label", "cm", "c", "a-") == "configmap/c unlabeled"
    assert await kubectl("annotate", "cm", "c", "x=y") == "configmap/c annotated"
    assert await kubectl("patch", "cm", "c", "-p", '{"data":{"s":"1"}}') == "configmap/c patched"
    assert await kubectl("patch", "cm", "c", "--type=merge", "-p", '{"data":{"m":"2","k":null}}') == "configmap/c patched"
    assert await kubectl("patch", "cm", "c", "--type=json", "-p", '[{"op":"add","path":"/data/j","value":"3"}]') == "configmap/c patched"
    assert await kubectl("patch", "cm", "c", "-p", '{"data":{"s":"1"}}') == "configmap/c patched (no change)"
    assert (await kubectl.json("get", "cm", "c"))["data"] == {"s": "1", "m": "2", "j": "3"}


async def test_edit_and_replace(newest: Kubectl, tmp_path: Path) -> None:
    kubectl = newest
    await kubectl("create", "configmap", "c", "--from-literal=k=one")
    assert await kubectl("edit", "cm", "c", KUBE_EDITOR="sed -i s/one/two/") == "configmap/c edited"
    assert await kubectl("get", "cm", "c", "-o", "jsonpath={.data.k}") == "two"
    assert await kubectl.run("edit", "cm", "c", KUBE_EDITOR="true") == (0, "", "Edit cancelled, no changes made.\n")
    old = await kubectl("get", "cm", "c", "-o", "yaml")
    assert await kubectl("replace", "-f", "-", stdin=old.replace("two", "three")) == "configmap/c replaced"
    assert "the object has been modified; please apply your changes to the latest version and try again" in await kubectl.refused(
        "replace", "-f", "-", stdin=old)
    plain = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {k: four}}"
    assert (await kubectl("replace", "--force", "-f", "-", stdin=plain)).splitlines()[-1] == "configmap/c replaced"
    assert await kubectl("get", "cm", "c", "-o", "jsonpath={.data.k}") == "four"


async def test_scale_expose_set_and_rollout(newest: Kubectl) -> None:
    kubectl = newest
    await kubectl("create", "deployment", "d", "--image=i:1", "--port=80")
    assert await kubectl("scale", "deployment", "d", "--replicas=4") == "deployment.apps/d scaled"
    assert await kubectl.refused("scale", "deployment", "d", "--current-replicas=9", "--replicas=1") == (
        "error: Expected replicas to be 9, was 4")
    assert await kubectl("expose", "deployment", "d", "--port=80", "--type=NodePort") == "service/d exposed"
    assert await kubectl("patch", "svc", "d", "-p", '{"spec":{"type":"ClusterIP"}}') == "service/d patched"
    assert await kubectl("set", "image", "deployment/d", "i=i:2") == "deployment.apps/d image updated"
    assert await kubectl("set", "env", "deployment/d", "A=B") == "deployment.apps/d env updated"
    assert await kubectl("autoscale", "deployment", "d", "--max=3") == "horizontalpodautoscaler.autoscaling/d autoscaled"
    assert await kubectl("rollout", "restart", "deployment/d") == "deployment.apps/d restarted"
    spec = (await kubectl.json("get", "deploy", "d"))["spec"]
    container = spec["template"]["spec"]["containers"][0]
    assert (spec["replicas"], container["image"], container["env"]) == (4, "i:2", [{"name": "A", "value": "B"}])


async def test_deletions_wait_and_propagate(newest: Kubectl) -> None:
    kubectl = newest
    await kubectl("create", "deployment", "d", "--image=i")
    assert await kubectl("delete", "deploy", "d", "--cascade=foreground", "--wait=false") == 'deployment.apps "d" deleted'
    assert await kubectl("get", "deploy", "d", "-o", "jsonpath={.metadata.finalizers}") == '["foregroundDeletion"]'
    await kubectl("run", "p", "--image=i")
    assert await kubectl("wait", "--for=jsonpath={.status.phase}=Pending", "pod/p", "--timeout=5s") == "pod/p condition met"
    assert await kubectl.refused("wait", "--for=condition=Ready", "pod/p", "--timeout=1s") == (
        "error: timed out waiting for the condition on pods/p")
    assert await kubectl("delete", "pod", "p") == 'pod "p" deleted'
    assert await kubectl("delete", "pod", "p", "--ignore-not-found") == ""
    for name in ("a", "b"):
        await kubectl("create", "configmap", name)
    assert (await kubectl("delete", "cm", "--all")).splitlines() == ['configmap "a" deleted', 'configmap "b" deleted']


async def test_discovery_and_documentation(newest: Kubectl) -> None:
    kubectl = newest
    resources = await kubectl("api-resources", "-o", "name")
    assert {"pods", "deployments.apps", "leases.coordination.k8s.io"} <= set(resources.split())
    assert "apps/v1" in (await kubectl("api-versions")).split()
    assert "FIELD: image <string>" in await kubectl("explain", "pod.spec.containers.image")
    assert "ok" in await kubectl("get", "--raw", "/readyz")
    assert "Username" in await kubectl("auth", "whoami")
    assert "is running at" in await kubectl("cluster-info")


async def test_dry_run_shows_what_would_be(newest: Kubectl) -> None:
    kubectl = newest
    assert await kubectl("apply", "--dry-run=server", "-f", "-", stdin=MANIFEST) == (
        "deployment.apps/web created (server dry run)\nservice/web created (server dry run)\nconfigmap/settings created (server dry run)")
    assert "not found" in await kubectl.refused("get", "deploy", "web")


async def test_watch_prints_changes_as_rows(newest: Kubectl, lab: Lab) -> None:
    kubectl = newest
    watch = asyncio.create_task(kubectl.run("get", "cm", "--watch", "--request-timeout=3s"))
    while not lab.store.state.watchers().get("configmaps"):
        await asyncio.sleep(0.01)
    await kubectl("create", "configmap", "c", "--from-literal=k=v")
    _, out, _ = await watch
    assert re.search(r"^NAME +DATA +AGE\nc +1 +\d+s$", out, re.MULTILINE)


async def test_example_is_unchanged_when_applied_again(newest: Kubectl) -> None:
    """But for the Secret: its stringData is never part of what is stored."""
    await newest("apply", "-f", str(HELLO))
    again = (await newest("apply", "-f", str(HELLO))).splitlines()
    assert [line for line in again if not line.startswith("secret/")] == [
        line for line in again if line.endswith(" unchanged")]
