"""Warnings about what makes pods: the pods' own, and names that are no names of hosts.

The templates are looked at when they are new and when the wanted state has changed, which the generation tells.

Source: pkg/registry/{apps,batch,core}/*/strategy.go, pkg/api/job/warnings.go
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..apps_v1 import DaemonSet, Deployment, ReplicaSet, StatefulSet
from ..batch_v1 import CronJob, Job, JobSpec
from ..core_v1 import PodTemplate, PodTemplateSpec, ReplicationController
from ..syntax import dns_label
from .pods import pod_template
from .tables import OnCreate, OnUpdate
from .volumes import claim_spec

_COMPLETIONS_MAX, _PARALLELISM_MAX = 100_000, 10_000
_JOB_TEMPLATE = "spec.jobTemplate.spec"


def _name(name: str) -> list[str]:
    complaints = dns_label(name)
    return [f"metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is "
            f"recommended: [{' '.join(complaints)}]"] if complaints else []


def _template(template: PodTemplateSpec | None) -> list[str]:
    return pod_template("spec.template", template) if template is not None else []


def _named(obj: ReplicationController | ReplicaSet | Deployment) -> list[str]:
    return _name(obj.metadata.name) + _template(obj.spec.template)


def _changed(texts: Callable[[Any], list[str]]) -> Callable[[Any, Any], list[str]]:
    """What is said of an update: as of the new object, but only if it wants something else than the old one."""
    return lambda new, old: texts(new) if new.metadata.generation != old.metadata.generation else []


def pod_template_object(obj: PodTemplate) -> list[str]:
    return pod_template("template", obj.template)


def stateful_set(obj: StatefulSet) -> list[str]:
    return _template(obj.spec.template) + _kept(obj, "")


def stateful_set_update(new: StatefulSet, old: StatefulSet) -> list[str]:
    return _changed(lambda obj: _template(obj.spec.template))(new, old) + _kept(new, ".Spec")


def _kept(obj: StatefulSet, suffix: str) -> list[str]:
    """What is said of claims and revisions; upstream shows the claims by another path on updates (`suffix`)."""
    texts = [text for index, claim in enumerate(obj.spec.volume_claim_templates)
             for text in claim_spec(f"spec.volumeClaimTemplates[{index}]{suffix}", claim.spec)]
    if (obj.spec.revision_history_limit or 0) < 0:
        texts.append("spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended")
    return texts


def _job_spec(path: str, spec: JobSpec) -> list[str]:
    texts = []
    if spec.completion_mode == "Indexed" and (spec.completions or 0) > _COMPLETIONS_MAX and (spec.parallelism or 0) > _PARALLELISM_MAX:
        texts.append(f"{path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, "
                     "Kubernetes might not be able to track completedIndexes when a big number of indexes fail")
    return texts + pod_template(f"{path}.template", spec.template)


def job(obj: Job) -> list[str]:
    return _name(obj.metadata.name) + _job_spec("spec", obj.spec)


def cron_job(obj: CronJob) -> list[str]:
    return _name(obj.metadata.name) + _job_spec(_JOB_TEMPLATE, obj.spec.job_template.spec)


def cron_job_update(new: CronJob, old: CronJob) -> list[str]:
    texts = _changed(lambda obj: _job_spec(_JOB_TEMPLATE, obj.spec.job_template.spec))(new, old)
    if "TZ" in new.spec.schedule:
        texts.append("cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see "
                     "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details")
    return texts


CREATE: OnCreate = {
    **dict.fromkeys((ReplicationController, ReplicaSet, Deployment), _named),
    PodTemplate: pod_template_object,
    DaemonSet: lambda obj: _template(obj.spec.template),
    StatefulSet: stateful_set,
    Job: job,
    CronJob: cron_job,
}
UPDATE: OnUpdate = {
    **dict.fromkeys(
        ((kind, "") for kind in (ReplicationController, ReplicaSet, Deployment, DaemonSet)),
        _changed(lambda obj: _template(obj.spec.template))),
    (PodTemplate, ""): _changed(pod_template_object),
    (StatefulSet, ""): stateful_set_update,
    (Job, ""): _changed(lambda obj: _job_spec("spec", obj.spec)),
    (CronJob, ""): cron_job_update,
}
