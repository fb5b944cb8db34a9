"""Specs of pods that were found good: pods of one template have the same, and only their metadata is new.

What the rules and warnings of `apis` say of a pod without annotations depends on its spec and, apart from that, on its metadata; that is
so for all but ephemeral volumes, whose claims bear the pod's name. Only what was without fault and without warning is remembered, so that
every message is made from the pod that it is about.

The volume of the service account's token has a random name in each pod. It is left out of what is remembered: a spec is as good with
another name of this form, at all places where it has this one.
"""

from __future__ import annotations

import re

from minikube_py.apis.core_v1 import Pod
from minikube_py.apis.scheme import encode

SPECS_MAX = 256
SPEC_BYTES_MAX = 8192
# Source: plugin/pkg/admission/serviceaccount (ServiceAccountVolumeName and a generated suffix)
_TOKEN_VOLUME = re.compile(r"kube-api-access-[a-z0-9]{5}")
# No JSON has this byte.
_ANY_NAME = b"\0"


class JudgedSpecs:
    """What is known of the specs that pods were made with lately."""

    def __init__(self) -> None:
        self._warned: dict[bytes, bool] = {}

    def key(self, pod: Pod) -> bytes | None:
        """What a spec is known by; None if it is not to be remembered."""
        spec = pod.spec
        if pod.metadata.annotations or any(volume.ephemeral is not None for volume in spec.volumes):
            return None
        data = encode(spec)
        if len(data) > SPEC_BYTES_MAX:
            return None
        for volume in reversed(spec.volumes):
            if _TOKEN_VOLUME.fullmatch(volume.name):
                return data.replace(volume.name.encode(), _ANY_NAME)
        return data

    def good(self, key: bytes, *, warns: bool) -> bool:
        """Whether a spec is without fault.

        Args:
            warns: whether it must be known to be without warnings, too.
        """
        warned = self._warned.get(key)
        return warned is not None and (warned or not warns)

    def remember(self, key: bytes, *, warned: bool) -> None:
        """Note a spec without fault.

        Args:
            warned: whether warnings were looked for, and there were none.
        """
        if len(self._warned) >= SPECS_MAX:
            del self._warned[next(iter(self._warned))]
        self._warned[key] = warned
