"""ServiceAccount: a pod has a service account that exists, its pull secrets, and its token as a projected volume.

An account may restrict the Secrets that its pods name to those that it lists itself. A mirror pod has no account, and nothing that an
account gives: it runs already, whatever the server thinks of it.

Source: plugin/pkg/admission/serviceaccount/admission.go
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import cache

from minikube_py.apis import core_v1
from minikube_py.apis.pod_references import secret_names
from minikube_py.apis.validation.pod_annotations import MIRROR
from minikube_py.core.errors import UnreasonedError
from minikube_py.core.flags import parse_bool
from minikube_py.core.names import random_suffix
from minikube_py.store.interface import Store, WatchEvent

from . import Operation, Plugin, forbidden
from .lookup import find
from .namespace import find_namespace

ACCOUNTS, DEFAULT = "serviceaccounts", "default"
TOKEN_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
# Seconds. Source: plugin/pkg/admission/serviceaccount (WarnOnlyBoundTokenExpirationSeconds)
TOKEN_EXPIRATION_S = 3607
# Of an account: whether its pods name no other Secrets than it does.
ENFORCE_SECRETS = "kubernetes.io/enforce-mountable-secrets"
# How long a pod waits for the account that a controller makes in each new namespace; upstream looks ten times, 100 to 200 ms apart.
DEFAULT_ACCOUNT_WAIT_S = 1.5


class ServiceAccountPlugin(Plugin):
    """Looks at pods when they are made, and at their ephemeral containers."""

    name = "ServiceAccount"
    resources = frozenset({"pods"})

    def __init__(self, store: Store) -> None:
        self._store = store

    async def settle(self, operation: Operation) -> None:
        """Wait for the account "default" of a namespace that is new; without it, `mutate` says what is missing."""
        pod: core_v1.Pod = operation.obj
        key = f"{operation.namespace}/{DEFAULT}"
        if MIRROR in pod.metadata.annotations or _account_of(pod.spec) != DEFAULT or self._store.get(ACCOUNTS, key) is not None:
            return
        namespace = find_namespace(self._store, operation.namespace)
        if namespace is None or namespace.metadata.deletion_timestamp:
            return
        made = asyncio.Event()

        def deliver(event: WatchEvent) -> None:
            if event.type == "ADDED" and event.entry.key == key:
                made.set()

        subscription = self._store.watch(ACCOUNTS, self._store.revision, deliver)
        try:
            async with asyncio.timeout(DEFAULT_ACCOUNT_WAIT_S):
                await made.wait()
        except TimeoutError:
            return
        finally:
            subscription.close()

    def mutate(self, operation: Operation) -> None:
        if operation.verb != "CREATE" or operation.subresource:
            return
        if MIRROR in operation.obj.metadata.annotations:
            _check_mirror(operation, operation.obj)
            return
        spec: core_v1.PodSpec = operation.obj.spec
        spec.service_account_name = spec.service_account = _account_of(spec)
        account = self._account(operation)
        automount = spec.automount_service_account_token
        if automount is None:
            automount = account.automount_service_account_token
        if automount is not False:
            _mount_token(spec)
        if not spec.image_pull_secrets and account.image_pull_secrets:
            spec.image_pull_secrets = [*account.image_pull_secrets]
        _check_secrets(operation, account)

    def validate(self, operation: Operation) -> None:
        pod = operation.obj
        match operation.verb, operation.subresource:
            case "CREATE", "" if MIRROR in pod.metadata.annotations:
                _check_mirror(operation, pod)
            case "CREATE", "":
                _check_secrets(operation, self._account(operation))
            case "UPDATE", "ephemeralcontainers":
                account = self._account(operation)
                found = _of_containers("ephemeral container", pod.spec.ephemeral_containers, account)
                if _enforces(account) and (secret := next(found, None)):
                    raise UnreasonedError(secret)

    def _account(self, operation: Operation) -> core_v1.ServiceAccount:
        pod: core_v1.Pod = operation.obj
        name = pod.spec.service_account_name
        if not name:
            raise forbidden(operation, f"no service account specified for pod {operation.namespace}/{pod.metadata.name}")
        account = find(self._store, core_v1.ServiceAccount, ACCOUNTS, f"{operation.namespace}/{name}")
        if account is None:
            raise forbidden(operation, f'error looking up service account {operation.namespace}/{name}: serviceaccount "{name}" not found')
        return account


def _account_of(spec: core_v1.PodSpec) -> str:
    return spec.service_account_name or spec.service_account or DEFAULT


def _check_mirror(operation: Operation, pod: core_v1.Pod) -> None:
    if pod.spec.service_account_name:
        raise forbidden(operation, "a mirror pod may not reference service accounts")
    if secret_names(pod):
        raise forbidden(operation, "a mirror pod may not reference secrets")
    projected = [volume.projected for volume in pod.spec.volumes if volume.projected is not None]
    if any(source.service_account_token is not None for volume in projected for source in volume.sources or ()):
        raise forbidden(operation, "a mirror pod may not use ServiceAccountToken volume projections")


def _check_secrets(operation: Operation, account: core_v1.ServiceAccount) -> None:
    """Raises: ForbiddenError for a pod that names a Secret that its account keeps from it."""
    if _enforces(account) and (secret := next(_foreign_secrets(operation.obj.spec, account), None)):
        raise forbidden(operation, secret)


def _enforces(account: core_v1.ServiceAccount) -> bool:
    said = account.metadata.annotations.get(ENFORCE_SECRETS)
    if said is None:
        return False
    try:
        return parse_bool(said)
    except ValueError:
        return False


def _foreign_secrets(spec: core_v1.PodSpec, account: core_v1.ServiceAccount) -> Iterator[str]:
    """What is said of each Secret of a pod that its account does not list."""
    listed = {reference.name for reference in account.secrets}
    for volume in spec.volumes:
        if volume.secret is not None and volume.secret.secret_name not in listed:
            yield f"volume with {_unlisted(volume.secret.secret_name, account)}"
    yield from _of_containers("init container", spec.init_containers, account)
    yield from _of_containers("container", spec.containers, account)
    pulled = {reference.name for reference in account.image_pull_secrets}
    for index, reference in enumerate(spec.image_pull_secrets):
        if reference.name not in pulled:
            yield (f'imagePullSecrets[{index}].name="{reference.name}" is not allowed because service account {account.metadata.name} '
                   "does not reference that imagePullSecret")


def _of_containers(
    what: str, containers: list[core_v1.Container] | list[core_v1.EphemeralContainer], account: core_v1.ServiceAccount
) -> Iterator[str]:
    listed = {reference.name for reference in account.secrets}
    for container in containers:
        for variable in container.env:
            reference = variable.value_from.secret_key_ref if variable.value_from is not None else None
            if reference is not None and reference.name not in listed:
                yield f"{what} {container.name} with envVar {variable.name} referencing {_unlisted(reference.name, account)}"
        for source in container.env_from:
            if source.secret_ref is not None and source.secret_ref.name not in listed:
                yield f"{what} {container.name} with envFrom referencing {_unlisted(source.secret_ref.name, account)}"


def _unlisted(name: str, account: core_v1.ServiceAccount) -> str:
    return f'secret.secretName="{name}" is not allowed because service account {account.metadata.name} does not reference that secret'


def _mount_token(spec: core_v1.PodSpec) -> None:
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
