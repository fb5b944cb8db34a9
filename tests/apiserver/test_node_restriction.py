"""What a node may write, asked over HTTP by an administrator who acts as the node, so that authorizer and admission work together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from .lab import Answer, Lab

POD = {"containers": [{"name": "c", "image": "i"}]}
CSR_OF_B = "system:node:b"


async def as_node(lab: Lab, node: str, method: str, path: str, document: Any = None, *, patch: bool = False) -> Answer:
    headers = {"Impersonate-User": f"system:node:{node}", "Impersonate-Group": "system:nodes"}
    if patch:
        headers["Content-Type"] = "application/merge-patch+json"
    return await lab.send(method, path, document, headers=headers)


def refusal(answer: Answer) -> str:
    assert answer.status == 403, answer.body
    return str(answer.json["message"])


async def make(lab: Lab, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
    answer = await lab.send("POST", path, document)
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.json
    return made


@pytest.fixture
async def cluster(lab: Lab) -> Lab:
    """Nodes a and b; pods "pod-a" and "pod-b" on them; the namespace of node leases."""
    await make(lab, "/api/v1/namespaces", {"metadata": {"name": "kube-node-lease"}})
    for node in ("a", "b"):
        await make(lab, "/api/v1/nodes", {"metadata": {"name": node}})
        await make(lab, "/api/v1/namespaces/default/secrets", {"metadata": {"name": f"secret-{node}"}})
        await make(lab, "/api/v1/namespaces/default/pods", {
            "metadata": {"name": f"pod-{node}"},
            "spec": {**POD, "nodeName": node, "volumes": [{"name": "s", "secret": {"secretName": f"secret-{node}"}}]},
        })
    return lab


PODS = "/api/v1/namespaces/default/pods"
MIRROR = {"kubernetes.io/config.mirror": "x"}


async def test_a_node_reads_the_secrets_of_its_own_pods(cluster: Lab) -> None:
    assert (await as_node(cluster, "a", "GET", "/api/v1/namespaces/default/secrets/secret-a")).status == 200
    assert refusal(await as_node(cluster, "a", "GET", "/api/v1/namespaces/default/secrets/secret-b")) == (
        'secrets "secret-b" is forbidden: User "system:node:a" cannot get resource "secrets" in API group "" in the namespace "default": '
        "no relationship found between node 'a' and this object"
    )
    await cluster.send("DELETE", f"{PODS}/pod-a?gracePeriodSeconds=0")
    assert (await as_node(cluster, "a", "GET", "/api/v1/namespaces/default/secrets/secret-a")).status == 403


async def test_a_node_lists_its_own_pods(cluster: Lab) -> None:
    assert (await as_node(cluster, "a", "GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Da")).status == 200
    for path in ("/api/v1/pods", "/api/v1/pods?fieldSelector=spec.nodeName%3Db", "/api/v1/watch/pods?fieldSelector=spec.nodeName%3Da"):
        assert "can only list/watch pods with spec.nodeName field selector" in refusal(await as_node(cluster, "a", "GET", path))


async def mirror_pod(lab: Lab, **spec: Any) -> dict[str, Any]:
    uid = (await lab.get("/api/v1/nodes/a")).json["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "Node", "name": "a", "uid": uid, "controller": True}
    return {
        "metadata": {"name": "mirror", "annotations": dict(MIRROR), "ownerReferences": [owner]}, "spec": {**POD, "nodeName": "a", **spec},
    }


async def test_a_node_makes_mirrors_of_its_own_pods(cluster: Lab) -> None:
    assert (await as_node(cluster, "a", "POST", PODS, await mirror_pod(cluster))).status == 201
    assert refusal(await as_node(cluster, "a", "PUT", f"{PODS}/mirror", await mirror_pod(cluster))) == (
        'pods "mirror" is forbidden: User "system:node:a" cannot update resource "pods" in API group "" in the namespace "default"'
    )
    assert (await as_node(cluster, "a", "DELETE", f"{PODS}/mirror")).status == 200


def change_owner(pod: dict[str, Any], **changes: Any) -> None:
    pod["metadata"]["ownerReferences"][0].update(changes)


@pytest.mark.parametrize(("change", "why"), [
    (lambda pod: pod["metadata"].pop("annotations"),
     'pod does not have "kubernetes.io/config.mirror" annotation, node "a" can only create mirror pods'),
    (lambda pod: pod["spec"].update(nodeName="b"), 'node "a" can only create pods with spec.nodeName set to itself'),
    (lambda pod: pod["metadata"].pop("ownerReferences"), 'node "a" can only create pods with an owner reference set to itself'),
    (lambda pod: pod["metadata"]["ownerReferences"].append({"apiVersion": "v1", "kind": "Node", "name": "b", "uid": "u"}),
     'node "a" can only create pods with a single owner reference set to itself'),
    (lambda pod: change_owner(pod, name="b"), 'node "a" can only create pods with an owner reference set to itself'),
    (lambda pod: change_owner(pod, controller=False), 'node "a" can only create pods with a controller owner reference set to itself'),
    (lambda pod: change_owner(pod, blockOwnerDeletion=True), 'node "a" must not set blockOwnerDeletion on an owner reference'),
    (lambda pod: pod["spec"].update(serviceAccountName="default"), "a mirror pod may not reference service accounts"),
    (lambda pod: pod["spec"].update(imagePullSecrets=[{"name": "s"}]), "a mirror pod may not reference secrets"),
    (lambda pod: pod["spec"].update(volumes=[{"name": "v", "configMap": {"name": "c"}}]),
     'node "a" can not create pods that reference configmaps'),
    (lambda pod: pod["spec"].update(volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]),
     'node "a" can not create pods that reference persistentvolumeclaims'),
    (lambda pod: pod["spec"].update(volumes=[{"name": "v", "projected": {"sources": [
        {"clusterTrustBundle": {"name": "x", "path": "p"}}]}}]), 'node "a" can not create pods that reference clustertrustbundles'),
])
async def test_a_node_makes_no_other_pods(cluster: Lab, change: Any, why: str) -> None:
    pod = await mirror_pod(cluster)
    change(pod)
    assert refusal(await as_node(cluster, "a", "POST", PODS, pod)) == f'pods "mirror" is forbidden: {why}'


async def test_a_mirror_pod_belongs_to_the_node_that_is_there(cluster: Lab) -> None:
    pod = await mirror_pod(cluster)
    uid = pod["metadata"]["ownerReferences"][0]["uid"]
    change_owner(pod, uid="other")
    assert refusal(await as_node(cluster, "a", "POST", PODS, pod)) == (
        f'pods "mirror" is forbidden: node a UID mismatch: expected other got {uid}'
    )


async def test_a_node_deletes_evicts_and_reports_on_its_own_pods(cluster: Lab) -> None:
    status = {"status": {"message": "m"}}
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "pod-b"}}
    assert refusal(await as_node(cluster, "a", "DELETE", f"{PODS}/pod-b")) == (
        'pods "pod-b" is forbidden: node "a" can only delete pods with spec.nodeName set to itself'
    )
    assert refusal(await as_node(cluster, "a", "PATCH", f"{PODS}/pod-b/status", status, patch=True)) == (
        'pods "pod-b" is forbidden: node "a" can only update pod status for pods with spec.nodeName set to itself'
    )
    assert refusal(await as_node(cluster, "a", "POST", f"{PODS}/pod-b/eviction", eviction)) == (
        'pods "pod-b" is forbidden: node a can only evict pods with spec.nodeName set to itself'
    )
    labels = {"metadata": {"labels": {"x": "y"}}}
    assert refusal(await as_node(cluster, "a", "PATCH", f"{PODS}/pod-a/status", labels, patch=True)) == (
        'pods "pod-a" is forbidden: node "a" cannot update labels through pod status'
    )
    claims = {"status": {"resourceClaimStatuses": [{"name": "x", "resourceClaimName": "y"}]}}
    assert refusal(await as_node(cluster, "a", "PATCH", f"{PODS}/pod-a/status", claims, patch=True)) == (
        'pods "pod-a" is forbidden: node "a" cannot update resource claim statues'
    )
    assert (await as_node(cluster, "a", "PATCH", f"{PODS}/pod-a/status", status, patch=True)).status == 200
    eviction["metadata"] = {"name": "pod-a"}
    assert (await as_node(cluster, "a", "POST", f"{PODS}/pod-a/eviction", eviction)).status == 201
    eviction["metadata"] = {"name": "ghost"}
    answer = await as_node(cluster, "a", "POST", f"{PODS}/ghost/eviction", eviction)
    assert (answer.status, answer.json["message"]) == (404, 'pod "ghost" not found')


@pytest.mark.parametrize(("patch", "why"), [
    ({"spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]}}, 'node "a" is not allowed to modify taints'),
    ({"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "u"}]}},
     'node "a" is not allowed to modify ownerReferences'),
    ({"metadata": {"labels": {"node-restriction.kubernetes.io/x": "y", "x": "y"}}},
     "is not allowed to modify labels: node-restriction.kubernetes.io/x"),
    ({"metadata": {"labels": {"node-role.kubernetes.io/x": "", "a.k8s.io/b": "c"}}},
     "is not allowed to modify labels: a.k8s.io/b, node-role.kubernetes.io/x"),
])
async def test_a_node_changes_of_itself_what_does_not_draw_work_to_it(cluster: Lab, patch: Any, why: str) -> None:
    assert refusal(await as_node(cluster, "a", "PATCH", "/api/v1/nodes/a", patch, patch=True)) == f'nodes "a" is forbidden: {why}'


async def test_a_node_writes_no_other_node(cluster: Lab) -> None:
    good = {"metadata": {"labels": {
        "kubernetes.io/hostname": "h", "node.kubernetes.io/x": "1", "x.kubelet.kubernetes.io/y": "2", "example.com/z": "3",
    }}}
    assert (await as_node(cluster, "a", "PATCH", "/api/v1/nodes/a", good, patch=True)).status == 200
    assert refusal(await as_node(cluster, "a", "PATCH", "/api/v1/nodes/b", good, patch=True)) == (
        'nodes "b" is forbidden: node "a" is not allowed to modify node "b"'
    )
    assert refusal(await as_node(cluster, "a", "PATCH", "/api/v1/nodes/b/status", {"status": {}}, patch=True)) == (
        'nodes "b" is forbidden: node "a" is not allowed to modify node "b"'
    )
    new = {"metadata": {"name": "c", "labels": {"node-role.kubernetes.io/control-plane": ""}}}
    assert refusal(await as_node(cluster, "c", "POST", "/api/v1/nodes", new)) == (
        'nodes "c" is forbidden: node "c" is not allowed to set the following labels: node-role.kubernetes.io/control-plane'
    )
    assert refusal(await as_node(cluster, "d", "POST", "/api/v1/nodes", {"metadata": {"name": "c"}})) == (
        'nodes "c" is forbidden: node "d" is not allowed to modify node "c"'
    )


async def test_a_node_keeps_its_own_lease_and_slices(cluster: Lab) -> None:
    leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
    assert (await as_node(cluster, "a", "POST", leases, {"metadata": {"name": "a"}})).status == 201
    assert refusal(await as_node(cluster, "a", "POST", leases, {"metadata": {"name": "b"}})) == (
        'leases.coordination.k8s.io "b" is forbidden: can only access node lease with the same name as the requesting node'
    )
    slices = "/apis/resource.k8s.io/v1/resourceslices"
    slice_ = {"metadata": {"name": "s"}, "spec": {
        "driver": "d.example.com", "nodeName": "b", "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1}}}
    assert refusal(await as_node(cluster, "a", "POST", slices, slice_)) == (
        'resourceslices.resource.k8s.io "s" is forbidden: can only create ResourceSlice with the same NodeName as the requesting node'
    )
    await make(cluster, slices, slice_)
    assert (await as_node(cluster, "b", "GET", f"{slices}/s")).status == 200
    assert (await as_node(cluster, "b", "DELETE", f"{slices}?fieldSelector=spec.nodeName%3Db")).status == 200
    csi_node = {"metadata": {"name": "b"}, "spec": {"drivers": []}}
    assert refusal(await as_node(cluster, "a", "POST", "/apis/storage.k8s.io/v1/csinodes", csi_node)) == (
        'csinodes.storage.k8s.io "b" is forbidden: can only access CSINode with the same name as the requesting node'
    )


async def test_a_node_asks_for_certificates_with_its_own_name(cluster: Lab) -> None:
    import base64

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    names = x509.Name([
        x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "system:nodes"), x509.NameAttribute(x509.NameOID.COMMON_NAME, CSR_OF_B)
    ])
    request = x509.CertificateSigningRequestBuilder().subject_name(names).sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    pem = base64.b64encode(request.public_bytes(serialization.Encoding.PEM)).decode()
    path = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
    document = {"metadata": {"name": "x"}, "spec": {
        "request": pem, "signerName": "kubernetes.io/kube-apiserver-client-kubelet", "usages": ["client auth", "digital signature"]}}
    assert refusal(await as_node(cluster, "a", "POST", path, document)) == (
        'certificatesigningrequests.certificates.k8s.io "x" is forbidden: can only create a node CSR with CN=system:node:a'
    )
    assert (await as_node(cluster, "b", "POST", path, document)).status == 201


async def test_a_node_says_of_claims_that_they_have_grown(cluster: Lab) -> None:
    claims = "/api/v1/namespaces/default/persistentvolumeclaims"
    await make(cluster, claims, {"metadata": {"name": "data"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}})
    await make(cluster, PODS, {"metadata": {"name": "user"}, "spec": {
        **POD, "nodeName": "a", "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}})
    grown = {"status": {"capacity": {"storage": "2Gi"}}}
    assert (await as_node(cluster, "a", "PATCH", f"{claims}/data/status", grown, patch=True)).status == 200
    assert "no relationship found" in refusal(await as_node(cluster, "b", "PATCH", f"{claims}/data/status", grown, patch=True))
    lost = {"status": {"phase": "Lost"}}
    assert refusal(await as_node(cluster, "a", "PATCH", f"{claims}/data/status", lost, patch=True)) == (
        'persistentvolumeclaims "data" is forbidden: node "a" is not allowed to update fields other than status.quantity and '
        "status.conditions: status"
    )


async def test_a_node_gets_tokens_for_its_own_pods_and_their_audiences(cluster: Lab) -> None:
    path = "/api/v1/namespaces/default/serviceaccounts/default/token"
    uids = {name: (await cluster.get(f"{PODS}/{name}")).json["metadata"]["uid"] for name in ("pod-a", "pod-b")}

    async def ask(reference: dict[str, str] | None, *audiences: str) -> Answer:
        spec: dict[str, Any] = {"audiences": list(audiences)} | ({"boundObjectRef": reference} if reference is not None else {})
        return await as_node(cluster, "a", "POST", path, {"spec": spec})

    def bound(name: str, uid: str) -> dict[str, str]:
        return {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid}

    own = bound("pod-a", uids["pod-a"])
    assert (await ask(own)).status == 201
    for reference, why in (
        (None, "node requested token not bound to a pod"),
        (bound("pod-a", ""), "node requested token with a pod binding without a uid"),
        (bound("pod-a", "x"), "the UID in the bound object reference (x) does not match the UID in record. "
                              "The object might have been deleted and then recreated"),
        (bound("pod-b", uids["pod-b"]), "node requested token bound to a pod scheduled on a different node"),
    ):
        assert refusal(await ask(reference)) == f'serviceaccounts "default" is forbidden: {why}'
    assert refusal(await ask(own, "one", "two")) == 'serviceaccounts "default" is forbidden: node may only request 0 or 1 audiences'
    assert refusal(await ask(own, "vault")) == (
        'serviceaccounts "default" is forbidden: audience "vault" not found in pod spec volume, '
        "system:node:a is not authorized to request tokens for this audience"
    )
    rules = "/apis/rbac.authorization.k8s.io/v1"
    await make(cluster, f"{rules}/clusterroles", {"metadata": {"name": "vault"}, "rules": [
        {"verbs": ["request-serviceaccounts-token-audience"], "apiGroups": [""], "resources": ["vault"], "resourceNames": ["default"]}]})
    await make(cluster, f"{rules}/clusterrolebindings", {
        "metadata": {"name": "vault"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "vault"},
        "subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "system:nodes"}]})
    assert (await ask(own, "vault")).status == 201


async def test_drivers_of_a_pods_volumes_ask_for_audiences(cluster: Lab) -> None:
    await make(cluster, "/apis/storage.k8s.io/v1/csidrivers", {
        "metadata": {"name": "d.example.com"}, "spec": {"tokenRequests": [{"audience": "bank"}], "volumeLifecycleModes": ["Ephemeral"]}})
    volumes = [{"name": "v", "csi": {"driver": "d.example.com"}}, {"name": "g", "csi": {"driver": "ghost.example.com"}}]
    pod = await make(cluster, PODS, {"metadata": {"name": "user"}, "spec": {**POD, "nodeName": "a", "volumes": volumes}})
    reference = {"apiVersion": "v1", "kind": "Pod", "name": "user", "uid": pod["metadata"]["uid"]}
    path = "/api/v1/namespaces/default/serviceaccounts/default/token"
    for audience, status in (("bank", 201), ("", 201), ("vault", 403)):
        audiences = [audience] if audience else []
        answer = await as_node(cluster, "a", "POST", path, {"spec": {"boundObjectRef": reference, "audiences": audiences}})
        assert answer.status == status, answer.body
    assert refusal(answer) == (
        'serviceaccounts "default" is forbidden: error validating audience "vault": csidriver.storage.k8s.io "ghost.example.com" not found'
    )


async def test_a_node_without_a_name_writes_nothing(cluster: Lab) -> None:
    await make(cluster, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
        "metadata": {"name": "nodes"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "system:nodes"}]})
    assert refusal(await as_node(cluster, "", "DELETE", f"{PODS}/pod-a")) == (
        'pods "pod-a" is forbidden: could not determine node from user "system:node:"'
    )
