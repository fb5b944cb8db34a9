"""What is said of wrong objects, kind by kind: the tables in `rules/`.

A table has right objects, and changes that make them wrong with everything that is said then. A change is a JSON pointer and a value; null
takes a field away. `from` changes both the old and the new object of an update, `set` the new one only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from minikube_py.apis import scheme
from minikube_py.apis.validation import validate_create, validate_update
from tests.apis.tables import build, changed

TABLES = sorted((Path(__file__).parent / "rules").glob("*.yaml"))
ROWS = [row for table in TABLES for row in yaml.safe_load(table.read_text())]
SENTENCES = {
    "$SUBDOMAIN": "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end "
                  "with an alphanumeric character (e.g. 'example.com', regex used for validation is "
                  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    "$LABEL": "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an "
              "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
    "$1035": "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with "
             "an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
    "$VALUE": "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with "
              "an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
              "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    "$NAME": "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. "
             "'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    "$WILDCARD": "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case "
                 "alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for "
                 "validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    "$IDENTIFIER": "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or "
                   "'_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')",
}


def expected(says: list[str]) -> list[str]:
    for name, sentence in SENTENCES.items():
        says = [text.replace(name, sentence) for text in says]
    return says


def named(rows: list[tuple[Any, Any]]) -> list[Any]:
    return [pytest.param(base, case, id=f"{base['kind']}-{number}") for number, (base, case) in enumerate(rows)]


@pytest.mark.parametrize("base", [row["right"] for row in ROWS], ids=lambda base: str(base["kind"]))
def test_right_objects_pass_and_may_be_updated_to_themselves(base: dict[str, Any]) -> None:
    obj = build(base)
    assert validate_create(obj) == []
    assert validate_update(scheme.deep_copy(obj), obj) == []


@pytest.mark.parametrize(("base", "case"), named([(row["right"], case) for row in ROWS for case in row.get("wrong", ())]))
def test_everything_that_is_wrong_is_said(base: dict[str, Any], case: dict[str, Any]) -> None:
    found = validate_create(build(changed(base, case["set"])))
    assert [f"{cause.field}: {cause.message}" for cause in found] == expected(case["says"])


@pytest.mark.parametrize(("base", "case"), named([(row["right"], case) for row in ROWS for case in row.get("updates", ())]))
def test_updates_that_are_not_allowed_are_refused(base: dict[str, Any], case: dict[str, Any]) -> None:
    before = changed(base, case.get("from", {}))
    found = validate_update(build(changed(before, case["set"])), build(before), case.get("part", ""))
    assert [f"{cause.field}: {cause.message}" for cause in found] == expected(case["says"])
