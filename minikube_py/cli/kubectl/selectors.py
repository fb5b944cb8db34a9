"""Which pods belong to an object: those that its selector selects, newest and readiest first.

Source: kubectl pkg/polymorphichelpers/helpers.go (GetFirstPod), pkg/util/podutils (ActivePods)
"""

from __future__ import annotations

from .api import Document
from .errors import KubectlError
from .session import Session
from .targets import Target, document_of, target


def selector_text(selector: Document | None) -> str:
    """A LabelSelector (or plain map of labels) as the text of a query."""
    if not selector:
        return ""
    if "matchLabels" not in selector and "matchExpressions" not in selector:
        return ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for one in selector.get("matchExpressions") or ():
        key, operator, values = one["key"], one["operator"], ",".join(sorted(one.get("values") or ()))
        parts.append({"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key}.get(operator, f"!{key}"))
    return ",".join(parts)


async def pods_of(session: Session, one: Target) -> list[Document]:
    """The pods of a workload or service; of a pod itself, that pod.

    Raises: KubectlError if the kind has no pods.
    """
    document = one.document or await document_of(session, one)
    if one.resource.kind == "Pod":
        return [document]
    selector = selector_text((document.get("spec") or {}).get("selector"))
    if not selector:
        raise KubectlError(f"cannot get the pods of {one.resource.kind}: it has no selector")
    pods = await session.api.resource("pods")
    listed = await session.api.list_all(pods, one.namespace, labels=selector)
    return sorted(listed.get("items") or (), key=_activity)


async def pod_for(session: Session, argument: str) -> Document:
    """The pod that "web", "pod/web" or "deploy/web" means for logs, exec and the like.

    Raises: KubectlError if there is none.
    """
    kind, slash, name = argument.partition("/")
    if not slash:
        kind, name = "pods", argument
    one = target(session, await session.api.resource(kind), name)
    pods = await pods_of(session, one)
    if not pods:
        raise KubectlError(f"no pods found for {one.label}")
    return pods[0]


def default_container(session: Session, pod: Document, wanted: str, *, quiet: bool = False) -> str:
    """The container that is meant; says which one was taken where there are several.

    Raises: KubectlError for a name that is not there.
    """
    spec = pod["spec"]
    names = [c["name"] for c in spec["containers"]]
    init = [c["name"] for c in spec.get("initContainers") or ()]
    ephemeral = [c["name"] for c in spec.get("ephemeralContainers") or ()]
    if wanted:
        if wanted not in (*names, *init, *ephemeral):
            raise KubectlError(f"container {wanted} is not valid for pod {pod['metadata']['name']}")
        return wanted
    annotated: str = (pod["metadata"].get("annotations") or {}).get("kubectl.kubernetes.io/default-container", "")
    if annotated in names:
        return annotated
    if len(names) + len(init) + len(ephemeral) > 1 and not quiet:
        listed = [*names, *(f"{name} (ephem)" for name in ephemeral), *(f"{name} (init)" for name in init)]
        session.complain(f'Defaulted container "{names[0]}" out of: {", ".join(listed)}')
    return str(names[0])


def _activity(pod: Document) -> tuple[bool, bool, bool, str]:
    """Sorts placed, running and ready pods first."""
    status = pod.get("status") or {}
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ())
    return not pod["spec"].get("nodeName"), status.get("phase") != "Running", not ready, pod["metadata"].get("creationTimestamp", "")
