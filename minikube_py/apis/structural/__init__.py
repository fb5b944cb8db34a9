"""Structural schemas of custom resources: pruning, defaulting and validation of plain documents. Pure.

Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema, pkg/apiserver/validation
"""

from __future__ import annotations

# The rules of definitions (`validation`) stand on modules of this package, which stand on those of causes and metadata in there:
# `validation` goes first, whichever of the two is asked for.
from .. import validation
from .embedded import CoercionError
from .schema import Schema, compile_schema

__all__ = ["CoercionError", "Schema", "compile_schema", "validation"]
