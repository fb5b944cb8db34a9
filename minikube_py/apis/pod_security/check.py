"""What a check is, what it looks at, and the words that all checks share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from ..core_v1 import Container, EphemeralContainer, PodSpec
from ..meta_v1 import ObjectMeta
from .policy import Level


class Subject:
    """A pod, or the template of one, as checks see it.

    Attributes:
        containers: all of them: init containers (sidecars among them), containers, ephemeral ones.
    """

    __slots__ = ("annotations", "containers", "spec")

    def __init__(self, metadata: ObjectMeta, spec: PodSpec) -> None:
        self.annotations: Mapping[str, str] = metadata.annotations
        self.spec = spec
        self.containers: tuple[Container | EphemeralContainer, ...] = (*spec.init_containers, *spec.containers, *spec.ephemeral_containers)


class Violation(NamedTuple):
    """Why a check does not let a pod in.

    Attributes:
        reason: a few words that many pods may share.
        detail: what in this pod it is.
    """

    reason: str
    detail: str


# Returns None for a pod that is let in.
CheckPod = Callable[[Subject], Violation | None]


class Check(NamedTuple):
    """One control of the standards.

    Attributes:
        id: also its place among the checks of its level: they are asked in the order of the names.
        level: baseline or restricted.
        versions: from which minor version of the policy on which function holds, ascending; before the first there is no such check.
        overrides: checks of the baseline that a restricted pod need not pass where this one exists, as this one asks for more.
    """

    id: str
    level: Level
    versions: tuple[tuple[int, CheckPod], ...]
    overrides: tuple[str, ...] = ()


def quoted(items: Iterable[str]) -> str:
    return ", ".join(f'"{item}"' for item in items)


def plural(word: str, items: Collection[object]) -> str:
    return word if len(items) == 1 else word + "s"


def containers(names: Collection[str]) -> str:
    """'container "a"', 'containers "a", "b"'."""
    return f"{plural('container', names)} {quoted(names)}"


def setters(names: Collection[str], *, pod: bool) -> str:
    """Who has set something: 'pod', 'container "a"', 'pod and containers "a", "b"'; "" for nobody."""
    return " and ".join((["pod"] if pod else []) + ([containers(names)] if names else []))


def is_windows(subject: Subject) -> bool:
    """Whether the pod says that it is for Windows, which does not know what some checks ask for."""
    return subject.spec.os is not None and subject.spec.os.name == "windows"


def in_user_namespace(subject: Subject) -> bool:
    """Whether root in the pod is nobody on the node."""
    return subject.spec.host_users is False
