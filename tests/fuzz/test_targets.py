"""No input breaks a promise: known ones, long ones, and for a while those that a fuzzer finds.

More by hand: python -m tests.fuzz.run TARGET -max_total_time=600
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from .target import BYTES_MAX
from .targets import TARGETS

pytestmark = pytest.mark.fuzz
# Inputs that the fuzzer tries of each target; it begins from the same number every time.
RUNS, SEED = 300, 7
# Seconds that the longest input may take: far more than any does, far less than a quadratic one would.
LONG_INPUT_S = 20.0
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", TARGETS)
def test_known_inputs_keep_the_promise(name: str) -> None:
    target = TARGETS[name]
    assert callable(target.check)
    for seed in (*target.seeds, *target.pieces, b"", b"\x00", b"\xff\xfe"):
        target.check(seed)


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if target.text])
def test_long_inputs_keep_the_promise_in_time(name: str) -> None:
    target = TARGETS[name]
    started = time.monotonic()
    for piece in dict.fromkeys((*target.pieces[:6], *(seed[:40] for seed in target.seeds[:3]), b"(", b"[", b'{"a":', b"9", b"\\")):
        if piece:
            target.check(piece * (BYTES_MAX // len(piece)))
    assert time.monotonic() - started < LONG_INPUT_S


@pytest.mark.skipif(find_spec("atheris") is None, reason="there is no atheris for this machine")
@pytest.mark.parametrize("name", TARGETS)
def test_inputs_that_coverage_leads_to_keep_the_promise(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz.run", name, f"-runs={RUNS}", f"-seed={SEED}", f"-artifact_prefix={tmp_path}/"]
    # libFuzzer ends without a word to Python: its folders go with the test's.
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    assert "Done" in done.stderr
