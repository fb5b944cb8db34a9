"""PodSecurity: what is refused, remarked on and noted, by the labels of namespaces and the configuration.

Source: staging/src/k8s.io/pod-security-admission/admission/admission_test.go
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from minikube_py.apis import apps_v1, core_v1, meta_v1
from minikube_py.apis.object import Object
from minikube_py.apis.pod_security.configuration import PodSecurityConfiguration
from minikube_py.apis.scheme import deep_copy, from_document, type_of
from minikube_py.apiserver.admission import Admission, Operation, existing_pods
from minikube_py.apiserver.admission.pod_security import PodSecurity
from minikube_py.apiserver.assembly import RegistryOptions, build_registry
from minikube_py.apiserver.authentication.user import UserInfo
from minikube_py.apiserver.context import Context
from minikube_py.apiserver.patching import change_transform
from minikube_py.apiserver.registry import Registry
from minikube_py.core.errors import ForbiddenError, InternalError, InvalidError
from minikube_py.store.memory import MemoryStore

P = "pod-security.kubernetes.io/"
BASELINE = 'PodSecurity "baseline:latest": privileged (container "c" must not set securityContext.privileged=true)'
CAUSE = "Invalid value: \"much\": must be one of privileged, baseline, restricted"


class Plane:
    """A Registry with PodSecurity alone, and what the last write was told.

    Attributes:
        warnings: of the last write.
        annotations: of the last write, without their prefix.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.warnings: list[str] = []
        self.annotations: dict[str, str] = {}

    def configure(self, **parts: Any) -> None:
        self.registry.admission = Admission([PodSecurity(self.registry.store, from_document(PodSecurityConfiguration, parts))])

    def _context(self, user: str, *, dry_run: bool = False) -> Context:
        self.warnings, self.annotations = [], {}
        return Context(UserInfo(user), dry_run, "test", self.warnings, self.annotations)

    async def create(self, obj: Any, user: str = "jane") -> None:
        storage = self.registry.storage_of(type(obj))
        try:
            await self.registry.create(storage, obj.metadata.namespace, deep_copy(obj), self._context(user))
        finally:
            self._unprefix()

    async def update(
        self, kind: type[Object], name: str, change: Any, *, namespace: str = "n", subresource: str = "", dry_run: bool = False
    ) -> None:
        storage = self.registry.storage_of(kind)
        context = self._context("jane", dry_run=dry_run)
        try:
            await self.registry.update(storage, namespace, name, change_transform(change), context, subresource=subresource)
        finally:
            self._unprefix()

    def _unprefix(self) -> None:
        assert all(key.startswith(P) for key in self.annotations)
        self.annotations = {key.removeprefix(P): value for key, value in self.annotations.items()}

    async def namespace(self, name: str = "n", **labels: str) -> None:
        """Make a namespace, or give it other labels."""
        wanted = {P + key.replace("_", "-"): value for key, value in labels.items()}
        if self.registry.store.get("namespaces", name) is None:
            await self.create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name=name, labels=wanted)))
        else:
            await self.update(core_v1.Namespace, name, lambda obj: setattr(obj.metadata, "labels", wanted), namespace="")


@pytest.fixture
async def plane() -> AsyncIterator[Plane]:
    store = MemoryStore()
    await store.open()
    made = Plane(build_registry(store, RegistryOptions()))
    made.configure()
    yield made
    await store.close()


def container(*, privileged: bool | None = None) -> core_v1.Container:
    context = None if privileged is None else core_v1.SecurityContext(privileged=privileged)
    return core_v1.Container(name="c", image="i", security_context=context)


def pod(name: str = "p", *, privileged: bool | None = None, owner: str = "", namespace: str = "n", **spec: Any) -> core_v1.Pod:
    owners = [meta_v1.OwnerReference(api_version="apps/v1", kind="ReplicaSet", name=owner, uid=owner, controller=True)] if owner else []
    return core_v1.Pod(
        metadata=meta_v1.ObjectMeta(name=name, namespace=namespace, owner_references=owners),
        spec=core_v1.PodSpec(containers=[container(privileged=privileged)], **spec),
    )


def deployment(*, privileged: bool | None = None) -> apps_v1.Deployment:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    document = {"metadata": {"name": "d", "namespace": "n"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}}
    made = from_document(apps_v1.Deployment, document)
    made.spec.template.spec.containers = [container(privileged=privileged)]
    return made


# Pods.


async def test_namespace_without_labels_lets_all_in(plane: Plane) -> None:
    await plane.namespace()
    await plane.create(pod(privileged=True))
    assert (plane.warnings, plane.annotations) == ([], {"enforce-policy": "privileged:latest"})


async def test_pod_that_violates_what_is_enforced_is_refused_and_not_warned(plane: Plane) -> None:
    await plane.namespace(enforce="baseline", audit="baseline", warn="restricted")
    with pytest.raises(ForbiddenError) as refused:
        await plane.create(pod(privileged=True))
    assert refused.value.status() == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Forbidden", "code": 403,
        "message": f'pods "p" is forbidden: violates {BASELINE}', "details": {"name": "p", "kind": "pods"},
    }
    assert plane.warnings == []
    assert plane.annotations == {"enforce-policy": "baseline:latest", "audit-violations": f"would violate {BASELINE}"}


async def test_generated_name_is_in_the_refusal(plane: Plane) -> None:
    await plane.namespace(enforce="baseline")
    nameless = pod("", privileged=True)
    nameless.metadata.generate_name = "web-"
    with pytest.raises(ForbiddenError, match=r'^pods "web-[a-z0-9]{5}" is forbidden: violates PodSecurity "baseline:latest"'):
        await plane.create(nameless)


async def test_pod_may_be_remarked_on_or_noted_alone(plane: Plane) -> None:
    await plane.namespace(warn="baseline")
    await plane.create(pod(privileged=True))
    assert (plane.warnings, plane.annotations) == ([f"would violate {BASELINE}"], {"enforce-policy": "privileged:latest"})
    await plane.namespace("m", audit="baseline")
    await plane.create(pod(privileged=True, namespace="m"))
    assert plane.warnings == []
    assert plane.annotations == {"enforce-policy": "privileged:latest", "audit-violations": f"would violate {BASELINE}"}


async def test_version_of_the_policy_counts(plane: Plane) -> None:
    await plane.namespace(enforce="restricted", enforce_version="v1.0")
    context = core_v1.PodSecurityContext(run_as_non_root=True)
    await plane.create(pod(security_context=context))
    await plane.namespace(enforce="restricted", enforce_version="v1.20")
    with pytest.raises(ForbiddenError, match=r'violates PodSecurity "restricted:v1\.20": allowPrivilegeEscalation != false'):
        await plane.create(pod("q", security_context=context))


async def test_labels_without_meaning_enforce_the_most(plane: Plane) -> None:
    await plane.namespace()
    await plane.registry.update(
        plane.registry.storage_of(core_v1.Namespace), "", "n",
        change_transform(lambda obj: obj.metadata.labels.update({P + "enforce": "much"})), subresource="status")
    with pytest.raises(ForbiddenError, match='violates PodSecurity "restricted:latest": '):
        await plane.create(pod())
    assert plane.annotations == {
        "enforce-policy": "restricted:latest", "error": f"Failed to parse policy: metadata.labels[{P}enforce]: {CAUSE}"}


async def test_update_is_looked_at_if_it_changes_containers_or_images(plane: Plane) -> None:
    await plane.namespace()
    await plane.create(pod(privileged=True))
    await plane.namespace(enforce="baseline")
    await plane.update(core_v1.Pod, "p", lambda obj: obj.metadata.labels.update(a="b"))
    assert (plane.warnings, plane.annotations) == ([], {})
    with pytest.raises(ForbiddenError, match="violates PodSecurity"):
        await plane.update(core_v1.Pod, "p", lambda obj: setattr(obj.spec.containers[0], "image", "other"))


async def test_added_ephemeral_container_is_looked_at(plane: Plane) -> None:
    await plane.namespace(enforce="baseline")
    await plane.create(pod())

    def add(obj: core_v1.Pod, *, privileged: bool) -> None:
        context = core_v1.SecurityContext(privileged=privileged)
        obj.spec.ephemeral_containers.append(core_v1.EphemeralContainer(
            name=f"e{len(obj.spec.ephemeral_containers)}", image="i", security_context=context, image_pull_policy="Always",
            termination_message_policy="File"))

    await plane.update(core_v1.Pod, "p", lambda obj: add(obj, privileged=False), subresource="ephemeralcontainers")
    assert plane.annotations == {"enforce-policy": "baseline:latest"}
    with pytest.raises(ForbiddenError, match=r'privileged \(container "e1" must not set'):
        await plane.update(core_v1.Pod, "p", lambda obj: add(obj, privileged=True), subresource="ephemeralcontainers")


async def test_resize_and_status_are_nothing_to_look_at(plane: Plane) -> None:
    await plane.namespace()
    await plane.create(pod(privileged=True))
    await plane.namespace(enforce="baseline")
    for subresource in ("resize", "status"):
        await plane.update(core_v1.Pod, "p", lambda obj: None, subresource=subresource)
        assert plane.annotations == {}


async def test_pod_in_a_lost_namespace_is_an_error_and_a_workload_a_note(plane: Plane) -> None:
    with pytest.raises(InternalError, match=r"^Internal error occurred: failed to lookup namespace n$"):
        await plane.create(pod())
    assert plane.annotations == {"error": 'Internal error occurred: failed to lookup namespace n: namespaces "n" not found'}
    await plane.create(deployment())
    assert plane.annotations == {"error": 'failed to lookup namespace n: namespaces "n" not found'}


# What makes pods.


async def test_workload_is_remarked_on_and_noted_never_refused(plane: Plane) -> None:
    await plane.namespace(enforce="baseline", audit="baseline")
    await plane.create(deployment(privileged=True))
    assert plane.warnings == [f"would violate {BASELINE}"]
    assert plane.annotations == {"audit-violations": f"would violate {BASELINE}"}
    await plane.update(apps_v1.Deployment, "d", lambda obj: obj.metadata.labels.update(a="b"))
    assert plane.warnings == [f"would violate {BASELINE}"]


async def test_scale_and_status_of_a_workload_are_nothing_to_look_at(plane: Plane) -> None:
    await plane.namespace(enforce="baseline")
    await plane.create(deployment(privileged=True))
    for subresource in ("scale", "status"):
        await plane.update(apps_v1.Deployment, "d", lambda obj: None, subresource=subresource)
        assert plane.warnings == []


TEMPLATE = {"spec": {"containers": [{"name": "c", "image": "i", "securityContext": {"privileged": True}}]}}


@pytest.mark.parametrize(("api_version", "kind", "content"), [
    ("v1", "PodTemplate", {"template": TEMPLATE}),
    ("v1", "ReplicationController", {"spec": {"template": TEMPLATE}}),
    ("apps/v1", "ReplicaSet", {"spec": {"template": TEMPLATE}}),
    ("apps/v1", "Deployment", {"spec": {"template": TEMPLATE}}),
    ("apps/v1", "StatefulSet", {"spec": {"template": TEMPLATE}}),
    ("apps/v1", "DaemonSet", {"spec": {"template": TEMPLATE}}),
    ("batch/v1", "Job", {"spec": {"template": TEMPLATE}}),
    ("batch/v1", "CronJob", {"spec": {"jobTemplate": {"spec": {"template": TEMPLATE}}}}),
])
async def test_all_kinds_that_make_pods_are_known(plane: Plane, api_version: str, kind: str, content: dict[str, Any]) -> None:
    await plane.namespace(warn="baseline")
    group, _, version = api_version.rpartition("/")
    struct = type_of(group, version, kind)
    obj = from_document(struct, {"metadata": {"name": "x", "namespace": "n"}, **content})
    warnings: list[str] = []
    operation = Operation("CREATE", plane.registry.storage_of(struct), "n", "x", obj, None, "", Context(warnings=warnings))
    plane.registry.admission.validate(operation)
    assert warnings == [f"would violate {BASELINE}"]


async def test_controller_without_a_template_is_nothing_to_look_at(plane: Plane) -> None:
    await plane.namespace(warn="baseline")
    warnings: list[str] = []
    struct = core_v1.ReplicationController
    operation = Operation("CREATE", plane.registry.storage_of(struct), "n", "x", struct(), None, "", Context(warnings=warnings))
    plane.registry.admission.validate(operation)
    assert warnings == []


# Exemptions.


async def test_exempt_are_users_namespaces_and_runtime_classes(plane: Plane) -> None:
    await plane.namespace(enforce="restricted")
    await plane.namespace("free", enforce="restricted")
    plane.configure(exemptions={"usernames": ["root"], "namespaces": ["free"], "runtimeClasses": ["vm"]})
    await plane.create(pod("a", privileged=True), user="root")
    assert (plane.warnings, plane.annotations) == ([], {"exempt": "user"})
    await plane.create(pod("b", privileged=True, namespace="free"))
    assert (plane.warnings, plane.annotations) == ([], {"exempt": "namespace"})
    await plane.create(pod("c", privileged=True, runtime_class_name="vm"))
    assert (plane.warnings, plane.annotations) == ([], {"exempt": "runtimeClass"})
    await plane.create(deployment(privileged=True), user="root")
    assert (plane.warnings, plane.annotations) == ([], {"exempt": "user"})
    with pytest.raises(ForbiddenError):
        await plane.create(pod("d", privileged=True, runtime_class_name="other"))


async def test_who_labels_an_exempt_namespace_is_told_that_it_is_in_vain(plane: Plane) -> None:
    plane.configure(exemptions={"namespaces": ["n"]})
    await plane.namespace(enforce="baseline", audit_version="v1.20", warn="restricted")
    assert plane.warnings == [
        'namespace "n" is exempt from Pod Security, and the policy (enforce=baseline:latest, warn=restricted:latest) will be ignored']
    await plane.namespace(enforce="restricted", enforce_version="v1.30")
    assert plane.warnings == ['namespace "n" is exempt from Pod Security, and the policy (enforce=restricted:v1.30) will be ignored']
    await plane.namespace(enforce="privileged", enforce_version="v1.30")
    assert plane.warnings == []


async def test_defaults_hold_in_namespaces_without_labels(plane: Plane) -> None:
    await plane.namespace()
    plane.configure(defaults={"enforce": "baseline", "warn": "restricted", "warn-version": "v1.0"})
    with pytest.raises(ForbiddenError, match='violates PodSecurity "baseline:latest"'):
        await plane.create(pod(privileged=True))
    await plane.create(pod())
    assert plane.warnings == ['would violate PodSecurity "restricted:v1.0": runAsNonRoot != true (pod or container "c" must set '
                              'securityContext.runAsNonRoot=true)']


# Namespaces.


async def test_namespace_with_wrong_labels_is_refused(plane: Plane) -> None:
    with pytest.raises(InvalidError) as refused:
        await plane.namespace(enforce="much", warn_version="new")
    assert refused.value.message == (
        f'Namespace "n" is invalid: [metadata.labels[{P}enforce]: {CAUSE}, '
        f'metadata.labels[{P}warn-version]: Invalid value: "new": must be "latest" or "v1.x"]')
    assert [cause.field for cause in refused.value.causes] == [f"metadata.labels[{P}enforce]", f"metadata.labels[{P}warn-version]"]


async def test_wrong_labels_may_stay_and_not_become_others(plane: Plane) -> None:
    await plane.namespace()
    storage = plane.registry.storage_of(core_v1.Namespace)
    wrong = change_transform(lambda obj: obj.metadata.labels.update({P + "enforce": "much"}))
    await plane.registry.update(storage, "", "n", wrong, subresource="status")
    await plane.namespace(enforce="much")
    for labels in ({"enforce": "more"}, {"enforce": "much", "warn": "much"}):
        with pytest.raises(InvalidError, match="must be one of privileged, baseline, restricted"):
            await plane.namespace(**labels)


async def test_who_tightens_a_namespace_is_told_which_pods_would_not_be_let_in(plane: Plane) -> None:
    await plane.namespace()
    for name in ("web-c", "web-a", "web-b"):
        await plane.create(pod(name, privileged=True, owner="web"))
    await plane.create(pod("fine", privileged=False))
    await plane.create(pod("net", privileged=True, host_network=True))
    for name in ("d1", "d2"):
        await plane.create(pod(name, host_pid=True))
    await plane.create(pod("other", host_network=True, runtime_class_name="vm"))
    plane.configure(exemptions={"runtimeClasses": ["vm"]})
    await plane.namespace(enforce="baseline")
    assert plane.warnings == [
        'existing pods in namespace "n" violate the new PodSecurity enforce level "baseline:latest"',
        "d1 (and 1 other pod): host namespaces",
        "net: host namespaces, privileged",
        "web-a (and 2 other pods): privileged",
    ]


@pytest.mark.parametrize(("old", "new", "is_told"), [
    ({}, {"enforce": "privileged"}, False),
    ({"enforce": "restricted"}, {"enforce": "privileged"}, False),
    ({"enforce": "restricted"}, {}, False),
    ({"enforce": "restricted"}, {"enforce": "baseline"}, False),
    ({"enforce": "restricted", "enforce_version": "v1.0"}, {"enforce": "baseline", "enforce_version": "v1.0"}, False),
    ({"enforce": "restricted", "enforce_version": "v1.0"}, {"enforce": "baseline"}, True),
    ({"enforce": "baseline"}, {"enforce": "baseline", "enforce_version": "latest"}, False),
    ({"enforce": "baseline"}, {"enforce": "baseline", "warn": "restricted", "audit": "restricted"}, False),
    ({"enforce": "baseline"}, {"enforce": "restricted"}, True),
    ({"enforce_version": "v1.0"}, {"enforce": "baseline", "enforce_version": "v1.0"}, True),
])
async def test_pods_are_looked_at_only_where_more_may_be_wrong(
    plane: Plane, old: dict[str, str], new: dict[str, str], is_told: bool
) -> None:
    await plane.namespace()
    await plane.create(pod(privileged=True))
    await plane.namespace(**old)
    await plane.namespace(**new)
    assert bool(plane.warnings) == is_told


async def test_dry_run_tells_and_changes_nothing(plane: Plane) -> None:
    await plane.namespace()
    await plane.create(pod(privileged=True))
    labels = {P + "enforce": "baseline"}
    await plane.update(core_v1.Namespace, "n", lambda obj: setattr(obj.metadata, "labels", labels), namespace="", dry_run=True)
    assert len(plane.warnings) == 2
    await plane.create(pod("q", privileged=True))
    assert plane.annotations == {"enforce-policy": "privileged:latest"}


async def test_status_and_finalizers_of_a_namespace_are_nothing_to_look_at(plane: Plane) -> None:
    await plane.namespace()
    await plane.create(pod(privileged=True))
    for subresource in ("status", "finalize"):
        change = lambda obj: obj.metadata.labels.update({P + "enforce": "baseline"})  # noqa: E731
        await plane.update(core_v1.Namespace, "n", change, namespace="", subresource=subresource)
        assert plane.warnings == []


async def test_many_pods_are_looked_at_in_part_one_of_each_controller_first(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    await plane.namespace()
    for name, owner in (("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b"), ("b2", "b")):
        await plane.create(pod(name, privileged=True, owner=owner))
    await plane.create(pod("c", host_pid=True))
    monkeypatch.setattr(existing_pods, "PODS_MAX", 3)
    await plane.namespace(enforce="baseline")
    assert plane.warnings == [
        "new PodSecurity enforce level only checked against the first 3 of 6 existing pods",
        'existing pods in namespace "n" violate the new PodSecurity enforce level "baseline:latest"',
        "a1 (and 1 other pod): privileged", "c: host namespaces",
    ]


async def test_pods_are_looked_at_for_a_bounded_time(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    await plane.namespace()
    for name in ("a", "b"):
        await plane.create(pod(name, privileged=True))
    monkeypatch.setattr(existing_pods, "TIMEOUT_S", -1.0)
    await plane.namespace(enforce="baseline")
    assert plane.warnings[0] == "new PodSecurity enforce level only checked against the first 1 of 2 existing pods"
    assert plane.warnings[2] == "a: privileged"


# Counters.


async def test_judgements_exemptions_and_errors_are_counted(plane: Plane) -> None:
    await plane.namespace()
    await plane.namespace("strict", enforce="restricted", enforce_version="v1.99", audit="restricted", warn="baseline")
    plane.configure(exemptions={"usernames": ["root"]})
    await plane.create(pod())
    await plane.create(deployment(), user="root")
    with pytest.raises(ForbiddenError):
        await plane.create(pod(namespace="strict"))
    with pytest.raises(InternalError):
        await plane.create(pod(namespace="lost"))
    samples = {
        (sample.name, *sample.labels.values()): sample.value for family in plane.registry.admission.families()
        if family.name.startswith("pod_security") for sample in family.samples}
    zero = [key for key, value in samples.items() if not value]
    assert {key: value for key, value in samples.items() if value} == {
        ("pod_security_evaluations_total", "allow", "privileged", "latest", "enforce", "create", "pod", ""): 1,
        ("pod_security_evaluations_total", "deny", "restricted", "future", "enforce", "create", "pod", ""): 1,
        ("pod_security_evaluations_total", "deny", "restricted", "latest", "audit", "create", "pod", ""): 1,
        ("pod_security_exemptions_total", "create", "controller", ""): 1,
        ("pod_security_errors_total", "true", "create", "pod", ""): 1,
    }
    assert zero == [
        ("pod_security_evaluations_total", "allow", "privileged", "latest", "enforce", "update", "pod", ""),
        ("pod_security_exemptions_total", "create", "pod", ""), ("pod_security_exemptions_total", "update", "pod", ""),
        ("pod_security_exemptions_total", "update", "controller", ""),
    ]
