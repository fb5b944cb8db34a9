"""Strategy of jobs: a job's selector is made from its uid, so that no two jobs fight over pods.

Source: pkg/registry/batch/job/strategy.go (generateSelector)
"""

from __future__ import annotations

from typing import Any

from minikube_py.apis.meta_v1 import LabelSelector

from ..context import Context
from ..strategy import Strategy

CONTROLLER_UID = "batch.kubernetes.io/controller-uid"
JOB_NAME = "batch.kubernetes.io/job-name"
# The names of these labels before 1.27, which are still set.
LEGACY_CONTROLLER_UID, LEGACY_JOB_NAME = "controller-uid", "job-name"


class JobStrategy(Strategy):
    """A job says by `manualSelector` that it brings its own selector."""

    generation = True
    deletion_warning = (
        "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set "
        "propagationPolicy=Orphan to suppress this warning"
    )

    def prepare_create(self, obj: Any, context: Context) -> None:
        super().prepare_create(obj, context)
        if obj.spec.manual_selector:
            return
        meta, labels = obj.metadata, obj.spec.template.metadata.labels
        for key, value in ((JOB_NAME, meta.name), (LEGACY_JOB_NAME, meta.name), (CONTROLLER_UID, meta.uid),
                           (LEGACY_CONTROLLER_UID, meta.uid)):
            labels.setdefault(key, value)
        if obj.spec.selector is None:
            obj.spec.selector = LabelSelector()
        obj.spec.selector.match_labels.setdefault(CONTROLLER_UID, meta.uid)
        if not meta.labels:
            meta.labels = dict(labels)
