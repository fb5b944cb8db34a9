"""Short texts are remembered, long ones are not."""

from __future__ import annotations

from minikube_py.core.short_texts import LENGTH_MAX, remembered


def test_long_texts_fill_no_memory() -> None:
    asked = []

    @remembered(2)
    def length(text: str, *, twice: bool = False) -> int:
        asked.append(text)
        return len(text) * (1 + twice)

    short, long = "a" * LENGTH_MAX, "a" * (LENGTH_MAX + 1)
    for _ in range(3):
        assert (length(short), length(long), length("b", twice=True)) == (LENGTH_MAX, LENGTH_MAX + 1, 2)
    assert asked.count(short) == 1 and asked.count("b") == 1 and asked.count(long) == 3
