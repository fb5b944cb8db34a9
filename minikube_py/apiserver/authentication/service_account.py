"""Service account tokens: what is in them, and when one is believed.

A token says for which service account, and for which pod, Secret or node, it was made. It is good while its signature, issuer, audience and
dates are, and while those objects exist with the same uids.

Source: kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/, pkg/serviceaccount/claims.go, legacy.go
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from minikube_py.core.clock import SYSTEM_CLOCK, Clock, parse_rfc3339
from minikube_py.core.errors import UnauthorizedError

from .metrics import TokenCounters
from .tokens import TokenIdentity
from .user import CREDENTIAL_ID, SERVICE_ACCOUNTS, UserInfo, service_account_user

if TYPE_CHECKING:
    from .keys import ServiceAccountKeys

T = TypeVar("T")

# Finds a ServiceAccount, Pod, Secret or Node by kind, namespace ("" for nodes) and name; None if there is none.
GetObject = Callable[[str, str, str], Any]

ISSUER = "https://kubernetes.default.svc.cluster.local"
LEGACY_ISSUER = "kubernetes/serviceaccount"
# How far clocks may differ; also how long an object's token outlives its deletion. Source: go-jose jwt.DefaultLeeway.
LEEWAY = timedelta(minutes=1)
# Of a Secret: a label with the day since which its token is not believed. Source: pkg/serviceaccount/legacy.go (InvalidSinceLabelKey)
INVALID_SINCE = "kubernetes.io/legacy-token-invalid-since"
_EXTRA = "authentication.kubernetes.io/"


class Reference(msgspec.Struct, frozen=True, omit_defaults=True):
    """An object that a token is bound to."""

    name: str = ""
    uid: str = ""


class Binding(msgspec.Struct, frozen=True, omit_defaults=True):
    """The claim "kubernetes.io"."""

    namespace: str = ""
    node: Reference | None = None
    pod: Reference | None = None
    secret: Reference | None = None
    serviceaccount: Reference = Reference()
    warnafter: int | None = None


class Claims(msgspec.Struct, frozen=True, omit_defaults=True):
    """The claims of a bound token."""

    aud: list[str] | str = []
    exp: float | None = None
    iat: float | None = None
    iss: str = ""
    jti: str = ""
    kubernetes: Binding | None = msgspec.field(default=None, name="kubernetes.io")
    nbf: float | None = None
    sub: str = ""

    @property
    def audiences(self) -> tuple[str, ...]:
        return (self.aud,) if isinstance(self.aud, str) else tuple(self.aud)


class LegacyClaims(msgspec.Struct, frozen=True, omit_defaults=True):
    """The claims of a token that lies in a Secret of type kubernetes.io/service-account-token."""

    iss: str = ""
    sub: str = ""
    namespace: str = msgspec.field(default="", name="kubernetes.io/serviceaccount/namespace")
    secret_name: str = msgspec.field(default="", name="kubernetes.io/serviceaccount/secret.name")
    name: str = msgspec.field(default="", name="kubernetes.io/serviceaccount/service-account.name")
    uid: str = msgspec.field(default="", name="kubernetes.io/serviceaccount/service-account.uid")


class ServiceAccountTokens:
    """Authenticates service account tokens.

    Attributes:
        audiences: names of this API server.
        counters: what it counts.
        used: is told of each Secret whose token was good.
    """

    def __init__(
        self, keys: ServiceAccountKeys, get_object: GetObject, *, issuers: Sequence[str] = (ISSUER,), audiences: Sequence[str] = (),
        lookup: bool = True, clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """
        Args:
            issuers: accepted issuers, the present one first.
            audiences: names of this API server; the issuers if empty.
            lookup: whether the Secret and the account of a legacy token must exist.
        """
        self._keys = keys
        self._get_object = get_object
        self._issuers = frozenset(issuers)
        self.audiences = tuple(audiences or issuers)
        self._lookup = lookup
        self._clock = clock
        self.counters = TokenCounters()
        self.used: Callable[[Any], Awaitable[None]] | None = None

    async def authenticate_token(self, token: str, audiences: Sequence[str] = ()) -> TokenIdentity | None:
        issuer = unverified_issuer(token)
        if issuer == LEGACY_ISSUER:
            return await self._legacy(token, audiences or self.audiences)
        return self.verify(token, audiences or self.audiences) if issuer in self._issuers else None

    def verify(self, token: str, audiences: Sequence[str]) -> TokenIdentity:
        """Whom a bound token stands for, towards one of `audiences`.

        Raises: UnauthorizedError with the reason.
        """
        claims = _decode(self._keys.verified_claims(token), Claims)
        binding = claims.kubernetes
        if binding is None or claims.exp is None:
            raise UnauthorizedError("service account token claims could not be validated")
        shared = tuple(audience for audience in claims.audiences if audience in audiences)
        if not shared:
            raise UnauthorizedError(f"token audiences {_quoted(claims.audiences)} is invalid for the target audiences {_quoted(audiences)}")
        now = self._clock.now()
        self._check_dates(claims, now)
        self._check_objects(binding, now)
        remarks = () if binding.warnafter is None else self._warn(claims.sub, int(now.timestamp()) - binding.warnafter)
        return TokenIdentity(bound_user(binding, claims.jti), shared, claims.exp, remarks)

    def _warn(self, subject: str, late_s: int) -> tuple[tuple[str, str], ...]:
        """What is told of a token with an extended life, so many seconds after it should have been replaced."""
        self.counters.observe(late_s > 0)
        told = f"subject: {subject}, seconds after warning threshold: {late_s}"
        return (("authentication.k8s.io/stale-token", told),) if late_s > 0 else ()

    def _check_dates(self, claims: Claims, now: datetime) -> None:
        leeway, present = LEEWAY.total_seconds(), now.timestamp()
        if claims.exp is not None and present - leeway > claims.exp:
            raise UnauthorizedError("service account token has expired")
        if (claims.nbf is not None and present + leeway < claims.nbf) or (claims.iat is not None and present + leeway < claims.iat):
            raise UnauthorizedError("service account token is not valid yet")

    def _check_objects(self, binding: Binding, now: datetime) -> None:
        self._check_account(binding.namespace, binding.serviceaccount, now)
        if binding.secret is not None:
            uid = self._live_uid("Secret", binding.namespace, binding.secret.name, now)
            _same("secret", "service account secret ref", uid, binding.secret.uid)
        if binding.pod is not None:
            uid = self._live_uid("Pod", binding.namespace, binding.pod.name, now)
            _same("pod", "service account pod ref", uid, binding.pod.uid)
        elif binding.node is not None:
            # The node of a pod's token is information; a token bound to a node itself ends with it.
            uid = self._live_uid("Node", "", binding.node.name, now)
            _same("node", "service account node ref", uid, binding.node.uid)

    def _check_account(self, namespace: str, reference: Reference, now: datetime) -> None:
        account = self._get_object("ServiceAccount", namespace, reference.name)
        if account is None:
            raise UnauthorizedError(f'serviceaccounts "{reference.name}" not found')
        if _deleted(account, now):
            raise UnauthorizedError(f"service account {namespace}/{reference.name} has been deleted")
        if account.metadata.uid != reference.uid:
            raise UnauthorizedError(f"service account UID ({account.metadata.uid}) does not match claim ({reference.uid})")

    def _live_uid(self, kind: str, namespace: str, name: str, now: datetime) -> str:
        obj = self._get_object(kind, namespace, name)
        if obj is None or _deleted(obj, now):
            raise UnauthorizedError("service account token has been invalidated")
        return str(obj.metadata.uid)

    async def _legacy(self, token: str, audiences: Sequence[str]) -> TokenIdentity:
        """A token without end that lives in a Secret: good while the Secret holds it."""
        claims = _decode(self._keys.verified_claims(token), LegacyClaims)
        self.counters.legacy += 1
        if not set(self.audiences).intersection(audiences):
            raise UnauthorizedError(f"token audiences {_quoted(self.audiences)} is invalid for the target audiences {_quoted(audiences)}")
        _check_legacy(claims)
        if self._lookup:
            await self._look_up(claims, token)
        user = UserInfo(claims.sub, claims.uid, account_groups(claims.namespace))
        shared = tuple(audience for audience in self.audiences if audience in audiences)
        return TokenIdentity(user, shared, remarks=(("authentication.k8s.io/legacy-token", claims.sub),))

    async def _look_up(self, claims: LegacyClaims, token: str) -> None:
        """Raises: UnauthorizedError unless the Secret holds the token and the account is there."""
        secret = self._get_object("Secret", claims.namespace, claims.secret_name)
        if secret is None or secret.metadata.deletion_timestamp:
            raise UnauthorizedError("Token has been invalidated")
        if not hmac.compare_digest(secret.data.get("token", b""), token.encode()):
            raise UnauthorizedError("Token does not match server's copy")
        account = self._get_object("ServiceAccount", claims.namespace, claims.name)
        if account is None:
            raise UnauthorizedError(f'serviceaccounts "{claims.name}" not found')
        if account.metadata.deletion_timestamp:
            raise UnauthorizedError(f"ServiceAccount {claims.namespace}/{claims.name} has been deleted")
        if account.metadata.uid != claims.uid:
            raise UnauthorizedError(f"ServiceAccount UID ({account.metadata.uid}) does not match claim ({claims.uid})")
        if secret.metadata.labels.get(INVALID_SINCE):
            raise UnauthorizedError(
                f"the token in secret {claims.namespace}/{claims.secret_name} for service account {claims.namespace}/{claims.name} has "
                "been marked invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the "
                f"'{INVALID_SINCE}' label from the secret to temporarily allow use of this token"
            )
        self.counters.legacy_manual += 1
        if self.used is not None:
            await self.used(secret)


def _check_legacy(claims: LegacyClaims) -> None:
    for name, value in (
        ("sub", claims.sub), ("namespace", claims.namespace), ("secretName", claims.secret_name), ("serviceAccountName", claims.name),
        ("serviceAccountUID", claims.uid),
    ):
        if not value:
            raise UnauthorizedError(f"{name} claim is missing")
    if claims.sub != service_account_user(claims.namespace, claims.name):
        raise UnauthorizedError("sub claim is invalid")


def bound_user(binding: Binding, token_id: str = "") -> UserInfo:
    """The identity of a bound token."""
    extra: dict[str, tuple[str, ...]] = {}
    if token_id:
        extra[CREDENTIAL_ID] = (f"JTI={token_id}",)
    for kind, reference in (("pod", binding.pod), ("node", binding.node)):
        if reference is not None:
            extra[f"{_EXTRA}{kind}-name"] = (reference.name,)
            if reference.uid:
                extra[f"{_EXTRA}{kind}-uid"] = (reference.uid,)
    account = binding.serviceaccount
    return UserInfo(service_account_user(binding.namespace, account.name), account.uid, account_groups(binding.namespace), extra)


def account_groups(namespace: str) -> tuple[str, ...]:
    return (SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNTS}:{namespace}")


def unverified_issuer(token: str) -> str:
    """Who a token says made it, to find out whose it is to judge; "" if it is no JWT."""
    from .jws import JwsError, parse

    if token.count(".") != 2:
        return ""
    try:
        claims = msgspec.json.decode(parse(token).claims, type=dict[str, Any])
    except (JwsError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    issuer = claims.get("iss")
    return issuer if isinstance(issuer, str) else ""


def _decode(data: bytes, struct: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=struct)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnauthorizedError("service account token claims could not be validated") from error


def _deleted(obj: Any, now: datetime) -> bool:
    stamp = obj.metadata.deletion_timestamp
    return bool(stamp) and parse_rfc3339(stamp) < now - LEEWAY


def _same(kind: str, claim: str, uid: str, claimed: str) -> None:
    if uid != claimed:
        raise UnauthorizedError(f"{kind} UID ({uid}) does not match {claim} claim ({claimed})")


def _quoted(names: Sequence[str]) -> str:
    return "[" + " ".join(f'"{name}"' for name in names) + "]"
