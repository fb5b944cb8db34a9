"""Every verb of the CKA course under every kubectl of this machine, on a real node."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.e2e.cluster import IMAGE, Cluster
from tests.e2e.kubectl import Kubectl, binaries

pytestmark = pytest.mark.e2e
SLEEP = ("--image", IMAGE, "--image-pull-policy=IfNotPresent")


@pytest.fixture(scope="module", params=[*binaries()] or [pytest.param("none", marks=pytest.mark.skip(reason="no kubectl"))])
def k(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[Kubectl]:
    """A kubectl, and its namespace."""
    namespace = f"k{request.param.replace('.', '-')}"
    cluster.kubectl("create", "namespace", namespace)
    yield Kubectl(cluster, request.param, namespace)
    cluster.kubectl("delete", "deployments,pods", "--all", "-n", namespace, "--grace-period=1", "--wait=false")
    cluster.kubectl("delete", "namespace", namespace, "--timeout=90s")


@pytest.fixture(scope="module")
def shell(k: Kubectl) -> str:
    """The name of a running pod with a shell and a file."""
    k("run", "shell", *SLEEP, "--labels=app=shell", "--command", "--", "sh", "-c", "echo ready; echo content > /file; exec sleep 3600")
    k("wait", "--for=condition=Ready", "pod/shell", "--timeout=60s")
    return "shell"


@pytest.fixture(scope="module")
def web(k: Kubectl) -> str:
    """The name of a deployment that is available."""
    k("create", "deployment", "web", "--image", IMAGE, "--replicas=1", "--port=8080", "--", "httpd", "-f", "-p", "8080", "-h", "/etc")
    k("rollout", "status", "deployment/web", "--timeout=60s")
    return "web"


CREATES = [
    ("configmap", "settings", "--from-literal=color=red"),
    ("secret", "generic", "password", "--from-literal=word=open-sesame"),
    ("secret", "docker-registry", "registry", "--docker-server=example.com", "--docker-username=u", "--docker-password=p"),
    ("serviceaccount", "robot"),
    ("role", "reader", "--verb=get,list", "--resource=pods,pods/log"),
    ("rolebinding", "readers", "--role=reader", "--serviceaccount={ns}:robot", "--user=jane"),
    ("clusterrole", "{ns}-nodes", "--verb=get", "--resource=nodes"),
    ("clusterrolebinding", "{ns}-nodes", "--clusterrole={ns}-nodes", "--group=ops"),
    ("quota", "small", "--hard=pods=100,services=10"),
    ("priorityclass", "{ns}-high", "--value=1000", "--description=high"),
    ("poddisruptionbudget", "budget", "--selector=app=none", "--min-available=50%"),
    ("ingress", "front", "--rule=example.com/path*=web:80,tls=cert"),
    ("service", "clusterip", "headless", "--clusterip=None", "--tcp=80:8080"),
    ("service", "nodeport", "outside", "--tcp=80:8080"),
    ("service", "externalname", "elsewhere", "--external-name=example.com"),
    ("cronjob", "nightly", "--image=x", "--schedule=0 3 * * *", "--", "true"),
]


def test_create_makes_every_kind_that_it_knows(k: Kubectl) -> None:
    for words in CREATES:
        arguments = [word.format(ns=k.namespace) for word in words]
        planned = k("create", "--dry-run=server", "-o", "name", *arguments)
        assert k("create", *arguments).endswith(" created"), arguments
        assert k("get", planned, "-o", "name") == planned
    status, error = k.fails("create", "configmap", "settings")
    assert (status, error) == (1, 'error: failed to create configmap: configmaps "settings" already exists\n')
    for name in ("clusterrole", "clusterrolebinding"):
        k("delete", name, f"{k.namespace}-nodes")
    k("delete", "priorityclass", f"{k.namespace}-high")
    if k.version >= (1, 24):
        assert len(k("create", "token", "robot", "--duration=10m").split(".")) == 3


def test_get_prints_every_form_and_order(k: Kubectl, shell: str) -> None:
    k("create", "configmap", "b")
    k("create", "configmap", "a")
    names = k("get", "cm", "a", "b", "--sort-by=.metadata.name", "-o", "jsonpath={.items[*].metadata.name}")
    assert names == "a b"
    assert k("get", "pod", shell, "-o", "custom-columns=N:.metadata.name,P:.status.phase", "--no-headers").split() == [shell, "Running"]
    assert k("get", "pod", shell, "-o", "go-template={{.metadata.name}}") == shell
    assert k("get", "pod/shell", "-o", "name") == "pod/shell"
    assert json.loads(k("get", "pods", "-l", "app=shell", "-o", "json"))["items"][0]["metadata"]["name"] == shell
    assert "kind: Pod" in k("get", "pod", shell, "-o", "yaml")
    assert k("get", "pods", "-o", "wide", "--show-labels").splitlines()[0].split()[:4] == ["NAME", "READY", "STATUS", "RESTARTS"]
    assert "app=shell" in k("get", "pods", "--show-labels")
    assert k("get", "pods", "--field-selector", "status.phase=Running,metadata.name=shell", "-o", "name") == "pod/shell"
    assert "pod/shell" in k("get", "all")
    assert k("get", "pods", "-A", "--chunk-size=1", "-o", "name").count("pod/") >= 1
    assert "shell" in k("get", "--raw", f"/api/v1/namespaces/{k.namespace}/pods")
    assert k("get", "pods", "--subresource=status", shell, "-o", "jsonpath={.status.phase}") == "Running"
    assert k.fails("get", "pod", "nobody")[1] == 'Error from server (NotFound): pods "nobody" not found\n'


def test_describe_and_events_tell_the_story_of_a_pod(k: Kubectl, shell: str) -> None:
    text = k("describe", "pod", shell)
    assert re.search(r"^Status:\s+Running$", text, re.MULTILINE) and "Container started" in text
    assert "Scheduled" in k("events", "--for", f"pod/{shell}")
    assert "Allocated resources:" in k("describe", "node", k.node)
    assert "Scheduled" in k("get", "events", "--field-selector", f"involvedObject.name={shell}")


def test_logs_exec_attach_cp_and_port_forward_reach_the_pod(k: Kubectl, shell: str, web: str, tmp_path: Path) -> None:
    assert k("logs", shell) == "ready"
    assert k("logs", "-l", "app=shell", "--tail=1", "--prefix").endswith("ready")
    assert k("exec", shell, "--", "cat", "/file") == "content"
    assert k("exec", "-i", shell, "--", "wc", "-c", input="12345").strip() == "5"
    assert k.fails("exec", shell, "--", "sh", "-c", "exit 3") == (3, "command terminated with exit code 3\n")
    sent = tmp_path / "sent"
    sent.write_text("there and back\n" * 1000)
    k("cp", str(sent), f"{shell}:/tmp/copied")
    k("cp", f"{shell}:/tmp/copied", str(tmp_path / "back"))
    assert (tmp_path / "back").read_text() == sent.read_text()
    k("run", "echo", *SLEEP, "--restart=Never", "--stdin", "--attach=false", "--command", "--", "cat")
    k("wait", "--for=condition=Ready", "pod/echo", "--timeout=60s")
    assert k("attach", "-i", "echo", input="said\n").splitlines()[-1] == "said"
    forward = k.start("port-forward", f"deployment/{web}", ":8080")
    try:
        assert forward.stdout is not None
        match = re.search(r"127\.0\.0\.1:(\d+)", forward.stdout.readline())
        assert match is not None
        assert "root" in k.cluster.fetch(f"http://127.0.0.1:{match[1]}/passwd")
    finally:
        forward.kill()
        forward.communicate()


def test_debug_adds_an_ephemeral_container(k: Kubectl, shell: str) -> None:
    k("debug", shell, "--image", IMAGE, "--container=probe", "--image-pull-policy=IfNotPresent", "--profile=general", "--", "sleep", "600")
    status = "{.status.ephemeralContainerStatuses[?(@.name=='probe')].state.running.startedAt}"
    k.cluster.wait(lambda: k("get", "pod", shell, "-o", f"jsonpath={status}"), "the debug container to run")


def test_label_annotate_and_patch_change_objects(k: Kubectl) -> None:
    k("create", "configmap", "marked", "--from-literal=a=1")
    assert k("label", "cm", "marked", "tier=gold") == "configmap/marked labeled"
    assert k.fails("label", "cm", "marked", "tier=lead")[1] == "error: 'tier' already has a value (gold), and --overwrite is false\n"
    k("label", "cm", "marked", "tier=lead", "--overwrite")
    k("annotate", "cm", "marked", "note=kept")
    k("label", "cm", "marked", "tier-")
    k("patch", "cm", "marked", "-p", '{"data":{"b":"2"}}')
    k("patch", "cm", "marked", "--type=merge", "-p", '{"data":{"a":null}}')
    k("patch", "cm", "marked", "--type=json", "-p", '[{"op":"add","path":"/data/c","value":"3"}]')
    found = k.get("cm", "marked")
    assert (found["data"], found["metadata"]["annotations"]) == ({"b": "2", "c": "3"}, {"note": "kept"})
    assert "labels" not in found["metadata"]


def test_apply_diff_replace_and_edit_lead_to_what_is_written(k: Kubectl) -> None:
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: applied}\ndata: {color: red, size: '1'}\n"
    assert k("apply", "-f", "-", input=manifest) == "configmap/applied created"
    assert k("diff", "-f", "-", input=manifest) == ""
    assert k("apply", "-f", "-", input=manifest) == "configmap/applied unchanged"
    changed = manifest.replace("red", "blue").replace(", size: '1'", "")
    done = k.cluster.server.host.run(*k.command("diff", "-f", "-")[len(k.cluster.server.host.enter):], input=changed, check=False)
    assert done.returncode == 1 and "+  color: blue" in done.stdout
    assert k("apply", "-f", "-", input=changed) == "configmap/applied configured"
    assert k.get("cm", "applied")["data"] == {"color": "blue"}
    assert k("apply", "view-last-applied", "cm/applied").startswith("apiVersion: v1")
    assert k("replace", "-f", "-", input=manifest) == "configmap/applied replaced"
    assert k("edit", "cm", "applied", editor="sed -i s/red/green/") == "configmap/applied edited"
    assert k.get("cm", "applied")["data"] == {"color": "green", "size": "1"}
    assert k("delete", "-f", "-", input=manifest).startswith('configmap "applied" deleted')


def test_server_side_apply_owns_fields_and_tells_conflicts(k: Kubectl) -> None:
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: owned}\ndata: {color: red}\n"
    assert k("apply", "--server-side", "-f", "-", input=manifest) == "configmap/owned serverside-applied"
    assert k("diff", "--server-side", "-f", "-", input=manifest) == ""
    other = manifest.replace("red", "blue")
    _, error = k.fails("apply", "--server-side", "--field-manager=other", "-f", "-", input=other)
    assert 'conflict with "kubectl": .data.color' in error
    k("apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", "-", input=other)
    managed = k.get("cm", "owned", "--show-managed-fields")["metadata"]["managedFields"]
    assert {entry["manager"]: entry["operation"] for entry in managed}["other"] == "Apply"
    k("apply", "-f", "-", input=manifest.replace("owned", "moved"))
    assert k("apply", "--server-side", "-f", "-", input=manifest.replace("owned", "moved")) == "configmap/moved serverside-applied"


def test_prune_removes_what_is_no_longer_written(k: Kubectl) -> None:
    both = "".join(f"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: p{n}, labels: {{set: pruned}}}}\n" for n in (1, 2))
    prune = ("apply", "--prune", "-l", "set=pruned", "--prune-allowlist=core/v1/ConfigMap", "-f", "-")
    k(*prune, input=both)
    assert "configmap/p2 pruned" in k(*prune, input=both.split("---\n")[1])
    assert k("get", "cm", "-l", "set=pruned", "-o", "name") == "configmap/p1"


def test_rollouts_go_forward_back_and_wait(k: Kubectl, web: str) -> None:
    target = f"deployment/{web}"
    k("set", "env", target, "ROUND=2")
    k("rollout", "status", target, "--timeout=60s")
    assert [line.split()[0] for line in k("rollout", "history", target).splitlines()[2:]] == ["1", "2"]
    k("rollout", "undo", target)
    k("rollout", "status", target, "--timeout=60s")
    assert "env" not in k.get(target)["spec"]["template"]["spec"]["containers"][0]
    assert k("rollout", "pause", target) == f"deployment.apps/{web} paused"
    assert k("rollout", "resume", target) == f"deployment.apps/{web} resumed"
    k("rollout", "restart", target)
    k("rollout", "status", target, "--timeout=60s")
    k("set", "resources", target, "--limits=memory=64Mi", "--requests=cpu=5m")
    k("set", "serviceaccount", target, "default")
    k("set", "image", target, f"*={IMAGE}")
    k("rollout", "status", target, "--timeout=60s")
    assert k.get(target)["spec"]["template"]["spec"]["containers"][0]["resources"] == {
        "limits": {"memory": "64Mi"}, "requests": {"cpu": "5m"}}


def test_scale_autoscale_and_expose(k: Kubectl, web: str) -> None:
    assert k("scale", f"deployment/{web}", "--replicas=2", "--current-replicas=1") == f"deployment.apps/{web} scaled"
    k("wait", "--for=jsonpath={.status.readyReplicas}=2", f"deployment/{web}", "--timeout=60s")
    k("scale", f"deployment/{web}", "--replicas=1")
    k("autoscale", f"deployment/{web}", "--min=1", "--max=3", "--name=scaler")
    assert k.get("hpa", "scaler")["spec"]["maxReplicas"] == 3
    k("expose", f"deployment/{web}", "--port=80", "--target-port=8080")
    address = k.get("service", web)["spec"]["clusterIP"]
    k.cluster.wait(lambda: k("get", "endpointslices", "-l", f"kubernetes.io/service-name={web}", "-o", "name"), "a slice")
    k.cluster.wait(lambda: "root" in k.cluster.server.host.run(
        "curl", "-s", "--max-time", "5", f"http://{address}/passwd", check=False).stdout, "the service to answer")
    k("set", "selector", f"service/{web}", "app=nobody")
    assert k.get("service", web)["spec"]["selector"] == {"app": "nobody"}


def test_jobs_run_to_their_end(k: Kubectl) -> None:
    k("create", "job", "once", "--image", IMAGE, "--", "echo", "done")
    k("wait", "--for=condition=complete", "job/once", "--timeout=60s")
    assert k("logs", "job/once") == "done"


def test_explain_and_api_lists_describe_the_api(k: Kubectl) -> None:
    text = k("explain", "pod.spec.containers")
    assert "KIND:" in text and "imagePullPolicy" in text and "FIELD" in text
    assert "restartPolicy" in k("explain", "pods", "--recursive")
    assert "deployments" in k("api-resources", "--api-group=apps", "--namespaced=true", "--verbs=list", "-o", "name")
    assert {"v1", "apps/v1", "batch/v1"} <= set(k("api-versions").split())
    assert "is running at" in k("cluster-info")
    assert '"kind": "NodeList"' in k("cluster-info", "dump", "--namespaces", k.namespace)
    assert "Server Version" in k("version")


def test_proxy_passes_requests_on(k: Kubectl) -> None:
    proxy = k.start("proxy", "--port=0")
    try:
        assert proxy.stdout is not None
        match = re.search(r"127\.0\.0\.1:(\d+)", proxy.stdout.readline())
        assert match is not None
        assert json.loads(k.cluster.fetch(f"http://127.0.0.1:{match[1]}/api"))["versions"] == ["v1"]
    finally:
        proxy.kill()
        proxy.communicate()


def test_auth_answers_who_may_do_what(k: Kubectl) -> None:
    assert k("auth", "can-i", "create", "pods") == "yes"
    assert k.fails("auth", "can-i", "list", "secrets", "--as=jane")[0] == 1
    k("create", "role", "viewer", "--verb=list", "--resource=secrets")
    k("create", "rolebinding", "viewer", "--role=viewer", "--user=jane")
    assert k("auth", "can-i", "list", "secrets", "--as=jane") == "yes"
    assert "secrets" in k("auth", "can-i", "--list", "--as=jane")
    k("set", "subject", "rolebinding", "viewer", "--user=joe")
    assert k("auth", "can-i", "list", "secrets", "--as=joe") == "yes"
    role = k("get", "role", "viewer", "-o", "yaml")
    assert "viewer" in k("auth", "reconcile", "-f", "-", input=role)
    if k.version >= (1, 28):
        assert "admin" in k("auth", "whoami")


def test_certificates_are_approved(k: Kubectl) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "jane"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "dev")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    csr = f"jane-{k.namespace}"
    k("create", "-f", "-", input=json.dumps({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": csr},
        "spec": {"request": b64encode(request.public_bytes(serialization.Encoding.PEM)).decode(), "usages": ["client auth"],
                 "signerName": "kubernetes.io/kube-apiserver-client"},
    }))
    assert k("certificate", "approve", csr) == f"certificatesigningrequest.certificates.k8s.io/{csr} approved"
    assert k("get", "csr", csr, "-o", "jsonpath={.status.conditions[*].type}") == "Approved"
    k("delete", "csr", csr)


def test_nodes_are_tainted_cordoned_and_drained(k: Kubectl) -> None:
    k("taint", "node", k.node, f"{k.namespace}=x:PreferNoSchedule")
    assert f"{k.namespace}" in k("get", "node", k.node, "-o", "jsonpath={.spec.taints[*].key}")
    k("taint", "node", k.node, f"{k.namespace}-")
    k("create", "deployment", "drained", "--image", IMAGE, "--", "sleep", "3600")
    k("rollout", "status", "deployment/drained", "--timeout=60s")
    try:
        assert k("cordon", k.node) == f"node/{k.node} cordoned"
        assert "SchedulingDisabled" in k("get", "nodes")
        before = k("get", "pods", "-l", "app=drained", "-o", "name")
        assert "evicted" in k("drain", k.node, "--pod-selector=app=drained", "--ignore-daemonsets", "--grace-period=1", "--timeout=60s")
        assert before not in k("get", "pods", "-l", "app=drained", "-o", "name")
    finally:
        k("uncordon", k.node)


def test_wait_sees_deletion(k: Kubectl) -> None:
    k("run", "brief", *SLEEP, "--command", "--", "sleep", "3600")
    k("delete", "pod", "brief", "--wait=false", "--grace-period=1")
    k("wait", "--for=delete", "pod/brief", "--timeout=60s")
    assert k("get", "pod", "brief", "--ignore-not-found") == ""


def test_custom_resources_are_resources(k: Kubectl) -> None:
    group = f"{k.namespace}.example.com"
    k("apply", "-f", "-", input=json.dumps({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group, "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [{
                "name": "v1", "served": True, "storage": True, "subresources": {"status": {}},
                "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
                "schema": {"openAPIV3Schema": {
                    "type": "object", "description": "A thing of a size.",
                    "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer", "description": "How large."}}}}}},
            }],
        },
    }))
    k("wait", "--for=condition=Established", f"crd/widgets.{group}", "--timeout=30s")
    manifest = f"apiVersion: {group}/v1\nkind: Widget\nmetadata: {{name: w}}\nspec: {{size: 3}}\n"
    assert k("apply", "-f", "-", input=manifest) == f"widget.{group}/w created"
    assert k("apply", "-f", "-", input=manifest) == f"widget.{group}/w unchanged"
    assert k("get", f"widgets.{group}").splitlines()[1].split() == ["w", "3"]
    assert "How large." in k("explain", "widgets.spec", f"--api-version={group}/v1")
    k("patch", f"widget.{group}", "w", "--type=merge", "-p", '{"spec":{"size":4}}')
    k("delete", "crd", f"widgets.{group}", "--timeout=60s")
    assert "the server doesn't have a resource type" in k.fails("get", f"widgets.{group}")[1]
