"""Making service account tokens: the `token` subresource of ServiceAccounts.

Source: pkg/registry/core/serviceaccount/storage/token.go, pkg/apis/authentication/validation/validation.go,
pkg/serviceaccount/claims.go
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Final, Protocol

from minikube_py.apis import authentication_v1, core_v1
from minikube_py.apis.validation.causes import invalid as invalid_value
from minikube_py.core.clock import SYSTEM_CLOCK, Clock, rfc3339
from minikube_py.core.errors import BadRequestError, conflict, invalid, not_found

from .keys import ServiceAccountKeys
from .service_account import ISSUER, LEGACY_ISSUER, Binding, Claims, GetObject, LegacyClaims, Reference
from .user import service_account_user

GROUP: Final = "authentication.k8s.io"
KIND: Final = "TokenRequest"
ISSUED_CREDENTIAL_ID: Final = "authentication.kubernetes.io/issued-credential-id"
DEFAULT_EXPIRATION_S = 3600
MIN_EXPIRATION_S = 600
MAX_EXPIRATION_S = 2**32
# Kubelets ask for this life for the tokens that every pod gets; old clients that never read a token again are kept working for a
# year, and `warnafter` tells when they should have read it. Source: pkg/serviceaccount/claims.go.
WARN_ONLY_EXPIRATION_S = 3607
EXTENDED_EXPIRATION_S = 365 * 24 * 3600


class Context(Protocol):
    """What is told beside an answer."""

    def warn(self, text: str) -> None:
        """Tell the client."""

    def annotate(self, key: str, value: str) -> None:
        """Tell the audit log."""


class TokenIssuer:
    """Signs service account tokens."""

    def __init__(
        self, keys: ServiceAccountKeys, get_object: GetObject, *, issuer: str = ISSUER, audiences: Sequence[str] = (),
        max_expiration_s: int | None = None, extend_expiration: bool = True, clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """
        Args:
            audiences: names of this API server, used when a request asks for none; the issuer if empty.
            max_expiration_s: longest life that is granted.
            extend_expiration: whether pods' own tokens live for a year.
        """
        self._keys = keys
        self._get_object = get_object
        self._issuer = issuer
        self._audiences = list(audiences) or [issuer]
        self._max_expiration_s = max_expiration_s
        self._extend = extend_expiration
        self._clock = clock

    def create(
        self, namespace: str, name: str, request: authentication_v1.TokenRequest, context: Context
    ) -> authentication_v1.TokenRequest:
        """Answer a POST to serviceaccounts/NAME/token.

        Args:
            request: decoded and free to change; it gets its status and is returned.
            context: tells the client and the audit log something beside the answer.
        Raises: NotFoundError (service account or bound object), InvalidError, BadRequestError, ConflictError (uid of the account or of
            the bound object).
        """
        spec, meta = request.spec, request.metadata
        if meta.name and meta.name != name:
            raise invalid(GROUP, KIND, name, [
                invalid_value("metadata.name", meta.name, "must match the service account name if specified")])
        if meta.namespace and meta.namespace != namespace:
            raise BadRequestError("the namespace of the provided object does not match the namespace sent on the request")
        account = self._get_object("ServiceAccount", namespace, name)
        if account is None:
            raise not_found("", "serviceaccounts", name)
        uid = account.metadata.uid
        if meta.uid and meta.uid != uid:
            raise conflict(GROUP, KIND, name, (
                f"the UID in the token request ({meta.uid}) does not match the UID of the service account ({uid})"
            ))
        meta.name, meta.namespace, meta.uid, meta.creation_timestamp = name, namespace, uid, rfc3339(self._clock.now())
        expiration_s = DEFAULT_EXPIRATION_S if spec.expiration_seconds is None else spec.expiration_seconds
        _validate(expiration_s)
        bound = self._bound(name, namespace, spec.bound_object_ref)
        if self._max_expiration_s is not None and expiration_s > self._max_expiration_s:
            context.warn(f"requested expiration of {expiration_s} seconds shortened to {self._max_expiration_s} seconds")
            expiration_s = self._max_expiration_s
        spec.audiences = spec.audiences or list(self._audiences)
        spec.expiration_seconds = expiration_s
        token_id = str(uuid.uuid4())
        request.status = self._issue(account, spec.audiences, expiration_s, bound, token_id)
        context.annotate(ISSUED_CREDENTIAL_ID, f"JTI={token_id}")
        request.kind, request.api_version = KIND, f"{GROUP}/v1"
        return request

    def _issue(
        self, account: core_v1.ServiceAccount, audiences: Sequence[str], expiration_s: int,
        bound: core_v1.Pod | core_v1.Secret | core_v1.Node | None, token_id: str,
    ) -> authentication_v1.TokenRequestStatus:
        """Sign a token for a service account, bound to an object or to nothing but the account."""
        now = self._clock.now()
        seconds = int(now.timestamp())
        lifetime_s, warn_after = expiration_s, None
        if self._extend and isinstance(bound, core_v1.Pod) and expiration_s == WARN_ONLY_EXPIRATION_S and self._own(audiences):
            lifetime_s, warn_after = EXTENDED_EXPIRATION_S, seconds + expiration_s
        meta = account.metadata
        node, pod, secret = self._references(bound)
        claims = Claims(
            aud=list(audiences), exp=seconds + lifetime_s, iat=seconds, nbf=seconds, iss=self._issuer, jti=token_id,
            kubernetes=Binding(
                namespace=meta.namespace, node=node, pod=pod, secret=secret, serviceaccount=Reference(meta.name, meta.uid),
                warnafter=warn_after,
            ),
            sub=service_account_user(meta.namespace, meta.name),
        )
        # The client is told the life that it asked for, so that it reads its token anew in time.
        until = rfc3339(now.fromtimestamp(seconds + expiration_s, now.tzinfo))
        return authentication_v1.TokenRequestStatus(token=self._keys.sign(claims), expiration_timestamp=until)

    def issue_legacy(self, account: core_v1.ServiceAccount, secret: core_v1.Secret) -> str:
        """The token without end that a Secret of type kubernetes.io/service-account-token holds."""
        meta = account.metadata
        claims = LegacyClaims(
            iss=LEGACY_ISSUER, sub=service_account_user(meta.namespace, meta.name), namespace=meta.namespace,
            secret_name=secret.metadata.name, name=meta.name, uid=meta.uid,
        )
        return self._keys.sign(claims)

    def _own(self, audiences: Sequence[str]) -> bool:
        return set(audiences) <= set(self._audiences)

    def _bound(self, account: str, namespace: str, reference: authentication_v1.BoundObjectReference | None) -> Any:
        if reference is None:
            return None
        api_version, kind = reference.api_version, reference.kind
        plurals = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}
        if kind not in plurals or "/" in api_version:
            group, _, version = api_version.rpartition("/")
            raise BadRequestError(f"cannot bind token to object of type {group}/{version}, Kind={kind}")
        obj = self._get_object(kind, "" if kind == "Node" else namespace, reference.name)
        if obj is None:
            raise not_found("", plurals[kind], reference.name)
        if kind == "Pod" and obj.spec.service_account_name != account:
            raise BadRequestError(
                f'cannot bind token for serviceaccount "{account}" to pod running with different serviceaccount name.')
        if reference.uid and obj.metadata.uid != reference.uid:
            raise conflict("", kind, reference.name, (
                f"the UID in the bound object reference ({reference.uid}) does not match the UID in record. "
                "The object might have been deleted and then recreated"
            ))
        return obj

    def _references(self, bound: Any) -> tuple[Reference | None, Reference | None, Reference | None]:
        """The node, pod and secret claims. A pod's token also tells on which node the pod runs."""
        if bound is None:
            return None, None, None
        own = Reference(bound.metadata.name, bound.metadata.uid)
        if isinstance(bound, core_v1.Secret):
            return None, None, own
        if isinstance(bound, core_v1.Node):
            return own, None, None
        node_name = bound.spec.node_name
        if not node_name:
            return None, own, None
        node = self._get_object("Node", "", node_name)
        return Reference(node_name, node.metadata.uid if node is not None else ""), own, None


def _validate(expiration_s: int) -> None:
    why = ""
    if expiration_s < MIN_EXPIRATION_S:
        why = "may not specify a duration less than 10 minutes"
    elif expiration_s > MAX_EXPIRATION_S:
        why = "may not specify a duration larger than 2^32 seconds"
    if why:
        cause = invalid_value("spec.expirationSeconds", expiration_s, why)
        raise invalid(GROUP, KIND, "", [cause])
