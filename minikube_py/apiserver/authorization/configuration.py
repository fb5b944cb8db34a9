"""AuthorizationConfiguration: the authorizers of a server in a file, any number of webhooks among them.

Source: k8s.io/apiserver/pkg/apis/apiserver/v1/types.go, pkg/apis/apiserver/validation/validation.go,
kubernetes.io/docs/reference/access-authn-authz/authorization/#configuring-the-api-server-using-an-authorization-config-file
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from msgspec import field

from minikube_py.apis.object import Object
from minikube_py.apis.syntax import dns_subdomain
from minikube_py.apis.validation.causes import Causes, duplicate, invalid, not_supported, required
from minikube_py.core.duration import parse_duration
from minikube_py.core.errors import Cause, aggregate_texts

from ..configuration import ConfigurationError, decode_text, read_file

KIND = "AuthorizationConfiguration"
GROUP_VERSIONS = tuple(f"apiserver.config.k8s.io/{version}" for version in ("v1", "v1beta1", "v1alpha1"))
TYPES = ("ABAC", "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook")
_CONDITIONS_MAX = 64
_TIMEOUT_MAX_S = 30.0


class WebhookMatchCondition(Object):
    """A CEL expression that must hold for the webhook to be asked."""

    expression: str = ""


class WebhookConnectionInfo(Object):
    """How a webhook is reached."""

    type: str = ""
    kube_config_file: str | None = None


class WebhookConfiguration(Object):
    """One webhook; durations are in Go's notation."""

    authorized_ttl: str = field(default="", name="authorizedTTL")
    cache_authorized_requests: bool = True
    unauthorized_ttl: str = field(default="", name="unauthorizedTTL")
    cache_unauthorized_requests: bool = True
    timeout: str = ""
    subject_access_review_version: str = ""
    match_condition_subject_access_review_version: str = ""
    failure_policy: str = ""
    connection_info: WebhookConnectionInfo = field(default_factory=WebhookConnectionInfo)
    match_conditions: list[WebhookMatchCondition] = []

    @property
    def authorized_ttl_s(self) -> float:
        return parse_duration(self.authorized_ttl or "5m") if self.cache_authorized_requests else 0.0

    @property
    def unauthorized_ttl_s(self) -> float:
        return parse_duration(self.unauthorized_ttl or "30s") if self.cache_unauthorized_requests else 0.0


class AuthorizerConfiguration(Object):
    """One authorizer."""

    type: str = ""
    name: str = ""
    webhook: WebhookConfiguration | None = None


class AuthorizationConfiguration(Object):
    """The file."""

    kind: str = ""
    api_version: str = ""
    authorizers: list[AuthorizerConfiguration] = []


def read_configuration(path: Path) -> bytes:
    """The content of a file.

    Raises: ConfigurationError.
    """
    return read_file(path, "authorization configuration")


def configured(path: Path, content: bytes, kept: Collection[str] = ()) -> list[AuthorizerConfiguration]:
    """The authorizers of a file, in order.

    Args:
        kept: the types that there must be.
    Raises: ConfigurationError.
    Source: pkg/kubeapiserver/authorizer/config.go (LoadAndValidateData)
    """
    authorizers = decode_text(AuthorizationConfiguration, content, KIND, GROUP_VERSIONS).authorizers
    causes = _check(authorizers)
    if causes:
        shown = [f"{cause.field}: {cause.message}" for cause in causes]
        raise ConfigurationError(f"{path}: {aggregate_texts(shown)}")
    names = {one.type: one.name for one in authorizers if one.type != "Webhook"}
    problems = [
        f"expected name {type_.lower()} for authorizer {type_} instead of {name}" for type_, name in names.items() if name != type_.lower()
    ]
    missing = set(kept).difference(names)
    if missing:
        problems.append(f"missing required types: [{' '.join(sorted(missing))}]")
    if problems:
        raise ConfigurationError(aggregate_texts(problems))
    return authorizers


def _check(authorizers: list[AuthorizerConfiguration]) -> list[Cause]:
    causes: Causes = []
    if not authorizers:
        causes.append(required("authorizers", "at least one authorization mode must be defined"))
    types: set[str] = set()
    names: set[str] = set()
    for index, authorizer in enumerate(authorizers):
        path = f"authorizers[{index}]"
        if not authorizer.type:
            causes.append(required(f"{path}.type"))
        elif authorizer.type not in TYPES:
            causes.append(not_supported(f"{path}.type", authorizer.type, TYPES))
        elif authorizer.type in types and authorizer.type != "Webhook":
            causes.append(duplicate(f"{path}.type", authorizer.type))
        else:
            types.add(authorizer.type)
            _check_one(causes, path, authorizer, names)
    return causes


def _check_one(causes: Causes, path: str, authorizer: AuthorizerConfiguration, names: set[str]) -> None:
    name, webhook = authorizer.name, authorizer.webhook
    if not name:
        causes.append(required(f"{path}.name"))
    elif name in names:
        causes.append(duplicate(f"{path}.name", name))
    elif wrong := dns_subdomain(name):
        causes.append(invalid(f"{path}.name", name, f"authorizer name is invalid: {', '.join(wrong)}"))
    names.add(name)
    if authorizer.type != "Webhook":
        if webhook is not None:
            causes.append(invalid(f"{path}.webhook", "non-null", "may only be specified when type=Webhook"))
    elif webhook is None:
        causes.append(required(f"{path}.webhook", "required when type=Webhook"))
    else:
        _check_webhook(causes, path, webhook)


def _check_webhook(causes: Causes, path: str, webhook: WebhookConfiguration) -> None:
    timeout_s = _duration(causes, f"{path}.timeout", webhook.timeout)
    if not webhook.timeout or timeout_s == 0:
        causes.append(required(f"{path}.timeout"))
    elif timeout_s is not None and timeout_s > _TIMEOUT_MAX_S:
        causes.append(invalid(f"{path}.timeout", webhook.timeout, "must be > 0s and <= 30s"))
    _duration(causes, f"{path}.authorizedTTL", webhook.authorized_ttl)
    _duration(causes, f"{path}.unauthorizedTTL", webhook.unauthorized_ttl)
    for name, value, known, needed in (
        ("subjectAccessReviewVersion", webhook.subject_access_review_version, ("v1", "v1beta1"), ""),
        ("matchConditionSubjectAccessReviewVersion", webhook.match_condition_subject_access_review_version, ("v1",),
         "required if match conditions are specified"),
        ("failurePolicy", webhook.failure_policy, ("NoOpinion", "Deny"), ""),
    ):
        if value and value not in known:
            causes.append(not_supported(f"{path}.{name}", value, known))
        elif not value and (not needed or webhook.match_conditions):
            causes.append(required(f"{path}.{name}", needed))
    _check_connection(causes, f"{path}.connectionInfo", webhook.connection_info)
    _check_conditions(causes, f"{path}.matchConditions", webhook.match_conditions)


def _duration(causes: Causes, path: str, text: str) -> float | None:
    """The seconds of a duration; None if there is none, or one that does not read."""
    if not text:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        causes.append(invalid(path, text, str(error)))
        return None


def _check_connection(causes: Causes, path: str, connection: WebhookConnectionInfo) -> None:
    file = connection.kube_config_file
    if connection.type == "InClusterConfig":
        if file is not None:
            causes.append(invalid(f"{path}.kubeConfigFile", file, "can only be set when type=KubeConfigFile"))
        return
    if connection.type != "KubeConfigFile":
        known = ("InClusterConfig", "KubeConfigFile")
        causes.append(not_supported(f"{path}.type", connection.type, known) if connection.type else required(f"{path}.type"))
    elif not file:
        causes.append(required(f"{path}.kubeConfigFile"))
    elif not Path(file).is_absolute():
        causes.append(invalid(f"{path}.kubeConfigFile", file, "must be an absolute path"))
    elif not Path(file).exists():
        causes.append(invalid(f"{path}.kubeConfigFile", file, f"error loading file: stat {file}: no such file or directory"))
    elif not Path(file).is_file():
        causes.append(invalid(f"{path}.kubeConfigFile", file, "must be a regular file"))


def _check_conditions(causes: Causes, path: str, conditions: list[WebhookMatchCondition]) -> None:
    if len(conditions) > _CONDITIONS_MAX:
        text = f"Too many: {len(conditions)}: must have at most {_CONDITIONS_MAX} items"
        causes.append(Cause("FieldValueTooMany", text, path))
        return
    seen: set[str] = set()
    for index, condition in enumerate(conditions):
        where, expression = f"{path}[{index}].expression", condition.expression
        if not expression.strip():
            causes.append(required(where))
        elif expression in seen:
            causes.append(duplicate(where, expression))
        else:
            seen.add(expression)
            _check_condition(causes, where, expression)


def _check_condition(causes: Causes, path: str, expression: str) -> None:
    from .match_conditions import ExpressionError, MatchConditions

    try:
        MatchConditions([expression])
    except ExpressionError as error:
        causes.append(invalid(path, expression, str(error)))
