"""Defaults of what extends the API: custom resource definitions, API services, webhooks and admission policies.

Source: staging/src/k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1/defaults.go, kube-aggregator's apiregistration/v1/defaults.go,
pkg/apis/admissionregistration/v1/defaults.go
"""

from __future__ import annotations

from ..admissionregistration_v1 import (
    MatchResources,
    MutatingAdmissionPolicy,
    MutatingAdmissionPolicyBinding,
    MutatingWebhook,
    MutatingWebhookConfiguration,
    ParamRef,
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
    ValidatingWebhook,
    ValidatingWebhookConfiguration,
)
from ..apiextensions_v1 import CustomResourceConversion, CustomResourceDefinition
from ..apiregistration_v1 import APIService
from ..meta_v1 import LabelSelector
from .table import Defaults

_HTTPS = 443
_WEBHOOK_TIMEOUT_S = 10


def set_definition(definition: CustomResourceDefinition) -> None:
    spec = definition.spec
    names = spec.names
    if not names.singular:
        names.singular = names.kind.lower()
    if not names.list_kind and names.kind:
        names.list_kind = f"{names.kind}List"
    if spec.conversion is None:
        spec.conversion = CustomResourceConversion(strategy="None")
    webhook = spec.conversion.webhook
    if webhook is not None and webhook.client_config is not None:
        service = webhook.client_config.service
        if service is not None and service.port is None:
            service.port = _HTTPS
    if not definition.status.stored_versions:
        definition.status.stored_versions = [version.name for version in spec.versions if version.storage][:1]


def set_api_service(api_service: APIService) -> None:
    service = api_service.spec.service
    if service is not None and service.port is None:
        service.port = _HTTPS


def set_webhook(webhook: ValidatingWebhook | MutatingWebhook) -> None:
    if webhook.failure_policy is None:
        webhook.failure_policy = "Fail"
    if webhook.match_policy is None:
        webhook.match_policy = "Equivalent"
    if webhook.namespace_selector is None:
        webhook.namespace_selector = LabelSelector()
    if webhook.object_selector is None:
        webhook.object_selector = LabelSelector()
    if webhook.timeout_seconds is None:
        webhook.timeout_seconds = _WEBHOOK_TIMEOUT_S
    for rule in webhook.rules:
        if rule.scope is None:
            rule.scope = "*"
    service = webhook.client_config.service
    if service is not None and service.port is None:
        service.port = _HTTPS
    if isinstance(webhook, MutatingWebhook) and webhook.reinvocation_policy is None:
        webhook.reinvocation_policy = "Never"


def set_webhooks(configuration: ValidatingWebhookConfiguration | MutatingWebhookConfiguration) -> None:
    for webhook in configuration.webhooks:
        set_webhook(webhook)


def set_policy(policy: ValidatingAdmissionPolicy | MutatingAdmissionPolicy) -> None:
    if policy.spec.failure_policy is None:
        policy.spec.failure_policy = "Fail"
    _set_match(policy.spec.match_constraints)


def set_binding(binding: ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding) -> None:
    _set_match(binding.spec.match_resources)
    _set_param(binding.spec.param_ref)


def _set_match(match: MatchResources | None) -> None:
    if match is None:
        return
    if match.match_policy is None:
        match.match_policy = "Equivalent"
    if match.namespace_selector is None:
        match.namespace_selector = LabelSelector()
    if match.object_selector is None:
        match.object_selector = LabelSelector()
    for rule in (*match.resource_rules, *match.exclude_resource_rules):
        if rule.scope is None:
            rule.scope = "*"


def _set_param(reference: ParamRef | None) -> None:
    if reference is not None and reference.parameter_not_found_action is None:
        reference.parameter_not_found_action = "Deny"


DEFAULTS: Defaults = {
    CustomResourceDefinition: set_definition, APIService: set_api_service, ValidatingWebhookConfiguration: set_webhooks,
    MutatingWebhookConfiguration: set_webhooks, ValidatingAdmissionPolicy: set_policy, MutatingAdmissionPolicy: set_policy,
    ValidatingAdmissionPolicyBinding: set_binding, MutatingAdmissionPolicyBinding: set_binding,
}
