"""Where Google's own evaluator knows the functions, expressions have the values that it finds.

Source: cel-expr-python, the evaluator (the product uses its parser only)
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from minikube_py.apis.cel import types as t
from minikube_py.apis.cel.ast import Uint
from minikube_py.apis.cel.errors import CelError, CompileError
from minikube_py.apis.cel.times import Duration, Timestamp
from minikube_py.apis.cel.values import Optional

from .grammar import VALUES, expressions
from .test_properties import evaluated

SHARED = frozenset({
    "_&&_", "_||_", "!_", "_?_:_", "_==_", "_!=_", "_+_", "_-_", "_*_", "_/_", "_%_", "-_", "_<_", "_<=_", "_>_", "_>=_", "@in", "_[_]",
    "size",
    "contains", "endsWith", "startsWith", "bool", "bytes", "int", "uint", "double", "duration", "timestamp", "getFullYear", "getMonth",
    "getDayOfYear", "getDayOfMonth", "getDate", "getDayOfWeek", "getHours", "getMinutes", "getSeconds", "getMilliseconds",
    "charAt", "indexOf", "lastIndexOf", "lowerAscii", "upperAscii", "replace", "split", "substring", "trim", "join", "optional.of",
    "optional.none", "hasValue", "value", "or", "orValue", "_[?_]", "strings.quote", "optional.ofNonZeroValue",
})


# Where Google's C++ library differs from its Go library, which is upstream's: it lacks int(duration), has getMilliseconds for the part of a
# second, and splits '' into [''].
LEFT_OUT = frozenset({"duration_to_int64", "duration_to_milliseconds", "string_split_string", "string_split_string_int"})


@cache
def _google() -> Any:
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_optional, ext_strings

    kinds = cel.Type
    types = {
        "i": kinds.INT, "u": kinds.UINT, "f": kinds.DOUBLE, "s": kinds.STRING, "b": kinds.BOOL, "y": kinds.BYTES,
        "li": kinds.List(kinds.INT), "ls": kinds.List(kinds.STRING), "m": kinds.Map(kinds.STRING, kinds.INT), "d": kinds.DYN,
    }
    return cel.NewEnv(variables=types, extensions=[ext_strings.ExtStrings(), ext_optional.ExtOptional()])


def _plain(value: Any) -> Any:
    if isinstance(value, Duration):
        return ("duration", value.ns // 1000)
    if isinstance(value, Timestamp):
        return ("timestamp", value.ns // 1000)
    if isinstance(value, Optional):
        return ("optional", value.present, _plain(value.value))
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value
    return value


def _theirs(value: Any) -> Any:
    if hasattr(value, "total_seconds"):
        return ("duration", (value.days * 86400 + value.seconds) * 10**6 + value.microseconds)
    if hasattr(value, "timestamp"):
        whole = value.replace(microsecond=0)
        return ("timestamp", round(whole.timestamp()) * 10**6 + value.microsecond)
    return _plain(value)


def agree(expression: str, values: dict[str, Any]) -> None:
    """Both evaluators find the same value, or both an error. What only one of them compiles is left aside."""
    try:
        ours: Any = _plain(evaluated(expression, values))
    except CompileError:
        return
    except CelError as error:
        ours = error
    try:
        compiled = _google().compile(expression)
    except RuntimeError:
        return
    theirs: Any
    try:
        found = compiled.eval(data=values | {"u": int(values["u"])})
        theirs = RuntimeError(found.plain_value()) if found.type().name() == "ERROR" else _theirs(found.plain_value())
    except (RuntimeError, OverflowError) as error:
        theirs = error
    if isinstance(ours, CelError) or isinstance(theirs, Exception):
        assert isinstance(ours, CelError) and isinstance(theirs, Exception), (expression, values, ours, theirs)
        return
    same = ours == theirs and (type(ours) is type(theirs) or isinstance(ours, Uint))
    assert same, (expression, values, ours, theirs)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([t.BOOL, t.INT, t.STRING, t.DOUBLE, t.list_of(t.INT), t.TIMESTAMP, t.DURATION]).flatmap(
    lambda kind: expressions(SHARED, kind, left_out=LEFT_OUT)), VALUES)
def test_values_are_those_of_googles_evaluator(expression, values):
    values = values | {"d": 1}
    agree(expression, values)
