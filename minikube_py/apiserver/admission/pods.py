"""Admission of pods: ServiceAccount, DefaultTolerationSeconds and Priority."""

from __future__ import annotations

from functools import cache

import msgspec

from minikube_py.apis import core_v1, scheduling_v1
from minikube_py.apis.scheme import decoder
from minikube_py.core.names import random_suffix
from minikube_py.store.interface import Store

from . import Operation, Plugin, forbidden

TOKEN_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
# Seconds. Source: plugin/pkg/admission/serviceaccount (WarnOnlyBoundTokenExpirationSeconds)
TOKEN_EXPIRATION_S = 3607
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"


class ServiceAccountPlugin(Plugin):
    """Gives each pod a service account that exists, its pull secrets, and its token as a projected volume.

    Source: plugin/pkg/admission/serviceaccount/admission.go
    """

    name = "ServiceAccount"
    resources = frozenset({"pods"})

    def __init__(self, store: Store) -> None:
        self._store = store

    def mutate(self, operation: Operation) -> None:
        if operation.verb != "CREATE" or operation.subresource:
            return
        pod: core_v1.Pod = operation.obj
        spec = pod.spec
        if MIRROR_ANNOTATION in pod.metadata.annotations:
            return
        if not spec.service_account_name:
            spec.service_account_name = spec.service_account or "default"
        spec.service_account = spec.service_account_name
        account = self._account(operation, spec.service_account_name)
        automount = spec.automount_service_account_token
        if automount is None:
            automount = account.automount_service_account_token
        if automount is not False:
            self._mount_token(spec)
        if not spec.image_pull_secrets and account.image_pull_secrets:
            spec.image_pull_secrets = [*account.image_pull_secrets]

    def _account(self, operation: Operation, name: str) -> core_v1.ServiceAccount:
        entry = self._store.get("serviceaccounts", f"{operation.namespace}/{name}")
        if entry is None:
            raise forbidden(operation, f'error looking up service account {operation.namespace}/{name}: serviceaccount "{name}" not found')
        if entry.obj is None:
            entry.obj = decoder(core_v1.ServiceAccount).decode(entry.data)
        account: core_v1.ServiceAccount = entry.obj
        return account

    def _mount_token(self, spec: core_v1.PodSpec) -> None:
        containers = [c for c in (*spec.init_containers, *spec.containers) if all(m.mount_path != TOKEN_MOUNT for m in c.volume_mounts)]
        if not containers:
            return
        name = next((v.name for v in spec.volumes if v.name.startswith("kube-api-access-")), "")
        if not name:
            name = "kube-api-access-" + random_suffix()
            spec.volumes.append(core_v1.Volume(name=name, projected=token_projection()))
        for container in containers:
            container.volume_mounts.append(core_v1.VolumeMount(name=name, read_only=True, mount_path=TOKEN_MOUNT))


@cache
def token_projection() -> core_v1.ProjectedVolumeSource:
    """Token, CA and namespace, as every container expects them: one object, complete, that all pods share and nobody changes."""
    namespace = core_v1.DownwardAPIVolumeFile(
        path="namespace", field_ref=core_v1.ObjectFieldSelector(api_version="v1", field_path="metadata.namespace")
    )
    return core_v1.ProjectedVolumeSource(
        default_mode=0o644,
        sources=[
            core_v1.VolumeProjection(
                service_account_token=core_v1.ServiceAccountTokenProjection(expiration_seconds=TOKEN_EXPIRATION_S, path="token")
            ),
            core_v1.VolumeProjection(
                config_map=core_v1.ConfigMapProjection(name="kube-root-ca.crt", items=[core_v1.KeyToPath(key="ca.crt", path="ca.crt")])
            ),
            core_v1.VolumeProjection(downward_api=core_v1.DownwardAPIProjection(items=[namespace])),
        ],
    )


class DefaultTolerationSeconds(Plugin):
    """Pods stay 300 s on a node that is not ready or not reachable.

    Source: plugin/pkg/admission/defaulttolerationseconds/admission.go
    """

    name = "DefaultTolerationSeconds"
    resources = frozenset({"pods"})
    KEYS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")

    def __init__(self, not_ready_s: int = 300, unreachable_s: int = 300) -> None:
        # One object of each, that all pods share and nobody changes.
        self._wanted = tuple(
            core_v1.Toleration(key=key, operator="Exists", effect="NoExecute", toleration_seconds=seconds)
            for key, seconds in zip(self.KEYS, (not_ready_s, unreachable_s), strict=True)
        )

    def mutate(self, operation: Operation) -> None:
        if operation.verb == "DELETE" or operation.subresource:
            return
        spec = operation.obj.spec
        missing = [wanted for wanted in self._wanted
                   if not any((t.key == wanted.key or not t.key) and t.effect in ("NoExecute", "") for t in spec.tolerations)]
        if missing:
            # What an update leaves alone may be shared with the stored object.
            operation.obj.spec = msgspec.structs.replace(spec, tolerations=[*spec.tolerations, *missing])


class Priority(Plugin):
    """Resolves priorityClassName to a number; who replaces a pod need not know of it.

    Source: plugin/pkg/admission/priority/admission.go
    """

    name = "Priority"
    resources = frozenset({"pods"})

    def __init__(self, store: Store) -> None:
        self._store = store

    def mutate(self, operation: Operation) -> None:
        if operation.subresource:
            return
        if operation.verb == "CREATE":
            self._resolve(operation)
        elif operation.verb == "UPDATE":
            spec, old = operation.obj.spec, operation.old.spec
            priority = old.priority if spec.priority is None else spec.priority
            operation.obj.spec = msgspec.structs.replace(
                spec, priority=priority, preemption_policy=spec.preemption_policy or old.preemption_policy)

    def _resolve(self, operation: Operation) -> None:
        spec = operation.obj.spec
        priority, policy = 0, "PreemptLowerPriority"
        if spec.priority_class_name:
            found = self._class(spec.priority_class_name)
            if found is None:
                raise forbidden(operation, f"no PriorityClass with name {spec.priority_class_name} was found")
            priority, policy = found.value or 0, found.preemption_policy or policy
        else:
            default = self._global_default()
            if default is not None:
                spec.priority_class_name = default.metadata.name
                priority, policy = default.value or 0, default.preemption_policy or policy
        if spec.priority is not None and spec.priority != priority:
            raise forbidden(operation, f"the integer value of priority ({spec.priority}) must not be provided in pod spec; "
                                       f"priority admission controller computed {priority} from the given PriorityClass name")
        spec.priority = priority
        if spec.preemption_policy is None:
            spec.preemption_policy = policy

    def _class(self, name: str) -> scheduling_v1.PriorityClass | None:
        entry = self._store.get("priorityclasses.scheduling.k8s.io", name)
        return None if entry is None else decoder(scheduling_v1.PriorityClass).decode(entry.data)

    def _global_default(self) -> scheduling_v1.PriorityClass | None:
        if not self._store.count("priorityclasses.scheduling.k8s.io"):
            return None
        entries = self._store.list("priorityclasses.scheduling.k8s.io").entries
        classes = [decoder(scheduling_v1.PriorityClass).decode(entry.data) for entry in entries]
        return min((c for c in classes if c.global_default), key=lambda c: c.value or 0, default=None)
