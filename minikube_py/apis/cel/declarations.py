"""The functions that expressions may call: names, overloads and their types, as a table of facts.

One line is one overload, "id: function(arguments) -> result" or "id: target::function(arguments) -> result" for a method. A single
capital letter is a type parameter. This is the environment of Kubernetes 1.36, which offers new expressions what 1.35 understands:
strings 2, lists 3, sets, optional types, two-variable comprehensions, and Kubernetes' own libraries but for the authorizer. (Like
upstream it has neither CEL's math library nor cel.bind.)

Source: staging/src/k8s.io/apiserver/pkg/cel/environment/base.go, pkg/cel/library/*.go; cel-go common/stdlib/standard.go, ext/*.go
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from . import types as t
from .types import Type

_OPERATORS = """
logical_and: _&&_(bool, bool) -> bool
logical_or: _||_(bool, bool) -> bool
logical_not: !_(bool) -> bool
not_strictly_false: @not_strictly_false(bool) -> bool
conditional: _?_:_(bool, A, A) -> A
equals: _==_(A, A) -> bool
not_equals: _!=_(A, A) -> bool
add_bytes: _+_(bytes, bytes) -> bytes
add_double: _+_(double, double) -> double
add_duration_duration: _+_(duration, duration) -> duration
add_duration_timestamp: _+_(duration, timestamp) -> timestamp
add_timestamp_duration: _+_(timestamp, duration) -> timestamp
add_int64: _+_(int, int) -> int
add_list: _+_(list(A), list(A)) -> list(A)
add_string: _+_(string, string) -> string
add_uint64: _+_(uint, uint) -> uint
subtract_double: _-_(double, double) -> double
subtract_duration_duration: _-_(duration, duration) -> duration
subtract_int64: _-_(int, int) -> int
subtract_timestamp_duration: _-_(timestamp, duration) -> timestamp
subtract_timestamp_timestamp: _-_(timestamp, timestamp) -> duration
subtract_uint64: _-_(uint, uint) -> uint
multiply_double: _*_(double, double) -> double
multiply_int64: _*_(int, int) -> int
multiply_uint64: _*_(uint, uint) -> uint
divide_double: _/_(double, double) -> double
divide_int64: _/_(int, int) -> int
divide_uint64: _/_(uint, uint) -> uint
modulo_int64: _%_(int, int) -> int
modulo_uint64: _%_(uint, uint) -> uint
negate_double: -_(double) -> double
negate_int64: -_(int) -> int
in_list: @in(A, list(A)) -> bool
in_map: @in(A, map(A, B)) -> bool
index_list: _[_](list(A), int) -> A
index_map: _[_](map(A, B), A) -> B
optional_list_index_int: _[_](optional_type(list(V)), int) -> optional_type(V)
optional_map_index_value: _[_](optional_type(map(K, V)), K) -> optional_type(V)
list_optindex_optional_int: _[?_](list(V), int) -> optional_type(V)
optional_list_optindex_optional_int: _[?_](optional_type(list(V)), int) -> optional_type(V)
map_optindex_optional_value: _[?_](map(K, V), K) -> optional_type(V)
optional_map_optindex_optional_value: _[?_](optional_type(map(K, V)), K) -> optional_type(V)
"""

_STANDARD = """
size_bytes: size(bytes) -> int
size_list: size(list(A)) -> int
size_map: size(map(A, B)) -> int
size_string: size(string) -> int
bytes_size: bytes::size() -> int
list_size: list(A)::size() -> int
map_size: map(A, B)::size() -> int
string_size: string::size() -> int
type: type(A) -> type(A)
to_dyn: dyn(A) -> dyn
bool_to_bool: bool(bool) -> bool
string_to_bool: bool(string) -> bool
bytes_to_bytes: bytes(bytes) -> bytes
string_to_bytes: bytes(string) -> bytes
double_to_double: double(double) -> double
int64_to_double: double(int) -> double
string_to_double: double(string) -> double
uint64_to_double: double(uint) -> double
duration_to_duration: duration(duration) -> duration
int64_to_duration: duration(int) -> duration
string_to_duration: duration(string) -> duration
int64_to_int64: int(int) -> int
double_to_int64: int(double) -> int
duration_to_int64: int(duration) -> int
string_to_int64: int(string) -> int
timestamp_to_int64: int(timestamp) -> int
uint64_to_int64: int(uint) -> int
string_to_string: string(string) -> string
bool_to_string: string(bool) -> string
bytes_to_string: string(bytes) -> string
double_to_string: string(double) -> string
duration_to_string: string(duration) -> string
int64_to_string: string(int) -> string
timestamp_to_string: string(timestamp) -> string
uint64_to_string: string(uint) -> string
ip_to_string: string(IP) -> string
cidr_to_string: string(CIDR) -> string
timestamp_to_timestamp: timestamp(timestamp) -> timestamp
int64_to_timestamp: timestamp(int) -> timestamp
string_to_timestamp: timestamp(string) -> timestamp
uint64_to_uint64: uint(uint) -> uint
double_to_uint64: uint(double) -> uint
int64_to_uint64: uint(int) -> uint
string_to_uint64: uint(string) -> uint
contains_string: string::contains(string) -> bool
ends_with_string: string::endsWith(string) -> bool
starts_with_string: string::startsWith(string) -> bool
matches: matches(string, string) -> bool
matches_string: string::matches(string) -> bool
duration_to_hours: duration::getHours() -> int
duration_to_minutes: duration::getMinutes() -> int
duration_to_seconds: duration::getSeconds() -> int
duration_to_milliseconds: duration::getMilliseconds() -> int
"""

_OPTIONAL = """
optional_of: optional.of(V) -> optional_type(V)
optional_ofNonZeroValue: optional.ofNonZeroValue(V) -> optional_type(V)
optional_none: optional.none() -> optional_type(V)
optional_value: optional_type(V)::value() -> V
optional_hasValue: optional_type(V)::hasValue() -> bool
optional_or_optional: optional_type(V)::or(optional_type(V)) -> optional_type(V)
optional_orValue_value: optional_type(V)::orValue(V) -> V
optional_unwrap: optional.unwrap(list(optional_type(V))) -> list(V)
optional_unwrapOpt: list(optional_type(V))::unwrapOpt() -> list(V)
list_first: list(V)::first() -> optional_type(V)
list_last: list(V)::last() -> optional_type(V)
"""

_STRINGS = """
string_char_at_int: string::charAt(int) -> string
string_index_of_string: string::indexOf(string) -> int
string_index_of_string_int: string::indexOf(string, int) -> int
string_last_index_of_string: string::lastIndexOf(string) -> int
string_last_index_of_string_int: string::lastIndexOf(string, int) -> int
string_lower_ascii: string::lowerAscii() -> string
string_replace_string_string: string::replace(string, string) -> string
string_replace_string_string_int: string::replace(string, string, int) -> string
string_split_string: string::split(string) -> list(string)
string_split_string_int: string::split(string, int) -> list(string)
string_substring_int: string::substring(int) -> string
string_substring_int_int: string::substring(int, int) -> string
string_trim: string::trim() -> string
string_upper_ascii: string::upperAscii() -> string
string_format: string::format(list(dyn)) -> string
strings_quote: strings.quote(string) -> string
list_join: list(string)::join() -> string
list_join_string: list(string)::join(string) -> string
string_find_string: string::find(string) -> string
string_find_all_string: string::findAll(string) -> list(string)
string_find_all_string_int: string::findAll(string, int) -> list(string)
"""

_LISTS = """
list_a_index_of_int: list(A)::indexOf(A) -> int
list_a_last_index_of_int: list(A)::lastIndexOf(A) -> int
list_slice: list(T)::slice(int, int) -> list(T)
list_flatten: list(list(T))::flatten() -> list(T)
list_flatten_int: list(dyn)::flatten(int) -> list(dyn)
lists_range: lists.range(int) -> list(int)
list_reverse: list(T)::reverse() -> list(T)
list_distinct: list(T)::distinct() -> list(T)
list_sets_contains_list: sets.contains(list(T), list(T)) -> bool
list_sets_equivalent_list: sets.equivalent(list(T), list(T)) -> bool
list_sets_intersects_list: sets.intersects(list(T), list(T)) -> bool
map_@mapInsert_map: cel.@mapInsert(map(K, V), map(K, V)) -> map(K, V)
map_@mapInsert_key_value: cel.@mapInsert(map(K, V), K, V) -> map(K, V)
"""

_KUBERNETES = """
string_to_url: url(string) -> URL
is_url_string: isURL(string) -> bool
url_get_scheme: URL::getScheme() -> string
url_get_host: URL::getHost() -> string
url_get_hostname: URL::getHostname() -> string
url_get_port: URL::getPort() -> string
url_get_escaped_path: URL::getEscapedPath() -> string
url_get_query: URL::getQuery() -> map(string, list(string))
string_to_ip: ip(string) -> IP
is_ip: isIP(string) -> bool
ip_is_canonical: ip.isCanonical(string) -> bool
ip_family: IP::family() -> int
ip_is_unspecified: IP::isUnspecified() -> bool
ip_is_loopback: IP::isLoopback() -> bool
ip_is_link_local_multicast: IP::isLinkLocalMulticast() -> bool
ip_is_link_local_unicast: IP::isLinkLocalUnicast() -> bool
ip_is_global_unicast: IP::isGlobalUnicast() -> bool
string_to_cidr: cidr(string) -> CIDR
is_cidr: isCIDR(string) -> bool
cidr_contains_ip_string: CIDR::containsIP(string) -> bool
cidr_contains_ip_ip: CIDR::containsIP(IP) -> bool
cidr_contains_cidr_string: CIDR::containsCIDR(string) -> bool
cidr_contains_cidr: CIDR::containsCIDR(CIDR) -> bool
cidr_ip: CIDR::ip() -> IP
cidr_prefix_length: CIDR::prefixLength() -> int
cidr_masked: CIDR::masked() -> CIDR
string_to_quantity: quantity(string) -> Quantity
is_quantity_string: isQuantity(string) -> bool
quantity_sign: sign(Quantity) -> int
quantity_is_greater_than: Quantity::isGreaterThan(Quantity) -> bool
quantity_is_less_than: Quantity::isLessThan(Quantity) -> bool
quantity_compare_to: Quantity::compareTo(Quantity) -> int
quantity_get_float: Quantity::asApproximateFloat() -> double
quantity_get_int: Quantity::asInteger() -> int
quantity_is_integer: Quantity::isInteger() -> bool
quantity_add: Quantity::add(Quantity) -> Quantity
quantity_add_int: Quantity::add(int) -> Quantity
quantity_sub: Quantity::sub(Quantity) -> Quantity
quantity_sub_int: Quantity::sub(int) -> Quantity
string_to_semver: semver(string) -> Semver
string_bool_to_semver: semver(string, bool) -> Semver
is_semver_string: isSemver(string) -> bool
is_semver_string_bool: isSemver(string, bool) -> bool
semver_is_greater_than: Semver::isGreaterThan(Semver) -> bool
semver_is_less_than: Semver::isLessThan(Semver) -> bool
semver_compare_to: Semver::compareTo(Semver) -> int
semver_major: Semver::major() -> int
semver_minor: Semver::minor() -> int
semver_patch: Semver::patch() -> int
format-validate: Format::validate(string) -> optional_type(list(string))
format-named: format.named(string) -> optional_type(Format)
"""

# What the authorizer of a request may be asked, where there is one.
AUTHORIZER = """
authorizer_path: Authorizer::path(string) -> PathCheck
authorizer_group: Authorizer::group(string) -> GroupCheck
authorizer_serviceaccount: Authorizer::serviceAccount(string, string) -> Authorizer
groupcheck_resource: GroupCheck::resource(string) -> ResourceCheck
resourcecheck_subresource: ResourceCheck::subresource(string) -> ResourceCheck
resourcecheck_namespace: ResourceCheck::namespace(string) -> ResourceCheck
resourcecheck_name: ResourceCheck::name(string) -> ResourceCheck
authorizer_fieldselector: ResourceCheck::fieldSelector(string) -> ResourceCheck
authorizer_labelselector: ResourceCheck::labelSelector(string) -> ResourceCheck
pathcheck_check: PathCheck::check(string) -> Decision
resourcecheck_check: ResourceCheck::check(string) -> Decision
decision_allowed: Decision::allowed() -> bool
decision_reason: Decision::reason() -> string
decision_errored: Decision::errored() -> bool
decision_error: Decision::error() -> string
"""
# What expressions that make patches may call besides.
JSON_PATCH = """
jsonpatch_escapekey_string: jsonpatch.escapeKey(string) -> string
"""

FORMATS = (
    "dns1123Label", "dns1123Subdomain", "dns1035Label", "qualifiedName", "portName", "dns1123LabelPrefix", "dns1123SubdomainPrefix",
    "dns1035LabelPrefix", "labelValue", "uri", "uuid", "byte", "date", "datetime",
)
_COMPARABLE = ("int", "uint", "double", "bool", "duration", "timestamp", "string", "bytes")
# Names of these types in overload ids, which the cost tables know.
_TYPE_IDS = {"duration": "google.protobuf.Duration", "timestamp": "google.protobuf.Timestamp"}
_RELATIONS = {"less": "_<_", "less_equals": "_<=_", "greater": "_>_", "greater_equals": "_>=_"}
_ACCESSORS = ("FullYear", "Month", "DayOfYear", "DayOfMonth", "Date", "DayOfWeek", "Hours", "Minutes", "Seconds", "Milliseconds")

_TYPES = {
    "bool": t.BOOL, "int": t.INT, "uint": t.UINT, "double": t.DOUBLE, "string": t.STRING, "bytes": t.BYTES, "dyn": t.DYN,
    "duration": t.DURATION, "timestamp": t.TIMESTAMP, "URL": t.URL, "IP": t.IP, "CIDR": t.CIDR, "Quantity": t.QUANTITY,
    "Semver": t.SEMVER, "Format": t.FORMAT,
    "Authorizer": t.AUTHORIZER, "PathCheck": t.PATH_CHECK, "GroupCheck": t.GROUP_CHECK, "ResourceCheck": t.RESOURCE_CHECK,
    "Decision": t.DECISION,
}
# Names that stand for types, as in `type(x) == string`.
TYPE_NAMES: dict[str, Type] = {
    "bool": t.BOOL, "int": t.INT, "uint": t.UINT, "double": t.DOUBLE, "string": t.STRING, "bytes": t.BYTES, "null_type": t.NULL,
    "list": t.list_of(t.DYN), "map": t.map_of(t.DYN, t.DYN), "type": t.TYPE, "optional_type": t.optional_of(t.DYN),
    "google.protobuf.Duration": t.DURATION, "google.protobuf.Timestamp": t.TIMESTAMP, "net.IP": t.IP, "net.CIDR": t.CIDR,
    "kubernetes.URL": t.URL, "kubernetes.Quantity": t.QUANTITY, "kubernetes.Semver": t.SEMVER, "kubernetes.NamedFormat": t.FORMAT,
}


@dataclass(frozen=True, slots=True)
class Overload:
    """`arguments` begin with the target of a method. `parameters` are the names of its type parameters."""

    id: str
    function: str
    member: bool
    arguments: tuple[Type, ...]
    result: Type
    parameters: frozenset[str]


_LINE = re.compile(r"(\S+): (?:(.+)::)?([^\s()]+|_\[\??_\])\((.*)\) -> (.+)")


def _split(text: str) -> list[str]:
    """Comma-separated types; commas within brackets do not count."""
    parts, depth, start = [], 0, 0
    for at, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def _type(text: str, parameters: set[str]) -> Type:
    known = _TYPES.get(text)
    if known is not None:
        return known
    if len(text) == 1:
        parameters.add(text)
        return t.param(text)
    name, _, inner = text.partition("(")
    params = tuple(_type(part, parameters) for part in _split(inner[:-1]))
    return Type("opaque" if name == "optional_type" else name, name, params)


def _overload(line: str) -> Overload:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"not a declaration: {line}")
    id, target, function, arguments, result = match.groups()
    parameters: set[str] = set()
    texts = ([target] if target else []) + _split(arguments)
    kinds = tuple(_type(text, parameters) for text in texts)
    return Overload(id, function, bool(target), kinds, _type(result, parameters), frozenset(parameters))


def _generated() -> list[str]:
    """What is the same for many types."""
    lines = []
    for name, operator in _RELATIONS.items():
        lines += [f"{name}_{_ID.get(kind, kind)}: {operator}({kind}, {kind}) -> bool" for kind in ("bool", "string", "bytes")]
        lines += [f"{name}_{kind}: {operator}({kind}, {kind}) -> bool" for kind in ("timestamp", "duration")]
        numbers = ("int", "uint", "double")
        lines += [f"{name}_{_ID[a]}_{_ID[b]}: {operator}({a}, {b}) -> bool" for a in numbers for b in numbers]
    for accessor in _ACCESSORS:
        lines.append(f"timestamp_to_{accessor}: timestamp::get{accessor}() -> int")
        lines.append(f"timestamp_to_{accessor}_with_tz: timestamp::get{accessor}(string) -> int")
    for kind in _COMPARABLE:
        type_id = _TYPE_IDS.get(kind, kind)
        lines.append(f"list_{kind}_is_sorted_bool: list({kind})::isSorted() -> bool")
        lines.append(f"list_{kind}_max_{kind}: list({kind})::max() -> {kind}")
        lines.append(f"list_{kind}_min_{kind}: list({kind})::min() -> {kind}")
        lines.append(f"list_{type_id}_sort: list({kind})::sort() -> list({kind})")
        lines.append(f"list_{type_id}_sortByAssociatedKeys: list(T)::@sortByAssociatedKeys(list({kind})) -> list(T)")
    lines += [f"list_{kind}_sum_{kind}: list({kind})::sum() -> {kind}" for kind in ("int", "uint", "double", "duration")]
    lines += [f"format.{name}: format.{name}() -> Format" for name in FORMATS]
    return lines


_ID = {"int": "int64", "uint": "uint64", "double": "double"}


@cache
def functions(*more: str) -> dict[str, list[Overload]]:
    """Every function by name, its overloads in the order in which they are tried.

    Args:
        more: tables of what some expressions may call besides (AUTHORIZER, JSON_PATCH).
    """
    found: dict[str, list[Overload]] = {}
    tables = (_OPERATORS, _STANDARD, _OPTIONAL, _STRINGS, _LISTS, _KUBERNETES, *more)
    lines = [line for table in tables for line in table.splitlines() if line] + _generated()
    for line in lines:
        overload = _overload(line)
        found.setdefault(overload.function, []).append(overload)
    return found
