"""Levels, versions, and what the labels of a namespace ask for.

Source: staging/src/k8s.io/pod-security-admission/api/helpers.go, constants.go
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple, cast

from minikube_py.core.errors import Cause

from ..validation.causes import invalid

Level = Literal["privileged", "baseline", "restricted"]
# From the least strict to the strictest.
LEVELS: tuple[Level, ...] = ("privileged", "baseline", "restricted")
LATEST = "latest"
# Also the prefix of the annotations of audit events.
PREFIX = "pod-security.kubernetes.io/"
ENFORCE, AUDIT, WARN = (PREFIX + mode for mode in ("enforce", "audit", "warn"))
VERSION = "-version"
LABELS = frozenset(label + suffix for label in (ENFORCE, AUDIT, WARN) for suffix in ("", VERSION))

_MINOR = re.compile(r"v1\.(0|[1-9][0-9]*)").fullmatch
# What upstream's integers hold.
_MINOR_MAX = 2**63 - 1


class LevelVersion(NamedTuple):
    """A level as it was in a version of the policy.

    Attributes:
        version: "latest" or "v1.N".
    """

    level: Level = "privileged"
    version: str = LATEST

    def __str__(self) -> str:
        return f"{self.level}:{self.version}"

    def equivalent(self, other: LevelVersion) -> bool:
        """Whether both let in the same pods whatever comes: the privileged level is the same in all versions."""
        return self == other or self.level == other.level == "privileged"


class Policy(NamedTuple):
    """What is done about pods: refused, noted in the audit log, or remarked on to the client, each by a level of its own."""

    enforce: LevelVersion = LevelVersion()
    audit: LevelVersion = LevelVersion()
    warn: LevelVersion = LevelVersion()

    @property
    def fully_privileged(self) -> bool:
        return self.enforce.level == self.audit.level == self.warn.level == "privileged"

    def equivalent(self, other: Policy) -> bool:
        return all(mine.equivalent(theirs) for mine, theirs in zip(self, other, strict=True))


PRIVILEGED = Policy()


def stricter(one: Level, other: Level) -> bool:
    """Whether the first level is stricter than the other."""
    return LEVELS.index(one) > LEVELS.index(other)


def level_complaint(text: str) -> str:
    """What is wrong with a level, "" for a right one."""
    return "" if text in LEVELS else f"must be one of {', '.join(LEVELS)}"


def version_complaint(text: str) -> str:
    """What is wrong with a version, "" for a right one."""
    if text == LATEST or ((match := _MINOR(text)) and int(match[1]) <= _MINOR_MAX):
        return ""
    return 'must be "latest" or "v1.x"'


def policy_of(labels: Mapping[str, str], defaults: Policy) -> tuple[Policy, tuple[Cause, ...]]:
    """The policy of a namespace, and what is wrong with its labels.

    There is a policy even then: enforcement fails closed (restricted, latest), the other two fail open (privileged). A namespace that
    enforces more than its warnings would speak of gets warnings of what it enforces, unless a label says which it wants.
    """
    if LABELS.isdisjoint(labels):
        return defaults, ()
    causes: list[Cause] = []
    enforce = _mode(labels, ENFORCE, defaults.enforce, "restricted", causes)
    audit = _mode(labels, AUDIT, defaults.audit, "privileged", causes)
    warn = _mode(labels, WARN, defaults.warn, "privileged", causes)
    if WARN not in labels and labels.get(ENFORCE) == enforce.level and stricter(enforce.level, warn.level):
        warn = LevelVersion(enforce.level, warn.version if WARN + VERSION in labels else enforce.version)
    return Policy(enforce, audit, warn), tuple(causes)


def _mode(labels: Mapping[str, str], label: str, default: LevelVersion, failing: Level, causes: list[Cause]) -> LevelVersion:
    """The level and version of one mode; `failing` is the level of a label that names none."""
    level, version = default
    if (text := labels.get(label)) is not None:
        complaint = level_complaint(text)
        if complaint:
            causes.append(invalid(f"metadata.labels[{label}]", text, complaint))
        level = failing if complaint else cast(Level, text)
    if (text := labels.get(label + VERSION)) is not None:
        complaint = version_complaint(text)
        if complaint:
            causes.append(invalid(f"metadata.labels[{label}{VERSION}]", text, complaint))
        version = LATEST if complaint else text
    return LevelVersion(level, version)
