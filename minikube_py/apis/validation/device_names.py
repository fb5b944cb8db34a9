"""Rules that the kinds of dynamic resource allocation share: names, lists of limited length, opaque parameters, tolerations.

Source: pkg/apis/resource/validation/validation.go
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import msgspec

from .. import syntax
from ..resource_v1 import DeviceTaint, DeviceToleration, OpaqueDeviceConfiguration
from .causes import Causes, duplicate, invalid, not_supported, required, too_long, too_many
from .common import matches
from .names import driver_name

_Item = TypeVar("_Item")
_EFFECTS = ("NoExecute", "NoSchedule", "None")
_ID_BYTES_MAX = 32
_PARAMETERS_BYTES_MAX = 10 * 1024
_CONDITIONS_MAX = 4
_KEY_BYTES_MAX = 63 + 1 + _ID_BYTES_MAX

Check = Callable[[Causes, str, _Item], None]


def limited(causes: Causes, path: str, items: Sequence[_Item], items_max: int, check: Check[_Item]) -> bool:
    """Each item is right. Of too many only their number is told; the answer is whether there were not too many."""
    if len(items) > items_max:
        causes.append(too_many(path, len(items), items_max))
        return False
    for index, item in enumerate(items):
        check(causes, f"{path}[{index}]", item)
    return True


def unique(
    causes: Causes, path: str, items: Sequence[_Item], items_max: int, check: Check[_Item], key: Callable[[_Item], Hashable]
) -> None:
    """As `limited`, and no two items have the same key."""
    if not limited(causes, path, items, items_max, check):
        return
    seen: set[Hashable] = set()
    for index, item in enumerate(items):
        name = key(item)
        if name in seen:
            causes.append(duplicate(f"{path}[{index}]", name))
        seen.add(name)


def keyed(causes: Causes, path: str, items: dict[str, _Item], items_max: int | None, keys: Check[str], values: Check[_Item]) -> None:
    """The keys and values of a map; long keys are shown without their middle."""
    if items_max is not None and len(items) > items_max:
        causes.append(too_many(path, len(items), items_max))
        return
    for key, value in items.items():
        where = f"{path}[{_short(key)}]"
        keys(causes, where, key)
        values(causes, where, value)


def _short(text: str) -> str:
    if len(text) <= _KEY_BYTES_MAX:
        return text
    left = _KEY_BYTES_MAX - 3
    return f"{text[:(left + 1) // 2]}...{text[len(text) - left // 2:]}"


def label(causes: Causes, path: str, text: str) -> None:
    matches(causes, path, text, syntax.dns_label)


def pool_name(causes: Causes, path: str, name: str) -> None:
    """Subdomains joined by slashes."""
    if not name:
        causes.append(required(path))
        return
    if len(name.encode()) > syntax.DNS_SUBDOMAIN_MAX:
        causes.append(too_long(path, syntax.DNS_SUBDOMAIN_MAX))
    for part in name.split("/"):
        matches(causes, path, part, syntax.dns_subdomain)


def uid(causes: Causes, path: str, text: str) -> None:
    try:
        right = str(uuid.UUID(text)) == text
    except ValueError:
        why = f"invalid UUID length: {len(text.encode())}" if len(text) not in (32, 36, 38, 45) else "invalid UUID format"
        causes.append(invalid(path, text, f"error validating uid: {why}"))
    else:
        if not right:
            causes.append(invalid(path, text, "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with "
                                              "lowercase hexadecimal characters"))


def _identifier(causes: Causes, path: str, text: str) -> None:
    if len(text.encode()) > _ID_BYTES_MAX:
        causes.append(too_long(path, _ID_BYTES_MAX))
    matches(causes, path, text, syntax.c_identifier)


def qualified(causes: Causes, path: str, name: str) -> None:
    """An identifier, with or without a driver's name before it. Names of more parts are let through, as they are upstream."""
    parts = name.split("/")
    if len(parts) == 1:
        _identifier(causes, path, name)
    elif len(parts) == 2:
        for part, what, check in ((parts[0], "domain", driver_name), (parts[1], "name", _identifier)):
            if part:
                check(causes, path, part)
            else:
                causes.append(invalid(path, "", f"the {what} must not be empty"))


def fully_qualified(causes: Causes, path: str, name: str) -> None:
    qualified(causes, path, name)
    if "/" not in name:
        causes.append(invalid(path, name, "a fully qualified name must be a domain and a name separated by a slash"))


def raw_object(causes: Causes, path: str, value: Any, *, limit: bool = True) -> None:
    """A JSON object that somebody else understands, of limited size unless it has been there before."""
    if value is None:
        causes.append(required(path))
    elif limit and len(msgspec.json.encode(value)) > _PARAMETERS_BYTES_MAX:
        causes.append(too_long(path, _PARAMETERS_BYTES_MAX))
    elif not isinstance(value, dict):
        causes.append(invalid(path, "<value omitted>", "must be a valid JSON object"))


def opaque(causes: Causes, path: str, config: OpaqueDeviceConfiguration | None, *, limit: bool = True) -> None:
    """The configuration of a device for its driver."""
    if config is None:
        causes.append(required(f"{path}.opaque"))
        return
    driver_name(causes, f"{path}.opaque.driver", config.driver)
    raw_object(causes, f"{path}.opaque.parameters", config.parameters, limit=limit)


def taint(causes: Causes, path: str, item: DeviceTaint) -> None:
    matches(causes, f"{path}.key", item.key, syntax.label_key)
    if item.value:
        matches(causes, f"{path}.value", item.value, syntax.label_value)
    if item.effect not in _EFFECTS:
        where = f"{path}.effect"
        causes.append(not_supported(where, item.effect, _EFFECTS) if item.effect else required(where))


def toleration(causes: Causes, path: str, item: DeviceToleration) -> None:
    if item.key:
        matches(causes, f"{path}.key", item.key, syntax.label_key)
    if item.operator == "Exists":
        if item.value:
            causes.append(invalid(f"{path}.value", item.value, "must be empty for operator `Exists`"))
    elif item.operator == "Equal":
        matches(causes, f"{path}.value", item.value, syntax.label_value)
    elif not item.operator:
        causes.append(required(f"{path}.operator"))
    else:
        causes.append(not_supported(f"{path}.operator", item.operator, ("Equal", "Exists")))
    if item.effect and item.effect not in _EFFECTS:
        causes.append(not_supported(f"{path}.effect", item.effect, _EFFECTS))


def _condition(causes: Causes, path: str, text: str) -> None:
    matches(causes, path, text, syntax.label_key)


def binding_conditions(causes: Causes, path: str, wanted: list[str], failures: list[str]) -> None:
    """What a binding waits for, and what makes it fail: both or none."""
    want, fail = f"{path}.bindingConditions", f"{path}.bindingFailureConditions"
    limited(causes, want, wanted, _CONDITIONS_MAX, _condition)
    limited(causes, fail, failures, _CONDITIONS_MAX, _condition)
    causes += [duplicate(f"{want}[{index}]", text) for index, text in enumerate(wanted) if text in wanted[:index]]
    for index, text in enumerate(failures):
        if text in failures[:index]:
            causes.append(duplicate(f"{fail}[{index}]", text))
        if text in wanted:
            causes.append(invalid(f"{fail}[{index}]", text, "bindingFailureConditions must not overlap with bindingConditions"))
    if failures and not wanted:
        causes.append(invalid(want, wanted, "bindingConditions are required to use bindingFailureConditions"))
    if wanted and not failures:
        causes.append(invalid(fail, failures, "bindingFailureConditions are required to use bindingConditions"))
