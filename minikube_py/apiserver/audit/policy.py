"""The audit policy: a list of rules, of which the first that fits a request says how much of it is recorded.

Source: k8s.io/apiserver/pkg/audit/policy, k8s.io/apiserver/pkg/apis/audit/validation
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import field

from minikube_py.apis import meta_v1, syntax
from minikube_py.apis.object import Object
from minikube_py.apiserver.authentication.user import UserInfo
from minikube_py.apiserver.http.request_info import RequestInfo
from minikube_py.core.errors import aggregate_texts

from ..configuration import ConfigurationError, StrictError, decode_text, open_problem, parse_document, type_of_document

log = logging.getLogger(__name__)

NONE, METADATA, REQUEST, REQUEST_RESPONSE = range(4)
LEVELS = {"None": NONE, "Metadata": METADATA, "Request": REQUEST, "RequestResponse": REQUEST_RESPONSE}
LEVEL_NAMES = (*LEVELS,)
STAGES = ("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")
VERSIONS = ("audit.k8s.io/v1",)
ANY_GROUP = "*"
LOADING = "loading audit policy file"


class AuditPolicyError(ValueError):
    """The policy cannot be used; the message says why."""


class GroupResources(Object):
    """Resources of a group, or of all groups; without any, all."""

    group: str = ""
    resources: list[str] = []
    resource_names: list[str] = []


class PolicyRule(Object):
    """What fits is recorded at a level. An empty list fits everything."""

    level: str = ""
    users: list[str] = []
    user_groups: list[str] = []
    verbs: list[str] = []
    resources: list[GroupResources] = []
    namespaces: list[str] = []
    non_resource_urls: list[str] = field(default_factory=list, name="nonResourceURLs")
    omit_stages: list[str] = []
    omit_managed_fields: bool | None = None


class Policy(Object):
    """The file."""

    kind: str = ""
    api_version: str = ""
    metadata: meta_v1.ObjectMeta = field(default_factory=meta_v1.ObjectMeta)
    rules: list[PolicyRule] = []
    omit_stages: list[str] = []
    omit_managed_fields: bool = False


class Verdict(NamedTuple):
    """What is recorded of a request.

    Attributes:
        level: one of NONE to REQUEST_RESPONSE.
    """

    level: int
    omit_stages: Collection[str]
    omit_managed_fields: bool


class PolicyEvaluator:
    """Finds the rule for a request."""

    def __init__(self, policy: Policy) -> None:
        self._rules = [(_Matcher(rule), _verdict(rule, policy)) for rule in policy.rules]
        self._otherwise = Verdict(NONE, frozenset(policy.omit_stages), policy.omit_managed_fields)

    def evaluate(self, user: UserInfo | None, info: RequestInfo) -> Verdict:
        for matcher, verdict in self._rules:
            if matcher.matches(user, info):
                return verdict
        return self._otherwise


class _Matcher:
    """One rule, with its lists as sets."""

    def __init__(self, rule: PolicyRule) -> None:
        self._users = frozenset(rule.users)
        self._groups = frozenset(rule.user_groups)
        self._verbs = frozenset(rule.verbs)
        self._namespaces = frozenset(rule.namespaces)
        self._resources = [(each.group, frozenset(each.resources), frozenset(each.resource_names)) for each in rule.resources]
        self._paths = frozenset(rule.non_resource_urls)
        self._prefixes = tuple(path.rstrip("*") for path in rule.non_resource_urls if path.endswith("*"))

    def matches(self, user: UserInfo | None, info: RequestInfo) -> bool:
        if self._users and (user is None or user.name not in self._users):
            return False
        if self._groups and (user is None or self._groups.isdisjoint(user.groups)):
            return False
        if self._verbs and info.verb not in self._verbs:
            return False
        if self._namespaces or self._resources:
            return info.is_resource and self._matches_resource(info)
        if self._paths:
            return not info.is_resource and (info.path in self._paths or info.path.startswith(self._prefixes))
        return True

    def _matches_resource(self, info: RequestInfo) -> bool:
        if self._namespaces and info.namespace not in self._namespaces:
            return False
        if not self._resources:
            return True
        wanted = {"*", f"{info.resource}/*", f"{info.resource}/{info.subresource}" if info.subresource else info.resource}
        if info.subresource:
            wanted.add(f"*/{info.subresource}")
        return any(
            group in (info.group, ANY_GROUP) and (not resources or (not wanted.isdisjoint(resources) and (not names or info.name in names)))
            for group, resources, names in self._resources
        )


def _verdict(rule: PolicyRule, policy: Policy) -> Verdict:
    omits = policy.omit_managed_fields if rule.omit_managed_fields is None else rule.omit_managed_fields
    return Verdict(LEVELS[rule.level], frozenset((*rule.omit_stages, *policy.omit_stages)), omits)


def read_policy(path: Path) -> Policy:
    """Raises: AuditPolicyError."""
    try:
        text = path.read_bytes()
    except OSError as error:
        why = f"failed to read file path {syntax.quote(str(path))}: {open_problem(path, error)}"
        raise AuditPolicyError(f"{LOADING}: {why}") from error
    try:
        return _policy(text)
    except ConfigurationError as error:
        raise AuditPolicyError(f"{LOADING}: failed decoding: {error}: from file {path}") from error
    except AuditPolicyError as error:
        raise AuditPolicyError(f"{LOADING}: {error}: from file {path}") from error


def _policy(text: bytes) -> Policy:
    """Raises: AuditPolicyError, ConfigurationError."""
    document = parse_document(text)
    if isinstance(document, dict | None) and not type_of_document(document)[0]:
        raise AuditPolicyError("unknown group version field audit.k8s.io/__internal, Kind=Policy in policy")
    try:
        policy = decode_text(Policy, text, "Policy", VERSIONS)
    except StrictError as error:
        log.warning("audit policy contains errors, what is not known is ignored reason=%s", error)
        policy = decode_text(Policy, text, "Policy", VERSIONS, strict=False)
    problems = [problem for index, rule in enumerate(policy.rules) for problem in _problems(rule, f"rules[{index}]")]
    if problems:
        raise AuditPolicyError(aggregate_texts(problems))
    if not policy.rules:
        raise AuditPolicyError("loaded illegal policy with 0 rules")
    return policy


def _problems(rule: PolicyRule, at: str) -> Iterator[str]:
    if not rule.level:
        yield f"{at}.level: Required value"
    elif rule.level not in LEVELS:
        supported = ", ".join(syntax.quote(name) for name in LEVELS)
        yield f'{at}.level: Unsupported value: "{rule.level}": supported values: {supported}'
    for index, url in enumerate(rule.non_resource_urls):
        if url == "*":
            continue
        if not url.startswith("/"):
            yield f"{_invalid(at, index, url)}: non-resource URL rules must begin with a '/' character"
        if "*" in url[:-1]:
            yield f"{_invalid(at, index, url)}: non-resource URL wildcards '*' must be the final character of the rule"
    for each in rule.resources:
        complaints = syntax.dns_subdomain(each.group) if each.group and each.group != ANY_GROUP else []
        if complaints:
            yield f"{at}.resources.group: Invalid value: {syntax.quote(each.group)}: {','.join(complaints)}"
        if each.resource_names and not each.resources:
            names = _quoted(each.resource_names)
            yield f"{at}.resources.resourceNames: Invalid value: {names}: using resourceNames requires at least one resource"
    for index, stage in enumerate(rule.omit_stages):
        if stage not in STAGES:
            yield f"{at}.omitStages[{index}]: Invalid value: {syntax.quote(stage)}: allowed stages are {','.join(STAGES)}"
    if rule.non_resource_urls and (rule.resources or rule.namespaces):
        yield (f"{at}.nonResourceURLs: Invalid value: {_quoted(rule.non_resource_urls)}: rules cannot apply to both regular resources and "
               "non-resource URLs")


def _invalid(at: str, index: int, url: str) -> str:
    return f"{at}.nonResourceURLs[{index}]: Invalid value: {syntax.quote(url)}"


def _quoted(texts: Sequence[str]) -> str:
    return "[" + ",".join(syntax.quote(text) for text in texts) + "]"
