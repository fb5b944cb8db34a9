"""Plain documents as YAML, in upstream's form: names in natural order, text quoted where another type would be read.

Source: sigs.k8s.io/yaml (JSONToYAML), its go-yaml v2 (encode.go, sorter.go)
"""

from __future__ import annotations

import re
from functools import cmp_to_key
from typing import Any

import yaml

from .yaml_document import TAG, go_float, resolve

_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_TEXT = TAG + "str"
# Texts that another reader takes for a time or, in base 60, for a number.
_TIME = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(?:\.[0-9]+)?(?:Z|[-+][0-9]{2}:[0-9]{2})?)?")
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")


class GoDumper(_Dumper):  # type: ignore[misc]
    """Writes every scalar as it is told to: nothing is resolved."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def ignore_aliases(self, data: Any) -> bool:
        return True


def dump_yaml(document: Any) -> bytes:
    text: str = yaml.dump(document, Dumper=GoDumper, default_flow_style=False, allow_unicode=True)
    # The end of a document that is one plain text is marked.
    return (text.removesuffix("...\n") if text.endswith("\n...\n") else text).encode()


def _represent_text(dumper: Any, text: str) -> Any:
    style = "|" if "\n" in text else None
    if style is None and (not isinstance(resolve(text), str) or text == "<<" or _TIME.fullmatch(text) or _BASE_60.fullmatch(text)):
        style = '"'
    return dumper.represent_scalar(_TEXT, text, style=style)


def _represent_map(dumper: Any, document: dict[str, Any]) -> Any:
    return dumper.represent_mapping(TAG + "map", sorted(document.items(), key=_natural), flow_style=False)


def _represent_list(dumper: Any, items: list[Any]) -> Any:
    return dumper.represent_sequence(TAG + "seq", items, flow_style=False)


def _represent_float(dumper: Any, value: float) -> Any:
    return dumper.represent_scalar(_TEXT, go_float(value))


GoDumper.add_representer(str, _represent_text)
GoDumper.add_representer(dict, _represent_map)
GoDumper.add_representer(list, _represent_list)
GoDumper.add_representer(float, _represent_float)
GoDumper.add_representer(int, lambda dumper, value: dumper.represent_scalar(_TEXT, str(value)))
GoDumper.add_representer(bool, lambda dumper, value: dumper.represent_scalar(_TEXT, "true" if value else "false"))
GoDumper.add_representer(type(None), lambda dumper, _: dumper.represent_scalar(_TEXT, "null"))


def _compare(one: tuple[str, Any], other: tuple[str, Any]) -> int:
    """Order of names: letters behind other characters, runs of digits by their number."""
    a, b = one[0], other[0]
    for index, (left, right) in enumerate(zip(a, b, strict=False)):
        if left == right:
            continue
        if left.isalpha() and right.isalpha():
            return -1 if left < right else 1
        if left.isalpha() or right.isalpha():
            return -1 if right.isalpha() else 1
        return _compare_digits(a, b, index)
    return len(a) - len(b)


def _compare_digits(a: str, b: str, index: int) -> int:
    lead = ""
    if a[index] == "0" or b[index] == "0":
        # Behind other digits a zero is one more digit of the number.
        before = re.search(r"[0-9]*\Z", a[:index])
        lead = "1" if before is not None and before[0].strip("0") else ""
    left, right = (_digits(text[index:]) for text in (a, b))
    one, other = int(lead + left or "0"), int(lead + right or "0")
    if one != other:
        return -1 if one < other else 1
    if len(left) != len(right):
        return len(left) - len(right)
    return -1 if a[index] < b[index] else 1


def _digits(text: str) -> str:
    match = re.match(r"[0-9]*", text)
    return match[0] if match is not None else ""


_natural = cmp_to_key(_compare)
