"""Structural schemas of custom resources: pruning, defaulting and validation of plain documents. Pure.

Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema, pkg/apiserver/validation
"""

from __future__ import annotations

from .embedded import CoercionError
from .schema import Schema, compile_schema

__all__ = ["CoercionError", "Schema", "compile_schema"]
