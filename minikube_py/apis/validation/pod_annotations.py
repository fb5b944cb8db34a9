"""Rules of the annotations of pods and pod templates that mean something to Kubernetes.

Source: pkg/apis/core/validation/validation.go (ValidatePodSpecificAnnotations, ValidatePodSpecificAnnotationUpdates,
validateSeccompAnnotationsAndFields, validateAppArmorAnnotationsAndFieldsMatchOnCreate)
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from ..core_v1 import AppArmorProfile, PodSpec, SeccompProfile, Toleration
from ..syntax import quote
from . import scheduling
from .causes import Causes, forbidden, invalid
from .common import descending_path
from .windows import every_container

MIRROR = "kubernetes.io/config.mirror"
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"
APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/"
_TOLERATIONS = "scheduler.alpha.kubernetes.io/tolerations"
_COST = re.compile(r"0|-?[0-9]+")
_LOCAL = "localhost/"


def pod_annotations(causes: Causes, path: str, values: Mapping[str, str], spec: PodSpec) -> None:
    if MIRROR in values and not spec.node_name:
        causes.append(invalid(f"{path}[{MIRROR}]", values[MIRROR], "must set spec.nodeName if mirror pod annotation is set"))
    if values.get(_TOLERATIONS):
        _tolerations(causes, path, values[_TOLERATIONS])
    cost = values.get(DELETION_COST)
    if cost is not None and not is_deletion_cost(cost):
        causes.append(invalid(f"{path}[{DELETION_COST}]", cost, "must be a 32bit integer"))
    if SECCOMP_POD in values:
        _seccomp(causes, f"{path}.{SECCOMP_POD}", values[SECCOMP_POD])
    for key, value in values.items():
        if key.startswith(SECCOMP_CONTAINER):
            _seccomp(causes, f"{path}.{key}", value)
    for key, value in values.items():
        if key.startswith(APP_ARMOR):
            _app_armor(causes, f"{path}[{key}]", key.removeprefix(APP_ARMOR), value, spec)


def is_deletion_cost(text: str) -> bool:
    if not _COST.fullmatch(text) or (text.startswith("0") and text != "0"):
        return False
    return -(2**31) <= int(text) < 2**31


def _tolerations(causes: Causes, path: str, text: str) -> None:
    try:
        tolerations = msgspec.json.decode(text, type=list[Toleration])
    except msgspec.MsgspecError as error:
        causes.append(invalid(path, _TOLERATIONS, str(error)))
        return
    scheduling.tolerations(causes, f"{path}.{_TOLERATIONS}", tolerations)


def _seccomp(causes: Causes, path: str, profile: str) -> None:
    if profile.startswith(_LOCAL):
        descending_path(causes, path, profile.removeprefix(_LOCAL))
    elif profile not in ("runtime/default", "docker/default", "unconfined"):
        causes.append(invalid(path, profile, "must be a valid seccomp profile"))


def _app_armor(causes: Causes, path: str, container: str, profile: str, spec: PodSpec) -> None:
    if all(item.name != container for _, item in every_container("", spec)):
        causes.append(invalid(path, container, "container not found"))
    if profile not in ("", "runtime/default", "unconfined") and not profile.startswith(_LOCAL):
        causes.append(invalid(path, profile, f"invalid AppArmor profile name: {quote(profile)}"))


def updated(causes: Causes, path: str, new: Mapping[str, str], old: Mapping[str, str], spec: PodSpec) -> None:
    """What says how a pod runs, or that it is a mirror, stays as it is."""
    for key, value in old.items():
        if new.get(key) != value or key not in new:
            if key.startswith(APP_ARMOR):
                causes.append(forbidden(f"{path}[{key}]", "may not remove or update AppArmor annotations"))
            elif key == MIRROR:
                causes.append(forbidden(f"{path}[{key}]", "may not remove or update mirror pod annotation"))
    for key in new:
        if key not in old:
            if key.startswith(APP_ARMOR):
                causes.append(forbidden(f"{path}[{key}]", "may not add AppArmor annotations"))
            elif key == MIRROR:
                causes.append(forbidden(f"{path}[{key}]", "may not add mirror pod annotation"))
    pod_annotations(causes, path, new, spec)


def match_fields(causes: Causes, path: str, values: Mapping[str, str], spec: PodSpec) -> None:
    """Annotations of old and the fields that took their place say the same."""
    context = spec.security_context
    if context is not None and context.seccomp_profile is not None and SECCOMP_POD in values:
        _match_seccomp(causes, f"{path}.securityContext.seccompProfile", values[SECCOMP_POD], context.seccomp_profile)
    for where, item in every_container(path, spec):
        own = item.security_context
        annotation = values.get(SECCOMP_CONTAINER + item.name)
        if annotation is not None and own is not None and own.seccomp_profile is not None:
            _match_seccomp(causes, f"{where}.securityContext.seccompProfile", annotation, own.seccomp_profile)
    if spec.os is not None and spec.os.name == "windows":
        return
    for where, item in every_container(path, spec):
        own = item.security_context
        profile = own.app_armor_profile if own is not None and own.app_armor_profile is not None else \
            context.app_armor_profile if context is not None else None
        annotation = values.get(APP_ARMOR + item.name)
        if annotation is not None and profile is not None:
            _match(causes, f"{where}.securityContext.appArmorProfile", annotation, profile, "apparmor", ("runtime/default",))


def _match_seccomp(causes: Causes, path: str, annotation: str, profile: SeccompProfile) -> None:
    _match(causes, path, annotation, profile, "seccomp", ("runtime/default", "docker/default"))


def _match(
    causes: Causes, path: str, annotation: str, profile: SeccompProfile | AppArmorProfile, what: str, default: tuple[str, ...]
) -> None:
    same_type = {"Unconfined": annotation == "unconfined", "RuntimeDefault": annotation in default,
                 "Localhost": annotation.startswith(_LOCAL)}.get(profile.type, True)
    if not same_type:
        causes.append(forbidden(f"{path}.type", f"{what} type in annotation and field must match"))
    elif profile.type == "Localhost" and annotation.removeprefix(_LOCAL) != profile.localhost_profile:
        causes.append(forbidden(f"{path}.localhostProfile", f"{what} profile in annotation and field must match"))
