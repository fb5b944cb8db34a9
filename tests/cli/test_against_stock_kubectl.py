"""Our kubectl prints what the stock one prints, on the same server, byte for byte."""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64encode
from dataclasses import replace

import pytest

from tests.controllers.certificate_requests import request_pem

from .conftest import Kubectl, Said

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("stock_kubectl")]
AGE = re.compile(r"\b\d+s\b")

MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}, annotations: {note: "hello: world"}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers:
      - {name: init, image: busybox, command: [sh, -c, "echo hi; sleep 1"]}
      containers:
      - name: c
        image: nginx:1.25
        ports: [{containerPort: 80, name: http}, {containerPort: 443}]
        env:
        - {name: A, value: "1"}
        - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: S, valueFrom: {secretKeyRef: {name: s, key: k}}}
        envFrom: [{configMapRef: {name: cm}}]
        resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 128Mi}}
        livenessProbe: {httpGet: {path: /healthz, port: 80}, initialDelaySeconds: 3}
        readinessProbe: {exec: {command: [cat, /tmp/x]}}
        volumeMounts: [{name: data, mountPath: /data}, {name: cm, mountPath: /etc/cm, readOnly: true, subPath: x}]
      volumes:
      - {name: data, emptyDir: {sizeLimit: 1Gi}}
      - {name: cm, configMap: {name: cm}}
      - {name: s, secret: {secretName: s, optional: true}}
      tolerations: [{key: a, operator: Exists, effect: NoSchedule}, {key: b, value: c}]
      nodeSelector: {disk: ssd}
---
{apiVersion: v1, kind: Service, metadata: {name: web},
 spec: {selector: {app: web}, clusterIP: 10.43.0.77, ports: [{port: 80, targetPort: http, name: http}, {port: 443, name: https}]}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: cm}, data: {a: "1", "file.txt": "line 1\\nline 2\\n", yes: "true", empty: ""}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: one}, data: {"file.txt": "line 1\\nline 2\\n"}}
---
{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {k: secret, other: "äöü"}}
---
apiVersion: v1
kind: Pod
metadata: {name: p, labels: {app: p}}
spec:
  nodeName: n1
  tolerations: [{operator: Exists}]
  containers:
  - {name: c, image: busybox, resources: {requests: {cpu: 250m, memory: 1Gi}, limits: {cpu: "1"}}, args: ["sleep", "3600"]}
  - {name: side, image: busybox}
---
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {kubernetes.io/hostname: n1, node-role.kubernetes.io/control-plane: ""}}
status:
  capacity: {cpu: "4", memory: 8Gi, pods: "110"}
  conditions: [{type: Ready, status: "True", reason: KubeletReady, message: ready, lastHeartbeatTime: "2026-01-01T00:00:00Z"}]
---
{apiVersion: batch/v1, kind: Job, metadata: {name: j},
 spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: busybox}]}}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: cj}
spec: {schedule: "*/5 * * * *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: busybox}]}}}}}
---
{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: ds},
 spec: {selector: {matchLabels: {app: ds}}, template: {metadata: {labels: {app: ds}}, spec: {containers: [{name: c, image: busybox}]}}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: ss}
spec:
  serviceName: web
  selector: {matchLabels: {app: ss}}
  template: {metadata: {labels: {app: ss}}, spec: {containers: [{name: c, image: busybox}]}}
  volumeClaimTemplates: [{metadata: {name: d}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]
---
{apiVersion: v1, kind: Namespace, metadata: {name: held}}
---
apiVersion: v1
kind: LimitRange
metadata: {name: compute, namespace: held}
spec:
  limits:
  - {type: Container, default: {cpu: 500m, memory: 1Gi}, defaultRequest: {cpu: 100m}, max: {cpu: "1"}, maxLimitRequestRatio: {cpu: "10"}}
  - {type: Pod, max: {cpu: "2", memory: 2Gi}, min: {cpu: 10m}}
---
apiVersion: v1
kind: LimitRange
metadata: {name: storage, namespace: held}
spec: {limits: [{type: PersistentVolumeClaim, min: {storage: 1Gi}, max: {storage: 10Gi}}]}
---
{apiVersion: v1, kind: ResourceQuota, metadata: {name: q, namespace: held},
 spec: {hard: {pods: "3", requests.cpu: 500m, count/deployments.apps: "2"}}}
---
{apiVersion: v1, kind: ResourceQuota, metadata: {name: scoped, namespace: held},
 spec: {hard: {pods: "3"}, scopes: [NotTerminating, NotBestEffort, PriorityClass]}}
---
apiVersion: v1
kind: Event
metadata: {name: p.1}
involvedObject: {apiVersion: v1, kind: Pod, name: p, namespace: default}
type: Warning
reason: Tested
message: it was seen
count: 3
firstTimestamp: "2026-01-01T00:00:00Z"
lastTimestamp: "2026-01-02T00:00:00Z"
source: {component: test}
"""

READS = """
get pods
get pods -o wide
get po,svc,deploy
get all
get all -A
get nodes -o wide
get nodes --show-labels
get pods -L app,nope
get pod p -o yaml
get pod/p svc/web
get deploy web -o json
get deploy -o yaml
get cm cm -o yaml
get secret s -o yaml
get po,svc -o name
get pods -o jsonpath='{.items[*].metadata.name}'
get pods -o jsonpath='{range .items[*]}{.metadata.name}{"\\t"}{.status.phase}{"\\n"}{end}'
get pods -o custom-columns=NAME:.metadata.name,IMAGES:.spec.containers[*].image,L:.metadata.labels,X:.nope
get cm --sort-by=.metadata.name --no-headers
get pods nope
get pods p nope
get nope
get pods -l app=none
get cronjob,job,ds,sts
get events
get ns default -o jsonpath='{.status}'
get pods -l 'app in (web,p)' -o name
get pods --field-selector status.phase=Pending -o name
get deploy/web -o=jsonpath={.spec.replicas}
get --raw /version
get crd
get pods --bogus
api-resources --api-group=apps
api-resources --namespaced=false -o name
api-versions
auth can-i create pods
auth can-i list secrets --as=nobody
auth whoami
describe deploy web
describe pod p
describe pods
describe svc web
describe cm one
describe secret s
describe ns default
describe ns held
describe quota -n held
describe limits -n held
get quota,limits -n held
describe job j
describe cj cj
describe ds ds
describe sts ss
describe node n1
describe sa default
describe clusterrole view
describe clusterrolebinding cluster-admin
describe pod nope
describe pod p --show-events=false
rollout status deploy/web --watch=false
rollout status sts/ss --watch=false
rollout history deploy/web
wait --for=jsonpath='{.status.phase}'=Pending pod/p
wait --for=delete pod/nope --timeout=1s
logs nope
logs
delete
scale deploy nope --replicas=1
"""


# Stock kubectl walks a Go map to print the resources of a limit: their lines come in another order from run to run.
UNORDERED = {"describe limits -n held", "describe ns held"}


def alike(command: str, stock: Said, ours: Said) -> bool:
    if command in UNORDERED:
        stock, ours = (replace(said, out="\n".join(sorted(said.out.splitlines()))) for said in (stock, ours))
    return stock == ours


async def same(kubectl: Kubectl, command: str, stdin: str = "") -> tuple[Said, Said]:
    """Both answers; asked again if a second ended between the two."""
    for _ in range(3):
        stock, ours = await asyncio.gather(kubectl.stock(command, stdin), kubectl.ours(command, stdin))
        if alike(command, stock, ours):
            break
    return stock, ours


async def test_reading_commands_print_the_same(cluster: Kubectl) -> None:
    made = await cluster.ours("apply -f -", MANIFEST)
    assert made.code == 0, made.err
    status = '{"status":{"hard":{"pods":"3","requests.cpu":"500m"},"used":{"pods":"1"}}}'
    made = await cluster.stock(f"patch quota q -n held --subresource=status --type=merge -p '{status}'")
    assert made.code == 0, made.err
    different = []
    for command in READS.strip().splitlines():
        stock, ours = await same(cluster, command)
        if not alike(command, stock, ours):
            different.append((command, stock, ours))
    assert not different, "\n".join(f"{command}\n-- stock\n{a.out}{a.err}-- ours\n{b.out}{b.err}" for command, a, b in different)


async def test_apply_by_one_is_understood_by_the_other(cluster: Kubectl) -> None:
    """What one has applied, the other finds unchanged, and takes fields away that are gone from the file."""
    first = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","labels":{"a":"b"}},"data":{"one":"1","two":"2"}}'
    second = first.replace(',"two":"2"', "").replace('{"a":"b"}', "{}")
    assert (await cluster.ours("apply -f -", first)).out == "configmap/x created\n"
    assert (await cluster.stock("apply -f -", first)).out == "configmap/x unchanged\n"
    await cluster.stock("label cm x mine=kept")
    assert (await cluster.ours("apply -f -", second)).out == "configmap/x configured\n"
    assert (await cluster.stock("apply -f -", second)).out == "configmap/x unchanged\n"
    assert (await cluster.ours("get cm x -o jsonpath='{.data} {.metadata.labels}'")).out == '{"one":"1"} {"mine":"kept"}'


@pytest.mark.parametrize("command", [
    "apply -f absent.yaml", "apply", "create deployment d", "label pod p x", "cordon nope", "patch cm nope -p '{}'", "rollout status pod/p",
    "set image deploy/nope c=d", "expose deploy nope",
])
async def test_refusals_end_with_the_same_code(cluster: Kubectl, command: str) -> None:
    stock, ours = await cluster.stock(command), await cluster.ours(command)
    assert stock.code == ours.code != 0
    assert ours.err and not ours.out


@pytest.mark.parametrize("command", [
    "create quota x --hard=pods=1,requests.cpu=500m --scopes=NotTerminating,NotBestEffort --dry-run=server -o name",
    "create quota x --hard=pods=1 --scopes=BestEffort --dry-run=server -o jsonpath='{.spec}'", "create quota x --hard=pods",
    "create quota x --hard=pods=1,cpu=1 --scopes=BestEffort", "create resourcequota x --dry-run=client", "create cm BAD_", "create sa BAD_",
    "create secret generic BAD_", "create deployment BAD_ --image=x", "create job BAD_ --image=x", "create ns default",
    "create role BAD/ --verb=get --resource=pods", "create rolebinding BAD/ --role=x --user=a",
])
async def test_flags_make_the_same_objects_or_the_same_complaints(cluster: Kubectl, command: str) -> None:
    stock, ours = await cluster.stock(command), await cluster.ours(command)
    assert ours == stock


@pytest.mark.parametrize("document", [
    "kind: Pod",
    '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"bad"},"spec":{}}',
    '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"BAD_"},"spec":{"containers":[{"name":"c","image":"i"}]}}',
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"unk"},"dota":{}}',
    '{"apiVersion":"foo/v1","kind":"Foo","metadata":{"name":"unk"}}',
    "a: [",
])
async def test_bad_manifests_are_refused_in_the_same_words(cluster: Kubectl, document: str) -> None:
    stock, ours = await cluster.stock("apply -f -", document), await cluster.ours("apply -f -", document)
    assert (ours.code, ours.out) == (stock.code, stock.out)
    if document != "a: [":
        assert ours.err == stock.err


async def test_certificate_requests_are_decided_alike(cluster: Kubectl) -> None:
    """Requests a and b are decided by the stock one and by ours; what is said and what is stored are the same."""
    for name in ("a", "b"):
        spec = {"request": b64encode(request_pem("jane")).decode(), "signerName": "kubernetes.io/kube-apiserver-client",
                "usages": ["client auth"]}
        document = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": name}, "spec": spec}
        assert (await cluster.ours("create -f -", json.dumps(document))).code == 0
    told = []
    for run, name in ((cluster.stock, "a"), (cluster.ours, "b")):
        said = [await run(f"certificate {arguments}") for arguments in (
            f"approve {name}", f"approve {name} --force", f"deny {name}", "approve", "approve none")]
        shown = "jsonpath={.status.conditions[*].reason},{.status.conditions[*].message}"
        conditions = (await cluster.stock(f"get csr {name} -o {shown}")).out
        told.append([(one.out.replace(f"/{name} ", "/x "), one.err.replace(f'"{name}"', '"x"'), one.code) for one in said] + [conditions])
    assert told[0] == told[1]
    assert told[1][0] == ("certificatesigningrequest.certificates.k8s.io/x approved\n", "", 0)
