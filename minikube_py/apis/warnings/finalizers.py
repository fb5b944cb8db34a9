"""Warnings about finalizers of custom resources: names that somebody else may use too. Those of built-in kinds are refused instead.

Source: k8s.io/apiextensions-apiserver/pkg/registry/customresource/strategy.go (generateWarningsFromObj), validator.go
(validateKubeFinalizerName)
"""

from __future__ import annotations

from collections.abc import Iterable

from ..syntax import label_key, quote

_STANDARD = frozenset(("orphan", "foregroundDeletion", "kubernetes"))
_PREFER = "prefer a domain-qualified finalizer name {}to avoid accidental conflicts with other finalizer writers"


def of_added(new: Iterable[str], old: Iterable[str] = ()) -> list[str]:
    """What is said of the finalizers that an object has now and had not before."""
    return [f"metadata.finalizers: {quote(name)}: {text}" for name in sorted({*new} - {*old}) for text in _of(name)]


def _of(name: str) -> list[str]:
    texts = list(label_key(name))
    if "/" not in name and name not in _STANDARD:
        texts.append(_PREFER.format("including a path (/) " if "." in name else ""))
    return texts
