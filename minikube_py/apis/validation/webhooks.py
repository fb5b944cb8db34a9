"""Rules of webhook configurations: whom they call, for what, and how.

Source: pkg/apis/admissionregistration/validation/validation.go, k8s.io/apiserver/pkg/util/webhook/validation.go
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from .. import syntax
from ..admissionregistration_v1 import (
    MatchCondition,
    MutatingWebhook,
    MutatingWebhookConfiguration,
    NamedRuleWithOperations,
    RuleWithOperations,
    ServiceReference,
    ValidatingWebhook,
    ValidatingWebhookConfiguration,
    WebhookClientConfig,
)
from .causes import Causes, duplicate, invalid, not_supported, required, too_many
from .common import label_selector, matches, service_path
from .expressions import Conditions
from .names import fully_qualified_name
from .rules import Rules, cluster

FAILURE_POLICIES = ("Fail", "Ignore")
MATCH_POLICIES = ("Equivalent", "Exact")
REINVOCATION_POLICIES = ("IfNeeded", "Never")
_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_SIDE_EFFECTS = ("None", "NoneOnDryRun", "Some", "Unknown")
_NO_SIDE_EFFECTS = ("None", "NoneOnDryRun")
_REVIEW_VERSIONS = ("v1", "v1beta1")
_SCOPES = ("*", "Cluster", "Namespaced")
_TIMEOUT_S_MAX = 30
_URL_FORM = "desired format: https://host[/path]"
_CONDITIONS_MAX = 64

Webhook = ValidatingWebhook | MutatingWebhook
Configuration = ValidatingWebhookConfiguration | MutatingWebhookConfiguration
Rule = RuleWithOperations | NamedRuleWithOperations


@dataclass(frozen=True, slots=True)
class _Strictness:
    """Which of the rules hold that older configurations may break."""

    conditions: bool = True
    no_side_effects: bool = True
    known_version: bool = True
    unique_names: bool = True
    label_values: bool = True


def configuration(causes: Causes, obj: Configuration) -> None:
    _configuration(causes, obj, _Strictness())


def update_configuration(causes: Causes, new: Configuration, old: Configuration) -> None:
    """What the old configuration breaks, the new one may break."""
    hooks: Sequence[Webhook] = old.webhooks
    names = [hook.name for hook in hooks]
    wrong: Causes = []
    for hook in hooks:
        label_selector(wrong, "", hook.namespace_selector)
        label_selector(wrong, "", hook.object_selector)
    now: Sequence[Webhook] = new.webhooks
    _configuration(causes, new, _Strictness(
        conditions=[hook.match_conditions for hook in now] != [hook.match_conditions for hook in hooks],
        no_side_effects=all(hook.side_effects in _NO_SIDE_EFFECTS for hook in hooks),
        known_version=all(set(hook.admission_review_versions) & set(_REVIEW_VERSIONS) for hook in hooks if hook.admission_review_versions),
        unique_names=len(set(names)) == len(names), label_values=not wrong,
    ))


def _configuration(causes: Causes, obj: Configuration, strict: _Strictness) -> None:
    seen: set[str] = set()
    hooks: Sequence[Webhook] = obj.webhooks
    for index, hook in enumerate(hooks):
        where = f"webhooks[{index}]"
        _webhook(causes, where, hook, strict)
        _review_versions(causes, f"{where}.admissionReviewVersions", hook.admission_review_versions, known=strict.known_version)
        if strict.unique_names and hook.name:
            if hook.name in seen:
                causes.append(duplicate(f"{where}.name", hook.name))
            seen.add(hook.name)


def _webhook(causes: Causes, path: str, hook: Webhook, strict: _Strictness) -> None:
    fully_qualified_name(causes, f"{path}.name", hook.name)
    for index, rule in enumerate(hook.rules):
        rule_with_operations(causes, f"{path}.rules[{index}]", rule)
    for value, wire, supported in ((hook.failure_policy, "failurePolicy", FAILURE_POLICIES),
                                   (hook.match_policy, "matchPolicy", MATCH_POLICIES)):
        if value is not None and value not in supported:
            causes.append(not_supported(f"{path}.{wire}", value, supported))
    effects = _NO_SIDE_EFFECTS if strict.no_side_effects else _SIDE_EFFECTS
    if hook.side_effects is None:
        causes.append(required(f"{path}.sideEffects", f"must specify one of {', '.join(effects)}"))
    elif hook.side_effects not in effects:
        causes.append(not_supported(f"{path}.sideEffects", hook.side_effects, effects))
    timeout_s = hook.timeout_seconds
    if timeout_s is not None and not 1 <= timeout_s <= _TIMEOUT_S_MAX:
        causes.append(invalid(f"{path}.timeoutSeconds", timeout_s, f"the timeout value must be between 1 and {_TIMEOUT_S_MAX} seconds"))
    label_selector(causes, f"{path}.namespaceSelector", hook.namespace_selector, strict_values=strict.label_values)
    label_selector(causes, f"{path}.objectSelector", hook.object_selector, strict_values=strict.label_values)
    if isinstance(hook, MutatingWebhook) and hook.reinvocation_policy not in (None, *REINVOCATION_POLICIES):
        causes.append(not_supported(f"{path}.reinvocationPolicy", hook.reinvocation_policy, REINVOCATION_POLICIES))
    _client_config(causes, f"{path}.clientConfig", hook.client_config)
    if strict.conditions:
        match_conditions(causes, f"{path}.matchConditions", hook.match_conditions)


def _client_config(causes: Causes, path: str, config: WebhookClientConfig) -> None:
    if (config.url is None) == (config.service is None):
        causes.append(required(path, "exactly one of url or service is required"))
    elif config.url is not None:
        webhook_url(causes, f"{path}.url", config.url)
    elif config.service is not None:
        _service(causes, f"{path}.service", config.service)


def webhook_url(causes: Causes, path: str, text: str) -> None:
    """The address of a webhook: a host, and a path perhaps."""
    try:
        parts = urlsplit(text)
    except ValueError as error:
        causes.append(required(path, f"url must be a valid URL: parse {syntax.quote(text)}: {error}; {_URL_FORM}"))
        return
    user, _, host = parts.netloc.rpartition("@")
    if parts.scheme != "https":
        causes.append(invalid(path, parts.scheme, f"'https' is the only allowed URL scheme; {_URL_FORM}"))
    if not host:
        causes.append(invalid(path, host, f"host must be specified; {_URL_FORM}"))
    if "@" in parts.netloc:
        causes.append(invalid(path, user, "user information is not permitted in the URL"))
    if parts.fragment:
        causes.append(invalid(path, parts.fragment, "fragments are not permitted in the URL"))
    if parts.query:
        causes.append(invalid(path, parts.query, "query parameters are not permitted in the URL"))


def _service(causes: Causes, path: str, service: ServiceReference) -> None:
    """Upstream confuses the two names here, and so does the field that it complains of."""
    if not service.namespace:
        causes.append(required(f"{path}.name"))
    if not service.name:
        causes.append(required(f"{path}.namespace"))
    if complaints := syntax.port_number(service.port or 0):
        causes.append(invalid(f"{path}.port", service.port or 0, f"port is not valid: {', '.join(complaints)}"))
    if service.path not in (None, "", "/"):
        service_path(causes, f"{path}.path", service.path or "")


def _review_versions(causes: Causes, path: str, versions: list[str], *, known: bool) -> None:
    if not versions:
        causes.append(required(path, f"must specify one of {', '.join(_REVIEW_VERSIONS)}"))
        return
    for index, version in enumerate(versions):
        if version in versions[:index]:
            causes.append(invalid(f"{path}[{index}]", version, "duplicate version"))
        else:
            matches(causes, f"{path}[{index}]", version, syntax.dns_1035_label)
    if known and not set(versions) & set(_REVIEW_VERSIONS):
        causes.append(invalid(path, versions, f"must include at least one of {', '.join(_REVIEW_VERSIONS)}"))


def match_conditions(causes: Causes, path: str, items: list[MatchCondition], *, params: bool = False) -> None:
    """Conditions of a request, each with a name of its own.

    Args:
        params: whether they may read the parameters of a policy.
    """
    compiled = Conditions(params=params)
    seen: set[str] = set()
    if len(items) > _CONDITIONS_MAX:
        causes.append(too_many(path, len(items), _CONDITIONS_MAX))
    for index, item in enumerate(items):
        where = f"{path}[{index}]"
        expression = item.expression.strip()
        if not expression:
            causes.append(required(f"{where}.expression"))
        else:
            compiled.check(causes, f"{where}.expression", expression, ("bool",))
        if not item.name:
            causes.append(required(f"{where}.name"))
            continue
        matches(causes, f"{where}.name", item.name, syntax.label_key)
        if item.name in seen:
            causes.append(duplicate(f"{where}.name", item.name))
        seen.add(item.name)


def rule_with_operations(causes: Causes, path: str, rule: Rule) -> None:
    operations = rule.operations
    if not operations:
        causes.append(required(f"{path}.operations"))
    if len(operations) > 1 and "*" in operations:
        causes.append(invalid(f"{path}.operations", operations, "if '*' is present, must not specify other operations"))
    for index, operation in enumerate(operations):
        if operation not in _OPERATIONS:
            causes.append(not_supported(f"{path}.operations[{index}]", operation, _OPERATIONS))
    for values, wire, what in ((rule.api_groups, "apiGroups", "API groups"), (rule.api_versions, "apiVersions", "API versions")):
        if not values:
            causes.append(required(f"{path}.{wire}"))
        if len(values) > 1 and "*" in values:
            causes.append(invalid(f"{path}.{wire}", values, f"if '*' is present, must not specify other {what}"))
    causes += [required(f"{path}.apiVersions[{index}]") for index, version in enumerate(rule.api_versions) if not version]
    _resources(causes, f"{path}.resources", rule.resources)
    if rule.scope is not None and rule.scope not in _SCOPES:
        causes.append(not_supported(f"{path}.scope", rule.scope, _SCOPES))


def _resources(causes: Causes, path: str, resources: list[str]) -> None:
    """Resources and subresources: what a wildcard covers is not named besides."""
    if not resources:
        causes.append(required(path))
    whole: set[str] = set()
    everywhere: set[str] = set()
    plain_last = False
    for index, text in enumerate(resources):
        where = f"{path}[{index}]"
        if not text:
            causes.append(required(where))
            continue
        resource, slash, sub = text.partition("/")
        if not slash:
            plain_last = text != "*"
            continue
        if resource in whole:
            causes.append(invalid(where, text, f"if '{resource}/*' is present, must not specify {text}"))
        if sub in everywhere:
            causes.append(invalid(where, text, f"if '*/{sub}' is present, must not specify {text}"))
        if sub == "*":
            whole.add(resource)
        if resource == "*":
            everywhere.add(sub)
    if len(resources) > 1 and "*/*" in resources:
        causes.append(invalid(path, resources, "if '*/*' is present, must not specify other resources"))
    if "*" in resources and plain_last:
        causes.append(invalid(path, resources, "if '*' is present, must not specify other resources without subresources"))


RULES: Rules = {
    ValidatingWebhookConfiguration: cluster(configuration, update_configuration),
    MutatingWebhookConfiguration: cluster(configuration, update_configuration),
}
