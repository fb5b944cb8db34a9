"""The table that `python -m bench` prints, and what it reads from the tools' output."""

from __future__ import annotations

import statistics

import pytest

from bench.figures import API, CLUSTER, RULES, SCHEDULING, STORE, Figure, table
from bench.wrk import results

LESS = Figure("less", "the less the better", "{:.1f} s", 1.0, "3.5 s")
MORE = Figure("more", "the more the better", "{:,.0f} /s", 1000, "", more_is_better=True)
TOLD = Figure("told", "only told", "{:.0f}", None)


def test_value_is_the_median_of_the_runs() -> None:
    assert LESS.row([9.0, 0.5, 0.4])[1] == "0.5 s"
    assert Figure("m", "", "{:.0f}", None, combine=statistics.fmean).row([0, 0, 300])[1] == "100"


@pytest.mark.parametrize(("figure", "value", "cell"), [
    (LESS, 1.0, "1.0 s"), (LESS, 1.1, "1.1 s  MISSED"), (MORE, 1000, "1,000 /s"), (MORE, 999, "999 /s  MISSED"), (TOLD, 5, "5"),
])
def test_missed_target_is_marked(figure: Figure, value: float, cell: str) -> None:
    assert figure.row([value])[1] == cell


def test_table_has_a_line_for_each_figure_that_was_measured() -> None:
    lines = table([LESS, MORE, TOLD], {"less": [0.5], "told": [1], "more": []}).splitlines()
    assert [line.split("  ")[0] for line in lines[2:]] == ["the less the better", "only told"]
    assert "≤ 1.0 s" in lines[2] and lines[2].endswith("3.5 s")
    assert lines[0].index("target") == lines[2].index("≤")


def test_keys_are_unique() -> None:
    keys = [figure.key for figure in (*API, *CLUSTER, *RULES, *SCHEDULING, *STORE)]
    assert len(set(keys)) == len(keys)


def test_numbers_of_a_result_line_are_found() -> None:
    output = "Running 8s test\nRESULT per_s=1627.0 failed=1 spread=False kind=pod\nbye\n"
    assert results(output) == {"per_s": 1627.0, "failed": 1.0}
    with pytest.raises(RuntimeError, match="nothing here"):
        results("nothing here")
