"""Whether an Indexed Job meets its successPolicy before all indexes are done.

Source: pkg/controller/job/success_policy.go.
"""

from __future__ import annotations

from minikube_py.apis.batch_v1 import Job

from . import indexes


def met(job: Job, done: set[int]) -> str:
    """The message of the first rule that the finished indexes meet; "" if none does."""
    for number, rule in enumerate(job.spec.success_policy.rules if job.spec.success_policy else ()):
        wanted = set(range(job.spec.completions or 0))
        if rule.succeeded_indexes:
            wanted = indexes.parse(rule.succeeded_indexes, job.spec.completions or 0)
        reached = wanted & done
        if (rule.succeeded_count is None and reached == wanted) or (
            rule.succeeded_count is not None and len(reached) >= rule.succeeded_count
        ):
            return f"Matched rules at index {number}"
    return ""
