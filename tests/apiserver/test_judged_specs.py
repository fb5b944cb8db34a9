"""What is remembered of good specs changes nothing of what is said of pods."""

from __future__ import annotations

import itertools
from typing import Any

from minikube_py.apis.core_v1 import Pod
from minikube_py.apis.defaults import set_defaults
from minikube_py.apis.scheme import from_document
from minikube_py.apiserver.context import Context
from minikube_py.apiserver.strategies import judged_specs
from minikube_py.apiserver.strategies.pods import PodStrategy

TOKEN = "kube-api-access-"


def pod(name: str = "web", spec: dict[str, Any] | None = None, suffix: str = "bcdfg", **metadata: Any) -> Pod:
    """A pod as it is after admission."""
    volume = {"name": TOKEN + suffix, "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}
    container = {"name": "c", "image": "i", "volumeMounts": [{"name": TOKEN + suffix, "mountPath": "/var/run/secrets"}]}
    made: Pod = from_document(Pod, {
        "metadata": {"name": name, "namespace": "default", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z", **metadata},
        "spec": {"serviceAccountName": "default", "volumes": [volume], "containers": [container], **(spec or {})},
    })
    set_defaults(made)
    return made


def said(strategy: PodStrategy, obj: Pod, *, asks: bool = True) -> tuple[list[Any], list[str]]:
    """What is wrong with a pod, and what its author is told."""
    warnings: list[str] = []
    return strategy.causes_of_create(obj, Context(warnings=warnings if asks else None)), warnings


def claim(*, ephemeral: bool) -> dict[str, Any]:
    """A spec with a volume whose claim may be named after the pod, and one with the claim that the pod web would have."""
    template = {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
    known = {"persistentVolumeClaim": {"claimName": "web-data"}}
    own = {"ephemeral": {"volumeClaimTemplate": template}} if ephemeral else known
    return {"volumes": [{"name": "data", **own}, {"name": "p", **known}], "containers": [{"name": "c", "image": "i"}]}


def test_memory_says_what_is_said_without_it() -> None:
    mounts_other = {"containers": [{"name": "c", "image": "i", "volumeMounts": [{"name": TOKEN + "zzzzz", "mountPath": "/a"}]}]}
    pods = [
        pod(), pod("other", suffix="zzzzz"), pod("-bad-"), pod("a.b"), pod("x" * 300), pod(labels={"a b": "c"}), pod(labels={"a": "b"}),
        pod(annotations={"kubernetes.io/config.mirror": "x"}), pod(annotations={"container.apparmor.security.beta.kubernetes.io/d": "x"}),
        pod(spec={"containers": []}), pod(spec={"restartPolicy": "Sometimes"}), pod("other", spec={"restartPolicy": "Sometimes"}),
        pod(spec={"nodeSelector": {"beta.kubernetes.io/os": "linux"}}), pod("b", spec={"nodeSelector": {"beta.kubernetes.io/os": "linux"}}),
        pod(spec=mounts_other), pod(spec=mounts_other, suffix="zzzzz"), pod("web", claim(ephemeral=True)), pod("db", claim(ephemeral=True)),
        pod("y" * 250, claim(ephemeral=True)), pod("web", claim(ephemeral=False)), pod(spec={"serviceAccountName": ""}),
        pod(suffix="bcdf"), pod(suffix="BCDFG"), pod(suffix="bcdfg", spec={"hostname": TOKEN + "bcdfg"}),
        pod(suffix="zzzzz", spec={"hostname": TOKEN + "bcdfg"}), pod(finalizers=["a/b"]), pod(finalizers=["?"]),
    ]
    alone = [[said(PodStrategy(), obj, asks=asks) for asks in (True, False)] for obj in pods]
    assert any(causes for (causes, _), _ in alone) and any(warnings for (_, warnings), _ in alone)
    for order in (range(len(pods)), reversed(range(len(pods))), itertools.chain.from_iterable([n, 0, n] for n in range(len(pods)))):
        strategy = PodStrategy()
        for number in order:
            for asks in (False, True, False, True):
                assert said(strategy, pods[number], asks=asks) == alone[number][not asks]


def test_pods_of_one_template_are_known_by_one_spec_and_memory_is_bounded(monkeypatch: Any) -> None:
    judged = judged_specs.JudgedSpecs()
    assert judged.key(pod("a", suffix="zzzzz")) == judged.key(pod("b", suffix="bcdfg")) != judged.key(pod("b", {"hostname": "b"}))
    monkeypatch.setattr(judged_specs, "SPECS_MAX", 3)
    keys = [b"%d" % number for number in range(5)]
    for key in keys:
        judged.remember(key, warned=True)
    assert [judged.good(key, warns=True) for key in keys] == [False, False, True, True, True]
