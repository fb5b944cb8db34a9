"""PodSecurity: pods are as the labels of their namespace ask for, or are refused, noted in the audit log, or remarked on.

What makes a pod be of a level is `apis/pod_security`. Pods are refused themselves; of what only makes pods (a Deployment) the client is
told, and the audit log, what will become of its pods. A namespace is refused labels that mean nothing, and told about the pods that it has.

Source: staging/src/k8s.io/pod-security-admission/admission/admission.go, plugin/pkg/admission/security/podsecurity/admission.go
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from minikube_py.apis import core_v1
from minikube_py.apis.pod_security import PREFIX, PRIVILEGED, Evaluation, LevelVersion, Policy, evaluate, policy_of, stricter
from minikube_py.apis.pod_security.configuration import GROUP, VERSIONS, PodSecurityConfiguration, default_policy, validate
from minikube_py.apis.pod_security.policy import AUDIT, ENFORCE, VERSION, WARN
from minikube_py.apis.scheme import decoder
from minikube_py.apis.syntax import quote
from minikube_py.core.errors import Cause, aggregate, internal, invalid
from minikube_py.store.interface import Store

from ..configuration import ConfigurationError, decode_configuration
from . import Operation, Plugin, existing_pods, forbidden
from .namespace import find_namespace
from .pod_security_counters import Mode, PodSecurityCounters

# Where kinds that make pods have the template of them.
TEMPLATES: dict[str, Callable[[Any], core_v1.PodTemplateSpec | None]] = {
    "podtemplates": attrgetter("template"),
    "cronjobs.batch": attrgetter("spec.job_template.spec.template"),
    **dict.fromkeys(
        ("replicationcontrollers", "replicasets.apps", "deployments.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch"),
        attrgetter("spec.template"),
    ),
}
# Subresources of pods that have nothing to do with what a pod may. Others are looked at, also those that are yet to come.
IGNORED = frozenset({"exec", "attach", "binding", "eviction", "log", "portforward", "proxy", "status"})
CONFIGURATION_KIND = "PodSecurityConfiguration"


class PodSecurity(Plugin):
    """Holds pods to the Pod Security Standards."""

    name = "PodSecurity"
    resources = frozenset({"namespaces", "pods", *TEMPLATES})

    def __init__(self, store: Store, configuration: PodSecurityConfiguration) -> None:
        self._store = store
        self._counters = PodSecurityCounters()
        self._defaults = default_policy(configuration)
        exemptions = configuration.exemptions
        self._users, self._namespaces = frozenset(exemptions.usernames), frozenset(exemptions.namespaces)
        self._runtime_classes = frozenset(exemptions.runtime_classes)

    @classmethod
    def configured(cls, store: Store, document: Any) -> PodSecurity:
        """The plugin with the configuration that a document has; None is none.

        Raises: ConfigurationError.
        """
        if document is None:
            return cls(store, PodSecurityConfiguration())
        versions = [f"{GROUP}/{version}" for version in VERSIONS]
        configuration = decode_configuration(PodSecurityConfiguration, document, CONFIGURATION_KIND, versions, strict=True)
        if causes := validate(configuration):
            raise ConfigurationError(f"{cls.name} invalid: {aggregate(causes)}")
        return cls(store, configuration)

    def validate(self, operation: Operation) -> None:
        if operation.verb not in ("CREATE", "UPDATE"):
            return
        resource = operation.storage.resource.group_resource
        if resource == "pods":
            if operation.subresource not in IGNORED:
                self._validate_pod(operation)
        elif operation.subresource:
            return
        elif resource == "namespaces":
            self._validate_namespace(operation)
        else:
            self._validate_template(operation, TEMPLATES[resource](operation.obj))

    # Pods, and what makes them.

    def _validate_pod(self, operation: Operation) -> None:
        if self._is_exempt(operation):
            return
        found = self._policy(operation)
        if found is None:
            raise internal(self._note_lost(operation, "Internal error occurred: "))
        policy, causes = found
        if policy.fully_privileged and not causes:
            _annotate(operation, "enforce-policy", str(PRIVILEGED.enforce))
            self._counters.evaluated(operation, "enforce", policy.enforce, allowed=True)
            return
        pod: core_v1.Pod = operation.obj
        if operation.verb == "UPDATE" and not _is_significant(pod.spec, operation.old.spec):
            return
        self._evaluate(operation, policy, causes, pod, enforce=True)

    def _validate_template(self, operation: Operation, template: core_v1.PodTemplateSpec | None) -> None:
        if self._is_exempt(operation):
            return
        found = self._policy(operation)
        if found is None:
            self._note_lost(operation)
            return
        policy, causes = found
        if template is None or (policy.warn.level == policy.audit.level == "privileged" and not causes):
            return
        self._evaluate(operation, policy, causes, template, enforce=False)

    def _policy(self, operation: Operation) -> tuple[Policy, tuple[Cause, ...]] | None:
        """The policy of the namespace that is written to, and what is wrong with its labels; None if there is no such namespace."""
        namespace = find_namespace(self._store, operation.namespace)
        return None if namespace is None else policy_of(namespace.metadata.labels, self._defaults)

    def _is_exempt(self, operation: Operation) -> bool:
        """Whether nobody looks at what is in this namespace, or what this user does."""
        if operation.namespace in self._namespaces:
            self._note_exempt(operation, "namespace")
            return True
        if operation.context.user.name in self._users:
            self._note_exempt(operation, "user")
            return True
        return False

    def _evaluate(
        self, operation: Operation, policy: Policy, causes: Sequence[Cause], pod: core_v1.Pod | core_v1.PodTemplateSpec, *, enforce: bool
    ) -> None:
        """Raises: ForbiddenError for what is not to be, if `enforce`."""
        metadata, spec = pod.metadata, pod.spec
        if spec.runtime_class_name and spec.runtime_class_name in self._runtime_classes:
            self._note_exempt(operation, "runtimeClass")
            return
        if causes:
            _annotate(operation, "error", f"Failed to parse policy: {aggregate(causes)}")
            self._counters.failed(operation, fatal=False)
        known: dict[LevelVersion, Evaluation] = {}

        def violations(mode: Mode, level: LevelVersion) -> str:
            """What is wrong with the pod by a level, "" for nothing; modes of the same level ask once."""
            if level not in known:
                known[level] = evaluate(level, metadata, spec)
            allowed = known[level].allowed
            if mode == "enforce" or not allowed:
                self._counters.evaluated(operation, mode, level, allowed=allowed)
            return "" if allowed else f'PodSecurity "{level}": {known[level].detail}'

        if enforce:
            _annotate(operation, "enforce-policy", str(policy.enforce))
        if found := violations("audit", policy.audit):
            _annotate(operation, "audit-violations", f"would violate {found}")
        if enforce and (found := violations("enforce", policy.enforce)):
            raise forbidden(operation, f"violates {found}")
        if found := violations("warn", policy.warn):
            operation.context.warn(f"would violate {found}")

    # What the audit log is told and what is counted.

    def families(self) -> Iterable[Any]:
        return self._counters.families()

    def _note_exempt(self, operation: Operation, why: str) -> None:
        _annotate(operation, "exempt", why)
        self._counters.exempted(operation)

    def _note_lost(self, operation: Operation, prefix: str = "") -> str:
        """Note that there is no such namespace; returns what the client may be told."""
        problem = f"failed to lookup namespace {operation.namespace}"
        _annotate(operation, "error", f'{prefix}{problem}: namespaces "{operation.namespace}" not found')
        self._counters.failed(operation, fatal=True)
        return problem

    # Namespaces.

    def _validate_namespace(self, operation: Operation) -> None:
        name, labels = operation.name, operation.obj.metadata.labels
        policy, causes = policy_of(labels, self._defaults)
        was, causes_was = policy_of(operation.old.metadata.labels, self._defaults) if operation.old is not None else (policy, ())
        if causes and causes != causes_was:
            raise invalid("", "Namespace", name, causes)
        if operation.verb == "UPDATE" and not _tightens(policy.enforce, was.enforce):
            return
        if name in self._namespaces:
            self._warn_in_vain(operation, policy, labels)
        elif operation.verb == "UPDATE":
            for text in existing_pods.remarks(self._pods(name), name, policy.enforce, self._runtime_classes):
                operation.context.warn(text)

    def _warn_in_vain(self, operation: Operation, policy: Policy, labels: Mapping[str, str]) -> None:
        """Tell who labels an exempt namespace that nobody heeds the labels."""
        if policy.fully_privileged or policy.equivalent(self._defaults):
            return
        modes = ", ".join(
            f"{label.removeprefix(PREFIX)}={level}" for label, level in zip((ENFORCE, AUDIT, WARN), policy, strict=True)
            if level.level != "privileged" and (label in labels or label + VERSION in labels)
        )
        operation.context.warn(f"namespace {quote(operation.name)} is exempt from Pod Security, and the policy ({modes}) will be ignored")

    def _pods(self, namespace: str) -> list[core_v1.Pod]:
        pods = []
        for entry in self._store.list("pods", namespace).entries:
            if entry.obj is None:
                entry.obj = decoder(core_v1.Pod).decode(entry.data)
            pods.append(entry.obj)
        return pods


def _annotate(operation: Operation, key: str, value: str) -> None:
    operation.context.annotate(PREFIX + key, value)


def _tightens(new: LevelVersion, old: LevelVersion) -> bool:
    """Whether pods may be wrong by the new level that were right by the old one."""
    if new == old or new.level == "privileged":
        return False
    return new.version != old.version or stricter(new.level, old.level)


def _is_significant(new: core_v1.PodSpec, old: core_v1.PodSpec) -> bool:
    """Whether an update of a pod changes something that can be looked at anew: all else that counts cannot change."""
    for now, was in ((new.containers, old.containers), (new.init_containers, old.init_containers)):
        if len(now) != len(was) or any(mine.image != theirs.image for mine, theirs in zip(now, was, strict=True)):
            return True
    images = {container.name: container.image for container in old.ephemeral_containers}
    return any(images.get(container.name) != container.image for container in new.ephemeral_containers)
