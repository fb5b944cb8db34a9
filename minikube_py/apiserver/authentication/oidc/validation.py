"""Checks an AuthenticationConfiguration and compiles it into mappings.

Source: k8s.io/apiserver/pkg/apis/apiserver/validation/validation.go
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar
from urllib.parse import urlsplit

from minikube_py.apis.validation.causes import Causes, duplicate, invalid, required, too_many
from minikube_py.apis.validation.names import domain_prefixed_path
from minikube_py.core.errors import aggregate

from .claims import USERNAME, Claim, Mapping, RequiredClaim, Rule, Texts
from .configuration import (
    AuthenticationConfiguration,
    ClaimMappings,
    ClaimValidationRule,
    Issuer,
    JwtAuthenticator,
    PrefixedClaimOrExpression,
    UserValidationRule,
)

ISSUERS_MAX: Final = 64
BOTH: Final = "claim and expression can't both be set"
NEITHER: Final = "claim or expression is required"
_EMAIL: Final = (
    "claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or "
    "claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression"
)
T = TypeVar("T")


def compiled(configuration: AuthenticationConfiguration, own_issuers: Sequence[str] = ()) -> list[Mapping]:
    """How the claims of each issuer's tokens make users.

    Args:
        own_issuers: of service account tokens, which no other issuer may be.
    Raises: ValueError, with all that is wrong.
    """
    causes: Causes = []
    mappings: list[Mapping] = []
    if len(configuration.jwt) > ISSUERS_MAX:
        causes.append(too_many("jwt", len(configuration.jwt), ISSUERS_MAX))
    else:
        urls: set[str] = set()
        discovery_urls: set[str] = set()
        for index, jwt in enumerate(configuration.jwt):
            path = f"jwt[{index}]"
            mappings.append(_Compiler(causes, path).mapping(jwt, own_issuers))
            _once(causes, f"{path}.issuer.url", jwt.issuer.url, urls)
            if jwt.issuer.discovery_url:
                _once(causes, f"{path}.issuer.discoveryURL", jwt.issuer.discovery_url, discovery_urls)
    anonymous = configuration.anonymous
    if anonymous is not None and not anonymous.enabled and anonymous.conditions:
        shown = [{"Path": condition.path} for condition in anonymous.conditions]
        causes.append(invalid("anonymous.conditions", shown, "enabled should be set to true when conditions are defined"))
    if causes:
        raise ValueError(aggregate(causes))
    return mappings


def _once(causes: Causes, path: str, value: str, seen: set[str]) -> bool:
    if value in seen:
        causes.append(duplicate(path, value))
        return False
    seen.add(value)
    return True


class _Compiler:
    """Checks and compiles one issuer's part."""

    def __init__(self, causes: Causes, path: str) -> None:
        self._causes = causes
        self._path = path
        self._reads_email = False
        self._reads_email_verified = False

    def mapping(self, jwt: JwtAuthenticator, own_issuers: Sequence[str]) -> Mapping:
        """What the issuer's tokens make; of use only if nothing was wrong."""
        self._issuer(jwt.issuer, own_issuers, f"{self._path}.issuer")
        rules = self._claim_rules(jwt.claim_validation_rules, f"{self._path}.claimValidationRules")
        mapping = self._mappings(jwt.claim_mappings, f"{self._path}.claimMappings", rules)
        users = self._user_rules(jwt.user_validation_rules, f"{self._path}.userValidationRules")
        return Mapping(mapping.username, mapping.groups, mapping.uid, mapping.extra, rules, users)

    def _issuer(self, issuer: Issuer, own_issuers: Sequence[str], path: str) -> None:
        causes = self._causes
        if not issuer.url:
            causes.append(required(f"{path}.url"))
        else:
            self._url(issuer.url, own_issuers, f"{path}.url")
        if issuer.discovery_url:
            where = f"{path}.discoveryURL"
            if issuer.url and issuer.url.rstrip("/") == issuer.discovery_url.rstrip("/"):
                causes.append(invalid(where, issuer.discovery_url, "discoveryURL must be different from URL"))
            self._url(issuer.discovery_url, (), where)
        self._audiences(issuer, path)
        if issuer.certificate_authority:
            try:
                ssl.create_default_context(cadata=issuer.certificate_authority)
            except (ssl.SSLError, ValueError):
                causes.append(invalid(
                    f"{path}.certificateAuthority", "<omitted>", "data does not contain any valid RSA or ECDSA certificates"))
        if issuer.egress_selector_type not in ("", "controlplane", "cluster"):
            causes.append(invalid(
                f"{path}.egressSelectorType", issuer.egress_selector_type, "egress selector must be either controlplane or cluster"))

    def _url(self, url: str, disallowed: Sequence[str], path: str) -> None:
        causes = self._causes
        if url in disallowed:
            causes.append(invalid(path, url, f"URL must not overlap with disallowed issuers: [{' '.join(sorted(disallowed))}]"))
        try:
            parts = urlsplit(url)
        except ValueError as error:
            causes.append(invalid(path, url, str(error)))
            return
        for wrong, detail in (
            (parts.scheme != "https", "URL scheme must be https"),
            (parts.username is not None, "URL must not contain a username or password"),
            (parts.query != "", "URL must not contain a query"), (parts.fragment != "", "URL must not contain a fragment"),
        ):
            if wrong:
                causes.append(invalid(path, url, detail))

    def _audiences(self, issuer: Issuer, path: str) -> None:
        causes, where, policy = self._causes, f"{path}.audiences", issuer.audience_match_policy
        if not issuer.audiences:
            causes.append(required(where, f"at least one {where} is required"))
            return
        seen: set[str] = set()
        for index, audience in enumerate(issuer.audiences):
            if not audience:
                causes.append(required(f"{where}[{index}]"))
            _once(causes, f"{where}[{index}]", audience, seen)
        if len(issuer.audiences) > 1 and policy != "MatchAny":
            detail = "audienceMatchPolicy must be MatchAny for multiple audiences"
            causes.append(invalid(f"{path}.audienceMatchPolicy", policy, detail))
        elif len(issuer.audiences) == 1 and policy not in ("", "MatchAny"):
            detail = "audienceMatchPolicy must be empty or MatchAny for single audience"
            causes.append(invalid(f"{path}.audienceMatchPolicy", policy, detail))

    def _claim_rules(self, rules: Sequence[ClaimValidationRule], path: str) -> list[Rule]:
        causes = self._causes
        found: list[Rule] = []
        claims: set[str] = set()
        expressions: set[str] = set()
        for index, rule in enumerate(rules):
            where = f"{path}[{index}]"
            if rule.claim and rule.expression:
                causes.append(invalid(where, rule.claim, BOTH))
            elif rule.claim:
                if rule.message:
                    causes.append(invalid(f"{where}.message", rule.message, "may not be specified when claim is set"))
                _once(causes, f"{where}.claim", rule.claim, claims)
                found.append(RequiredClaim(rule.claim, rule.required_value))
            elif rule.expression:
                if rule.required_value:
                    causes.append(invalid(
                        f"{where}.requiredValue", rule.required_value, "may not be specified when expression is set"))
                if _once(causes, f"{where}.expression", rule.expression, expressions):
                    found += self._claim_rule(rule, f"{where}.expression")
            else:
                causes.append(required(where, NEITHER))
        return found

    def _claim_rule(self, rule: ClaimValidationRule, path: str) -> list[Rule]:
        from .expressions import ClaimRule, reads_claim

        made = self._expression(path, rule.expression, partial(ClaimRule, message=rule.message))
        if made is None:
            return []
        self._reads_email_verified |= reads_claim(made.checked, "email_verified")
        return [made]

    def _user_rules(self, rules: Sequence[UserValidationRule], path: str) -> list[Rule]:
        found: list[Rule] = []
        expressions: set[str] = set()
        if rules:
            from .expressions import UserRule
        for index, rule in enumerate(rules):
            where = f"{path}[{index}].expression"
            if not rule.expression:
                self._causes.append(required(where))
            elif _once(self._causes, where, rule.expression, expressions):
                made = self._expression(where, rule.expression, partial(UserRule, message=rule.message))
                found += [] if made is None else [made]
        return found

    def _mappings(self, mappings: ClaimMappings, path: str, rules: Sequence[Rule]) -> Mapping:
        causes, uid = self._causes, mappings.uid
        username = self._prefixed("username", mappings.username, f"{path}.username")
        groups = self._prefixed("group", mappings.groups, f"{path}.groups")
        own: Texts | None = None
        if uid.claim and uid.expression:
            causes.append(invalid(f"{path}.uid", "", BOTH))
        elif uid.claim:
            own = Claim("uid claim", uid.claim)
        elif uid.expression:
            own = self._texts("uid", uid.expression, f"{path}.uid.expression")
        extra = self._extra(mappings, f"{path}.extra")
        if self._reads_email and not self._reads_email_verified:
            causes.append(invalid(f"{path}.username.expression", mappings.username.expression, _EMAIL))
        return Mapping(username or Claim(USERNAME, ""), groups, own, extra, rules)

    def _prefixed(self, what: str, mapping: PrefixedClaimOrExpression, path: str) -> Texts | None:
        causes, many = self._causes, what == "group"
        if mapping.claim and mapping.expression:
            causes.append(invalid(path, "", BOTH))
        elif mapping.expression:
            if mapping.prefix is not None:
                causes.append(invalid(f"{path}.prefix", mapping.prefix, "may not be specified when expression is set"))
            return self._texts(what, mapping.expression, f"{path}.expression", many=many)
        elif mapping.claim:
            if mapping.prefix is None:
                causes.append(required(
                    f"{path}.prefix", "prefix is required when claim is set. It can be set to an empty string to disable prefixing"))
            return Claim("groups claim" if many else USERNAME, mapping.claim, mapping.prefix or "", many)
        elif not many:
            causes.append(required(path, NEITHER))
        return None

    def _extra(self, mappings: ClaimMappings, path: str) -> list[tuple[str, Texts]]:
        causes, found = self._causes, []
        keys: set[str] = set()
        for index, mapping in enumerate(mappings.extra):
            where, key = f"{path}[{index}]", mapping.key
            domain_prefixed_path(causes, f"{where}.key", key)
            if key != key.lower():
                causes.append(invalid(f"{where}.key", key, "must be lowercase"))
            domain = key.partition("/")[0] if "/" in key else ""
            if any(domain == own or domain.endswith(f".{own}") for own in ("kubernetes.io", "k8s.io")):
                causes.append(invalid(
                    f"{where}.key", key, "k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use"))
            if not _once(causes, f"{where}.key", key, keys):
                continue
            if not mapping.value_expression:
                causes.append(required(f"{where}.valueExpression"))
                continue
            made = self._texts("extra", mapping.value_expression, f"{where}.valueExpression", many=True)
            if made is not None:
                found.append((key, made))
        return found

    def _texts(self, what: str, source: str, path: str, *, many: bool = False) -> Texts | None:
        from .expressions import Expression, reads_claim

        made = self._expression(path, source, partial(Expression, what, many=many))
        if made is not None and what in ("username", "extra"):
            self._reads_email |= what == "username" and reads_claim(made.checked, "email")
            self._reads_email_verified |= reads_claim(made.checked, "email_verified")
        return made

    def _expression(self, path: str, source: str, make: Callable[[str], T]) -> T | None:
        from minikube_py.apis.cel.environments import ExpressionError

        try:
            return make(source)
        except ExpressionError as error:
            self._causes.append(invalid(path, source, str(error)))
            return None
