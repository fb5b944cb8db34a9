"""kubectl certificate approve and deny.

Source: kubectl pkg/cmd/certificates/certificates.go
"""

from __future__ import annotations

from dataclasses import dataclass

from minikube_py.core.clock import SYSTEM_CLOCK, rfc3339
from minikube_py.core.errors import ConflictError

from .api import Document
from .errors import KubectlError
from .session import Session
from .targets import Target, document_of, resolve

CONFLICT_TRIES = 10


@dataclass(frozen=True)
class Decision:
    """What is said of a request, and what must not have been said before."""

    type: str
    opposite: str
    reason: str
    verb: str

    def condition(self) -> Document:
        return {
            "type": self.type, "status": "True", "reason": self.reason, "lastUpdateTime": rfc3339(SYSTEM_CLOCK.now()),
            "message": f"This CSR was {self.verb} by kubectl certificate {'approve' if self.type == 'Approved' else 'deny'}.",
        }


APPROVE = Decision("Approved", "Denied", "KubectlApprove", "approved")
DENY = Decision("Denied", "Approved", "KubectlDeny", "denied")


async def decide(session: Session, decision: Decision, names: tuple[str, ...], filenames: tuple[str, ...], *, force: bool) -> None:
    """Approve or deny requests; one that has the condition already is written again only by force."""
    if not names and not filenames:
        raise KubectlError("one or more CSRs must be specified as <name> or -f <filename>")
    arguments = ("certificatesigningrequests", *names) if names else ()
    for one in await resolve(session, arguments, filenames=filenames):
        if one.resource.group_resource != "certificatesigningrequests.certificates.k8s.io":
            raise KubectlError("can only handle CertificateSigningRequest.certificates.k8s.io objects, got "
                               f"{one.resource.kind}{'.' if one.resource.group else ''}{one.resource.group}")
        await _decide(session, decision, one, force=force)
        session.print(f"{one.label} {decision.verb}")
    session.flush()


async def _decide(session: Session, decision: Decision, one: Target, *, force: bool) -> None:
    for attempt in range(CONFLICT_TRIES):
        document = await document_of(session, one)
        conditions = document.setdefault("status", {}).setdefault("conditions", [])
        types = [condition["type"] for condition in conditions]
        if decision.opposite in types:
            raise KubectlError(f'certificate signing request "{one.name}" is already {decision.opposite}')
        if decision.type in types and not force:
            return
        if decision.type not in types:
            conditions.append(decision.condition())
        try:
            await session.api.request("PUT", one.resource.path("", one.name, "approval"), body=document)
        except ConflictError:
            if attempt == CONFLICT_TRIES - 1:
                raise
            continue
        return
