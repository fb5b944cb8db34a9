"""Fuzz one target, guided by the coverage of the code: python -m tests.fuzz.run TARGET [options of libFuzzer, folders of inputs].

Ends with a failure, and writes the input to ./crash-…, when a promise is broken, or an input takes too long or too much memory.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

LIMITS = ("-timeout=20", "-rss_limit_mb=1500", "-max_len=65536")


def _escaped(piece: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in piece)


def main(name: str, *options: str) -> None:
    with atheris.instrument_imports(include=["minikube_py"], enable_loader_override=False):
        from tests.fuzz.targets import TARGETS
    target = TARGETS[name]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as directory:
        home = Path(directory)
        seeds = home / "seeds"
        seeds.mkdir()
        for number, seed in enumerate(target.seeds):
            (seeds / str(number)).write_bytes(seed)
        words = home / "words"
        words.write_text("".join(f'"{_escaped(piece)}"\n' for piece in target.pieces))
        # libFuzzer takes no empty one.
        dictionary = [f"-dict={words}"] if target.pieces else []
        folders = [option for option in options if not option.startswith("-")]
        flags = [option for option in options if option.startswith("-")]

        def check(data: bytes) -> None:
            target.check(data)

        atheris.Setup([name, *LIMITS, *flags, *dictionary, *(folders or [str(home / "found")]), str(seeds)], check)
        (home / "found").mkdir()
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
