"""Users from claims: by the names of claims, or by expressions over them.

Source: k8s.io/apiserver/plugin/pkg/authenticator/token/oidc/oidc.go (getUsername, getGroups, getUID, getExtra and the rules)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ..user import CREDENTIAL_ID, UserInfo

Claims = dict[str, Any]
# What errors call the claim that is a user's name.
USERNAME: Final = "username claims"


class ClaimsError(Exception):
    """Claims make no user; the text says why."""


class Texts(Protocol):
    """Makes texts of claims."""

    def texts(self, claims: Claims) -> list[str]:
        """Raises: ClaimsError."""


class Rule(Protocol):
    """What must hold of claims, or of the user that they make."""

    def check(self, subject: dict[str, Any]) -> None:
        """Raises: ClaimsError if it does not hold."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The value of a claim with a prefix.

    Attributes:
        what: of the user, for errors.
        many: whether the claim may be a list, and need not be there.
    """

    what: str
    name: str
    prefix: str = ""
    many: bool = False

    def texts(self, claims: Claims) -> list[str]:
        if self.name not in claims:
            if self.many:
                return []
            raise ClaimsError(f'parse {self.what} "{self.name}": claim not present')
        value = claims[self.name]
        values = value if self.many and isinstance(value, list) else [] if value is None and self.many else [value]
        if not all(isinstance(text, str) for text in values):
            raise ClaimsError(f'parse {self.what} "{self.name}": {_mismatch(value, "string")}')
        if self.name == "email" and self.what == USERNAME:
            _check_email(claims)
        return [self.prefix + text for text in values]


@dataclass(frozen=True, slots=True)
class RequiredClaim:
    """A claim that must have a value."""

    name: str
    value: str

    def check(self, subject: dict[str, Any]) -> None:
        if self.name not in subject:
            raise ClaimsError(f"required claim {self.name} not present in ID token")
        value = subject[self.name]
        if not isinstance(value, str):
            raise ClaimsError(f"parse claim {self.name}: {_mismatch(value, 'string')}")
        if value != self.value:
            raise ClaimsError(f"required claim {self.name} value does not match. Got = {value}, want = {self.value}")


@dataclass(frozen=True, slots=True)
class Mapping:
    """How claims make a user, and what must hold of both."""

    username: Texts
    groups: Texts | None = None
    uid: Texts | None = None
    extra: Sequence[tuple[str, Texts]] = ()
    claim_rules: Sequence[Rule] = ()
    user_rules: Sequence[Rule] = ()

    def user(self, claims: Claims) -> UserInfo:
        """Raises: ClaimsError."""
        name = _one(self.username, claims)
        if not name:
            raise ClaimsError("the username is empty")
        groups = tuple(self.groups.texts(claims)) if self.groups is not None else ()
        uid = _one(self.uid, claims) if self.uid is not None else ""
        extra = _credential(claims) | {key: tuple(values) for key, mapping in self.extra if (values := mapping.texts(claims))}
        for rule in self.claim_rules:
            rule.check(claims)
        user = UserInfo(name, uid, groups, extra)
        if self.user_rules:
            document = _document(user)
            for rule in self.user_rules:
                rule.check(document)
        return user


def _one(mapping: Texts, claims: Claims) -> str:
    texts = mapping.texts(claims)
    return texts[0] if texts else ""


def _credential(claims: Claims) -> dict[str, tuple[str, ...]]:
    """What tells the tokens of a user apart, if they have ids."""
    token_id = claims.get("jti")
    return {CREDENTIAL_ID: (f"JTI={token_id}",)} if isinstance(token_id, str) and token_id else {}


def _document(user: UserInfo) -> dict[str, Any]:
    """The user as expressions see it; what is empty is there, too."""
    extra = {key: list(values) for key, values in user.extra.items()}
    return {"username": user.name, "uid": user.uid, "groups": list(user.groups), "extra": extra}


def _mismatch(value: Any, wanted: str) -> str:
    """What Go's decoder says of a value that is no string, or none that is true or false."""
    kinds = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return f"json: cannot unmarshal {kinds.get(type(value), 'null')} into Go value of type {wanted}"


def _check_email(claims: Claims) -> None:
    """An address that its issuer says is not verified is no name."""
    if "email_verified" not in claims:
        return
    verified = claims["email_verified"]
    if not isinstance(verified, bool):
        raise ClaimsError(f"parse 'email_verified' claim: {_mismatch(verified, 'bool')}")
    if not verified:
        raise ClaimsError("email not verified")
