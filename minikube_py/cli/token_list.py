"""Bootstrap tokens as `token list` shows them.

Source: cmd/kubeadm/app/cmd/token.go, cmd/kubeadm/app/apis/bootstraptoken/v1 (BootstrapTokenFromSecret), k3s pkg/cli/token/token.go
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from minikube_py.apis import core_v1
from minikube_py.core.clock import parse_rfc3339

COLUMNS = ("TOKEN", "TTL", "EXPIRES", "USAGES", "DESCRIPTION", "EXTRA GROUPS")
USAGE_PREFIX = "usage-bootstrap-"
# Cells are at least so wide, and so far apart. Source: the tabwriter in kubeadm's list.
CELL_WIDTH_MIN, CELL_DISTANCE = 10, 3


@dataclass(frozen=True)
class BootstrapToken:
    """What the Secret of a token says.

    Attributes:
        expires: as written; "" for never.
    """

    token: str
    description: str
    expires: str
    usages: tuple[str, ...]
    groups: tuple[str, ...]

    @classmethod
    def of(cls, secret: core_v1.Secret) -> BootstrapToken:
        data = {key: value.decode(errors="replace") for key, value in secret.data.items()}
        usages = sorted(key.removeprefix(USAGE_PREFIX) for key, value in data.items() if key.startswith(USAGE_PREFIX) and value == "true")
        groups = tuple(group for group in data.get("auth-extra-groups", "").split(",") if group)
        whole = f"{data.get('token-id', '')}.{data.get('token-secret', '')}"
        return cls(whole, data.get("description", ""), data.get("expiration", ""), tuple(usages), groups)

    def document(self) -> dict[str, Any]:
        """What machines read; what is not set is left out."""
        optional = {"description": self.description, "expires": self.expires, "usages": [*self.usages], "groups": [*self.groups]}
        return {"token": self.token} | {key: value for key, value in optional.items() if value}

    def row(self, now: datetime) -> tuple[str, ...]:
        life = "<forever>"
        if self.expires:
            try:
                life = short_duration((parse_rfc3339(self.expires) - now).total_seconds())
            except ValueError:
                life = "<invalid>"
        texts = (",".join(self.usages), self.description, ",".join(self.groups))
        return self.token, life, self.expires or "<never>", *(text or "<none>" for text in texts)


def text_table(tokens: Iterable[BootstrapToken], now: datetime) -> str:
    rows = [COLUMNS, *(token.row(now) for token in tokens)]
    widths = [max(CELL_WIDTH_MIN, *(len(row[column]) + CELL_DISTANCE for row in rows)) for column in range(len(COLUMNS) - 1)]
    return "\n".join("".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) + row[-1] for row in rows)


def short_duration(seconds: float) -> str:
    """A duration in its largest unit.

    Source: k8s.io/apimachinery/pkg/util/duration (ShortHumanDuration)
    """
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    for limit, size, unit in ((60, 1, "s"), (3600, 60, "m"), (86_400, 3600, "h"), (31_536_000, 86_400, "d")):
        if whole < limit:
            return f"{max(whole, 0) // size}{unit}"
    return f"{whole // 31_536_000}y"
