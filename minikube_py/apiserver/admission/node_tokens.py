"""Tokens for nodes: for their own pods alone, and for audiences that these name or that the node is allowed to ask for.

Part of upstream's NodeRestriction; apart, because it waits: the authorizers may be other servers.

Source: plugin/pkg/admission/noderestriction/admission.go (admitServiceAccount, podReferencesAudience)
"""

from __future__ import annotations

from minikube_py.apis.core_v1 import Pod, Volume
from minikube_py.apis.pod_references import claim_name
from minikube_py.apis.syntax import quote
from minikube_py.core.errors import NotFoundError, not_found

from ..authorization.attributes import Attributes, Authorizer
from . import Operation, WaitingPlugin, forbidden
from .node_restriction import GetObject, node_behind


class NodeTokenRestriction(WaitingPlugin):
    """Looks at the requests of nodes for tokens."""

    name = "NodeRestriction"
    resources = frozenset({"serviceaccounts"})

    def __init__(self, get_object: GetObject, authorizer: Authorizer) -> None:
        self._get_object = get_object
        self._authorizer = authorizer

    async def mutate_waiting(self, operation: Operation) -> None:
        node = node_behind(operation)
        if node is None or operation.verb != "CREATE" or operation.subresource != "token":
            return
        reference = operation.obj.spec.bound_object_ref
        if reference is None or (reference.api_version, reference.kind) != ("v1", "Pod") or not reference.name:
            raise forbidden(operation, "node requested token not bound to a pod")
        if not reference.uid:
            raise forbidden(operation, "node requested token with a pod binding without a uid")
        pod = self._get_object("Pod", operation.namespace, reference.name)
        if pod is None:
            raise not_found("", "pod", reference.name)
        if reference.uid != pod.metadata.uid:
            raise forbidden(operation, (
                f"the UID in the bound object reference ({reference.uid}) does not match the UID in record. "
                "The object might have been deleted and then recreated"
            ))
        if pod.spec.node_name != node:
            raise forbidden(operation, "node requested token bound to a pod scheduled on a different node")
        await self._check_audience(operation, pod)

    async def _check_audience(self, operation: Operation, pod: Pod) -> None:
        audiences = operation.obj.spec.audiences
        if len(audiences) > 1:
            raise forbidden(operation, "node may only request 0 or 1 audiences")
        audience = audiences[0] if audiences else ""
        try:
            if names_audience(pod, audience, self._get_object):
                return
        except NotFoundError as error:
            raise forbidden(operation, f"error validating audience {quote(audience)}: {error.message}") from error
        user = operation.context.user
        wanted = Attributes(
            user, "request-serviceaccounts-token-audience", "", "v1", audience, "", operation.namespace, operation.name
        )
        decision = await self._authorizer.authorize(wanted)
        if decision.allowed:
            return
        problem = f"{user.name} is not authorized to request tokens for this audience"
        if decision.error:
            problem = f"error authorizing {user.name} to request tokens for this audience: {decision.error}"
        raise forbidden(operation, f"audience {quote(audience)} not found in pod spec volume, {problem}")


def names_audience(pod: Pod, audience: str, get_object: GetObject) -> bool:
    """Whether one of a pod's volumes wants tokens for an audience; "" is the API server.

    Raises: NotFoundError if none of them does, and a claim, volume or driver on the way is not there.
    """
    problem: NotFoundError | None = None
    for volume in pod.spec.volumes:
        sources = (volume.projected.sources if volume.projected is not None else ()) or ()
        tokens = [source.service_account_token for source in sources if source.service_account_token is not None]
        if any(token.audience == audience for token in tokens):
            return True
        try:
            if _driver_asks(pod, volume, audience, get_object):
                return True
        except NotFoundError as error:
            problem = problem or error
    if problem is not None:
        raise problem
    return False


def _driver_asks(pod: Pod, volume: Volume, audience: str, get_object: GetObject) -> bool:
    driver = volume.csi.driver if volume.csi is not None else ""
    claim = claim_name(pod, volume)
    if claim:
        driver = _driver_of_claim(pod.metadata.namespace, claim, get_object)
    if not driver:
        return False
    found = get_object("CSIDriver", "", driver)
    if found is None:
        raise not_found("storage.k8s.io", "csidriver", driver)
    return any(request.audience == audience for request in found.spec.token_requests)


def _driver_of_claim(namespace: str, name: str, get_object: GetObject) -> str:
    claim = get_object("PersistentVolumeClaim", namespace, name)
    if claim is None:
        raise not_found("", "persistentvolumeclaim", name)
    volume = get_object("PersistentVolume", "", claim.spec.volume_name)
    if volume is None:
        raise not_found("", "persistentvolume", claim.spec.volume_name)
    return volume.spec.csi.driver if volume.spec.csi is not None else ""
