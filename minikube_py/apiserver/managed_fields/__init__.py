"""metadata.managedFields and server-side apply: who owns which fields of an object.

Pure: values in, values out. `field_manager` is what the Registry talks to; below it are the owners after a write (`updater`), the entries
that name them (`entries`), sets of fields (`field_set`), and what fields there are (`field_types`, `struct_types`, `structural_types`).
"""

from .field_manager import Applied, FieldManager
from .field_types import FieldType
from .reset_fields import reset_fields
from .struct_types import tracked_type

__all__ = ["Applied", "FieldManager", "FieldType", "reset_fields", "tracked_type"]
