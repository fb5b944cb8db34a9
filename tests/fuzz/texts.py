"""Small languages: selectors, quantities, tokens, queries, headers, paths, JSONPath."""

from __future__ import annotations

from typing import Any

from minikube_py.apis import core_v1, fields, labels, quantity
from minikube_py.apis.field_paths import FieldPathError, resolve
from minikube_py.apis.jsonpath import JsonPathError, Template
from minikube_py.apis.scheme import from_document
from minikube_py.apiserver.accept import accepts_gzip, names_gzip, parse_accept
from minikube_py.apiserver.authentication import jws
from minikube_py.apiserver.authentication.authenticator import bearer_token
from minikube_py.apiserver.deletion import options_from
from minikube_py.apiserver.http import request_info
from minikube_py.apiserver.http.list_options import list_options
from minikube_py.apiserver.http.negotiation import negotiate, negotiate_status
from minikube_py.apiserver.http.paging import Token
from minikube_py.apiserver.http.query import Query
from minikube_py.apiserver.http.write_options import check_write_options, read_delete_options
from minikube_py.core.errors import UnauthorizedError

from .target import Target, refusals, same, text_target

POD = from_document(core_v1.Pod, {
    "metadata": {"name": "web", "namespace": "default", "labels": {"app": "web", "n": "5"}}, "spec": {"containers": [], "nodeName": "a"},
})
DOCUMENT: dict[str, Any] = {
    "metadata": {"name": "web", "labels": {"app": "web", "a.b/c": "x"}}, "flag": True, "none": None, "numbers": [1, 2.5, -3, 10**30],
    "items": [{"name": "a", "n": 1, "tags": ["x", "y"]}, {"name": "b", "n": 2, "tags": []}, {"n": "3"}, "text", [1]],
}
SCHEMA: dict[str, Any] = {"type": "object", "properties": {
    "a": {"type": "object", "properties": {"b.c": {"type": "string"}, "d": {"type": "array", "items": {"type": "object"}}}},
    "m": {"type": "object", "additionalProperties": {"type": "string"}},
}}


def label_selector(text: str) -> None:
    with refusals():
        selector = labels.parse_selector.__wrapped__(text)
        selector.matches(POD.metadata.labels)
        again = labels.parse_selector.__wrapped__(str(selector))
        same(str(again), str(selector), "a selector reads as it is written")
        same(again.matches(POD.metadata.labels), selector.matches(POD.metadata.labels), "and means the same")


def field_selector(text: str) -> None:
    with refusals():
        selector = fields.parse_field_selector.__wrapped__(text)
        selector.matches(POD)
        selector.matches(DOCUMENT)
        again = fields.parse_field_selector.__wrapped__(str(selector))
        same(set(again.requirements), set(selector.requirements), "a selector reads as it is written")
        fields.check(selector, core_v1.Pod)


def amount(text: str) -> None:
    with refusals(quantity.QuantityError):
        canonical = quantity.canonical.__wrapped__(text)
        same(quantity.canonical.__wrapped__(canonical), canonical, "the canonical form is its own")
        if quantity.nano_value(text):
            same(quantity.nano_value(canonical), quantity.nano_value(text), "and as much")
        quantity.milli_value(text)
        quantity.add(text, canonical)


def continue_token(text: str) -> None:
    with refusals():
        token = Token.decode(text)
        same(Token.decode(token.encode()), token, "a token reads as it is written")


def query(text: str) -> None:
    with refusals():
        parsed = Query(text)
        parsed.flag("watch")
    for watch in (False, True):
        with refusals():
            list_options(parsed, watch=watch)
        with refusals():
            check_write_options(parsed, "PatchOptions", apply=watch)
    with refusals():
        options_from(read_delete_options(parsed, b"", "application/json"))


def accept(text: str) -> None:
    parse_accept.__wrapped__(text)
    accepts_gzip(text)
    names_gzip(text)
    negotiate_status.__wrapped__(text)
    for watch in (False, True):
        with refusals():
            negotiate.__wrapped__(text, watch=watch)


def path(text: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        request_info.parse(method, text, False)


def credentials(text: str) -> None:
    for header in ({"Authorization": text}, {"Sec-WebSocket-Protocol": text, "Connection": "Upgrade", "Upgrade": "websocket"}):
        with refusals(UnauthorizedError, jws.JwsError):
            token = bearer_token(header)
            jws.parse(token if token is not None else text)


def json_path(text: str) -> None:
    with refusals(JsonPathError):
        template = Template(text)
        template.find(DOCUMENT)
        template.render(DOCUMENT)


def field_path(text: str) -> None:
    for brackets in (False, True):
        with refusals(FieldPathError):
            resolve(text, SCHEMA, brackets=brackets)


TARGETS: dict[str, Target] = {
    "label_selector": text_target(
        label_selector, "app=web,tier in (front,back),!canary,n>3", "a notin (b,),c!=d,e==f", "x.y/z", "a in (),b lt 5",
        pieces="= == != > < ! , ( ) in notin gt app n 5 web a/b",
    ),
    "field_selector": text_target(
        field_selector, "metadata.name=web,spec.nodeName!=a", "a=b\\,c\\=d,e==f\\\\", "status.phase=,", pieces="= == != , \\ metadata.name a",
    ),
    "quantity": text_target(
        amount, "100m", "1.5Gi", "1e3", "-0.0000000001", "12E", "9223372036854775807Ki", "+.5k", "1E-9",
        pieces="n u m k M G T P E Ki Mi Gi Ti Pi Ei e- E+ . - + 0 9 1",
    ),
    "continue_token": text_target(
        continue_token, Token(5, "default/a").encode(), Token(-1, "b").encode(), "e30", "W10",
        "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6IjEiLCJzdGFydCI6bnVsbH0", pieces="eyJ2Ijoi e30 = - _",
    ),
    "query": text_target(
        query, "watch=1&resourceVersion=5&resourceVersionMatch=Exact&limit=3", "labelSelector=a%3Db&continue=x&timeoutSeconds=9",
        "sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan", "dryRun=All&pretty=%ff&limit=%C2%B2",
        pieces="& = % %00 %ff + ; watch limit resourceVersion resourceVersionMatch continue sendInitialEvents timeoutSeconds dryRun All true",
    ),
    "accept": text_target(
        accept, "application/json;as=Table;v=v1;g=meta.k8s.io,application/yaml;q=0.5,*/*;q=0", "application/vnd.kubernetes.protobuf,gzip",
        "application/json;stream=watch;q=1e400;pretty=1", pieces="application/json application/yaml */* ; , q= as= g= v= Table stream=watch sv=",
    ),
    "path": text_target(
        path, "/api/v1/namespaces/default/pods/a/proxy/x//y", "/apis/apps/v1/watch/namespaces/a/deployments/b/status", "/api/v1/nodes/%ff",
        pieces="/ // %2f %ff api apis v1 apps watch proxy namespaces pods . ..",
    ),
    "credentials": text_target(
        credentials, "Bearer eyJhbGciOiJFUzI1NiIsImtpZCI6ImEifQ.e30.AAAA", "base64url.bearer.authorization.k8s.io.YWJj", "Bearer a.b",
        "Basic YTpi", pieces="Bearer . eyJhbGciOiJFUzI1NiJ9 base64url.bearer.authorization.k8s.io. = e30 ,",
    ),
    "json_path": text_target(
        json_path, "{.metadata.name}", "{range .items[*]}{.name}{'\\n'}{end}", "{.items[?(@.n>1)].tags[0:2:1]}", "{..name}",
        "{.numbers[-1]}{.items[0,1]['name','n']}", "{.metadata.labels['a\\.b/c']}{\"x\"}", "{.items[?(@.name=='a')]..tags}",
        pieces="{ } [ ] ( ) . .. * @ ? range end == != <= 'a' \" \\ , : - 0 items name tags n $",
    ),
    "field_path": text_target(field_path, ".a['b.c']", "a.d", ".m.x", ".m['y']", "['a'].d", pieces=". [' '] a b.c d m \\ ' \""),
}
