"""How it is told of tokens that lie in Secrets when they were used, and since when they are not believed: labels, and a ConfigMap.

Source: pkg/serviceaccount/legacy.go, pkg/controlplane/controller/legacytokentracking/controller.go
"""

from __future__ import annotations

from typing import Final

# Labels of a Secret, with a day: of the last use, and since which its token is not believed.
LAST_USED: Final = "kubernetes.io/legacy-token-last-used"
INVALID_SINCE: Final = "kubernetes.io/legacy-token-invalid-since"
# The ConfigMap in kube-system that says since which day uses are noted, and its key for that.
TRACKING: Final = "kube-apiserver-legacy-service-account-token-tracking"
SINCE: Final = "since"
