"""Rules of what extends the API: API services, webhooks, admission policies, device claims.

Source: kube-aggregator's apiregistration/validation, pkg/apis/admissionregistration/validation/validation.go, pkg/apis/resource/validation
"""

from __future__ import annotations

from collections.abc import Sequence

from .. import admissionregistration_v1, syntax
from ..admissionregistration_v1 import (
    MutatingAdmissionPolicy,
    MutatingWebhook,
    MutatingWebhookConfiguration,
    RuleWithOperations,
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
    ValidatingWebhook,
    ValidatingWebhookConfiguration,
)
from ..apiregistration_v1 import APIService
from ..resource_v1 import (
    DeviceSubRequest,
    ExactDeviceRequest,
    ResourceClaim,
    ResourceClaimSpec,
    ResourceClaimTemplate,
    ResourceSlice,
)
from .causes import IMMUTABLE, Causes, duplicate, invalid, not_supported, required
from .common import https_url, immutable, label_selector, matches, port, present

_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_SIDE_EFFECTS = ("None", "NoneOnDryRun")
_REVIEW_VERSIONS = ("v1", "v1beta1")
_WEBHOOK_TIMEOUT_S_MAX = 30
_MATCH_CONDITIONS_MAX = 64
Webhook = ValidatingWebhook | MutatingWebhook
ClientConfig = admissionregistration_v1.WebhookClientConfig


def api_service(causes: Causes, obj: APIService) -> None:
    spec = obj.spec
    wanted = f"{spec.version}.{spec.group}"
    if obj.metadata.name != wanted:
        causes.append(invalid("metadata.name", obj.metadata.name, f"must be `spec.version+\".\"+spec.group`: {syntax.quote(wanted)}"))
    present(causes, "spec.version", spec.version, syntax.dns_1035_label)
    for value, wire, high in (
        (spec.group_priority_minimum, "groupPriorityMinimum", 20000), (spec.version_priority, "versionPriority", 1000),
    ):
        if not 1 <= (value or 0) <= high:
            causes.append(invalid(f"spec.{wire}", value or 0, f"must be positive and less than {high}"))
    if spec.service is None:
        if spec.ca_bundle or spec.insecure_skip_tls_verify:
            causes.append(invalid("spec.caBundle", "", "local APIServices may not have a caBundle"))
        return
    for text, wire in ((spec.service.namespace, "namespace"), (spec.service.name, "name")):
        if not text:
            causes.append(required(f"spec.service.{wire}"))
    port(causes, "spec.service.port", spec.service.port)
    if spec.insecure_skip_tls_verify and spec.ca_bundle:
        causes.append(invalid("spec.insecureSkipTLSVerify", True, "may not be true if caBundle is present"))


def webhooks(causes: Causes, obj: ValidatingWebhookConfiguration | MutatingWebhookConfiguration) -> None:
    seen: set[str] = set()
    hooks: Sequence[Webhook] = obj.webhooks
    for index, hook in enumerate(hooks):
        where = f"webhooks[{index}]"
        if hook.name in seen:
            causes.append(duplicate(f"{where}.name", hook.name))
        seen.add(hook.name)
        _webhook(causes, where, hook)


def _webhook(causes: Causes, path: str, hook: Webhook) -> None:
    if not hook.name:
        causes.append(required(f"{path}.name"))
    else:
        before = len(causes)
        matches(causes, f"{path}.name", hook.name, syntax.dns_subdomain)
        if len(causes) == before and hook.name.count(".") < 2:
            causes.append(invalid(f"{path}.name", hook.name, "should be a domain with at least three segments separated by dots"))
    for index, rule in enumerate(hook.rules):
        operations_and_resources(causes, f"{path}.rules[{index}]", rule)
    for value, wire, supported in ((hook.failure_policy, "failurePolicy", ("Fail", "Ignore")),
                                   (hook.match_policy, "matchPolicy", ("Equivalent", "Exact"))):
        if value is not None and value not in supported:
            causes.append(not_supported(f"{path}.{wire}", value, supported))
    if hook.side_effects is None:
        causes.append(required(f"{path}.sideEffects", f"must specify one of {', '.join(_SIDE_EFFECTS)}"))
    elif hook.side_effects not in _SIDE_EFFECTS:
        causes.append(not_supported(f"{path}.sideEffects", hook.side_effects, _SIDE_EFFECTS))
    timeout_s = hook.timeout_seconds
    if timeout_s is not None and not 1 <= timeout_s <= _WEBHOOK_TIMEOUT_S_MAX:
        causes.append(invalid(f"{path}.timeoutSeconds", timeout_s,
                              f"the timeout value must be between 1 and {_WEBHOOK_TIMEOUT_S_MAX} seconds"))
    label_selector(causes, f"{path}.namespaceSelector", hook.namespace_selector)
    label_selector(causes, f"{path}.objectSelector", hook.object_selector)
    if hook.client_config is None:
        causes.append(required(f"{path}.clientConfig"))
    else:
        client_config(causes, f"{path}.clientConfig", hook.client_config)
    _review_versions(causes, f"{path}.admissionReviewVersions", hook.admission_review_versions)
    if isinstance(hook, MutatingWebhook) and hook.reinvocation_policy not in (None, "IfNeeded", "Never"):
        causes.append(not_supported(f"{path}.reinvocationPolicy", hook.reinvocation_policy, ("IfNeeded", "Never")))
    _match_conditions(causes, f"{path}.matchConditions", hook.match_conditions)


def _review_versions(causes: Causes, path: str, versions: list[str]) -> None:
    if not versions:
        causes.append(required(path, f"must specify one of {', '.join(_REVIEW_VERSIONS)}"))
    elif not any(version in _REVIEW_VERSIONS for version in versions):
        causes.append(invalid(path, versions, f"must include at least one of {', '.join(_REVIEW_VERSIONS)}"))
    for index, version in enumerate(versions):
        if version in versions[:index]:
            causes.append(invalid(f"{path}[{index}]", version, "duplicate version"))


def _match_conditions(causes: Causes, path: str, conditions: list[admissionregistration_v1.MatchCondition]) -> None:
    if len(conditions) > _MATCH_CONDITIONS_MAX:
        causes.append(invalid(path, len(conditions), f"must have at most {_MATCH_CONDITIONS_MAX} items"))
    seen: set[str] = set()
    for index, condition in enumerate(conditions):
        if not condition.expression.strip():
            causes.append(required(f"{path}[{index}].expression"))
        present(causes, f"{path}[{index}].name", condition.name, syntax.label_key)
        if condition.name in seen:
            causes.append(duplicate(f"{path}[{index}].name", condition.name))
        seen.add(condition.name)


def operations_and_resources(
    causes: Causes, path: str, rule: RuleWithOperations | admissionregistration_v1.NamedRuleWithOperations
) -> None:
    for values, wire in ((rule.operations, "operations"), (rule.api_groups, "apiGroups"), (rule.api_versions, "apiVersions"),
                         (rule.resources, "resources")):
        if not values:
            causes.append(required(f"{path}.{wire}"))
        if "*" in values and len(values) > 1 and wire != "resources":
            what = "operation" if wire == "operations" else {"apiGroups": "API group", "apiVersions": "API version"}[wire]
            causes.append(invalid(f"{path}.{wire}", values, f"if '*' is present, must not specify other {what}s"))
    for index, operation in enumerate(rule.operations):
        if operation not in _OPERATIONS:
            causes.append(not_supported(f"{path}.operations[{index}]", operation, _OPERATIONS))
    if rule.scope not in (None, "*", "Cluster", "Namespaced"):
        causes.append(not_supported(f"{path}.scope", rule.scope, ("*", "Cluster", "Namespaced")))


def client_config(causes: Causes, path: str, config: ClientConfig) -> None:
    """Where a webhook is: at a URL or behind a service."""
    if (config.url is None) == (config.service is None):
        causes.append(required(path, "exactly one of url or service is required"))
    elif config.url is not None:
        https_url(causes, f"{path}.url", config.url)
    elif config.service is not None:
        for value, wire in ((config.service.name, "name"), (config.service.namespace, "namespace")):
            if not value:
                causes.append(required(f"{path}.service.{wire}", f"service {wire} is required"))
        port(causes, f"{path}.service.port", config.service.port)
        if config.service.path is not None and not config.service.path.startswith("/"):
            causes.append(invalid(f"{path}.service.path", config.service.path, "must start with a '/'"))


def admission_policy(causes: Causes, obj: ValidatingAdmissionPolicy | MutatingAdmissionPolicy) -> None:
    spec = obj.spec
    if spec.match_constraints is None:
        causes.append(required("spec.matchConstraints"))
    else:
        if not spec.match_constraints.resource_rules:
            causes.append(required("spec.matchConstraints.resourceRules"))
        for index, rule in enumerate(spec.match_constraints.resource_rules):
            operations_and_resources(causes, f"spec.matchConstraints.resourceRules[{index}]", rule)
    if spec.failure_policy not in ("Fail", "Ignore"):
        causes.append(not_supported("spec.failurePolicy", spec.failure_policy or "", ("Fail", "Ignore")))
    _match_conditions(causes, "spec.matchConditions", spec.match_conditions)
    for index, variable in enumerate(spec.variables):
        present(causes, f"spec.variables[{index}].name", variable.name, syntax.c_identifier)
        if not variable.expression.strip():
            causes.append(required(f"spec.variables[{index}].expression", "expression is not specified"))
    if isinstance(obj, ValidatingAdmissionPolicy):
        if not obj.spec.validations and not obj.spec.audit_annotations:
            causes.append(required("spec.validations", "validations or auditAnnotations must contain at least one item"))
        for index, validation in enumerate(obj.spec.validations):
            if not validation.expression.strip():
                causes.append(required(f"spec.validations[{index}].expression", "expression is not specified"))
    elif not obj.spec.mutations:
        causes.append(required("spec.mutations", "mutations must contain at least one item"))


def policy_binding(causes: Causes, obj: ValidatingAdmissionPolicyBinding) -> None:
    spec = obj.spec
    present(causes, "spec.policyName", spec.policy_name, syntax.dns_subdomain)
    if not spec.validation_actions:
        causes.append(required("spec.validationActions", "at least one validation action is required"))
    for index, action in enumerate(spec.validation_actions):
        if action not in ("Audit", "Deny", "Warn"):
            causes.append(not_supported(f"spec.validationActions[{index}]", action, ("Audit", "Deny", "Warn")))
        if action in spec.validation_actions[:index]:
            causes.append(duplicate(f"spec.validationActions[{index}]", action))
    if "Deny" in spec.validation_actions and "Warn" in spec.validation_actions:
        causes.append(invalid("spec.validationActions", spec.validation_actions,
                              "must not contain both Deny and Warn (repeating the same validation failure information in the API "
                              "response and headers serves no purpose)"))


def resource_claim(causes: Causes, obj: ResourceClaim) -> None:
    claim_spec(causes, "spec", obj.spec)


def claim_spec(causes: Causes, path: str, spec: ResourceClaimSpec) -> None:
    names: set[str] = set()
    for index, request in enumerate(spec.devices.requests if spec.devices is not None else ()):
        where = f"{path}.devices.requests[{index}]"
        present(causes, f"{where}.name", request.name, syntax.dns_label)
        if request.name in names:
            causes.append(duplicate(f"{where}.name", request.name))
        names.add(request.name)
        if request.exactly is None and not request.first_available:
            causes.append(required(where, "exactly one of `exactly` or `firstAvailable` is required"))
        elif request.exactly is not None and request.first_available:
            causes.append(invalid(where, request.name,
                                  "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set"))
        if request.exactly is not None:
            _device_request(causes, f"{where}.exactly", request.exactly)
        for number, part in enumerate(request.first_available):
            _device_request(causes, f"{where}.firstAvailable[{number}]", part)


def _device_request(causes: Causes, path: str, request: ExactDeviceRequest | DeviceSubRequest) -> None:
    present(causes, f"{path}.deviceClassName", request.device_class_name, syntax.dns_subdomain)
    if request.allocation_mode not in ("All", "ExactCount"):
        causes.append(not_supported(f"{path}.allocationMode", request.allocation_mode, ("All", "ExactCount")))


def update_resource_claim(causes: Causes, new: ResourceClaim, old: ResourceClaim) -> None:
    if new.spec != old.spec:
        causes.append(invalid("spec", new.spec, IMMUTABLE))
    resource_claim(causes, new)


def resource_claim_template(causes: Causes, obj: ResourceClaimTemplate) -> None:
    claim_spec(causes, "spec.spec", obj.spec.spec)


def update_resource_claim_template(causes: Causes, new: ResourceClaimTemplate, old: ResourceClaimTemplate) -> None:
    if new.spec != old.spec:
        causes.append(invalid("spec", new.spec, IMMUTABLE))


def resource_slice(causes: Causes, obj: ResourceSlice) -> None:
    spec = obj.spec
    present(causes, "spec.driver", spec.driver, syntax.dns_subdomain)
    pool = spec.pool
    if pool is None or not pool.name:
        causes.append(required("spec.pool.name"))
    chosen = sum(1 for value in (spec.node_name, spec.node_selector, spec.all_nodes, spec.per_device_node_selection) if value)
    if chosen != 1:
        causes.append(required("spec", "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"))
    for index, device in enumerate(spec.devices):
        present(causes, f"spec.devices[{index}].name", device.name, syntax.dns_label)


def update_resource_slice(causes: Causes, new: ResourceSlice, old: ResourceSlice) -> None:
    immutable(causes, "spec.nodeName", new.spec.node_name, old.spec.node_name)
    immutable(causes, "spec.driver", new.spec.driver, old.spec.driver)
    resource_slice(causes, new)
