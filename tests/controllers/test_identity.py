"""Controllers of identities: aggregated roles, expired bootstrap tokens, token Secrets."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

import pytest
import yaml

from minikube_py.apis import core_v1, meta_v1, rbac_v1
from minikube_py.apis.legacy_tokens import INVALID_SINCE, LAST_USED, TRACKING
from minikube_py.apis.scheme import deep_copy
from minikube_py.apiserver.authentication.bootstrap import token_secret
from minikube_py.controllers.bootstrap_signer import BootstrapSigner, ClusterInfo, signature
from minikube_py.controllers.bootstrap_tokens import BootstrapTokenCleaner
from minikube_py.controllers.clusterrole_aggregation import ClusterRoleAggregation
from minikube_py.controllers.legacy_tokens import LegacyTokenCleaner
from minikube_py.controllers.service_account_tokens import ACCOUNT_NAME, ACCOUNT_UID, SECRET_TYPE, ServiceAccountTokenSecrets
from minikube_py.core.errors import ConflictError, InternalError

from .world import World


def member(name: str, label: str, resource: str) -> rbac_v1.ClusterRole:
    rule = rbac_v1.PolicyRule(verbs=["get"], api_groups=[""], resources=[resource])
    return rbac_v1.ClusterRole(metadata=meta_v1.ObjectMeta(name=name, labels={label: "true"}), rules=[rule])


def aggregate(name: str, label: str, **labels: str) -> rbac_v1.ClusterRole:
    selector = meta_v1.LabelSelector(match_labels={label: "true"})
    rule = rbac_v1.AggregationRule(cluster_role_selectors=[selector])
    return rbac_v1.ClusterRole(metadata=meta_v1.ObjectMeta(name=name, labels=labels), aggregation_rule=rule)


async def test_aggregated_roles_show_the_rules_of_their_members(world: World) -> None:
    await world.start(ClusterRoleAggregation)
    await world.client.create(aggregate("view", "to-view", **{"to-edit": "true"}))
    await world.client.create(aggregate("edit", "to-edit"))

    def resources(name: str) -> list[str]:
        return [resource for rule in world.get(rbac_v1.ClusterRole, name).rules or () for resource in rule.resources]

    await world.client.create(member("a", "to-view", "pods"))
    await world.client.create(member("b", "to-edit", "secrets"))
    await world.until(lambda: resources("view") == ["pods"] and sorted(resources("edit")) == ["pods", "secrets"])
    await world.client.delete(rbac_v1.ClusterRole, "a")
    await world.until(lambda: resources("view") == [] and resources("edit") == ["secrets"])


@pytest.mark.parametrize("ttl", [timedelta(seconds=0), timedelta(seconds=1)])
async def test_bootstrap_tokens_go_at_their_end(world: World, ttl: timedelta) -> None:
    await world.start(BootstrapTokenCleaner)
    await world.client.create(token_secret("aaaaaa.0123456789abcdef", ttl=ttl, clock=world.clock))
    await world.client.create(token_secret("bbbbbb.0123456789abcdef", ttl=timedelta(hours=1), clock=world.clock))
    await world.client.create(token_secret("cccccc.0123456789abcdef", ttl=None, clock=world.clock))
    await world.until(lambda: world.find(core_v1.Secret, "bootstrap-token-aaaaaa", "kube-system") is None)
    assert world.find(core_v1.Secret, "bootstrap-token-bbbbbb", "kube-system")
    assert world.find(core_v1.Secret, "bootstrap-token-cccccc", "kube-system")


async def test_cluster_info_is_published_once_and_kept_true(world: World) -> None:
    await world.client.create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="kube-public")))
    await world.run(ClusterInfo(world.context, "https://192.0.2.1:6443", "CA"))
    found = await world.until(lambda: world.find(core_v1.ConfigMap, "cluster-info", "kube-public"))
    assert yaml.safe_load(found.data["kubeconfig"])["clusters"] == [
        {"cluster": {"certificate-authority-data": "Q0E=", "server": "https://192.0.2.1:6443"}, "name": ""}]
    role = "kubeadm:bootstrap-signer-clusterinfo"
    binding = world.get(rbac_v1.RoleBinding, role, "kube-public")
    assert [(subject.kind, subject.name) for subject in binding.subjects] == [("User", "system:anonymous")]
    rule = world.get(rbac_v1.Role, role, "kube-public").rules[0]
    assert (rule.verbs, rule.resources, rule.resource_names) == (["get"], ["configmaps"], ["cluster-info"])

    await world.client.delete(rbac_v1.RoleBinding, role, "kube-public")
    await world.run(ClusterInfo(world.context, "https://192.0.2.2:6443", "CA"))
    await world.until(lambda: "192.0.2.2" in world.get(core_v1.ConfigMap, "cluster-info", "kube-public").data["kubeconfig"])
    assert world.find(rbac_v1.RoleBinding, role, "kube-public") is None, "an administrator has closed it"


async def test_tokens_that_may_sign_have_their_signature_in_cluster_info(world: World) -> None:
    await world.client.create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="kube-public")))
    await world.start(BootstrapSigner)
    await world.client.create(token_secret("aaaaaa.0123456789abcdef", ttl=timedelta(hours=1), clock=world.clock))
    await world.client.create(token_secret("bbbbbb.0123456789abcdef", ttl=None, usages=("authentication",), clock=world.clock))
    await world.client.create(token_secret("cccccc.0123456789abcdef", ttl=timedelta(seconds=-5), clock=world.clock))
    meta = meta_v1.ObjectMeta(name="cluster-info", namespace="kube-public")
    await world.client.create(core_v1.ConfigMap(metadata=meta, data={"kubeconfig": "content", "note": "kept", "jws-kubeconfig-gone": "x"}))

    def data() -> dict[str, str]:
        return world.get(core_v1.ConfigMap, "cluster-info", "kube-public").data

    await world.until(lambda: data().keys() == {"kubeconfig", "note", "jws-kubeconfig-aaaaaa"})
    first = data()["jws-kubeconfig-aaaaaa"]
    await world.client.patch(core_v1.ConfigMap, "cluster-info", "kube-public", {"data": {"kubeconfig": "other"}})
    await world.until(lambda: data()["jws-kubeconfig-aaaaaa"] != first)
    await world.client.patch(core_v1.ConfigMap, "cluster-info", "kube-public", {"data": {"jws-kubeconfig-aaaaaa": "forged"}})
    await world.until(lambda: data()["jws-kubeconfig-aaaaaa"] == signature("other", "aaaaaa", "0123456789abcdef"))
    await world.client.delete(core_v1.Secret, "bootstrap-token-aaaaaa", "kube-system")
    await world.until(lambda: data().keys() == {"kubeconfig", "note"})


def test_signature_is_detached_and_named_by_the_token() -> None:
    header, payload, tag = signature("clusters: []\n", "abcdef", "0123456789abcdef").split(".")
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {"alg": "HS256", "kid": "abcdef"}
    assert (payload, tag) == ("", "aiG7z8XWjjzLz3AwuhjgjACCUfWawXW2oX1uxgNWBSg")


def request(name: str, account: str) -> core_v1.Secret:
    return core_v1.Secret(
        metadata=meta_v1.ObjectMeta(name=name, namespace="default", annotations={ACCOUNT_NAME: account}), type=SECRET_TYPE
    )


async def test_token_secrets_are_filled_and_go_with_their_account(world: World) -> None:
    controller = ServiceAccountTokenSecrets(world.context, lambda account, secret: f"{account.metadata.uid}/{secret.metadata.name}", "CA")
    await world.run(controller)
    account = await world.client.create(core_v1.ServiceAccount(metadata=meta_v1.ObjectMeta(name="robot", namespace="default")))
    await world.client.create(request("robot-token", "robot"))
    secret = await world.until(lambda: (found := world.get(core_v1.Secret, "robot-token")) and found.data and found)
    uid = account.metadata.uid
    assert secret.data == {"token": f"{uid}/robot-token".encode(), "ca.crt": b"CA", "namespace": b"default"}
    assert secret.metadata.annotations[ACCOUNT_UID] == uid

    emptied = deep_copy(secret)
    emptied.data = {}
    await world.client.update(emptied)
    await world.until(lambda: world.get(core_v1.Secret, "robot-token").data == secret.data)

    other = request("other-token", "robot")
    other.data = {"namespace": b"other", "token": b"own"}
    await world.client.create(other)
    await world.until(lambda: world.get(core_v1.Secret, "other-token").data == {**other.data, "ca.crt": b"CA"})

    await world.client.delete(core_v1.ServiceAccount, "robot", "default")
    await world.until(lambda: world.find(core_v1.Secret, "robot-token") is None)


async def test_an_account_lists_no_token_secret_that_is_gone(world: World) -> None:
    await world.run(ServiceAccountTokenSecrets(world.context, lambda account, secret: "t", "CA"))
    listed = [core_v1.ObjectReference(name=name) for name in ("robot-token", "other")]
    meta = meta_v1.ObjectMeta(name="robot", namespace="default")
    await world.client.create(core_v1.ServiceAccount(metadata=meta, secrets=listed))
    await world.client.create(request("robot-token", "robot"))
    await world.until(lambda: world.get(core_v1.Secret, "robot-token").data)
    await world.client.delete(core_v1.Secret, "robot-token", "default")
    await world.until(lambda: [one.name for one in world.get(core_v1.ServiceAccount, "robot").secrets] == ["other"])
    world.assert_unchanged()


@pytest.mark.looptime
async def test_an_account_that_cannot_be_written_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.run(ServiceAccountTokenSecrets(world.context, lambda account, secret: "t", "CA"))
    meta = meta_v1.ObjectMeta(name="robot", namespace="default")
    listed = [core_v1.ObjectReference(name="robot-token")]
    await world.client.create(core_v1.ServiceAccount(metadata=meta, secrets=listed))
    await world.client.create(request("robot-token", "robot"))
    await world.until(lambda: world.get(core_v1.Secret, "robot-token").data)
    update, problems = world.client.update, [InternalError("later"), ConflictError("changed")]

    async def failing(obj: Any) -> Any:
        if problems:
            raise problems.pop()
        return await update(obj)

    monkeypatch.setattr(world.client, "update", failing)
    await world.client.delete(core_v1.Secret, "robot-token", "default")
    await world.until(lambda: not world.get(core_v1.ServiceAccount, "robot").secrets)


async def test_token_secrets_of_nobody_are_removed(world: World) -> None:
    await world.run(ServiceAccountTokenSecrets(world.context, lambda account, secret: "t", "CA"))
    await world.client.create(request("lost", "nobody"))
    await world.until(lambda: world.find(core_v1.Secret, "lost") is None)


@pytest.mark.looptime
async def test_tokens_that_nobody_uses_are_marked_and_then_removed(world: World) -> None:
    meta = meta_v1.ObjectMeta(name=TRACKING, namespace="kube-system")
    await world.client.create(core_v1.ConfigMap(metadata=meta, data={"since": "2026-01-01"}))
    names = ("unused", "used", "mounted", "own")
    listed = [core_v1.ObjectReference(name=name) for name in names if name != "own"]
    await world.client.create(core_v1.ServiceAccount(metadata=meta_v1.ObjectMeta(name="robot", namespace="default"), secrets=listed))
    for name in names:
        secret = request(name, "robot")
        secret.metadata.labels = {LAST_USED: "2026-01-03"} if name == "used" else {}
        await world.client.create(secret)
    volume = core_v1.Volume(name="v", secret=core_v1.SecretVolumeSource(secret_name="mounted"))
    spec = core_v1.PodSpec(containers=[core_v1.Container(name="c", image="i")], volumes=[volume])
    await world.client.create(core_v1.Pod(metadata=meta_v1.ObjectMeta(name="p", namespace="default"), spec=spec))
    await world.run(LegacyTokenCleaner(world.context, timedelta(days=2)))

    def marks() -> dict[str, str | None]:
        return {secret.metadata.name: secret.metadata.labels.get(INVALID_SINCE) for secret in world.list(core_v1.Secret, "default")}

    day_s = 24 * 3600
    await asyncio.sleep(2.5 * day_s)
    assert marks() == dict.fromkeys(names), "uses have not been noted for long enough"
    await asyncio.sleep(day_s)
    assert marks() == {**dict.fromkeys(names), "unused": "2026-01-04"}
    await asyncio.sleep(2 * day_s)
    assert marks() == {**dict.fromkeys(names), "unused": "2026-01-04", "used": "2026-01-06"}
    await asyncio.sleep(day_s)
    assert marks() == {"used": "2026-01-06", "mounted": None, "own": None}
    world.assert_unchanged()
