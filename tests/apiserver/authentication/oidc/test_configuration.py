from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import yaml

from minikube_py.apiserver.authentication.oidc.claims import ClaimsError
from minikube_py.apiserver.authentication.oidc.configuration import AuthenticationConfiguration, load
from minikube_py.apiserver.authentication.oidc.validation import compiled
from minikube_py.apiserver.authentication.user import UserInfo
from minikube_py.apiserver.pki import Pki

from .issuer import AUDIENCE, Issuer
from .test_tokens import lab_with, who

HEADER = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration"}
ISSUER: dict[str, Any] = {"url": "https://a.example", "audiences": ["a"]}
NAME: dict[str, Any] = {"username": {"claim": "sub", "prefix": ""}}


def jwt(issuer: Mapping[str, Any] = ISSUER, mappings: Mapping[str, Any] = NAME, **more: Any) -> dict[str, Any]:
    return {"jwt": [{"issuer": issuer, "claimMappings": mappings, **more}]}


def configuration(document: Mapping[str, Any]) -> AuthenticationConfiguration:
    return msgspec.convert(HEADER | document, AuthenticationConfiguration)


def user(claims: dict[str, Any], mappings: Mapping[str, Any] = NAME, **more: Any) -> UserInfo:
    (mapping,) = compiled(configuration(jwt(mappings=mappings, **more)))
    return mapping.user(claims)


def test_claims_with_prefixes_make_a_user() -> None:
    mappings = {
        "username": {"claim": "email", "prefix": "u:"}, "groups": {"claim": "roles", "prefix": "g:"}, "uid": {"claim": "id"},
    }
    made = user({"email": "j@a", "email_verified": True, "roles": ["dev", "ops"], "id": "7"}, mappings)
    assert made == UserInfo("u:j@a", "7", ("g:dev", "g:ops"))
    assert user({"email": "j@a", "roles": "dev", "id": "7"}, mappings).groups == ("g:dev",)
    assert user({"email": "j@a", "id": "7"}, mappings).groups == ()


@pytest.mark.parametrize(("claims", "why"), [
    ({"email": "a", "email_verified": False}, "email not verified"),
    ({"email": "a", "email_verified": "true"},
     "parse 'email_verified' claim: json: cannot unmarshal string into Go value of type bool"),
    ({}, 'parse username claims "email": claim not present'),
    ({"email": 7}, 'parse username claims "email": json: cannot unmarshal number into Go value of type string'),
    ({"email": ""}, "the username is empty"),
    ({"email": "a", "roles": [1]}, 'parse groups claim "roles": json: cannot unmarshal array into Go value of type string'),
    ({"email": "a", "roles": {}}, 'parse groups claim "roles"'),
])
def test_claims_that_make_no_user(claims: dict[str, Any], why: str) -> None:
    with pytest.raises(ClaimsError) as caught:
        user(claims, {"username": {"claim": "email", "prefix": ""}, "groups": {"claim": "roles", "prefix": ""}})
    assert why in str(caught.value)


def test_the_id_of_a_token_is_told() -> None:
    assert user({"sub": "jane", "jti": "t-1"}).extra == {"authentication.kubernetes.io/credential-id": ("JTI=t-1",)}
    assert user({"sub": "jane", "jti": 1}).extra == {}


EXPRESSIONS: dict[str, Any] = {
    "username": {"expression": "claims.name + '@' + claims.tenant"},
    "groups": {"expression": "claims.roles.split(',')"},
    "uid": {"expression": "string(claims.id)"},
    "extra": [
        {"key": "acme.com/tenant", "valueExpression": "claims.tenant"},
        {"key": "acme.com/none", "valueExpression": "claims.?more.orValue('')"},
        {"key": "acme.com/list", "valueExpression": "['a', '', 'b']"}, {"key": "acme.com/null", "valueExpression": "null"},
    ],
}


def test_expressions_make_a_user() -> None:
    made = user({"name": "jane", "tenant": "acme", "roles": "dev,,ops", "id": 7}, EXPRESSIONS)
    assert made == UserInfo("jane@acme", "7", ("dev", "ops"), {"acme.com/tenant": ("acme",), "acme.com/list": ("a", "b")})


@pytest.mark.parametrize(("claims", "why"), [
    ({"name": "j", "tenant": "a", "roles": 1, "id": 7},
     "error evaluating group claim expression: expression 'claims.roles.split(',')' resulted in error: no such overload"),
    ({"tenant": "a"}, "error evaluating username claim expression: expression 'claims.name + '@' + claims.tenant' resulted in error: no "
                      "such key: name"),
    ({"name": 1, "tenant": 1, "roles": "", "id": 7}, "error evaluating username claim expression"),
])
def test_expressions_that_fail_make_no_user(claims: dict[str, Any], why: str) -> None:
    with pytest.raises(ClaimsError) as caught:
        user(claims, EXPRESSIONS)
    assert why in str(caught.value)


def test_an_expression_gives_text() -> None:
    with pytest.raises(ClaimsError, match="username claim expression must return a string"):
        user({"sub": 7}, {"username": {"expression": "claims.sub"}})
    with pytest.raises(ClaimsError, match="empty username via CEL expression is not allowed"):
        user({"sub": ""}, {"username": {"expression": "claims.sub"}})
    with pytest.raises(ClaimsError, match=r"error evaluating extra claim expression: \[1\]: expression must return a string or a list of"):
        user({"sub": "a"}, NAME | {"extra": [{"key": "acme.com/a", "valueExpression": "[1]"}]})
    with pytest.raises(ClaimsError, match="expression must return a string or a list of strings"):
        user({"sub": "a"}, {"username": {"claim": "sub", "prefix": ""}, "groups": {"expression": "[1]"}})


def test_rules_about_claims_and_users_must_hold() -> None:
    rules: dict[str, Any] = {
        "claimValidationRules": [
            {"claim": "tenant", "requiredValue": "acme"}, {"expression": "claims.exp - claims.nbf <= 86400", "message": "lives too long"},
        ],
        "userValidationRules": [
            {"expression": "!user.username.startsWith('system:')", "message": "reserved"},
            {"expression": "user.groups.all(group, !group.startsWith('system:'))", "message": "reserved group"},
            {"expression": "user.uid == '' && user.extra.size() == 0", "message": "too much"},
        ],
    }
    mappings = NAME | {"groups": {"claim": "groups", "prefix": ""}}
    good = {"sub": "jane", "tenant": "acme", "nbf": 1, "exp": 2}
    assert user(good, mappings, **rules).name == "jane"
    for change, why in (
        ({"exp": 86402}, "error evaluating claim validation expression: validation expression 'claims.exp - claims.nbf <= 86400' failed: "
                         "lives too long"),
        ({"tenant": "x"}, "required claim tenant value does not match. Got = x, want = acme"),
        ({"tenant": 1}, "parse claim tenant"), ({"sub": "system:root"}, "failed: reserved"),
        ({"groups": "system:masters"}, "failed: reserved group"),
    ):
        with pytest.raises(ClaimsError) as caught:
            user(good | change, mappings, **rules)
        assert why in str(caught.value)
    del good["tenant"]
    with pytest.raises(ClaimsError, match="required claim tenant not present in ID token"):
        user(good, mappings, **rules)


WRONG: list[tuple[dict[str, Any], list[str]]] = [
    (jwt({}), [
        "jwt[0].issuer.url: Required value",
        "jwt[0].issuer.audiences: Required value: at least one jwt[0].issuer.audiences is required"]),
    (jwt({"url": "http://u:p@a?q#f", "audiences": ["a"]}), [
        'jwt[0].issuer.url: Invalid value: "http://u:p@a?q#f": URL scheme must be https',
        'jwt[0].issuer.url: Invalid value: "http://u:p@a?q#f": URL must not contain a username or password',
        'jwt[0].issuer.url: Invalid value: "http://u:p@a?q#f": URL must not contain a query',
        'jwt[0].issuer.url: Invalid value: "http://u:p@a?q#f": URL must not contain a fragment']),
    (jwt(ISSUER | {"discoveryURL": "https://a.example/"}), [
        'jwt[0].issuer.discoveryURL: Invalid value: "https://a.example/": discoveryURL must be different from URL']),
    (jwt({"url": "https://own.example", "audiences": ["a"]}), [
        'jwt[0].issuer.url: Invalid value: "https://own.example": URL must not overlap with disallowed issuers: [https://own.example]']),
    (jwt(ISSUER | {"audiences": ["a", "", "a"]}), [
        "jwt[0].issuer.audiences[1]: Required value", 'jwt[0].issuer.audiences[2]: Duplicate value: "a"',
        'jwt[0].issuer.audienceMatchPolicy: Invalid value: "": audienceMatchPolicy must be MatchAny for multiple audiences']),
    (jwt(ISSUER | {"audienceMatchPolicy": "All"}), [
        'jwt[0].issuer.audienceMatchPolicy: Invalid value: "All": audienceMatchPolicy must be empty or MatchAny for single audience']),
    (jwt(ISSUER | {"certificateAuthority": "x", "egressSelectorType": "etcd"}), [
        'jwt[0].issuer.certificateAuthority: Invalid value: "<omitted>": data does not contain any valid RSA or ECDSA certificates',
        'jwt[0].issuer.egressSelectorType: Invalid value: "etcd": egress selector must be either controlplane or cluster']),
    (jwt(mappings={}), ["jwt[0].claimMappings.username: Required value: claim or expression is required"]),
    (jwt(mappings={"username": {"claim": "a"}, "groups": {"claim": "a", "expression": "b"}, "uid": {"claim": "a", "expression": "b"}}), [
        "jwt[0].claimMappings.username.prefix: Required value: prefix is required when claim is set. It can be set to an empty string to "
        "disable prefixing",
        'jwt[0].claimMappings.groups: Invalid value: "": claim and expression can\'t both be set',
        'jwt[0].claimMappings.uid: Invalid value: "": claim and expression can\'t both be set']),
    (jwt(mappings={"username": {"expression": "claims.email", "prefix": "x"}}), [
        'jwt[0].claimMappings.username.prefix: Invalid value: "x": may not be specified when expression is set',
        'jwt[0].claimMappings.username.expression: Invalid value: "claims.email": claims.email_verified must be used in '
        "claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when "
        "claims.email is used in claimMappings.username.expression"]),
    (jwt(mappings=NAME | {"extra": [
        {"key": "Foo", "valueExpression": "'a'"}, {"key": "a.k8s.io/x"}, {"key": "a.com/x", "valueExpression": "'a'"},
        {"key": "a.com/x", "valueExpression": "'b'"}]}), [
        'jwt[0].claimMappings.extra[0].key: Invalid value: "Foo": must be a domain-prefixed path (such as "acme.io/foo")',
        'jwt[0].claimMappings.extra[0].key: Invalid value: "Foo": must be lowercase',
        'jwt[0].claimMappings.extra[1].key: Invalid value: "a.k8s.io/x": k8s.io, kubernetes.io and their subdomains are reserved for '
        "Kubernetes use",
        "jwt[0].claimMappings.extra[1].valueExpression: Required value",
        'jwt[0].claimMappings.extra[3].key: Duplicate value: "a.com/x"']),
    (jwt(claimValidationRules=[
        {}, {"claim": "a", "expression": "b"}, {"claim": "a", "message": "m"}, {"claim": "a"}, {"expression": "true", "requiredValue": "v"},
        {"expression": "true"}, {"expression": "claims.a"}]), [
        "jwt[0].claimValidationRules[0]: Required value: claim or expression is required",
        'jwt[0].claimValidationRules[1]: Invalid value: "a": claim and expression can\'t both be set',
        'jwt[0].claimValidationRules[2].message: Invalid value: "m": may not be specified when claim is set',
        'jwt[0].claimValidationRules[3].claim: Duplicate value: "a"',
        'jwt[0].claimValidationRules[4].requiredValue: Invalid value: "v": may not be specified when expression is set',
        'jwt[0].claimValidationRules[5].expression: Duplicate value: "true"',
        'jwt[0].claimValidationRules[6].expression: Invalid value: "claims.a": must evaluate to bool']),
    (jwt(userValidationRules=[{}, {"expression": "user.name == ''"}]), [
        "jwt[0].userValidationRules[0].expression: Required value",
        'jwt[0].userValidationRules[1].expression: Invalid value: "user.name == \'\'": compilation failed: ERROR: <input>:1:5: undefined '
        "field 'name'\n | user.name == ''\n | ....^"]),
    ({"jwt": [jwt()["jwt"][0], jwt()["jwt"][0]]}, ['jwt[1].issuer.url: Duplicate value: "https://a.example"']),
    ({"jwt": [jwt()["jwt"][0]] * 65}, ["jwt: Too many: 65: must have at most 64 items"]),
    ({"anonymous": {"enabled": False, "conditions": [{"path": "/livez"}]}}, [
        'anonymous.conditions: Invalid value: [{"Path":"/livez"}]: enabled should be set to true when conditions are defined']),
]


@pytest.mark.parametrize(("document", "wanted"), WRONG)
def test_what_is_wrong_is_told_in_upstreams_words(document: dict[str, Any], wanted: list[str]) -> None:
    with pytest.raises(ValueError) as caught:
        compiled(configuration(document), ["https://own.example"])
    assert str(caught.value) == (wanted[0] if len(wanted) == 1 else f"[{', '.join(wanted)}]")


def test_a_name_from_an_address_needs_its_verification_somewhere() -> None:
    mappings = {"username": {"expression": "claims.email"}}
    for rule in ("claims.email_verified == true", "claims.?email_verified.orValue(true) == true", "has(claims.email_verified)"):
        assert compiled(configuration(jwt(mappings=mappings, claimValidationRules=[{"expression": rule}])))
    extra = [{"key": "a.com/verified", "valueExpression": "string(claims.email_verified)"}]
    assert compiled(configuration(jwt(mappings=mappings | {"extra": extra})))


@pytest.mark.parametrize("text", [
    "[]", "a: b: c", "kind: AuthenticationConfiguration", yaml.safe_dump(HEADER | {"kind": "Other"}), yaml.safe_dump(HEADER | {"jwts": []}),
    yaml.safe_dump(HEADER | jwt(ISSUER | {"Url": "x"})),
])
def test_files_that_are_no_configuration_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"authentication configuration .*config\.yaml"):
        load(tmp_path / "config.yaml")


def test_what_is_not_known_or_occurs_twice_is_told_as_upstream_tells_it(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(HEADER | jwt(ISSUER | {"Url": "x"}) | {"jwts": []}) + "kind: AuthenticationConfiguration\n")
    with pytest.raises(ValueError, match="strict decoding error") as caught:
        load(file)
    assert str(caught.value).endswith(
        ': strict decoding error: yaml: unmarshal errors:\n  line 14: key "kind" already set in map, '
        'unknown field "jwt[0].issuer.Url", unknown field "jwts"')
    file.write_text("")
    with pytest.raises(ValueError, match=r"empty config data$"):
        load(file)


async def test_a_file_names_issuers_and_where_anybody_may_come(issuer: Issuer, tmp_path: Path, pki: Pki) -> None:
    document = HEADER | jwt(
        {"url": issuer.url, "audiences": [AUDIENCE, "more"], "audienceMatchPolicy": "MatchAny", "certificateAuthority": issuer.ca},
        EXPRESSIONS,
    ) | {"anonymous": {"enabled": True, "conditions": [{"path": "/livez"}, {"path": "/readyz"}]}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(document))
    async with lab_with(tmp_path, pki, f"authentication-config={tmp_path}/config.yaml") as lab:
        status, user = await who(lab, issuer.token(aud="more", name="jane", tenant="acme", roles="dev", id=7))
        assert (status, user) == (201, {
            "username": "jane@acme", "uid": "7", "groups": ["dev", "system:authenticated"],
            "extra": {"acme.com/tenant": ["acme"], "acme.com/list": ["a", "b"]},
        })
        async with aiohttp.ClientSession(lab.url, connector=aiohttp.TCPConnector(ssl=lab.anonymous_tls)) as session:
            for path, wanted in (("/livez", 200), ("/livez/", 401), ("/livez?verbose", 200), ("/healthz", 401), ("/version", 401)):
                assert (await lab.send("GET", path, session=session)).status == wanted, path
