"""Matching labels against the selectors in objects: `apis.labels` for typed selectors, and plain maps of labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from minikube_py.apis.labels import from_label_selector
from minikube_py.apis.meta_v1 import LabelSelector


def matches_labels(wanted: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether `labels` has every pair of `wanted`."""
    return all(labels.get(key) == value for key, value in wanted.items())


def matches(selector: LabelSelector | None, labels: Mapping[str, str]) -> bool:
    """Whether a selector matches; no selector matches nothing, an empty one everything."""
    return from_label_selector(selector).matches(labels)


def matcher(selector: LabelSelector | None) -> Callable[[Mapping[str, str]], bool]:
    """`matches` for one selector and many objects."""
    return from_label_selector(selector).matches


def is_everything(selector: LabelSelector | None) -> bool:
    """Whether a selector is empty and so matches every object."""
    return selector is not None and not selector.match_labels and not selector.match_expressions
