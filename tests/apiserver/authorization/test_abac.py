from __future__ import annotations

from pathlib import Path

import pytest

from minikube_py.apis.rbac_v1 import PolicyRule
from minikube_py.apiserver.authentication import UserInfo
from minikube_py.apiserver.authorization import Attributes
from minikube_py.apiserver.authorization.abac import PolicyFile

JANE = UserInfo("jane", "", ("dev", "system:authenticated"))
ANONYMOUS = UserInfo("system:anonymous", "", ("system:unauthenticated",))
POLICY = '{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":%s}\n'


def policies(path: Path, *lines: str) -> PolicyFile:
    file = path / "policies.jsonl"
    file.write_text("# who may do what\n\n" + "".join(lines))
    return PolicyFile(file)


def pods(verb: str, namespace: str = "default", group: str = "", user: UserInfo = JANE) -> Attributes:
    return Attributes(user, verb, group, "v1", "pods", "", namespace)


def url(path: str, verb: str = "get", user: UserInfo = JANE) -> Attributes:
    return Attributes(user, verb, path=path, is_resource=False)


@pytest.mark.parametrize(("spec", "allowed", "refused"), [
    ('{"user":"jane","namespace":"default","resource":"pods"}', pods("delete"), pods("get", "other")),
    ('{"user":"jane","namespace":"default","resource":"pods","readonly":true}', pods("watch"), pods("create")),
    ('{"group":"dev","namespace":"*","resource":"*","apiGroup":"*"}', pods("create", "x", "apps"), url("/version")),
    ('{"user":"jane","group":"ops","namespace":"*","resource":"*"}', None, pods("get")),
    ('{"user":"*","namespace":"*","resource":"*"}', pods("get"), pods("get", user=ANONYMOUS)),
    ('{"namespace":"*","resource":"*"}', None, pods("get")),
    ('{"user":"jane","nonResourcePath":"*"}', url("/metrics"), pods("get")),
    ('{"user":"jane","nonResourcePath":"/api*","readonly":true}', url("/apis"), url("/apis", "post")),
    ('{"user":"jane","nonResourcePath":"/version"}', url("/version"), url("/version/")),
])
async def test_a_policy_allows_what_it_names(tmp_path: Path, spec: str, allowed: Attributes | None, refused: Attributes) -> None:
    file = policies(tmp_path, POLICY % spec)
    if allowed is not None:
        assert (await file.authorize(allowed)).allowed
    decision = await file.authorize(refused)
    assert (decision.allowed, decision.reason) == (False, "No policy matched.")


@pytest.mark.parametrize(("line", "allowed", "refused"), [
    ('{"user":"jane"}', [pods("create", "x", "apps"), url("/version")], [pods("get", user=UserInfo("joe"))]),
    ('{"readonly":true}', [pods("get")], [pods("create"), pods("get", user=ANONYMOUS)]),
    ('{"group":"dev","namespace":"default"}', [pods("get", group="apps")], [pods("get", "x"), url("/version")]),
])
async def test_lines_without_a_version_mean_what_they_meant(
    tmp_path: Path, line: str, allowed: list[Attributes], refused: list[Attributes]
) -> None:
    file = policies(tmp_path, line)
    assert [(await file.authorize(one)).allowed for one in (*allowed, *refused)] == [True] * len(allowed) + [False] * len(refused)


def test_what_a_user_may_do_is_listed(tmp_path: Path) -> None:
    file = policies(
        tmp_path, POLICY % '{"user":"jane","namespace":"default","resource":"pods","readonly":true}',
        POLICY % '{"group":"dev","namespace":"*","resource":"jobs","apiGroup":"batch","nonResourcePath":"/x"}',
        POLICY % '{"user":"jane","namespace":"other","resource":"pods"}',
    )
    found = file.subject_rules(JANE, "default")
    assert found.rules == [
        PolicyRule(verbs=["get", "list", "watch"], api_groups=[""], resources=["pods"]),
        PolicyRule(verbs=["*"], api_groups=["batch"], resources=["jobs"]), PolicyRule(verbs=["*"], non_resource_urls=["/x"]),
    ]
    assert not found.incomplete


@pytest.mark.parametrize("line", ["{", '{"kind":"Policy","apiVersion":"v1"}', '{"user":7}'])
def test_a_file_that_does_not_read_says_where(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match=r"error reading policy file .*policies.jsonl, line 3: "):
        policies(tmp_path, line)
