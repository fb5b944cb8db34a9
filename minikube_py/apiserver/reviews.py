"""The review kinds: objects that are questions, answered in the reply and never stored.

Source: kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access, pkg/registry/authorization/,
pkg/registry/authentication/, pkg/apis/authorization/validation/validation.go
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from minikube_py.apis import authentication_v1
from minikube_py.apis.authorization_v1 import (
    LocalSubjectAccessReview,
    NonResourceRule,
    ResourceRule,
    SelfSubjectAccessReview,
    SelfSubjectAccessReviewSpec,
    SelfSubjectRulesReview,
    SubjectAccessReview,
    SubjectAccessReviewSpec,
    SubjectAccessReviewStatus,
    SubjectRulesReviewStatus,
)
from minikube_py.apis.validation import authorization as rules
from minikube_py.apis.validation.causes import Causes
from minikube_py.core.clock import SYSTEM_CLOCK, Clock, rfc3339
from minikube_py.core.errors import BadRequestError, UnauthorizedError, invalid

from .authentication import Authenticator, UserInfo
from .authorization.attributes import Attributes, Authorizer, ListsRules
from .authorization.selectors import Selectors

AUTHORIZATION = "authorization.k8s.io"
T = TypeVar("T", SelfSubjectAccessReview, SubjectAccessReview, LocalSubjectAccessReview)


class Reviews:
    """Answers reviews."""

    def __init__(
        self, authenticator: Authenticator, authorizer: Authorizer, rules: ListsRules, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._authenticator = authenticator
        self._authorizer = authorizer
        self._rules = rules
        self._clock = clock

    async def review(self, obj: Any, user: UserInfo, namespace: str = "") -> Any:
        """Answer one review; `obj` gets its status and is returned.

        Args:
            obj: SelfSubjectAccessReview, SubjectAccessReview, LocalSubjectAccessReview, SelfSubjectRulesReview, SelfSubjectReview
                or TokenReview, decoded and free to change.
            user: who asks.
            namespace: of the URL, for LocalSubjectAccessReview; that of the object if empty.
        Raises: InvalidError, BadRequestError; TypeError for any other kind.
        """
        match obj:
            case SelfSubjectAccessReview():
                await self._self_access(obj, user)
            case SubjectAccessReview():
                await self._access(obj)
            case LocalSubjectAccessReview():
                await self._local_access(obj, namespace or obj.metadata.namespace)
            case SelfSubjectRulesReview():
                self._self_rules(obj, user)
            case authentication_v1.SelfSubjectReview():
                obj.metadata.creation_timestamp = rfc3339(self._clock.now())
                obj.status.user_info = _user_document(user)
            case authentication_v1.TokenReview():
                await self._token(obj)
            case _:
                raise TypeError(f"{type(obj).__name__} is not a review")
        return obj

    async def _self_access(self, obj: SelfSubjectAccessReview, user: UserInfo) -> None:
        _check(rules.self_subject_access_review, obj)
        obj.status = await self._decide(obj.spec, user)

    async def _access(self, obj: SubjectAccessReview) -> None:
        _check(rules.subject_access_review, obj)
        obj.status = await self._decide(obj.spec, _subject(obj.spec))

    async def _local_access(self, obj: LocalSubjectAccessReview, namespace: str) -> None:
        if obj.metadata.namespace and obj.metadata.namespace != namespace:
            raise BadRequestError("the namespace of the provided object does not match the namespace sent on the request")
        obj.metadata.namespace = namespace
        _check(rules.local_subject_access_review, obj)
        if not namespace:
            raise BadRequestError("namespace is required on this type: ")
        obj.status = await self._decide(obj.spec, _subject(obj.spec))

    async def _decide(self, spec: SelfSubjectAccessReviewSpec | SubjectAccessReviewSpec, user: UserInfo) -> SubjectAccessReviewStatus:
        resource, path = spec.resource_attributes, spec.non_resource_attributes
        if resource is not None:
            attributes = Attributes(
                user, resource.verb, resource.group, resource.version or "*", resource.resource, resource.subresource, resource.namespace,
                resource.name, selectors=Selectors.of_review(resource.field_selector, resource.label_selector),
            )
        elif path is not None:
            attributes = Attributes(user, path.verb, path=path.path, is_resource=False)
        else:
            raise TypeError("a review without attributes has passed validation")
        decision = await self._authorizer.authorize(attributes)
        errors = [decision.error] if decision.error else []
        if attributes.selectors is not None:
            errors += attributes.selectors.problems()
        return SubjectAccessReviewStatus(
            allowed=decision.allowed, denied=decision.denied, reason=decision.reason, evaluation_error="; ".join(errors)
        )

    def _self_rules(self, obj: SelfSubjectRulesReview, user: UserInfo) -> None:
        if not obj.spec.namespace:
            raise BadRequestError("no namespace on request")
        found = self._rules.subject_rules(user, obj.spec.namespace)
        status = SubjectRulesReviewStatus(incomplete=found.incomplete, evaluation_error=found.error)
        for rule in found.rules:
            if rule.resources:
                status.resource_rules.append(ResourceRule(
                    verbs=rule.verbs, api_groups=rule.api_groups, resources=rule.resources, resource_names=rule.resource_names
                ))
            if rule.non_resource_urls:
                status.non_resource_rules.append(NonResourceRule(verbs=rule.verbs, non_resource_urls=rule.non_resource_urls))
        obj.status = status

    async def _token(self, obj: authentication_v1.TokenReview) -> None:
        if not obj.spec.token:
            raise BadRequestError("token is required for TokenReview in authentication")
        try:
            identity = await self._authenticator.review_token(obj.spec.token, obj.spec.audiences)
        except UnauthorizedError as error:
            obj.status = authentication_v1.TokenReviewStatus(error=error.message, user=authentication_v1.UserInfo())
            return
        obj.status = authentication_v1.TokenReviewStatus(
            authenticated=True, user=_user_document(identity.user), audiences=list(identity.audiences)
        )


def _user_document(user: UserInfo) -> authentication_v1.UserInfo:
    extra = {key: list(values) for key, values in user.extra.items()}
    return authentication_v1.UserInfo(username=user.name, uid=user.uid, groups=list(user.groups), extra=extra)


def _subject(spec: SubjectAccessReviewSpec) -> UserInfo:
    extra = {key: tuple(values) for key, values in spec.extra.items()}
    return UserInfo(spec.user, spec.uid, tuple(spec.groups), extra)


def _check(rule: Callable[[Causes, T], None], obj: T) -> None:
    """Refuse a question that makes no sense; upstream knows it by its group alone at this point."""
    # The server sets these itself, so what a client says of them is not looked at.
    obj.metadata = msgspec.structs.replace(
        obj.metadata, uid="", creation_timestamp="", deletion_timestamp="", deletion_grace_period_seconds=None, self_link="")
    causes: Causes = []
    rule(causes, obj)
    if causes:
        raise invalid(AUTHORIZATION, "", "", causes)
