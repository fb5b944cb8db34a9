"""What controllers that decide about signing requests have in common: they look at those that are theirs to decide, and at nothing else."""

from __future__ import annotations

from abc import abstractmethod

from minikube_py.apis.certificates_v1 import CertificateSigningRequest

from ..base import Context, Controller


class RequestController(Controller):
    """Takes up requests that are due. Subclasses say which are, and implement `decide`."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.requests = self.informer(CertificateSigningRequest)
        self.requests.add_handler(self._changed)

    def _changed(self, old: CertificateSigningRequest | None, new: CertificateSigningRequest | None) -> None:
        if new is not None and self.is_due(new):
            self.enqueue(new)

    async def reconcile(self, key: str) -> float | None:
        request = self.requests.get_key(key)
        if request is None or not self.is_due(request):
            return None
        return await self.decide(request)

    @staticmethod
    @abstractmethod
    def is_due(request: CertificateSigningRequest) -> bool:
        """Whether there is something to decide, and it is for this controller to do."""

    @abstractmethod
    async def decide(self, request: CertificateSigningRequest) -> float | None:
        """As `reconcile`, of a request that is due."""
