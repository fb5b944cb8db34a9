"""What marks the IPAddress of a cluster IP, for who makes it and for who gives out addresses.

Source: pkg/registry/core/service/ipallocator (ipallocator.go), k8s.io/api/networking/v1/well_known_labels.go
"""

from __future__ import annotations

FAMILY, MANAGED_BY = "ipaddress.kubernetes.io/ip-family", "ipaddress.kubernetes.io/managed-by"
ALLOCATOR = "ipallocator.k8s.io"
