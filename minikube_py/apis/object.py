"""The base of all typed objects and the scalar types of the Kubernetes API.

Owns how a struct meets the wire: camelCase names, unset fields left out, unknown fields refused. Field conventions are Go's: strings,
numbers and booleans are "", 0 and False when unset, and then left out, also where somebody wrote them; where upstream has a pointer the
type says `| None`, and an explicit zero stays. A field with a factory is always written, as Go does without `omitempty` and for structs by
value. Lists and maps are empty when unset; those whose type says `| None` are null, on the wire too.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Raw, Struct

Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
# A whole float64 is written without a fraction.
Float64 = int | float
Quantity = str | int | float
IntOrString = int | str
# RFC 3339 as Go writes it: in UTC, to the second or microsecond, days that are in the calendar. "" is unset.
# Source: staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/time.go and micro_time.go
_DAYS = (
    r"(?!000[01])[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|"
    r"02-(?:0[1-9]|1[0-9]|2[0-8]))|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29"
)
_MOMENT = rf"(?:{_DAYS})T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
Time = Annotated[str, Meta(pattern=rf"\A{_MOMENT}Z\Z")]
MicroTime = Annotated[str, Meta(pattern=rf"\A{_MOMENT}\.[0-9]{{6}}Z\Z")]
# Times that Go holds by value: unset they are null, on the wire too.
TimeOrNull = Annotated[str, Meta(pattern=rf"\A{_MOMENT}Z\Z")] | None
MicroTimeOrNull = Annotated[str, Meta(pattern=rf"\A{_MOMENT}\.[0-9]{{6}}Z\Z")] | None
# A set of fields stays as it is written: nobody but the API server's managed_fields reads it. NO_FIELDS is unset (by identity).
FieldsV1 = Raw
NO_FIELDS = Raw(b"")


class Object(Struct, rename="camel", omit_defaults=True, forbid_unknown_fields=True, gc=False, kw_only=True):
    """Base of every generated struct."""
