from __future__ import annotations

from collections.abc import Sequence

import pytest

from minikube_py.apis import authentication_v1, authorization_v1
from minikube_py.apis.rbac_v1 import PolicyRule
from minikube_py.apis.scheme import to_document
from minikube_py.apiserver.authentication import Authenticator, TokenIdentity, Tokens, UserInfo
from minikube_py.apiserver.authorization import RbacAuthorizer
from minikube_py.apiserver.reviews import Reviews
from minikube_py.core.errors import BadRequestError, InvalidError

from .authorization.test_rbac import JANE, add, cluster_binding, cluster_role, rule, user


class OneToken:
    def authenticate_token(self, token: str, audiences: Sequence[str] = ()) -> TokenIdentity | None:
        return TokenIdentity(UserInfo("joe", "7", ("dev",), {"k": ("v",)})) if token == "good" else None


@pytest.fixture
def reviews() -> Reviews:
    authorizer = add(
        RbacAuthorizer(), cluster_role("r", rule("list", "", "pods"), PolicyRule(verbs=["get"], non_resource_urls=["/metrics"])),
        cluster_binding("b", "r", user("jane")),
    )
    return Reviews(Authenticator(Tokens([OneToken()], audiences=["api"])), authorizer, authorizer)


def resource(verb: str, plural: str, namespace: str = "default") -> authorization_v1.ResourceAttributes:
    return authorization_v1.ResourceAttributes(verb=verb, resource=plural, namespace=namespace)


def test_i_may_or_may_not(reviews: Reviews) -> None:
    review = authorization_v1.SelfSubjectAccessReview
    spec = authorization_v1.SelfSubjectAccessReviewSpec
    yes = reviews.review(review(spec=spec(resource_attributes=resource("list", "pods"))), JANE)
    assert to_document(yes)["status"] == {
        "allowed": True, "reason": 'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "r" to User "jane"',
    }
    no = reviews.review(review(spec=spec(resource_attributes=resource("delete", "pods"))), JANE)
    assert to_document(no)["status"] == {"allowed": False}
    path = authorization_v1.NonResourceAttributes(verb="get", path="/metrics")
    assert reviews.review(review(spec=spec(non_resource_attributes=path)), JANE).status.allowed
    with pytest.raises(InvalidError, match="exactly one of nonResourceAttributes or resourceAttributes must be specified"):
        reviews.review(review(), JANE)


def test_somebody_else_may_or_may_not(reviews: Reviews) -> None:
    review, spec = authorization_v1.SubjectAccessReview, authorization_v1.SubjectAccessReviewSpec
    assert reviews.review(review(spec=spec(user="jane", resource_attributes=resource("list", "pods"))), UserInfo("joe")).status.allowed
    assert not reviews.review(review(spec=spec(user="joe", resource_attributes=resource("list", "pods"))), JANE).status.allowed
    with pytest.raises(InvalidError, match="at least one of user or group must be specified"):
        reviews.review(review(spec=spec(resource_attributes=resource("list", "pods"))), JANE)


def test_local_reviews_stay_in_their_namespace(reviews: Reviews) -> None:
    review, spec = authorization_v1.LocalSubjectAccessReview, authorization_v1.SubjectAccessReviewSpec
    good = review(spec=spec(user="jane", resource_attributes=resource("list", "pods", "shop")))
    good.metadata.namespace = "shop"
    assert reviews.review(good, UserInfo("joe")).status.allowed
    with pytest.raises(InvalidError, match=r"must match metadata\.namespace"):
        reviews.review(review(spec=spec(user="jane", resource_attributes=resource("list", "pods", "other"))), JANE, "shop")


def test_my_rules_are_listed(reviews: Reviews) -> None:
    review = authorization_v1.SelfSubjectRulesReview(spec=authorization_v1.SelfSubjectRulesReviewSpec(namespace="default"))
    assert to_document(reviews.review(review, JANE))["status"] == {
        "incomplete": False, "resourceRules": [{"verbs": ["list"], "apiGroups": [""], "resources": ["pods"]}],
        "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/metrics"]}],
    }
    with pytest.raises(BadRequestError):
        reviews.review(authorization_v1.SelfSubjectRulesReview(), JANE)


def test_who_i_am(reviews: Reviews) -> None:
    answer = reviews.review(authentication_v1.SelfSubjectReview(), JANE)
    assert to_document(answer)["status"] == {"userInfo": {"username": "jane", "groups": ["dev", "system:authenticated"]}}


def test_whose_token_it_is(reviews: Reviews) -> None:
    def ask(token: str, *audiences: str) -> dict[str, object]:
        spec = authentication_v1.TokenReviewSpec(token=token, audiences=list(audiences))
        return dict(to_document(reviews.review(authentication_v1.TokenReview(spec=spec), JANE))["status"])

    joe = {"username": "joe", "uid": "7", "groups": ["dev", "system:authenticated"], "extra": {"k": ["v"]}}
    assert ask("good") == {"authenticated": True, "user": joe}
    assert ask("good", "api", "vault") == {"authenticated": True, "user": joe, "audiences": ["api"]}
    assert ask("bad") == {"error": "invalid bearer token", "user": {}}
    with pytest.raises(BadRequestError, match="token is required"):
        ask("")
