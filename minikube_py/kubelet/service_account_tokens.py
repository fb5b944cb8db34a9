"""Tokens of service accounts for projected volumes: asked for once, renewed before they end.

Source: kubernetes pkg/kubelet/token/token_manager.go (renewal when 80 % of the life or 24 hours have passed, whichever is first).
"""

from __future__ import annotations

from dataclasses import dataclass

from minikube_py.apis import authentication_v1, core_v1, meta_v1
from minikube_py.client.interface import Client
from minikube_py.core.clock import Clock, parse_rfc3339

RENEW_AT = 0.8
RENEW_AFTER_S = 24 * 3600.0
# Default and least life that a projection may ask for. Source: kubernetes pkg/apis/core/v1/defaults.go
LIFE_S = 3600


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    renew_at_s: float
    ends_at_s: float


class ServiceAccountTokens:
    """The tokens in use on this node, by pod and projection."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._tokens: dict[tuple[str, str, int], _Token] = {}

    async def token(self, pod: core_v1.Pod, projection: core_v1.ServiceAccountTokenProjection) -> tuple[str, float]:
        """The token that a projection shall hold, and in how many seconds it is to be renewed.

        A renewal that fails leaves the old token in use as long as it holds.

        Raises: StatusError or OSError if there is no token and none can be had.
        """
        life_s = projection.expiration_seconds or LIFE_S
        key = (pod.metadata.uid, projection.audience, life_s)
        known = self._tokens.get(key)
        now_s = self._clock.now().timestamp()
        if known is None or known.renew_at_s <= now_s:
            try:
                known = await self._request(pod, projection.audience, life_s)
            except Exception:
                if known is None or known.ends_at_s <= now_s:
                    raise
                return known.text, min(60.0, max(known.ends_at_s - now_s, 1.0))
            self._tokens[key] = known
        return known.text, max(known.renew_at_s - now_s, 1.0)

    def due(self, uid: str) -> bool:
        """Whether a token of a pod is to be renewed now."""
        now_s = self._clock.now().timestamp()
        return any(token.renew_at_s <= now_s for key, token in self._tokens.items() if key[0] == uid)

    def forget(self, uid: str) -> None:
        """Drop the tokens of a pod."""
        for key in [key for key in self._tokens if key[0] == uid]:
            del self._tokens[key]

    async def _request(self, pod: core_v1.Pod, audience: str, life_s: int) -> _Token:
        asked_at_s = self._clock.now().timestamp()
        request = authentication_v1.TokenRequest(
            kind="TokenRequest", api_version="authentication.k8s.io/v1", metadata=meta_v1.ObjectMeta(),
            spec=authentication_v1.TokenRequestSpec(
                audiences=[audience] if audience else [], expiration_seconds=life_s,
                bound_object_ref=authentication_v1.BoundObjectReference(
                    kind="Pod", api_version="v1", name=pod.metadata.name, uid=pod.metadata.uid
                ),
            ),
        )
        account = pod.spec.service_account_name or "default"
        answer = await self._client.call(core_v1.ServiceAccount, account, pod.metadata.namespace, "token", request)
        if not isinstance(answer, authentication_v1.TokenRequest) or answer.status.expiration_timestamp is None:
            raise TypeError(f"unexpected answer to a token request: {type(answer).__name__}")
        ends_at_s = parse_rfc3339(answer.status.expiration_timestamp).timestamp()
        renew_after_s = min((ends_at_s - asked_at_s) * RENEW_AT, RENEW_AFTER_S)
        return _Token(answer.status.token, asked_at_s + renew_after_s, ends_at_s)
