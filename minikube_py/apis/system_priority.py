"""The priority classes of the system itself: pods of theirs go before all of users'.

Source: pkg/apis/scheduling/types.go, pkg/apis/scheduling/v1/helpers.go
"""

from __future__ import annotations

USER_PRIORITY_MAX = 1_000_000_000
# From here on a pod is critical.
SYSTEM_CRITICAL = 2_000_000_000
SYSTEM_CLASSES = {"system-node-critical": SYSTEM_CRITICAL + 1000, "system-cluster-critical": SYSTEM_CRITICAL}
