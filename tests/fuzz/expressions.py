"""CEL: expressions of any characters, and expressions that mostly have the right types."""

from __future__ import annotations

from copy import deepcopy
from string import Formatter
from typing import Any

from hypothesis import strategies as st

from minikube_py.apis.cel import check_rules, compile_rules
from tests.apis.cel.conftest import DOCUMENT, SCHEMA
from tests.apis.cel.test_expressions import TRUE

from .documents import nearly_right
from .target import Target, drawn_target, text_target

# Parts of expressions by the type that they have; what is in braces is an expression of that type.
TEMPLATES: dict[str, tuple[str, ...]] = {
    "bool": (
        "true", "false", "self.on", "{int} < {int}", "{int} == {int}", "{str} == {str}", "{str} < {str}", "!{bool}", "({bool} && {bool})",
        "({bool} || {bool})", "{int} in {ints}", "{str} in {strs}", "{str} in {map}", "{ints}.all(x, x > {int})", "{ints}.exists(i, x, i < x)",
        "{strs}.exists_one(s, s == {str})", "{str}.startsWith({str})", "{str}.contains({str})", "{str}.matches({str})", "has(self.absent)",
        "{dyn} == {dyn}", "{time} < {time}", "{span} > {span}", "isQuantity({str})", "{quantity}.isGreaterThan({quantity})", "isIP({str})",
        "{strs}.isSorted()", "cel.bind(v, {int}, v > {int})", "{opt}.hasValue()", "url({str}).getHost() == {str}", "isURL({str})",
        "format.dns1123Label().validate({str}).hasValue()", "ip({str}).isLoopback()", "cidr({str}).containsIP({str})", "isSemver({str})",
        "semver({str}).isLessThan(semver({str}))", "sets.contains({ints}, {ints})", "{double} < {int}", "{bytes} == {bytes}", "bool({str})",
        "type({dyn}) == type({dyn})", "{dyn} in [{dyn}]", "({bool} ? {bool} : {bool})", "self == oldSelf", "{ints} == {ints}",
    ),
    "int": (
        "0", "1", "-1", "9223372036854775807", "-9223372036854775808", "self.count", "oldSelf.count", "self.inner.more.depth", "{int} + {int}",
        "{int} - {int}", "{int} * {int}", "{int} / {int}", "{int} % {int}", "-{int}", "size({str})", "{ints}.size()", "{ints}[{int}]",
        "int({str})", "int({double})", "int({time})", "{str}.indexOf({str})", "{ints}.sum()", "{ints}.max()", "{ints}.indexOf({int})",
        "({bool} ? {int} : {int})", "{time}.getFullYear()", "{span}.getHours()", "{quantity}.asInteger()", "{opt}.orValue({int})",
        "{ints}.map(x, x + {int}).sum()", "{str}.lastIndexOf({str}, {int})", "math.greatest({int}, {int})", "int({dyn})", "{quantity}.sign()",
    ),
    "double": ("0.5", "-1e300", "self.ratio", "{double} * {double}", "double({str})", "double({int})", "{double} / {double}", "{double} + {double}"),
    "str": (
        "''", "'a'", "'\\u00fc'", "'1h'", "'10.0.0.1'", "'1.2.3'", "'(a*)*b'", "'2024-01-01T00:00:00Z'", "'%s %d'", "self.name", "self.text",
        "{str} + {str}", "string({int})", "string({double})", "string({span})", "string({time})", "string({bytes})", "{str}.lowerAscii()",
        "{str}.substring({int}, {int})", "{str}.replace({str}, {str}, {int})", "{str}.split({str})[0]", "{strs}.join({str})", "{strs}[{int}]",
        "{str}.charAt({int})", "{str}.trim()", "{str}.find({str})", "{map}[{str}]", "({bool} ? {str} : {str})", "'%s'.format([{dyn}])",
        "'%d %x %.2f'.format([{int}, {int}, {double}])", "self.day", "strings.quote({str})", "{str}.reverse()", "url({str}).getEscapedPath()",
        "self.?name.orValue({str})", "string({dyn})", "string(type({dyn}))",
    ),
    "bytes": ("b''", "b'\\xff'", "bytes({str})", "self.data", "{bytes} + {bytes}"),
    "ints": (
        "[]", "[1]", "self.numbers", "[{int}, {int}]", "{ints} + {ints}", "{ints}.map(x, x * {int})", "{ints}.filter(x, x > {int})",
        "{ints}.map(x, {bool}, x)", "{ints}.transformList(i, x, i + x)", "{ints}.slice({int}, {int})", "[?{opt}]", "{ints}.sort()",
    ),
    "strs": ("['a']", "self.names", "self.set", "[{str}]", "{str}.split({str})", "{str}.findAll({str})", "{strs} + {strs}", "self.set + self.set2",
             "{str}.split({str}, {int})", "{strs}.map(s, s + {str})"),
    "map": ("self.labels", "{{'a': 'b'}}", "{{{str}: {str}}}", "{map}.transformMap(k, v, v + k)", "{{?{str}: optional.of({str})}}"),
    "dyn": ("dyn({int})", "dyn({str})", "dyn({ints})", "dyn({map})", "null", "self.either", "self.percent", "self.items", "self.map", "dyn({double})",
            "self.inner", "self.embedded", "dyn({time})", "dyn({span})", "dyn({bytes})", "oldSelf", "dyn(1u)", "self.map + oldSelf.map"),
    "time": ("timestamp({str})", "timestamp({int})", "self.moment", "{time} + {span}", "timestamp('9999-12-31T23:59:59Z')"),
    "span": ("duration({str})", "self.span", "{time} - {time}", "{span} + {span}", "duration('-1ns')", "duration('9223372036s')"),
    "quantity": ("quantity({str})", "quantity('1Gi')", "{quantity}.add({quantity})", "{quantity}.sub({int})", "quantity('1e30')"),
    "opt": ("optional.none()", "optional.of({int})", "self.?count", "{ints}[?{int}]", "{opt}.or({opt})", "optional.ofNonZeroValue({int})",
            "{opt}.optMap(x, x + {int})", "{ints}.first()"),
}


@st.composite
def expressions(draw: st.DrawFn, kind: str = "bool", depth: int = 5) -> str:
    templates = TEMPLATES[kind]
    if not depth:
        templates = tuple(template for template in templates if "{" not in template.replace("{{", "")) or ("null",)
    template = draw(st.sampled_from(templates))
    made = ""
    for literal, name, _, _ in Formatter().parse(template):
        made += literal
        if name is not None:
            inner = draw(expressions(name, depth - 1))
            made += f"({inner})" if draw(st.booleans()) else inner
    return made


def rule(source: str, document: Any = DOCUMENT) -> None:
    """A rule is refused, or judges any document."""
    schema = {**SCHEMA, "x-kubernetes-validations": [{"rule": source, "messageExpression": f"string({source})"}]}
    causes = check_rules(schema, "schema")
    if any(cause.reason != "FieldValueForbidden" for cause in causes):
        schema["x-kubernetes-validations"] = [{"rule": source}]
        if any(cause.reason != "FieldValueForbidden" for cause in check_rules(schema, "schema")):
            return
    compile_rules(schema).validate(document, DOCUMENT, warnings=[])


@st.composite
def rules(draw: st.DrawFn) -> tuple[str, Any]:
    return draw(expressions()), draw(st.just(DOCUMENT) | nearly_right(deepcopy(DOCUMENT), {}))


TARGETS: dict[str, Target] = {
    "cel_text": text_target(
        rule, *TRUE,
        pieces="self oldSelf . [ ] ( ) { } ? : , && || ! == <= + - * / % in has( all( exists( map( size( 'a' r' b' \\ \" ''' 1u 0x1F 1e9 -9 null true "
        "cel.bind( optional.of( .orValue( timestamp( duration( quantity( .format([ .matches( .split( .join( .replace( dyn( type( // \\u00fc \\U0001f600",
    ),
    "cel_rule": drawn_target(rules(), lambda drawn: rule(*drawn)),
}
