from __future__ import annotations

import pytest
from multidict import CIMultiDict

from minikube_py.apiserver.authentication import UserInfo
from minikube_py.apiserver.authorization import Attributes, Decision
from minikube_py.apiserver.authorization.impersonation import impersonated, is_impersonation
from minikube_py.core.errors import BadRequestError, ForbiddenError

ROOT = UserInfo("root")


class Asked:
    """An authorizer that allows all but some resources and keeps what it was asked."""

    def __init__(self, *refused: str) -> None:
        self.asked: list[tuple[str, ...]] = []
        self._refused = refused

    async def authorize(self, attributes: Attributes) -> Decision:
        assert (attributes.user, attributes.verb) == (ROOT, "impersonate")
        self.asked.append((attributes.api_group, attributes.resource, attributes.subresource, attributes.namespace, attributes.name))
        return Decision(attributes.resource not in self._refused)


def headers(*pairs: tuple[str, str]) -> CIMultiDict[str]:
    return CIMultiDict([("Accept", "*/*"), *pairs])


async def test_each_part_of_the_identity_is_asked_for() -> None:
    asked = Asked()
    user = await impersonated(headers(
        ("Impersonate-User", "jane"), ("Impersonate-Group", "dev"), ("impersonate-group", "ops"), ("Impersonate-Uid", "7"),
        ("Impersonate-Extra-acme.com%2Fproject", "p1"),
    ), ROOT, asked)
    assert asked.asked == [
        ("", "users", "", "", "jane"), ("", "groups", "", "", "dev"), ("", "groups", "", "", "ops"),
        ("authentication.k8s.io", "uids", "", "", "7"), ("authentication.k8s.io", "userextras", "acme.com/project", "", "p1"),
    ]
    assert (user.name, user.uid, user.groups) == ("jane", "7", ("dev", "ops", "system:authenticated"))
    assert user.extra == {"acme.com/project": ("p1",)}


async def test_a_service_account_brings_its_groups() -> None:
    asked = Asked()
    user = await impersonated(headers(("Impersonate-User", "system:serviceaccount:shop:robot")), ROOT, asked)
    assert asked.asked == [("", "serviceaccounts", "", "shop", "robot")]
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated")


async def test_the_anonymous_user_stays_unauthenticated() -> None:
    assert (await impersonated(headers(("Impersonate-User", "system:anonymous")), ROOT, Asked())).groups == ("system:unauthenticated",)


async def test_one_refused_part_refuses_all() -> None:
    with pytest.raises(ForbiddenError) as caught:
        await impersonated(headers(("Impersonate-User", "jane"), ("Impersonate-Group", "system:masters")), ROOT, Asked("groups"))
    assert caught.value.message == (
        'groups "system:masters" is forbidden: User "root" cannot impersonate resource "groups" in API group "" at the cluster scope'
    )


async def test_groups_without_a_user_are_a_mistake() -> None:
    assert is_impersonation(headers(("impersonate-group", "dev")))
    assert not is_impersonation(headers())
    with pytest.raises(BadRequestError):
        await impersonated(headers(("Impersonate-Group", "dev")), ROOT, Asked())
