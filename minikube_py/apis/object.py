"""The base of all typed objects and the scalar types of the Kubernetes API.

Owns how a struct meets the wire: camelCase names, unset fields left out, unknown fields refused. Field conventions: a string is ""
when unset (as in Go, and then left out), except where upstream has a pointer and the type says `str | None`; integers and
booleans are None when unset, so that an explicit 0 or false stays; lists and maps are empty when unset.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Raw, Struct

Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Quantity = str | int | float
IntOrString = int | str
# RFC 3339. "" is unset. Source: staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/time.go and micro_time.go
Time = Annotated[str, Meta(pattern=r"^(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d))?$")]
MicroTime = Time
# A set of fields stays as it is written: nobody but the API server's managed_fields reads it. NO_FIELDS is unset (by identity).
FieldsV1 = Raw
NO_FIELDS = Raw(b"")


class Object(Struct, rename="camel", omit_defaults=True, forbid_unknown_fields=True, gc=False, kw_only=True):
    """Base of every generated struct."""
