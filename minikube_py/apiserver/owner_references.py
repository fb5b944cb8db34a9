"""Owners that are named twice: dropped, and clients are told.

Source: k8s.io/apiserver/pkg/endpoints/handlers/create.go (dedupOwnerReferencesAndAddWarning)
"""

from __future__ import annotations

from minikube_py.apis import meta_v1

from .context import Context


def drop_duplicates(meta: meta_v1.ObjectMeta, context: Context, *, after_admission: bool = False) -> None:
    """Keep the first of equal owner references.

    Args:
        after_admission: whether admission has had its say.
    """
    owners = meta.owner_references
    if len(owners) < 2:
        return
    kept: list[meta_v1.OwnerReference] = []
    dropped = []
    for owner in owners:
        if owner in kept:
            dropped.append(owner.uid)
        else:
            kept.append(owner)
    if dropped:
        meta.owner_references = kept
        when = " after mutating admission happens" if after_admission else ""
        context.warn(
            f".metadata.ownerReferences contains duplicate entries{when}; API server dedups owner references in 1.20+, and may reject such "
            f"requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {', '.join(dropped)}"
        )
