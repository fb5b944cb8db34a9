"""What a request is allowed to know while it goes through the Registry."""

from __future__ import annotations

from dataclasses import dataclass

from .authentication.user import AUTHENTICATED, MASTERS, UserInfo

SYSTEM = UserInfo("system:apiserver", groups=(MASTERS, AUTHENTICATED))


@dataclass(frozen=True, slots=True)
class Context:
    """One call of the Registry: who, and how it is meant.

    Attributes:
        dry_run: check everything, store nothing.
        field_manager: who is named in managedFields.
        warnings: what the client is told beside its answer.
        annotations: what the audit log is told beside the request.
        patient: whether validation takes the time that it needs: it is not on the event loop.
        verb: of the request, as authorizers see it; that of the server's own calls is what they do.
    """

    user: UserInfo = SYSTEM
    dry_run: bool = False
    field_manager: str = ""
    warnings: list[str] | None = None
    annotations: dict[str, str] | None = None
    verb: str = "update"
    patient: bool = False

    def warn(self, text: str) -> None:
        """Tell the client something; there is none for the server's own calls."""
        if self.warnings is not None:
            self.warnings.append(text)

    def annotate(self, key: str, value: str) -> None:
        """Tell the audit log something; what was said first stays. There is no log of the server's own calls.

        Source: k8s.io/apiserver/pkg/audit/context.go (AddAuditAnnotation)
        """
        if self.annotations is not None:
            self.annotations.setdefault(key, value)


def manager_of(user: str) -> str:
    """Who writes, of a component in this process: the name of upstream's program."""
    if user.startswith("system:node:"):
        return "kubelet"
    return "kube-apiserver" if user == SYSTEM.name else user.removeprefix("system:")


INTERNAL = Context(field_manager=manager_of(SYSTEM.name))
