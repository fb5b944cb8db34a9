"""The small parts of kubectl's output and input: columns, ages, YAML, durations, arguments."""

from __future__ import annotations

import click
import pytest

from minikube_py.cli.kubectl.command_line import rewritten
from minikube_py.cli.kubectl.describe.generic import spelled_out
from minikube_py.cli.kubectl.describe.writer import elastic
from minikube_py.cli.kubectl.durations import parse_duration
from minikube_py.cli.kubectl.errors import KubectlError
from minikube_py.cli.kubectl.manifests import read, to_yaml
from minikube_py.cli.kubectl.tabular import columns, human_duration


def test_columns_are_aligned_and_the_last_is_not_padded() -> None:
    assert columns([["NAME", "AGE"], ["a-long-name", "5s"], ["b", "10m"]]) == ["NAME          AGE", "a-long-name   5s", "b             10m"]


def test_cells_are_aligned_block_by_block() -> None:
    assert elastic(["Name:\tx", "Labels:\ta=b", "\tc=d", "Containers:", "  c:", "    Image:\ti", "    Port:\t80"]) == [
        "Name:    x", "Labels:  a=b", "         c=d", "Containers:", "  c:", "    Image:  i", "    Port:   80"]


@pytest.mark.parametrize(("seconds", "text"), [
    (0, "0s"), (119, "119s"), (120, "2m"), (125, "2m5s"), (599, "9m59s"), (600, "10m"), (10799, "179m"), (10800, "3h"), (12000, "3h20m"),
    (28800, "8h"), (172799, "47h"), (172800, "2d"), (200000, "2d7h"), (700000, "8d"), (86400 * 729, "729d"), (86400 * 730, "2y"),
    (86400 * 800, "2y70d"), (86400 * 3000, "8y"), (-1, "0s"), (-10, "<invalid>"),
])
def test_ages_are_short(seconds: int, text: str) -> None:
    assert human_duration(seconds) == text


@pytest.mark.parametrize(("document", "text"), [
    ({"b": 1, "a": "x"}, "a: x\nb: 1\n"),
    ({"a": ["x", {"k": "v"}]}, "a:\n- x\n- k: v\n"),
    ({"a": "true", "b": "1", "c": "", "d": "null", "e": "1e3", "f": "on"}, 'a: "true"\nb: "1"\nc: ""\nd: "null"\ne: "1e3"\nf: "on"\n'),
    ({"a": "2026-01-01T00:00:00Z"}, 'a: "2026-01-01T00:00:00Z"\n'),
    ({"a": "10.43.0.1", "b": "1.2.3", "c": "10Mi"}, "a: 10.43.0.1\nb: 1.2.3\nc: 10Mi\n"),
    ({"a": "x: y", "b": "*"}, "a: 'x: y'\nb: '*'\n"),
    ({"a": "one\ntwo\n"}, "a: |\n  one\n  two\n"),
    ({"a": {}, "b": [], "c": None}, "a: {}\nb: []\nc: null\n"),
    ({"a": "äöü"}, "a: äöü\n"),
])
def test_yaml_is_written_as_go_writes_it(document: object, text: str) -> None:
    assert to_yaml(document) == text


def test_lists_and_directories_are_taken_apart(tmp_path: object) -> None:
    from pathlib import Path

    directory = Path(str(tmp_path))
    (directory / "a.yaml").write_text(
        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: p}}\n---\n{apiVersion: v1, kind: Service}\n")
    (directory / "b.json").write_text('{"apiVersion":"v1","kind":"ConfigMap"}')
    (directory / "c.txt").write_text("not read")
    assert [document["kind"] for _, document in read((str(directory),))] == ["Pod", "Service", "ConfigMap"]


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("1h30m", 5400), ("5", 5), ("500ms", 0.5), ("0s", 0), ("-1s", -1), ("", 0)])
def test_durations_are_read_as_go_reads_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


def test_wrong_duration_is_refused() -> None:
    with pytest.raises(KubectlError, match='invalid duration "5x"'):
        parse_duration("5x")


@pytest.mark.parametrize(("arguments", "read_as"), [
    (["-o=yaml"], ["-o", "yaml"]),
    (["-w=true"], ["-w"]),
    (["--wait=false"], ["--no-wait"]),
    (["--watch=false"], []),
    (["--dry-run"], ["--dry-run=client"]),
    (["p", "--", "-o=yaml"], ["p", "--", "-o=yaml"]),
    (["--for=condition=Ready"], ["--for=condition=Ready"]),
])
def test_flags_are_read_as_kubectl_reads_them(arguments: list[str], read_as: list[str]) -> None:
    watch, wait = click.Option(["-w", "--watch"], is_flag=True), click.Option(["--wait/--no-wait"])
    assert rewritten(arguments, {"-w": watch, "--watch": watch, "--wait": wait}) == read_as


@pytest.mark.parametrize(("field", "label"), [
    ("creationTimestamp", "Creation Timestamp"), ("podCIDR", "Pod CIDR"), ("uid", "Uid"),
])
def test_fields_are_spelled_out(field: str, label: str) -> None:
    assert spelled_out(field) == label
