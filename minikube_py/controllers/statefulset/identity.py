"""The identity of a StatefulSet's pods: name, labels, host name and claims, all by ordinal.

Source: pkg/controller/statefulset/stateful_set_utils.go.
"""

from __future__ import annotations

import re

from minikube_py.apis.apps_v1 import StatefulSet
from minikube_py.apis.core_v1 import PersistentVolumeClaim, PersistentVolumeClaimVolumeSource, Pod, PodTemplateSpec, Volume
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apis.scheme import deep_copy

from ..history import HASH_LABEL
from ..pod_control import pod_from_template

POD_NAME = "statefulset.kubernetes.io/pod-name"
POD_INDEX = "apps.kubernetes.io/pod-index"
_NAME = re.compile(r"(.*)-([0-9]+)")


def pod_name(owner: StatefulSet, ordinal: int) -> str:
    return f"{owner.metadata.name}-{ordinal}"


def ordinal_of(pod: Pod, owner: StatefulSet) -> int | None:
    """The ordinal in a pod's name, None if the name is not of this set."""
    match = _NAME.fullmatch(pod.metadata.name)
    return int(match[2]) if match is not None and match[1] == owner.metadata.name else None


def first_ordinal(owner: StatefulSet) -> int:
    return owner.spec.ordinals.start if owner.spec.ordinals is not None else 0


def revision_of(pod: Pod) -> str:
    """The name of the revision that a pod was made from."""
    return pod.metadata.labels.get(HASH_LABEL, "")


def make_pod(owner: StatefulSet, template: PodTemplateSpec, revision: str, ordinal: int) -> Pod:
    """The pod of an ordinal, from the template of a revision."""
    pod = pod_from_template(template, owner)
    pod.metadata.generate_name = ""
    pod.metadata.labels = {**pod.metadata.labels, HASH_LABEL: revision}
    pod.spec.hostname = pod_name(owner, ordinal)
    pod.spec.subdomain = owner.spec.service_name
    set_identity(owner, pod, ordinal)
    return pod


def set_identity(owner: StatefulSet, pod: Pod, ordinal: int) -> None:
    """Give a pod its name, its labels and the volumes of its claims."""
    name = pod_name(owner, ordinal)
    pod.metadata.name, pod.metadata.namespace = name, owner.metadata.namespace
    pod.metadata.labels = {**pod.metadata.labels, POD_NAME: name, POD_INDEX: str(ordinal)}
    claims = {claim.metadata.name: claim_name(owner, claim, ordinal) for claim in owner.spec.volume_claim_templates}
    own = [
        Volume(name=volume, persistent_volume_claim=PersistentVolumeClaimVolumeSource(claim_name=claim))
        for volume, claim in claims.items()
    ]
    pod.spec.volumes = [*own, *(volume for volume in pod.spec.volumes if volume.name not in claims)]


def has_identity(owner: StatefulSet, pod: Pod) -> bool:
    """Whether labels tell the identity that the name implies. Volumes of a pod cannot change any more."""
    ordinal = ordinal_of(pod, owner)
    labels = pod.metadata.labels
    return labels.get(POD_NAME) == pod.metadata.name and labels.get(POD_INDEX) == str(ordinal)


def claim_name(owner: StatefulSet, claim: PersistentVolumeClaim, ordinal: int) -> str:
    return f"{claim.metadata.name}-{owner.metadata.name}-{ordinal}"


def make_claims(owner: StatefulSet, ordinal: int) -> list[PersistentVolumeClaim]:
    """The claims of an ordinal."""
    selector = owner.spec.selector.match_labels if owner.spec.selector is not None else {}
    made = []
    for template in owner.spec.volume_claim_templates:
        copy = deep_copy(template)
        made.append(PersistentVolumeClaim(
            api_version="v1", kind="PersistentVolumeClaim",
            metadata=ObjectMeta(
                name=claim_name(owner, template, ordinal), namespace=owner.metadata.namespace,
                labels={**copy.metadata.labels, **selector}, annotations=copy.metadata.annotations,
            ),
            spec=copy.spec,
        ))
    return made
