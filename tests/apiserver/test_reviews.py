from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from minikube_py.apis import authentication_v1, authorization_v1
from minikube_py.apis.rbac_v1 import PolicyRule
from minikube_py.apis.scheme import from_document, to_document
from minikube_py.apiserver.authentication import Authenticator, TokenIdentity, Tokens, UserInfo
from minikube_py.apiserver.authorization import Attributes, Decision, NodeAuthorizer, RbacAuthorizer
from minikube_py.apiserver.authorization.attributes import RuleLists
from minikube_py.apiserver.authorization.node_graph import NodeGraph
from minikube_py.apiserver.reviews import Reviews
from minikube_py.core.errors import BadRequestError, InvalidError

from .authorization.test_rbac import JANE, add, cluster_binding, cluster_role, rule, user


class OneToken:
    async def authenticate_token(self, token: str, audiences: Sequence[str] = ()) -> TokenIdentity | None:
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


async def test_i_may_or_may_not(reviews: Reviews) -> None:
    review = authorization_v1.SelfSubjectAccessReview
    spec = authorization_v1.SelfSubjectAccessReviewSpec
    yes = await reviews.review(review(spec=spec(resource_attributes=resource("list", "pods"))), JANE)
    assert to_document(yes)["status"] == {
        "allowed": True, "reason": 'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "r" to User "jane"',
    }
    no = await reviews.review(review(spec=spec(resource_attributes=resource("delete", "pods"))), JANE)
    assert to_document(no)["status"] == {"allowed": False}
    path = authorization_v1.NonResourceAttributes(verb="get", path="/metrics")
    assert (await reviews.review(review(spec=spec(non_resource_attributes=path)), JANE)).status.allowed
    with pytest.raises(InvalidError, match="exactly one of nonResourceAttributes or resourceAttributes must be specified"):
        await reviews.review(review(), JANE)


async def test_somebody_else_may_or_may_not(reviews: Reviews) -> None:
    review, spec = authorization_v1.SubjectAccessReview, authorization_v1.SubjectAccessReviewSpec
    jane = spec(user="jane", resource_attributes=resource("list", "pods"))
    assert (await reviews.review(review(spec=jane), UserInfo("joe"))).status.allowed
    assert not (await reviews.review(review(spec=spec(user="joe", resource_attributes=resource("list", "pods"))), JANE)).status.allowed
    with pytest.raises(InvalidError, match="at least one of user or group must be specified"):
        await reviews.review(review(spec=spec(resource_attributes=resource("list", "pods"))), JANE)


async def test_local_reviews_stay_in_their_namespace(reviews: Reviews) -> None:
    review, spec = authorization_v1.LocalSubjectAccessReview, authorization_v1.SubjectAccessReviewSpec
    good = review(spec=spec(user="jane", resource_attributes=resource("list", "pods", "shop")))
    assert (await reviews.review(good, UserInfo("joe"), "shop")).status.allowed
    with pytest.raises(InvalidError, match=r"must match metadata\.namespace"):
        await reviews.review(review(spec=spec(user="jane", resource_attributes=resource("list", "pods", "other"))), JANE, "shop")
    with pytest.raises(BadRequestError, match="the namespace of the provided object does not match the namespace sent on the request"):
        await reviews.review(good, JANE, "other")


WRONG: list[tuple[str, dict[str, Any], list[str]]] = [
    ("SubjectAccessReview", {}, [
        "spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified",
        'spec.user: Invalid value: "": at least one of user or group must be specified']),
    ("SelfSubjectAccessReview", {"spec": {"resourceAttributes": {"verb": "get"}, "nonResourceAttributes": {"path": "/", "verb": "get"}}}, [
        'spec.nonResourceAttributes: Invalid value: {"Path":"/","Verb":"get"}: cannot be specified in combination with '
        "resourceAttributes"]),
    ("SelfSubjectAccessReview", {"metadata": {"name": "a", "uid": "b"}, "spec": {"resourceAttributes": {"verb": "get"}}}, [
        'metadata: Invalid value: {"name":"a"}: must be empty']),
    ("LocalSubjectAccessReview", {
        "metadata": {"name": "a"}, "spec": {"user": "u", "nonResourceAttributes": {"path": "/", "verb": "get"}}}, [
        'metadata: Invalid value: {"name":"a","namespace":"shop"}: must be empty except for namespace',
        'spec.nonResourceAttributes: Invalid value: {"Path":"/","Verb":"get"}: disallowed on this kind of request']),
    ("SubjectAccessReview", {"spec": {"groups": ["g"], "resourceAttributes": {
        "fieldSelector": {"rawSelector": "a=b", "requirements": [{"key": "", "operator": "In"}]}, "labelSelector": {}}}}, [
        'spec.resourceAttributes.fieldSelector.rawSelector: Invalid value: "a=b": may not specified at the same time as requirements',
        "spec.resourceAttributes.fieldSelector.requirements[0].key: Required value: must be specified",
        "spec.resourceAttributes.fieldSelector.requirements[0].values: Required value: must be specified when `operator` is 'In' or "
        "'NotIn'",
        "spec.resourceAttributes.labelSelector.requirements: Required value: when spec.resourceAttributes.labelSelector is specified, "
        "requirements or rawSelector is required"]),
]


@pytest.mark.parametrize(("kind", "document", "wanted"), WRONG)
async def test_questions_that_make_no_sense(reviews: Reviews, kind: str, document: dict[str, Any], wanted: list[str]) -> None:
    review = from_document(getattr(authorization_v1, kind), document)
    with pytest.raises(InvalidError) as caught:
        await reviews.review(review, JANE, "shop" if kind.startswith("Local") else "")
    said = [f"{cause.field}: {cause.message}" for cause in caught.value.causes]
    assert said == wanted
    text = said[0] if len(said) == 1 else "[" + ", ".join(said) + "]"
    assert caught.value.message == f'.authorization.k8s.io "" is invalid: {text}'


async def test_my_rules_are_listed(reviews: Reviews) -> None:
    review = authorization_v1.SelfSubjectRulesReview(spec=authorization_v1.SelfSubjectRulesReviewSpec(namespace="default"))
    assert to_document(await reviews.review(review, JANE))["status"] == {
        "incomplete": False, "resourceRules": [{"verbs": ["list"], "apiGroups": [""], "resources": ["pods"]}],
        "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/metrics"]}],
    }
    with pytest.raises(BadRequestError):
        await reviews.review(authorization_v1.SelfSubjectRulesReview(), JANE)


async def test_rules_of_nodes_are_not_all_listed() -> None:
    rbac = RbacAuthorizer()
    lists = RuleLists([NodeAuthorizer(NodeGraph()), rbac])
    reviews = Reviews(Authenticator(Tokens([OneToken()], audiences=["api"])), rbac, lists)
    review = authorization_v1.SelfSubjectRulesReview(spec=authorization_v1.SelfSubjectRulesReviewSpec(namespace="default"))
    answer = await reviews.review(review, UserInfo("system:node:a", "", ("system:nodes",)))
    assert to_document(answer)["status"] == {
        "incomplete": True, "evaluationError": "node authorizer does not support user rule resolution", "resourceRules": [],
        "nonResourceRules": [],
    }


@pytest.mark.parametrize(("fields", "labels", "seen", "problem"), [
    ({"rawSelector": "spec.nodeName=a,x!=y"}, {"rawSelector": "a in (b)"}, ("spec.nodeName=a,x!=y", "a in (b)"), ""),
    ({"requirements": [{"key": "f", "operator": "In", "values": ["v"]}, {"key": "g", "operator": "NotIn", "values": ["w"]}]}, None,
     ("f=v,g!=w", ""), ""),
    ({"rawSelector": "nonsense"}, {"rawSelector": "a in"}, ("", ""),
     "spec.resourceAttributes.fieldSelector ignored due to parse error; spec.resourceAttributes.labelSelector ignored due to parse error"),
    ({"requirements": [{"key": "f", "operator": "In", "values": ["v"]}, {"key": "g", "operator": "Exists"}]},
     {"requirements": [{"key": "a", "operator": "Exists"}, {"key": "b", "operator": "New"}]}, ("f=v", "a"),
     "spec.resourceAttributes.fieldSelector partially ignored due to parse error; "
     "spec.resourceAttributes.labelSelector partially ignored due to parse error"),
])
async def test_selectors_of_a_question_count(
    fields: dict[str, Any], labels: dict[str, Any] | None, seen: tuple[str, str], problem: str
) -> None:
    asked: list[Attributes] = []

    class Asked:
        async def authorize(self, attributes: Attributes) -> Decision:
            asked.append(attributes)
            return Decision(True)

    reviews = Reviews(Authenticator(Tokens([OneToken()], audiences=["api"])), Asked(), RbacAuthorizer())
    document = {"verb": "list", "resource": "pods", "fieldSelector": fields} | ({"labelSelector": labels} if labels is not None else {})
    review = from_document(authorization_v1.SelfSubjectAccessReview, {"spec": {"resourceAttributes": document}})
    answer = to_document(await reviews.review(review, JANE))["status"]
    assert answer == {"allowed": True} | ({"evaluationError": problem} if problem else {})
    (attributes,) = asked
    assert attributes.api_version == "*"
    assert attributes.selectors is not None
    selected = [f"{requirement.field}{requirement.operator}{requirement.value}" for requirement in attributes.selectors.fields]
    assert (",".join(selected), ",".join(map(str, attributes.selectors.labels))) == seen


async def test_who_i_am(reviews: Reviews) -> None:
    answer = await reviews.review(authentication_v1.SelfSubjectReview(), JANE)
    assert to_document(answer)["status"] == {"userInfo": {"username": "jane", "groups": ["dev", "system:authenticated"]}}


async def test_whose_token_it_is(reviews: Reviews) -> None:
    async def ask(token: str, *audiences: str) -> dict[str, object]:
        spec = authentication_v1.TokenReviewSpec(token=token, audiences=list(audiences))
        return dict(to_document(await reviews.review(authentication_v1.TokenReview(spec=spec), JANE))["status"])

    joe = {"username": "joe", "uid": "7", "groups": ["dev", "system:authenticated"], "extra": {"k": ["v"]}}
    assert await ask("good") == {"authenticated": True, "user": joe, "audiences": ["api"]}
    assert await ask("good", "api", "vault") == {"authenticated": True, "user": joe, "audiences": ["api"]}
    assert await ask("bad") == {"error": "invalid bearer token", "user": {}}
    with pytest.raises(BadRequestError, match="token is required"):
        await ask("")
