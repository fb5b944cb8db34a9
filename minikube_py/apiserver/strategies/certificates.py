"""Strategy of certificate signing requests: who asked is recorded, and each of three ways to write changes its own part.

Source: pkg/registry/certificates/certificates/strategy.go
"""

from __future__ import annotations

import msgspec

from minikube_py.apis.certificates_v1 import CertificateSigningRequest as Request
from minikube_py.apis.certificates_v1 import CertificateSigningRequestCondition as Condition
from minikube_py.core.clock import SYSTEM_CLOCK, Clock, rfc3339

from ..context import Context
from ..strategy import Strategy

DECISIONS = ("Approved", "Denied")


class CertificateSigningRequestStrategy(Strategy):
    """A request never changes; its status gets a certificate by `status` and conditions by `approval` or `status`."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock

    def prepare_create(self, obj: Request, context: Context) -> None:
        super().prepare_create(obj, context)
        user = context.user
        obj.spec.username, obj.spec.uid, obj.spec.groups = user.name, user.uid, [*user.groups]
        obj.spec.extra = {key: [*values] for key, values in user.extra.items()}

    def prepare_update(self, new: Request, old: Request, context: Context) -> None:
        super().prepare_update(new, old, context)
        new.spec = old.spec

    def prepare_status_update(self, new: Request, old: Request, context: Context) -> None:
        super().prepare_status_update(new, old, context)
        conditions = new.status.conditions
        for decision in DECISIONS:
            conditions = _with_decision_of(old.status.conditions, conditions, decision)
        new.status = msgspec.structs.replace(new.status, conditions=self._dated(conditions, old))

    def prepare_approval(self, new: Request, old: Request, context: Context) -> None:
        """Only the conditions change."""
        conditions = self._dated(new.status.conditions, old)
        super().prepare_status_update(new, old, context)
        new.status = msgspec.structs.replace(old.status, conditions=conditions)

    def _dated(self, conditions: list[Condition], old: Request) -> list[Condition]:
        """The conditions with times: one that stays as it was keeps that of its last change."""
        now = rfc3339(self._clock.now())
        since: dict[tuple[str, str], str] = {}
        for known in old.status.conditions:
            if known.last_transition_time:
                since.setdefault((known.type, known.status), known.last_transition_time)
        return [
            msgspec.structs.replace(
                condition, last_update_time=condition.last_update_time or now,
                last_transition_time=condition.last_transition_time or since.get((condition.type, condition.status), now))
            for condition in conditions
        ]


def _with_decision_of(old: list[Condition], new: list[Condition], decision: str) -> list[Condition]:
    """The new conditions with those of a decision as they were, unless some came or went: that is for validation to refuse."""
    known = [condition for condition in old if condition.type == decision]
    if len(known) != sum(condition.type == decision for condition in new):
        return new
    kept = iter(known)
    return [next(kept) if condition.type == decision else condition for condition in new]
