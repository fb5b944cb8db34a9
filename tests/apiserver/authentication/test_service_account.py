from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from minikube_py.apis import authentication_v1, core_v1, meta_v1
from minikube_py.apiserver.authentication import ServiceAccountKeys, ServiceAccountTokens, TokenIssuer
from minikube_py.apiserver.authentication.service_account import ISSUER
from minikube_py.apiserver.authentication.tokens import RefusedTokenError
from minikube_py.apiserver.context import Context
from minikube_py.apiserver.pki import signing
from minikube_py.core.clock import rfc3339
from minikube_py.core.errors import BadRequestError, ConflictError, InvalidError, NotFoundError, UnauthorizedError


class FixedClock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


class World:
    """Objects, a clock, and both ends of service account tokens over them."""

    def __init__(self, pem: bytes) -> None:
        self.clock = FixedClock()
        self.objects: dict[tuple[str, str, str], Any] = {}
        self.account = self.add(core_v1.ServiceAccount(metadata=meta_v1.ObjectMeta(name="robot", namespace="shop", uid="sa-1")))
        self.pod = self.add(core_v1.Pod(metadata=meta_v1.ObjectMeta(name="web-0", namespace="shop", uid="pod-1")))
        self.pod.spec.service_account_name, self.pod.spec.node_name = "robot", "edge"
        self.node = self.add(core_v1.Node(metadata=meta_v1.ObjectMeta(name="edge", uid="node-1")))
        self.keys = ServiceAccountKeys(pem)
        self.issuer = TokenIssuer(self.keys, self.get, clock=self.clock)
        self.told = Context(warnings=[], annotations={})
        self.tokens = ServiceAccountTokens(self.keys, self.get, clock=self.clock)

    def create(self, namespace: str, name: str, request: authentication_v1.TokenRequest) -> authentication_v1.TokenRequest:
        return self.issuer.create(namespace, name, request, self.told)

    def add(self, obj: Any) -> Any:
        self.objects[(type(obj).__name__, obj.metadata.namespace, obj.metadata.name)] = obj
        return obj

    def remove(self, obj: Any) -> None:
        del self.objects[(type(obj).__name__, obj.metadata.namespace, obj.metadata.name)]

    def get(self, kind: str, namespace: str, name: str) -> Any:
        return self.objects.get((kind, namespace, name))

    def request(self, **spec: Any) -> authentication_v1.TokenRequest:
        return authentication_v1.TokenRequest(spec=authentication_v1.TokenRequestSpec(**spec))

    def pod_reference(self, uid: str = "pod-1") -> authentication_v1.BoundObjectReference:
        return authentication_v1.BoundObjectReference(kind="Pod", api_version="v1", name="web-0", uid=uid)

    async def refuse(self, token: str) -> str:
        with pytest.raises(UnauthorizedError) as caught:
            await self.tokens.authenticate_token(token)
        return caught.value.message


def pem_of(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


KEYS = {
    "ES256": pem_of(ec.generate_private_key(ec.SECP256R1())),
    "ES384": pem_of(ec.generate_private_key(ec.SECP384R1())),
    "ES512": pem_of(ec.generate_private_key(ec.SECP521R1())),
    "RS256": pem_of(rsa.generate_private_key(65537, 2048)),
}


@pytest.fixture
def world() -> World:
    return World(KEYS["ES256"])


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, claims, _ = token.split(".")
    return tuple(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in (header, claims))  # type: ignore[return-value]


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def with_claims(token: str, **changes: Any) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{b64(json.dumps(parts(token)[1] | changes).encode())}.{signature}"


@pytest.mark.parametrize("algorithm", KEYS)
async def test_a_pods_token_stands_for_its_service_account_with_each_kind_of_key(algorithm: str) -> None:
    world = World(KEYS[algorithm])
    token = world.create("shop", "robot", world.request(bound_object_ref=world.pod_reference())).status.token
    assert parts(token)[0]["alg"] == algorithm
    identity = await world.tokens.authenticate_token(token)
    assert identity is not None
    user = identity.user
    assert (user.name, user.uid) == ("system:serviceaccount:shop:robot", "sa-1")
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:shop")
    extra = {key.removeprefix("authentication.kubernetes.io/"): values for key, values in user.extra.items()}
    assert extra.pop("credential-id")[0].startswith("JTI=")
    assert extra == {"pod-name": ("web-0",), "pod-uid": ("pod-1",), "node-name": ("edge",), "node-uid": ("node-1",)}
    assert identity.audiences == (ISSUER,)


def test_the_claims_are_kubernetes_own(world: World) -> None:
    now = int(world.clock.now().timestamp())
    claims = parts(world.create("shop", "robot", world.request(bound_object_ref=world.pod_reference())).status.token)[1]
    assert f"JTI={claims.pop('jti')}" == (world.told.annotations or {})["authentication.kubernetes.io/issued-credential-id"]
    assert claims == {
        "aud": [ISSUER], "exp": now + 3600, "iat": now, "nbf": now, "iss": ISSUER, "sub": "system:serviceaccount:shop:robot",
        "kubernetes.io": {
            "namespace": "shop", "node": {"name": "edge", "uid": "node-1"}, "pod": {"name": "web-0", "uid": "pod-1"},
            "serviceaccount": {"name": "robot", "uid": "sa-1"},
        },
    }


def test_the_answer_tells_name_audiences_and_end(world: World) -> None:
    answer = world.create("shop", "robot", world.request(expiration_seconds=7200, audiences=["vault"]))
    assert (answer.metadata.name, answer.metadata.namespace) == ("robot", "shop")
    assert answer.spec.audiences == ["vault"]
    assert answer.status.expiration_timestamp == rfc3339(world.clock.now() + timedelta(hours=2))


def test_pods_own_tokens_outlive_clients_that_never_read_them_again(world: World) -> None:
    request = world.request(bound_object_ref=world.pod_reference(), expiration_seconds=3607)
    answer = world.create("shop", "robot", request)
    now = int(world.clock.now().timestamp())
    claims = parts(answer.status.token)[1]
    assert claims["exp"] == now + 365 * 24 * 3600
    assert claims["kubernetes.io"]["warnafter"] == now + 3607
    assert answer.status.expiration_timestamp == rfc3339(world.clock.now() + timedelta(seconds=3607))


async def test_tokens_end_a_minute_after_their_time(world: World) -> None:
    token = world.create("shop", "robot", world.request(expiration_seconds=600)).status.token
    world.clock.moment += timedelta(seconds=655)
    assert await world.tokens.authenticate_token(token) is not None
    world.clock.moment += timedelta(seconds=10)
    assert await world.refuse(token) == "service account token has expired"


async def test_tokens_from_the_future_are_not_valid_yet(world: World) -> None:
    token = world.create("shop", "robot", world.request()).status.token
    world.clock.moment -= timedelta(minutes=2)
    assert await world.refuse(token) == "service account token is not valid yet"
    claims = parts(token)[1]
    del claims["nbf"]
    assert await world.refuse(world.keys.sign(claims)) == "service account token is issued in the future"


async def test_a_token_for_somebody_else_is_refused_here(world: World) -> None:
    token = world.create("shop", "robot", world.request(audiences=["vault"])).status.token
    assert await world.refuse(token) == f'token audiences ["vault"] is invalid for the target audiences ["{ISSUER}"]'
    identity = await world.tokens.authenticate_token(token, ["vault", "other"])
    assert identity is not None
    assert identity.audiences == ("vault",)


async def test_changed_claims_break_the_signature(world: World) -> None:
    token = world.create("shop", "robot", world.request()).status.token
    assert await world.refuse(with_claims(token, sub="system:serviceaccount:kube-system:admin")) == "invalid signature"


async def test_another_clusters_key_is_not_believed(world: World) -> None:
    other = World(pem_of(ec.generate_private_key(ec.SECP256R1())))
    foreign, own = (here.create("shop", "robot", here.request()).status.token for here in (other, world))
    assert await world.refuse(foreign) == "invalid signature, no keys found"
    _, claims, signature = foreign.split(".")
    assert await world.refuse(f"{own.split('.')[0]}.{claims}.{signature}") == "invalid signature"
    nameless = b64(json.dumps({"alg": "ES256"}).encode())
    assert await world.refuse(f"{nameless}.{claims}.{signature}") == "invalid signature"


async def test_unsigned_tokens_are_not_believed(world: World) -> None:
    _, claims, _ = world.create("shop", "robot", world.request()).status.token.split(".")
    for algorithm in ("none", "None", ""):
        header = b64(json.dumps({"alg": algorithm}).encode())
        assert await world.refuse(f"{header}.{claims}.") == "invalid signature"


async def test_the_public_key_is_no_shared_secret(world: World) -> None:
    """A verifier that lets the token choose the algorithm would take the public key for an HMAC secret."""
    _, claims, _ = world.create("shop", "robot", world.request()).status.token.split(".")
    public = serialization.load_pem_private_key(KEYS["ES256"], None).public_key()
    header = b64(json.dumps({"alg": "HS256"}).encode())
    mac = hmac.HMAC(public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo), hashes.SHA256())
    mac.update(f"{header}.{claims}".encode())
    assert await world.refuse(f"{header}.{claims}.{b64(mac.finalize())}") == "invalid signature"


async def test_other_issuers_tokens_are_left_to_others(world: World) -> None:
    token = TokenIssuer(world.keys, world.get, issuer="https://elsewhere.example", clock=world.clock).create(
        "shop", "robot", world.request(), world.told
    ).status.token
    assert await world.tokens.authenticate_token(token) is None
    for other in ("", "abc", "a.b.c", "..", "abcdef.0123456789abcdef"):
        assert await world.tokens.authenticate_token(other) is None


async def test_a_token_dies_with_its_service_account(world: World) -> None:
    token = world.create("shop", "robot", world.request()).status.token
    world.account.metadata.uid = "sa-2"
    assert await world.refuse(token) == "service account UID (sa-2) does not match claim (sa-1)"
    world.remove(world.account)
    assert await world.refuse(token) == 'serviceaccounts "robot" not found'


async def test_a_token_dies_with_its_pod(world: World) -> None:
    token = world.create("shop", "robot", world.request(bound_object_ref=world.pod_reference())).status.token
    world.pod.metadata.deletion_timestamp = rfc3339(world.clock.now())
    assert await world.tokens.authenticate_token(token) is not None
    world.clock.moment += timedelta(seconds=61)
    assert await world.refuse(token) == "service account token has been invalidated"
    world.pod.metadata.deletion_timestamp = ""
    world.pod.metadata.uid = "pod-2"
    assert await world.refuse(token) == "pod UID (pod-2) does not match service account pod ref claim (pod-1)"
    world.remove(world.pod)
    assert await world.refuse(token) == "service account token has been invalidated"


async def test_a_node_bound_token_dies_with_its_node(world: World) -> None:
    reference = authentication_v1.BoundObjectReference(kind="Node", api_version="v1", name="edge")
    token = world.create("shop", "robot", world.request(bound_object_ref=reference)).status.token
    assert await world.tokens.authenticate_token(token) is not None
    world.remove(world.node)
    assert await world.refuse(token) == "service account token has been invalidated"


@pytest.mark.parametrize(("seconds", "why"), [
    (599, "may not specify a duration less than 10 minutes"), (0, "may not specify a duration less than 10 minutes"),
    (2**32 + 1, "may not specify a duration larger than 2^32 seconds"),
])
def test_lives_that_are_too_short_or_too_long_are_invalid(world: World, seconds: int, why: str) -> None:
    with pytest.raises(InvalidError) as caught:
        world.create("shop", "robot", world.request(expiration_seconds=seconds))
    prefix = 'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: '
    assert caught.value.message == f"{prefix}{seconds}: {why}"


def test_tokens_are_not_bound_to_what_is_not_the_accounts(world: World) -> None:
    world.add(core_v1.ServiceAccount(metadata=meta_v1.ObjectMeta(name="other", namespace="shop", uid="sa-9")))
    with pytest.raises(BadRequestError, match=r'for serviceaccount "other" to pod running with different serviceaccount name\.'):
        world.create("shop", "other", world.request(bound_object_ref=world.pod_reference()))
    with pytest.raises(ConflictError, match=r"the UID in the bound object reference \(pod-9\) does not match the UID in record"):
        world.create("shop", "robot", world.request(bound_object_ref=world.pod_reference("pod-9")))
    reference = authentication_v1.BoundObjectReference(kind="Deployment", api_version="apps/v1", name="web")
    with pytest.raises(BadRequestError, match="cannot bind token to object of type apps/v1, Kind=Deployment"):
        world.create("shop", "robot", world.request(bound_object_ref=reference))
    with pytest.raises(NotFoundError, match='serviceaccounts "ghost" not found'):
        world.create("shop", "ghost", world.request())


async def test_a_legacy_token_is_good_while_its_secret_holds_it(world: World) -> None:
    secret = world.add(core_v1.Secret(metadata=meta_v1.ObjectMeta(name="robot-token", namespace="shop")))
    token = world.issuer.issue_legacy(world.account, secret)
    assert await world.refuse(token) == "Token does not match server's copy"
    secret.data["token"] = token.encode()
    identity = await world.tokens.authenticate_token(token)
    assert identity is not None
    assert identity.user.name == "system:serviceaccount:shop:robot"
    with pytest.raises(UnauthorizedError, match="is invalid for the target audiences"):
        await world.tokens.authenticate_token(token, ["vault"])
    world.account.metadata.deletion_timestamp = rfc3339(world.clock.now())
    assert await world.refuse(token) == "ServiceAccount shop/robot has been deleted"
    world.account.metadata.deletion_timestamp = ""
    world.account.metadata.uid = "sa-2"
    assert await world.refuse(token) == "ServiceAccount UID (sa-2) does not match claim (sa-1)"
    world.remove(secret)
    assert await world.refuse(token) == "Token has been invalidated"


async def test_a_legacy_token_that_an_account_lists_is_warned_of_and_may_be_marked_invalid(world: World) -> None:
    secret = world.add(core_v1.Secret(metadata=meta_v1.ObjectMeta(name="robot-token", namespace="shop")))
    token = world.issuer.issue_legacy(world.account, secret)
    secret.data["token"] = token.encode()
    of_account = ("authentication.k8s.io/legacy-token", "system:serviceaccount:shop:robot")
    identity = await world.tokens.authenticate_token(token)
    assert identity is not None and not identity.warnings
    assert identity.remarks == (("authentication.k8s.io/legacy-token-manual-secret", "robot-token"), of_account)
    world.account.secrets = [core_v1.ObjectReference(name="robot-token")]
    identity = await world.tokens.authenticate_token(token)
    assert identity is not None
    assert identity.remarks == (("authentication.k8s.io/legacy-token-autogenerated-secret", "robot-token"), of_account)
    assert identity.warnings == ("Use tokens from the TokenRequest API or manually created secret-based tokens instead of auto-generated "
                                 "secret-based tokens.",)
    secret.metadata.labels["kubernetes.io/legacy-token-invalid-since"] = "2026-01-01"
    with pytest.raises(RefusedTokenError, match="has been marked invalid") as refused:
        await world.tokens.authenticate_token(token)
    assert refused.value.remarks == (("authentication.k8s.io/legacy-token-invalidated", "robot-token/shop"),)
    counters = world.tokens.counters
    assert (counters.legacy_manual, counters.legacy_auto, counters.legacy_invalid) == (1, 1, 1)


@pytest.mark.parametrize(("missing", "why"), [
    ("sub", "sub claim is missing"), ("kubernetes.io/serviceaccount/namespace", "namespace claim is missing"),
    ("kubernetes.io/serviceaccount/secret.name", "secretName claim is missing"),
    ("kubernetes.io/serviceaccount/service-account.name", "serviceAccountName claim is missing"),
    ("kubernetes.io/serviceaccount/service-account.uid", "serviceAccountUID claim is missing"),
])
async def test_a_legacy_token_says_whose_it_is(world: World, missing: str, why: str) -> None:
    secret = core_v1.Secret(metadata=meta_v1.ObjectMeta(name="robot-token", namespace="shop"))
    claims = parts(world.issuer.issue_legacy(world.account, secret))[1]
    del claims[missing]
    assert await world.refuse(world.keys.sign(claims)) == why
    claims[missing] = "other"
    assert await world.refuse(world.keys.sign(claims | {"sub": "system:serviceaccount:a:b"})) == "sub claim is invalid"


async def test_a_rotated_key_goes_on_verifying() -> None:
    old, new = World(KEYS["RS256"]), World(KEYS["ES256"] + KEYS["RS256"])
    token = old.create("shop", "robot", old.request()).status.token
    assert await new.tokens.authenticate_token(token) is not None
    assert parts(new.create("shop", "robot", new.request()).status.token)[0]["alg"] == "ES256"


def test_published_keys_verify_what_was_signed(world: World) -> None:
    token = world.create("shop", "robot", world.request()).status.token
    (published,) = world.keys.jwks()["keys"]
    assert published["kid"] == parts(token)[0]["kid"]
    numbers = [int.from_bytes(base64.urlsafe_b64decode(published[axis] + "==")) for axis in ("x", "y")]
    signing = serialization.load_pem_private_key(KEYS["ES256"], None)
    assert isinstance(signing, ec.EllipticCurvePrivateKey)
    assert signing.public_key().public_numbers() == ec.EllipticCurvePublicNumbers(numbers[0], numbers[1], ec.SECP256R1())
    assert msgspec.json.encode(world.keys.openid_configuration(ISSUER, f"{ISSUER}/openid/v1/jwks"))


async def test_a_key_that_only_verifies_may_come_as_public_key_or_certificate() -> None:
    old, new = World(KEYS["RS256"]), World(KEYS["ES256"])
    token = old.create("shop", "robot", old.request()).status.token
    public = serialization.load_pem_private_key(KEYS["RS256"], None).public_key()
    forms = serialization.PublicFormat
    pems = [public.public_bytes(serialization.Encoding.PEM, form) for form in (forms.SubjectPublicKeyInfo, forms.PKCS1)]
    pems.append(signing.self_sign("key", KEYS["RS256"], datetime.now(UTC)))
    for pem in pems:
        keys = ServiceAccountKeys(KEYS["ES256"], b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + pem)
        assert await ServiceAccountTokens(keys, new.get, clock=new.clock).authenticate_token(token) is not None
        assert [key["alg"] for key in keys.jwks()["keys"]] == ["RS256", "ES256"]


async def test_a_key_that_the_token_names_must_be_known(world: World) -> None:
    other = World(KEYS["ES384"])
    assert await world.refuse(other.create("shop", "robot", other.request()).status.token) == "invalid signature, no keys found"


def test_key_files_without_a_key_that_signs_are_refused() -> None:
    public = serialization.load_pem_private_key(KEYS["ES256"], None).public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(ValueError, match="no private key"):
        ServiceAccountKeys(pem, KEYS["ES256"]).load()
    with pytest.raises(ValueError, match="RSA or ECDSA"):
        ServiceAccountKeys(ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())).load()


async def test_all_issuers_are_believed_and_the_first_signs(world: World) -> None:
    issuers = ("https://new.example", ISSUER)
    tokens = ServiceAccountTokens(world.keys, world.get, issuers=issuers, clock=world.clock)
    assert tokens.audiences == issuers
    issuer = TokenIssuer(world.keys, world.get, issuer=issuers[0], audiences=tokens.audiences, clock=world.clock)
    token = issuer.create("shop", "robot", world.request(), world.told).status.token
    assert (parts(token)[1]["iss"], parts(token)[1]["aud"]) == ("https://new.example", list(issuers))
    for one in (token, world.create("shop", "robot", world.request()).status.token):
        assert await tokens.authenticate_token(one) is not None
    assert await world.tokens.authenticate_token(token) is None


async def test_tokens_after_their_warning_are_counted_as_stale(world: World) -> None:
    request = world.request(bound_object_ref=world.pod_reference(), expiration_seconds=3607)
    token = world.create("shop", "robot", request).status.token
    for elapsed, remarks in ((0, ()), (3606, ()), (2, (
        ("authentication.k8s.io/stale-token", "subject: system:serviceaccount:shop:robot, seconds after warning threshold: 1"),
    ))):
        world.clock.moment += timedelta(seconds=elapsed)
        identity = await world.tokens.authenticate_token(token)
        assert identity is not None
        assert identity.remarks == remarks
    counted = {family.name: family.samples[0].value for family in world.tokens.counters.families()}
    assert counted == {
        "serviceaccount_legacy_tokens": 0, "serviceaccount_legacy_manual_token_uses": 0, "serviceaccount_legacy_auto_token_uses": 0,
        "serviceaccount_invalid_legacy_auto_token_uses": 0, "serviceaccount_valid_tokens": 2, "serviceaccount_stale_tokens": 1,
    }


def test_the_longest_life_is_granted_with_a_warning(world: World) -> None:
    issuer = TokenIssuer(world.keys, world.get, max_expiration_s=7200, clock=world.clock)
    answer = issuer.create("shop", "robot", world.request(expiration_seconds=7201), world.told)
    assert answer.spec.expiration_seconds == 7200
    assert world.told.warnings == ["requested expiration of 7201 seconds shortened to 7200 seconds"]


def test_a_request_names_its_service_account_or_nothing(world: World) -> None:
    request = world.request()
    request.metadata = meta_v1.ObjectMeta(name="other")
    with pytest.raises(InvalidError) as caught:
        world.create("shop", "robot", request)
    assert caught.value.message == (
        'TokenRequest.authentication.k8s.io "robot" is invalid: metadata.name: Invalid value: "other": must match the service account name '
        "if specified"
    )
    request.metadata = meta_v1.ObjectMeta(name="robot", uid="sa-9")
    with pytest.raises(ConflictError) as conflicting:
        world.create("shop", "robot", request)
    assert conflicting.value.message == (
        'Operation cannot be fulfilled on TokenRequest.authentication.k8s.io "robot": the UID in the token request (sa-9) does not match '
        "the UID of the service account (sa-1)"
    )
    request.metadata.uid = "sa-1"
    assert world.create("shop", "robot", request).metadata.uid == "sa-1"


async def test_a_legacy_token_is_good_by_itself_where_nothing_is_looked_up(world: World) -> None:
    secret = core_v1.Secret(metadata=meta_v1.ObjectMeta(name="robot-token", namespace="shop"))
    token = world.issuer.issue_legacy(world.account, secret)
    tokens = ServiceAccountTokens(world.keys, world.get, lookup=False, clock=world.clock)
    identity = await tokens.authenticate_token(token)
    assert identity is not None
    assert identity.remarks == (("authentication.k8s.io/legacy-token", "system:serviceaccount:shop:robot"),)
