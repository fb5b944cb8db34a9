"""The volume claims of a StatefulSet: made before the pod that uses them, kept or left to the garbage collector by the retention policy.

A claim that is to go with its set, or with the pod that scaling took away, gets an owner reference to it; the collector does the rest.
Source: pkg/controller/statefulset/stateful_pod_control.go, stateful_set_utils.go (updateClaimOwnerRefForSetAndPod).
"""

from __future__ import annotations

from typing import Any

from minikube_py.apis.apps_v1 import StatefulSet
from minikube_py.apis.core_v1 import PersistentVolumeClaim, Pod
from minikube_py.apis.meta_v1 import OwnerReference
from minikube_py.apis.scheme import deep_copy
from minikube_py.client.events import EventRecorder
from minikube_py.client.informer import Informer
from minikube_py.client.interface import Client
from minikube_py.core.errors import AlreadyExistsError, BadRequestError, StatusError

from ..refs import api_version_of, meta_of
from . import identity


class ClaimControl:
    """Claims of one controller's sets."""

    def __init__(self, client: Client, events: EventRecorder, claims: Informer[PersistentVolumeClaim]) -> None:
        self._client = client
        self._events = events
        self._claims = claims

    async def ensure(self, owner: StatefulSet, ordinal: int) -> None:
        """Make the claims of an ordinal that are missing.

        Raises: StatusError if the server refuses, or while an old claim of the name is being deleted.
        """
        pod = identity.pod_name(owner, ordinal)
        for wanted in identity.make_claims(owner, ordinal):
            name = wanted.metadata.name
            current = self._claims.get(name, owner.metadata.namespace)
            if current is not None:
                if current.metadata.deletion_timestamp:
                    raise BadRequestError(f"pvc {name} is being deleted")
                continue
            done = f"Claim {name} Pod {pod} in StatefulSet {owner.metadata.name}"
            try:
                await self._client.create(wanted)
            except AlreadyExistsError:
                continue
            except StatusError as error:
                self._events.event(owner, "Warning", "FailedCreate", f"create {done} failed error: {error}")
                raise
            self._events.event(owner, "Normal", "SuccessfulCreate", f"create {done} success")

    async def apply_retention(self, owner: StatefulSet, ordinal: int, pod: Pod | None, *, condemned: bool) -> None:
        """Give the claims of an ordinal the owners that the retention policy asks for."""
        policy = owner.spec.persistent_volume_claim_retention_policy
        with_set = policy is not None and policy.when_deleted == "Delete"
        with_pod = policy is not None and policy.when_scaled == "Delete" and condemned
        for template in owner.spec.volume_claim_templates:
            claim = self._claims.get(identity.claim_name(owner, template, ordinal), owner.metadata.namespace)
            if claim is None:
                continue
            refs = [ref for ref in claim.metadata.owner_references if ref.uid != owner.metadata.uid and not _is_pod(ref, owner, ordinal)]
            if with_pod and pod is not None:
                refs.append(_reference(pod, Pod))
            elif with_set:
                refs.append(_reference(owner, StatefulSet))
            if refs != claim.metadata.owner_references:
                copy = deep_copy(claim)
                copy.metadata.owner_references = refs
                await self._client.update(copy)


def _is_pod(ref: OwnerReference, owner: StatefulSet, ordinal: int) -> bool:
    return ref.kind == "Pod" and ref.name == identity.pod_name(owner, ordinal)


def _reference(obj: Any, kind: type[Any]) -> OwnerReference:
    meta = meta_of(obj)
    return OwnerReference(api_version=api_version_of(kind), kind=kind.__name__, name=meta.name, uid=meta.uid)
