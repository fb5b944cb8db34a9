"""AuthenticationConfiguration, and the flags that say the same of one issuer.

Source: kubernetes.io/docs/reference/config-api/apiserver-config.v1/#apiserver-config-k8s-io-v1-AuthenticationConfiguration,
k8s.io/apiserver/pkg/apis/apiserver/v1, pkg/kubeapiserver/options/authentication.go (ToAuthenticationConfig)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import field

from minikube_py.apis.object import Object

from ...configuration import ConfigurationError, decode_text

GROUP_VERSIONS: Final = tuple(f"apiserver.config.k8s.io/{version}" for version in ("v1", "v1beta1", "v1alpha1"))
KIND: Final = "AuthenticationConfiguration"


class Issuer(Object):
    """Who makes tokens, and for whom."""

    url: str = ""
    discovery_url: str = field(default="", name="discoveryURL")
    certificate_authority: str = ""
    audiences: list[str] = []
    audience_match_policy: str = ""
    egress_selector_type: str = ""


class ClaimValidationRule(Object):
    """A claim's value, or an expression over claims, that must hold."""

    claim: str = ""
    required_value: str = ""
    expression: str = ""
    message: str = ""


class PrefixedClaimOrExpression(Object):
    """A claim with a prefix (None where it must be told and is not), or an expression."""

    claim: str = ""
    prefix: str | None = None
    expression: str = ""


class ClaimOrExpression(Object):
    claim: str = ""
    expression: str = ""


class ExtraMapping(Object):
    key: str = ""
    value_expression: str = ""


class ClaimMappings(Object):
    """How claims make a user."""

    username: PrefixedClaimOrExpression = field(default_factory=PrefixedClaimOrExpression)
    groups: PrefixedClaimOrExpression = field(default_factory=PrefixedClaimOrExpression)
    uid: ClaimOrExpression = field(default_factory=ClaimOrExpression)
    extra: list[ExtraMapping] = []


class UserValidationRule(Object):
    """An expression over the user that must hold."""

    expression: str = ""
    message: str = ""


class JwtAuthenticator(Object):
    """One issuer of tokens."""

    issuer: Issuer = field(default_factory=Issuer)
    claim_validation_rules: list[ClaimValidationRule] = []
    claim_mappings: ClaimMappings = field(default_factory=ClaimMappings)
    user_validation_rules: list[UserValidationRule] = []


class AnonymousCondition(Object):
    path: str = ""


class Anonymous(Object):
    """Whether requests without credentials are let in, and on which paths; without conditions on all."""

    enabled: bool = False
    conditions: list[AnonymousCondition] = []


class AuthenticationConfiguration(Object):
    api_version: str = ""
    kind: str = ""
    jwt: list[JwtAuthenticator] = []
    anonymous: Anonymous | None = None


def load(path: Path) -> AuthenticationConfiguration:
    """Read a configuration file.

    Raises: ValueError if it cannot be read or is none.
    """
    try:
        return parse(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ValueError(f"authentication configuration {path}: {error}") from error


def parse(text: bytes) -> AuthenticationConfiguration:
    """A configuration from YAML or JSON.

    Raises: ConfigurationError if it is none.
    """
    if not text:
        raise ConfigurationError("empty config data")
    return decode_text(AuthenticationConfiguration, text, KIND, GROUP_VERSIONS)


def of_flags(
    issuer_url: str, client_id: str, *, ca: str = "", username_claim: str = "sub", username_prefix: str = "", groups_claim: str = "",
    groups_prefix: str = "", required_claims: Mapping[str, str] | None = None,
) -> JwtAuthenticator:
    """What `--oidc-*` say of their issuer.

    Args:
        username_prefix: "-" for none; "" for the issuer's URL and "#", but none for the claim "email".
    """
    if username_prefix == "-":
        username_prefix = ""
    elif not username_prefix and username_claim != "email":
        username_prefix = f"{issuer_url}#"
    mappings = ClaimMappings(username=PrefixedClaimOrExpression(username_claim, username_prefix))
    if groups_claim:
        mappings.groups = PrefixedClaimOrExpression(groups_claim, groups_prefix)
    return JwtAuthenticator(
        Issuer(issuer_url, certificate_authority=ca, audiences=[client_id]),
        [ClaimValidationRule(claim, value) for claim, value in (required_claims or {}).items()], mappings,
    )
