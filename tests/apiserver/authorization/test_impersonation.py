from __future__ import annotations

from dataclasses import replace

import pytest
from multidict import CIMultiDict

from minikube_py.apiserver.authentication import UserInfo
from minikube_py.apiserver.authorization import Attributes, Decision
from minikube_py.apiserver.authorization.impersonation import Acting, Impersonation
from minikube_py.apiserver.authorization.impersonation_headers import is_impersonation, wanted_user
from minikube_py.core.errors import BadRequestError, ForbiddenError

ROOT = UserInfo("root")
AUTH = "authentication.k8s.io"
LIST = Attributes(ROOT, "list", "", "v1", "pods", namespace="shop")
ROBOT = UserInfo("system:serviceaccount:shop:robot", extra={
    "authentication.kubernetes.io/node-name": ("edge",), "authentication.kubernetes.io/pod-name": ("web-0",)})


class Asked:
    """An authorizer that allows verbs, or verbs on resources, and keeps what it was asked."""

    def __init__(self, *allowed: str) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.users: list[UserInfo] = []
        self._allowed = allowed

    async def authorize(self, attributes: Attributes) -> Decision:
        self.users.append(attributes.user)
        resource = f"{attributes.resource}/{attributes.subresource}" if attributes.subresource else attributes.resource
        self.asked.append((attributes.verb, attributes.api_group, resource, attributes.namespace, attributes.name))
        return Decision(attributes.verb in self._allowed or f"{attributes.verb} {resource} {attributes.name}" in self._allowed)


def headers(*pairs: tuple[str, str]) -> CIMultiDict[str]:
    return CIMultiDict([("Accept", "*/*"), *pairs])


async def act(asked: Asked, *pairs: tuple[str, str], attributes: Attributes = LIST) -> Acting:
    acting = await Impersonation(asked).acting(headers(*pairs), attributes)
    assert acting is not None
    return acting


async def refusal(asked: Asked, *pairs: tuple[str, str], attributes: Attributes = LIST) -> str:
    with pytest.raises(ForbiddenError) as caught:
        await Impersonation(asked).acting(headers(*pairs), attributes)
    return caught.value.message


FULL = (
    ("Impersonate-User", "jane"), ("Impersonate-Group", "dev"), ("impersonate-group", "ops"), ("Impersonate-Uid", "7"),
    ("Impersonate-Extra-acme.com%2Fproject", "p1"),
)


async def test_by_the_old_way_each_part_of_the_identity_is_asked_for() -> None:
    asked = Asked("impersonate")
    acting = await act(asked, *FULL)
    assert asked.asked == [
        ("impersonate-on:user-info:list", "", "pods", "shop", ""), ("impersonate", "", "users", "", "jane"),
        ("impersonate", AUTH, "uids", "", "7"), ("impersonate", "", "groups", "", "dev"), ("impersonate", "", "groups", "", "ops"),
        ("impersonate", AUTH, "userextras/acme.com/project", "", "p1"),
    ]
    user = acting.user
    assert (user.name, user.uid, user.groups) == ("jane", "7", ("dev", "ops", "system:authenticated"))
    assert user.extra == {"acme.com/project": ("p1",)}
    assert acting.constraint == ""


async def test_a_constrained_user_may_be_acted_as_for_some_requests() -> None:
    asked = Asked("impersonate-on:user-info:list", "impersonate:user-info")
    acting = await act(asked, *FULL)
    assert asked.asked == [
        ("impersonate-on:user-info:list", "", "pods", "shop", ""), ("impersonate:user-info", AUTH, "users", "", "jane"),
        ("impersonate:user-info", AUTH, "uids", "", "7"), ("impersonate:user-info", AUTH, "groups", "", "dev"),
        ("impersonate:user-info", AUTH, "groups", "", "ops"), ("impersonate:user-info", AUTH, "userextras/acme.com/project", "", "p1"),
    ]
    assert acting.constraint == "impersonate:user-info"
    assert await refusal(asked, *FULL, attributes=replace(LIST, verb="delete", name="web-0")) == (
        'pods "web-0" is forbidden: User "root" cannot impersonate-on:user-info:delete resource "pods" in API group "" in the namespace '
        '"shop"'
    )


async def test_a_service_account_brings_its_groups() -> None:
    pair = ("Impersonate-User", ROBOT.name)
    groups = ("system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated")
    asked = Asked("impersonate")
    assert (await act(asked, pair)).user.groups == groups
    assert asked.asked == [
        ("impersonate-on:serviceaccount:list", "", "pods", "shop", ""), ("impersonate", "", "serviceaccounts", "shop", "robot")]
    asked = Asked("impersonate-on:serviceaccount:list", "impersonate:serviceaccount")
    assert await act(asked, pair) == Acting(UserInfo(ROBOT.name, "", groups), "impersonate:serviceaccount")
    assert asked.asked[-1] == ("impersonate:serviceaccount", AUTH, "serviceaccounts", "shop", "robot")
    assert "impersonate resource" in await refusal(Asked("impersonate:serviceaccount"), pair, ("Impersonate-Group", "dev"))


async def test_a_node_brings_its_group_only_by_its_mode() -> None:
    pair = ("Impersonate-User", "system:node:edge")
    assert (await act(Asked("impersonate"), pair)).user.groups == ("system:authenticated",)
    asked = Asked("impersonate-on:arbitrary-node:list", "impersonate:arbitrary-node")
    acting = await act(asked, pair)
    assert acting == Acting(UserInfo("system:node:edge", "", ("system:nodes", "system:authenticated")), "impersonate:arbitrary-node")
    assert asked.asked[-1] == ("impersonate:arbitrary-node", AUTH, "nodes", "", "edge")


async def test_a_pod_may_act_as_the_node_that_it_runs_on() -> None:
    asked = Asked("impersonate-on:associated-node:list", "impersonate:associated-node")
    acting = await act(asked, ("Impersonate-User", "system:node:edge"), attributes=replace(LIST, user=ROBOT))
    assert acting == Acting(UserInfo("system:node:edge", "", ("system:nodes", "system:authenticated")), "impersonate:associated-node")
    assert asked.asked == [
        ("impersonate-on:associated-node:list", "", "pods", "shop", ""), ("impersonate:associated-node", AUTH, "nodes", "", "*")]
    keys = {"authentication.kubernetes.io/associated-node-keys": tuple(sorted(ROBOT.extra))}
    assert asked.users == [UserInfo(ROBOT.name, extra=keys)] * 2
    for pairs in ((("Impersonate-User", "system:node:other"),), (("Impersonate-User", "system:node:edge"), ("Impersonate-Uid", "7"))):
        assert "is forbidden" in await refusal(asked, *pairs, attributes=replace(LIST, user=ROBOT))


async def test_no_constrained_mode_leads_to_the_administrators() -> None:
    constrained = Asked("impersonate-on:user-info:list", "impersonate:user-info")
    for group, why in (
        ("system:masters", 'groups.authentication.k8s.io "system:masters" is forbidden: User "root" cannot impersonate:user-info resource '
                           '"groups" in API group "authentication.k8s.io" at the cluster scope: impersonating the system:masters group is '
                           "not allowed"),
        ("", 'groups.authentication.k8s.io is forbidden: User "root" cannot impersonate:user-info resource "groups" in API group '
             '"authentication.k8s.io" at the cluster scope: impersonating the empty string group is not allowed'),
    ):
        assert await refusal(constrained, ("Impersonate-User", "jane"), ("Impersonate-Group", group)) == why
    everything = Asked("impersonate-on:user-info:list", "impersonate:user-info", "impersonate")
    acting = await act(everything, ("Impersonate-User", "jane"), ("Impersonate-Group", "system:masters"))
    assert (acting.user.groups, acting.constraint) == (("system:masters", "system:authenticated"), "")


@pytest.mark.parametrize(("header", "value", "why"), [
    ("", "v", "impersonating the empty string key in extra is not allowed"),
    ("scopes", "v", 'impersonating an invalid key in extra is not allowed: extra.key: Invalid value: "scopes": must be a domain-prefixed '
                    'path (such as "acme.io/foo")'),
    ("acme.com%2F%41", "v", 'impersonating a non-lowercase key in extra is not allowed: "acme.com/A"'),
    ("acme.com%2Fa", "", "impersonating the empty string value in extra is not allowed"),
])
async def test_constrained_extra_has_a_form(header: str, value: str, why: str) -> None:
    constrained = Asked("impersonate-on:user-info:list", "impersonate:user-info")
    assert why in await refusal(constrained, ("Impersonate-User", "jane"), (f"Impersonate-Extra-{header}", value))


async def test_many_groups_or_values_are_asked_for_at_once_first() -> None:
    many = [("Impersonate-Group", f"g{number}") for number in range(4)]
    values = [("Impersonate-Extra-acme.com%2Fa", f"v{number}") for number in range(4)]
    allowed = ["impersonate-on:user-info:list", "impersonate:user-info users jane"]
    stars = [("impersonate:user-info", AUTH, "groups", "", "*"), ("impersonate:user-info", AUTH, "userextras/*", "", "*")]
    asked = Asked(*allowed, "impersonate:user-info groups *", "impersonate:user-info userextras/* *")
    await act(asked, ("Impersonate-User", "jane"), *many, *values)
    assert asked.asked[2:] == stars
    asked = Asked(*allowed, *(f"impersonate:user-info groups g{number}" for number in range(4)))
    await act(asked, ("Impersonate-User", "jane"), *many)
    assert [question[-1] for question in asked.asked[2:]] == ["*", "g0", "g1", "g2", "g3"]


async def test_the_way_that_worked_last_is_tried_first() -> None:
    asked = Asked("impersonate")
    impersonation = Impersonation(asked)
    for _ in range(2):
        await impersonation.acting(headers(("Impersonate-User", "jane")), LIST)
    assert [question[0] for question in asked.asked] == ["impersonate-on:user-info:list", "impersonate", "impersonate"]
    with pytest.raises(ForbiddenError) as caught:
        await Impersonation(Asked()).acting(headers(("Impersonate-User", "jane")), LIST)
    assert "impersonate-on:user-info:list" in caught.value.message
    (family,) = impersonation.families()
    assert [(sample.name, sample.labels, sample.value) for sample in family.samples] == [
        ("apiserver_impersonation_attempts_total", {"status": "legacy"}, 2)]


async def test_the_anonymous_user_stays_unauthenticated() -> None:
    assert (await act(Asked("impersonate"), ("Impersonate-User", "system:anonymous"))).user.groups == ("system:unauthenticated",)
    pairs = (("Impersonate-User", "jane"), ("Impersonate-Group", "system:unauthenticated"))
    assert (await act(Asked("impersonate"), *pairs)).user.groups == ("system:unauthenticated",)


def test_parts_without_a_user_are_a_mistake() -> None:
    assert is_impersonation(headers(("impersonate-group", "dev")))
    assert not is_impersonation(headers())
    with pytest.raises(BadRequestError) as caught:
        wanted_user(headers(
            ("Impersonate-Group", "dev"), ("Impersonate-Group", 'a"b'), ("Impersonate-Extra-b", "1"), ("Impersonate-Extra-a", "2"),
        ))
    assert caught.value.message == (
        'requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"dev", "a\\"b"}, Extra:map[string][]string{"a":[]string{"2"}, '
        '"b":[]string{"1"}}} without impersonating a user name'
    )
    with pytest.raises(BadRequestError) as caught:
        wanted_user(headers(("Impersonate-Uid", "7")))
    assert caught.value.message == (
        'requested &user.DefaultInfo{Name:"", UID:"7", Groups:[]string(nil), Extra:map[string][]string(nil)} without impersonating a user '
        "name"
    )


def test_the_first_user_counts_and_an_empty_one_is_none() -> None:
    user = wanted_user(headers(("Impersonate-User", "jane"), ("Impersonate-User", "joe"), ("Impersonate-Extra-Bad%zz", "v")))
    assert user == UserInfo("jane", extra={"bad%zz": ("v",)})
    assert wanted_user(headers(("Impersonate-User", ""), ("Impersonate-Other", "x"))) is None
